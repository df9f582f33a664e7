//! Requests to a proxy that forwards them: the request line has the whole address, as proxies expect of `http://`.
//!
//! The HTTP client only knows tunnels, which most proxies refuse to port 80. Here it connects to the proxy instead, and the
//! first line of each request is completed on its way out.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, TcpConnector, Transport,
};
use ureq::{Agent, Error, Proxy};

/// A proxy that forwards requests.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    proxy: Proxy,
}

impl Forward {
    /// Goes through a proxy of HTTP.
    pub(super) fn through(proxy: &Proxy) -> Self {
        Self { proxy: proxy.clone() }
    }

    /// Makes an agent for `http://` addresses.
    pub(super) fn agent(self, config: Config) -> Agent {
        let resolver = ToProxy(self.proxy.clone());
        Agent::with_parts(config, ().chain(TcpConnector::default()).chain(self), resolver)
    }
}

/// Finds the proxy in the place of every host.
#[derive(Debug)]
struct ToProxy(Proxy);

impl Resolver for ToProxy {
    fn resolve(&self, _uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let place = format!("http://{}:{}", self.0.host(), self.0.port());
        let place: Uri = place.parse().map_err(|_| Error::InvalidProxyUrl)?;
        DefaultResolver::default().resolve(&place, config, timeout)
    }
}

impl<In: Transport> Connector<In> for Forward {
    type Out = Either<In, Forwarded<In>>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let authority = details.uri.authority().map(|authority| authority.as_str().to_owned());
        let origin = format!("http://{}", authority.unwrap_or_default());
        let permit = self.proxy.username().map(|user| {
            let both = format!("{user}:{}", self.proxy.password().unwrap_or_default());
            format!("proxy-authorization: Basic {}\r\n", BASE64_STANDARD.encode(both))
        });
        Ok(chained.map(|inner| Either::B(Forwarded { inner, origin, permit, begins: true })))
    }
}

/// A connection to the proxy.
#[derive(Debug)]
pub(super) struct Forwarded<T> {
    inner: T,
    /// What comes before the path in the first line.
    origin: String,
    /// The header that lets us through.
    permit: Option<String>,
    /// Whether what is sent next begins a request.
    begins: bool,
}

impl<T: Transport> Transport for Forwarded<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !std::mem::take(&mut self.begins) {
            return self.inner.transmit_output(amount, timeout);
        }
        let head = self.inner.buffers().output()[..amount].to_vec();
        let whole = completed(&head, &self.origin, self.permit.as_deref().unwrap_or_default());
        let mut rest = &whole[..];
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let length = rest.len().min(output.len());
            output[..length].copy_from_slice(&rest[..length]);
            self.inner.transmit_output(length, timeout)?;
            rest = &rest[length..];
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // Whatever is sent after something was heard is another request.
        self.begins = true;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Puts the origin before the path in the first line of a request, and a header behind it.
fn completed(head: &[u8], origin: &str, header: &str) -> Vec<u8> {
    let path = head.iter().position(|byte| *byte == b' ').map_or(0, |space| space + 1);
    let line = head.windows(2).position(|pair| pair == b"\r\n").map_or(head.len(), |end| end + 2);
    [&head[..path], origin.as_bytes(), &head[path..line], header.as_bytes(), &head[line..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_gets_the_whole_address() {
        let head = b"POST /v1?a=b HTTP/1.1\r\nhost: a.lab:81\r\n\r\n{}";
        let whole = completed(head, "http://a.lab:81", "proxy-authorization: Basic eA==\r\n");
        let expected =
            "POST http://a.lab:81/v1?a=b HTTP/1.1\r\nproxy-authorization: Basic eA==\r\nhost: a.lab:81\r\n\r\n{}";
        assert_eq!(String::from_utf8(whole).unwrap(), expected);
    }
}
