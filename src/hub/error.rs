//! Why a model could not be fetched, and what to try.

use super::HubModel;
use super::folder::FolderError;

/// A model, or one file of it, that could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("cannot fetch {}`{model}`: {reason}", .file.as_ref().map_or(String::new(), |file| format!("`{file}` of ")))]
pub struct HubError {
    /// The model, as `owner/name@revision`.
    pub model: String,
    /// The file, where it is about one.
    pub file: Option<String>,
    /// The page on which a licence is accepted.
    pub page: String,
    /// Why.
    pub reason: Reason,
}

/// Why it could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The network may not be used.
    #[error("the hub is not asked when offline, and {0}")]
    Offline(super::Absent),
    /// The hub cannot be reached.
    #[error("cannot reach the hub: {0}")]
    Network(String),
    /// The repository is open only to those who accepted its terms.
    #[error("the repository is gated (HTTP {status})")]
    Gated {
        /// The status the hub answered with.
        status: u16,
    },
    /// The hub does not let it be read; it says the same of a repository that is not there.
    #[error("the hub denies access (HTTP {status})")]
    Denied {
        /// The status the hub answered with.
        status: u16,
    },
    /// There is no such repository, revision or file.
    #[error("the hub knows no such {what} (HTTP 404)")]
    Unknown {
        /// What it does not know.
        what: &'static str,
    },
    /// The hub answered with something else.
    #[error("the hub answered with HTTP {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The hub's answer makes no sense.
    #[error("the hub's answer cannot be used: {0}")]
    Answer(String),
    /// The repository holds no model that can be read.
    #[error("{0}")]
    Folder(#[from] FolderError),
    /// The connection ended too early.
    #[error("it was cut short: {came} of {announced} bytes came")]
    Cut {
        /// The bytes that came.
        came: u64,
        /// The bytes that were announced.
        announced: u64,
    },
    /// What came is not what was announced.
    #[error("what came is not what was announced: {0}")]
    Differs(String),
    /// The cache on this machine cannot be written.
    #[error("cannot write to the hub's cache: {0}")]
    Disk(#[from] std::io::Error),
}

impl HubError {
    pub(super) fn new(model: &HubModel, endpoint: &str, file: Option<&str>, reason: impl Into<Reason>) -> Self {
        let page = format!("{endpoint}/{}{}", model.prefix(), model.id.as_str());
        Self { model: model.to_string(), file: file.map(str::to_owned), page, reason: reason.into() }
    }

    /// Returns what to try.
    pub fn hint(&self) -> Option<String> {
        let page = &self.page;
        match &self.reason {
            Reason::Offline(_) => {
                Some("run once without `--offline` and `HF_HUB_OFFLINE`, or copy the hub's cache from a machine that has it".into())
            }
            Reason::Network(said) if said.contains("certificate") => {
                Some("`SSL_CERT_FILE` names a file with the certificate of an authority of your own".into())
            }
            Reason::Network(_) => Some(
                "`HF_ENDPOINT` names another hub; `--offline` uses only what the cache has; `path: DIR` takes a directory".into(),
            ),
            Reason::Gated { .. } => {
                Some(format!("accept the licence on {page}, and set `HF_TOKEN` to a token of that account"))
            }
            Reason::Denied { .. } => Some(format!(
                "check the spelling; if it is private or gated, ask for access on {page} and set `HF_TOKEN`"
            )),
            Reason::Unknown { .. } => Some(format!("its page would be {page}")),
            Reason::Folder(error) => Some(error.hint()),
            Reason::Cut { .. } => Some("run again: what came is kept, and it goes on from there".into()),
            Reason::Differs(_) => Some("run again; if it stays so, the hub or a mirror between is broken".into()),
            Reason::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                Some("`HF_HUB_CACHE` names a directory with more room; what came is kept".into())
            }
            Reason::Disk(_) => Some("`HF_HUB_CACHE` names another directory for it".into()),
            Reason::Status { .. } | Reason::Answer(_) => None,
        }
    }
}
