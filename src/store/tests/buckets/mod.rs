//! Remotes in object storage, against a real S3 interface, and against one that fails in every way.

mod damage;
mod faults;
mod requests;

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
