//! Damaged journals and packs: what is sound in them is kept, and the damaged file as well, aside.

use proptest::prelude::*;

use super::trusting::told;
use super::*;
use retort_fingerprint::RowKey;

const ROWS: i64 = 40;

fn key(number: i64) -> RowKey {
    RowKey::of(&Term::Int(number))
}

fn payload(number: i64) -> Vec<u8> {
    format!("{{\"answer\":{number},\"why\":\"{}\"}}", "because ".repeat(usize::try_from(number % 7).unwrap()))
        .into_bytes()
}

/// Makes a cache with rows and returns the bytes of its journal or pack, and what the file is called.
fn filled(ending: &str) -> (Cache, Vec<u8>, PathBuf) {
    let cache = Cache::new();
    let store = cache.open();
    let rows = store.rows("elicit").unwrap();
    (0..ROWS).for_each(|number| rows.put(key(number), &payload(number)).unwrap());
    let folder = cache.root().join("rows/v1/elicit");
    let named =
        |ending: &str| folder.join(disk::names(&folder).unwrap().iter().find(|name| name.ends_with(ending)).unwrap());
    let journal = fs_err::read(named(".journal")).unwrap();
    drop((rows, store));
    let pack = named(".pack");
    if ending == ".pack" {
        return (cache, fs_err::read(&pack).unwrap(), pack);
    }
    fs_err::remove_file(pack).unwrap();
    (cache, journal, folder.join("box.0123456789abcdef.journal"))
}

/// Counts the rows that are there, all of which must be right.
fn count(store: &Store) -> i64 {
    let rows = store.rows("elicit").unwrap();
    let found = |number: &i64| {
        let row = rows.get(&key(*number)).unwrap();
        row.inspect(|row| assert_eq!(*row, payload(*number))).is_some()
    };
    (0..ROWS).filter(found).count().try_into().unwrap()
}

/// A way in which a file gets damaged.
#[derive(Debug, Clone)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Overwrite(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
}

fn damages() -> impl Strategy<Value = Damage> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..80);
    prop_oneof![
        4 => (any::<prop::sample::Index>(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        2 => (any::<prop::sample::Index>(), bytes()).prop_map(|(at, bytes)| Damage::Overwrite(at, bytes)),
        1 => (any::<prop::sample::Index>(), bytes()).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (any::<prop::sample::Index>(), 1usize..80).prop_map(|(at, length)| Damage::Remove(at, length)),
    ]
}

impl Damage {
    /// Damages a file's bytes; returns the stretch that is not what it was.
    fn on(&self, bytes: &mut Vec<u8>) -> usize {
        match self {
            Self::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
                1
            }
            Self::Overwrite(at, with) => {
                let at = at.index(bytes.len());
                let end = (at + with.len()).min(bytes.len());
                drop(bytes.splice(at..end, with.iter().copied().take(end - at)));
                end - at
            }
            Self::Insert(at, with) => {
                let at = at.index(bytes.len());
                drop(bytes.splice(at..at, with.iter().copied()));
                1
            }
            Self::Remove(at, length) => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + length).min(bytes.len()));
                *length
            }
        }
    }
}

/// An entry is longer than this, so a damaged stretch meets so many at most.
const SHORTEST: usize = 44 + 22;

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_journal_loses_the_rows_that_are_damaged_and_no_others(damage in damages()) {
        let (cache, mut bytes, path) = filled(".journal");
        let stretch = damage.on(&mut bytes);
        fs_err::write(&path, &bytes).unwrap();
        // A journal of a process at work is read where it is.
        let reader = cache.open_read_only();
        let lost_at_most = i64::try_from(stretch / SHORTEST + 2).unwrap();
        let there = count(&reader);
        prop_assert!(there >= ROWS - lost_at_most, "{there} of {ROWS}");
        drop(reader);
        let store = cache.open_with("ada").0;
        prop_assert_eq!(count(&store), there);
        prop_assert!(!path.exists());
        prop_assert!(verify(&store).clean());
        // What looks as if it had only not been written to its end may go; all else is kept.
        let aside = disk::names(&cache.root().join("trash/quarantine")).unwrap();
        let is_told = told(&store).contains("sound rows are kept");
        prop_assert_eq!(aside.len(), usize::from(is_told));
    }

    #[test]
    fn a_damaged_pack_loses_one_row_for_a_flipped_bit_with_an_index_and_without(
        at in any::<prop::sample::Index>(), bit in 0u8..8, with_index: bool,
    ) {
        let (cache, mut bytes, path) = filled(".pack");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        overwrite(&path, &bytes);
        if !with_index {
            fs_err::remove_dir_all(cache.root().join("index")).unwrap();
        }
        let reader = cache.open_read_only();
        prop_assert!(count(&reader) >= ROWS - 1);
        drop(reader);
        let store = cache.open_with("ada").0;
        let there = count(&store);
        prop_assert!(there >= ROWS - 1, "{there} of {ROWS}");
        // It is in quarantine now, or `verify` puts it there; its sound rows are kept.
        let report = store.verify(VerifyOptions { quarantine: true }, &mut |_, _| {}).unwrap();
        prop_assert_eq!(report.damaged_rows.len(), usize::from(with_index));
        prop_assert!(verify(&store).clean());
        prop_assert_eq!(disk::names(&cache.root().join("trash/quarantine")).unwrap().len(), 1);
        drop(store);
        fs_err::remove_dir_all(cache.root().join("index")).unwrap();
        let left = count(&cache.open_with("ada").0);
        prop_assert!((ROWS - 1..=there).contains(&left), "{left} of {there}");
    }
}

#[test]
fn a_journal_that_is_damaged_everywhere_is_kept_aside() {
    let (cache, mut bytes, path) = filled(".journal");
    bytes.iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    fs_err::write(&path, &bytes).unwrap();
    let store = cache.open();
    assert_eq!(count(&store), 0);
    let aside = cache.root().join("trash/quarantine");
    let names = disk::names(&aside).unwrap();
    assert_eq!(fs_err::read(aside.join(&names[0])).unwrap(), bytes);
}

#[test]
fn a_journal_made_to_be_searched_for_long_is_given_up() {
    let (cache, mut bytes, path) = filled(".journal");
    // Every fourth place looks like an entry of a megabyte.
    drop(bytes.splice(8..8, 0x000F_FFFF_u32.to_le_bytes().repeat(1 << 20)));
    fs_err::write(&path, &bytes).unwrap();
    let store = cache.open_with("ada").0;
    store.rows("elicit").unwrap();
    assert!(told(&store).contains("is damaged"));
    assert_eq!(disk::names(&cache.root().join("trash/quarantine")).unwrap().len(), 1);
}
