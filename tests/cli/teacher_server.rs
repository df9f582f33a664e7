//! A teacher on the loopback interface that speaks OpenAI's protocol, and the ways in which a server can fail.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value as Json, json};

/// What the server does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Answers, with these words of its own or with those it has for every prompt.
    Answer,
    /// Answers with a text and the word for how it ended.
    Says(&'static str, &'static str),
    /// Says that it has too much to do, and when to come again.
    Busy(Option<&'static str>),
    /// Answers with a status and a body.
    Status(u16, &'static str),
    /// Answers 200 with something that is no answer: its content type and body.
    Page(&'static str, &'static str),
    /// Answers as always, but under another content type.
    WrongType,
    /// Announces more than it sends.
    Truncated,
    /// Begins an answer and never ends it.
    Drip,
    /// Closes the connection without a word.
    Close,
    /// Resets the connection.
    Reset,
    /// Answers with ten megabytes.
    Huge,
    /// Sends every answer twice.
    Twice,
    /// Answers after another request was answered.
    Late,
    /// Answers once it is let go.
    Hold,
}

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// The header that lets one in.
    pub(crate) authorization: Option<String>,
    /// Every header, by its name in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Json,
}

impl Request {
    /// Returns the last thing that was said.
    pub(crate) fn prompt(&self) -> String {
        let said = ["messages", "input"].into_iter().find_map(|field| self.body[field].as_array());
        let message = said.and_then(|messages| messages.last());
        let text = message.map_or(&self.body["prompt"], |message| &message["content"]);
        text.as_str().unwrap().to_owned()
    }
}

/// The teacher, until it is dropped.
pub(crate) struct Teacher {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is done with the first request for each new prompt, the second, and so on; the prompts in order of arrival.
    scripts: VecDeque<Vec<Act>>,
    /// What is left to be done with further requests for a prompt.
    by_prompt: BTreeMap<String, VecDeque<Act>>,
    /// What is done where no script says anything.
    usual: Option<Act>,
    /// How many are answered as usual before all others are held; `None` holds none.
    hold_after: Option<usize>,
    asked: Vec<Request>,
    answered: usize,
    held: usize,
    let_go: bool,
    over: bool,
}

impl Teacher {
    /// Starts to answer, each connection by itself.
    pub(crate) fn start() -> Self {
        Self::with(State::default())
    }

    /// Starts with a script for the first prompts, each in the order of arrival.
    pub(crate) fn scripted(scripts: &[&[Act]]) -> Self {
        Self::with(State { scripts: scripts.iter().map(|acts| acts.to_vec()).collect(), ..State::default() })
    }

    /// Answers so many requests, and holds all that come after.
    pub(crate) fn holding_after(answers: usize) -> Self {
        Self::with(State { hold_after: Some(answers), ..State::default() })
    }

    /// Does the same with every request.
    pub(crate) fn always(act: Act) -> Self {
        Self::with(State { usual: Some(act), ..State::default() })
    }

