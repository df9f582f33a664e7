//! The way from this machine to a server: which proxy leads there, and whose certificates are believed.
//!
//! Proxies go as curl has them. `http://` addresses go by `http_proxy`, `https://` ones by `https_proxy`, both else by
//! `all_proxy`; names in capitals count where the small ones are not set. A proxy of HTTP gets the whole address of an
//! `http://` request, and a tunnel for an `https://` one. Nothing on this machine is behind a proxy.

use std::io::ErrorKind;
use std::path::PathBuf;

use ureq::config::{AutoHeaderValue, ConfigBuilder};
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use ureq::{Agent, Proxy, ProxyProtocol};

use super::except::Exceptions;
use super::forward::Forward;

/// Why there is no way to a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WayError {
    /// The address is none.
    #[error("`{0}` is no URL")]
    Address(String),
    /// A variable names a proxy that cannot be one. Its value is not shown: it may hold a password.
    #[error("`{0}` is set, and is no address of a proxy: `http://HOST:PORT`, `https://…` or `socks5://…`")]
    Proxy(&'static str),
    /// A variable names certificates that cannot be read.
    #[error("`{variable}` names `{path}`, and no certificate can be read there{why}")]
    Certificates {
        /// The variable.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
        /// What went wrong, behind a colon.
        why: String,
    },
}

