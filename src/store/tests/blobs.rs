//! Blobs: damage, disguise and absence.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn a_published_blob_reads_back_in_every_way_and_is_read_only() {
    let cache = Cache::new();
    let store = cache.open();
    let (_, blob) = publish(&store, 1, b"one blob");
    assert_eq!(store.read(&blob.digest).unwrap(), b"one blob");
    let mut streamed = Vec::new();
    let mut file = store.open_blob(&blob.digest).unwrap();
    file.read_to_end(&mut streamed).unwrap();
    assert_eq!((streamed.as_slice(), file.size_bytes()), (&b"one blob"[..], 8));
    assert_eq!(fs_err::read(store.blob_path(&blob.digest).unwrap()).unwrap(), b"one blob");
    assert_eq!(store.blob_size(&blob.digest), Some(8));
    let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&cache.blob_path(&blob)), 0o444);
    assert_eq!(mode(cache.blob_path(&blob).parent().unwrap()), 0o755);
}

/// A blob of several pieces, no two of which are equal.
fn large() -> Vec<u8> {
    (0..900_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// What a stage would make of an error of reading a blob.
fn told(error: std::io::Error) -> StoreError {
    error.downcast::<StoreError>().expect("it says which blob it is")
}

#[test]
fn any_place_of_a_blob_is_read_as_it_is() {
    let cache = Cache::new();
    let store = cache.open();
    let whole = large();
    let (_, blob) = publish(&store, 1, &whole);
    let mut file = store.open_blob(&blob.digest).unwrap();
    assert_eq!(file.size_bytes(), whole.len() as u64);
    for (from, count) in [(0, 10), (1_048_570, 20), (3_599_990, 10), (2_097_152, 1_048_577), (5, 0)] {
        assert_eq!(file.seek(SeekFrom::Start(from)).unwrap(), from);
        let mut read = vec![0; count];
        file.read_exact(&mut read).unwrap();
        assert!(read == whole[from as usize..from as usize + count], "{from} {count}");
    }
    assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), whole.len() as u64);
    assert_eq!(file.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn a_blob_that_is_changed_while_it_is_read_is_never_served() {
    let whole = large();
    let mut flipped = whole.clone();
    flipped[2_000_000] ^= 1;
    // One bit, its end cut off, everything gone: in place, so that what is open has it too.
    for damaged in [&flipped[..], &whole[..1_500_000], &[]] {
        let cache = Cache::new();
        let store = cache.open();
        let (_, blob) = publish(&store, 1, &whole);
        let mut file = store.open_blob(&blob.digest).unwrap();
        let mut read = vec![0; 1_000_000];
        file.read_exact(&mut read).unwrap();
        assert!(read == whole[..1_000_000]);
        overwrite(&cache.blob_path(&blob), damaged);
        let mut rest = Vec::new();
        let error = told(file.read_to_end(&mut rest).unwrap_err());
        assert_eq!(error.lost_blob(), Some(blob.digest), "{error}");
        assert!(rest == whole[1_000_000..1_000_000 + rest.len()], "what was handed out before was right");
        assert!(!store.contains(&blob.digest), "it is put away");
        publish(&store, 1, &whole);
        assert!(store.read(&blob.digest).unwrap() == whole);
    }
}

#[test]
fn a_blob_that_has_another_file_while_it_is_read_is_read_to_its_end() {
    let cache = Cache::new();
    let store = cache.open();
    let whole = large();
    let (_, blob) = publish(&store, 1, &whole);
    let path = cache.blob_path(&blob);
    let aside = path.with_extension("aside");
    let read_half = || {
        let mut file = store.open_blob(&blob.digest).unwrap();
        let mut half = vec![0; 1_000_000];
        file.read_exact(&mut half).unwrap();
        (file, half)
    };
    // Collected: what is open stays whole.
    let (mut file, mut read) = read_half();
    fs_err::rename(&path, &aside).unwrap();
    file.read_to_end(&mut read).unwrap();
    assert!(read == whole);
    // Made again by somebody, and what was open is no longer right, as a server that has forgotten it may say.
    fs_err::copy(&aside, &path).unwrap();
    let (mut file, mut read) = read_half();
    fs_err::rename(&path, &aside).unwrap();
    publish(&store, 1, &whole);
    overwrite(&aside, b"something else");
    file.read_to_end(&mut read).unwrap();
    assert!(read == whole);
    assert_eq!(store.take_notices(), []);
    // Nothing is there any more.
    let (mut file, _) = read_half();
    fs_err::rename(&path, &aside).unwrap();
    overwrite(&aside, b"something else");
    let error = told(file.read_to_end(&mut Vec::new()).unwrap_err());
    assert!(matches!(error, StoreError::Missing { digest } if digest == blob.digest), "{error}");
}

#[test]
fn a_blob_of_a_remote_is_read_as_a_stream_and_kept_here_where_that_is_possible() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let whole = large();
    let (fingerprint, blob) = publish(&team.open_with("ada").0, 1, &whole);
    let remotes = [team.remote("team", Writes::OnPush)];
    let read = |store: &Store| {
        store.find(&fingerprint).unwrap().unwrap();
        let mut read = vec![0; 10];
        let mut file = store.open_blob(&blob.digest).unwrap();
        assert_eq!(file.size_bytes(), whole.len() as u64);
        file.seek(SeekFrom::Start(2_000_000)).unwrap();
        file.read_exact(&mut read).unwrap();
        assert!(read == whole[2_000_000..2_000_010]);
    };
    let unkept = StoreOptions { mode: Mode::ReadOnly, remotes: remotes.to_vec(), ..mine.options("bob") };
    read(&Store::open(unkept).unwrap().store);
    assert!(!mine.root().exists());
    read(&mine.open_before("bob", &remotes));
    assert_eq!(fs_err::metadata(mine.blob_path(&blob)).unwrap().len(), whole.len() as u64);
    // Damaged here and right there, it is fetched anew.
    overwrite(&mine.blob_path(&blob), &whole[1..]);
    read(&mine.open_before("bob", &remotes));
    // Damaged in both places, it is lost.
    overwrite(&mine.blob_path(&blob), &whole[1..]);
    overwrite(&team.blob_path(&blob), &whole[1..]);
    let store = mine.open_before("bob", &remotes);
    assert!(store.open_blob(&blob.digest).unwrap_err().is_lost_blob());
}

#[test]
fn a_streamed_blob_equals_one_put_whole() {
    let cache = Cache::new();
    let store = cache.open();
    let bytes: Vec<u8> = (0..1_000_003u32).map(|i| (i % 253) as u8).collect();
    let mut writer = store.blob_writer().unwrap();
    bytes.chunks(7919).for_each(|chunk| writer.write_all(chunk).unwrap());
    assert_eq!(writer.finish().unwrap().blob(), BlobRef::of(&bytes));
}

#[test]
fn a_blob_that_is_not_published_leaves_nothing() {
    let cache = Cache::new();
    let store = cache.open();
    let pending = store.put(b"never published").unwrap();
    let mut writer = store.blob_writer().unwrap();
    writer.write_all(b"never finished").unwrap();
    assert!(!store.contains(&pending.blob().digest));
    drop((pending, writer));
    drop(store);
    assert_eq!(listing(&cache.root().join("tmp")), "");
    assert_eq!(listing(&cache.root().join("objects")), "");
}

/// Damages a published blob in one way, and expects that it is never served, is put away, and can be made anew.
fn check_damage(damage: impl Fn(&Path)) {
    for read_before in [false, true] {
        let cache = Cache::new();
        let (store, _) = cache.open_with("ada");
        let (fingerprint, blob) = publish(&store, 1, b"the right bytes");
        if read_before {
            assert_eq!(store.read(&blob.digest).unwrap(), b"the right bytes");
        }
        damage(&cache.blob_path(&blob));
        let report = verify(&store);
        assert_eq!(report.damaged_blobs.len(), 1, "{report:?}");
        assert!(matches!(store.open_blob(&blob.digest), Err(StoreError::Corrupt { .. })));
        assert!(matches!(store.read(&blob.digest), Err(StoreError::Missing { .. })), "it is in quarantine");
        assert!(!store.contains(&blob.digest));
        assert!(store.take_notices().iter().any(|notice| matches!(notice, Notice::BlobQuarantined { .. })));
        assert_eq!(disk::names(&cache.root().join("trash/quarantine")).unwrap().len(), 1);
        assert!(store.find(&fingerprint).unwrap().is_some(), "the record still says what the result was");
        publish(&store, 1, b"the right bytes");
        assert_eq!(store.read(&blob.digest).unwrap(), b"the right bytes");
        assert!(verify(&store).clean());
    }
}

#[test]
fn a_blob_with_other_bytes_of_the_same_length_mode_and_mtime_is_never_served() {
    check_damage(|path| overwrite(path, b"the wrong bytes"));
}

#[test]
fn a_blob_with_one_flipped_bit_is_never_served() {
    check_damage(|path| overwrite(path, b"the right bytdr"));
}

#[test]
fn a_truncated_or_empty_blob_is_never_served() {
    check_damage(|path| overwrite(path, b"the right"));
    check_damage(|path| overwrite(path, b""));
}

#[test]
fn a_blob_replaced_by_another_file_is_never_served() {
    check_damage(|path| {
        fs_err::remove_file(path).unwrap();
        fs_err::write(path, b"the wrong bytes").unwrap();
        fs_err::set_permissions(path, PermissionsExt::from_mode(0o444)).unwrap();
    });
}

#[test]
fn a_link_is_not_followed_even_to_the_right_bytes() {
    check_damage(|path| {
        let aside = path.parent().unwrap().parent().unwrap().parent().unwrap().join("aside");
        fs_err::rename(path, &aside).unwrap();
        symlink(&aside, path).unwrap();
    });
}

#[test]
fn a_pipe_or_a_folder_in_place_of_a_blob_is_not_waited_for() {
    check_damage(|path| {
        fs_err::remove_file(path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    });
    check_damage(|path| {
        fs_err::remove_file(path).unwrap();
        fs_err::create_dir(path).unwrap();
    });
}

#[test]
fn a_blob_damaged_while_no_store_was_open_is_found_out_by_the_next() {
    let cache = Cache::new();
    let (_, blob) = publish(&cache.open(), 1, b"the right bytes");
    {
        let store = cache.open();
        store.read(&blob.digest).unwrap();
        store.read(&blob.digest).unwrap();
    }
    overwrite(&cache.blob_path(&blob), b"the wrong bytes");
    assert!(matches!(cache.open().read(&blob.digest), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_read_only_store_reports_damage_and_leaves_it_in_place() {
    let cache = Cache::new();
    let (_, blob) = publish(&cache.open(), 1, b"the right bytes");
    overwrite(&cache.blob_path(&blob), b"the wrong bytes");
    let before = listing(&cache.root());
    let store = cache.open_read_only();
    assert!(matches!(store.read(&blob.digest), Err(StoreError::Corrupt { .. })));
    drop(store);
    assert_eq!(listing(&cache.root()), before);
}

#[test]
fn verify_can_put_damage_away() {
    let cache = Cache::new();
    let store = cache.open();
    let (fingerprint, blob) = publish(&store, 1, b"the right bytes");
    overwrite(&cache.blob_path(&blob), b"the wrong bytes");
    fs_err::write(cache.records_path(&fingerprint).join("note.txt"), "x").unwrap();
    let report = store.verify(VerifyOptions { quarantine: true }, &mut |_, _| {}).unwrap();
    assert_eq!((report.damaged_blobs.len(), report.damaged_records.len()), (1, 1));
    let after = verify(&store);
    assert_eq!((after.damaged_blobs.len(), after.damaged_records.len()), (0, 0));
    assert_eq!(after.missing_blobs[0].digest, blob.digest);
}

#[test]
fn a_blob_found_right_is_not_hashed_again_as_long_as_its_stamp_stays() {
    let cache = Cache::new();
    let store = cache.open();
    let (_, blob) = publish(&store, 1, b"the right bytes");
    let path = cache.blob_path(&blob);
    overwrite(&path, b"the wrong bytes");
    let stamp = disk::stamp_at(&path).unwrap();
    let found_right = vec![(blob.digest.as_bytes().to_vec(), stamp.encode().to_vec())];
    store.core.index.put(Table::Verified, found_right);
    assert_eq!(store.read(&blob.digest).unwrap(), b"the wrong bytes", "as if it had been right under this stamp");
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
    assert!(matches!(store.read(&blob.digest), Err(StoreError::Corrupt { .. })));
}

#[test]
fn an_input_is_hashed_again_when_it_changes() {
    let cache = Cache::new();
    let store = cache.open();
    let path = cache.dir.path().join("input.jsonl");
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    fs_err::write(&path, "one").unwrap();
    assert_eq!(store.file_digest(&path).unwrap(), BlobRef::of(b"one"));
    // Same length and mtime: the ctime tells, or, within its tick, nothing was remembered.
    for text in ["two", "six"] {
        fs_err::write(&path, text).unwrap();
        fs_err::File::options().append(true).open(&path).unwrap().set_modified(an_hour_ago).unwrap();
        assert_eq!(store.file_digest(&path).unwrap(), BlobRef::of(text.as_bytes()));
    }
}

#[test]
fn what_the_index_remembers_of_an_input_is_used_and_bound_to_its_stamp() {
    let cache = Cache::new();
    let store = cache.open();
    let path = cache.dir.path().join("input.jsonl");
    fs_err::write(&path, "one").unwrap();
    let stamp = disk::stamp_at(&path).unwrap();
    let other = BlobRef::of(b"two").digest;
    let remember = |stamp: &stamp::Stamp| {
        let value = [&stamp.encode()[..], other.as_bytes()].concat();
        store.core.index.put(Table::Inputs, vec![(stamp.file_id().to_vec(), value)]);
    };
    remember(&stamp);
    if stamp::stamps_tell_at(&path) {
        assert_eq!(store.file_digest(&path).unwrap().digest, other, "not hashed again");
    }
    fs_err::write(&path, "more").unwrap();
    assert_eq!(store.file_digest(&path).unwrap(), BlobRef::of(b"more"));
}

#[test]
fn only_regular_files_are_inputs() {
    let cache = Cache::new();
    let store = cache.open();
    let pipe = cache.dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    assert!(matches!(store.file_digest(&pipe), Err(StoreError::NotAFile { .. })));
    assert!(matches!(store.file_digest(cache.dir.path()), Err(StoreError::NotAFile { .. })));
    let error = store.file_digest(&cache.dir.path().join("absent")).unwrap_err().to_string();
    assert!(error.starts_with("cannot hash an input: ") && error.contains("absent"), "{error}");
}
