//! Remotes in object storage, against a real S3 interface, and against one that fails in every way.

use std::io::Read;
use std::time::Duration;

use super::moto::{self, MotoBucket};
use super::proxy::{Fault, Proxy, Request};
use super::*;
use retort_fingerprint::{Digest, RowKey};

const MOVING: Moving<'static> =
    Moving { jobs: Some(4), compare: Compare::Nothing, progress: &|done, total| assert!(done <= total) };

const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_mins(1);

/// A prefix with letters that addresses and signatures must encode.
const PREFIX: &str = "team a/ü=+1";

/// Describes a bucket as it is reached through a server.
fn at(bucket: &str, prefix: &str, endpoint: &str) -> ObjectsAt {
    let variables = [("AWS_ACCESS_KEY_ID", "ada"), ("AWS_SECRET_ACCESS_KEY", "hidden")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    ObjectsAt {
        endpoint: Some(endpoint.to_owned()),
        allow_http: Some(true),
        ..ObjectsAt::new(format!("s3://{bucket}/{prefix}").parse().unwrap(), Surroundings::of(variables))
    }
}

/// A cache that a team shares in a bucket of its own.
struct Team(MotoBucket);

impl Team {
    fn new() -> Option<Self> {
        let team = Self(moto::bucket()?);
        Store::share_bucket(&team.at(), LATE).unwrap();
        Some(team)
    }

    fn at(&self) -> ObjectsAt {
        at(&self.0.name, PREFIX, &self.0.endpoint())
    }

    fn remote(&self, writes: Writes) -> RemoteOptions {
        RemoteOptions { name: "team".into(), at: RemoteAt::Objects(self.at()), writes, timeout: LATE }
    }

    /// The same behind a server that spoils some requests.
    fn behind(&self, proxy: &Proxy, writes: Writes, timeout: Duration) -> RemoteOptions {
        let at = at(&self.0.name, PREFIX, &proxy.endpoint());
        RemoteOptions { at: RemoteAt::Objects(at), timeout, ..self.remote(writes) }
    }

    fn key(name: &str) -> String {
        format!("{PREFIX}/{name}")
    }

    fn blob(blob: &BlobRef) -> String {
        let hex = blob.digest.hex();
        Self::key(&format!("objects/v1/{}/{hex}", &hex[..2]))
    }

    fn catalog(fingerprint: &Fingerprint) -> String {
        let hex = fingerprint.hex();
        Self::key(&format!("catalog/v1/{}/{hex}", &hex[..2]))
    }

    fn records(&self, fingerprint: &Fingerprint) -> Vec<String> {
        let hex = fingerprint.hex();
        self.0.keys(&Self::key(&format!("actions/v1/{}/{hex}/", &hex[..2])))
    }

    /// Publishes as ada, and waits until the bucket has it.
    fn publish(&self, number: i64, bytes: &[u8]) -> (Fingerprint, BlobRef) {
        let ada = Cache::new();
        publish_and_share(&ada.open_before("ada", &[self.remote(Writes::OnSuccess)]), number, bytes)
    }
}

fn publish_and_share(store: &Store, number: i64, bytes: &[u8]) -> (Fingerprint, BlobRef) {
    let published = publish(store, number, bytes);
    store.finish_sharing().unwrap();
    published
}

fn notices(store: &Store) -> String {
    store.take_notices().iter().map(|notice| format!("{notice}\n")).collect()
}

fn selection(actions: &[Fingerprint]) -> Selection {
    Selection { actions: actions.iter().copied().collect(), ..Selection::default() }
}

#[test]
fn what_one_makes_another_finds_and_keeps() {
    let Some(team) = Team::new() else { return };
    let (ada, bob) = (Cache::new(), Cache::new());
    let remotes = [team.remote(Writes::OnSuccess)];
    let store = ada.open_before("ada", &remotes);
    let (fingerprint, blob) = publish_and_share(&store, 1, b"result");
    assert_eq!(notices(&store), "");
    let mut keys: Vec<String> =
        team.0.keys("").iter().map(|key| key.split('/').skip(2).take(2).collect::<Vec<_>>().join("/")).collect();
    keys.dedup();
    assert_eq!(keys, ["CACHEDIR.TAG", "actions/v1", "catalog/v1", "objects/v1"]);
    let store = bob.open_before("bob", &remotes);
    let found = store.find(&fingerprint).unwrap().unwrap();
    assert_eq!((found.producer.user.as_str(), found.from.as_deref()), ("ada", Some("team")));
    assert!(store.contains(&blob.digest) && !bob.blob_path(&blob).exists(), "bytes come when they are read");
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    assert_eq!(notices(&store), "");
    drop(store);
    let (alone, _) = bob.open_with("bob");
    assert_eq!(alone.read(&blob.digest).unwrap(), b"result");
    assert!(verify(&alone).clean());
}

#[test]
fn results_go_where_the_policy_says() {
    for (writes, at_once, pushed) in
        [(Writes::Never, false, false), (Writes::OnPush, false, true), (Writes::OnSuccess, true, true)]
    {
        let Some(team) = Team::new() else { return };
        let mine = Cache::new();
        let store = mine.open_before("ada", &[team.remote(writes)]);
        let (fingerprint, _) = publish_and_share(&store, 1, b"result");
        assert_eq!(team.0.get(&Team::catalog(&fingerprint)).is_some(), at_once, "{writes:?}");
        assert_eq!(store.push(None, &store.select_all().unwrap(), &MOVING).is_ok(), pushed, "{writes:?}");
        assert_eq!(team.0.get(&Team::catalog(&fingerprint)).is_some(), pushed, "{writes:?}");
    }
}

#[test]
fn runs_stages_and_names_are_pushed_and_pulled() {
    let Some(team) = Team::new() else { return };
    let (ada, bob) = (Cache::new(), Cache::new());
    let remotes = [team.remote(Writes::OnPush)];
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
    selection.add_run(&run.summary().unwrap(), None);
    let moved = store.push(None, &selection, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs, moved.refused), (3, 3, Vec::new()));
    let again = store.push(None, &selection, &MOVING).unwrap().remove(0);
    assert_eq!((again.results, again.there, again.blobs, again.bytes), (0, 3, 0, 0));
    let store = bob.open_before("bob", &remotes);
    let ids = store.runs_in_remotes(None).unwrap();
    assert_eq!(ids, [run.id().clone()]);
    let theirs = store.read_run_in_remotes(None, &ids[0]).unwrap();
    assert_eq!((theirs.info.user.as_str(), theirs.instances.len()), ("ada", 3));
    let mut stage = Selection::default();
    assert_eq!(stage.add_run(&theirs, Some("masked")), 1);
    assert_eq!(store.pull(None, &stage, &MOVING).unwrap()[0].results, 1);
    let name = &published[1].1.digest.hex()[..8];
    let named = store.select_named_in_remotes(None, name).unwrap();
    assert_eq!(named.blobs.iter().copied().collect::<Vec<_>>(), [published[1].1.digest]);
    assert_eq!(store.pull(None, &named, &MOVING).unwrap()[0].blobs, 1);
    let action = store.select_named_in_remotes(None, &published[2].0.hex()[..8]).unwrap();
    assert_eq!(action.actions.iter().copied().collect::<Vec<_>>(), [published[2].0]);
    let whole = store.pull(None, &selection, &MOVING).unwrap().remove(0);
    assert_eq!((whole.results, whole.there, whole.blobs), (2, 1, 1));
    assert!(verify(&bob.open_with("bob").0).clean());
}

