//! Whatever is damaged, wherever: the plan says what will run, it runs once, and the results are those of a fresh cache.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tempfile::TempDir;

use super::bench::{Ran, experiment, open, run_in};
use retort_spec::Experiment;
use retort_store::{RemoteAt, RemoteOptions, Writes};

/// What may be wrong with a blob.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Gone,
    Cut,
    Flipped,
    /// Something else has its name.
    Folder,
}

/// An experiment on axes in some order, with some combinations left out.
#[derive(Debug, Clone)]
struct Grid {
    /// The axes in the order of the file.
    axes: Vec<&'static str>,
    /// Whether the values of each axis stand in their alphabetical order.
    rising: bool,
    except: bool,
    title: &'static str,
    with: &'static str,
}

impl Grid {
    fn text(&self) -> String {
        let values = |axis: &str| match (axis, self.rising) {
            ("a", true) => "[p, q]",
            ("a", false) => "[q, p]",
            (_, true) => "[1, 2]",
            (_, false) => "[2, 1]",
        };
        let axes: Vec<String> = self.axes.iter().map(|axis| format!("{axis}: {}", values(axis))).collect();
        let except = if self.except { "    except: { z: 1, a: q }\n" } else { "" };
        format!(
            "retort: 1
experiment: grid
axes: {{ {} }}
stages:
  base:
    make: {{ of: base }}
  mixed:
{except}    mix: {{ from: base, with: \"${{z}} and ${{a}}\" }}
  further:
    mix: {{ from: mixed, with: \"${{m}} {}\" }}
  few:
    print: {{ from: mixed, title: {} }}
  many:
    print: {{ from: further, title: {} }}
  both:
    print: {{ from: [further, mixed], title: {} }}
",
            axes.join(", "),
            self.with,
            self.title,
            self.title,
            self.title
        )
    }

    fn read(&self) -> Experiment {
        experiment(&self.text())
    }
}

fn grids() -> impl Strategy<Value = Grid> {
    let axes = Just(vec!["z", "a", "m"]).prop_shuffle();
    (axes, any::<bool>(), any::<bool>()).prop_map(|(axes, rising, except)| Grid {
        axes,
        rising,
        except,
        title: "One",
        with: "x",
    })
}

fn faults() -> impl Strategy<Value = Vec<(prop::sample::Index, Fault)>> {
    let fault = prop_oneof![Just(Fault::Gone), Just(Fault::Cut), Just(Fault::Flipped), Just(Fault::Folder)];
    prop::collection::vec((any::<prop::sample::Index>(), fault), 0..8)
}

/// Lists every blob of a cache in the order of their names.
fn blobs(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for shard in fs_err::read_dir(root.join("objects/v1")).unwrap() {
        for blob in fs_err::read_dir(shard.unwrap().path()).unwrap() {
            found.push(blob.unwrap().path());
        }
    }
    found.sort();
    found
}

fn damage(path: &Path, fault: Fault) {
    let Ok(mut bytes) = fs_err::read(path) else { return };
    fs_err::remove_file(path).unwrap();
    match fault {
        Fault::Gone => return,
        Fault::Folder => return fs_err::create_dir(path).unwrap(),
        Fault::Cut => bytes.truncate(bytes.len() / 2),
        Fault::Flipped => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
    }
    fs_err::write(path, bytes).unwrap();
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o444)).unwrap();
}

/// Says what is wrong with a run, if anything is: every instance is counted once, nothing fails or runs twice, and what runs
/// is what the plan says.
fn sound(ran: &Ran, experiment: &Experiment) -> Result<(), TestCaseError> {
    let tally = ran.outcome.tally;
    prop_assert_eq!((tally.failed, tally.stopped, tally.skipped), (0, 0, 0), "{:?}", ran.told);
    prop_assert_eq!(tally.hits + tally.ran, experiment.instances.len());
    prop_assert!(ran.started.values().all(|times| *times == 1), "{:?}", ran.started);
    let (planned, undecided) = (ran.planned(experiment), ran.undecided(experiment));
    let started: std::collections::BTreeSet<String> = ran.started.keys().cloned().collect();
    prop_assert!(planned.is_subset(&started), "planned {:?}, and ran {:?}", planned, started);
    prop_assert!(started.iter().all(|name| planned.contains(name) || undecided.contains(name)), "{:?}", started);
    Ok(())
}

/// Runs an experiment in a cache of its own.
fn fresh(experiment: &Experiment) -> Ran {
    let folder = TempDir::new().unwrap();
    run_in(&open(&folder.path().join("cache"), &[]), experiment)
}

fn check(
    before: &Grid,
    after: &Grid,
    faults: &[(prop::sample::Index, Fault)],
    layered: bool,
) -> Result<(), TestCaseError> {
    let folder = TempDir::new().unwrap();
    let made = folder.path().join("made");
    sound(&run_in(&open(&made, &[]), &before.read()), &before.read())?;
    let paths = blobs(&made);
    faults.iter().for_each(|(index, fault)| damage(&paths[index.index(paths.len())], *fault));
    let experiment = after.read();
    let remote = RemoteOptions {
        name: "team".into(),
        at: RemoteAt::Directory(made.clone()),
        writes: Writes::OnSuccess,
        timeout: Duration::from_mins(1),
    };
    let (root, remotes) = if layered { (folder.path().join("own"), vec![remote]) } else { (made, Vec::new()) };
    {
        let store = open(&root, &remotes);
        let ran = run_in(&store, &experiment);
        sound(&ran, &experiment)?;
        prop_assert_eq!(ran.digests(&experiment), fresh(&experiment).digests(&experiment));
        store.finish_sharing().unwrap();
    }
    // Once more, where everything is to be there, also for somebody else.
    let root = if layered { folder.path().join("other") } else { root };
    let again = run_in(&open(&root, &remotes), &experiment);
    sound(&again, &experiment)?;
    prop_assert!(again.started.is_empty(), "{:?}", again.started);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(17), ..ProptestConfig::default() })]

    #[test]
    fn what_is_damaged_here_is_made_again_once(
        grid in grids(), faults in faults(), title in any::<bool>(), with in any::<bool>(), moved in any::<bool>(),
    ) {
        let mut after = grid.clone();
        after.title = if title { "Two" } else { "One" };
        after.with = if with { "y" } else { "x" };
        if moved {
            after.axes.reverse();
        }
        check(&grid, &after, &faults, false)?;
    }

    #[test]
    fn what_is_damaged_in_a_remote_is_made_again_once_and_set_right_there(grid in grids(), faults in faults(), title in any::<bool>()) {
        let mut after = grid.clone();
        after.title = if title { "Two" } else { "One" };
        check(&grid, &after, &faults, true)?;
    }
}

