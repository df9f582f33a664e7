//! How fast a large blob goes into the store and is checked there, and how much memory that takes.
//!
//! ```text
//! cargo bench --bench store_stream -- [--bytes 2147483648] [--dir FOLDER]
//! ```
//!
//! Writes the bytes as a plain file, which is what the disk can do, then through the store, then as a plain file again,
//! since many disks tire: their first gigabytes go faster than what follows. Reads both kinds back, the store's with
//! `verify`, which hashes every byte. Peak memory comes from `VmHWM` in `/proc/self/status`, set back before
//! each part, and is told as what lies above the idle process. The last line is the same as JSON.

#![expect(clippy::print_stdout, reason = "a bench is a program that prints")]

#[path = "common/folder.rs"]
mod folder;
#[path = "common/memory.rs"]
mod memory;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use folder::Folder;
use fs_err as fs;
use memory::{forget_peak, peak_mb};
use retort::fingerprint::{KeyManifest, Term};
use retort::store::{Record, Store, StoreOptions, VerifyOptions};

/// How much is written at a time, as a writer of tensors would.
const CHUNK_BYTES: usize = 1 << 20;

struct Measure {
    what: &'static str,
    seconds: f64,
    peak_above_idle_mb: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut bytes, mut dir) = (2 << 30, std::env::temp_dir());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bytes" => bytes = arguments.next().ok_or("--bytes takes a number")?.parse()?,
            "--dir" => dir = arguments.next().ok_or("--dir takes a folder")?.into(),
            // `cargo bench` tells every bench so.
            "--bench" => {}
            other => return Err(format!("unknown argument `{other}`").into()),
        }
    }
    let folder = Folder::new(&dir, "store-stream")?;
    let measures = measure(folder.path(), bytes)?;
    for Measure { what, seconds, peak_above_idle_mb } in &measures {
        let rate = bytes as f64 / 1e6 / seconds;
        println!("{what:<24} {seconds:>7.2} s {rate:>7.0} MB/s {peak_above_idle_mb:>7.1} MB above idle");
    }
    let json = |m: &Measure| {
        let Measure { what, seconds, peak_above_idle_mb } = m;
        let rate = bytes as f64 / 1e6 / seconds;
        serde_json::json!({
            "what": what, "seconds": seconds, "mb_per_second": rate, "peak_above_idle_mb": peak_above_idle_mb
        })
    };
    let measures: Vec<_> = measures.iter().map(json).collect();
    println!("{}", serde_json::json!({ "bytes": bytes, "measures": measures }));
    Ok(())
}

fn measure(folder: &Path, bytes: u64) -> Result<Vec<Measure>, Box<dyn Error>> {
    let plain = folder.join("plain");
    let root = folder.join("cache");
    let options = || StoreOptions::new(&root, "bench", "here");
    let mut measures = Vec::new();
    let mut timed = |what, act: &mut dyn FnMut() -> Result<(), Box<dyn Error>>| -> Result<(), Box<dyn Error>> {
        let idle = forget_peak()?;
        let began = Instant::now();
        act()?;
        let seconds = began.elapsed().as_secs_f64();
        measures.push(Measure { what, seconds, peak_above_idle_mb: peak_mb()? - idle });
        Ok(())
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    timed("plain write", &mut || write_plain(&plain, bytes, &mut chunk))?;
    timed("plain read", &mut || {
        let mut file = fs::File::open(&plain)?;
        while file.read(&mut chunk)? > 0 {}
        Ok(())
    })?;
    // The plain file stays until the end: where a deletion discards blocks, the next write would wait for that.
    let store = Store::open(options())?.store;
    timed("put and publish", &mut || {
        let mut writer = store.blob_writer()?;
        stream(bytes, &mut chunk, &mut writer)?;
        let blob = writer.finish()?;
        let record = record(&store, BTreeMap::from([("weights".to_owned(), blob.blob())]));
        store.publish(vec![blob], &record)?;
        Ok(())
    })?;
    timed("verify", &mut || {
        let report = store.verify(VerifyOptions::default(), &mut |_, _| {})?;
        if !report.clean() || report.blob_bytes != bytes {
            return Err("the store does not hold what was put".into());
        }
        Ok(())
    })?;
    timed("plain write again", &mut || write_plain(&folder.join("again"), bytes, &mut chunk))?;
    Ok(measures)
}

fn write_plain(path: &Path, bytes: u64, chunk: &mut [u8]) -> Result<(), Box<dyn Error>> {
    let mut file = fs::File::create(path)?;
    stream(bytes, chunk, &mut file)?;
    Ok(file.sync_all()?)
}

/// Writes bytes that are no two chunks alike, at next to no cost.
fn stream(bytes: u64, chunk: &mut [u8], out: &mut dyn Write) -> std::io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let size = left.min(chunk.len() as u64) as usize;
        for (index, page) in chunk.chunks_mut(4096).enumerate() {
            page[..8].copy_from_slice(&(left ^ (index as u64) << 48).to_le_bytes());
        }
        out.write_all(&chunk[..size])?;
        left -= size as u64;
    }
    out.flush()
}

fn record(store: &Store, outputs: BTreeMap<String, retort::store::BlobRef>) -> Record {
    let manifest = KeyManifest {
        kind: "bench".into(),
        revision: 1,
        params: Term::None,
        inputs: Vec::new(),
        env: BTreeMap::new(),
        numerics: None,
    };
    Record {
        manifest,
        outputs,
        producer: store.producer(),
        started_at_ms: store.now_ms(),
        took_ms: 0,
        notes: BTreeMap::new(),
    }
}
