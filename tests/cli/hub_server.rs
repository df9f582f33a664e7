//! A hub on the loopback interface: one repository, and ways in which a hub can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use sha2::{Digest, Sha256};

/// The repository it has.
pub(crate) const ID: &str = "owner/name";
/// The commit its branch `main` is at.
pub(crate) const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

/// What the hub holds, and how it behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    /// The files of the repository.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Answers every request with this status and `x-error-code`.
    pub(crate) refuses: Option<(u16, &'static str)>,
    /// Lets in only those who send this token.
    pub(crate) token: Option<&'static str>,
    /// Sends nothing of the weights behind so many bytes.
    pub(crate) cut: Option<usize>,
    /// Sends at most so many bytes of weights before the connection ends.
    pub(crate) drops: Option<usize>,
    /// Sends these bytes in place of the weights it announces.
    pub(crate) swapped: Option<Vec<u8>>,
    /// Says that files belong to this commit.
    pub(crate) other_commit: Option<&'static str>,
    /// Announces this etag for every file.
    pub(crate) etag: Option<&'static str>,
    /// Sends the whole file whatever part is asked for.
    pub(crate) ignores_ranges: bool,
}

impl Shelf {
    /// Makes a hub with these files.
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        Self { files, ..Self::default() }
    }
}

/// The hub, until it is dropped.
pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    shelf: Mutex<Shelf>,
    asked: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Server {
    /// Starts to answer, one request after the other.
    pub(crate) fn start(shelf: Shelf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let over = AtomicBool::new(false);
        let shared = Arc::new(Shared { shelf: Mutex::new(shelf), asked: Mutex::default(), over });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.over.load(Ordering::Relaxed) {
                    return;
                }
                // A client that has gone away needs no answer.
                let _ = serving.answer(&stream.expect("a connection"));
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Returns its address.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes what it holds or how it behaves.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Shelf)) {
        change(&mut self.shared.shelf.lock().expect("sound"));
    }

    /// Returns what it was asked for since it was last looked at, such as `GET /cdn/model.safetensors from 100`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.asked.lock().expect("sound"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.thread.take().map(JoinHandle::join);
    }
}

/// What is sent back.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The bytes of the body after which the connection ends.
    cut: Option<usize>,
}

impl Reply {
    fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body, cut: None }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Shared {
    fn answer(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut token, mut from) = (None, 0);
        for line in lines {
            let line = line?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            token = token.or(line.strip_prefix("authorization: bearer ").map(str::to_owned));
            if let Some(range) = line.strip_prefix("range: bytes=") {
                from = range.trim_end_matches('-').parse().expect("an open range");
            }
        }
        let part = if from > 0 { format!(" from {from}") } else { String::new() };
        self.asked.lock().expect("sound").push(format!("{method} {path}{part}"));
        let shelf = self.shelf.lock().expect("sound").clone();
        let Reply { status, headers, body, cut } = shelf.reply(path, from, token.as_deref());
        let mut head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        (&*stream).write_all((head + "\r\n").as_bytes())?;
        if method == "GET" {
            (&*stream).write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])?;
        }
        Ok(())
    }
}

impl Shelf {
    fn reply(&self, path: &str, from: usize, token: Option<&str>) -> Reply {
        if let Some((status, code)) = self.refuses {
            return Reply::new(status, b"no".to_vec()).header("X-Error-Code", code);
        }
        if self.token.is_some_and(|wanted| token != Some(wanted)) {
            return Reply::new(401, b"no".to_vec()).header("X-Error-Code", "GatedRepo");
        }
        let revisions = ["models", "datasets"]
            .into_iter()
            .flat_map(|kind| ["main", COMMIT].map(|revision| format!("/api/{kind}/{ID}/revision/{revision}")))
            .collect::<Vec<_>>();
        if revisions.iter().any(|known| known == path) {
            let siblings: Vec<_> = self.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
            let answer = serde_json::json!({ "id": ID, "sha": COMMIT, "siblings": siblings });
            return Reply::new(200, answer.to_string().into_bytes());
        }
        let resolved = path.strip_prefix("/datasets").unwrap_or(path).strip_prefix(&format!("/{ID}/resolve/{COMMIT}/"));
        let stored = path.strip_prefix("/cdn/");
        let Some((name, bytes)) = resolved.or(stored).and_then(|name| self.files.get_key_value(name)) else {
            return Reply::new(404, b"no".to_vec()).header("X-Error-Code", "EntryNotFound");
        };
        let large = name.ends_with(".safetensors");
        if resolved.is_some() {
            let commit = self.other_commit.unwrap_or(COMMIT);
            let etag = self.etag.map_or_else(|| etag(bytes, large), str::to_owned);
            return if large {
                Reply::new(302, b"there".to_vec())
                    .header("X-Linked-Etag", format!("\"{etag}\""))
                    .header("X-Linked-Size", bytes.len().to_string())
                    .header("Location", format!("/cdn/{name}"))
            } else {
                Reply::new(200, bytes.clone()).header("ETag", format!("\"{etag}\""))
            }
            .header("X-Repo-Commit", commit);
        }
        let bytes = self.swapped.as_ref().unwrap_or(bytes);
        let reply = if from > 0 && !self.ignores_ranges {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            Reply::new(206, bytes[from..].to_vec()).header("Content-Range", range)
        } else {
            Reply::new(200, bytes.clone())
        };
        let begins = if reply.status == 206 { from } else { 0 };
        let cut = self.cut.map(|cut| cut.saturating_sub(begins)).into_iter().chain(self.drops).min();
        Reply { cut, ..reply.header("Accept-Ranges", "bytes") }
    }
}

/// Returns the name a hub gives to some content.
pub(crate) fn etag(bytes: &[u8], large: bool) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if large { digest } else { digest[..40].to_owned() }
}

/// Returns the names of the files it was asked for.
pub(crate) fn files_asked(asked: &[String]) -> BTreeSet<&str> {
    asked
        .iter()
        .filter_map(|line| line.split(' ').nth(1)?.split_once("/resolve/")?.1.split_once('/'))
        .map(|(_, name)| name)
        .collect()
}
