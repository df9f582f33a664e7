//! A full disk, and one that becomes read-only: in a small tmpfs, where this user may mount one.

use std::io::Write;
use std::process::{Command, Output};

use super::*;
use retort_fingerprint::{RowKey, Term};

struct Mounted {
    cache: Cache,
}

impl Mounted {
    fn new(size: &str) -> Option<Self> {
        let cache = Cache::new();
        fs_err::create_dir(cache.root()).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(cache.root())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: this user may not mount a tmpfs");
        }
        mounted.then_some(Self { cache })
    }

    /// Mounts it in another way. It is busy for an instant where another test starts a process just now, which has this
    /// one's open files until it is another program.
    fn remount(&self, how: &str) {
        let mount = || Command::new("mount").args(["-o", how]).arg(self.cache.root()).output().unwrap();
        let busy = |output: &Output| String::from_utf8_lossy(&output.stderr).contains("busy");
        let mut output = mount();
        for _ in 0..100 {
            if !busy(&output) {
                break;
            }
            output = mount();
        }
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.cache.root()).status();
    }
}

#[test]
fn a_full_disk_is_said_clearly_and_leaves_nothing_half_done() {
    let Some(mounted) = Mounted::new("6m") else { return };
    let cache = &mounted.cache;
    let (store, _) = cache.open_with("ada");
    let (kept, blob) = publish(&store, 1, b"published while there was room");
    let large = vec![7; 32 * 1024 * 1024];

    let error = store.put(&large).unwrap_err();
    let StoreError::Full { root, needed_bytes, .. } = &error else { panic!("{error}") };
    assert_eq!((root, *needed_bytes), (&cache.root(), large.len() as u64));
    assert!(error.hint().is_some());

    let mut writer = store.blob_writer().unwrap();
    assert!(large.chunks(65_536).any(|chunk| writer.write_all(chunk).is_err()));
    assert!(matches!(writer.finish(), Err(StoreError::Full { .. })));
    assert_eq!(listing(&cache.root().join("tmp")).lines().count(), 1, "only the session's lock is left");
    let blobs = listing(&cache.root().join("objects"));
    assert_eq!(blobs.lines().count(), 1, "{blobs}");

    // Fill what is left with a foreign file, so that nothing small fits either.
    let mut filler = fs_err::File::create(cache.root().join("filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    while filler.write_all(&[0; 1]).is_ok() {}
    let refused =
        |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Full { .. })), "{result:?}");
    refused(store.put(b"small").map(drop));
    refused(store.publish(Vec::new(), &record(&store, 2, &[("rows", blob)])).map(drop));
    let rows = store.rows("elicit").unwrap();
    let key = RowKey::of(&Term::Int(1));
    refused(rows.put(key, b"row"));
    assert_eq!(rows.get(&key).unwrap(), None);
    refused(store.partial(&manifest(2).fingerprint()).save("state", |out| std::io::Write::write_all(out, b"step")));
    assert_eq!(store.partial(&manifest(2).fingerprint()).load("state").unwrap(), None);
    assert_eq!(store.find(&manifest(2).fingerprint()).unwrap(), None);
    assert_eq!(store.find(&kept).unwrap().unwrap().outputs["rows"], blob);
    assert_eq!(store.read(&blob.digest).unwrap(), b"published while there was room");
    assert!(verify(&store).clean());

    drop(filler);
    fs_err::remove_file(cache.root().join("filler")).unwrap();
    publish(&store, 2, b"room again");
    rows.put(key, b"row").unwrap();
    assert_eq!(rows.get(&key).unwrap().unwrap(), b"row");
    drop((rows, store));
    let (store, _) = cache.open_with("ada");
    assert!(verify(&store).clean());
    assert_eq!(store.rows("elicit").unwrap().get(&key).unwrap().unwrap(), b"row");
}

#[test]
fn a_file_system_that_is_read_only_opens_for_reading() {
    let Some(mounted) = Mounted::new("6m") else { return };
    let cache = &mounted.cache;
    let (fingerprint, blob) = publish(&cache.open_with("ada").0, 1, b"result");
    mounted.remount("remount,ro");
    let (store, notices) = cache.open_with("ada");
    assert!(matches!(&notices[..], [Notice::ReadOnly { .. }]), "{notices:?}");
    assert!(store.find(&fingerprint).unwrap().is_some());
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    let error = store.put(b"more").unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}
