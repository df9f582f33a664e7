//! Trust: unsigned, forged, replayed and revoked records are seen and not used.

use super::*;
use retort_fingerprint::Digest;

const MOVING: Moving<'static> = Moving { jobs: Some(2), compare: Compare::Nothing, progress: &|_, _| {} };

pub(super) fn secret(number: u8) -> Arc<SecretKey> {
    Arc::new(SecretKey::from_chance(&[number; 32]))
}

/// Trusts some keys and no others, and signs with one.
pub(super) fn trust(signer: Option<u8>, trusted: &[u8]) -> TrustOptions {
    TrustOptions {
        signer: signer.map(secret),
        trusted: trusted.iter().map(|number| (secret(*number).public(), format!("key {number}"))).collect(),
        require: true,
        ..TrustOptions::default()
    }
}

impl Cache {
    pub(super) fn open_trusting(&self, user: &str, trust: TrustOptions, remotes: &[RemoteOptions]) -> Store {
        Store::open(StoreOptions { trust, remotes: remotes.to_vec(), ..self.options(user) }).unwrap().store
    }

    /// Opens it as somebody who signs, and requires nothing.
    fn open_signing(&self, user: &str, key: u8) -> Store {
        self.open_trusting(user, TrustOptions { require: false, ..trust(Some(key), &[]) }, &[])
    }

    fn signatures(&self, record: &Digest) -> PathBuf {
        let hex = record.hex();
        self.root().join("signatures/v1").join(&hex[..2]).join(hex)
    }

    fn only_record(&self, fingerprint: &Fingerprint) -> Digest {
        disk::names(&self.records_path(fingerprint)).unwrap()[0].parse().unwrap()
    }
}

pub(super) fn told(store: &Store) -> String {
    store.take_notices().iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn only_what_a_trusted_key_signed_is_used() {
    // Who signed, who is trusted, whether it is used.
    let cases: [(Option<u8>, &[u8], bool); 4] =
        [(Some(1), &[1], true), (Some(1), &[2], false), (None, &[1], false), (Some(2), &[1, 2], true)];
    for (signer, trusted, used) in cases {
        let (team, mine) = (Cache::shared(), Cache::new());
        let ada = match signer {
            Some(key) => team.open_signing("ada", key),
            None => team.open_with("ada").0,
        };
        let (fingerprint, blob) = publish(&ada, 1, b"result");
        drop(ada);
        let remotes = [team.remote("team", Writes::Never)];
        for store in [
            mine.open_trusting("bob", trust(None, trusted), &remotes),
            team.open_trusting("bob", trust(None, trusted), &[]),
        ] {
            assert_eq!(store.find(&fingerprint).unwrap().is_some(), used, "{signer:?} {trusted:?}");
            assert_eq!(store.records(&fingerprint).unwrap().len(), usize::from(used));
            let notices = told(&store);
            let seen = notices.contains("not used: no trusted signature (the first is by ada@box)");
            assert_eq!(seen, !used, "{notices}");
        }
        let store = mine.open_trusting("bob", trust(None, trusted), &remotes);
        assert_eq!(store.find(&fingerprint).unwrap().is_some_and(|_| store.read(&blob.digest).is_ok()), used);
        // What was kept here brought its signature along.
        drop(store);
        let alone = mine.open_trusting("bob", trust(None, trusted), &[]);
        assert_eq!(alone.find(&fingerprint).unwrap().is_some(), used);
        assert!(verify(&alone).clean());
    }
}

#[test]
fn a_trusted_record_is_used_though_an_untrusted_one_came_first() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let publish_at = |store: &Store, started_at_ms, bytes: &[u8]| {
        let pending = store.put(bytes).unwrap();
        let record = Record { started_at_ms, ..record(store, 1, &[("rows", pending.blob())]) };
        store.publish(vec![pending], &record).unwrap();
    };
    publish_at(&team.open_with("eve").0, 1, b"poison");
    publish_at(&team.open_signing("ada", 1), 2, b"result");
    let store = mine.open_trusting("bob", trust(None, &[1]), &[team.remote("team", Writes::Never)]);
    let found = store.find(&manifest(1).fingerprint()).unwrap().unwrap();
    assert_eq!(found.producer.user, "ada");
    assert_eq!(store.read(&found.outputs["rows"].digest).unwrap(), b"result");
    let careless = Cache::new().open_before("bob", &[team.remote("team", Writes::Never)]);
    assert_eq!(careless.find(&manifest(1).fingerprint()).unwrap().unwrap().producer.user, "eve");
}

#[test]
fn a_revoked_key_counts_for_nothing() {
    let team = Cache::shared();
    let (fingerprint, _) = publish(&team.open_signing("ada", 1), 1, b"result");
    let revoked = TrustOptions { revoked: [secret(1).public()].into(), ..trust(None, &[1]) };
    let store = team.open_trusting("bob", revoked, &[]);
    assert_eq!(store.find(&fingerprint).unwrap(), None);
    assert_eq!(verify(&store).untrusted_records.len(), 1);
    drop(store);
    // Not even one's own.
    let own = TrustOptions { revoked: [secret(1).public()].into(), ..trust(Some(1), &[]) };
    assert_eq!(team.open_trusting("ada", own, &[]).find(&fingerprint).unwrap(), None);
}

