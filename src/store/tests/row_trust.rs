//! Whose rows are used: `salt` and `require` reach them as they reach results.

use super::trusting::{secret, told, trust};
use super::*;
use crate::trust::TRAILER_BYTES;
use retort_fingerprint::{Digest, RowKey};

fn key(number: i64) -> RowKey {
    RowKey::of(&Term::Int(number))
}

fn names(cache: &Cache, ending: &str) -> Vec<PathBuf> {
    let folder = cache.root().join("rows/v1/elicit");
    let names = disk::names(&folder).unwrap();
    names.iter().filter(|name| name.ends_with(ending)).map(|name| folder.join(name)).collect()
}

fn put(store: &Store, numbers: std::ops::Range<i64>) {
    let rows = store.rows("elicit").unwrap();
    numbers.for_each(|number| rows.put(key(number), format!("row {number}").as_bytes()).unwrap());
}

/// Counts the rows that are there, all of which must be right.
fn count(store: &Store) -> usize {
    let rows = store.rows("elicit").unwrap();
    let found = (0..100).filter_map(|number| Some((number, rows.get(&key(number)).unwrap()?)));
    found.inspect(|(number, row)| assert_eq!(*row, format!("row {number}").as_bytes())).count()
}

/// Trusts as `trust` does, and requires nothing.
fn optional(signer: Option<u8>, trusted: &[u8]) -> TrustOptions {
    TrustOptions { require: false, ..trust(signer, trusted) }
}

/// Puts a pack's bytes there under the name that is right for them.
fn put_pack(cache: &Cache, bytes: &[u8]) {
    drop(cache.open_with("ada"));
    let folder = cache.root().join("rows/v1/elicit");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join(format!("{}.pack", Digest::of(bytes))), bytes).unwrap();
}

#[test]
fn a_salt_disowns_rows_and_another_brings_them_back() {
    let cache = Cache::new();
    let open = |salt: Option<&str>| {
        let salt = salt.map(str::to_owned);
        Store::open(StoreOptions { salt, ..cache.options("ada") }).unwrap().store
    };
    put(&open(None), 0..3);
    assert_eq!(count(&open(Some("2026-12"))), 0);
    put(&open(Some("2026-12")), 0..2);
    for (salt, expected) in [(None, 3), (Some("2026-12"), 2), (Some("2027-01"), 0), (Some(""), 0)] {
        assert_eq!(count(&open(salt)), expected, "{salt:?}");
    }
}

#[test]
fn rows_are_used_as_their_signer_is_trusted_here_and_out_of_a_remote() {
    // Who sealed them, whom the reader trusts, whether signatures are required, whether they are used.
    let cases: [(Option<u8>, &[u8], bool, bool); 6] = [
        (Some(1), &[1], true, true),
        (Some(1), &[2], true, false),
        (None, &[1], true, false),
        (None, &[], false, true),
        (Some(1), &[], false, true),
        (Some(2), &[1, 2], true, true),
    ];
    for (signer, trusted, require, used) in cases {
        let team = Cache::shared();
        put(&team.open_trusting("ada", optional(signer, &[]), &[]), 0..5);
        let trusting = TrustOptions { require, ..trust(None, trusted) };
        let mine = Cache::new();
        for (cache, remotes) in [(&team, Vec::new()), (&mine, vec![team.remote("team", Writes::Never)])] {
            // Also when it is asked once more, and the index knows.
            for _ in 0..2 {
                let store = cache.open_trusting("bob", trusting.clone(), &remotes);
                assert_eq!(count(&store), if used { 5 } else { 0 }, "{signer:?} {trusted:?} {require}");
                assert_eq!(told(&store).contains("exist but are not used: no trusted signature"), !used);
            }
        }
    }
}

#[test]
fn what_a_set_of_keys_let_in_is_not_there_under_another() {
    let cache = Cache::new();
    put(&cache.open_trusting("ada", optional(Some(1), &[]), &[]), 0..3);
    put(&cache.open_trusting("bob", optional(Some(2), &[]), &[]), 2..4);
    put(&cache.open_trusting("eve", optional(None, &[]), &[]), 0..9);
    let revoked = TrustOptions { revoked: [secret(1).public()].into(), ..trust(None, &[1, 2]) };
    let seen = |trusting: TrustOptions| count(&cache.open_trusting("carol", trusting, &[]));
    for _ in 0..2 {
        assert_eq!(seen(trust(None, &[1, 2])), 4);
        assert_eq!(seen(trust(None, &[1])), 3);
        assert_eq!(seen(revoked.clone()), 2);
        assert_eq!(seen(trust(None, &[])), 0);
        assert_eq!(seen(optional(None, &[])), 9);
    }
}

