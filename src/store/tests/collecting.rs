//! Garbage collection keeps what is reachable.

use std::time::Duration;

use super::*;

/// Collects everything that no root needs, however young.
const NOW: GcOptions = GcOptions { keep_runs: 1, keep_for: Duration::ZERO, grace: Duration::ZERO, dry_run: false };

fn gc(store: &Store, options: GcOptions) -> GcReport {
    store.gc(options, &mut |done, total| assert!(done <= total)).unwrap()
}

fn run_with(store: &Store, experiment: &str, numbers: &[i64]) -> RunId {
    let run = store.new_run(experiment).unwrap();
    let entry = |number: &i64| InstanceEntry {
        name: format!("n{number}"),
        stage: "n".into(),
        fingerprint: manifest(*number).fingerprint(),
        outcome: Outcome::Hit,
    };
    run.record_instances(&numbers.iter().map(entry).collect::<Vec<_>>()).unwrap();
    run.id().clone()
}

fn present(store: &Store, numbers: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let is_there = |number: &i64| {
        let found = store.find(&manifest(*number).fingerprint()).unwrap();
        found.is_some_and(|found| store.read(&found.outputs["rows"].digest).is_ok())
    };
    numbers.into_iter().filter(is_there).collect()
}

#[test]
fn what_recent_runs_of_any_user_need_is_kept_and_the_rest_goes() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    for number in 0..6 {
        publish(&ada, number, format!("result {number}").as_bytes());
    }
    run_with(&cache.open_later(0), "quarel", &[0, 1]);
    run_with(&cache.open_later(1), "quarel", &[1, 2]);
    run_with(&ada, "csqa", &[3]);
    run_with(&bob, "quarel", &[4]);
    let late = cache.open_later(2);
    let report = gc(&late, NOW);
    assert_eq!(present(&late, 0..6), [1, 2, 3, 4]);
    assert_eq!((report.removed_records, report.removed_blobs, report.removed_runs), (2, 2, 1));
    assert_eq!((report.kept_records, report.kept_blobs, report.recompute_ms), (4, 4, 500));
    assert!(verify(&late).clean());
    assert_eq!(present(&ada, 0..6), [1, 2, 3, 4], "also as another store sees it");
}

#[test]
fn a_dry_run_says_the_same_and_touches_nothing() {
    let cache = Cache::new();
    let store = cache.open_later(30);
    for number in 0..4 {
        publish(&store, number, format!("result {number}").as_bytes());
    }
    run_with(&store, "quarel", &[0]);
    store.partial(&manifest(9).fingerprint()).save("state", |out| std::io::Write::write_all(out, b"x")).unwrap();
    let before = listing(&cache.root());
    let said = gc(&store, GcOptions { dry_run: true, ..NOW });
    let untouched = |text: &str| text.lines().filter(|line| !line.starts_with("index/")).collect::<Vec<_>>().join("\n");
    assert_eq!(untouched(&listing(&cache.root())), untouched(&before));
    let done = gc(&store, NOW);
    let same = |report: &GcReport| {
        (
            report.removed_records,
            report.removed_blobs,
            report.removed_partials,
            report.removed_bytes,
            report.recompute_ms,
        )
    };
    assert_eq!(same(&said), same(&done));
    assert_eq!((said.removed_records, said.removed_partials), (3, 1));
}

#[test]
fn what_is_young_is_kept_and_trash_stays_for_the_grace_period() {
    let cache = Cache::new();
    let grace = Duration::from_hours(24);
    let options = GcOptions { grace, ..NOW };
    let (_, blob) = publish(&cache.open(), 1, b"result");
    assert_eq!(gc(&cache.open(), options).removed_blobs, 0);
    let later = gc(&cache.open_later(2), options);
    assert_eq!((later.removed_records, later.removed_blobs, later.trash_bytes), (1, 1, 0));
    // The trash gets its time from the file system, which is two days behind the clock that this store goes by.
    assert!(gc(&cache.open_later(2), options).trash_bytes >= blob.bytes);
    assert!(!cache.open().contains(&blob.digest));
    publish(&cache.open(), 2, b"other");
    let store = cache.open();
    fs_err::create_dir_all(cache.root().join("trash/gc-young/objects")).unwrap();
    fs_err::write(cache.root().join("trash/gc-young/objects/x"), "x").unwrap();
    assert_eq!(gc(&store, options).trash_bytes, 0);
    assert!(cache.root().join("trash/gc-young/objects/x").exists());
}

