//! Which remotes a store has, and what goes to them.

use std::path::PathBuf;
use std::time::Duration;

use super::backend::Terms;
use super::objects::ObjectsAt;

/// When what is made here goes to a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writes {
    /// Never: the remote is only read.
    Never,
    /// When a person says so, with `retort cache push`.
    OnPush,
    /// As soon as it is made.
    OnSuccess,
}

/// What a remote is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteAt {
    /// A directory.
    Directory(PathBuf),
    /// Object storage.
    Objects(ObjectsAt),
}

/// One remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteOptions {
    /// What it is called in messages and commands.
    pub name: String,
    /// Where it is.
    pub at: RemoteAt,
    /// When what is made here goes there.
    pub writes: Writes,
    /// How long it may take to answer, or to move the next bytes.
    pub timeout: Duration,
}

impl RemoteOptions {
    /// What its backend has to know of it.
    pub(super) fn terms(&self) -> Terms {
        Terms { name: self.name.clone(), wants_writes: self.writes != Writes::Never, timeout: self.timeout }
    }
}
