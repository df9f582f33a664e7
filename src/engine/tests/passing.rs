//! Bytes that are kept only while something reads them.

use std::collections::BTreeMap;

use super::bench::{experiment, open, run_as};
use retort_event::What;

/// `late` reads what `second` made after `first`, which made the same bytes, has been read for the last time.
const TEXT: &str = "retort: 1
experiment: x
seed: 1
stages:
  first: { lend: { of: a, again: 0 } }
  second: { lend: { of: a, again: 1 } }
  early: { mix: { from: first, with: b } }
  late: { follow: { from: second, after: early } }
";

#[test]
fn equal_bytes_of_two_stages_stay_until_both_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &[]);
    let experiment = experiment(TEXT);
    // Without a record nobody knows what other runs need, and nothing goes.
    let run = store.new_run("x").unwrap();
    // One at a time, so that `second` is done before `early` is.
    let ran = run_as(&store, &experiment, run.id().as_str(), 1);
    let once = ["early", "first", "late", "second"].map(|name| (name.to_owned(), 1));
    assert_eq!(ran.started, BTreeMap::from(once));
    let warned: Vec<_> = ran.told.iter().filter(|event| matches!(event.what, What::Warned { .. })).collect();
    assert!(warned.is_empty(), "{warned:?}");
    let digests = ran.digests(&experiment);
    assert_eq!(digests["first"]["one"], digests["second"]["one"]);
    assert!(store.is_evicted(&digests["first"]["one"]), "nothing reads it any more");
}
