//! Rows: journals, packs and what is left of them after a crash.

use super::*;
use retort_fingerprint::{RowKey, Term};

fn key(number: i64) -> RowKey {
    RowKey::of(&Term::Int(number))
}

fn names(cache: &Cache, ending: &str) -> Vec<PathBuf> {
    let folder = cache.root().join("rows/v1/elicit");
    let names = disk::names(&folder).unwrap();
    names.iter().filter(|name| name.ends_with(ending)).map(|name| folder.join(name)).collect()
}

#[test]
fn rows_are_found_while_journaled_sealed_and_in_a_later_store() {
    let cache = Cache::new();
    let store = cache.open();
    let rows = store.rows("elicit").unwrap();
    for number in 0..500 {
        rows.put(key(number), format!("row {number}").as_bytes()).unwrap();
    }
    let check = |rows: &RowStore| {
        for number in 0..500 {
            assert_eq!(rows.get(&key(number)).unwrap().unwrap(), format!("row {number}").as_bytes());
        }
        assert_eq!(rows.get(&key(500)).unwrap(), None);
    };
    check(&rows);
    rows.flush().unwrap();
    rows.finish().unwrap();
    check(&rows);
    assert_eq!((names(&cache, ".journal").len(), names(&cache, ".pack").len()), (0, 1));
    drop((rows, store));
    let store = cache.open();
    check(&store.rows("elicit").unwrap());
    assert_eq!(verify(&store).rows, 500);
    assert_eq!(store.rows("attribute").unwrap().get(&key(1)).unwrap(), None, "kinds are apart");
}

#[test]
fn the_journal_of_a_killed_process_is_sealed_by_the_next_store_without_its_torn_end() {
    let cache = Cache::new();
    let store = cache.open();
    let rows = store.rows("elicit").unwrap();
    for number in 0..20 {
        rows.put(key(number), b"payload").unwrap();
    }
    let journal = fs_err::read(&names(&cache, ".journal")[0]).unwrap();
    drop((rows, store));
    fs_err::remove_file(&names(&cache, ".pack")[0]).unwrap();
    let left = cache.root().join("rows/v1/elicit/box.left.journal");
    fs_err::write(&left, &journal[..journal.len() - 3]).unwrap();
    let store = cache.open();
    assert!(verify(&store).clean(), "a torn end is what a kill leaves");
    let rows = store.rows("elicit").unwrap();
    assert!(!left.exists());
    assert!((0..19).all(|number| rows.get(&key(number)).unwrap().unwrap() == b"payload"));
    assert_eq!(rows.get(&key(19)).unwrap(), None);
}

#[test]
fn a_damaged_row_is_absent_and_said_to_be_while_others_are_served() {
    let cache = Cache::new();
    {
        let rows = cache.open().rows("elicit").unwrap();
        (0..10).for_each(|number| rows.put(key(number), format!("payload {number}").as_bytes()).unwrap());
    }
    let pack = &names(&cache, ".pack")[0];
    let mut bytes = fs_err::read(pack).unwrap();
    let at = bytes.windows(9).position(|window| window == b"payload 4").unwrap();
    bytes[at] ^= 1;
    overwrite(pack, &bytes);
    let store = cache.open();
    let rows = store.rows("elicit").unwrap();
    for number in 0..10 {
        assert_eq!(rows.get(&key(number)).unwrap().is_some(), number != 4);
    }
    assert!(matches!(&store.take_notices()[..], [Notice::RowsDamaged { .. }]));
    assert_eq!(verify(&store).damaged_rows.len(), 1);
    rows.put(key(4), b"made anew").unwrap();
    assert_eq!(rows.get(&key(4)).unwrap().unwrap(), b"made anew");
}

#[test]
fn small_packs_are_merged_and_a_neighbour_still_finds_its_rows() {
    let cache = Cache::new();
    let store = cache.open();
    let rows = store.rows("elicit").unwrap();
    for number in 0..12 {
        rows.put(key(number), b"payload").unwrap();
        rows.finish().unwrap();
    }
    let (neighbour, _) = cache.open_with("bob");
    let theirs = neighbour.rows("elicit").unwrap();
    assert!(theirs.get(&key(3)).unwrap().is_some());
    let report = store.gc(GcOptions::default(), &mut |_, _| {}).unwrap();
    assert_eq!((report.merged_packs, names(&cache, ".pack").len()), (12, 1));
    for rows in [&rows, &theirs] {
        assert!((0..12).all(|number| rows.get(&key(number)).unwrap().unwrap() == b"payload"));
    }
    assert!(verify(&store).clean());
}

#[test]
fn threads_and_stores_share_the_rows_of_a_kind() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    std::thread::scope(|scope| {
        for (worker, store) in (0..).zip([&ada, &bob, &ada, &bob]) {
            scope.spawn(move || {
                let rows = store.rows("elicit").unwrap();
                for number in 0..100 {
                    let number: i64 = 1000 * worker + number;
                    rows.put(key(number), &number.to_le_bytes()).unwrap();
                    assert!(rows.get(&key(number)).unwrap().is_some());
                }
            });
        }
    });
    for store in [&ada, &bob] {
        let rows = store.rows("elicit").unwrap();
        for number in (0..4).flat_map(|worker| (0..100).map(move |number| 1000 * worker + number)) {
            assert_eq!(rows.get(&key(number)).unwrap().unwrap(), number.to_le_bytes());
        }
    }
}

#[test]
fn a_kind_with_a_dangerous_name_stays_below_rows() {
    let cache = Cache::new();
    let store = cache.open();
    store.rows("../../outside").unwrap().put(key(1), b"x").unwrap();
    assert!(!cache.dir.path().join("outside").exists() && !cache.root().join("outside").exists());
    assert_eq!(store.rows("../../outside").unwrap().get(&key(1)).unwrap().unwrap(), b"x");
}

#[test]
fn a_row_too_large_is_refused() {
    let cache = Cache::new();
    let rows = cache.open().rows("elicit").unwrap();
    let error = rows.put(key(1), &vec![0; 16 * 1024 * 1024 + 1]).unwrap_err();
    assert!(matches!(error, StoreError::RowTooLarge { .. }));
    assert_eq!(rows.get(&key(1)).unwrap(), None);
}
