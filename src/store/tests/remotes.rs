//! Remotes: what is made by one is found by others, and a remote that is down costs nothing but a miss.

use std::time::Duration;

use super::*;

const MOVING: Moving<'static> =
    Moving { jobs: Some(4), compare: Compare::Nothing, progress: &|done, total| assert!(done <= total) };

/// Publishes as [`publish`] does, and waits until the remotes have it.
fn publish_and_share(store: &Store, number: i64, bytes: &[u8]) -> (Fingerprint, BlobRef) {
    let published = publish(store, number, bytes);
    store.finish_sharing().unwrap();
    published
}

fn has(cache: &Cache, fingerprint: &Fingerprint) -> bool {
    let (store, _) = cache.open_with("someone");
    store.find(fingerprint).unwrap().is_some_and(|found| {
        let there = found.outputs.values().all(|blob| store.read(&blob.digest).is_ok());
        assert!(there, "a record without its blobs");
        there
    })
}

fn notices(store: &Store) -> String {
    store.take_notices().iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn what_one_makes_another_finds_and_keeps() {
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let remotes = [team.remote("team", Writes::OnSuccess)];
    let (fingerprint, blob) = publish_and_share(&ada.open_before("ada", &remotes), 1, b"result");
    let store = bob.open_before("bob", &remotes);
    let found = store.find(&fingerprint).unwrap().unwrap();
    assert_eq!((found.producer.user.as_str(), found.from.as_deref()), ("ada", Some("team")));
    assert!(store.contains(&blob.digest));
    assert!(!bob.blob_path(&blob).exists(), "bytes come when they are read");
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    assert_eq!(
        store.find(&fingerprint).unwrap().unwrap().from.as_deref(),
        Some("team"),
        "as long as the process lasts"
    );
    assert_eq!(notices(&store), "");
    drop(store);
    fs_err::remove_dir_all(team.root()).unwrap();
    let (alone, _) = bob.open_with("bob");
    assert_eq!(alone.find(&fingerprint).unwrap().unwrap().from, None);
    assert_eq!(alone.read(&blob.digest).unwrap(), b"result");
    assert!(verify(&alone).clean());
}

#[test]
fn any_cache_may_be_a_remote_though_it_has_no_heads() {
    let (ada, bob) = (Cache::new(), Cache::new());
    let (fingerprint, blob) = publish(&ada.open(), 1, b"result");
    let before = listing(&ada.root());
    let store = bob.open_before("bob", &[ada.remote("ada", Writes::Never)]);
    assert_eq!(store.find(&fingerprint).unwrap().unwrap().from.as_deref(), Some("ada"));
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    publish_and_share(&store, 2, b"mine");
    assert_eq!(listing(&ada.root()), before, "it is only read");
}

#[test]
fn remotes_are_asked_in_their_order() {
    let (near, far, mine) = (Cache::shared(), Cache::shared(), Cache::new());
    let publish_at = |cache: &Cache, user: &str, started_at_ms: u64| {
        let (store, _) = cache.open_with(user);
        let pending = store.put(user.as_bytes()).unwrap();
        let record = Record { started_at_ms, ..record(&store, 1, &[("rows", pending.blob())]) };
        store.publish(vec![pending], &record).unwrap();
    };
    publish_at(&near, "near", 2000);
    publish_at(&far, "far", 1000);
    let remotes = [near.remote("near", Writes::Never), far.remote("far", Writes::Never)];
    let found = mine.open_before("me", &remotes).find(&manifest(1).fingerprint()).unwrap().unwrap();
    assert_eq!((found.from.as_deref(), found.producer.user.as_str()), (Some("near"), "near"));
}

#[test]
fn results_go_where_the_policy_says() {
    // Policy, whether it is there at once, whether it is there after a push.
    for (writes, at_once, pushed) in
        [(Writes::Never, false, false), (Writes::OnPush, false, true), (Writes::OnSuccess, true, true)]
    {
        let (team, mine) = (Cache::shared(), Cache::new());
        let store = mine.open_before("ada", &[team.remote("team", writes)]);
        let (fingerprint, _) = publish_and_share(&store, 1, b"result");
        assert_eq!(has(&team, &fingerprint), at_once, "{writes:?}");
        let outcome = store.push(None, &store.select_all().unwrap(), &MOVING);
        assert_eq!(outcome.is_ok(), pushed, "{writes:?}");
        assert_eq!(has(&team, &fingerprint), pushed, "{writes:?}");
    }
}

#[test]
fn a_remote_that_cannot_be_reached_is_a_notice_and_a_miss() {
    let (mine, elsewhere) = (Cache::new(), Cache::new());
    let check = |root: &Path, said: &str| {
        let remote =
            RemoteOptions { at: RemoteAt::Directory(root.to_owned()), ..elsewhere.remote("team", Writes::OnSuccess) };
        let store = mine.open_before("ada", &[remote]);
        assert_eq!(store.find(&manifest(7).fingerprint()).unwrap(), None);
        let (fingerprint, _) = publish_and_share(&store, 1, b"result");
        assert!(store.find(&fingerprint).unwrap().is_some());
        let told = notices(&store);
        assert!(told.contains("going on without the remote `team`") && told.contains(said), "{told}");
        let error = store.push(None, &store.select_all().unwrap(), &MOVING).unwrap_err().to_string();
        assert!(error.contains("cannot use the remote `team`") && error.contains(said), "{error}");
    };
    let folder = elsewhere.dir.path();
    check(&folder.join("absent"), "No such file or directory");
    // As a place where nothing is mounted looks.
    fs_err::create_dir(folder.join("empty")).unwrap();
    check(&folder.join("empty"), "is not a cache; `retort cache share");
    assert_eq!(listing(&folder.join("empty")), "");
    fs_err::write(folder.join("file"), "").unwrap();
    check(&folder.join("file"), "is not a cache");
}

#[test]
fn a_remote_that_goes_away_in_the_middle_loses_nothing() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let store = mine.open_before("ada", &[team.remote("team", Writes::OnSuccess)]);
    let (first, _) = publish_and_share(&store, 1, b"first");
    let aside = team.dir.path().join("aside");
    fs_err::rename(team.root(), &aside).unwrap();
    let (second, _) = publish_and_share(&store, 2, b"second");
    let told = notices(&store);
    assert!(told.contains("1 results are not in the remote `team` yet"), "{told}");
    assert!(!team.root().exists(), "nothing is made in its place");
    drop(store);
    fs_err::rename(&aside, team.root()).unwrap();
    let store = mine.open_before("ada", &[team.remote("team", Writes::OnSuccess)]);
    let moved = store.push(None, &store.select_all().unwrap(), &MOVING).unwrap();
    assert_eq!((moved[0].results, moved[0].there, moved[0].blobs), (1, 1, 1));
    assert!(has(&team, &first) && has(&team, &second));
}

