//! A bucket of object storage on this machine: many small artifacts and one large blob, pushed and pulled, and a look for
//! many actions with nothing here.
//!
//! ```text
//! cargo bench --bench objects -- SERVER [--artifacts 10000] [--bytes 2147483648] [--jobs N] [--dir FOLDER]
//! ```
//!
//! Starts the server, `moto_server` or `s3s-fs` by the end of its name. moto's is written in Python, so its own rate stands
//! beside: as many objects read by as many threads that do nothing else. Its requests are counted by the lines that it
//! writes. That of s3s-fs is compiled, keeps objects as files and verifies signatures; it writes no lines. Peak memory is
//! as in `store_stream`.

#![expect(clippy::print_stdout, reason = "a bench is a program that prints")]

#[path = "common/folder.rs"]
mod folder;
#[path = "common/memory.rs"]
mod memory;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use folder::Folder;
use memory::{forget_peak, peak_mb};
use retort::fingerprint::{Fingerprint, KeyManifest, Term};
use retort::store::{
    Compare, Moving, ObjectsAt, Record, RemoteAt, RemoteOptions, Selection, Store, StoreOptions, Surroundings, Writes,
};

type Failed = Box<dyn Error>;

/// So many threads read objects and do nothing else.
const RAW_THREADS: usize = 16;

/// A key and its secret.
const KEY: &str = "bench";

/// What a request that is signed has; the server does not look what it is signed with.
const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=eve/20261127/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

fn main() -> Result<(), Failed> {
    let (mut artifacts, mut bytes, mut jobs, mut dir, mut server) = (10_000, 2 << 30, None, std::env::temp_dir(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--artifacts" => artifacts = arguments.next().ok_or("--artifacts takes a number")?.parse()?,
            "--bytes" => bytes = arguments.next().ok_or("--bytes takes a number")?.parse()?,
            "--jobs" => jobs = Some(arguments.next().ok_or("--jobs takes a number")?.parse()?),
            "--dir" => dir = arguments.next().ok_or("--dir takes a folder")?.into(),
            // `cargo bench` tells every bench so.
            "--bench" => {}
            program => server = Some(program.to_owned()),
        }
    }
    let program = server.ok_or("name the program `moto_server` or `s3s-fs`")?;
    let folder = Folder::new(&dir, "objects")?;
    let server = if program.ends_with("s3s-fs") {
        Server::with_files(&program, &folder.path().join("objects"))?
    } else {
        Server::with_lines(&program)?
    };
    small(&server, folder.path(), artifacts, jobs)?;
    large(&server, folder.path(), bytes)
}

/// Many small artifacts.
fn small(server: &Server, folder: &Path, artifacts: usize, jobs: Option<usize>) -> Result<(), Failed> {
    let bench = Bench { server, remote: server.bucket("small")? };
    let here = bench.open(&folder.join("here"))?;
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..artifacts {
        let pending = here.put(format!("artifact {number}").repeat(20).as_bytes())?;
        let record = record(&here, number, BTreeMap::from([("rows".to_owned(), pending.blob())]));
        let sender = sender.clone();
        here.publish_async(vec![pending], &record, move |done| {
            // The receiver waits below.
            let _ = sender.send(done.is_ok());
        })?;
    }
    drop(sender);
    if receiver.iter().filter(|done| *done).count() != artifacts {
        return Err("not every artifact was published".into());
    }
    let all = here.select_all()?;
    let moving = Moving { jobs, compare: Compare::Nothing, progress: &|_, _| {} };
    bench.timed("push, small", || bench.moved(here.push(None, &all, &moving)?))?;
    bench.timed("push, small, once more", || bench.moved(here.push(None, &all, &moving)?))?;
    let keys: Vec<Fingerprint> = all.actions.iter().copied().collect();
    let nothing = bench.open(&folder.join("plan"))?;
    bench.timed("look for actions, all there", || {
        expect(nothing.find_many(&keys)?.iter().flatten().count(), artifacts)
    })?;
    let others: Vec<Fingerprint> = (artifacts..2 * artifacts).map(|number| manifest(number).fingerprint()).collect();
    bench.timed("look for actions, none there", || expect(nothing.find_many(&others)?.iter().flatten().count(), 0))?;
    let pulling = bench.open(&folder.join("pull"))?;
    bench.timed("pull, small", || bench.moved(pulling.pull(None, &all, &moving)?))?;
    if server.requests.is_some() {
        bench
            .timed("as many objects, twice, by nothing but HTTP", || server.read_raw("small", &keys, 2 * artifacts))?;
    }
    Ok(())
}

/// One large blob.
fn large(server: &Server, folder: &Path, bytes: u64) -> Result<(), Failed> {
    let bench = Bench { server, remote: server.bucket("large")? };
    let here = bench.open(&folder.join("large-here"))?;
    let mut writer = here.blob_writer()?;
    let mut chunk = vec![0; 1 << 20];
    for number in 0..bytes >> 20 {
        chunk.chunks_mut(4096).for_each(|page| page[..8].copy_from_slice(&number.to_le_bytes()));
        writer.write_all(&chunk)?;
    }
    let blob = writer.finish()?;
    let record = record(&here, 0, BTreeMap::from([("weights".to_owned(), blob.blob())]));
    here.publish(vec![blob], &record)?;
    let all = here.select_all()?;
    let moving = Moving { jobs: Some(4), compare: Compare::Nothing, progress: &|_, _| {} };
    bench.timed("push, large", || bench.moved(here.push(None, &all, &moving)?))?;
    let pulling = bench.open(&folder.join("large-pull"))?;
    let wanted = Selection { actions: all.actions, ..Selection::default() };
    bench.timed("pull, large", || bench.moved(pulling.pull(None, &wanted, &moving)?))
}

