//! From an address and the environment to a store: which builder, which options, and how patient.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use reqwest::Url;

use super::address::{ObjectsAt, Service};
use super::service::Connector;
use super::trouble::failure;

/// Blobs are sent in parts of so many bytes, or of more where a blob would have too many parts.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;

/// A line slower than this, in bytes a second, may not be enough to send a part before it is given up.
const SLOWEST: u64 = 128 * 1024;

/// The first pause before a request is repeated; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// No request is repeated more often.
const RETRIES_MAX: usize = 10;

/// What a store is made of is shared with whoever waits for it.
pub(super) type Shared = Arc<dyn ObjectStore>;

/// The stores of one bucket.
pub(super) struct Stores {
    /// For what is small, and for reading: a silence is a failure soon enough that there is time for another try.
    pub(super) quick: Shared,
    /// For sending much, after which the service is silent until all of it is there.
    pub(super) slow: Shared,
    credentials: Option<Credentials>,
}

type Asked = Pin<Box<dyn Future<Output = object_store::Result<()>> + Send>>;
type Credentials = Box<dyn Fn() -> Asked + Send + Sync>;

impl Stores {
    /// Takes one store for everything, as tests have one.
    #[cfg(test)]
    pub(super) fn only(store: Shared) -> Self {
        Self { quick: Arc::clone(&store), slow: store, credentials: None }
    }

    /// Asks for credentials, where there have to be any.
    pub(super) async fn credentials(&self) -> object_store::Result<()> {
        match &self.credentials {
            Some(ask) => ask().await,
            None => Ok(()),
        }
    }
}

/// Returns how much longer a call may take that sends a part than any other.
pub(super) fn sending_takes() -> Duration {
    Duration::from_secs(PART_BYTES / SLOWEST)
}

/// Makes the stores of a bucket, or says why they cannot be made.
pub(super) fn stores(at: &ObjectsAt, timeout: Duration) -> Result<Stores, String> {
    let endpoint = at.endpoint.as_deref().map(|text| read_endpoint(text, at)).transpose()?;
    let elsewhere = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let elsewhere = elsewhere.iter().find_map(|name| at.surroundings.named(name).next()).map(|(_, text)| text);
    let elsewhere = elsewhere.filter(|_| at.bucket.service == Service::S3).and_then(|text| Url::parse(text).ok());
    let server = endpoint.as_ref().or(elsewhere.as_ref());
    let quick = Connector {
        connect_timeout: (timeout / 3).min(Duration::from_secs(5)),
        read_timeout: timeout / 3,
        unencrypted: server.is_some_and(|url| url.scheme() == "http"),
        is_here: server.is_some_and(is_here),
    };
    let slow = Connector { read_timeout: timeout + sending_takes(), ..quick };
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: FIRST_PAUSE.min(timeout / 20), max_backoff: timeout / 5, base: 2.0 },
        max_retries: RETRIES_MAX,
        retry_timeout: timeout.mul_f64(0.6),
    };
    // Only the connector's own timeouts count: the library's would end a long transfer.
    let options = ClientOptions::new().with_timeout_disabled();
    match at.bucket.service {
        Service::S3 => amazon(at, endpoint.as_ref(), [quick, slow], &retry, &options),
        Service::Google => google(at, [quick, slow], &retry, options),
        Service::Azure => azure(at, [quick, slow], &retry, options),
    }
    .map_err(|error| failure(&error).to_string())
}

/// Reads the server's address and refuses what is not meant to be spoken to in the clear.
fn read_endpoint(text: &str, at: &ObjectsAt) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none());
    let url = url.ok_or("its `endpoint` is no address of a server, such as `https://minio.example.org:9000`")?;
    if url.scheme() == "http" && at.allow_http != Some(true) {
        return Err(format!("its endpoint `{text}` is not encrypted: `allow_http = true` says that this is meant"));
    }
    Ok(url)
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn amazon(
    at: &ObjectsAt,
    endpoint: Option<&Url>,
    connectors: [Connector; 2],
    retry: &RetryConfig,
    options: &ClientOptions,
) -> object_store::Result<Stores> {
    let make = |connector: Connector| {
        let mut builder = AmazonS3Builder::new().with_client_options(options.clone());
        for (name, value) in at.surroundings.named("AWS_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        builder = builder.with_url(at.bucket.url()).with_retry(retry.clone()).with_http_connector(connector);
        if let Some(region) = &at.region {
            builder = builder.with_region(region);
        }
        if let Some(allow) = at.allow_http {
            builder = builder.with_allow_http(allow);
        }
        let path_style = at.path_style.unwrap_or(true);
        if at.path_style.is_some() || endpoint.is_some() {
            builder = builder.with_virtual_hosted_style_request(!path_style);
        }
        if let Some(url) = endpoint {
            builder = builder.with_endpoint(if path_style { url.to_string() } else { hosted(url, at.bucket.name()) });
        }
        builder.build()
    };
    let [quick, slow] = connectors;
    let (quick, slow) = (make(quick)?, make(slow)?);
    let unsigned = at.surroundings.named("AWS_SKIP_SIGNATURE").any(|(_, value)| value == "true");
    let credentials = (!unsigned).then(|| asking(quick.credentials()));
    Ok(Stores { quick: Arc::new(quick), slow: Arc::new(slow), credentials })
}

/// Makes a question for whether somebody provides credentials.
fn asking<C: Send + Sync + 'static>(provider: &Arc<dyn CredentialProvider<Credential = C>>) -> Credentials {
    let provider = Arc::clone(provider);
    Box::new(move || {
        let provider = Arc::clone(&provider);
        Box::pin(async move { provider.get_credential().await.map(drop) })
    })
}

/// Puts a bucket's name before the name of its server.
fn hosted(url: &Url, bucket: &str) -> String {
    let mut hosted = url.clone();
    let host = format!("{bucket}.{}", url.host_str().unwrap_or_default());
    // An address of numbers has no names below it; it stays, and the server says what it thinks of that.
    let _ = hosted.set_host(Some(&host));
    hosted.to_string()
}

fn google(
    at: &ObjectsAt,
    connectors: [Connector; 2],
    retry: &RetryConfig,
    options: ClientOptions,
) -> object_store::Result<Stores> {
    let options = options.with_allow_http(at.allow_http.unwrap_or(false));
    let make = |connector: Connector| {
        let mut builder = GoogleCloudStorageBuilder::new().with_client_options(options.clone());
        for (name, value) in at.surroundings.named("GOOGLE_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        builder.with_url(at.bucket.url()).with_retry(retry.clone()).with_http_connector(connector).build()
    };
    let [quick, slow] = connectors;
    let (quick, slow) = (make(quick)?, make(slow)?);
    let credentials = Some(asking(quick.credentials()));
    Ok(Stores { quick: Arc::new(quick), slow: Arc::new(slow), credentials })
}

fn azure(
    at: &ObjectsAt,
    connectors: [Connector; 2],
    retry: &RetryConfig,
    options: ClientOptions,
) -> object_store::Result<Stores> {
    let options = options.with_allow_http(at.allow_http.unwrap_or(false));
    let make = |connector: Connector| {
        let mut builder = MicrosoftAzureBuilder::new().with_client_options(options.clone());
        for (name, value) in at.surroundings.named("AZURE_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        builder.with_url(at.bucket.url()).with_retry(retry.clone()).with_http_connector(connector).build()
    };
    let [quick, slow] = connectors;
    let (quick, slow) = (make(quick)?, make(slow)?);
    let credentials = Some(asking(quick.credentials()));
    Ok(Stores { quick: Arc::new(quick), slow: Arc::new(slow), credentials })
}
