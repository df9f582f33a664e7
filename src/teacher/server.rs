//! One request over HTTP.

use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderMap, HeaderName, Uri};

use super::body::{self, Wrapping};
use super::fault::excerpt;
use super::hints::Hints;
use super::{Answer, Api, Fault, FaultKind};
use retort_hub::{Secret, Way};

/// The most bytes of an answer: what the cache of rows takes, with room for what it is wrapped in.
const ANSWER_BYTES_MAX: u64 = 15 << 20;

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its address, up to where the protocol's paths begin, such as `http://localhost:8000/v1`.
    pub base_url: String,
    /// The protocol.
    pub api: Api,
    /// The key that lets us in.
    pub secret: Option<Secret>,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
    /// Further fields of the address's query.
    pub query: Vec<(String, Secret)>,
    /// Proxies and authorities of this machine.
    pub way: Way,
    /// How long one request may take, from the first byte sent to the last received.
    pub timeout: Duration,
}

/// A server that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use `{base_url}` as a server's address: {why}")]
pub struct ServerError {
    /// The address.
    pub base_url: String,
    /// What is wrong with it, or with the way there.
    pub why: String,
}

/// A server that is asked.
#[derive(Debug)]
pub struct Server {
    agent: Agent,
    /// The whole address; with a key in it where the query has one.
    url: Secret,
    api: Api,
    headers: Vec<(HeaderName, Secret)>,
    /// What is struck out of everything the server says.
    secrets: Vec<Secret>,
    timeout: Duration,
    base_url: String,
    way: Way,
}

impl Server {
    /// Prepares to ask; connects to nothing yet.
    pub fn new(place: Place) -> Result<Self, ServerError> {
        let Place { base_url, api, secret, headers, query, way, timeout } = place;
        let failed = |why: String| ServerError { base_url: base_url.clone(), why };
        check_address(&base_url).map_err(|why| failed(why.to_owned()))?;
        let name =
            |name: &str| name.parse::<HeaderName>().map_err(|_| failed(format!("`{name}` cannot name a header")));
        let mut sent =
            headers.iter().map(|(header, value)| Ok((name(header)?, value.clone()))).collect::<Result<Vec<_>, _>>()?;
        let further = headers.into_iter().chain(query.clone()).filter(|(name, value)| may_be_key(name, value));
        let mut secrets: Vec<Secret> = further.map(|(_, value)| value).collect();
        secrets.extend(secrets.clone().iter().map(|secret| Secret::of(encoded(secret.reveal()))));
        if let Some(secret) = secret {
            sent.push((ureq::http::header::AUTHORIZATION, Secret::of(secret.bearer())));
            secrets.push(secret);
        }
        // The longest first, so that what is part of another leaves nothing of it behind.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        let url = address(&base_url, api, &query);
        let agent = way.agent(&base_url, |config| {
            config
                .max_idle_connections(0)
                .max_idle_connections_per_host(0)
                .timeout_connect(Some(timeout.min(Duration::from_secs(30))))
                .timeout_global(Some(timeout))
        });
        let agent = agent.map_err(|error| failed(error.to_string()))?;
        Ok(Self { agent, url, api, headers: sent, secrets, timeout, base_url, way })
    }

    /// Sends a request and waits for its answer.
    pub(super) fn ask(&self, body: &[u8]) -> (Result<Answer, Fault>, Hints) {
        let began = Instant::now();
        // A connection serves one request. A server that answers twice would else have the second answer taken for that to the
        // next request, and every row after it would be another's. Beside an answer's time a connection costs nothing.
        let request = self.agent.post(self.url.reveal()).header("connection", "close");
        let mut request = request.header("content-type", "application/json").header("accept", "application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value.reveal());
        }
        let mut answer = match request.send(body) {
            Ok(answer) => answer,
            Err(error) => return (Err(self.transport(&error)), Hints::default()),
        };
        let headers = answer.headers();
        let hints = hints(headers);
        let status = answer.status().as_u16();
        let good = (200..300).contains(&status);
        let header =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (encoding, content_type) = (header("content-encoding"), header("content-type"));
        let text = match answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec() {
            Ok(bytes) => {
                let wrapping = Wrapping { encoding: &encoding, content_type: &content_type };
                body::text(bytes, wrapping, ANSWER_BYTES_MAX).map(|text| self.struck(text))
            }
            // What cannot be read of a refusal takes nothing from it.
            Err(_) if !good => Ok(String::new()),
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                let said = format!("the answer is larger than {} MiB", ANSWER_BYTES_MAX >> 20);
                return (Err(Fault::new(FaultKind::Refused, said)), hints);
            }
            Err(error) => return (Err(self.transport(&error)), hints),
        };
        if let Some(said) = self.way.unauthorised(&self.base_url).filter(|_| status == 407) {
            return (Err(Fault { status: Some(status), ..Fault::new(FaultKind::Denied, said) }), hints);
        }
        if !good {
            return (Err(Fault::status(status, &text.unwrap_or_default(), hints.retry_after)), hints);
        }
        let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let read = text.map_err(|why| unread(FaultKind::Garbled, &why, "")).and_then(|text| {
            let body = body::json(&text).map_err(|why| {
                if text.trim_start().starts_with('<') {
                    return unread(FaultKind::Foreign, "it is a web page and no answer", &text);
                }
                unread(FaultKind::Garbled, &format!("it is no answer: {why}"), &text)
            })?;
            if let Some(fault) = Fault::in_body(&body, hints.retry_after) {
                return Err(fault);
            }
            let answer = Answer::read(self.api, &body).map_err(|why| unread(FaultKind::Foreign, &why, &text))?;
            Ok(Answer { body: text, ..answer })
        });
        (read.map(|answer| Answer { latency_ms, ..answer }), hints)
    }

    fn transport(&self, error: &ureq::Error) -> Fault {
        let fault = Fault::transport(error, self.timeout);
        let said = self.way.blamed(&self.base_url, error).map_or(fault.said, |said| excerpt(&said));
        Fault { said: self.struck(said), ..fault }
    }

    fn struck(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| secret.strike(text))
    }
}

