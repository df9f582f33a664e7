//! Blobs that are not kept on purpose: what is known of them stays.

use std::time::Duration;

use super::*;

const NOW: GcOptions = GcOptions { keep_runs: 1, keep_for: Duration::ZERO, grace: Duration::ZERO, dry_run: false };
const MOVING: Moving<'static> =
    Moving { jobs: Some(4), compare: Compare::Nothing, progress: &|done, total| assert!(done <= total) };

fn gc(store: &Store) -> GcReport {
    store.gc(NOW, &mut |_, _| {}).unwrap()
}

fn run_of(store: &Store, experiment: &str, numbers: &[i64]) -> RunDir {
    let run = store.new_run(experiment).unwrap();
    let entry = |number: &i64| InstanceEntry {
        name: format!("n{number}"),
        stage: "n".into(),
        fingerprint: manifest(*number).fingerprint(),
        outcome: Outcome::Hit,
    };
    run.record_instances(&numbers.iter().map(entry).collect::<Vec<_>>()).unwrap();
    run
}

fn marks(cache: &Cache) -> usize {
    listing(&cache.root().join("evicted/v1")).lines().count()
}

#[test]
fn a_result_outlives_its_bytes() {
    let cache = Cache::new();
    let store = cache.open();
    let (fingerprint, blob) = publish(&store, 1, b"weights");
    assert!(!store.is_evicted(&blob.digest));
    assert_eq!(store.evict(&blob.digest).unwrap(), 7);
    assert_eq!(store.evict(&blob.digest).unwrap(), 0, "it is gone already");
    assert!(store.is_evicted(&blob.digest) && !store.contains(&blob.digest));
    assert!(matches!(store.read(&blob.digest), Err(StoreError::Missing { .. })));
    assert_eq!(store.find(&fingerprint).unwrap().unwrap().outputs["rows"], blob);
    let report = verify(&store);
    assert!(report.clean() && report.evicted_blobs == 1, "{report:?}");
    // Made again, it is like any other; lost, it is lost.
    assert_eq!(publish(&store, 1, b"weights").1, blob);
    assert!(!store.is_evicted(&blob.digest));
    assert_eq!(store.read(&blob.digest).unwrap(), b"weights");
    let other = publish(&store, 2, b"others").1;
    fs_err::remove_file(cache.blob_path(&other)).unwrap();
    let report = verify(&store);
    assert_eq!((report.evicted_blobs, report.missing_blobs.len()), (0, 1));
}

#[test]
fn what_was_never_here_is_not_evicted() {
    let cache = Cache::new();
    let store = cache.open();
    assert_eq!(store.evict(&BlobRef::of(b"unknown").digest).unwrap(), 0);
    assert_eq!(marks(&cache), 0);
    assert!(matches!(cache.open_read_only().evict(&BlobRef::of(b"x").digest), Err(StoreError::ReadOnly { .. })));
}

#[test]
fn a_mark_that_is_none_hides_no_loss() {
    let cache = Cache::new();
    let store = cache.open();
    let (_, blob) = publish(&store, 1, b"weights");
    let hex = blob.digest.hex();
    let mark = cache.root().join("evicted/v1").join(&hex[..2]).join(&hex);
    for odd in ["folder", "link", "text"] {
        fs_err::create_dir_all(mark.parent().unwrap()).unwrap();
        match odd {
            "folder" => fs_err::create_dir(&mark).unwrap(),
            "link" => fs_err::os::unix::fs::symlink(cache.root().join("CACHEDIR.TAG"), &mark).unwrap(),
            _ => fs_err::write(&mark, "x").unwrap(),
        }
        disk::remove_if_there(&cache.blob_path(&blob)).unwrap();
        assert!(!store.is_evicted(&blob.digest), "{odd}");
        assert_eq!(verify(&store).missing_blobs.len(), 1, "{odd}");
        disk::remove_tree(&mark).unwrap();
    }
}

