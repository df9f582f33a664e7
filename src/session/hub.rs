//! The hub, and fetching what a pipeline needs from there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use retort_event::{Note, What};
use retort_hub::{Hub, HubCache, HubModel, Secret, ServerUrl, Way};
use retort_stage::params::ExternalSource;

use super::outlet::read_plain;
use super::{Selection, Session, SessionError};

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

    fn hub(&self, offline: bool) -> Result<Hub, SessionError> {
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

impl Session {
    /// Fetches the models from the hub that the wanted instances need and the cache does not have, and tells which commit
    /// each model is.
    pub(crate) fn fetch(
        &self,
        selection: &Selection,
        offline: bool,
        tell: &mut dyn FnMut(What),
    ) -> Result<(), SessionError> {
        let externals = selection.ids().flat_map(|id| self.pipeline.experiment.instance(id).bound.externals());
        let models: BTreeSet<&HubModel> = externals
            .filter_map(|external| match &external.source {
                ExternalSource::Hub(model) => Some(model),
                ExternalSource::File(_) | ExternalSource::ModelFolder(_) | ExternalSource::ChatModelFolder(_) => None,
            })
            .collect();
        if models.is_empty() {
            return Ok(());
        }
        let hub = self.pipeline.workspace().settings.hub.hub(offline)?;
        for model in models {
            let snapshot = hub.fetch(model, &mut |fetched| {
                let (instance, bytes) = (format!("{model} {}", fetched.file), fetched.total_bytes);
                tell(if fetched.whole {
                    What::Fetched { file: instance, bytes }
                } else {
                    let unit = "bytes".to_owned();
                    What::Noted { instance, note: Note::Progress { done: fetched.done_bytes, total: bytes, unit } }
                });
            })?;
            if !model.revision.is_commit() {
                let message = format!(
                    "`{model}` is not pinned; `revision: {}` in its place keeps it the same on every machine",
                    snapshot.commit
                );
                tell(What::Resolved { model: model.to_string(), commit: snapshot.commit });
                tell(What::Warned { message });
            }
        }
        Ok(())
    }
}
