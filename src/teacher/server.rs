//! One request over HTTP.

use std::time::{Duration, Instant};

use ureq::http::HeaderMap;
use ureq::{Agent, Proxy};

use super::fault::excerpt;
use super::hints::Hints;
use super::{Answer, Api, Fault, FaultKind};
use retort_hub::{Secret, ServerUrl};

/// The most bytes of an answer: what the cache of rows takes, with room for what it is wrapped in.
const ANSWER_BYTES_MAX: u64 = 15 << 20;

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its address, up to where the protocol's paths begin, such as `http://localhost:8000/v1`.
    pub base_url: ServerUrl,
    /// The protocol.
    pub api: Api,
    /// The key that lets us in.
    pub secret: Option<Secret>,
    /// The proxy that this machine goes through.
    pub proxy: Option<Proxy>,
    /// How long one request may take, from the first byte sent to the last received.
    pub timeout: Duration,
}

/// A server that is asked.
#[derive(Debug)]
pub struct Server {
    agent: Agent,
    url: String,
    api: Api,
    secret: Option<Secret>,
}

impl Server {
    /// Prepares to ask; connects to nothing yet.
    pub fn new(place: Place) -> Self {
        let Place { base_url, api, secret, proxy, timeout } = place;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("retort/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            // A server on this machine is never behind a proxy.
            .proxy(proxy.filter(|_| !is_loopback(base_url.host())))
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .timeout_connect(Some(timeout.min(Duration::from_secs(30))))
            .timeout_global(Some(timeout));
        let url = format!("{}/{}", base_url.as_str().trim_end_matches('/'), api.path());
        Self { agent: Agent::new_with_config(config.build()), url, api, secret }
    }

    /// Sends a request and waits for its answer.
    pub(super) fn ask(&self, body: &[u8]) -> (Result<Answer, Fault>, Hints) {
        let began = Instant::now();
        // A connection serves one request. A server that answers twice would else have the second answer taken for that to the
        // next request, and every row after it would be another's. Beside an answer's time a connection costs nothing.
        let request = self.agent.post(&self.url).header("connection", "close");
        let mut request = request.header("content-type", "application/json");
        if let Some(secret) = &self.secret {
            request = request.header("authorization", secret.bearer());
        }
        let mut answer = match request.send(body) {
            Ok(answer) => answer,
            Err(error) => return (Err(self.transport(&error)), Hints::default()),
        };
        let hints = hints(answer.headers());
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).lossy_utf8(true).read_to_string();
        let body = match read {
            Ok(body) => self.struck(body),
            // What cannot be read of a refusal takes nothing from it.
            Err(_) if !(200..300).contains(&status) => String::new(),
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                let said = format!("the answer is larger than {} MiB", ANSWER_BYTES_MAX >> 20);
                return (Err(Fault::new(FaultKind::Refused, said)), hints);
            }
            Err(error) => return (Err(self.transport(&error)), hints),
        };
        if !(200..300).contains(&status) {
            return (Err(Fault::status(status, &body, hints.retry_after)), hints);
        }
        let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let parsed = Answer::parse(self.api, &body).map(|answer| Answer { latency_ms, ..answer });
        let garbled = |why: String| {
            let begins = excerpt(&body.chars().take(80).collect::<String>());
            Fault::new(FaultKind::Garbled, format!("cannot read what came: {why} (`{begins}`)"))
        };
        (parsed.map_err(garbled), hints)
    }

    fn transport(&self, error: &ureq::Error) -> Fault {
        let fault = Fault::transport(error);
        Fault { said: self.struck(fault.said), ..fault }
    }

    fn struck(&self, text: String) -> String {
        match &self.secret {
            Some(secret) => secret.strike(text),
            None => text,
        }
    }
}

fn hints(headers: &HeaderMap) -> Hints {
    Hints::read(|name| headers.get(name)?.to_str().ok())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_never_behind_a_proxy() {
        for (host, own) in
            [("localhost", true), ("127.0.0.1", true), ("[::1]", true), ("10.0.0.1", false), ("a", false)]
        {
            assert_eq!(is_loopback(host), own, "{host}");
        }
    }
}