#[test]
fn a_push_goes_on_where_it_was_broken_off() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let store = mine.open_before("ada", &[team.remote("team", Writes::OnPush)]);
    for number in 0..20 {
        publish(&store, number, format!("result {number}").as_bytes());
    }
    let all = store.select_all().unwrap();
    let some = Selection { actions: all.actions.iter().take(7).copied().collect(), ..Selection::default() };
    assert_eq!(store.push(Some("team"), &some, &MOVING).unwrap()[0].results, 7);
    // A blob of which half arrived, under its temporary name, and one without its record.
    let moved = store.push(Some("team"), &all, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.there, moved.blobs, moved.refused), (13, 7, 13, Vec::new()));
    let again = store.push(None, &all, &MOVING).unwrap().remove(0);
    assert_eq!((again.results, again.there, again.blobs, again.bytes), (0, 20, 0, 0));
    assert!(verify(&team.open_with("bob").0).clean());
}

#[test]
fn runs_stages_and_names_are_pulled() {
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let remotes = [team.remote("team", Writes::OnPush)];
    let store = ada.open_before("ada", &remotes);
    let published: Vec<_> = (0..4).map(|number| publish(&store, number, format!("{number}").as_bytes())).collect();
    let run = store.new_run("quarel").unwrap();
    let entry = |(number, stage): (usize, &str)| InstanceEntry {
        name: format!("{stage}[n={number}]"),
        stage: stage.into(),
        fingerprint: published[number].0,
        outcome: Outcome::Made,
    };
    run.record_instances(&[(0, "masked"), (1, "tuned"), (2, "tuned")].map(entry)).unwrap();
    let mut selection = Selection::default();
    assert_eq!(selection.add_run(&run.summary().unwrap(), None), 3);
    store.push(None, &selection, &MOVING).unwrap();
    let store = bob.open_before("bob", &remotes);
    let ids = store.runs_in_remotes(None).unwrap();
    assert_eq!(ids, [run.id().clone()]);
    let theirs = store.read_run_in_remotes(None, &ids[0]).unwrap();
    assert_eq!(theirs.info.user, "ada");
    let pulled = |select: &dyn Fn(&mut Selection)| {
        let mut selection = Selection::default();
        select(&mut selection);
        store.pull(None, &selection, &MOVING).unwrap().remove(0)
    };
    assert_eq!(
        pulled(&|s| {
            s.add_run(&theirs, Some("masked"));
        })
        .results,
        1
    );
    assert_eq!(
        pulled(&|s| {
            s.add_run(&theirs, Some("tuned[n=1]"));
        })
        .results,
        1
    );
    let whole = pulled(&|s| {
        s.add_run(&theirs, None);
    });
    assert_eq!((whole.results, whole.there, whole.blobs), (1, 2, 1));
    let name = &published[2].1.digest.hex()[..8];
    let named = store.select_named_in_remotes(None, name).unwrap();
    assert_eq!(named.blobs.into_iter().collect::<Vec<_>>(), [published[2].1.digest]);
    let error = store.select_named_in_remotes(None, "abc").unwrap_err().to_string();
    assert_eq!(error, "nothing in the remotes has a name that begins with `abc`");
    let lacking = pulled(&|s| s.actions.extend([manifest(3).fingerprint()]));
    assert!(lacking.refused[0].starts_with("no remote has the result of"), "{lacking:?}");
    assert!(verify(&bob.open_with("bob").0).clean());
}