#[test]
fn of_several_who_make_the_same_at_once_each_record_stays() {
    let Some(team) = Team::new() else { return };
    let caches: Vec<Cache> = (0..4).map(|_| Cache::new()).collect();
    let start = std::sync::Barrier::new(caches.len());
    std::thread::scope(|scope| {
        for (number, cache) in caches.iter().enumerate() {
            let (remote, start) = (team.remote(Writes::OnSuccess), &start);
            scope.spawn(move || {
                let store = cache.open_before(&format!("user{number}"), &[remote]);
                start.wait();
                publish_and_share(&store, 1, b"the same bytes");
                assert_eq!(notices(&store), "");
            });
        }
    });
    let fingerprint = manifest(1).fingerprint();
    assert_eq!(team.records(&fingerprint).len(), 4);
    let catalog = String::from_utf8(team.0.get(&Team::catalog(&fingerprint)).unwrap()).unwrap();
    assert_eq!(catalog.matches("\"claim\":").count(), 4);
    let mine = Cache::new();
    let store = mine.open_before("bob", &[team.remote(Writes::Never)]);
    let found = store.find(&fingerprint).unwrap().unwrap();
    assert_eq!(store.read(&found.outputs["rows"].digest).unwrap(), b"the same bytes");
}

#[test]
fn a_lease_does_not_reach_through_a_bucket_and_both_results_are_kept() {
    let Some(team) = Team::new() else { return };
    let remotes = [team.remote(Writes::OnSuccess)];
    let (ada, bob) = (Cache::new(), Cache::new());
    let (ada, bob) = (ada.open_before("ada", &remotes), bob.open_before("bob", &remotes));
    let fingerprint = manifest(1).fingerprint();
    let held = [ada.lease(&fingerprint).unwrap(), bob.lease(&fingerprint).unwrap()];
    assert!(held.iter().all(|state| matches!(state, LeaseState::Held(_))));
    publish_and_share(&ada, 1, b"one");
    publish_and_share(&bob, 1, b"other");
    assert_eq!(team.records(&fingerprint).len(), 2);
}

