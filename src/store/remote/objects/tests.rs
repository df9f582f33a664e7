//! A bucket as a remote, over a store in memory that heeds conditions exactly.

use std::collections::BTreeMap;
use std::sync::Barrier;

use object_store::memory::InMemory;
use proptest::prelude::*;

use super::build::Stores;
use super::*;
use crate::record::{Producer, Record};
use crate::trust::{SecretKey, TrustOptions};
use retort_fingerprint::{KeyManifest, Term};

fn over(memory: &Arc<InMemory>, trust: &TrustOptions) -> Objects {
    let terms = Terms { name: "team".into(), wants_writes: true, timeout: Duration::from_mins(1) };
    let store: build::Shared = Arc::clone(memory) as _;
    let client = Client::new(Stores::only(store), "team").unwrap();
    Objects::over(client, "s3://lab/team".into(), &terms, &Arc::default(), &Arc::new(Trust::new(trust)))
}

fn record(number: i64, user: &str, started_at_ms: u64) -> (Fingerprint, WholeRecord) {
    let record = Record {
        manifest: KeyManifest {
            kind: "transform".into(),
            revision: 1,
            params: Term::record([("number", Term::Int(number))]),
            inputs: Vec::new(),
            env: BTreeMap::new(),
            numerics: None,
        },
        outputs: BTreeMap::new(),
        producer: Producer { user: user.into(), host: "box".into(), program: "retort".into() },
        started_at_ms,
        took_ms: 1,
        notes: BTreeMap::new(),
    };
    let fingerprint = record.fingerprint();
    (fingerprint, whole(record.encode(), &fingerprint).unwrap())
}

fn put(objects: &Objects, fingerprint: &Fingerprint, record: &WholeRecord) -> Put {
    objects.put_record(fingerprint, record, false, &AtomicU64::new(0)).unwrap()
}

#[test]
fn of_many_who_add_to_one_catalog_at_once_none_is_lost() {
    let memory = Arc::new(InMemory::new());
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for number in 0..8u64 {
            let (memory, start) = (&memory, &start);
            scope.spawn(move || {
                let objects = over(memory, &TrustOptions::default());
                let (fingerprint, record) = record(1, &format!("user{number}"), 100 - number);
                start.wait();
                assert!(matches!(put(&objects, &fingerprint, &record), Put::New(_)));
            });
        }
    });
    let objects = over(&memory, &TrustOptions::default());
    let (fingerprint, first) = record(1, "user7", 93);
    let catalog = objects.catalog(&fingerprint).unwrap().unwrap();
    assert_eq!(Catalog::decode(&catalog.bytes, &fingerprint).unwrap().records.len(), 8);
    assert_eq!(objects.record(&fingerprint).unwrap().unwrap().id, first.id, "the earliest is used");
    assert_eq!(put(&objects, &fingerprint, &first), Put::There);
}

#[test]
fn a_full_catalog_takes_no_more_and_says_so() {
    let objects = over(&Arc::new(InMemory::new()), &TrustOptions::default());
    for number in 0..RECORDS_MAX as u64 {
        let (fingerprint, record) = record(1, "ada", number);
        put(&objects, &fingerprint, &record);
    }
    let (fingerprint, more) = record(1, "bob", 1);
    let Put::Refused(why) = put(&objects, &fingerprint, &more) else { panic!("it is full") };
    assert!(why.contains("its catalog in `s3://lab/team` is full"), "{why}");
}

#[test]
fn what_is_no_catalog_hides_no_record_and_is_set_right() {
    let memory = Arc::new(InMemory::new());
    let objects = over(&memory, &TrustOptions::default());
    let (fingerprint, ours) = record(1, "ada", 1);
    put(&objects, &fingerprint, &ours);
    let name = objects.names.catalog(&fingerprint);
    for garbage in [&b""[..], b"{}", b"{\"catalog\":2,\"claims\":[]}", &[0xFF; 100], b"{\"catalog\":1,\"claims\":[]}"] {
        objects.client.overwrite(&name, &Bytes::copy_from_slice(garbage)).unwrap();
        assert_eq!(objects.record(&fingerprint).unwrap().unwrap().id, ours.id, "by its own name");
    }
    put(&objects, &fingerprint, &ours);
    let catalog = objects.catalog(&fingerprint).unwrap().unwrap();
    assert!(Catalog::decode(&catalog.bytes, &fingerprint).unwrap().has(ours.id));
}

#[test]
fn a_bit_flipped_anywhere_in_a_catalog_makes_no_other_record() {
    let (fingerprint, ours) = record(1, "ada", 7);
    let mut catalog = Catalog::default();
    catalog.add(&ours);
    let sound = catalog.encode().unwrap();
    for bit in 0..sound.len() * 8 {
        let mut flipped = sound.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let read = Catalog::decode(&flipped, &fingerprint).unwrap_or_default();
        assert!(read.records.iter().all(|record| record.id == ours.id), "bit {bit}");
    }
    // In a bucket it costs the look at the record's own name.
    let objects = over(&Arc::new(InMemory::new()), &TrustOptions::default());
    put(&objects, &fingerprint, &ours);
    let text = String::from_utf8(sound).unwrap().replacen("ada", "eda", 1);
    objects.client.overwrite(&objects.names.catalog(&fingerprint), &Bytes::from(text)).unwrap();
    assert_eq!(objects.record(&fingerprint).unwrap().unwrap().id, ours.id);
}

