//! Brings what is missing of a model from a hub into the cache.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fs_err::File;
use sha2::{Digest as _, Sha256};

use super::cache::Absent;
use super::client::{Announced, Client};
use super::configs::{README, README_BYTES_MAX, split_files};
use super::error::{HubError, Reason};
use super::folder::{FolderError, chat_model_files, companions, model_files};
use super::{HubCache, HubModel, Revision, Secret, Snapshot, Way};

/// How many bytes are read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// A hub, and the cache on this machine that its models go to.
#[derive(Debug)]
pub struct Hub {
    cache: HubCache,
    client: Client,
    offline: bool,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched<'a> {
    /// The file.
    pub file: &'a str,
    /// The bytes that are there.
    pub done_bytes: u64,
    /// The bytes of the whole file.
    pub total_bytes: u64,
    /// Whether it is in the cache now.
    pub whole: bool,
}

impl Hub {
    /// Takes the cache, the address of the hub, and the token and the way to servers; when `offline`, nothing is ever asked.
    pub fn new(cache: HubCache, endpoint: &str, token: Option<Secret>, way: Way, offline: bool) -> Self {
        let client = Client::new(endpoint.trim_end_matches('/').to_owned(), token, way);
        Self { cache, client, offline }
    }

    /// Returns a model that is in the cache, or fetches what is missing of it; `tell` hears of each file that is fetched.
    ///
    /// What is in the cache is not asked for again: a branch stays at the commit it was at when it was first fetched.
    /// What came of a file before the connection broke is kept, and the next call goes on from there.
    pub fn fetch(&self, model: &HubModel, tell: &mut dyn FnMut(Fetched<'_>)) -> Result<Snapshot, HubError> {
        match self.cache.find(model) {
            Ok(snapshot) if self.offline || self.cache.is_complete(model, &snapshot) => Ok(snapshot),
            // What is there will do where the hub cannot be asked for the rest.
            Ok(snapshot) => self.fetch_missing(model, Absent::Nothing, tell).or(Ok(snapshot)),
            Err(absent) => self.fetch_missing(model, absent, tell),
        }
    }

    fn fetch_missing(
        &self,
        model: &HubModel,
        absent: Absent,
        tell: &mut dyn FnMut(Fetched<'_>),
    ) -> Result<Snapshot, HubError> {
        let fail = |reason| HubError::new(model, self.client.endpoint(), None, reason);
        if self.offline {
            return Err(fail(Reason::Offline(absent)));
        }
        let known = self.cache.commit(model).and_then(|commit| Revision::parse(&commit));
        let description = self.client.describe(model, known.as_ref().unwrap_or(&model.revision)).map_err(fail)?;
        let commit = description.commit;
        let folder = self.cache.snapshot(model, &commit);
        let mut read = |name: &str| -> Result<Vec<u8>, Broken> {
            let path = self.file(model, &commit, name, tell)?;
            Ok(fs_err::read(path).map_err(|error| self.error(model, name, Reason::Disk(error)))?)
        };
        let names = &description.files;
        let files = match &model.data {
            Some(data) => names.contains(README).then(|| read(README)).transpose().and_then(|readme| {
                let readme = readme.filter(|readme| readme.len() as u64 <= README_BYTES_MAX);
                Ok(split_files(names, data, readme.as_deref())?)
            }),
            None if model.chat => chat_model_files(names, read),
            None => model_files(names, read),
        };
        let files = files.map_err(|broken| match broken {
            Broken::File(error) => error,
            Broken::Folder(error) => fail(error.into()),
        })?;
        for name in &files {
            self.file(model, &commit, name, tell)?;
        }
        if let Some(data) = &model.data {
            // Listed last, so that what is listed is whole.
            let list = self.cache.list(model, &commit, data);
            let noted = make_parent(&list).and_then(|()| fs_err::write(&list, files.join("\n")));
            noted.map_err(|error| fail(Reason::Disk(error)))?;
        }
        let lacking = self.cache.absent(model, &commit);
        let companions = companions(model.chat).filter(|_| model.data.is_none());
        for name in companions.filter(|name| !description.files.contains(*name)) {
            let noted = fs_err::create_dir_all(&lacking).and_then(|()| fs_err::write(lacking.join(name), b""));
            noted.map_err(|error| fail(Reason::Disk(error)))?;
        }
        if !model.revision.is_commit() {
            // Noted last, so that a branch is known only when all of it is there.
            let reference = self.cache.reference(model);
            let noted = make_parent(&reference).and_then(|()| fs_err::write(&reference, &commit));
            noted.map_err(|error| fail(Reason::Disk(error)))?;
        }
        Ok(Snapshot { commit, folder, files })
    }

    /// Returns the place of a file of a commit, once it is there.
    fn file(
        &self,
        model: &HubModel,
        commit: &str,
        name: &str,
        tell: &mut dyn FnMut(Fetched<'_>),
    ) -> Result<PathBuf, HubError> {
        let link = self.cache.snapshot(model, commit).join(name);
        if link.is_file() {
            return Ok(link);
        }
        let fail = |reason| self.error(model, name, reason);
        let announced = self.client.announce(model, commit, name).map_err(fail)?;
        let blob = self.cache.blob(model, &announced.etag);
        if !blob.is_file() {
            let lock = self.cache.lock(model, &announced.etag);
            let mut heard = |done_bytes| {
                tell(Fetched { file: name, done_bytes, total_bytes: announced.bytes, whole: false });
            };
            self.blob(&announced, &blob, &lock, &mut heard).map_err(fail)?;
            let bytes = announced.bytes;
            tell(Fetched { file: name, done_bytes: bytes, total_bytes: bytes, whole: true });
        }
        // The link is relative, so that the cache may be moved or mounted elsewhere.
        let up = "../".repeat(name.matches('/').count());
        let target = Path::new(&up).join("../../blobs").join(&announced.etag);
        make_parent(&link).and_then(|()| relink(&target, &link)).map_err(|error| fail(Reason::Disk(error)))?;
        Ok(link)
    }

    /// Fetches a blob, unless another process does so meanwhile.
    fn blob(&self, announced: &Announced, blob: &Path, lock: &Path, heard: &mut dyn FnMut(u64)) -> Result<(), Reason> {
        make_parent(lock)?;
        make_parent(blob)?;
        let lock = File::create(lock)?;
        lock.file().lock()?;
        if blob.is_file() {
            return Ok(());
        }
        let part = blob.with_file_name(format!("{}.incomplete", announced.etag));
        match self.bytes(announced, &part, heard) {
            Ok(()) => Ok(fs_err::rename(&part, blob)?),
            Err(reason) => {
                if matches!(reason, Reason::Differs(_)) {
                    fs_err::remove_file(&part)?;
                }
                Err(reason)
            }
        }
    }

    /// Completes a file, and checks that it is what was announced.
    fn bytes(&self, announced: &Announced, part: &Path, heard: &mut dyn FnMut(u64)) -> Result<(), Reason> {
        let mut file = fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(part)?;
        let mut hasher = Sha256::new();
        let mut done = file.metadata()?.len();
        if done > announced.bytes {
            file.set_len(0)?;
            done = 0;
        }
        if done > 0 {
            std::io::copy(&mut file, &mut hasher)?;
        }
        // A long file rarely comes in one piece; as long as each connection brings some of it, the next one is opened.
        while done < announced.bytes {
            let before = done;
            let (begins, mut body) = self.client.open(announced, done)?;
            if begins != done {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                (hasher, done) = (Sha256::new(), 0);
            }
            done = copy(&mut body, &mut file, &mut hasher, done, announced.bytes, heard)?;
            if done <= before {
                return Err(Reason::Cut { came: done, announced: announced.bytes });
            }
        }
        let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        // The etag of a large file is its SHA-256; that of a small one names it in a way that mirrors do not keep to.
        if announced.etag.len() == digest.len() && announced.etag != digest {
            return Err(Reason::Differs(format!("its SHA-256 is {digest}, and not {}", announced.etag)));
        }
        Ok(file.sync_all()?)
    }

    fn error(&self, model: &HubModel, file: &str, reason: Reason) -> HubError {
        HubError::new(model, self.client.endpoint(), Some(file), reason)
    }
}

/// Copies a body behind the `done` bytes a file has, and returns how many it has then; a connection that breaks ends it.
fn copy(
    body: &mut impl Read,
    file: &mut File,
    hasher: &mut Sha256,
    mut done: u64,
    total: u64,
    heard: &mut dyn FnMut(u64),
) -> Result<u64, Reason> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut told = None;
    loop {
        let percent = done * 100 / total;
        if told.replace(percent) != Some(percent) {
            heard(done);
        }
        let came = match body.read(&mut chunk) {
            Ok(came) => came,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return Ok(done),
        };
        if came == 0 {
            return Ok(done);
        }
        done += came as u64;
        if done > total {
            return Err(Reason::Differs(format!("more than its {total} bytes came")));
        }
        file.write_all(&chunk[..came])?;
        hasher.update(&chunk[..came]);
    }
}

fn make_parent(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs_err::create_dir_all)
}

/// Makes a link, or replaces one whose target is gone.
fn relink(target: &Path, link: &Path) -> std::io::Result<()> {
    match fs_err::os::unix::fs::symlink(target, link) {
        // Another process may have made the same one meanwhile.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && link.is_file() => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs_err::remove_file(link)?;
            fs_err::os::unix::fs::symlink(target, link)
        }
        made => made,
    }
}

/// What can be wrong with a directory on the hub.
enum Broken {
    /// A file of it could not be fetched.
    File(HubError),
    /// It is no model.
    Folder(FolderError),
}

impl From<FolderError> for Broken {
    fn from(error: FolderError) -> Self {
        Self::Folder(error)
    }
}

impl From<HubError> for Broken {
    fn from(error: HubError) -> Self {
        Self::File(error)
    }
}