#[test]
fn a_large_blob_goes_in_parts_and_an_upload_that_was_left_behind_is_in_nobodys_way() {
    let Some(team) = Team::new() else { return };
    let (ada, bob) = (Cache::new(), Cache::new());
    let bytes: Vec<u8> = (0..21_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let proxy = Proxy::before(team.0.port(), |_| Fault::None);
    let store = ada.open_before("ada", &[team.behind(&proxy, Writes::OnPush, LATE)]);
    let (fingerprint, blob) = publish(&store, 1, &bytes);
    team.0.begin_upload(&Team::blob(&blob));
    let moved = store.push(None, &selection(&[fingerprint]), &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.bytes, moved.refused), (1, bytes.len() as u64, Vec::new()));
    let parts = proxy.take_seen().iter().filter(|request| request.path.contains("partNumber=")).count();
    assert_eq!(parts, 3);
    let store = bob.open_before("bob", &[team.remote(Writes::OnPush)]);
    store.pull(None, &selection(&[fingerprint]), &MOVING).unwrap();
    assert_eq!(Digest::of(&fs_err::read(bob.blob_path(&blob)).unwrap()), blob.digest);
    assert_eq!(team.0.uploads(), 1, "only the one that was left behind");
}

#[test]
fn an_upload_whose_bytes_are_not_right_is_given_up() {
    let Some(team) = Team::new() else { return };
    let mine = Cache::new();
    let store = mine.open_before("ada", &[team.remote(Writes::OnPush)]);
    let bytes = vec![7; 9 * 1024 * 1024];
    let (fingerprint, blob) = publish(&store, 1, &bytes);
    overwrite(&mine.blob_path(&blob), &vec![8; bytes.len()]);
    let moved = store.push(None, &selection(&[fingerprint]), &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs), (0, 0));
    assert!(moved.refused[0].contains("have the digest"), "{moved:?}");
    assert_eq!((team.0.get(&Team::blob(&blob)), team.0.uploads()), (None, 0));
}