#[test]
fn a_blob_that_one_kept_record_names_is_kept() {
    let cache = Cache::new();
    let store = cache.open();
    publish(&store, 1, b"shared");
    publish(&store, 2, b"shared");
    run_with(&store, "quarel", &[2]);
    let late = cache.open_later(1);
    let report = gc(&late, NOW);
    assert_eq!((report.removed_records, report.removed_blobs), (1, 0));
    assert_eq!(present(&late, 1..3), [2]);
}

#[test]
fn work_under_a_lease_keeps_its_state_and_records() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let fingerprint = manifest(1).fingerprint();
    ada.partial(&fingerprint).save("state", |out| std::io::Write::write_all(out, b"step 1")).unwrap();
    let lease = ada.lease(&fingerprint).unwrap();
    let late = cache.open_later(60);
    assert_eq!(gc(&late, NOW).removed_partials, 0);
    drop(lease);
    assert_eq!(gc(&late, NOW).removed_partials, 1);
    assert_eq!(ada.partial(&fingerprint).load("state").unwrap(), None);
}

#[test]
fn a_run_at_work_keeps_its_folder_and_results_whatever_the_grace() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    publish(&ada, 1, b"result");
    let run = ada.new_run("quarel").unwrap();
    let entry = |number: i64| InstanceEntry {
        name: format!("n{number}"),
        stage: "n".into(),
        fingerprint: manifest(number).fingerprint(),
        outcome: Outcome::Hit,
    };
    run.record_instances(&[entry(1)]).unwrap();
    let none = GcOptions { keep_runs: 0, ..NOW };
    for days in [0, 60] {
        let late = cache.open_later(days);
        let report = gc(&late, none);
        assert_eq!((report.removed_runs, report.removed_records), (0, 0), "{days} days later");
    }
    // What it makes is recorded when it ends.
    publish(&ada, 2, b"made meanwhile");
    assert_eq!(gc(&ada, none).removed_records, 0);
    run.append_event(r#"{"at_ms":1,"event":"hit"}"#).unwrap();
    assert_eq!(run.events().unwrap().len(), 1);
    // One that has finished is kept no longer, though its process is still there; nor is one whose process is gone.
    run.append_event(r#"{"at_ms":1,"event":"run-finished","took_ms":1}"#).unwrap();
    let killed = ada.new_run("csqa").unwrap();
    assert_eq!(gc(&ada, none).removed_runs, 1);
    drop(killed);
    let report = gc(&ada, none);
    assert_eq!((report.removed_runs, report.kept_records), (1, 0));
}

#[test]
fn damaged_records_go_and_foreign_files_stay() {
    let cache = Cache::new();
    let store = cache.open();
    let (fingerprint, _) = publish(&store, 1, b"result");
    run_with(&store, "quarel", &[1]);
    fs_err::write(cache.records_path(&fingerprint).join("ab".repeat(32)), "").unwrap();
    fs_err::write(cache.root().join("README.md"), "mine").unwrap();
    fs_err::write(cache.root().join("objects/v1/note"), "mine").unwrap();
    let late = cache.open_later(1);
    gc(&late, NOW);
    assert_eq!(disk::names(&cache.records_path(&fingerprint)).unwrap().len(), 1);
    assert!(cache.root().join("README.md").exists() && cache.root().join("objects/v1/note").exists());
    assert_eq!(present(&late, 1..2), [1]);
}

#[test]
fn the_size_of_each_part_is_counted() {
    let cache = Cache::new();
    let store = cache.open();
    publish(&store, 1, b"12345");
    publish(&store, 2, b"123");
    store.new_run("quarel").unwrap();
    let size = store.size().unwrap();
    assert_eq!(size.objects, AreaSize { files: 2, bytes: 8 });
    assert_eq!((size.actions.files, size.runs.files, size.trash.files), (2, 2, 0));
    assert!(size.index.bytes > 0);
    assert_eq!(size.total().files, size.objects.files + 4 + size.index.files + size.temporary.files);
}