#[test]
fn marks_go_with_the_records_that_name_their_blobs() {
    let cache = Cache::new();
    let store = cache.open();
    let blobs: Vec<_> = (0..3).map(|number| publish(&store, number, format!("{number}").as_bytes()).1).collect();
    blobs.iter().for_each(|blob| assert_eq!(store.evict(&blob.digest).unwrap(), 1));
    assert_eq!(marks(&cache), 3);
    run_of(&store, "quarel", &[0, 1]);
    publish(&store, 1, b"1");
    let later = cache.open_later(1);
    gc(&later);
    assert_eq!(marks(&cache), 1, "one record is gone, and one blob is here again");
    assert!(later.is_evicted(&blobs[0].digest));
    assert!(verify(&later).clean());
}

#[test]
fn evicted_results_are_shared_as_what_they_are() {
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let remotes = [team.remote("team", Writes::OnPush)];
    let store = ada.open_before("ada", &remotes);
    let (fingerprint, blob) = publish(&store, 1, b"weights");
    let (_, whole) = publish(&store, 2, b"scores");
    store.evict(&blob.digest).unwrap();
    let moved = store.push(None, &store.select_all().unwrap(), &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs, moved.refused), (2, 1, Vec::new()));
    let theirs = bob.open_before("bob", &remotes);
    let actions = [1, 2].map(|number| manifest(number).fingerprint());
    let selection = Selection { actions: actions.into(), ..Selection::default() };
    let moved = theirs.pull(None, &selection, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs, moved.refused), (2, 1, Vec::new()));
    drop(theirs);
    let (alone, _) = bob.open_with("bob");
    assert!(alone.find(&fingerprint).unwrap().is_some() && alone.is_evicted(&blob.digest));
    assert_eq!(alone.read(&whole.digest).unwrap(), b"scores");
    for cache in [&team, &bob] {
        let report = verify(&cache.open_with("bob").0);
        assert!(report.clean() && report.evicted_blobs == 1, "{report:?}");
    }
    // What is lost from a remote is still not taken for whole.
    fs_err::remove_file(team.blob_path(&whole)).unwrap();
    let eve = Cache::new();
    let moved = eve.open_before("eve", &remotes).pull(None, &selection, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.refused.len()), (1, 2), "{moved:?}");
}

#[test]
fn remotes_that_get_everything_get_it_before_it_goes() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let store = mine.open_before("ada", &[team.remote("team", Writes::OnSuccess)]);
    let (_, blob) = publish(&store, 1, b"weights");
    assert_eq!(store.evict(&blob.digest).unwrap(), 7);
    store.finish_sharing().unwrap();
    assert!(!mine.blob_path(&blob).exists());
    assert_eq!(fs_err::read(team.blob_path(&blob)).unwrap(), b"weights");
    assert_eq!(store.read(&blob.digest).unwrap(), b"weights", "the remote still has it");
}

#[test]
fn parts_kept_on_the_way_are_out_of_reach_of_gc_until_they_are_claimed() {
    let cache = Cache::new();
    let store = cache.open();
    let action = manifest(1).fingerprint();
    let partial = store.partial(&action);
    partial.keep_part("weights-20", store.put(b"after 20").unwrap()).unwrap();
    partial.keep_part("weights-40", store.put(b"after 40").unwrap()).unwrap();
    partial.save("training", |out| out.write_all(b"state")).unwrap();
    run_of(&store, "quarel", &[1]);
    let later = cache.open_later(1);
    gc(&later);
    let kept = later.partial(&action).kept_parts().unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["weights-20", "weights-40"]);
    assert_eq!(later.read(&kept["weights-40"].digest).unwrap(), b"after 40");
    assert!(verify(&later).clean());
    // One that is gone is no part.
    fs_err::remove_file(cache.blob_path(&kept["weights-20"])).unwrap();
    assert_eq!(later.partial(&action).kept_parts().unwrap().len(), 1);
    later.partial(&action).forget_parts().unwrap();
    assert!(later.partial(&action).kept_parts().unwrap().is_empty());
    assert_eq!(later.partial(&action).load("training").unwrap().as_deref(), Some(&b"state"[..]));
    gc(&cache.open_later(2));
    assert!(!cache.blob_path(&kept["weights-40"]).exists());
}

