//! What differs between machines and people, as values: nothing here is read from the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use retort_model::DeviceChoice;
use retort_plan::Roots;
use retort_store::{RemoteOptions, StoreOptions, TrustOptions};

use super::HubSettings;

/// What a pipeline file must not say, because it differs between machines. Only the salt enters keys.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of the cache.
    pub cache: PathBuf,
    /// The caches that are looked into when something is not there, in their order.
    pub remotes: Vec<RemoteOptions>,
    /// Whom to trust, and with what to sign.
    pub trust: TrustOptions,
    /// Enters every key: another salt disowns every earlier result.
    pub salt: Option<String>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// The CUDA toolkit, where it is not in its usual place.
    pub toolkit: Option<PathBuf>,
    /// Where the first components of paths in pipelines are, such as `data`.
    pub roots: Roots,
    /// How the hub is reached.
    pub hub: HubSettings,
    /// Who runs this, as results record it.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// A folder of this person's own, for what nobody else may write; memory serves where there is none.
    pub private: Option<PathBuf>,
}

impl Settings {
    /// Describes a cache in a directory, which is made when it is not there: without remotes, roots or keys, with the first
    /// usable device, and with models of the hub in the folder `hub` of the cache.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let cache = cache.into();
        Self {
            hub: HubSettings::new(cache.join("hub")),
            cache,
            remotes: Vec::new(),
            trust: TrustOptions::default(),
            salt: None,
            device: DeviceChoice::Auto,
            toolkit: None,
            roots: Roots::new(),
            user: "nobody".to_owned(),
            host: "localhost".to_owned(),
            private: None,
        }
    }

    /// Returns what a further command must say to mean the same cache, where it is not the one in its usual place.
    pub(crate) fn cache_option(&self) -> String {
        let is_usual = self.cache == Path::new("cache");
        if is_usual { String::new() } else { format!(" --cache {}", self.cache.display()) }
    }

    /// Returns what of these settings enters every key.
    pub fn env(&self) -> BTreeMap<String, Option<String>> {
        self.salt.iter().map(|salt| ("salt".to_owned(), Some(salt.clone()))).collect()
    }

    /// Describes a store in a directory, without remotes.
    pub fn store(&self, root: &Path) -> StoreOptions {
        StoreOptions {
            trust: self.trust.clone(),
            salt: self.salt.clone(),
            private: self.private.clone(),
            ..StoreOptions::new(root, &self.user, &self.host)
        }
    }
}
