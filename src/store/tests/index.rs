//! The index may be locked, deleted or damaged; nothing depends on it.

use std::os::unix::fs::PermissionsExt;

use super::*;
use retort_fingerprint::{RowKey, Term};

/// Fills a cache, does something to its index while it is closed, and expects that nothing is lost.
fn check(break_index: impl Fn(&Path)) -> Vec<Notice> {
    let cache = Cache::new();
    let key = RowKey::of(&Term::Int(1));
    let published: Vec<_> = {
        let store = cache.open();
        store.new_run("experiment").unwrap();
        store.rows("elicit").unwrap().put(key, b"row").unwrap();
        (0..40).map(|number| publish(&store, number, format!("result {number}").as_bytes())).collect()
    };
    let whole = |store: &Store| {
        for (fingerprint, blob) in &published {
            assert_eq!(store.find(fingerprint).unwrap().unwrap().outputs["rows"], *blob);
            assert_eq!(BlobRef::of(&store.read(&blob.digest).unwrap()), *blob);
        }
        assert_eq!(store.rows("elicit").unwrap().get(&key).unwrap().unwrap(), b"row");
        assert!(verify(store).clean());
    };
    break_index(&cache.root().join("index/ada@box/sled-v1"));
    let (store, notices) = cache.open_with("ada");
    whole(&store);
    publish(&store, 1000, b"more");
    drop(store);
    let (store, _) = cache.open_with("ada");
    whole(&store);
    let report = store.rebuild_index(&mut |_, _| {}).unwrap();
    assert_eq!((report.actions, report.packs), (41, 1));
    whole(&store);
    notices
}

#[test]
fn a_deleted_index_loses_nothing() {
    assert_eq!(check(|folder| fs_err::remove_dir_all(folder).unwrap()), [Notice::IndexNew]);
}

#[test]
fn an_index_that_is_a_file_is_moved_aside() {
    let notices = check(|folder| {
        fs_err::remove_dir_all(folder).unwrap();
        fs_err::write(folder, "not a folder").unwrap();
    });
    assert!(matches!(&notices[..], [Notice::IndexDamaged { moved_to: Some(_), .. }]), "{notices:?}");
}

#[test]
fn an_index_whose_log_is_a_folder_is_moved_aside() {
    let notices = check(|folder| {
        fs_err::remove_file(folder.join("db")).unwrap();
        fs_err::create_dir(folder.join("db")).unwrap();
    });
    assert!(matches!(&notices[..], [Notice::IndexDamaged { moved_to: Some(_), .. }]), "{notices:?}");
}

#[test]
fn an_index_whose_pages_are_garbage_loses_nothing() {
    check(|folder| {
        let length = fs_err::metadata(folder.join("db")).unwrap().len() as usize;
        fs_err::write(folder.join("db"), vec![0xA5; length]).unwrap();
    });
}

#[test]
fn an_index_cut_short_or_with_flipped_bytes_loses_nothing() {
    for at in [10, 1000, 5000, 20_000] {
        check(|folder| fs_err::File::options().write(true).open(folder.join("db")).unwrap().set_len(at).unwrap());
        check(|folder| {
            let mut bytes = fs_err::read(folder.join("db")).unwrap();
            bytes.iter_mut().skip(at as usize).step_by(997).for_each(|byte| *byte ^= 0x10);
            fs_err::write(folder.join("db"), bytes).unwrap();
        });
    }
}

#[test]
fn a_second_store_of_the_same_user_goes_without_the_index_and_shares_everything_else() {
    let cache = Cache::new();
    let first = cache.open();
    let (second, notices) = cache.open_with("ada");
    assert_eq!(notices, [Notice::IndexLocked]);
    assert!(first.index_is_kept() && !second.index_is_kept());
    let (one, _) = publish(&first, 1, b"one");
    let (two, _) = publish(&second, 2, b"two");
    assert!(first.find(&two).unwrap().is_some() && second.find(&one).unwrap().is_some());
    let key = RowKey::of(&Term::Int(1));
    let (rows, others) = (first.rows("elicit").unwrap(), second.rows("elicit").unwrap());
    assert_eq!(others.get(&key).unwrap(), None);
    rows.put(key, b"row").unwrap();
    assert_eq!(others.get(&key).unwrap().unwrap(), b"row");
}