#[test]
fn a_forged_pack_is_not_used_where_signatures_are_required() {
    let honest = Cache::new();
    put(&honest.open_trusting("ada", optional(Some(1), &[]), &[]), 0..4);
    let bytes = fs_err::read(&names(&honest, ".pack")[0]).unwrap();
    let unsigned = &bytes[..bytes.len() - TRAILER_BYTES];
    let check = |bytes: &[u8], expected: usize| {
        for require in [true, false] {
            let cache = Cache::new();
            put_pack(&cache, bytes);
            let trusting = TrustOptions { require, ..trust(None, &[1]) };
            let seen = count(&cache.open_trusting("bob", trusting, &[]));
            assert_eq!(seen, if require { expected } else { 4 });
        }
    };
    check(&bytes, 4);
    check(unsigned, 0);
    // The signature of another pack.
    let other = Cache::new();
    put(&other.open_trusting("ada", optional(Some(1), &[]), &[]), 0..3);
    let others = fs_err::read(&names(&other, ".pack")[0]).unwrap();
    check(&[unsigned, &others[others.len() - TRAILER_BYTES..]].concat(), 0);
    for at in [0, 40, 95] {
        let mut forged = bytes.clone();
        forged[unsigned.len() + at] ^= 1;
        check(&forged, 0);
    }
    // Of another kind of rows.
    let cache = Cache::new();
    let folder = cache.root().join("rows/v1/evaluate");
    drop(cache.open());
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join(format!("{}.pack", Digest::of(&bytes))), &bytes).unwrap();
    let store = cache.open_trusting("bob", trust(None, &[1]), &[]);
    assert_eq!(store.rows("evaluate").unwrap().get(&key(0)).unwrap(), None);
}

#[test]
fn a_pack_that_is_changed_after_it_was_read_serves_nothing_else() {
    let cache = Cache::new();
    put(&cache.open_trusting("ada", optional(Some(1), &[]), &[]), 0..4);
    for trusting in [trust(None, &[1]), optional(None, &[1])] {
        assert_eq!(count(&cache.open_trusting("bob", trusting, &[])), 4);
    }
    // Another row with a right checksum at the same place, as whoever owns the file may write.
    let pack = &names(&cache, ".pack")[0];
    let mut bytes = fs_err::read(pack).unwrap();
    let at = bytes.windows(5).position(|window| window == b"row 2").unwrap();
    bytes[at..at + 5].copy_from_slice(b"EVIL!");
    let hash = blake3::hash(&[&key(2).as_bytes()[..], b"EVIL!"].concat());
    bytes[at + 5..at + 13].copy_from_slice(&hash.as_bytes()[..8]);
    overwrite(pack, &bytes);
    for trusting in [trust(None, &[1]), optional(None, &[1])] {
        let store = cache.open_trusting("bob", trusting, &[]);
        assert_eq!(store.rows("elicit").unwrap().get(&key(2)).unwrap(), None);
    }
}

#[test]
fn rows_of_a_killed_process_are_signed_by_whoever_wrote_them_and_by_nobody_else() {
    // Who wrote the journal, who seals it, whether its rows are used where the writer is trusted.
    let cases = [(Some(1), Some(1), 6), (Some(1), Some(2), 0), (Some(1), None, 0), (None, Some(1), 0)];
    for (writer, sealer, expected) in cases {
        let cache = Cache::new();
        let store = cache.open_trusting("ada", optional(writer, &[]), &[]);
        put(&store, 0..6);
        let journal = fs_err::read(&names(&cache, ".journal")[0]).unwrap();
        drop(store);
        fs_err::remove_file(&names(&cache, ".pack")[0]).unwrap();
        // Planted rows follow, under the name of a journal of this machine.
        let planted = Cache::new();
        let eve = planted.open_trusting("eve", optional(Some(9), &[]), &[]);
        put(&eve, 6..9);
        let more = fs_err::read(&names(&planted, ".journal")[0]).unwrap();
        let left = cache.root().join("rows/v1/elicit/box.0123456789abcdef.journal");
        fs_err::write(&left, [&journal[..], &more[8..]].concat()).unwrap();
        assert_eq!(count(&cache.open_trusting("bob", optional(sealer, &[]), &[])), 9, "nothing is lost");
        assert!(!left.exists());
        let store = cache.open_trusting("carol", trust(None, &[1, 2]), &[]);
        assert_eq!(count(&store), expected, "{writer:?} {sealer:?}");
        let report = verify(&store);
        assert!(report.clean() && report.rows == 9, "vouchers are no rows: {report:?}");
    }
}