fn unread(kind: FaultKind, why: &str, text: &str) -> Fault {
    let begins = excerpt(&text.chars().take(80).collect::<String>());
    let shown = if begins.is_empty() { String::new() } else { format!(" (`{begins}`)") };
    Fault::new(kind, format!("cannot read what came: {why}{shown}"))
}

fn hints(headers: &HeaderMap) -> Hints {
    Hints::read(|name| headers.get(name)?.to_str().ok())
}

/// Puts the address of a request together: the protocol's path goes before the query.
fn address(base_url: &str, api: Api, query: &[(String, Secret)]) -> Secret {
    let (path, asked) = base_url.split_once('?').unwrap_or((base_url, ""));
    let mut url = format!("{}/{}", path.trim_end_matches('/'), api.path());
    let fields = query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value.reveal())));
    let all: Vec<String> = (!asked.is_empty()).then(|| asked.to_owned()).into_iter().chain(fields).collect();
    if !all.is_empty() {
        url = format!("{url}?{}", all.join("&"));
    }
    Secret::of(url)
}

/// Encodes what a query cannot have as it is.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Says whether what is sent under a name may be a key. What is not is left where the server repeats it: it may be a word of
/// an answer.
fn may_be_key(name: &str, value: &Secret) -> bool {
    const PLAIN: [&str; 7] = ["referer", "title", "version", "agent", "accept", "organization", "project"];
    let name = name.to_ascii_lowercase();
    value.reveal().len() >= 8 && !PLAIN.iter().any(|plain| name.contains(plain))
}

/// Words in the name of a query's field that hold a key.
const KEY_NAMES: [&str; 8] = ["key", "token", "secret", "password", "passwd", "signature", "credential", "auth"];

/// Checks the address of a server, which stands in pipelines, logs and errors.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_address(base_url: &str) -> Result<(), &'static str> {
    // Told from the text, since without a scheme the host is taken for one.
    if !["http://", "https://"].iter().any(|scheme| base_url.starts_with(scheme)) {
        return Err("it begins with neither `http://` nor `https://`");
    }
    let uri: Uri = base_url.parse().map_err(|_| "it is no URL")?;
    // A key in an address would stand in the pipeline, in logs and in errors.
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("it has a name or a key in it; `key_env` names the variable that holds one");
    }
    if base_url.contains('#') {
        return Err("it has a `#` in it");
    }
    if base_url.split(['/', ':', '=', '&', ';', ',', '?']).any(Secret::is_meant) {
        return Err("it has a key in it; `key_env` names the variable that holds one");
    }
    let names_key = |field: &str| {
        let name = field.split('=').next().unwrap_or_default().to_ascii_lowercase();
        name == "sig" || name == "code" || KEY_NAMES.iter().any(|key| name.contains(key))
    };
    if uri.query().is_some_and(|query| query.split('&').any(names_key)) {
        return Err("it has a key in it; `query` names the variable that holds one");
    }
    if ["/chat/completions", "/completions", "/responses", "/api/chat"]
        .iter()
        .any(|path| uri.path().trim_end_matches('/').ends_with(path))
    {
        return Err("it has the protocol's own path in it, which `api` adds");
    }
    uri.host().filter(|host| !host.is_empty()).map(|_| ()).ok_or("it names no host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let key = "it has a key in it; `query` names the variable that holds one";
        for (url, expected) in [
            ("http://localhost:8000/v1", Ok(())),
            ("https://api.example.com/v1/", Ok(())),
            ("http://[::1]:80", Ok(())),
            ("https://a/openai/deployments/d?api-version=2024-10-21", Ok(())),
            ("localhost:8000/v1", Err("it begins with neither `http://` nor `https://`")),
            ("http://a b/v1", Err("it is no URL")),
            ("ftp://a/b", Err("it begins with neither `http://` nor `https://`")),
            ("https://me:key@a/v1", Err("it has a name or a key in it; `key_env` names the variable that holds one")),
            ("https://a/v1?key=k", Err(key)),
            ("https://a/v1?a=b&X-Api-Key=k", Err(key)),
            ("https://a/v1?sig=k", Err(key)),
            (
                "https://a/sk-SECRET-abcdef123456/v1",
                Err("it has a key in it; `key_env` names the variable that holds one"),
            ),
            ("https://a/v1#x", Err("it has a `#` in it")),
            ("https://a/v1/chat/completions", Err("it has the protocol's own path in it, which `api` adds")),
            ("", Err("it begins with neither `http://` nor `https://`")),
        ] {
            assert_eq!(check_address(url), expected, "{url}");
        }
    }

    #[test]
    fn the_path_goes_before_the_query() {
        let field = |name: &str, value: &str| (name.to_owned(), Secret::text(value).unwrap());
        let query = [field("api-version", "2024-10-21"), field("k y", "a&b")];
        for (base, query, expected) in [
            ("http://a/v1/", &query[..0], "http://a/v1/chat/completions"),
            ("http://a/v1?x=1", &query[..0], "http://a/v1/chat/completions?x=1"),
            ("http://a/v1", &query[..1], "http://a/v1/chat/completions?api-version=2024-10-21"),
            ("http://a/v1?x=1", &query[..], "http://a/v1/chat/completions?x=1&api-version=2024-10-21&k%20y=a%26b"),
        ] {
            assert_eq!(address(base, Api::Chat, query).reveal(), expected);
        }
    }
}