#[test]
fn records_of_other_actions_in_a_catalog_are_passed_by() {
    let objects = over(&Arc::new(InMemory::new()), &TrustOptions::default());
    let ((one, _), (other, theirs)) = (record(1, "ada", 1), record(2, "eve", 1));
    put(&objects, &other, &theirs);
    let catalog = objects.catalog(&other).unwrap().unwrap();
    objects.client.overwrite(&objects.names.catalog(&one), &catalog.bytes.into()).unwrap();
    assert!(objects.record(&one).unwrap().is_none());
}

#[test]
fn where_trust_is_required_a_signature_decides_and_it_may_come_later() {
    let memory = Arc::new(InMemory::new());
    let secret = Arc::new(SecretKey::from_chance(&[1; 32]));
    let trusting = TrustOptions {
        trusted: BTreeMap::from([(secret.public(), "ada".to_owned())]),
        require: true,
        ..TrustOptions::default()
    };
    let (anybody, careful) = (over(&memory, &TrustOptions::default()), over(&memory, &trusting));
    let (fingerprint, mut ours) = record(1, "ada", 2);
    put(&anybody, &fingerprint, &ours);
    let (_, eves) = record(1, "eve", 1);
    put(&anybody, &fingerprint, &eves);
    assert!(careful.record(&fingerprint).unwrap().is_none());
    ours.signatures = vec![Signed::by(&secret, ours.id)];
    put(&anybody, &fingerprint, &ours);
    assert_eq!(careful.record(&fingerprint).unwrap().unwrap().id, ours.id);
    assert_eq!(anybody.record(&fingerprint).unwrap().unwrap().id, eves.id, "who requires nothing takes the earliest");
    // A signature of another record is none.
    let (_, mut forged) = record(1, "eve", 0);
    forged.signatures.clone_from(&ours.signatures);
    put(&anybody, &fingerprint, &forged);
    assert_eq!(careful.record(&fingerprint).unwrap().unwrap().id, ours.id);
    // Without a catalog they are found one by one.
    anybody.client.overwrite(&anybody.names.catalog(&fingerprint), &Bytes::from_static(b"gone")).unwrap();
    assert_eq!(careful.record(&fingerprint).unwrap().unwrap().id, ours.id);
}

#[test]
fn a_blob_is_put_once_and_what_is_not_it_is_replaced() {
    let (objects, folder) = (over(&Arc::new(InMemory::new()), &TrustOptions::default()), tempfile::tempdir().unwrap());
    let moved = AtomicU64::new(0);
    for bytes in [vec![1; 10], vec![2; 100_000], vec![3; 9 * 1024 * 1024]] {
        let (from, blob) = (folder.path().join("blob"), BlobRef::of(&bytes));
        fs_err::write(&from, &bytes).unwrap();
        let name = objects.names.blob(&blob.digest);
        assert_eq!(objects.put_blob(&from, blob, false, &moved).unwrap(), Put::New(blob.bytes));
        assert_eq!(objects.put_blob(&from, blob, false, &moved).unwrap(), Put::There);
        objects.client.overwrite(&name, &Bytes::from_static(b"cut")).unwrap();
        assert_eq!(objects.put_blob(&from, blob, false, &moved).unwrap(), Put::New(blob.bytes), "of another size");
        // Nothing but the blob is ever put under its name.
        objects.client.overwrite(&name, &Bytes::from_static(b"cut")).unwrap();
        fs_err::write(&from, vec![9; bytes.len()]).unwrap();
        assert!(matches!(objects.put_blob(&from, blob, false, &moved).unwrap(), Put::Refused(_)));
        assert_eq!(objects.read_blob(&blob.digest, 100).unwrap().unwrap(), b"cut");
        fs_err::remove_file(&from).unwrap();
        assert!(matches!(objects.put_blob(&from, blob, false, &moved).unwrap(), Put::Refused(_)));
    }
}

#[test]
fn names_of_others_in_the_bucket_are_not_read() {
    let objects = over(&Arc::new(InMemory::new()), &TrustOptions::default());
    let odd = [
        "runs/v1/x/run.json",
        "runs/v1/20260713-101502-123-4f2a9c/run.json",
        "rows/v1/.hidden/a.pack",
        "rows/v1/a b/x.pack",
    ];
    for name in odd {
        objects.client.overwrite(name, &Bytes::from_static(b"x")).unwrap();
    }
    objects.client.overwrite("rows/v1/elicit/not-a-digest.pack", &Bytes::from_static(b"x")).unwrap();
    assert_eq!(objects.runs().unwrap().iter().map(RunId::as_str).collect::<Vec<_>>(), ["20260713-101502-123-4f2a9c"]);
    assert_eq!(objects.row_kinds().unwrap().iter().map(Component::as_str).collect::<Vec<_>>(), ["elicit"]);
    assert_eq!(objects.row_packs(&Component::of("elicit")).unwrap(), []);
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_a_catalog_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Catalog::decode(&bytes, &Fingerprint::from_bytes([0; 32]));
    }

    #[test]
    fn a_catalog_survives_its_object(users in prop::collection::btree_set("[a-z]{1,8}", 0..6)) {
        let mut catalog = Catalog::default();
        let (fingerprint, _) = record(1, "", 0);
        for user in &users {
            prop_assert_eq!(catalog.add(&record(1, user, 7).1), Added::New);
            prop_assert_eq!(catalog.add(&record(1, user, 7).1), Added::Known);
        }
        let again = Catalog::decode(&catalog.encode().unwrap(), &fingerprint).unwrap();
        let mut ids: Vec<RecordId> = catalog.records.iter().map(|record| record.id).collect();
        ids.sort_unstable();
        prop_assert_eq!(again.records.iter().map(|record| record.id).collect::<Vec<_>>(), ids);
    }
}