/// What is measured goes to one bucket.
struct Bench<'a> {
    server: &'a Server,
    remote: RemoteOptions,
}

impl Bench<'_> {
    fn open(&self, root: &Path) -> Result<Store, Failed> {
        let remotes = vec![self.remote.clone()];
        Ok(Store::open(StoreOptions { remotes, ..StoreOptions::new(root, "bench", "here") })?.store)
    }

    fn moved(&self, moved: Vec<retort::store::Moved>) -> Result<(), Failed> {
        match moved.into_iter().flat_map(|moved| moved.refused).next() {
            Some(why) => Err(format!("`{}`: {why}", self.remote.name).into()),
            None => Ok(()),
        }
    }

    fn timed(&self, what: &str, act: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
        let (idle, before) = (forget_peak()?, self.server.requests());
        let began = Instant::now();
        act()?;
        let (seconds, peak) = (began.elapsed().as_secs_f64(), peak_mb()? - idle);
        print!("{what:<44} {seconds:>7.2} s {peak:>7.1} MB above idle");
        if let Some(before) = before {
            // The server's last lines may still be on their way.
            std::thread::sleep(Duration::from_millis(300));
            let requests = self.server.requests().unwrap_or_default() - before;
            print!(" {requests:>7} requests {:>6.0}/s", requests as f64 / seconds);
        }
        println!();
        Ok(())
    }
}

/// The server, which ends with the bench.
struct Server {
    child: Child,
    endpoint: String,
    /// How many it has answered, where it tells.
    requests: Option<Arc<AtomicU64>>,
    agent: ureq::Agent,
    /// Where it keeps a folder for each bucket, where it does.
    files: Option<PathBuf>,
}

impl Server {
    /// Starts a server that keeps objects as files.
    fn with_files(program: &str, files: &Path) -> Result<Self, Failed> {
        fs_err::create_dir_all(files)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program)
            .args(["--host", "127.0.0.1", "--access-key", KEY, "--secret-key", KEY, "--port", &port.to_string()])
            .arg(files)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let agent = ureq::Agent::config_builder().proxy(None).build().into();
        let server = Self { child, endpoint, requests: None, agent, files: Some(files.to_owned()) };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the server did not start".into())
    }

    /// Starts a server that writes a line for each request.
    fn with_lines(program: &str) -> Result<Self, Failed> {
        let mut child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no output")?).lines().map_while(Result::ok);
        let endpoint =
            lines.find_map(|line| line.split_once("http://127.0.0.1:").map(|(_, rest)| rest.trim().to_owned()));
        let digits: String =
            endpoint.ok_or("the server did not start")?.chars().take_while(char::is_ascii_digit).collect();
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            for line in lines.filter(|line| line.contains("HTTP/1.1")) {
                counter.fetch_add(u64::from(!line.is_empty()), Ordering::Relaxed);
            }
        });
        let agent = ureq::Agent::config_builder().proxy(None).build().into();
        let endpoint = format!("http://127.0.0.1:{digits}");
        Ok(Self { child, endpoint, requests: Some(requests), agent, files: None })
    }

    fn requests(&self) -> Option<u64> {
        Some(self.requests.as_ref()?.load(Ordering::Relaxed))
    }

    fn bucket(&self, name: &str) -> Result<RemoteOptions, Failed> {
        match &self.files {
            Some(files) => fs_err::create_dir(files.join(name))?,
            None => drop(self.agent.put(format!("{}/{name}", self.endpoint)).send_empty()?),
        }
        let variables = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", KEY)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let at = ObjectsAt {
            endpoint: Some(self.endpoint.clone()),
            allow_http: Some(true),
            ..ObjectsAt::new(format!("s3://{name}/cache").parse()?, Surroundings::of(variables))
        };
        let timeout = Duration::from_mins(1);
        Store::share_bucket(&at, timeout)?;
        Ok(RemoteOptions { name: name.to_owned(), at: RemoteAt::Objects(at), writes: Writes::OnPush, timeout })
    }

    /// Reads the catalogs of actions again and again, on several threads.
    fn read_raw(&self, bucket: &str, keys: &[Fingerprint], count: usize) -> Result<(), Failed> {
        let (next, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..RAW_THREADS {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= count {
                            return;
                        }
                        let hex = keys[at % keys.len()].hex();
                        let url = format!("{}/{bucket}/cache/catalog/v1/{}/{hex}", self.endpoint, &hex[..2]);
                        let get = self.agent.get(url).header("Authorization", SIGNED);
                        let read = get.call().map(|mut answer| answer.body_mut().read_to_vec());
                        if !matches!(read, Ok(Ok(_))) {
                            wrong.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        expect(wrong.into_inner(), 0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn expect(found: usize, expected: usize) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("found {found}, expected {expected}").into()) }
}

fn manifest(number: usize) -> KeyManifest {
    KeyManifest {
        kind: "bench".into(),
        revision: 1,
        params: Term::record([("number", Term::Int(number.cast_signed() as i64))]),
        inputs: Vec::new(),
        env: BTreeMap::new(),
        numerics: None,
    }
}

fn record(store: &Store, number: usize, outputs: BTreeMap<String, retort::store::BlobRef>) -> Record {
    Record {
        manifest: manifest(number),
        outputs,
        producer: store.producer(),
        started_at_ms: store.now_ms(),
        took_ms: 0,
        notes: BTreeMap::new(),
    }
}
