//! Addresses of servers, which never hold a key.

use std::fmt;

use ureq::http::Uri;

use super::Secret;

/// The address of a server: `http` or `https`, a host, and where the paths begin. Text that holds a name, a password or a
/// key is no such address, so that whatever has one may show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    text: String,
    host: String,
}

/// Why a text is not the address of a server. It does not repeat the text, which may hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It has no scheme, or one that is not spoken.
    #[error("it begins with neither `http://` nor `https://`")]
    Scheme,
    /// It is not a URL.
    #[error("it is no URL")]
    Form,
    /// It has no host.
    #[error("it names no host")]
    Host,
    /// It has a name or password before the host, or a key within its path.
    #[error("it holds a user name, a password or a key")]
    Credentials,
    /// It has a query or a fragment, where keys are often put.
    #[error("it has a `?` or a `#` in it")]
    Query,
}

impl ServerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`UrlError`], which does not show the text.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        // Told from the text, since without a scheme the host is taken for one.
        if !["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(UrlError::Scheme);
        }
        // An address would stand in the pipeline, in logs, in errors and in a team's cache, and a key in it as well.
        if text.contains('@') {
            return Err(UrlError::Credentials);
        }
        if text.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        if text.split(['/', ':', '=', '&', ';', ',']).any(Secret::is_meant) {
            return Err(UrlError::Credentials);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Form)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(UrlError::Host)?.to_owned();
        Ok(Self { text: text.to_owned(), host })
    }

    /// Returns the address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns its host; an address of IPv6 keeps its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        use UrlError::{Credentials, Form, Host, Query, Scheme};
        for (url, host) in [
            ("http://localhost:8000/v1", Ok("localhost")),
            ("https://api.example.com/v1/", Ok("api.example.com")),
            ("http://[::1]:80", Ok("[::1]")),
            ("https://risk-task-hub.example.com/task-queue/v1", Ok("risk-task-hub.example.com")),
            ("localhost:8000/v1", Err(Scheme)),
            ("http://a b/v1", Err(Form)),
            ("http://:80/v1", Err(Host)),
            ("ftp://a/b", Err(Scheme)),
            ("", Err(Scheme)),
            ("https://me:key@a/v1", Err(Credentials)),
            ("https://key@a/v1", Err(Credentials)),
            ("https://a/me:key@b", Err(Credentials)),
            ("https://a/v1?key=k", Err(Query)),
            ("https://a/v1?", Err(Query)),
            ("https://a/v1#k", Err(Query)),
            ("https://a/sk-abcdef0123456789abcdef/v1", Err(Credentials)),
            ("https://a/v1;token=hf_abcdefABCDEF0123456789", Err(Credentials)),
        ] {
            let found = ServerUrl::parse(url);
            assert_eq!(found.as_ref().map(ServerUrl::host).map_err(|why| *why), host, "{url}");
            assert!(found.is_ok() || !found.unwrap_err().to_string().contains("key@"), "{url}");
        }
    }
}
