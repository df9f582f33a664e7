//! What can go wrong with one request, and what it means.

use std::io::ErrorKind;
use std::time::Duration;

use ureq::Timeout;

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
    /// What came is broken: invalid JSON, half a body. Asking again may help.
    Garbled,
    /// What came is whole and no answer: a page of HTML, JSON of another kind. Where nothing else ever comes, the address is
    /// another server's.
    Foreign,
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
        let words = match &parsed {
            Some(body) => words(body),
            // A page is for a browser; a line of text says what is wrong.
            None => Some(body.trim()).filter(|text| !text.starts_with('<')).map(excerpt),
        };
        let error = parsed.as_ref().map(|body| body.get("error").unwrap_or(body));
        let field = |name: &str| error.and_then(|error| error.get(name)).and_then(Json::as_str);
        let exhausted = ["code", "type"].iter().any(|name| field(name) == Some("insufficient_quota"));
        Self::of_code(status, exhausted, format!("HTTP {status}"), words, retry_after)
    }

    /// Reads an error that stands in the body of an answer with status 200.
    pub(super) fn in_body(body: &Json, retry_after: Option<Duration>) -> Option<Self> {
        let there = |value: &&Json| !matches!(value, Json::Null | Json::Bool(false)) && value.as_str() != Some("");
        let choice = body.get("choices").and_then(|choices| choices.get(0));
        let is_named =
            ["object", "type", "status"].iter().any(|name| body.get(name).and_then(Json::as_str) == Some("error"));
        // An answer in Ollama's own protocol has a message, too.
        let told = |name: &&str| body.get(*name).is_some_and(|said| *name != "message" || said.get("role").is_none());
        let bare = || choice.is_none() && ["detail", "message", "msg", "error_msg"].iter().any(told);
        let error = match (body.get("error").filter(there), choice.and_then(|choice| choice.get("error")).filter(there))
        {
            (Some(error), _) | (None, Some(error)) => error,
            (None, None) if is_named || bare() => body,
            (None, None) => return None,
        };
        let code = code(error).or_else(|| code(body));
        let exhausted =
            ["code", "type"].iter().any(|name| error.get(name).and_then(Json::as_str) == Some("insufficient_quota"));
        let begin =
            code.map_or_else(|| "HTTP 200 with an error".to_owned(), |code| format!("HTTP 200 with error {code}"));
        let fault =
            Self::of_code(code.unwrap_or(500), exhausted, begin, words(error).or_else(|| words(body)), retry_after);
        Some(Self { status: code, ..fault })
    }

    fn of_code(
        status: u16,
        exhausted: bool,
        begin: String,
        words: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        let kind = match status {
            429 if !exhausted => FaultKind::Busy,
            408 | 409 | 425 | 500.. => FaultKind::Down,
            // About who asks and where: a redirection, a wrong path, key or model, no credit.
            300..=399 | 401..=405 | 407 | 410 | 429 => FaultKind::Denied,
            _ => FaultKind::Refused,
        };
        let said = match words.filter(|words| !words.is_empty()) {
            Some(words) => format!("{begin}: {words}"),
            None => begin,
        };
        Self { kind, status: Some(status), said, retry_after }
    }

    /// Says what an error of the client means, where one request may take so long.
    pub(super) fn transport(error: &ureq::Error, timeout: Duration) -> Self {
        let kind = match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => FaultKind::Tls,
            // What rustls refuses during a handshake comes as data that is not valid; no plain connection has such.
            ureq::Error::Io(io) if io.kind() == ErrorKind::InvalidData => FaultKind::Tls,
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => FaultKind::Denied,
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => FaultKind::Garbled,
            _ => FaultKind::Down,
        };
        let said = match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                "cannot connect: nothing answers at that address".into()
            }
            ureq::Error::Timeout(_) => {
                format!(
                    "no answer within {} s, the longest that `traffic.timeout` lets a request take",
                    timeout.as_secs_f64()
                )
            }
            error => excerpt(&error.to_string()),
        };
        Self::new(kind, said)
    }
}

