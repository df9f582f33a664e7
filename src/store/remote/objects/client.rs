//! Object storage as calls that block: the only file that names the asynchronous runtime, which ends at its border.
//!
//! Whoever calls waits on a thread of its own; two threads of the runtime move the bytes. Requests that fail on their way, or
//! that the service is too busy for, are repeated with growing pauses. Memory is bounded: objects are read no larger than
//! the caller says, and a few parts of blobs at most are on their way at a time, of all blobs together.

use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use fs_err::File;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::client::HttpErrorKind;
use object_store::path::Path as Key;
use object_store::{
    Error, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion,
};
use tokio::runtime::{Builder, Runtime};

use super::arriving::{Arriving, Taken, broke_off};
use super::build::{PART_BYTES, Stores};
use super::trouble::{failure, is_absence, on_its_way};
use crate::BlobRef;
use crate::disk::{self, Opened};
use crate::remote::backend::{Copied, Expected, Put, unsound};
use retort_fingerprint::{Digest, StreamDigest};

/// No service takes more parts of one object.
const PARTS_MAX: u64 = 10_000;

/// So many parts are in memory at a time, of all blobs together.
const PARTS_AT_ONCE: usize = 6;

/// So many parts of one blob are on their way at a time.
const PARTS_OF_ONE: usize = 4;

/// An object that breaks off so often without getting on is given up.
const BREAKS_MAX: u32 = 3;

/// How often something that must not be done twice is begun anew when it failed on its way.
const ATTEMPTS: u32 = 3;

/// A larger object than this is put by the client that allows for a slow line.
const QUICK_BYTES: usize = 1024 * 1024;

/// More names in one folder are not listed.
const NAMES_MAX: usize = 500_000;

/// Which state of an object was read, so that only that one is replaced.
pub(super) type Version = UpdateVersion;

/// A small object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) version: Version,
}

/// A bucket, below a prefix.
pub(super) struct Client {
    /// There until it is dropped.
    runtime: Option<Runtime>,
    stores: Stores,
    /// Without slashes at its ends; may be empty.
    prefix: String,
    /// Who takes a token may have one part in memory.
    tokens: (Sender<()>, Receiver<()>),
}

/// A part's place in memory, which is given back when this is dropped.
struct Token<'a>(&'a Sender<()>);

impl Drop for Token<'_> {
    fn drop(&mut self) {
        // There is room for every token, and the channel outlives them.
        let _ = self.0.try_send(());
    }
}

