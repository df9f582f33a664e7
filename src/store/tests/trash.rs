//! What was collected comes back, and whose the room is.

use std::time::Duration;

use super::*;

const NOW: GcOptions = GcOptions { keep_runs: 0, keep_for: Duration::ZERO, grace: Duration::ZERO, dry_run: false };

fn gc(store: &Store, options: GcOptions) -> GcReport {
    store.gc(options, &mut |_, _| {}).unwrap()
}

fn run_with(store: &Store, experiment: &str, instances: &[(&str, i64)]) {
    let run = store.new_run(experiment).unwrap();
    let entry = |(stage, number): &(&str, i64)| InstanceEntry {
        name: format!("{stage}[n={number}]"),
        stage: (*stage).into(),
        fingerprint: manifest(*number).fingerprint(),
        outcome: Outcome::Made,
    };
    run.record_instances(&instances.iter().map(entry).collect::<Vec<_>>()).unwrap();
}

#[test]
fn what_was_collected_comes_back_whole() {
    for cache in [Cache::new(), Cache::shared()] {
        let store = cache.open();
        for number in 0..5 {
            publish(&store, number, format!("result {number}").as_bytes());
        }
        store.partial(&manifest(9).fingerprint()).save("state", |out| std::io::Write::write_all(out, b"x")).unwrap();
        run_with(&store, "quarel", &[("masked", 0), ("masked", 1)]);
        drop(store);
        let whole = |store: &Store| {
            let there = |number: &i64| {
                let found = store.find(&manifest(*number).fingerprint()).unwrap();
                found.is_some_and(|found| store.read(&found.outputs["rows"].digest).is_ok())
            };
            (0..5).filter(there).count()
        };
        let kept = |root: &Path| {
            let is_kept = |line: &&str| !["index/", "trash/", "tmp/"].iter().any(|area| line.starts_with(area));
            listing(root).lines().filter(is_kept).collect::<Vec<_>>().join("\n")
        };
        let before = kept(&cache.root());
        let late = cache.open_later(40);
        let report = gc(&late, NOW);
        assert_eq!((report.removed_records, report.removed_runs, report.removed_partials), (5, 1, 1));
        assert_eq!(whole(&late), 0);
        let collections = late.collections().unwrap();
        assert_eq!(collections.len(), 1);
        assert!(collections[0].bytes >= report.removed_bytes, "{collections:?} {report:?}");
        let name = &collections[0].name;
        let restored = late.restore(&name[..6]).unwrap();
        assert_eq!(
            restored,
            Restored { records: 5, blobs: 5, runs: 1, partials: 1, there: 0 },
            "the beginning of a name is enough"
        );
        assert_eq!(whole(&late), 5);
        assert_eq!(kept(&cache.root()), before);
        assert_eq!(late.collections().unwrap(), []);
        assert!(verify(&late).clean());
        assert_eq!(late.restore(name).unwrap_err().to_string().matches(name.as_str()).count(), 1);
    }
}

#[test]
fn what_was_made_again_meanwhile_stays_and_nothing_is_restored_from_outside_the_trash() {
    let cache = Cache::new();
    publish(&cache.open(), 1, b"result");
    let late = cache.open_later(40);
    gc(&late, NOW);
    publish(&late, 1, b"result");
    let name = late.collections().unwrap().remove(0).name;
    let restored = late.restore(&name).unwrap();
    assert_eq!((restored.blobs, restored.records, restored.there), (0, 0, 2));
    for bad in ["", "..", "gc-", "../objects", "quarantine"] {
        let outcome = late.restore(bad);
        assert!(outcome.is_err() || bad == "gc-" || bad.is_empty(), "`{bad}`");
    }
    assert!(verify(&late).clean());
}

#[test]
fn room_is_told_by_experiment_stage_and_person() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    publish(&ada, 1, b"12345");
    publish(&ada, 2, b"123");
    publish(&bob, 3, b"123");
    publish(&bob, 4, b"1234567");
    run_with(&ada, "quarel", &[("masked", 1), ("tuned", 2)]);
    run_with(&bob, "csqa", &[("masked", 1), ("tuned", 3)]);
    let told = |by| {
        let line = |usage: Usage| {
            let name = usage.name.unwrap_or_default();
            format!("{name} {} {} {} {}", usage.results, usage.blobs, usage.bytes, usage.own_bytes)
        };
        ada.usage(by).unwrap().into_iter().map(line).collect::<Vec<_>>()
    };
    // Actions 2 and 3 gave the same bytes, and 4 is of no run.
    assert_eq!(told(UsageBy::Person), ["bob 2 2 10 7", "ada 2 2 8 5"]);
    assert_eq!(told(UsageBy::Experiment), ["csqa 2 2 8 0", "quarel 2 2 8 0", " 1 1 7 7"]);
    assert_eq!(told(UsageBy::Stage), [" 1 1 7 7", "masked 1 1 5 5", "tuned 2 1 3 3"]);
}

#[test]
fn each_sort_of_trouble_is_told_apart() {
    let cache = Cache::new();
    let store = cache.open();
    let (_, first) = publish(&store, 1, b"first");
    let (_, second) = publish(&store, 2, b"second");
    assert!(verify(&store).clean());
    fs_err::remove_file(cache.blob_path(&first)).unwrap();
    let report = verify(&store);
    assert!(report.is_undamaged() && !report.clean() && report.missing_blobs.len() == 1);
    overwrite(&cache.blob_path(&second), b"poison");
    let report = verify(&store);
    assert!(!report.is_undamaged() && report.missing_blobs.len() == 1 && report.untrusted_records.is_empty());
}