#[test]
fn a_signature_that_was_forged_copied_or_cut_counts_for_nothing() {
    let check = |damage: &dyn Fn(&Cache, &Path, &Path)| {
        let cache = Cache::new();
        let signing = cache.open_signing("ada", 1);
        let (fingerprint, _) = publish(&signing, 1, b"result");
        let (other, _) = publish(&signing, 2, b"other");
        drop(signing);
        let path = |fingerprint| {
            cache.signatures(&cache.only_record(fingerprint)).join(&secret(1).public().to_string()["ed25519:".len()..])
        };
        let open = || cache.open_trusting("bob", trust(None, &[1]), &[]);
        assert!(open().find(&fingerprint).unwrap().is_some());
        damage(&cache, &path(&fingerprint), &path(&other));
        assert_eq!(open().find(&fingerprint).unwrap(), None);
        let report = verify(&open());
        assert_eq!(report.untrusted_records.len(), 1);
        assert!(report.is_undamaged());
    };
    check(&|_, path, _| overwrite(path, &[7; 64]));
    check(&|_, path, other| overwrite(path, &fs_err::read(other).unwrap()));
    check(&|_, path, _| overwrite(path, &fs_err::read(path).unwrap()[..63]));
    check(&|_, path, _| overwrite(path, &[0; 4096]));
    check(&|_, path, _| fs_err::remove_file(path).unwrap());
    check(&|cache, path, _| {
        let aside = cache.dir.path().join("aside");
        fs_err::rename(path, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, path).unwrap();
    });
}

#[test]
fn a_signature_replayed_under_another_record_is_worth_nothing() {
    let cache = Cache::new();
    let (fingerprint, _) = publish(&cache.open_signing("ada", 1), 1, b"result");
    let signed = cache.only_record(&fingerprint);
    let eve = cache.open_with("eve").0;
    let pending = eve.put(b"poison").unwrap();
    let record = Record { started_at_ms: 1, ..record(&eve, 1, &[("rows", pending.blob())]) };
    let forged = eve.publish(vec![pending], &record).unwrap().digest();
    fs_err::create_dir_all(cache.signatures(&forged)).unwrap();
    for name in disk::names(&cache.signatures(&signed)).unwrap() {
        fs_err::copy(cache.signatures(&signed).join(&name), cache.signatures(&forged).join(&name)).unwrap();
    }
    let store = cache.open_trusting("bob", trust(None, &[1]), &[]);
    assert_eq!(store.find(&fingerprint).unwrap().unwrap().id.digest(), signed);
    assert_eq!(store.signers(&forged), []);
}

#[test]
fn a_countersignature_makes_a_record_trusted_and_travels_with_it() {
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let remotes = [team.remote("team", Writes::OnPush)];
    let (fingerprint, _) = publish(&ada.open(), 1, b"result");
    let store = ada.open_trusting("carol", TrustOptions { require: false, ..trust(Some(3), &[]) }, &remotes);
    let record = ada.only_record(&fingerprint);
    assert_eq!(store.signers(&record), []);
    assert!(store.countersign(&record).unwrap());
    assert_eq!(store.signers(&record), [secret(3).public()]);
    store.push(None, &store.select_all().unwrap(), &MOVING).unwrap();
    assert!(bob.open_trusting("bob", trust(None, &[3]), &remotes).find(&fingerprint).unwrap().is_some());
    assert!(!ada.open_with("nobody").0.countersign(&record).unwrap(), "there is no key to do it with");
}

#[test]
fn what_is_made_here_is_used_here() {
    use retort_fingerprint::RowKey;
    let mine = Cache::new();
    let store = mine.open_trusting("bob", trust(Some(2), &[]), &[]);
    let (fingerprint, _) = publish(&store, 1, b"result");
    assert!(store.find(&fingerprint).unwrap().is_some());
    let key = RowKey::of(&Term::Int(2));
    store.rows("elicit").unwrap().put(key, b"mine").unwrap();
    assert!(store.rows("elicit").unwrap().get(&key).unwrap().is_some());
    let other = mine.open_trusting("bob", trust(Some(2), &[]), &[]);
    assert!(other.rows("elicit").unwrap().get(&key).unwrap().is_some(), "also by another process, before it is sealed");
    let stranger = mine.open_trusting("eve", trust(Some(3), &[]), &[]);
    assert_eq!(stranger.rows("elicit").unwrap().get(&key).unwrap(), None);
}

#[test]
fn signatures_are_collected_and_restored_with_their_records() {
    let cache = Cache::new();
    let (fingerprint, _) = publish(&cache.open_signing("ada", 1), 1, b"result");
    let day = std::time::Duration::ZERO;
    let late = cache.open_later(40);
    late.gc(GcOptions { keep_runs: 0, keep_for: day, grace: day, dry_run: false }, &mut |_, _| {}).unwrap();
    assert_eq!(listing(&cache.root().join("signatures")), "");
    late.restore("gc-").unwrap();
    drop(late);
    assert!(cache.open_trusting("bob", trust(None, &[1]), &[]).find(&fingerprint).unwrap().is_some());
}
