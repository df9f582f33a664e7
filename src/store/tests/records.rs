//! Records: what is no record is never served.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_record_is_found_by_its_action_alone() {
    let cache = Cache::new();
    let store = cache.open();
    let (fingerprint, blob) = publish(&store, 1, b"result");
    let found = store.find(&fingerprint).unwrap().unwrap();
    let expected: BTreeMap<String, BlobRef> = [("rows".to_owned(), blob)].into();
    assert_eq!((found.outputs, found.took_ms, found.producer), (expected, 250, store.producer()));
    let (id, whole) = store.record(&fingerprint).unwrap().unwrap();
    assert_eq!((id, whole.manifest), (found.id, manifest(1)));
    assert!(store.find(&manifest(2).fingerprint()).unwrap().is_none());
    drop(store);
    assert_eq!(cache.open().find(&fingerprint).unwrap().unwrap().id, id);
}

#[test]
fn the_record_whose_work_began_first_is_used_whatever_the_order_of_arrival() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    let publish_at = |store: &Store, started_at_ms, bytes: &[u8]| {
        let pending = store.put(bytes).unwrap();
        let record = Record { started_at_ms, ..record(store, 1, &[("rows", pending.blob())]) };
        store.publish(vec![pending], &record).unwrap()
    };
    let fingerprint = manifest(1).fingerprint();
    let late = publish_at(&ada, 2000, b"late");
    assert_eq!(ada.find(&fingerprint).unwrap().unwrap().id, late);
    let early = publish_at(&bob, 1000, b"early");
    for store in [&ada, &bob] {
        assert_eq!(store.find(&fingerprint).unwrap().unwrap().id, early);
        assert_eq!(store.find(&fingerprint).unwrap().unwrap().id, early, "also out of the index");
        assert_eq!(store.records(&fingerprint).unwrap().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [early, late]);
    }
}

/// Damages the only record of an action in one way and expects that it is ignored and said to be.
fn check_damage(damage: impl Fn(&Cache, &Path), said: &str) {
    for find_before in [false, true] {
        let cache = Cache::new();
        let store = cache.open();
        let (fingerprint, _) = publish(&store, 1, b"result");
        let (other, _) = publish(&store, 2, b"another result");
        if find_before {
            assert!(store.find(&fingerprint).unwrap().is_some());
        }
        let folder = cache.records_path(&fingerprint);
        damage(&cache, &folder.join(&disk::names(&folder).unwrap()[0]));
        assert_eq!(store.find(&fingerprint).unwrap(), None);
        assert!(store.record(&fingerprint).unwrap().is_none());
        let notices: Vec<String> = store.take_notices().iter().map(ToString::to_string).collect();
        assert!(notices.iter().any(|notice| notice.contains(said)), "{notices:?}");
        assert!(!verify(&store).clean());
        assert!(store.find(&other).unwrap().is_some());
        publish(&store, 1, b"result");
        assert!(store.find(&fingerprint).unwrap().is_some(), "made anew beside it");
    }
}

#[test]
fn an_empty_record_is_ignored() {
    check_damage(|_, path| overwrite(path, b""), "it is empty");
}

#[test]
fn a_truncated_record_is_ignored() {
    check_damage(
        |_, path| {
            let bytes = fs_err::read(path).unwrap();
            overwrite(path, &bytes[..bytes.len() / 2]);
        },
        "not those of its name",
    );
}

#[test]
fn an_edited_record_is_ignored_even_with_its_old_length_and_mtime() {
    check_damage(
        |_, path| {
            let text = fs_err::read_to_string(path).unwrap();
            overwrite(path, text.replace("\"took_ms\":250", "\"took_ms\":999").as_bytes());
        },
        "not those of its name",
    );
}