/// Finds the words of an error, wherever a server puts them.
fn words(body: &Json) -> Option<String> {
    let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
    let names = ["message", "detail", "msg", "error_msg", "error_message", "errors", "description", "title"];
    let said = match error {
        Json::String(text) => text.clone(),
        Json::Array(items) => return items.iter().find_map(words),
        // Lists of complaints have their words one level further down.
        Json::Object(fields) => {
            match names.iter().find_map(|name| fields.get(*name).filter(|value| !value.is_null()))? {
                Json::String(text) => text.clone(),
                other => return words(other).or_else(|| Some(excerpt(&other.to_string()))),
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => return None,
    };
    Some(excerpt(&said)).filter(|said| !said.is_empty())
}

/// Finds the status that an error would have had, from its number or its name.
fn code(error: &Json) -> Option<u16> {
    const NAMES: &[(u16, &[&str])] = &[
        (401, &["auth", "api_key", "apikey", "unauthorized", "unauthenticated", "permission", "forbidden"]),
        (402, &["insufficient_quota", "billing", "payment", "credit"]),
        (429, &["rate_limit", "ratelimit", "too_many_requests", "resource_exhausted", "throttl"]),
        (404, &["not_found", "notfound"]),
        (
            503,
            &[
                "overloaded",
                "unavailable",
                "server_error",
                "servererror",
                "api_error",
                "provider_error",
                "timeout",
                "internal",
            ],
        ),
        (
            400,
            &[
                "invalid_request",
                "badrequest",
                "bad_request",
                "context_length",
                "invalid_argument",
                "validation",
                "unsupported",
            ],
        ),
    ];
    let fields = ["code", "status", "status_code", "statusCode", "type"].map(|name| error.get(name));
    let number = |value: &Json| {
        let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
        u16::try_from(number).ok().filter(|code| (400..600).contains(code))
    };
    let named = |value: &Json| {
        let name = value.as_str()?.to_ascii_lowercase();
        NAMES.iter().find(|(_, parts)| parts.iter().any(|part| name.contains(part))).map(|(code, _)| *code)
    };
    fields
        .iter()
        .flatten()
        .find_map(|value| number(value))
        .or_else(|| fields.iter().flatten().find_map(|value| named(value)))
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
        for (body, said) in [
            (r#"{"detail":"Not Found"}"#, "HTTP 400: Not Found"),
            (r#"{"detail":[{"loc":["body","seed"],"msg":"extra fields"}]}"#, "HTTP 400: extra fields"),
            (r#"{"errors":[{"message":"no"}]}"#, "HTTP 400: no"),
            (r#"{"error":{"message":{"text":"no"}}}"#, r#"HTTP 400: {"text":"no"}"#),
            ("no such route", "HTTP 400: no such route"),
            ("{}", "HTTP 400"),
        ] {
            assert_eq!(Fault::status(400, body, None).said, said, "{body}");
        }
    }

    #[test]
    fn errors_in_the_body_of_a_good_answer() {
        use FaultKind::{Busy, Denied, Down, Refused};
        for (body, kind, said) in [
            (r#"{"error":{"message":"no key","code":401}}"#, Denied, "HTTP 200 with error 401: no key"),
            (r#"{"error":{"message":"no key","code":"401"}}"#, Denied, "HTTP 200 with error 401: no key"),
            (r#"{"error":{"message":"no","code":"invalid_api_key"}}"#, Denied, "HTTP 200 with error 401: no"),
            (r#"{"error":{"message":"busy","code":429}}"#, Busy, "HTTP 200 with error 429: busy"),
            (r#"{"error":{"message":"busy","type":"rate_limit_error"}}"#, Busy, "HTTP 200 with error 429: busy"),
            (r#"{"error":{"message":"out","type":"insufficient_quota"}}"#, Denied, "HTTP 200 with error 402: out"),
            (
                r#"{"error":{"message":"upstream","code":502},"choices":null}"#,
                Down,
                "HTTP 200 with error 502: upstream",
            ),
            (r#"{"error":"oh"}"#, Down, "HTTP 200 with an error: oh"),
            (
                r#"{"object":"error","message":"too long","type":"BadRequestError","code":400}"#,
                Refused,
                "HTTP 200 with error 400: too long",
            ),
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
                Down,
                "HTTP 200 with error 503: x",
            ),
            (r#"{"detail":"no such model"}"#, Down, "HTTP 200 with an error: no such model"),
            (
                r#"{"choices":[{"message":{"content":"half"},"finish_reason":"error","error":{"code":502,"message":"gone"}}]}"#,
                Down,
                "HTTP 200 with error 502: gone",
            ),
        ] {
            let fault = Fault::in_body(&serde_json::from_str(body).unwrap(), None).unwrap();
            assert_eq!((fault.kind, fault.said.as_str()), (kind, said), "{body}");
        }
        for sound in [
            r#"{"choices":[{"message":{"content":"a"}}]}"#,
            r#"{"choices":[{"message":{"content":"a"},"error":null}],"error":null}"#,
            r#"{"choices":[{"message":{"content":"a"}}],"error":"","message":"ok"}"#,
            r#"{"id":1}"#,
            "[]",
        ] {
            assert_eq!(Fault::in_body(&serde_json::from_str(sound).unwrap(), None), None, "{sound}");
        }
    }
}
