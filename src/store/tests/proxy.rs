//! A server that passes requests on to another, counts them, and spoils some as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is done to a request instead of passing it on and its answer back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection is closed without an answer, and nothing passed on.
    Drop,
    /// It is passed on, and the answer lost.
    Lose,
    /// Nothing is answered until the other side gives up.
    Stall,
    /// An error is answered, with this status and code.
    Answer(u16, &'static str),
    /// The answer ends after so many bytes of its body.
    Cut(usize),
    /// The answer has another version.
    Version(&'static str),
    /// The answer leads elsewhere.
    Redirect(String),
    /// The answer has no end, though it says it has one far away.
    Endless,
    /// The error that is answered has no end.
    EndlessError,
}

/// A request, as far as it is told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With what is behind `?`.
    pub(crate) path: String,
}

type Rule = Box<dyn FnMut(&Request) -> Fault + Send>;

/// The server; it ends when it is dropped.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: u16,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<Request>>,
    open: Mutex<bool>,
}

impl Proxy {
    /// Starts a server before another one on this machine; `rule` says of each request what becomes of it.
    pub(crate) fn before(upstream: u16, rule: impl FnMut(&Request) -> Fault + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream,
            rule: Mutex::new(Box::new(rule)),
            seen: Mutex::default(),
            open: Mutex::new(true),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if !*accepting.open.lock().unwrap() {
                    return;
                }
                let (Ok(client), shared) = (client, Arc::clone(&accepting)) else { continue };
                // Whichever side goes away, the other hears of it.
                std::thread::spawn(move || shared.serve(client).is_some());
            }
        });
        Self { port, shared }
    }

    /// Returns the address of the server.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Takes the requests that came since this was last asked.
    pub(crate) fn take_seen(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        *self.shared.open.lock().unwrap() = false;
        // The thread that accepts looks up once more.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// The head and body of a request or an answer.
struct Message {
    first: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    fn read(from: &mut impl BufRead, is_head: bool) -> Option<Self> {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let (first, mut headers) = (line.trim_end().to_owned(), Vec::new());
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut body = Vec::new();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if !is_head {
            match length {
                Some((_, length)) => drop(from.take(length.parse().ok()?).read_to_end(&mut body).ok()?),
                None if first.starts_with("HTTP/") => drop(from.read_to_end(&mut body).ok()?),
                None => {}
            }
        }
        Some(Self { first, headers, body })
    }

    fn head(&self) -> Vec<u8> {
        let header = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
        let kept = self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("connection"));
        format!("{}\r\n{}Connection: close\r\n\r\n", self.first, kept.map(header).collect::<String>()).into_bytes()
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> Option<()> {
        let message = Message::read(&mut BufReader::new(client.try_clone().ok()?), false)?;
        let mut words = message.first.split(' ').map(str::to_owned);
        let request = Request { method: words.next()?, path: words.next()? };
        let fault = (self.rule.lock().unwrap())(&request);
        let is_head = request.method == "HEAD";
        self.seen.lock().unwrap().push(request);
        match fault {
            Fault::Drop => return client.shutdown(Shutdown::Both).ok(),
            Fault::Stall => return client.read(&mut [0]).ok().map(drop),
            Fault::Answer(status, code) => {
                let body = if is_head { String::new() } else { format!("<Error><Code>{code}</Code></Error>") };
                let head =
                    format!("HTTP/1.1 {status} Trouble\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                return client.write_all(format!("{head}{body}").as_bytes()).ok();
            }
            Fault::Redirect(to) => {
                let head = format!(
                    "HTTP/1.1 307 Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                return client.write_all(head.as_bytes()).ok();
            }
            Fault::Endless | Fault::EndlessError => {
                let status = if fault == Fault::Endless { "200 OK" } else { "400 Bad" };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: 1000000000000000\r\nETag: \"x\"\r\n\
                     Last-Modified: Fri, 27 Nov 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n"
                );
                client.write_all(head.as_bytes()).ok()?;
                let piece = vec![b'x'; 65536];
                loop {
                    client.write_all(&piece).ok()?;
                }
            }
            Fault::None | Fault::Lose | Fault::Cut(_) | Fault::Version(_) => {}
        }
        let mut upstream = TcpStream::connect(("127.0.0.1", self.upstream)).ok()?;
        upstream.write_all(&message.head()).ok()?;
        upstream.write_all(&message.body).ok()?;
        let mut answer = Message::read(&mut BufReader::new(upstream), is_head)?;
        match fault {
            Fault::Lose => return client.shutdown(Shutdown::Both).ok(),
            Fault::Cut(bytes) => {
                client.write_all(&answer.head()).ok()?;
                return client.write_all(&answer.body[..bytes.min(answer.body.len())]).ok();
            }
            Fault::Version(version) => {
                let etag = answer.headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("etag"));
                if let Some((_, value)) = etag {
                    version.clone_into(value);
                }
            }
            _ => {}
        }
        client.write_all(&answer.head()).ok()?;
        client.write_all(&answer.body).ok()
    }
}