#[test]
fn rows_reach_the_others_when_they_are_sealed() {
    let Some(team) = Team::new() else { return };
    let (ada, bob) = (Cache::new(), Cache::new());
    let remotes = [team.remote(Writes::OnSuccess)];
    let key = RowKey::of(&Term::Int(1));
    let store = ada.open_before("ada", &remotes);
    store.rows("elicit").unwrap().put(key, b"an answer").unwrap();
    store.finish_sharing().unwrap();
    let other = bob.open_before("bob", &remotes);
    assert_eq!(other.rows("elicit").unwrap().get(&key).unwrap().as_deref(), Some(&b"an answer"[..]));
    let packs = team.0.keys(&Team::key("rows/v1/elicit/"));
    team.0.put(&packs[0], b"something else");
    let eve = Cache::new();
    let third = eve.open_before("eve", &remotes);
    assert_eq!(third.rows("elicit").unwrap().get(&key).unwrap(), None);
    assert!(notices(&third).contains("its bytes are not those of its name"));
}

#[test]
fn a_cache_that_can_only_be_read_shows_what_is_in_a_bucket() {
    let Some(team) = Team::new() else { return };
    let (fingerprint, blob) = team.publish(1, b"result");
    let mine = Cache::new();
    let options =
        StoreOptions { mode: Mode::ReadOnly, remotes: vec![team.remote(Writes::OnSuccess)], ..mine.options("bob") };
    let store = Store::open(options).unwrap().store;
    assert!(store.find(&fingerprint).unwrap().is_some());
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    let mut streamed = Vec::new();
    store.open_blob(&blob.digest).unwrap().read_to_end(&mut streamed).unwrap();
    assert_eq!(streamed, b"result");
    assert!(!mine.root().exists());
}

#[test]
fn a_blob_of_a_bucket_is_read_as_a_stream_once_it_was_found_right() {
    let Some(team) = Team::new() else { return };
    let bytes: Vec<u8> = (0..2_500_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (fingerprint, blob) = team.publish(1, &bytes);
    let mine = Cache::new();
    let open = || {
        let store = mine.open_before("bob", &[team.remote(Writes::OnSuccess)]);
        assert!(store.find(&fingerprint).unwrap().is_some());
        store
    };
    let mut streamed = Vec::new();
    open().open_blob(&blob.digest).unwrap().read_to_end(&mut streamed).unwrap();
    assert!(streamed == bytes);
    assert!(fs_err::read(mine.blob_path(&blob)).unwrap() == bytes, "it is kept here");
    // Damaged there and gone here, nothing of it is handed out.
    let mut other = bytes;
    other[2_000_000] ^= 1;
    team.0.put(&Team::blob(&blob), &other);
    fs_err::remove_file(mine.blob_path(&blob)).unwrap();
    let store = open();
    assert!(store.open_blob(&blob.digest).unwrap_err().is_lost_blob());
    assert!(notices(&store).contains("have the digest"));
}

#[test]
fn a_blob_that_is_not_the_one_is_refused_and_a_push_sets_it_right() {
    let right = b"the right bytes";
    for (wrong, said) in [
        (&b"the wrong bytes"[..], "have the digest"),
        (b"the right", "its record says 15"),
        (b"", "its record says 15"),
        (b"the right bytes and more", "its record says 15"),
    ] {
        let Some(team) = Team::new() else { return };
        let mine = Cache::new();
        let (fingerprint, blob) = team.publish(1, right);
        team.0.put(&Team::blob(&blob), wrong);
        let store = mine.open_before("bob", &[team.remote(Writes::OnPush)]);
        assert!(store.find(&fingerprint).unwrap().is_some());
        assert!(store.read(&blob.digest).unwrap_err().is_lost_blob());
        let told = notices(&store);
        assert!(told.contains("refused blob") && told.contains(said), "{told}");
        assert!(!mine.blob_path(&blob).exists());
        let moved = store.pull(None, &selection(&[fingerprint]), &MOVING).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.results), (0, 0), "{moved:?}");
        // Made anew it is pushed over what is there.
        let other = Cache::new();
        let again = other.open_before("eve", &[team.remote(Writes::OnPush)]);
        publish(&again, 1, right);
        again.push(None, &selection(&[fingerprint]), &MOVING).unwrap();
        assert_eq!(team.0.get(&Team::blob(&blob)).as_deref(), Some(&right[..]));
    }
}

