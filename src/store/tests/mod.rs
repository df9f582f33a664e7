//! Tests of the whole store on real directories.

mod blobs;
mod buckets;
mod collecting;
mod evicting;
mod full_disk;
mod guarding;
mod hostile_remotes;
mod index;
mod killed;
mod leases;
mod moto;
mod proven;
mod proxy;
mod publishing;
mod records;
mod remotes;
mod row_damage;
mod row_files;
mod row_trust;
mod runs;
mod saved_work;
mod sharing;
mod trash;
mod trusting;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::index::Table;
use super::*;
use retort_fingerprint::{Fingerprint, KeyManifest, Term};

/// A cache in a temporary directory; several stores may be opened on it.
struct Cache {
    dir: TempDir,
}

impl Cache {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn options(&self, user: &str) -> StoreOptions {
        StoreOptions { program: "retort test".into(), ..StoreOptions::new(self.root(), user, "box") }
    }

    fn open_with(&self, user: &str) -> (Store, Vec<Notice>) {
        let Opened { store, notices } = Store::open(self.options(user)).unwrap();
        (store, notices)
    }

    fn open(&self) -> Store {
        let (store, notices) = self.open_with("ada");
        assert_eq!(notices, []);
        store
    }

    fn open_read_only(&self) -> Store {
        Store::open(StoreOptions { mode: Mode::ReadOnly, ..self.options("ada") }).unwrap().store
    }

    /// Opens it `days` later.
    fn open_later(&self, days: u64) -> Store {
        let now_ms = (self.options("ada").clock)() + days * 24 * 3600 * 1000;
        Store::open(StoreOptions { clock: Arc::new(move || now_ms), ..self.options("ada") }).unwrap().store
    }

    /// Opens it with remotes behind it.
    fn open_before(&self, user: &str, remotes: &[RemoteOptions]) -> Store {
        let options = StoreOptions { remotes: remotes.to_vec(), ..self.options(user) };
        Store::open(options).unwrap().store
    }

    /// Describes it as a remote.
    fn remote(&self, name: &str, writes: Writes) -> RemoteOptions {
        RemoteOptions {
            name: name.into(),
            at: RemoteAt::Directory(self.root()),
            writes,
            timeout: std::time::Duration::from_mins(1),
        }
    }

    /// Makes one that a group shares.
    fn shared() -> Self {
        let cache = Self::new();
        Store::share(&cache.root()).unwrap();
        cache
    }

    fn blob_path(&self, blob: &BlobRef) -> PathBuf {
        let hex = blob.digest.hex();
        self.root().join("objects/v1").join(&hex[..2]).join(hex)
    }

    fn records_path(&self, fingerprint: &Fingerprint) -> PathBuf {
        let hex = fingerprint.hex();
        self.root().join("actions/v1").join(&hex[..2]).join(hex)
    }
}

/// Returns the name under which a test of a module is run in a process of its own.
fn child_of(module: &str, test: &str) -> String {
    let (_, module) = module.split_once("::").unwrap();
    format!("{module}::{test}")
}

fn manifest(number: i64) -> KeyManifest {
    KeyManifest {
        kind: "transform".into(),
        revision: 1,
        params: Term::record([("number", Term::Int(number))]),
        inputs: Vec::new(),
        env: BTreeMap::new(),
        numerics: None,
    }
}

fn record(store: &Store, number: i64, outputs: &[(&str, BlobRef)]) -> Record {
    Record {
        manifest: manifest(number),
        outputs: outputs.iter().map(|(part, blob)| ((*part).to_owned(), *blob)).collect(),
        producer: store.producer(),
        started_at_ms: 1000,
        took_ms: 250,
        notes: BTreeMap::new(),
    }
}

/// Publishes one blob as the result of action `number`.
fn publish(store: &Store, number: i64, bytes: &[u8]) -> (Fingerprint, BlobRef) {
    let pending = store.put(bytes).unwrap();
    let blob = pending.blob();
    let record = record(store, number, &[("rows", blob)]);
    store.publish(vec![pending], &record).unwrap();
    (record.fingerprint(), blob)
}

/// Overwrites a file in place, whatever its mode, and gives it back its mode and times, as a careful vandal would.
fn overwrite(path: &Path, bytes: &[u8]) {
    let metadata = fs_err::metadata(path).unwrap();
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(path, bytes).unwrap();
    fs_err::set_permissions(path, metadata.permissions()).unwrap();
    fs_err::File::options().append(true).open(path).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
}

fn verify(store: &Store) -> VerifyReport {
    store.verify(VerifyOptions::default(), &mut |_, _| {}).unwrap()
}

/// Lists every file below a folder with its size, as one text to compare.
fn listing(folder: &Path) -> String {
    let mut lines = Vec::new();
    disk::visit_files(folder, &mut |path, stamp| {
        lines.push(format!("{} {}", path.strip_prefix(folder).unwrap().display(), stamp.bytes()));
    })
    .unwrap();
    lines.sort();
    lines.join("\n")
}