    fn with(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.state.lock().expect("sound").over {
                    return;
                }
                let (stream, serving) = (stream.expect("a connection"), Arc::clone(&serving));
                // A client that has gone away needs no answer.
                std::thread::spawn(move || while serving.answer(&stream).is_ok_and(|open| open) {});
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Returns what it was asked since it was last looked at.
    pub(crate) fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.state.lock().expect("sound").asked)
    }

    /// Waits until so many requests are held.
    pub(crate) fn wait_for_held(&self, count: usize) {
        let state = self.shared.state.lock().expect("sound");
        let waited = self.shared.changed.wait_timeout_while(state, Duration::from_mins(1), |state| state.held < count);
        assert!(!waited.expect("sound").1.timed_out(), "fewer than {count} requests came");
    }

    /// Answers what is held, and holds nothing any more.
    pub(crate) fn let_go(&self) {
        self.shared.state.lock().expect("sound").let_go = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Teacher {
    fn drop(&mut self) {
        self.shared.state.lock().expect("sound").over = true;
        self.shared.changed.notify_all();
        // Wakes the thread, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    /// Answers one request; `false` when the connection ends with it.
    fn answer(&self, stream: &TcpStream) -> std::io::Result<bool> {
        // Nothing is read ahead, so that bytes nobody read are still the connection's.
        let mut reader = BufReader::with_capacity(1, stream);
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut headers) = (0, BTreeMap::new());
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            let name = name.to_ascii_lowercase();
            if name == "content-length" {
                length = value.trim().parse().expect("a length");
            }
            headers.insert(name, value.trim().to_owned());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body[..length - 1])?;
        body[length - 1] = b'}';
        let body: Json = serde_json::from_slice(&body).expect("a JSON object");
        let authorization = headers.get("authorization").cloned();
        let request = Request { path, authorization, headers, body };
        let act = self.next(&request);
        if act != Act::Reset {
            reader.read_exact(&mut [0])?;
        }
        let sent = act.perform(self, stream, &request)?;
        let mut state = self.state.lock().expect("sound");
        state.answered += 1;
        drop(state);
        self.changed.notify_all();
        Ok(sent)
    }

    /// Notes a request, and says what is to be done with it.
    fn next(&self, request: &Request) -> Act {
        let mut state = self.state.lock().expect("sound");
        state.asked.push(request.clone());
        let prompt = request.prompt();
        if !state.by_prompt.contains_key(&prompt) {
            let script = state.scripts.pop_front().unwrap_or_default();
            state.by_prompt.insert(prompt.clone(), script.into());
        }
        let scripted = state.by_prompt.get_mut(&prompt).and_then(VecDeque::pop_front);
        let asked = state.asked.len();
        let held = state.hold_after.is_some_and(|after| asked > after).then_some(Act::Hold);
        scripted.or(held).or(state.usual).unwrap_or(Act::Answer)
    }

    /// Holds a request until it is let go, or the server is over.
    fn hold(&self) -> bool {
        let mut state = self.state.lock().expect("sound");
        state.held += 1;
        self.changed.notify_all();
        while !state.let_go && !state.over {
            state = self.changed.wait(state).expect("sound");
        }
        state.let_go
    }

    /// Waits until another request is answered, or for a moment where there is none.
    fn wait_for_another(&self) {
        let state = self.state.lock().expect("sound");
        let answered = state.answered;
        let wait =
            self.changed.wait_timeout_while(state, Duration::from_millis(100), |state| state.answered == answered);
        drop(wait.expect("sound"));
    }
}

/// Returns the body of an answer.
fn chat(text: &str, finish: &str) -> String {
    let tokens = text.split_whitespace().count();
    json!({
        "model": "taught",
        "choices": [{ "message": { "role": "assistant", "content": text }, "text": text, "finish_reason": finish }],
        "usage": { "prompt_tokens": 20, "completion_tokens": tokens },
    })
    .to_string()
}

/// Returns what the teacher always says to a prompt.
pub(crate) fn says(prompt: &str) -> String {
    format!("The answer is A because of {}.", &blake3::hash(prompt.as_bytes()).to_hex()[..8])
}

impl Act {
    fn perform(self, shared: &Shared, stream: &TcpStream, request: &Request) -> std::io::Result<bool> {
        let usual = || chat(&says(&request.prompt()), "stop");
        let json = "application/json";
        // Some servers repeat the key they were given.
        let key = request.authorization.as_deref().unwrap_or_default().trim_start_matches("Bearer ");
        let with_key = |body: &str| body.replace("KEY", key);
        match self {
            Self::Answer => reply(stream, 200, json, "", &usual()),
            Self::Says(text, finish) => reply(stream, 200, json, "", &chat(text, finish)),
            Self::Busy(after) => {
                let header = after.map_or(String::new(), |after| format!("Retry-After: {after}\r\n"));
                reply(stream, 429, json, &header, r#"{"error":{"message":"slow down"}}"#)
            }
            Self::Status(status, body) => reply(stream, status, json, "", &with_key(body)),
            Self::Page(kind, body) => reply(stream, 200, kind, "", &with_key(body)),
            Self::WrongType => reply(stream, 200, "text/html", "", &usual()),
            Self::Truncated => {
                let body = usual();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                { stream }.write_all((head + &body[..body.len() / 2]).as_bytes())?;
                Ok(false)
            }
            Self::Drip => {
                { stream }.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")?;
                // Until the client has had enough.
                let _ = { stream }.read(&mut [0]);
                Ok(false)
            }
            // A socket that is closed with a byte that nobody read resets its connection.
            Self::Close | Self::Reset => Ok(false),
            Self::Huge => reply(stream, 200, json, "", &chat(&"because ".repeat(650_000), "stop")),
            Self::Twice => {
                reply(stream, 200, json, "", &usual())?;
                reply(stream, 200, json, "", &chat("This was for somebody else.", "stop"))
            }
            Self::Late => {
                shared.wait_for_another();
                reply(stream, 200, json, "", &usual())
            }
            Self::Hold => {
                if shared.hold() {
                    reply(stream, 200, json, "", &usual())
                } else {
                    Ok(false)
                }
            }
        }
    }
}

fn reply(mut stream: &TcpStream, status: u16, kind: &str, headers: &str, body: &str) -> std::io::Result<bool> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n{headers}Content-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes())?;
    Ok(true)
}
