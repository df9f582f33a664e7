//! Inputs that others change while they are read, in every way that leaves the file as it was.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use super::*;
use crate::stamp::stamps_tell_at;

/// An input of several pieces, no two of which are equal.
fn bytes() -> Vec<u8> {
    (0..900_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// Ways to put other bytes into an input; `restore` undoes each.
const SWAPS: [&str; 2] = ["in place", "renamed"];

fn swap(path: &Path, how: &str, bytes: &[u8]) {
    if how == "in place" {
        fs_err::OpenOptions::new().write(true).open(path).unwrap().file().write_all_at(bytes, 0).unwrap();
    } else {
        let other = path.with_extension("other");
        fs_err::write(&other, bytes).unwrap();
        fs_err::rename(&other, path).unwrap();
    }
}

#[test]
fn a_file_that_is_swapped_while_it_is_read_is_found_out() {
    let cache = Cache::new();
    let store = cache.open();
    let (path, whole) = (cache.dir.path().join("weights"), bytes());
    let mut other = whole.clone();
    other[2_000_000] ^= 1;
    for how in SWAPS {
        // Before it is opened.
        fs_err::write(&path, &whole).unwrap();
        let digest = store.file_digest(&path).unwrap().digest;
        swap(&path, how, &other);
        assert!(matches!(store.open_input(&path, &digest), Err(StoreError::Changed { .. })), "{how}");
        assert!(matches!(store.read_input(&path, &digest), Err(StoreError::Changed { .. })), "{how}");
        swap(&path, how, &whole);
        // While it is open. What was renamed into its place is another file, and is not what is read.
        let mut open = store.open_input(&path, &digest).unwrap();
        let mut read = vec![0; 1_000_000];
        open.read_exact(&mut read).unwrap();
        assert!(read == whole[..1_000_000]);
        swap(&path, how, &other);
        let mut rest = Vec::new();
        let outcome = open.read_to_end(&mut rest);
        swap(&path, how, &whole);
        if how == "in place" {
            assert!(outcome.unwrap_err().to_string().contains("changed while the experiment was running"));
        } else {
            outcome.unwrap();
            assert!([read, rest].concat() == whole);
        }
        assert_eq!(store.file_digest(&path).unwrap().digest, digest, "as if nothing had been");
    }
    // Cut short, and put back.
    let digest = store.file_digest(&path).unwrap().digest;
    let mut open = store.open_input(&path, &digest).unwrap();
    fs_err::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
    assert!(open.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn any_place_of_an_input_is_read_as_it_is() {
    let cache = Cache::new();
    let store = cache.open();
    let (path, whole) = (cache.dir.path().join("weights"), bytes());
    fs_err::write(&path, &whole).unwrap();
    let digest = store.file_digest(&path).unwrap().digest;
    assert!(store.read_input(&path, &digest).unwrap() == whole);
    let mut open = store.open_input(&path, &digest).unwrap();
    for (from, count) in [(0, 10), (1_048_570, 20), (3_599_990, 10), (2_097_152, 1_048_577), (5, 0)] {
        assert_eq!(open.seek(SeekFrom::Start(from)).unwrap(), from);
        let mut read = vec![0; count];
        open.read_exact(&mut read).unwrap();
        assert!(read == whole[from as usize..from as usize + count], "{from} {count}");
    }
    assert_eq!(open.seek(SeekFrom::End(-4)).unwrap(), whole.len() as u64 - 4);
    assert_eq!(open.read(&mut [0; 10]).unwrap(), 4);
    assert_eq!(open.read(&mut [0; 10]).unwrap(), 0);
    assert!(open.seek(SeekFrom::Current(-9_999_999)).is_err());
    fs_err::write(&path, "").unwrap();
    let digest = store.file_digest(&path).unwrap().digest;
    assert_eq!(store.open_input(&path, &digest).unwrap().read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn an_input_of_this_moment_is_read_and_not_mapped() {
    let cache = Cache::new();
    let store = cache.open();
    let path = cache.dir.path().join("vectors");
    fs_err::write(&path, "one").unwrap();
    // It could be changed within the tick of its stamp.
    let digest = store.file_digest(&path).unwrap().digest;
    assert!(store.watch_input(&path, &digest).unwrap().is_none());
}

#[test]
fn whatever_is_no_file_is_refused_and_not_waited_for() {
    let cache = Cache::new();
    let store = cache.open();
    let pipe = cache.dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    let digest = BlobRef::of(b"").digest;
    for path in [pipe.as_path(), cache.dir.path(), Path::new("/dev/zero")] {
        assert!(matches!(store.read_input(path, &digest), Err(StoreError::NotAFile { .. })));
        assert!(matches!(store.open_input(path, &digest), Err(StoreError::NotAFile { .. })));
        assert!(matches!(store.watch_input(path, &digest), Err(StoreError::NotAFile { .. })));
    }
}

#[test]
fn an_input_that_does_not_fit_into_memory_is_an_error() {
    let cache = Cache::new();
    let store = cache.open();
    let path = cache.dir.path().join("sparse");
    // As much as a file may have here; no machine has the memory.
    let file = fs_err::File::create(&path).unwrap();
    if file.set_len(1 << 43).is_err() {
        println!("skipped: the file system has no files of eight tebibytes");
        return;
    }
    let said = store.read_input(&path, &BlobRef::of(b"").digest).unwrap_err().to_string();
    assert!(said.contains("do not fit into memory"), "{said}");
}

#[test]
#[expect(unsafe_code, reason = "a file is written through a mapping, as somebody might")]
fn a_file_in_memory_is_hashed_each_time() {
    let cache = Cache::new();
    let store = cache.open();
    let Ok(folder) = tempfile::TempDir::new_in("/dev/shm") else {
        println!("skipped: there is no `/dev/shm`");
        return;
    };
    let path = folder.path().join("input");
    fs_err::write(&path, "...").unwrap();
    assert!(!stamps_tell_at(&path), "`/dev/shm` is in memory");
    let file = fs_err::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    // SAFETY: nobody else has the file.
    let mut map = unsafe { memmap2::MmapMut::map_mut(file.file()) }.unwrap();
    map.copy_from_slice(b"one");
    let digest = store.file_digest(&path).unwrap().digest;
    // As if it had been hashed long ago, so that its stamp would do anywhere else.
    let stamp = disk::stamp_at(&path).unwrap();
    let value = [&stamp.encode()[..], digest.as_bytes()].concat();
    store.core.index.put(Table::Inputs, vec![(stamp.file_id().to_vec(), value)]);
    map.copy_from_slice(b"two");
    assert_eq!(disk::stamp_at(&path).unwrap(), stamp, "the stamp says nothing");
    assert_eq!(store.file_digest(&path).unwrap(), BlobRef::of(b"two"));
    assert!(store.watch_input(&path, &BlobRef::of(b"two").digest).unwrap().is_none(), "so it is read, not mapped");
}
