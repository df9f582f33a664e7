//! The cache of the hub on this machine, laid out as Python's `huggingface_hub` does.

use std::path::PathBuf;

use super::configs::{README, README_BYTES_MAX, split_files};
use super::data::surely_whole;
use super::folder::{FolderError, chat_files_in, companions, files_in, names_below, read_small};
use super::{HubData, HubModel, Revision};

/// Where snapshots of models are kept.
///
/// ```text
/// models--owner--name/refs/main            the commit that a branch or tag was at
/// models--owner--name/blobs/<etag>         the bytes of a file; `<etag>.incomplete` while they come
/// models--owner--name/snapshots/<commit>/  links to blobs under the files' names
/// models--owner--name/.no_exist/<commit>/  empty files under the names that the commit does not have
/// .locks/models--owner--name/<etag>.lock   held by whoever fetches the blob
/// datasets--owner--name/…                  the same of a dataset; `.retort/<commit>/` lists what was fetched of a split
/// ```
#[derive(Debug, Clone)]
pub struct HubCache {
    root: PathBuf,
}

/// A model in the cache, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit it is.
    pub commit: String,
    /// Its directory.
    pub folder: PathBuf,
    /// The names of the files there that are the model.
    pub files: Vec<String>,
}

/// Why a model is not in the cache.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// It was never fetched.
    #[error("nothing of it is there")]
    Nothing,
    /// Files of the snapshot are missing.
    #[error("its snapshot is not whole: {0}")]
    Partial(#[from] FolderError),
}

impl HubCache {
    /// Takes the directory of the cache, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Finds a model whose every file is there.
    pub fn find(&self, model: &HubModel) -> Result<Snapshot, Absent> {
        let commit = self.commit(model).ok_or(Absent::Nothing)?;
        let folder = self.snapshot(model, &commit);
        if !folder.is_dir() {
            return Err(Absent::Nothing);
        }
        let files = match &model.data {
            Some(data) => self.split_files(model, &commit, data)?,
            None if model.chat => chat_files_in(&folder)?,
            None => files_in(&folder)?,
        };
        Ok(Snapshot { commit, folder, files })
    }

    /// Finds the files of a split of a dataset: those that were listed when they were fetched, or those of a snapshot that
    /// another program fetched, where their names show that all of them are there.
    fn split_files(&self, model: &HubModel, commit: &str, data: &HubData) -> Result<Vec<String>, Absent> {
        let folder = self.snapshot(model, commit);
        if let Ok(list) = read_small(&self.list(model, commit, data), 1 << 20) {
            let names: Vec<String> = String::from_utf8_lossy(&list).lines().map(str::to_owned).collect();
            let whole = !names.is_empty() && names.iter().all(|name| folder.join(name).is_file());
            return if whole { Ok(names) } else { Err(Absent::Nothing) };
        }
        let readme = read_small(&folder.join(README), README_BYTES_MAX).ok();
        let files = split_files(&names_below(&folder)?, data, readme.as_deref())?;
        if surely_whole(&files) { Ok(files) } else { Err(Absent::Nothing) }
    }

    /// Returns the file that lists what was fetched of a split.
    pub(super) fn list(&self, model: &HubModel, commit: &str, data: &HubData) -> PathBuf {
        self.folder(model).join(".retort").join(commit).join(data.list_name())
    }

    /// Says whether every file that a model may have was looked for, be it there or not. A snapshot that another program
    /// fetched for itself may lack some.
    pub(super) fn is_complete(&self, model: &HubModel, snapshot: &Snapshot) -> bool {
        let absent = self.absent(model, &snapshot.commit);
        model.data.is_some()
            || companions(model.chat).all(|name| snapshot.folder.join(name).is_file() || absent.join(name).exists())
    }

    /// Returns the directory that notes which files a commit does not have.
    pub(super) fn absent(&self, model: &HubModel, commit: &str) -> PathBuf {
        self.folder(model).join(".no_exist").join(commit)
    }

    /// Returns the directory of a model.
    pub fn folder(&self, model: &HubModel) -> PathBuf {
        self.root.join(folder_name(model))
    }

    /// Returns the commit of a revision: itself, or what was noted when it was last asked for.
    pub(super) fn commit(&self, model: &HubModel) -> Option<String> {
        if model.revision.is_commit() {
            return Some(model.revision.as_str().to_owned());
        }
        let noted = String::from_utf8(read_small(&self.reference(model), 4096).ok()?).ok()?;
        Revision::parse(noted.trim()).filter(Revision::is_commit).map(|commit| commit.as_str().to_owned())
    }

    /// Returns the directory of one commit.
    pub(super) fn snapshot(&self, model: &HubModel, commit: &str) -> PathBuf {
        self.folder(model).join("snapshots").join(commit)
    }

    /// Returns the file that notes the commit of a branch or tag.
    pub(super) fn reference(&self, model: &HubModel) -> PathBuf {
        self.folder(model).join("refs").join(model.revision.as_str())
    }

    /// Returns the file of a blob.
    pub(super) fn blob(&self, model: &HubModel, etag: &str) -> PathBuf {
        self.folder(model).join("blobs").join(etag)
    }

    /// Returns the file that whoever fetches a blob locks.
    pub(super) fn lock(&self, model: &HubModel, etag: &str) -> PathBuf {
        self.root.join(".locks").join(folder_name(model)).join(format!("{etag}.lock"))
    }
}

fn folder_name(model: &HubModel) -> String {
    format!("{}--{}", model.kind(), model.id.as_str().replace('/', "--"))
}