#[test]
fn a_record_that_is_a_link_or_a_pipe_is_ignored() {
    check_damage(
        |cache, path| {
            let aside = cache.dir.path().join("aside");
            fs_err::rename(path, &aside).unwrap();
            symlink(&aside, path).unwrap();
        },
        "not a regular file",
    );
    check_damage(
        |_, path| {
            fs_err::remove_file(path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
        },
        "not a regular file",
    );
}

#[test]
fn a_record_copied_into_another_actions_folder_is_ignored() {
    let cache = Cache::new();
    let store = cache.open();
    let (one, _) = publish(&store, 1, b"result");
    let other = manifest(2).fingerprint();
    fs_err::create_dir_all(cache.records_path(&other)).unwrap();
    let name = &disk::names(&cache.records_path(&one)).unwrap()[0];
    fs_err::copy(cache.records_path(&one).join(name), cache.records_path(&other).join(name)).unwrap();
    assert_eq!(store.find(&other).unwrap(), None);
    assert!(store.take_notices()[0].to_string().contains("it is about"));
}

#[test]
fn a_forged_record_whose_manifest_is_another_actions_is_ignored() {
    let cache = Cache::new();
    let store = cache.open();
    let (one, _) = publish(&store, 1, b"result");
    let (other, _) = publish(&store, 2, b"another");
    let name = &disk::names(&cache.records_path(&one)).unwrap()[0];
    let text = fs_err::read_to_string(cache.records_path(&one).join(name)).unwrap();
    let forged = text.replace(&one.hex(), &other.hex());
    let forged_name = BlobRef::of(forged.as_bytes()).digest.hex();
    fs_err::write(cache.records_path(&other).join(&forged_name), forged).unwrap();
    assert_eq!(store.records(&other).unwrap().len(), 1);
    assert!(store.take_notices()[0].to_string().contains(&forged_name));
}

#[test]
fn a_record_is_not_published_before_its_blobs() {
    let cache = Cache::new();
    let store = cache.open();
    let record = record(&store, 1, &[("rows", BlobRef::of(b"never put"))]);
    let error = store.publish(Vec::new(), &record).unwrap_err();
    assert!(matches!(&error, StoreError::BadRecord { why, .. } if why.contains("`rows`")), "{error}");
    assert_eq!(listing(&cache.root().join("actions")), "");
}

#[test]
fn a_record_that_could_not_be_read_back_is_refused() {
    let cache = Cache::new();
    let store = cache.open();
    let mut record = record(&store, 1, &[]);
    record.manifest.params = Term::Float(f64::INFINITY);
    assert!(matches!(store.publish(Vec::new(), &record), Err(StoreError::BadRecord { .. })));
}

#[test]
fn an_output_may_be_a_blob_that_is_there_already() {
    let cache = Cache::new();
    let store = cache.open();
    let (_, blob) = publish(&store, 1, b"shared");
    let record = record(&store, 2, &[("rows", blob)]);
    store.publish(Vec::new(), &record).unwrap();
    assert_eq!(store.find(&record.fingerprint()).unwrap().unwrap().outputs["rows"], blob);
}

#[test]
fn the_file_of_a_record_is_pinned() {
    let record = Record {
        manifest: manifest(1),
        outputs: [("rows".to_owned(), BlobRef { digest: retort_fingerprint::Digest::from_bytes([7; 32]), bytes: 3 })]
            .into(),
        producer: Producer { user: "ada".into(), host: "box".into(), program: "retort 0".into() },
        started_at_ms: 1,
        took_ms: 2,
        notes: [("device".to_owned(), "cpu".to_owned())].into(),
    };
    expect_test::expect![[r#"{"claim":1,"fingerprint":"3913270a471afadcffddb5ba04bd9469cefe9166ac63d8de725f9a7d2357dc6a","outputs":{"rows":{"digest":"0707070707070707070707070707070707070707070707070707070707070707","bytes":3}},"producer":{"user":"ada","host":"box","program":"retort 0"},"started_at_ms":1,"took_ms":2,"notes":{"device":"cpu"},"manifest":{"kind":"transform","revision":1,"params":{"record":{"number":{"int":1}}},"inputs":[],"env":{},"numerics":null}}"#]].assert_eq(&String::from_utf8(record.encode()).unwrap());
}

#[test]
fn a_result_whose_bytes_are_lost_gives_way_to_a_later_one_that_is_whole() {
    let cache = Cache::new();
    let (fingerprint, earlier) = publish(&cache.open(), 1, b"one");
    fs_err::remove_file(cache.open().blob_path(&earlier.digest).unwrap()).unwrap();
    let (_, later) = publish(&cache.open(), 1, b"two");
    let rows = |store: &Store| store.find(&fingerprint).unwrap().unwrap().outputs["rows"].digest;
    assert_eq!(rows(&cache.open()), later.digest);
}