#[test]
fn a_blob_of_the_right_size_with_other_bytes_is_set_right_by_whoever_has_it() {
    for bytes in [15, 100_000, 9 * 1024 * 1024] {
        let Some(team) = Team::new() else { return };
        let (right, wrong) = (vec![1; bytes], vec![2; bytes]);
        let (fingerprint, blob) = team.publish(1, &right);
        let is_right = || team.0.get(&Team::blob(&blob)).unwrap() == right;
        // Whoever finds it and makes it again, at once, or with a later push.
        for (writes, later) in [(Writes::OnSuccess, false), (Writes::OnPush, true)] {
            team.0.put(&Team::blob(&blob), &wrong);
            let mine = Cache::new();
            let store = mine.open_before("bob", &[team.remote(writes)]);
            assert!(store.find(&fingerprint).unwrap().is_some());
            assert!(store.read(&blob.digest).unwrap_err().is_lost_blob());
            publish_and_share(&store, 1, &right);
            drop(store);
            if later {
                let store = mine.open_before("bob", &[team.remote(writes)]);
                assert_eq!(store.push(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].blobs, 1);
            }
            assert!(is_right(), "{bytes} {writes:?}");
        }
        // Whoever has it and has not found it.
        team.0.put(&Team::blob(&blob), &wrong);
        let mine = Cache::new();
        let store = mine.open_before("eve", &[team.remote(Writes::OnPush)]);
        publish(&store, 1, &right);
        let verifying = Moving { compare: Compare::All, ..MOVING };
        let moved = store.push(None, &selection(&[fingerprint]), &verifying).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.refused), (1, Vec::new()));
        assert!(is_right() && notices(&store).contains("refused blob"), "{bytes}");
        let moved = store.push(None, &selection(&[fingerprint]), &verifying).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.there), (0, 1));
        // With other bytes than those of its name nobody replaces anything.
        team.0.put(&Team::blob(&blob), &wrong);
        overwrite(&mine.blob_path(&blob), &vec![3; bytes]);
        let moved = store.push(None, &selection(&[fingerprint]), &verifying).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.results, moved.there), (0, 0, 0));
        assert!(team.0.get(&Team::blob(&blob)).unwrap() == wrong, "{bytes}");
    }
}

#[test]
fn small_results_take_three_requests_to_push_and_two_to_pull() {
    const RESULTS: u64 = 20;
    let Some(team) = Team::new() else { return };
    let proxy = Proxy::before(team.0.port(), |_| Fault::None);
    let remotes = [team.behind(&proxy, Writes::OnPush, LATE)];
    let (ada, bob) = (Cache::new(), Cache::new());
    let store = ada.open_before("ada", &remotes);
    for number in 0..RESULTS {
        publish(&store, number.cast_signed(), format!("result {number}").as_bytes());
    }
    let all = store.select_all().unwrap();
    let results = Selection { actions: all.actions, ..Selection::default() };
    let check = |store: &Store, pushes: bool, methods: &[(&str, u64)]| {
        let moved = if pushes { store.push(None, &results, &MOVING) } else { store.pull(None, &results, &MOVING) };
        let moved = moved.unwrap().remove(0);
        assert_eq!((moved.results + moved.there, moved.refused), (RESULTS, Vec::new()));
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for request in proxy.take_seen().iter().filter(|request| !request.path.ends_with("CACHEDIR.TAG")) {
            let area = request.path.split('/').rev().nth(if request.path.contains("actions/") { 4 } else { 3 });
            *seen.entry(format!("{} {}", request.method, area.unwrap())).or_default() += 1;
        }
        let expected = methods.iter().map(|(method, each)| ((*method).to_owned(), each * RESULTS)).collect();
        assert_eq!(seen, expected);
    };
    check(&store, true, &[("PUT objects", 1), ("PUT actions", 1), ("PUT catalog", 1)]);
    // What is there already is compared, as it is small, and its record is found in its catalog.
    check(&store, true, &[("PUT objects", 1), ("GET objects", 1), ("GET catalog", 1)]);
    let store = bob.open_before("bob", &remotes);
    check(&store, false, &[("GET catalog", 1), ("GET objects", 1)]);
    check(&store, false, &[("GET catalog", 1)]);
}

