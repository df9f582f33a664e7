//! Bytes that are kept only while something reads them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use super::bench::{Nothing, Ran, Scene, experiment, open, run_as};
use retort_event::{Event, What};
use retort_fingerprint::Fingerprint;
use retort_hub::{Secret, Way};
use retort_spec::Experiment;
use retort_stage::Reach;
use retort_store::Store;

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

/// What passes in `first` stays in `other`.
const KEPT: &str = "retort: 1
experiment: x
seed: 1
stages:
  first: { lend: { of: a, again: 0 } }
  other: { OTHER }
  early: { follow: { from: first, after: other } }
";

/// Runs an experiment of which some instances are to be there in the end.
fn ran(store: &Store, experiment: &Experiment, jobs: usize, named: &[&str]) -> Ran {
    // Without a record nobody knows what other runs need, and nothing goes.
    let run = store.new_run("x").unwrap();
    let heard = &mut |_: &Event| {};
    run_as(store, experiment, Scene { run: run.id().as_str(), jobs, named, reach: &Nothing, heard })
}

fn assert_each_ran_once(ran: &Ran, experiment: &Experiment) {
    let names = experiment.ids().map(|id| (experiment.instance(id).name.to_string(), 1));
    assert_eq!(ran.started, names.collect::<BTreeMap<_, _>>());
    let warned: Vec<_> = ran.told.iter().filter(|event| matches!(event.what, What::Warned { .. })).collect();
    assert!(warned.is_empty(), "{warned:?}");
}

#[test]
fn equal_bytes_of_two_stages_stay_until_both_are_read() {
    for jobs in [1, 2, 4] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &[]);
        let experiment = experiment(TEXT);
        let ran = ran(&store, &experiment, jobs, &[]);
        assert_each_ran_once(&ran, &experiment);
        let digests = ran.digests(&experiment);
        assert_eq!(digests["first"]["one"], digests["second"]["one"]);
        assert!(store.is_evicted(&digests["first"]["one"]), "nothing reads it any more");
        assert!(store.contains(&digests["first"]["two"]));
    }
}

/// A variable that can be read once a gate is open.
struct Gate(Mutex<Receiver<()>>);

impl Reach for Gate {
    fn variable(&self, _variable: &str) -> Option<Secret> {
        self.0.lock().unwrap().recv().unwrap();
        None
    }

    fn way(&self) -> Way {
        unreachable!("nothing is asked")
    }
}

/// The loop is held up between hearing that `early` is done, whereupon it lets go of what `first` made, and acting on it,
/// until what `second` made is published. Of that it hears only afterwards.
#[test]
fn what_is_published_and_not_yet_heard_of_does_not_go_with_its_equal() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &[]);
    let experiment = experiment(&TEXT.replace("lend: { of: a, again: 1 }", "await: { of: a }"));
    let run = store.new_run("x").unwrap();
    let (opens, gate) = channel();
    let mut second: Option<Fingerprint> = None;
    let mut held_up = 0;
    let mut heard = |event: &Event| match &event.what {
        What::Started { instance, fingerprint, .. } if instance == "second" => second = Some(*fingerprint),
        What::Finished { instance, .. } if instance == "early" => {
            opens.send(()).unwrap();
            let second = second.expect("there is room for both at a time");
            while store.find(&second).unwrap().is_none() {
                std::thread::yield_now();
            }
            held_up += 1;
        }
        _ => {}
    };
    let reach = Gate(Mutex::new(gate));
    let scene = Scene { run: run.id().as_str(), jobs: 2, named: &[], reach: &reach, heard: &mut heard };
    let ran = run_as(&store, &experiment, scene);
    assert_eq!(held_up, 1);
    assert_each_ran_once(&ran, &experiment);
    let digests = ran.digests(&experiment);
    assert_eq!(digests["first"]["one"], digests["second"]["one"]);
    assert!(store.is_evicted(&digests["second"]["one"]), "the last to let go of it lets it go");
}

/// What passes in one result may be there for good in another: as a part that stays, or because somebody asks for it by name.
#[test]
fn equal_bytes_that_are_to_stay_do_not_go() {
    let others: [(&str, &[&str]); 2] = [("make: { of: a }", &[]), ("lend: { of: a, again: 1 }", &["other"])];
    for (other, named) in others {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &[]);
        let experiment = experiment(&KEPT.replace("OTHER", other));
        let ran = ran(&store, &experiment, 2, named);
        assert_each_ran_once(&ran, &experiment);
        let digests = ran.digests(&experiment);
        assert_eq!(digests["first"]["one"], digests["other"]["one"]);
        assert!(store.holds(&digests["other"]["one"]), "{other}");
    }
}

/// Two instances of one action have one result.
#[test]
fn the_result_of_two_instances_goes_when_both_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &[]);
    let experiment = experiment(&TEXT.replace("again: 1", "again: 0"));
    let ran = ran(&store, &experiment, 3, &[]);
    assert!(ran.started.values().all(|times| *times == 1), "{:?}", ran.started);
    let digests = ran.digests(&experiment);
    assert!(store.is_evicted(&digests["first"]["one"]));
    let evicted = ran.told.iter().filter(|event| matches!(event.what, What::Evicted { .. }));
    assert_eq!(evicted.count(), 1);
}
