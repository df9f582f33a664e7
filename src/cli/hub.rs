//! The hub as this machine reaches it, and fetching what an experiment needs from there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use super::exit::Failure;
use super::outlet::read_plain;
use super::session::Session;
use crate::event::{Note, What};
use crate::hub::{Hub, HubCache, HubError, HubModel, Secret, ServerUrl, Way};
use crate::stage::params::ExternalSource;

/// The hub that is asked unless `HF_ENDPOINT` names another.
const ENDPOINT: &str = "https://huggingface.co";

/// How this machine reaches the hub: the variables that Python's tools read, read the same way.
#[derive(Debug, Clone)]
pub(super) struct HubSettings {
    /// Where snapshots are kept.
    pub(super) cache: HubCache,
    endpoint: String,
    token: Option<Secret>,
    /// Where a token is kept by whoever logged in.
    token_file: PathBuf,
    way: Way,
    offline: bool,
}

impl HubSettings {
    /// Gathers the settings from the variables of the environment.
    pub(super) fn gather(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let text = |name: &str| path(name).and_then(|value| value.into_os_string().into_string().ok());
        let home = path("HF_HOME").unwrap_or_else(|| {
            let user = || path("HOME").unwrap_or_default().join(".cache");
            path("XDG_CACHE_HOME").unwrap_or_else(user).join("huggingface")
        });
        let offline = text("HF_HUB_OFFLINE").map(|value| value.to_ascii_uppercase());
        Self {
            cache: HubCache::new(path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub"))),
            endpoint: text("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned()),
            token: text("HF_TOKEN").and_then(|token| Secret::parse(&token)),
            token_file: path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token")),
            way: Way::default(),
            offline: offline.is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.as_str())),
        }
    }

    /// Takes the way to servers that the environment names.
    pub(super) fn with_way(self, way: Way) -> Self {
        Self { way, ..self }
    }

    fn hub(&self, offline: bool) -> Result<Hub, Failure> {
        let endpoint = ServerUrl::parse(&self.endpoint).map_err(|why| {
            Failure::invalid(format!("cannot use what `HF_ENDPOINT` holds as the hub's address: {why}"))
                .hint("`HF_TOKEN` holds the token")
        })?;
        let kept = || {
            let bytes = read_plain(&self.token_file, 4096).ok().flatten()?;
            Secret::parse(std::str::from_utf8(&bytes).ok()?)
        };
        let token = self.token.clone().or_else(kept);
        Ok(Hub::new(self.cache.clone(), endpoint.as_str(), token, self.way.clone(), self.offline || offline))
    }
}

/// Fetches the models from the hub that the wanted instances need and the cache does not have, and tells which commit each
/// model is.
pub(super) fn fetch(
    session: &Session,
    wanted: &[bool],
    offline: bool,
    tell: &mut dyn FnMut(What),
) -> Result<(), Failure> {
    let instances = session.experiment.instances.iter().zip(wanted).filter(|(_, wanted)| **wanted);
    let externals = instances.flat_map(|(instance, _)| instance.bound.externals());
    let models: BTreeSet<&HubModel> = externals
        .filter_map(|external| match &external.source {
            ExternalSource::Hub(model) => Some(model),
            ExternalSource::File(_) | ExternalSource::ModelFolder(_) | ExternalSource::ChatModelFolder(_) => None,
        })
        .collect();
    if models.is_empty() {
        return Ok(());
    }
    let hub = session.settings.hub.hub(offline)?;
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

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        let hint = error.hint();
        Self { hint, ..Self::unusable(error) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};

    use super::*;

    fn check(variables: &[(&str, &str)], expected: &Expect) {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let settings = HubSettings::gather(|name| variables.get(name).map(OsString::from));
        let HubSettings { cache, endpoint, token, token_file, offline, .. } = settings;
        let text = format!("{cache:?}\n{endpoint}\n{token:?} {}\noffline: {offline}", token_file.display());
        expected.assert_eq(&text);
    }

    #[test]
    fn the_variables_of_python_s_tools_are_read() {
        check(
            &[("HOME", "/home/ada")],
            &expect![[r#"
                HubCache { root: "/home/ada/.cache/huggingface/hub" }
                https://huggingface.co
                None /home/ada/.cache/huggingface/token
                offline: false"#]],
        );
        check(
            &[
                ("HOME", "/home/ada"),
                ("XDG_CACHE_HOME", "/var/ada"),
                ("HF_TOKEN", " hf_secret\n"),
                ("HF_HUB_OFFLINE", "0"),
            ],
            &expect![[r#"
                HubCache { root: "/var/ada/huggingface/hub" }
                https://huggingface.co
                Some(Secret) /var/ada/huggingface/token
                offline: false"#]],
        );
        check(
            &[("HF_HOME", "/hf"), ("HF_ENDPOINT", "http://hub.lab"), ("HF_TOKEN", ""), ("HF_HUB_OFFLINE", "true")],
            &expect![[r#"
                HubCache { root: "/hf/hub" }
                http://hub.lab
                None /hf/token
                offline: true"#]],
        );
        check(
            &[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/big/hub"), ("HF_TOKEN_PATH", "/keys/hf")],
            &expect![[r#"
                HubCache { root: "/big/hub" }
                https://huggingface.co
                None /keys/hf
                offline: false"#]],
        );
    }
}
