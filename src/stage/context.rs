//! What a stage is given while it runs.

use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::foreign;
use super::params::{External, Gather, Input};
use retort_artifact::{Artifact, CodecError, Part, Parts};
use retort_event::Note;
use retort_fingerprint::{Digest, Fingerprint};
use retort_hub::{Secret, Way};
use retort_store::{BlobFile, PartialDir, Pending, ProvenFile, RowStore, Store, StoreError, WatchedFile};

/// One artifact that arrived at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The name of the stage it comes from.
    pub stage: String,
    /// The coordinates of the instance it comes from, axis by axis.
    pub coords: BTreeMap<String, String>,
    /// The digests of the parts that are read.
    pub parts: BTreeMap<String, Digest>,
}

/// A piece of work with everything that decides its result.
#[derive(Debug, Clone)]
pub struct Job {
    /// The action's name.
    pub fingerprint: Fingerprint,
    /// What arrived at each port.
    pub inputs: BTreeMap<String, Vec<Arrival>>,
    /// The files behind each external port: name within the directory (or `file`), place and digest.
    pub externals: BTreeMap<String, Vec<(String, PathBuf, Digest)>>,
}

/// Where a stage's notes go: progress, measurements and warnings.
pub trait Feed: Sync {
    /// Takes one note.
    fn note(&self, note: Note);

    /// Takes a word that is kept beside the result, outside its key and its bytes.
    fn record(&self, _name: &'static str, _text: &str) {}

    /// Takes a part of the result that was written already; who keeps no result lets go of it.
    fn hold(&self, _written: Pending) {}
}

/// Opens the device when a stage first needs it.
pub trait DeviceSlot: Sync {
    /// Returns the device, opened once for the whole run. What type it has is agreed between the program and its kinds.
    ///
    /// # Errors
    /// [`StageError::Device`] where it cannot be opened.
    fn device(&self) -> Result<&(dyn Any + Send + Sync), StageError>;

    /// Names the device for the record that is kept beside a result; `None` where none could be opened.
    fn described(&self) -> Option<String>;
}

/// How this machine reaches a teacher behind a server; none of it enters a key.
pub trait Reach: Sync {
    /// Returns what a variable of the environment holds; `None` where it is not set.
    fn variable(&self, name: &str) -> Option<Secret>;

    /// Returns the way to servers: proxies, and whose certificates are believed.
    fn way(&self) -> Way;
}

/// Says whether the run was asked to stop.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Makes a flag that nobody has raised.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks the run to stop at the next safe point.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Says whether someone asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a stage is given while it runs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The work.
    pub job: &'a Job,
    store: &'a Store,
    devices: &'a dyn DeviceSlot,
    reach: &'a dyn Reach,
    feed: &'a dyn Feed,
    stop: &'a Stop,
}

impl<'a> Context<'a> {
    /// Puts a context together; the engine's business.
    pub fn new(
        job: &'a Job,
        store: &'a Store,
        devices: &'a dyn DeviceSlot,
        reach: &'a dyn Reach,
        feed: &'a dyn Feed,
        stop: &'a Stop,
    ) -> Self {
        Self { job, store, devices, reach, feed, stop }
    }

    /// Reads the artifact at a port, decoding the parts that the stage declared it reads.
    pub fn read<A: Artifact>(&self, input: &Input<A>) -> Result<A, StageError> {
        self.decode(&input.port, self.arrival(&input.port)?)
    }

    /// Reads every artifact gathered at a port, each with where it comes from, in a stable order.
    pub fn gather<A: Artifact>(&self, input: &Gather<A>) -> Result<Vec<(&'a Arrival, A)>, StageError> {
        let arrivals = self.job.inputs.get(&input.port).map_or(&[][..], Vec::as_slice);
        arrivals.iter().map(|arrival| Ok((arrival, self.decode(&input.port, arrival)?))).collect()
    }

    /// Reads an external file, and checks that it still is what was hashed before the stage started.
    pub fn file(&self, external: &External) -> Result<Vec<u8>, StageError> {
        self.file_named(external, "file")
    }

    /// Reads one file of an external directory by its name, checked like [`Context::file`].
    pub fn file_named(&self, external: &External, name: &str) -> Result<Vec<u8>, StageError> {
        let files = self.files_of(external);
        let missing = || StageError::NoPart { port: external.port.clone(), part: name.to_owned() };
        let (_, path, digest) = files.iter().find(|(file, ..)| file == name).ok_or_else(missing)?;
        let bytes = self.store.read_input(path, digest).map_err(|error| unusable(path, error))?;
        match foreign::told(&bytes) {
            Some(foreign) => Err(StageError::External { why: foreign::said(path, foreign) }),
            None => Ok(bytes),
        }
    }