impl Client {
    /// Starts the runtime for the stores of a bucket.
    pub(super) fn new(stores: Stores, prefix: &str) -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("retort-objects").enable_all().build()?;
        let (give, take) = bounded(PARTS_AT_ONCE);
        (0..PARTS_AT_ONCE).for_each(|_| drop(Token(&give)));
        Ok(Self { runtime: Some(runtime), stores, prefix: prefix.to_owned(), tokens: (give, take) })
    }

    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        match &self.runtime {
            Some(runtime) => runtime.block_on(answer),
            None => unreachable!("the runtime ends with its owner"),
        }
    }

    fn key(&self, name: &str) -> Result<Key, Error> {
        let whole = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Ok(Key::parse(&whole)?)
    }

    /// Asks for credentials, which is the first thing that may be lacking.
    pub(super) fn authenticate(&self) -> io::Result<()> {
        self.wait(self.stores.credentials()).map_err(|error| failure(&error))
    }

    /// Returns the size of an object and its version; `None` when it is not there.
    pub(super) fn head(&self, name: &str) -> io::Result<Option<(u64, Version)>> {
        let key = self.key(name).map_err(|error| failure(&error))?;
        match self.wait(self.stores.quick.head(&key)) {
            Ok(meta) => Ok(Some((meta.size, Version { e_tag: meta.e_tag, version: meta.version }))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Reads a small object whole; `None` when it is not there.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is larger than `bytes_max`, or breaks off again and again.
    pub(super) fn get(&self, name: &str, bytes_max: u64) -> io::Result<Option<Object>> {
        let key = self.key(name).map_err(|error| failure(&error))?;
        self.wait(async {
            let found = match self.stores.quick.get_opts(&key, GetOptions::default()).await {
                Ok(found) => found,
                Err(error) if is_absence(&error) => return Ok(None),
                Err(error) => return Err(failure(&error)),
            };
            let size = found.meta.size;
            if size > bytes_max {
                return Err(unsound(format!("it is larger than {bytes_max} bytes")));
            }
            let version = Version { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            let (mut bytes, mut stream) = (Vec::new(), found.into_stream());
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| broke_off(bytes.len() as u64, size, &error))?;
                if (bytes.len() + chunk.len()) as u64 > size {
                    return Err(unsound("it has more bytes than it says"));
                }
                bytes.extend_from_slice(&chunk);
            }
            if bytes.len() as u64 != size {
                return Err(unsound("it has fewer bytes than it says"));
            }
            Ok(Some(Object { bytes, version }))
        })
    }

    /// Makes an object that is not there yet; `false` when one is.
    pub(super) fn create(&self, name: &str, bytes: &Bytes) -> io::Result<bool> {
        match self.put(name, bytes, &PutMode::Create) {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Replaces the version of an object that was read; `false` when it is no longer that one.
    pub(super) fn replace(&self, name: &str, bytes: &Bytes, version: Version) -> io::Result<bool> {
        match self.put(name, bytes, &PutMode::Update(version)) {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Writes an object whatever is there.
    pub(super) fn overwrite(&self, name: &str, bytes: &Bytes) -> io::Result<()> {
        self.put(name, bytes, &PutMode::Overwrite).map_err(|error| failure(&error))
    }

    fn put(&self, name: &str, bytes: &Bytes, mode: &PutMode) -> Result<(), Error> {
        let key = self.key(name)?;
        let store = if bytes.len() <= QUICK_BYTES { &self.stores.quick } else { &self.stores.slow };
        let mut attempt = 1;
        loop {
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            match self.wait(store.put_opts(&key, bytes.clone().into(), options)) {
                // It may have got there all the same, and is found there then.
                Err(error) if attempt < ATTEMPTS && is_undecided(&error) => attempt += 1,
                other => return other.map(drop),
            }
        }
    }

    /// Copies an object into a new file, or only reads it, and finds out on the way whether it is the blob.
    ///
    /// Where it breaks off it is gone on with, as long as it is still the same object.
    pub(super) fn download(
        &self,
        name: &str,
        digest: &Digest,
        expected: Expected,
        to: Option<&Path>,
        moved: &AtomicU64,
    ) -> io::Result<Copied> {
        let key = self.key(name).map_err(|error| failure(&error))?;
        let mut arriving = match Arriving::new(to) {
            Ok(arriving) => arriving,
            Err(error) => return Ok(Copied::Unwritten(error)),
        };
        self.wait(async {
            let mut breaks = 0;
            loop {
                let options = GetOptions {
                    range: arriving.etag.as_ref().map(|_| GetRange::Offset(arriving.bytes)),
                    if_match: arriving.etag.clone(),
                    ..GetOptions::default()
                };
                let before = arriving.bytes;
                match self.stores.quick.get_opts(&key, options).await {
                    Ok(found) => match arriving.take(found, expected, moved).await {
                        Taken::Whole => break,
                        Taken::Refused(why) => return Ok(Copied::Refused(why)),
                        Taken::Unwritten(error) => return Ok(Copied::Unwritten(error)),
                        Taken::Broken(error) => {
                            breaks = if arriving.bytes > before { 1 } else { breaks + 1 };
                            if breaks >= BREAKS_MAX {
                                return Err(error);
                            }
                            if arriving.etag.is_none() {
                                arriving.anew()?;
                            }
                        }
                    },
                    Err(error) if is_absence(&error) => return Ok(Copied::Absent),
                    // Somebody has replaced it meanwhile.
                    Err(Error::Precondition { .. }) if breaks < BREAKS_MAX => {
                        breaks += 1;
                        arriving.anew()?;
                    }
                    // What was begun and cannot be gone on with says something of this object only.
                    Err(error) if before > 0 => return Err(broke_off(before, 0, &error)),
                    Err(error) => return Err(failure(&error)),
                }
            }
            Ok(arriving.end(digest))
        })
    }

    /// Sends a blob in parts from its file; it appears when all of it is there, and not at all when its bytes are not those
    /// of its name.
    pub(super) fn upload(&self, name: &str, from: &Path, blob: BlobRef, moved: &AtomicU64) -> io::Result<Put> {
        let key = self.key(name).map_err(|error| failure(&error))?;
        let mut file = match disk::open_plain(from)? {
            Opened::Regular(file, stamp) if stamp.bytes() == blob.bytes => file,
            Opened::Regular(_, stamp) => return Ok(Put::Refused(format!("it has {} bytes here", stamp.bytes()))),
            Opened::Absent => return Ok(Put::Refused("it is not in the cache".to_owned())),
            Opened::Odd => return Ok(Put::Refused("it is not a regular file".to_owned())),
        };
        self.wait(async {
            let mut upload = self.stores.slow.put_multipart(&key).await.map_err(|error| failure(&error))?;
            let sent = self.send(&mut *upload, &mut file, blob, moved).await;
            match sent {
                Ok(found) if found == blob.digest => {
                    upload.complete().await.map_err(|error| failure(&error))?;
                    Ok(Put::New(blob.bytes))
                }
                other => {
                    // What is left behind otherwise, a rule of the bucket takes away.
                    let _ = upload.abort().await;
                    let found = other?;
                    Ok(Put::Refused(format!("its {} bytes here have the digest {}", blob.bytes, found.short())))
                }
            }
        })
    }

    /// Sends a file's parts, some at a time, and returns the digest of what was sent.
    async fn send(
        &self,
        upload: &mut dyn MultipartUpload,
        file: &mut File,
        blob: BlobRef,
        moved: &AtomicU64,
    ) -> io::Result<Digest> {
        let part_bytes = blob.bytes.div_ceil(PARTS_MAX).max(PART_BYTES);
        let (mut hash, mut on_their_way) = (StreamDigest::default(), FuturesUnordered::new());
        let arrived = |sent: Result<u64, Error>| match sent {
            Ok(bytes) => {
                moved.fetch_add(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(failure(&error)),
        };
        loop {
            // Whoever has nothing on its way holds no token, so waiting for one here keeps nobody from giving one back.
            let token = match self.tokens.1.try_recv() {
                Ok(()) => Token(&self.tokens.0),
                Err(_) if on_their_way.is_empty() => {
                    self.tokens.1.recv().map_err(io::Error::other)?;
                    Token(&self.tokens.0)
                }
                Err(_) => {
                    if let Some(sent) = on_their_way.next().await {
                        arrived(sent)?;
                    }
                    continue;
                }
            };
            let mut part = Vec::with_capacity(part_bytes as usize);
            Read::by_ref(file).take(part_bytes).read_to_end(&mut part)?;
            if part.is_empty() {
                break;
            }
            hash.update(&part);
            let (bytes, sending) = (part.len() as u64, upload.put_part(part.into()));
            on_their_way.push(async move {
                let _token = token;
                sending.await.map(|()| bytes)
            });
            if on_their_way.len() >= PARTS_OF_ONE
                && let Some(sent) = on_their_way.next().await
            {
                arrived(sent)?;
            }
        }
        while let Some(sent) = on_their_way.next().await {
            arrived(sent)?;
        }
        Ok(hash.finish().0)
    }

    /// Lists the names of all objects below a folder, relative to it and in order.
    pub(super) fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let prefix = self.key(folder).map_err(|error| failure(&error))?;
        self.wait(async {
            let (mut names, mut found) = (Vec::new(), self.stores.quick.list(Some(&prefix)));
            while let Some(meta) = found.next().await {
                let location = meta.map_err(|error| failure(&error))?.location;
                let below = location.as_ref().strip_prefix(prefix.as_ref()).and_then(|rest| rest.strip_prefix('/'));
                names.extend(below.map(str::to_owned));
                if names.len() > NAMES_MAX {
                    return Err(unsound(format!("`{folder}` has more than {NAMES_MAX} objects")));
                }
            }
            names.sort_unstable();
            Ok(names)
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A look-up of a name may hang; nobody waits for it.
            runtime.shutdown_background();
        }
    }
}

/// Tells whether a request may or may not have reached its end.
fn is_undecided(error: &Error) -> bool {
    matches!(on_its_way(error), Some(HttpErrorKind::Timeout | HttpErrorKind::Interrupted | HttpErrorKind::Unknown))
}
