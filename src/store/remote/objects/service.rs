//! How requests are sent: no redirect is followed, no answer but an object may be large, and silence ends after a while.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use reqwest::redirect::Policy;

use super::trouble;

/// A larger page of a listing, or answer to anything but a request for an object, is none.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Of what a service says of an error, no more is read.
const COMPLAINT_BYTES_MAX: usize = 64 * 1024;

/// Makes the client of a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connector {
    pub(super) connect_timeout: Duration,
    /// How long the service may be silent.
    pub(super) read_timeout: Duration,
    /// Whether the bucket's own server is spoken to without encryption, for which no certificates need be read.
    pub(super) unencrypted: bool,
    /// Whether the bucket's server is this machine, to which no proxy leads.
    pub(super) is_here: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // One of them is the default of everything in this process; it does not matter who set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("retort/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .http1_only()
            .https_only(!allows_http)
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout);
        if self.unencrypted && allows_http {
            builder = builder.tls_certs_only([]);
        }
        if self.is_here {
            builder = builder.no_proxy();
        }
        let failed =
            |error: reqwest::Error| object_store::Error::Generic { store: "HTTP client", source: Box::new(error) };
        Ok(HttpClient::new(Bounded(builder.build().map_err(failed)?)))
    }
}

/// A client whose answers are bounded, but for objects, whose readers bound them.
#[derive(Debug)]
struct Bounded(reqwest::Client);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Bounded {
    fn call<'life0, 'async_trait>(&'life0 self, request: HttpRequest) -> Answer<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let query = request.uri().query().unwrap_or_default();
            let lists = ["list-type=", "comp=list", "prefix="].iter().any(|sign| query.contains(sign));
            let is_object = request.method().as_str() == "GET" && !lists;
            let (parts, body) = self.0.call(request).await?.into_parts();
            let body = if !parts.status.is_success() {
                let said = gather(body, COMPLAINT_BYTES_MAX, true).await?;
                HttpResponseBody::from(trouble::told(&String::from_utf8_lossy(&said)))
            } else if is_object {
                body
            } else {
                HttpResponseBody::from(gather(body, ANSWER_BYTES_MAX, false).await?.freeze())
            };
            Ok(HttpResponse::from_parts(parts, body))
        })
    }
}

/// Reads a body of no more than so many bytes; a longer one is cut, or an error.
async fn gather(body: HttpResponseBody, bytes_max: usize, cuts: bool) -> Result<BytesMut, HttpError> {
    let (mut all, mut stream) = (BytesMut::new(), body.bytes_stream());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let room = bytes_max - all.len();
        if chunk.len() > room {
            if cuts {
                all.extend_from_slice(&chunk[..room]);
                break;
            }
            let why = io::Error::new(io::ErrorKind::InvalidData, format!("the answer has more than {bytes_max} bytes"));
            return Err(HttpError::new(HttpErrorKind::Decode, why));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}