/// Everything is damaged, in each of the ways.
#[test]
fn where_all_is_damaged_all_is_made_again_once() {
    for fault in [Fault::Gone, Fault::Cut, Fault::Flipped, Fault::Folder] {
        let grid = Grid { axes: vec!["z", "a", "m"], rising: false, except: true, title: "One", with: "x" };
        let after = Grid { title: "Two", ..grid.clone() };
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("cache");
        drop(run_in(&open(&root, &[]), &grid.read()));
        blobs(&root).iter().for_each(|path| damage(path, fault));
        let experiment = after.read();
        let ran = run_in(&open(&root, &[]), &experiment);
        sound(&ran, &experiment).unwrap();
        assert_eq!(ran.outcome.tally.ran, experiment.instances.len(), "{fault:?}");
    }
}

/// Moving the axes about changes no key, whichever combinations are left out.
#[test]
fn moved_axes_change_nothing() {
    for rising in [true, false] {
        for except in [true, false] {
            let grid = Grid { axes: vec!["z", "a", "m"], rising, except, title: "One", with: "x" };
            let folder = TempDir::new().unwrap();
            let store = open(&folder.path().join("cache"), &[]);
            let first = run_in(&store, &grid.read());
            for axes in [["z", "m", "a"], ["a", "z", "m"], ["a", "m", "z"], ["m", "a", "z"], ["m", "z", "a"]] {
                let moved = Grid { axes: axes.to_vec(), ..grid.clone() }.read();
                let ran = run_in(&store, &moved);
                assert!(ran.started.is_empty(), "{axes:?}, {rising}, {except}: {:?}", ran.started);
                assert_eq!(ran.digests(&moved)["many"], first.digests(&grid.read())["many"]);
            }
        }
    }
}
