//! How fast the nearest words are found in a large file of static vectors, and how much memory that takes.
//!
//! ```text
//! cargo bench --bench neighbours -- [--words 3000000] [--dimension 300] [--queries 100] [--k 15] [--dir FOLDER]
//! ```
//!
//! Makes up a file in word2vec's binary format with numbers out of a simple generator, in a folder that is removed at the end,
//! maps it, notes where each word stands, and looks for the neighbours of words spread over the file: first of one, then of
//! all of them at once. The file was just written, so it is read from the page cache as far as that holds it. Memory is told
//! as the largest part of the process that is its own, looked at every ten milliseconds; mapped pages of the file, which the
//! kernel takes back when it needs them, do not count. The last line is the same as JSON.

#![expect(clippy::print_stdout, reason = "a bench is a program that prints")]

#[path = "common/folder.rs"]
mod folder;

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use folder::Folder;
use fs_err as fs;
use retort::text::vectors::Vectors;

struct Options {
    words: usize,
    dimension: usize,
    queries: usize,
    k: usize,
    dir: PathBuf,
}

struct Measure {
    what: String,
    seconds: f64,
    peak_mb: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options { words: 3_000_000, dimension: 300, queries: 100, k: 15, dir: std::env::temp_dir() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
        match argument.as_str() {
            "--words" => options.words = value()?.parse()?,
            "--dimension" => options.dimension = value()?.parse()?,
            "--queries" => options.queries = value()?.parse()?,
            "--k" => options.k = value()?.parse()?,
            "--dir" => options.dir = value()?.into(),
            // `cargo bench` tells every bench so.
            "--bench" => {}
            other => return Err(format!("unknown argument `{other}`").into()),
        }
    }
    let folder = Folder::new(&options.dir, "neighbours")?;
    let measures = measure(&folder.path().join("vectors.bin"), &options)?;
    for Measure { what, seconds, peak_mb } in &measures {
        println!("{what:<24} {seconds:>7.2} s {peak_mb:>7.0} MB at most");
    }
    let json = |m: &Measure| serde_json::json!({ "what": m.what, "seconds": m.seconds, "peak_mb": m.peak_mb });
    let Options { words, dimension, queries, k, .. } = options;
    let measures: Vec<_> = measures.iter().map(json).collect();
    let all = serde_json::json!({
        "words": words, "dimension": dimension, "queries": queries, "k": k, "measures": measures
    });
    println!("{all}");
    Ok(())
}

#[expect(unsafe_code, reason = "a file of gigabytes is mapped rather than read, and mapping is unsafe")]
fn measure(path: &Path, options: &Options) -> Result<Vec<Measure>, Box<dyn Error>> {
    let mut measures = Vec::new();
    timed(&mut measures, "make up the file", || write(path, options))?;
    let file = fs::File::open(path)?;
    // SAFETY: nobody else knows the file.
    let map = unsafe { memmap2::Mmap::map(file.file())? };
    let vectors = timed(&mut measures, "note where words stand", || Ok(Vectors::index(&map, None)?))?;
    let step = (options.words / options.queries.max(1)).max(1);
    let words: Vec<String> = (0..options.queries).map(|query| format!("w{}", query * step)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for count in [1, options.queries] {
        let found = timed(&mut measures, &format!("neighbours of {count}"), || {
            Ok(vectors.nearest(&words[..count], options.k)?)
        })?;
        if found.iter().any(|found| found.as_ref().is_none_or(|near| near.len() != options.k)) {
            return Err("a word has too few neighbours".into());
        }
    }
    Ok(measures)
}

/// Writes words with numbers between -0.5 and 0.5.
fn write(path: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    writeln!(file, "{} {}", options.words, options.dimension)?;
    let mut state = 17u64;
    for word in 0..options.words {
        write!(file, "w{word} ")?;
        for _ in 0..options.dimension {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (state >> 40) as f32 / (1 << 24) as f32 - 0.5;
            file.write_all(&number.to_le_bytes())?;
        }
    }
    Ok(file.flush()?)
}

/// Does something, and notes how long it took and how large the process was meanwhile.
fn timed<T>(
    measures: &mut Vec<Measure>,
    what: &str,
    act: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let (over, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(own_bytes().unwrap_or_default(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let began = Instant::now();
        let done = act();
        let seconds = began.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        let peak_mb = peak.load(Ordering::Relaxed) as f64 / 1e6;
        measures.push(Measure { what: what.to_owned(), seconds, peak_mb });
        done
    })
}

/// Returns how much memory of the process is not of a file.
fn own_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}