#[test]
fn a_blob_of_unknown_size_is_bounded_by_the_room_there_is() {
    let Some(team) = Team::new() else { return };
    let (_, blob) = team.publish(1, b"result");
    let proxy =
        Proxy::before(
            team.0.port(),
            move |request| {
                if request.path.contains("objects/") { Fault::Endless } else { Fault::None }
            },
        );
    let mine = Cache::new();
    let store = mine.open_before("bob", &[team.behind(&proxy, Writes::Never, LATE)]);
    assert!(store.read(&blob.digest).unwrap_err().is_lost_blob());
    let told = notices(&store);
    assert!(told.contains("it has 1000000000000000 bytes, and there is room for"), "{told}");
}

#[test]
fn a_record_that_is_forged_or_of_another_action_is_not_believed() {
    let check = |forge: &dyn Fn(&Team, &Fingerprint) -> Vec<u8>| {
        let Some(team) = Team::new() else { return };
        let (fingerprint, _) = team.publish(1, b"result");
        team.publish(2, b"another");
        let forged = forge(&team, &fingerprint);
        team.0.put(&Team::catalog(&fingerprint), &forged);
        team.records(&fingerprint).iter().for_each(|key| team.0.delete(key));
        let mine = Cache::new();
        let store = mine.open_before("bob", &[team.remote(Writes::OnSuccess)]);
        assert_eq!(store.find(&fingerprint).unwrap(), None);
        assert_eq!(store.pull(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].results, 0);
        assert_eq!(listing(&mine.root().join("actions")), "");
        // Made anew it is believed again.
        publish_and_share(&store, 1, b"result");
        let other = Cache::new();
        assert!(other.open_before("eve", &[team.remote(Writes::Never)]).find(&fingerprint).unwrap().is_some());
    };
    let second = || manifest(2).fingerprint();
    check(&|team, _| team.0.get(&Team::catalog(&second())).unwrap());
    check(&|team, of| {
        let text = String::from_utf8(team.0.get(&Team::catalog(&second())).unwrap()).unwrap();
        text.replace(&second().hex(), &of.hex()).into_bytes()
    });
    check(&|_, _| vec![0xFF; 4096]);
    check(&|_, _| Vec::new());
}

#[test]
fn a_catalog_without_end_is_not_read_into_memory() {
    let Some(team) = Team::new() else { return };
    let (fingerprint, _) = team.publish(1, b"result");
    for (fault, said) in [(Fault::Endless, "larger than 67108864 bytes"), (Fault::EndlessError, "400 Bad Request")] {
        let proxy = Proxy::before(team.0.port(), move |request| {
            let spoilt = ["catalog/", "actions/"].iter().any(|part| request.path.contains(part));
            if spoilt { fault.clone() } else { Fault::None }
        });
        let mine = Cache::new();
        let store = mine.open_before("bob", &[team.behind(&proxy, Writes::Never, LATE)]);
        assert_eq!(store.find(&fingerprint).unwrap(), None);
        let told = notices(&store);
        assert!(told.contains(said) || told.is_empty(), "{told}");
    }
}

#[test]
fn whoever_may_not_write_reads_and_is_told_once() {
    let Some(team) = Team::new() else { return };
    let (fingerprint, blob) = team.publish(1, b"result");
    let proxy = Proxy::before(team.0.port(), |request| match request.method.as_str() {
        "PUT" | "POST" => Fault::Answer(403, "AccessDenied"),
        _ => Fault::None,
    });
    let mine = Cache::new();
    let store = mine.open_before("bob", &[team.behind(&proxy, Writes::OnSuccess, LATE)]);
    assert!(store.find(&fingerprint).unwrap().is_some());
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    publish_and_share(&store, 2, b"mine");
    publish_and_share(&store, 3, b"mine too");
    let told = notices(&store);
    assert_eq!(told.matches("can only be read by this user").count(), 1, "{told}");
    let moved = store.push(None, &store.select_all().unwrap(), &MOVING).unwrap().remove(0);
    assert!(moved.refused.iter().any(|why| why.contains("the remote can only be read")), "{moved:?}");
}