    /// Reads the files of rows behind an external port, which may be Parquet; checked like [`Context::file`].
    pub fn files_of_rows(&self, external: &External) -> Result<Vec<Vec<u8>>, StageError> {
        let read = |(_, path, digest): &(String, PathBuf, Digest)| {
            let bytes = self.store.read_input(path, digest).map_err(|error| unusable(path, error))?;
            match foreign::told_of_rows(&bytes) {
                Some(foreign) => Err(StageError::External { why: foreign::said(path, foreign) }),
                None => Ok(bytes),
            }
        };
        match self.files_of(external) {
            [] => Err(StageError::NoPart { port: external.port.clone(), part: "file".to_owned() }),
            files => files.iter().map(read).collect(),
        }
    }

    /// Opens one of the files behind an external port that is too large to be read whole; every piece that is read of it is
    /// what was hashed before the stage started.
    pub fn open(&self, file: &(String, PathBuf, Digest)) -> Result<ProvenFile, StageError> {
        let (_, path, digest) = file;
        self.store.open_input(path, digest).map_err(|error| unusable(path, error))
    }

    /// Opens one to be mapped into memory; `None` where nobody would see that it is changed meanwhile, so that it is to be
    /// read instead.
    pub fn watch(&self, file: &(String, PathBuf, Digest)) -> Result<Option<WatchedFile>, StageError> {
        let (_, path, digest) = file;
        self.store.watch_input(path, digest).map_err(|error| unusable(path, error))
    }

    /// Checks that nobody changed a file while it was mapped.
    pub fn unwatch(&self, file: WatchedFile) -> Result<(), StageError> {
        file.finish().map_err(|error| StageError::External { why: error.to_string() })
    }

    /// Returns the files behind an external port: name within the directory (or `file`), place and digest.
    ///
    /// They are read by [`file_named`](Self::file_named), [`open`](Self::open) or [`watch`](Self::watch), which see to it that
    /// what is read is what was hashed. When the stage is done, the engine checks every external file against its digest and
    /// drops the result if one has changed.
    pub fn files_of(&self, external: &External) -> &'a [(String, PathBuf, Digest)] {
        self.job.externals.get(&external.port).map_or(&[], Vec::as_slice)
    }

    /// Returns the place of an external file or directory, for messages; never for a key.
    pub fn path_of(&self, external: &External) -> String {
        match self.files_of(external) {
            [(name, path, _)] if name == "file" => path.display().to_string(),
            [(_, path, _), ..] => path.parent().unwrap_or(path).display().to_string(),
            [] => external.port.clone(),
        }
    }

    /// Returns the digests of the parts at a port, for row keys.
    pub fn parts<A: Artifact>(&self, input: &Input<A>) -> Result<&'a BTreeMap<String, Digest>, StageError> {
        Ok(&self.arrival(&input.port)?.parts)
    }

    /// Reads one part of the artifact at a port.
    pub fn part<A: Artifact>(&self, input: &Input<A>, name: &str) -> Result<Vec<u8>, StageError> {
        let missing = || StageError::NoPart { port: input.port.clone(), part: name.to_owned() };
        Ok(self.store.read(self.parts(input)?.get(name).ok_or_else(missing)?)?)
    }

    /// Opens a part that was left in the store, such as weights: it is read as a stream, from any place, and nothing is handed
    /// out that is not right.
    pub fn open_part(&self, digest: &Digest) -> Result<BlobFile, StageError> {
        Ok(self.store.open_blob(digest)?)
    }

    /// Puts a part of the result that may be too large for memory into the store while it is made, and returns the name under
    /// which the result refers to it.
    pub fn store_part<E: Into<StageError>>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Digest, StageError> {
        let written = self.written(write)?;
        let digest = written.blob().digest;
        self.feed.hold(written);
        Ok(digest)
    }

    /// Writes a blob while it is made. It is no part of anything yet, and goes away when it is dropped.
    pub fn written<E: Into<StageError>>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Pending, StageError> {
        let mut writer = self.store.blob_writer()?;
        let outcome = write(&mut writer);
        // Where the disk failed, that is what went wrong, however the stage tells it.
        let pending = writer.finish()?;
        outcome.map_err(Into::into)?;
        Ok(pending)
    }

    /// Returns the cache of single rows of a kind.
    pub fn rows(&self, kind: &str) -> Result<Arc<RowStore>, StageError> {
        Ok(self.store.rows(kind)?)
    }

    /// Returns the place where this action keeps unfinished work between runs.
    pub fn partial(&self) -> PartialDir {
        self.store.partial(&self.job.fingerprint)
    }

    /// Returns the device.
    ///
    /// # Errors
    /// [`StageError::Device`] where it cannot be opened, or is of another type than the stage computes on.
    pub fn device<D: Any>(&self) -> Result<&'a D, StageError> {
        let other = || {
            let why = format!("this program computes on another type of device than `{}`", type_name::<D>());
            StageError::Device { why, hint: None }
        };
        self.devices.device()?.downcast_ref().ok_or_else(other)
    }

    /// Returns how this machine reaches a teacher.
    pub fn reach(&self) -> &'a dyn Reach {
        self.reach
    }

    /// Says how far the work is.
    pub fn progress(&self, done: u64, total: u64, unit: &'static str) {
        self.feed.note(Note::Progress { done, total, unit: unit.to_owned() });
    }

    /// Reports a measurement, such as the loss after a step.
    pub fn measure(&self, name: &str, step: u64, value: f64) {
        self.feed.note(Note::Measure { name: name.to_owned(), step, value });
    }

    /// Warns of something that does not stop the work.
    pub fn warn(&self, message: impl Into<String>) {
        self.feed.note(Note::Warning { message: message.into() });
    }

    /// Keeps a word beside the result, such as who answered; it enters neither the key nor the bytes.
    pub fn record(&self, name: &'static str, text: &str) {
        self.feed.record(name, text);
    }

    /// Says whether the work should stop at the next safe point.
    pub fn stopping(&self) -> bool {
        self.stop.asked()
    }

    fn arrival(&self, port: &str) -> Result<&'a Arrival, StageError> {
        let arrivals = self.job.inputs.get(port).map_or(&[][..], Vec::as_slice);
        arrivals.first().ok_or_else(|| StageError::NoPart { port: port.to_owned(), part: "any".to_owned() })
    }

    fn decode<A: Artifact>(&self, port: &str, arrival: &Arrival) -> Result<A, StageError> {
        let read = |(part, digest): (&String, &Digest)| {
            let stays = A::STORED.contains(&part.as_str());
            let read = if stays { Part::Stored(*digest) } else { Part::Bytes(self.store.read(digest)?) };
            Ok((part.clone(), read))
        };
        let parts: Parts = arrival.parts.iter().map(read).collect::<Result<_, StageError>>()?;
        A::decode(&parts).map_err(|source| StageError::Input { port: port.to_owned(), source })
    }
}

