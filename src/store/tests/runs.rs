//! Runs and what they remember.

use super::*;

fn entry(name: &str, number: i64, outcome: Outcome) -> InstanceEntry {
    InstanceEntry { name: name.into(), stage: "masked".into(), fingerprint: manifest(number).fingerprint(), outcome }
}

#[test]
fn a_run_keeps_its_events_and_instances() {
    let cache = Cache::new();
    let store = cache.open();
    let run = store.new_run("quarel").unwrap();
    assert_eq!(RunId::parse(run.id().as_str()).as_ref(), Some(run.id()));
    run.append_event(r#"{"event":"begin"}"#).unwrap();
    run.append_event(r#"{"event":"end"}"#).unwrap();
    let entries = [entry("masked[fraction=0.4]", 1, Outcome::Hit), entry("masked[fraction=0.5]", 2, Outcome::Made)];
    run.record_instances(&entries[..1]).unwrap();
    run.record_instances(&entries[1..]).unwrap();
    let again = cache.open_read_only().open_run(run.id()).unwrap();
    assert_eq!(again.events().unwrap(), [r#"{"event":"begin"}"#, r#"{"event":"end"}"#]);
    assert_eq!(again.instances().unwrap(), entries);
    assert_eq!((again.info().experiment.as_str(), again.info().user.as_str()), ("quarel", "ada"));
    assert!(cache.root().join("roots/ada").join(run.id().as_str()).is_file());
}

#[test]
fn lines_that_a_killed_process_did_not_end_are_left_out() {
    let cache = Cache::new();
    let store = cache.open();
    let run = store.new_run("quarel").unwrap();
    run.append_event("whole").unwrap();
    run.record_instances(&[entry("a", 1, Outcome::Made), entry("b", 2, Outcome::Made)]).unwrap();
    for name in ["events.jsonl", "instances.jsonl"] {
        let path = run.path().join(name);
        let mut bytes = fs_err::read(&path).unwrap();
        bytes.extend(b"{\"torn\":");
        fs_err::write(&path, bytes).unwrap();
    }
    assert_eq!(run.events().unwrap(), ["whole"]);
    assert_eq!(run.instances().unwrap().len(), 2);
}

#[test]
fn the_last_run_is_the_users_own_and_runs_sort_by_time() {
    let cache = Cache::new();
    let first = cache.open().new_run("quarel").unwrap().id().clone();
    let second = cache.open_later(1).new_run("quarel").unwrap().id().clone();
    let other = cache.open_later(2).new_run("csqa").unwrap().id().clone();
    let now_ms = cache.open_later(3).now_ms();
    let bob = StoreOptions { clock: Arc::new(move || now_ms), ..cache.options("bob") };
    let bob = Store::open(bob).unwrap().store;
    assert_eq!(bob.runs().unwrap(), [first, second.clone(), other]);
    assert_eq!(bob.last_run("quarel").unwrap().unwrap().id(), &second, "anyone's, since bob has none");
    let own = bob.new_run("quarel").unwrap();
    assert_eq!(bob.last_run("quarel").unwrap().unwrap().id(), own.id());
    assert_eq!(cache.open().last_run("quarel").unwrap().unwrap().id(), &second);
    assert!(bob.last_run("absent").unwrap().is_none());
}

#[test]
fn a_run_of_a_time_to_come_is_not_the_last_for_ever() {
    let cache = Cache::new();
    let far = cache.open_later(27_000).new_run("quarel").unwrap().id().clone();
    let store = cache.open();
    assert_eq!(store.last_run("quarel").unwrap().unwrap().id(), &far, "the only one");
    let first = store.new_run("quarel").unwrap().id().clone();
    let tomorrow = cache.open_later(1).new_run("quarel").unwrap().id().clone();
    assert_eq!(store.runs().unwrap(), [far.clone(), first, tomorrow.clone()]);
    assert_eq!(store.last_run("quarel").unwrap().unwrap().id(), &tomorrow, "clocks may differ a little");
    let day = std::time::Duration::from_hours(24);
    let options = GcOptions { keep_runs: 2, keep_for: std::time::Duration::ZERO, grace: day, dry_run: false };
    cache.open_later(2).gc(options, &mut |_, _| {}).unwrap();
    assert!(!store.runs().unwrap().contains(&far), "nor does it keep others from being kept");
}

#[test]
fn what_is_not_a_run_is_neither_listed_nor_opened() {
    let cache = Cache::new();
    let store = cache.open();
    for text in
        ["", "..", "../../etc", "20260713-101502-123-4f2a9", "20260713-101502-123-4f2a9/", "20260713-101502-12x-4F2A9C"]
    {
        assert_eq!(RunId::parse(text), None, "`{text}` was read as a run");
    }
    fs_err::create_dir(cache.root().join("runs/v1/notes")).unwrap();
    fs_err::create_dir(cache.root().join("runs/v1/20260713-101502-123-4f2a9c")).unwrap();
    let ids = store.runs().unwrap();
    assert_eq!(ids.len(), 1);
    assert!(matches!(store.open_run(&ids[0]), Err(StoreError::NoSuchRun { .. })));
    assert!(store.last_run("quarel").unwrap().is_none());
}

#[test]
fn history_finds_an_instances_last_action_across_partial_runs() {
    let cache = Cache::new();
    let run = |days, experiment: &str, entries: &[InstanceEntry]| {
        let run = cache.open_later(days).new_run(experiment).unwrap();
        run.record_instances(entries).unwrap();
        run.id().clone()
    };
    let old = run(0, "quarel", &[entry("a", 1, Outcome::Made), entry("b", 2, Outcome::Made)]);
    let new = run(1, "quarel", &[entry("a", 3, Outcome::Failed), entry("a", 4, Outcome::Made)]);
    run(2, "csqa", &[entry("a", 5, Outcome::Made)]);
    let current = run(3, "quarel", &[entry("a", 6, Outcome::Made)]);
    let store = cache.open();
    let mut history = store.history("quarel", Some(&current)).unwrap();
    assert_eq!(history.last("b").unwrap().unwrap(), (old, entry("b", 2, Outcome::Made)));
    assert_eq!(history.last("a").unwrap().unwrap(), (new, entry("a", 4, Outcome::Made)));
    assert_eq!(history.last("c").unwrap(), None);
}

#[test]
fn saved_state_is_replaced_at_once_and_damage_is_as_good_as_none() {
    let cache = Cache::new();
    let store = cache.open();
    let fingerprint = manifest(1).fingerprint();
    let partial = store.partial(&fingerprint);
    assert_eq!(partial.load("state").unwrap(), None);
    partial.save("state", |out| std::io::Write::write_all(out, b"step 100")).unwrap();
    partial.save("state", |out| std::io::Write::write_all(out, b"step 200")).unwrap();
    partial.save("../escape", |out| std::io::Write::write_all(out, b"")).unwrap();
    assert_eq!(cache.open_read_only().partial(&fingerprint).load("state").unwrap().unwrap(), b"step 200");
    assert_eq!(partial.load("../escape").unwrap().unwrap(), b"");
    let folder = cache.root().join("partial/v1").join(fingerprint.hex());
    assert_eq!(disk::names(&folder).unwrap().len(), 2, "names stay inside");
    assert!(verify(&store).clean());
    for damaged in [&b""[..], b"step 300", b"step 200 with a checksum that is of something else"] {
        overwrite(&folder.join("state"), damaged);
        assert_eq!(partial.load("state").unwrap(), None);
        assert_eq!(verify(&store).damaged_partials.len(), 1);
    }
    assert!(matches!(&store.take_notices()[..], [Notice::PartialDamaged { .. }, ..]));
    partial.save("state", |out| std::io::Write::write_all(out, b"step 300")).unwrap();
    assert_eq!(partial.load("state").unwrap().unwrap(), b"step 300");
    partial.clear().unwrap();
    assert_eq!(partial.load("state").unwrap(), None);
    partial.clear().unwrap();
}