/// What the environment says of the way to servers.
#[derive(Debug, Clone, Default)]
pub struct Way {
    http: Option<Named>,
    https: Option<Named>,
    except: Exceptions,
    /// Files and directories of certificates, each with the variable that names it.
    files: Vec<(&'static str, PathBuf)>,
    directories: Vec<(&'static str, PathBuf)>,
}

/// A proxy and the variable that names it.
#[derive(Debug, Clone)]
struct Named {
    variable: &'static str,
    proxy: Option<Proxy>,
}

impl Way {
    /// Gathers it from the variables of the environment.
    pub fn gather(variable: impl Fn(&str) -> Option<String>) -> Self {
        // The first that is set counts, and an empty one says that there is no proxy.
        let proxy = |names: [&'static str; 4]| {
            let (name, value) = names.into_iter().find_map(|name| Some((name, variable(name)?)))?;
            let value = value.trim();
            (!value.is_empty()).then(|| Named { variable: name, proxy: Proxy::new(value).ok() })
        };
        let text = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let list = text("no_proxy").or_else(|| text("NO_PROXY")).unwrap_or_default();
        let files = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
        let files = files.into_iter().filter_map(|name| Some((name, PathBuf::from(text(name)?))));
        let directories = text("SSL_CERT_DIR").unwrap_or_default();
        let directories = directories.split(':').filter(|path| !path.is_empty()).map(PathBuf::from);
        Self {
            http: proxy(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: proxy(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: Exceptions::parse(&list),
            files: files.collect(),
            directories: directories.map(|path| ("SSL_CERT_DIR", path)).collect(),
        }
    }

    /// Says which proxy leads to an address.
    fn proxy(&self, uri: &Uri) -> Result<Option<&Proxy>, WayError> {
        let named = if uri.scheme_str() == Some("https") { &self.https } else { &self.http };
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        match named {
            Some(named) if !is_loopback(host) && !self.except.cover(host, port) => {
                named.proxy.as_ref().map(Some).ok_or(WayError::Proxy(named.variable))
            }
            _ => Ok(None),
        }
    }

    /// Returns a number that is the same for addresses which one agent can serve, below [`Way::KINDS`].
    pub fn kind(&self, url: &str) -> usize {
        let uri: Option<Uri> = url.parse().ok();
        let proxied = uri.as_ref().is_some_and(|uri| self.proxy(uri).is_ok_and(|proxy| proxy.is_some()));
        usize::from(proxied) + 2 * usize::from(url.starts_with("https:"))
    }

    /// Says that the proxy is to blame for an error on the way to an address; `None` where there is none, or it is not.
    pub fn blamed(&self, url: &str, error: &ureq::Error) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let proxy = self.proxy(&uri).ok().flatten()?;
        let connecting = match error {
            ureq::Error::Io(error) => !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => true,
            _ => false,
        };
        connecting.then(|| format!("cannot get through {}: {error}", self.proxy_named(&uri, proxy)))
    }

    /// Says that the proxy refuses whoever does not log in, where there is one on the way to an address.
    pub fn unauthorised(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let proxy = self.proxy(&uri).ok().flatten()?;
        let named = self.proxy_named(&uri, proxy);
        Some(format!("{named} wants a name and a password: `http://NAME:PASSWORD@HOST:PORT`"))
    }

    /// Names the proxy without what lets one through, and the variable that it comes from.
    fn proxy_named(&self, uri: &Uri, proxy: &Proxy) -> String {
        let named = if uri.scheme_str() == Some("https") { &self.https } else { &self.http };
        let variable = named.as_ref().map_or("", |named| named.variable);
        format!(
            "the proxy `{}:{}` that `{variable}` names (`NO_PROXY` lists hosts to reach without it)",
            proxy.host(),
            proxy.port()
        )
    }

    /// How many kinds of addresses there are.
    pub const KINDS: usize = 4;

    /// Makes an agent for an address: no redirect is followed and no status is an error. `configure` says the rest.
    pub fn agent(
        &self,
        url: &str,
        configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Result<Agent, WayError> {
        let uri: Uri = url.parse().map_err(|_| WayError::Address(url.to_owned()))?;
        let proxy = self.proxy(&uri)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(AutoHeaderValue::from(concat!("retort/", env!("CARGO_PKG_VERSION"))))
            .accept_encoding("identity");
        let is_secure = uri.scheme_str() == Some("https");
        let over_tls = is_secure || proxy.is_some_and(|proxy| proxy.protocol() == ProxyProtocol::Https);
        let config = if over_tls { config.tls_config(self.tls()?) } else { config };
        Ok(match proxy {
            Some(proxy) if !is_secure && proxy.protocol() == ProxyProtocol::Http => {
                Forward::through(proxy).agent(configure(config.proxy(None)).build())
            }
            proxy => Agent::new_with_config(configure(config.proxy(proxy.cloned())).build()),
        })
    }

    /// Says whose certificates are believed: those that the environment names, else the machine's, else Mozilla's.
    fn tls(&self) -> Result<TlsConfig, WayError> {
        let mut certificates = Vec::new();
        let places =
            self.files.iter().map(|named| (named, true)).chain(self.directories.iter().map(|named| (named, false)));
        for ((variable, path), is_file) in places {
            let (file, directory) = if is_file { (Some(&**path), None) } else { (None, Some(&**path)) };
            let found = rustls_native_certs::load_certs_from_paths(file, directory);
            // A directory may hold other files as well.
            if found.certs.is_empty() {
                let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
                return Err(WayError::Certificates { variable, path: path.clone(), why });
            }
            certificates.extend(found.certs);
        }
        if certificates.is_empty() {
            certificates = rustls_native_certs::load_native_certs().certs;
        }
        // Several variables may name the same bundle.
        certificates.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        certificates.dedup();
        let roots = if certificates.is_empty() {
            RootCerts::WebPki
        } else {
            certificates.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned()).into()
        };
        Ok(TlsConfig::builder().root_certs(roots).build())
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;

    /// Answers each request over TLS, with a certificate that only the authority of these tests vouches for.
    fn secure_server() -> u16 {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("testdata/localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("testdata/localhost.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, config) = (stream.unwrap(), Arc::clone(&config));
                let mut connection = rustls::ServerConnection::new(config).unwrap();
                let mut tls = rustls::Stream::new(&mut connection, &mut stream);
                // A client that does not believe the certificate goes away.
                if tls.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
                    let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                    let _ = tls.flush();
                }
            }
        });
        port
    }