#[test]
fn what_is_held_or_kept_on_the_way_is_not_evicted() {
    let cache = Cache::new();
    let store = cache.open();
    let (_, blob) = publish(&store, 1, b"weights");
    let hold = store.hold([blob.digest]);
    assert_eq!(store.evict(&blob.digest).unwrap(), 0);
    assert!(store.holds(&blob.digest) && marks(&cache) == 0);
    drop(hold);
    // A training that was stopped has kept equal bytes: it goes on from them, in whatever process.
    let action = manifest(2).fingerprint();
    store.partial(&action).keep_part("weights-20", store.put(b"weights").unwrap()).unwrap();
    assert_eq!(store.evict(&blob.digest).unwrap(), 0);
    drop(store);
    let later = cache.open_later(1);
    assert_eq!(later.evict(&blob.digest).unwrap(), 0);
    assert_eq!(later.partial(&action).kept_parts().unwrap()["weights-20"], blob);
    later.partial(&action).clear().unwrap();
    assert_eq!(later.evict(&blob.digest).unwrap(), 7);
    assert!(later.is_evicted(&blob.digest));
}

#[test]
fn what_is_held_after_all_stays_though_a_remote_was_to_get_it_first() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let store = mine.open_before("ada", &[team.remote("team", Writes::OnSuccess)]);
    let (_, blob) = publish(&store, 1, b"weights");
    let hold = store.hold([blob.digest]);
    assert_eq!(store.evict(&blob.digest).unwrap(), 0);
    store.finish_sharing().unwrap();
    assert!(mine.blob_path(&blob).exists());
    drop(hold);
    assert_eq!(store.evict(&blob.digest).unwrap(), 7);
    store.finish_sharing().unwrap();
    assert!(!mine.blob_path(&blob).exists());
}

#[test]
fn others_go_by_runs_at_work_and_by_those_of_other_people_and_experiments() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    let ended = |run: &RunDir| run.append_event(r#"{"at_ms":1,"event":"run-finished","took_ms":1}"#).unwrap();
    let mine = run_of(&ada, "quarel", &[0]);
    ended(&run_of(&ada, "quarel", &[1]));
    let at_work = run_of(&ada, "quarel", &[2]);
    at_work.append_event(r#"{"at_ms":1,"event":"hit"}"#).unwrap();
    ended(&run_of(&ada, "csqa", &[3]));
    ended(&run_of(&bob, "quarel", &[4]));
    let needed = |store: &Store| {
        let needed = store.needed_by_others(mine.id()).unwrap();
        (0..5).filter(|number| needed.contains(&manifest(*number).fingerprint())).collect::<Vec<_>>()
    };
    assert_eq!(needed(&ada), [2, 3, 4]);
    assert_eq!(needed(&cache.open_later(1)), [2, 3, 4], "however long it says nothing");
    // What was killed is not at work.
    drop(at_work);
    assert_eq!(needed(&ada), [3, 4]);
}

#[test]
fn what_a_remote_does_not_keep_is_not_lost_where_only_its_record_is_known() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let ada = team.open_with("ada").0;
    let (fingerprint, blob) = publish(&ada, 1, b"weights");
    let store = mine.open_before("bob", &[team.remote("team", Writes::Never)]);
    assert!(store.find(&fingerprint).unwrap().is_some());
    ada.evict(&blob.digest).unwrap();
    let report = verify(&mine.open_before("bob", &[team.remote("team", Writes::Never)]));
    assert!(report.clean() && report.evicted_blobs == 1, "{report:?}");
    // Alone it cannot know.
    assert_eq!(verify(&mine.open_with("bob").0).missing_blobs.len(), 1);
}

#[test]
fn what_is_not_kept_here_goes_from_one_remote_to_another_whole() {
    let (near, far, mine) = (Cache::shared(), Cache::shared(), Cache::new());
    let store = mine.open_before("ada", &[near.remote("near", Writes::OnSuccess), far.remote("far", Writes::OnPush)]);
    let (_, blob) = publish(&store, 1, b"weights");
    store.evict(&blob.digest).unwrap();
    store.finish_sharing().unwrap();
    assert!(!mine.blob_path(&blob).exists());
    let moved = store.push(Some("far"), &store.select_all().unwrap(), &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs, moved.refused), (1, 1, Vec::new()));
    assert_eq!(fs_err::read(far.blob_path(&blob)).unwrap(), b"weights");
}