#[test]
fn planning_asks_once_for_each_action() {
    let Some(team) = Team::new() else { return };
    let (fingerprint, _) = team.publish(0, b"result");
    let proxy = Proxy::before(team.0.port(), |_| Fault::None);
    let mine = Cache::new();
    let store = mine.open_before("bob", &[team.behind(&proxy, Writes::OnSuccess, LATE)]);
    let all: Vec<Fingerprint> = (0..40).map(|number| manifest(number).fingerprint()).collect();
    let found = store.find_many(&all).unwrap();
    assert_eq!(found.iter().filter(|record| record.is_some()).count(), 1);
    let blob = found[0].as_ref().unwrap().outputs["rows"].digest;
    for of in &all {
        assert_eq!(store.find(of).unwrap().is_some(), *of == fingerprint, "what was found before is known");
    }
    assert!(store.contains(&blob), "as its record says");
    let seen = proxy.take_seen();
    assert_eq!(seen.len(), all.len() + 1, "one for each, and one for the tag: {seen:?}");
    // What was not there is asked for anew by whoever asks again.
    store.find(&all[1]).unwrap();
    assert_eq!(proxy.take_seen().len(), 1);
}

/// Pushes and pulls through a server that spoils requests for a while, and expects what comes without it.
fn survives(name: &str, mut spoils: impl FnMut(&Request) -> Fault + Send + 'static) {
    let Some(team) = Team::new() else { return };
    let (ada, bob) = (Cache::new(), Cache::new());
    let proxy = Proxy::before(team.0.port(), move |request| spoils(request));
    let remotes = [team.behind(&proxy, Writes::OnPush, Duration::from_secs(20))];
    let store = ada.open_before("ada", &remotes);
    let published: Vec<_> =
        (0..4u8).map(|number| publish(&store, number.into(), &vec![number; 1 << (8 + 3 * number)])).collect();
    let all = store.select_all().unwrap();
    let moved = store.push(None, &all, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.refused), (4, Vec::new()), "{name}: {}", notices(&store));
    let store = bob.open_before("bob", &remotes);
    let moved = store.pull(None, &all, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs, moved.refused), (4, 4, Vec::new()), "{name}: {}", notices(&store));
    for (fingerprint, blob) in published {
        assert_eq!(store.find(&fingerprint).unwrap().unwrap().outputs["rows"], blob);
        assert_eq!(Digest::of(&store.read(&blob.digest).unwrap()), blob.digest);
    }
    assert!(verify(&bob.open_with("bob").0).clean());
}

/// Spoils every third request, but no two in a row.
fn every_third(fault: Fault) -> impl FnMut(&Request) -> Fault + Send + 'static {
    let mut count = 0;
    move |_| {
        count += 1;
        if count % 3 == 0 { fault.clone() } else { Fault::None }
    }
}

#[test]
fn faults_that_pass_change_nothing() {
    survives("dropped", every_third(Fault::Drop));
    survives("lost", every_third(Fault::Lose));
    survives("busy", every_third(Fault::Answer(503, "SlowDown")));
    survives("broken", every_third(Fault::Answer(500, "InternalError")));
    survives("cut", every_third(Fault::Cut(0)));
    let mut gets = 0;
    survives("cut in the middle, then another version", move |request| {
        let is_blob = request.method == "GET" && request.path.contains("objects/");
        gets += u32::from(is_blob);
        match gets % 3 {
            1 if is_blob => Fault::Cut(100),
            2 if is_blob => Fault::Version("\"another\""),
            _ => Fault::None,
        }
    });
}