fn unusable(path: &Path, error: StoreError) -> StageError {
    match error {
        StoreError::Changed { .. } => StageError::changed(path),
        other => StageError::External { why: other.to_string() },
    }
}

/// Why a stage did not finish.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// It was asked to stop, and kept what it could.
    #[error("stopped before it was done")]
    Stopped,
    /// An artifact on an edge is not what it should be.
    #[error("cannot read the input `{port}`: {source}")]
    Input {
        /// The port.
        port: String,
        /// What is wrong with it.
        source: CodecError,
    },
    /// A part that the stage needs did not arrive.
    #[error("the input `{port}` has no part `{part}`")]
    NoPart {
        /// The port.
        port: String,
        /// The part.
        part: String,
    },
    /// A file outside the experiment cannot be read, or changed meanwhile.
    #[error("cannot use a file of the experiment: {why}")]
    External {
        /// What went wrong, naming the file.
        why: String,
    },
    /// The data does not allow the work.
    #[error("{why}")]
    Data {
        /// What is wrong, naming the row or file, and what to try.
        why: String,
    },
    /// The stage has a defect; the run goes on without it.
    #[error("the stage panicked, which is a defect in Retort: {said}")]
    Panicked {
        /// What the panic said.
        said: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The device cannot be opened, or failed.
    #[error("{why}{hint}", hint = .hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}")))]
    Device {
        /// What went wrong, naming the device.
        why: String,
        /// What to try.
        hint: Option<String>,
    },
}

impl From<io::Error> for StageError {
    /// What the store says of a blob while it is read is an error of the store.
    fn from(error: io::Error) -> Self {
        error.downcast::<StoreError>().map_or_else(|error| Self::data(error.to_string()), Self::Store)
    }
}

impl StageError {
    /// Makes an error about the data.
    pub fn data(why: impl Into<String>) -> Self {
        Self::Data { why: why.into() }
    }

    /// Makes an error about a file outside the experiment that is not what was hashed before the stage began.
    pub fn changed(path: &Path) -> Self {
        Self::External { why: format!("`{}` changed while the experiment was running", path.display()) }
    }
}
