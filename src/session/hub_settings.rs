//! How the hub is reached, as a value.

use std::path::PathBuf;

use retort_hub::{Hub, HubCache, Secret, ServerUrl, Way};

use super::SessionError;
use super::outlet::read_plain;

/// How the hub is reached.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Where snapshots are kept.
    pub cache: HubCache,
    /// The hub's address.
    pub endpoint: String,
    /// What is shown to the hub.
    pub token: Option<Secret>,
    /// Where a token is kept by whoever logged in; it is read when the hub is asked.
    pub token_file: Option<PathBuf>,
    /// Proxies, and whose certificates are believed.
    pub way: Way,
    /// Whether models come from the cache alone.
    pub offline: bool,
}

impl HubSettings {
    /// The hub that is asked where no other is named.
    pub const ENDPOINT: &str = "https://huggingface.co";

    /// Asks the usual hub, without a token, and keeps snapshots in a directory.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: HubCache::new(cache),
            endpoint: Self::ENDPOINT.to_owned(),
            token: None,
            token_file: None,
            way: Way::default(),
            offline: false,
        }
    }

    pub(crate) fn hub(&self, offline: bool) -> Result<Hub, SessionError> {
        let endpoint = ServerUrl::parse(&self.endpoint).map_err(|why| {
            SessionError::invalid(format!("cannot use what `HF_ENDPOINT` holds as the hub's address: {why}"))
                .with_hint("`HF_TOKEN` holds the token")
        })?;
        let kept = || {
            let bytes = read_plain(self.token_file.as_ref()?, 4096).ok().flatten()?;
            Secret::parse(std::str::from_utf8(&bytes).ok()?)
        };
        let token = self.token.clone().or_else(kept);
        Ok(Hub::new(self.cache.clone(), endpoint.as_str(), token, self.way.clone(), self.offline || offline))
    }
}