    #[test]
    fn an_authority_of_ones_own_is_believed_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lab.pem");
        fs_err::write(&file, include_bytes!("testdata/authority.pem")).unwrap();
        fs_err::write(folder.path().join("README"), "no certificate").unwrap();
        let (file, folder) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
        let url = format!("https://localhost:{}/", secure_server());
        let other = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(other.path(), include_bytes!("testdata/localhost.pem")).unwrap();
        for (variables, believed) in [
            (&[("SSL_CERT_FILE", file)][..], true),
            (&[("SSL_CERT_DIR", folder)], true),
            (&[("SSL_CERT_DIR", &format!("{folder}:{folder}"))], true),
            (&[("REQUESTS_CA_BUNDLE", file)], true),
            (&[("CURL_CA_BUNDLE", file)], true),
            (&[("SSL_CERT_FILE", other.path().to_str().unwrap()), ("SSL_CERT_DIR", folder)], true),
            (&[], false),
        ] {
            let agent = way(variables).agent(&url, |config| config).unwrap();
            let answer = agent.get(&url).call().map(|mut answer| answer.body_mut().read_to_string().unwrap());
            assert_eq!(answer.is_ok_and(|body| body == "ok"), believed, "{variables:?}");
        }
    }

    fn way(variables: &[(&str, &str)]) -> Way {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Way::gather(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);

    #[test]
    fn which_proxy_leads_where() {
        let (http, https) = ("http://a.lab/v1", "https://a.lab/v1");
        let cases: [Case<'_>; 18] = [
            (&[], http, None),
            (&[("HTTPS_PROXY", "http://p:1")], http, None),
            (&[("HTTPS_PROXY", "http://p:1")], https, Some("p")),
            (&[("HTTP_PROXY", "http://p:1")], http, Some("p")),
            (&[("HTTP_PROXY", "http://p:1")], https, None),
            (&[("http_proxy", "http://s:1"), ("HTTP_PROXY", "http://p:1")], http, Some("s")),
            (&[("http_proxy", ""), ("HTTP_PROXY", "http://p:1")], http, None),
            (&[("ALL_PROXY", "socks5://p:1")], http, Some("p")),
            (&[("ALL_PROXY", "http://p:1")], https, Some("p")),
            (&[("ALL_PROXY", "http://q:1"), ("https_proxy", "p:1")], https, Some("p")),
            (&[("HTTP_PROXY", "http://p:1"), ("NO_PROXY", "foo, a.lab")], http, None),
            (&[("HTTP_PROXY", "http://p:1"), ("NO_PROXY", "b.lab")], http, Some("p")),
            (&[("HTTP_PROXY", "http://p:1"), ("no_proxy", "a.lab:80"), ("NO_PROXY", "b")], http, None),
            (&[("HTTP_PROXY", "http://p:1"), ("NO_PROXY", "a.lab:443")], http, Some("p")),
            (&[("HTTP_PROXY", "http://p:1")], "http://localhost:8000/v1", None),
            (&[("HTTP_PROXY", "http://p:1")], "http://127.0.0.1/v1", None),
            (&[("HTTP_PROXY", "http://p:1")], "http://[::1]:80/v1", None),
            (&[("HTTP_PROXY", "http://p:1")], "http://10.0.0.1/v1", Some("p")),
        ];
        for (variables, url, expected) in cases {
            let way = way(variables);
            let proxy = way.proxy(&url.parse().unwrap()).unwrap();
            assert_eq!(proxy.map(Proxy::host), expected, "{variables:?} {url}");
            assert_eq!(way.kind(url) % 2, usize::from(expected.is_some()), "{variables:?} {url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_shown() {
        let broken = way(&[("HTTP_PROXY", "ftp://me:secret@p")]);
        let error = broken.agent("http://a.lab/", |config| config).unwrap_err();
        assert_eq!(error, WayError::Proxy("HTTP_PROXY"));
        assert!(broken.agent("https://a.lab/", |config| config).is_ok());
        let absent = way(&[("SSL_CERT_FILE", "/nowhere/ca.pem")]);
        let error = absent.agent("https://a.lab/", |config| config).unwrap_err().to_string();
        assert!(error.starts_with("`SSL_CERT_FILE` names `/nowhere/ca.pem`, and no certificate"), "{error}");
        assert!(absent.agent("http://a.lab/", |config| config).is_ok());
        let folder = tempfile::tempdir().unwrap();
        let empty = way(&[("SSL_CERT_DIR", folder.path().to_str().unwrap())]);
        assert!(empty.agent("https://a.lab/", |config| config).is_err());
    }
}
