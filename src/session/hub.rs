//! The hub, and fetching what a pipeline needs from there.

use std::collections::BTreeSet;

use retort_event::{Note, What};
use retort_hub::HubModel;
use retort_stage::params::ExternalSource;

use super::{Selection, Session, SessionError};

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
