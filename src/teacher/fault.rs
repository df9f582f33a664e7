//! What can go wrong with one request, and what it means.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::Value as Json;

/// A request that brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct Fault {
    /// What it means for this row and the others.
    pub kind: FaultKind,
    /// The status the server answered with, where it was one that says no.
    pub status: Option<u16>,
    /// What happened, in the words of the server where it used any; never with a key in it.
    pub said: String,
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// What a fault means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The server has too much to do (429): everyone waits.
    Busy,
    /// The server, or the way to it, is broken for now: 5xx, 408, refused or reset connections, timeouts.
    Down,
    /// What came is no answer: invalid JSON, a page of HTML, half a body. Asking again may help.
    Garbled,
    /// The server will not answer this request, however often it is asked: most of 4xx.
    Refused,
    /// The server answers nobody like us: a wrong key, address or model, or an account without credit.
    Denied,
    /// No secure connection: broken for now if there was one before, and wrong from the beginning otherwise.
    Tls,
}

/// The most characters of a server's words that are passed on.
const SAID_CHARS_MAX: usize = 300;

impl Fault {
    pub(super) fn new(kind: FaultKind, said: impl Into<String>) -> Self {
        Self { kind, status: None, said: said.into(), retry_after: None }
    }

    /// Says what a status other than 2xx means. `body` has no key in it any more.
    pub(super) fn status(status: u16, body: &str, retry_after: Option<Duration>) -> Self {
        let parsed: Option<Json> = serde_json::from_str(body).ok();
        let error = parsed.as_ref().map(|body| body.get("error").unwrap_or(body));
        let field = |name: &str| error.and_then(|error| error.get(name)).and_then(Json::as_str);
        let words = field("message").or_else(|| error.and_then(Json::as_str));
        let exhausted = ["code", "type"].iter().any(|name| field(name) == Some("insufficient_quota"));
        let kind = match status {
            429 if !exhausted => FaultKind::Busy,
            408 | 409 | 425 | 500.. => FaultKind::Down,
            400 | 413 | 422 | 431 => FaultKind::Refused,
            // What is left is about who asks and where: a redirection, a wrong path, key or model, no credit.
            300..=399 | 401..=405 | 407 | 410 | 429 => FaultKind::Denied,
            _ => FaultKind::Refused,
        };
        let said = match words.map(excerpt).filter(|words| !words.is_empty()) {
            Some(words) => format!("HTTP {status}: {words}"),
            None => format!("HTTP {status}"),
        };
        Self { kind, status: Some(status), said, retry_after }
    }

    /// Says what an error of the client means.
    pub(super) fn transport(error: &ureq::Error) -> Self {
        let kind = match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => FaultKind::Tls,
            // What rustls refuses during a handshake comes as data that is not valid; no plain connection has such.
            ureq::Error::Io(io) if io.kind() == ErrorKind::InvalidData => FaultKind::Tls,
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => FaultKind::Denied,
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => FaultKind::Garbled,
            _ => FaultKind::Down,
        };
        Self::new(kind, excerpt(&error.to_string()))
    }
}

/// Cuts a server's words to what fits in a line.
pub(super) fn excerpt(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(SAID_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decision_table() {
        use FaultKind::{Busy, Denied, Down, Refused};
        let quota = r#"{"error":{"message":"You are out of credit.","type":"insufficient_quota"}}"#;
        for (status, body, kind, said) in [
            (429, "", Busy, "HTTP 429"),
            (429, quota, Denied, "HTTP 429: You are out of credit."),
            (500, "<html>no</html>", Down, "HTTP 500"),
            (503, r#"{"message":"loading the model"}"#, Down, "HTTP 503: loading the model"),
            (529, "", Down, "HTTP 529"),
            (408, "", Down, "HTTP 408"),
            (400, r#"{"error":{"message":"too\nlong"}}"#, Refused, "HTTP 400: too long"),
            (422, r#"{"error":"no"}"#, Refused, "HTTP 422: no"),
            (418, "", Refused, "HTTP 418"),
            (401, "", Denied, "HTTP 401"),
            (402, "", Denied, "HTTP 402"),
            (403, "", Denied, "HTTP 403"),
            (404, "", Denied, "HTTP 404"),
            (302, "", Denied, "HTTP 302"),
        ] {
            let fault = Fault::status(status, body, None);
            assert_eq!((fault.kind, fault.said.as_str()), (kind, said), "{status} {body}");
        }
        assert!(Fault::status(400, &format!("\"{}\"", "long ".repeat(200)), None).said.len() < 350);
    }
}
