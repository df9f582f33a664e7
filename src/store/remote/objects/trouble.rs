//! What a service says when something does not work, as one line for people: bounded, without control characters, and without
//! anything of the request.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// A longer answer is cut.
const LETTERS_MAX: usize = 300;

/// A longer word is cut: it may be a token that a service sends back.
const WORD_MAX: usize = 64;

/// What stands before a status in the library's words.
const STATUS: &str = "Server returned non-2xx status code: ";

/// Turns a failure into one of the kinds that a remote tells apart: about one object, or about the service as a whole.
pub(super) fn failure(error: &Error) -> io::Error {
    let kind = match error {
        Error::NotFound { .. } if is_absence(error) => ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ErrorKind::PermissionDenied,
        Error::InvalidPath { .. } | Error::Precondition { .. } | Error::AlreadyExists { .. } => ErrorKind::InvalidData,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, line(error))
}

/// Tells whether an object is not there, in a bucket that is.
pub(super) fn is_absence(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. })
        && !["NoSuchBucket", "ContainerNotFound"].iter().any(|sign| line(error).contains(sign))
}

/// Tells how a request failed on its way, where it did.
pub(super) fn on_its_way(error: &Error) -> Option<HttpErrorKind> {
    let mut current: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(error) = current.downcast_ref::<HttpError>() {
            return Some(error.kind());
        }
        current = current.source()?;
    }
}

/// Says what is wrong, and what to try where that is known.
fn line(error: &Error) -> String {
    let mut innermost = error.to_string();
    let mut current = error.source();
    while let Some(source) = current {
        let text = source.to_string();
        if text.starts_with(STATUS) {
            innermost = text;
            break;
        }
        innermost = text;
        current = source.source();
    }
    let said = plain(innermost.strip_prefix(STATUS).unwrap_or(&innermost));
    match advice(&said) {
        Some(advice) => format!("{said} ({advice})"),
        None => said,
    }
}

/// Says what to try about the answers that people meet.
fn advice(said: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 13] = [
        ("RequestTimeTooSkewed", "set this machine's clock"),
        ("InvalidAccessKeyId", "the key is unknown there: look at AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "the secret does not belong to the key: look at AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken", "the credentials are too old: get new ones"),
        ("NoSuchBucket", "there is no such bucket: make it, or look at the address"),
        ("ContainerNotFound", "there is no such container: make it, or look at the address"),
        ("PermanentRedirect", "the bucket is elsewhere: say its `region` or `endpoint`"),
        ("AuthorizationHeaderMalformed", "the bucket is elsewhere: say its `region`"),
        ("301 ", "the bucket is elsewhere: say its `region` or `endpoint`"),
        ("307 ", "the bucket is elsewhere: say its `region` or `endpoint`"),
        ("403 ", "these credentials may not do that, or may not list the bucket and hear so of what is not there"),
        ("401 ", "it takes no such credentials"),
        ("onnection refused", "nothing listens there: look at the endpoint"),
    ];
    KNOWN.iter().find(|(sign, _)| said.contains(sign)).map(|(_, advice)| *advice)
}

/// Makes one short line of text that came from outside.
pub(super) fn plain(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words = words.filter(|word| !word.is_empty()).map(|word| cut(word, WORD_MAX));
    let line = words.collect::<Vec<_>>().join(" ");
    cut(line.trim_end_matches(':'), LETTERS_MAX)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Takes what a service says of an error out of its XML, as `Code: Message`; other text as it is.
pub(super) fn told(body: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => plain(&format!("{code}: {message}")),
        (Some(code), None) => plain(code),
        _ => plain(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_becomes_one_line() {
        let check = |body: &str, expected: &str| assert_eq!(told(body), expected);
        check(
            "<?xml?><Error><Code>NoSuchBucket</Code><Message>It is\n not there</Message><x/></Error>",
            "NoSuchBucket: It is not there",
        );
        check("<Error><Code>SlowDown</Code></Error>", "SlowDown");
        check("", "");
        check("\u{1b}[31mred\u{7}\r\n", "[31mred");
        assert_eq!(told(&"x ".repeat(5000)).chars().count(), LETTERS_MAX + 1);
        assert_eq!(told(&"x".repeat(5000)), "x".repeat(WORD_MAX) + "…");
    }
}