#[test]
fn a_journal_that_others_change_while_it_is_written_is_not_signed_as_it_stands() {
    let cache = Cache::new();
    let store = cache.open_trusting("ada", trust(Some(1), &[]), &[]);
    put(&store, 0..4);
    let journal = &names(&cache, ".journal")[0];
    let mut bytes = fs_err::read(journal).unwrap();
    let at = bytes.windows(5).position(|window| window == b"row 2").unwrap();
    bytes[at..at + 5].copy_from_slice(b"EVIL!");
    let hash = blake3::hash(&[&key(2).as_bytes()[..], b"EVIL!"].concat());
    bytes[at + 5..at + 13].copy_from_slice(&hash.as_bytes()[..8]);
    std::os::unix::fs::FileExt::write_all_at(
        fs_err::File::options().write(true).open(journal).unwrap().file(),
        &bytes,
        0,
    )
    .unwrap();
    assert_eq!(store.rows("elicit").unwrap().get(&key(2)).unwrap(), None);
    store.rows("elicit").unwrap().finish().unwrap();
    assert!(told(&store).contains("rows are not what was written"));
    assert_eq!(count(&store), 3);
    assert_eq!(count(&cache.open_trusting("bob", trust(None, &[1]), &[])), 3);
    assert_eq!(disk::names(&cache.root().join("trash/quarantine")).unwrap().len(), 1);
}

#[test]
fn packs_are_only_merged_with_those_of_the_same_signer() {
    let cache = Cache::new();
    for (signer, from) in [(Some(1), 0), (Some(2), 20), (None, 40)] {
        let store = cache.open_trusting("ada", optional(signer, &[]), &[]);
        for number in from..from + 10 {
            put(&store, number..number + 1);
            store.rows("elicit").unwrap().finish().unwrap();
        }
    }
    let store = cache.open_trusting("ada", trust(Some(1), &[2]), &[]);
    assert_eq!(count(&store), 20);
    let report = store.gc(GcOptions::default(), &mut |_, _| {}).unwrap();
    assert_eq!((report.merged_packs, names(&cache, ".pack").len()), (20, 12));
    assert_eq!(count(&store), 20);
    drop(store);
    assert_eq!(count(&cache.open_trusting("bob", trust(None, &[1]), &[])), 10);
    assert_eq!(count(&cache.open_trusting("bob", trust(None, &[1, 2]), &[])), 20);
    assert_eq!(count(&cache.open_trusting("bob", optional(None, &[]), &[])), 30);
}

#[test]
fn rows_that_are_taken_over_keep_their_signatures() {
    let (known, fresh) = (Cache::new(), Cache::new());
    put(&known.open_trusting("ada", optional(Some(1), &[]), &[]), 0..3);
    let folder = known.root().join("rows/v1/elicit");
    std::os::unix::fs::symlink("/dev/zero", folder.join("link.pack")).unwrap();
    fs_err::create_dir(folder.join("folder.journal")).unwrap();
    let store = fresh.open_trusting("bob", trust(None, &[1]), &[]);
    store.take_rows(&known.open_trusting("bob", trust(None, &[1]), &[]), "elicit").unwrap();
    assert_eq!(count(&store), 3);
}

#[test]
fn a_bit_flipped_anywhere_in_a_signed_pack_costs_its_signer_no_other_row() {
    const ROWS: usize = 8;
    let made = Cache::new();
    put(&made.open_trusting("ada", trust(Some(1), &[]), &[]), 0..i64::try_from(ROWS).unwrap());
    let pack = &names(&made, ".pack")[0];
    let sound = fs_err::read(pack).unwrap();
    for at in (0..sound.len()).step_by(29).chain([sound.len() - 100, sound.len() - 1]) {
        let cache = Cache::new();
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        let harm = |cache: &Cache| {
            put_pack(cache, &sound);
            let path = cache.root().join("rows/v1/elicit").join(pack.file_name().unwrap());
            overwrite(&path, &bytes);
        };
        harm(&cache);
        // Once by the run that meets it, and once more when what was sound has been sealed again.
        for _ in 0..2 {
            let kept = count(&cache.open_trusting("ada", trust(Some(1), &[]), &[]));
            assert!(kept + 1 >= ROWS, "byte {at}: {kept} rows");
        }
        // Nobody else can tell whose they are.
        let other = Cache::new();
        harm(&other);
        let store = other.open_trusting("bob", trust(Some(2), &[1]), &[]);
        assert_eq!(count(&store), 0, "byte {at}");
    }
}