#[test]
fn the_index_is_free_again_when_its_store_is_dropped() {
    let cache = Cache::new();
    for _ in 0..3 {
        assert!(cache.open().index_is_kept());
    }
}

#[test]
fn users_have_an_index_each() {
    let cache = Cache::new();
    let (ada, bob) = (cache.open_with("ada"), cache.open_with("bob"));
    assert_eq!((ada.1, bob.1), (vec![], vec![]));
}

#[test]
fn a_store_for_reading_finds_everything_and_touches_nothing() {
    let cache = Cache::new();
    let key = RowKey::of(&Term::Int(1));
    let (fingerprint, blob) = {
        let store = cache.open();
        store.rows("elicit").unwrap().put(key, b"row").unwrap();
        store.new_run("experiment").unwrap();
        publish(&store, 1, b"result")
    };
    let before = listing(&cache.root());
    {
        let store = cache.open_read_only();
        assert!(store.find(&fingerprint).unwrap().is_some());
        assert_eq!(store.read(&blob.digest).unwrap(), b"result");
        assert_eq!(store.rows("elicit").unwrap().get(&key).unwrap().unwrap(), b"row");
        assert_eq!(store.rows("absent").unwrap().get(&key).unwrap(), None);
        assert_eq!(store.runs().unwrap().len(), 1);
        assert!(verify(&store).clean());
        let error = store.put(b"more").unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }) && error.hint().is_some());
        assert!(error.to_string().contains("open for reading only"), "{error}");
        let refused = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::ReadOnly { .. })));
        refused(store.publish(Vec::new(), &record(&store, 2, &[])).map(drop));
        refused(store.rows("elicit").unwrap().put(key, b"row"));
        refused(store.lease(&fingerprint).map(drop));
        refused(store.new_run("experiment").map(drop));
        refused(store.partial(&fingerprint).save("state", |out| std::io::Write::write_all(out, b"x")));
        refused(store.gc(GcOptions::default(), &mut |_, _| {}).map(drop));
    }
    assert_eq!(listing(&cache.root()), before);
}

#[test]
fn a_cache_that_is_not_there_is_only_made_when_asked() {
    let cache = Cache::new();
    let opened = Store::open(StoreOptions { mode: Mode::Existing, ..cache.options("ada") });
    assert!(matches!(opened.map(|_| ()), Err(StoreError::NotACache { .. })));
    let empty = Store::open(StoreOptions { mode: Mode::ReadOnly, ..cache.options("ada") }).unwrap();
    assert!(empty.store.runs().unwrap().is_empty());
    assert!(!cache.root().exists());
    drop(cache.open());
    let tag = fs_err::read_to_string(cache.root().join("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    assert!(Store::open(StoreOptions { mode: Mode::Existing, ..cache.options("ada") }).is_ok());
}

#[test]
fn a_directory_that_may_not_be_written_opens_for_reading_with_a_notice() {
    let cache = Cache::new();
    let (fingerprint, _) = publish(&cache.open(), 1, b"result");
    let tmp = cache.root().join("tmp");
    fs_err::set_permissions(&tmp, PermissionsExt::from_mode(0o555)).unwrap();
    if fs_err::write(tmp.join("probe"), "").is_ok() {
        println!("skipped: this user may write whatever the modes say");
        return;
    }
    let (store, notices) = cache.open_with("ada");
    assert!(matches!(&notices[..], [Notice::ReadOnly { .. }]), "{notices:?}");
    assert!(store.find(&fingerprint).unwrap().is_some());
    assert!(matches!(store.put(b"x"), Err(StoreError::ReadOnly { .. })));
    fs_err::set_permissions(&tmp, PermissionsExt::from_mode(0o755)).unwrap();
}