#[test]
fn a_fault_that_stays_is_a_notice_and_a_miss() {
    let check = |fault: Fault, said: &str| {
        let Some(team) = Team::new() else { return };
        let (fingerprint, blob) = team.publish(1, b"result");
        let ready = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (spoils, mine) = (Arc::clone(&ready), Cache::new());
        let shown = format!("{fault:?}");
        let proxy = Proxy::before(team.0.port(), move |_| {
            if spoils.load(std::sync::atomic::Ordering::Relaxed) { fault.clone() } else { Fault::None }
        });
        let store = mine.open_before("bob", &[team.behind(&proxy, Writes::OnSuccess, SOON)]);
        assert_eq!(store.find(&manifest(7).fingerprint()).unwrap(), None);
        assert_eq!(notices(&store), "", "{shown}");
        ready.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(store.find(&fingerprint).unwrap(), None, "{shown}");
        assert!(store.read(&blob.digest).is_err());
        let told = notices(&store);
        assert!(told.contains("the remote `team`") && told.contains(said), "{shown}: {told}");
        let (mine, _) = publish_and_share(&store, 2, b"mine");
        assert!(store.find(&mine).unwrap().is_some());
    };
    check(Fault::Drop, "going on without the remote");
    check(Fault::Stall, "going on without the remote");
    check(Fault::Answer(503, "SlowDown"), "503 Service Unavailable: SlowDown");
    check(Fault::Answer(403, "AccessDenied"), "these credentials may not do that");
    check(Fault::Answer(403, "RequestTimeTooSkewed"), "set this machine's clock");
    check(Fault::Redirect("http://127.0.0.1:1/elsewhere".into()), "the bucket is elsewhere");
}

#[test]
fn what_keeps_a_bucket_from_being_used_is_said() {
    let Some(bucket) = moto::bucket() else { return };
    let check = |at: ObjectsAt, said: &str| {
        let remote =
            RemoteOptions { name: "team".into(), at: RemoteAt::Objects(at), writes: Writes::OnPush, timeout: SOON };
        let mine = Cache::new();
        let store = mine.open_before("ada", &[remote]);
        assert_eq!(store.find(&manifest(1).fingerprint()).unwrap(), None);
        let told = notices(&store);
        assert!(told.contains("going on without the remote `team`") && told.contains(said), "{told}");
        assert!(!told.contains("hidden"));
        let error = store.push(None, &Selection::default(), &MOVING).unwrap_err().to_string();
        assert!(error.contains("cannot use the remote `team`") && error.contains(said), "{error}");
    };
    let right = || at(&bucket.name, "x", &bucket.endpoint());
    check(right(), "is not a cache; `retort cache share s3://lab-");
    check(at("nobody-has-this", "x", &bucket.endpoint()), "there is no such bucket");
    check(at(&bucket.name, "x", "http://127.0.0.1:1"), "nothing listens there");
    check(ObjectsAt { allow_http: None, ..right() }, "is not encrypted: `allow_http = true`");
    check(ObjectsAt { endpoint: Some("elsewhere".into()), ..right() }, "no address of a server");
    let nowhere = [("AWS_METADATA_ENDPOINT".to_owned(), "http://127.0.0.1:1".to_owned())];
    check(
        ObjectsAt { surroundings: Surroundings::of(nowhere), ..right() },
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
    let half = [("AWS_ACCESS_KEY_ID".to_owned(), "hidden".to_owned())];
    check(ObjectsAt { surroundings: Surroundings::of(half), ..right() }, "Missing SecretAccessKey");
    bucket.put("x/CACHEDIR.TAG", b"something else");
    check(right(), "is no cache of this form");
}

#[test]
fn a_server_that_heeds_no_conditions_gets_no_cache() {
    let Some(bucket) = moto::bucket() else { return };
    // It says of everything that it did it.
    let proxy = Proxy::before(bucket.port(), |request| match request.method.as_str() {
        "PUT" => Fault::Answer(200, ""),
        _ => Fault::None,
    });
    let error = Store::share_bucket(&at(&bucket.name, "x", &proxy.endpoint()), SOON).unwrap_err().to_string();
    assert!(error.contains("does not heed conditions") || error.contains("cannot be written"), "{error}");
    let right = at(&bucket.name, "x", &bucket.endpoint());
    Store::share_bucket(&right, LATE).unwrap();
    Store::share_bucket(&right, LATE).unwrap();
}