#[test]
fn a_lease_reaches_through_a_remote_until_the_result_is_there() {
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let remotes = [team.remote("team", Writes::OnSuccess)];
    let (ada, bob) = (ada.open_before("ada", &remotes), bob.open_before("bob", &remotes));
    let fingerprint = manifest(1).fingerprint();
    let LeaseState::Held(lease) = ada.lease(&fingerprint).unwrap() else { panic!("it is free") };
    let LeaseState::Busy(Some(holder)) = bob.lease(&fingerprint).unwrap() else { panic!("ada has it") };
    assert_eq!(holder.user, "ada");
    publish(&ada, 1, b"result");
    drop(lease);
    let waited = bob.wait_for_lease(&fingerprint, Duration::from_millis(1), |_| true).unwrap();
    assert!(matches!(waited, Waited::Published(found) if found.producer.user == "ada"));
    let LeaseState::Held(lease) = bob.lease(&manifest(2).fingerprint()).unwrap() else { panic!("it is free") };
    drop(lease);
    // Each lets go of its leases in the remote from a thread of its own.
    ada.finish_sharing().unwrap();
    bob.finish_sharing().unwrap();
    assert_eq!(listing(&team.root().join("leases")), "");
}

#[test]
fn rows_reach_the_others_when_they_are_sealed() {
    use retort_fingerprint::RowKey;
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let remotes = [team.remote("team", Writes::OnSuccess)];
    let key = |number: i64| RowKey::of(&Term::Int(number));
    let store = ada.open_before("ada", &remotes);
    store.rows("elicit").unwrap().put(key(1), b"an answer").unwrap();
    store.finish_sharing().unwrap();
    let other = bob.open_before("bob", &remotes);
    assert_eq!(other.rows("elicit").unwrap().get(&key(1)).unwrap().as_deref(), Some(&b"an answer"[..]));
    assert_eq!(other.rows("elicit").unwrap().get(&key(2)).unwrap(), None);
    drop(other);
    assert_eq!(
        bob.open_with("bob").0.rows("elicit").unwrap().get(&key(1)).unwrap().as_deref(),
        Some(&b"an answer"[..])
    );
}

#[test]
fn a_cache_that_can_only_be_read_shows_what_is_in_a_remote() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let (fingerprint, blob) = publish(&team.open_with("ada").0, 1, b"result");
    let options = StoreOptions {
        mode: Mode::ReadOnly,
        remotes: vec![team.remote("team", Writes::OnSuccess)],
        ..mine.options("bob")
    };
    let store = Store::open(options).unwrap().store;
    assert!(store.find(&fingerprint).unwrap().is_some());
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    assert!(!mine.root().exists());
}

#[test]
fn a_damaged_blob_is_healed_from_a_remote() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let store = mine.open_before("ada", &[team.remote("team", Writes::OnSuccess)]);
    let (_, blob) = publish_and_share(&store, 1, b"the right bytes");
    overwrite(&mine.blob_path(&blob), b"the wrong bytes");
    assert_eq!(store.read(&blob.digest).unwrap(), b"the right bytes");
    assert!(notices(&store).contains("into quarantine"));
}

#[test]
fn more_at_a_time_than_a_remote_is_asked_is_no_failure() {
    const RESULTS: i64 = 200;
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let remotes = [team.remote("team", Writes::OnPush)];
    let store = ada.open_before("ada", &remotes);
    for number in 0..RESULTS {
        publish(&store, number, format!("result {number}").as_bytes());
    }
    let (all, moving) = (store.select_all().unwrap(), Moving { jobs: Some(1000), ..MOVING });
    let moved = store.push(None, &all, &moving).unwrap().remove(0);
    assert_eq!((moved.results, moved.refused), (RESULTS.cast_unsigned(), Vec::new()));
    let moved = bob.open_before("bob", &remotes).pull(None, &all, &moving).unwrap().remove(0);
    assert_eq!((moved.results, moved.refused), (RESULTS.cast_unsigned(), Vec::new()));
}
