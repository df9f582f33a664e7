//! Kill -9 at any instant. A child process works on a cache and says how far it is; the parent kills it there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use retort_fingerprint::{RowKey, Term};

const ROOT: &str = "RETORT_STORE_TEST_ROOT";

fn start(root: &Path, test: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &child_of(module_path!(), test), "--ignored", "--nocapture"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "run as a child process by the test of kills"]
fn work_as_a_child() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let store = Store::open(StoreOptions::new(root, "ada", "box")).unwrap().store;
    let run = store.new_run("experiment").unwrap();
    let rows = store.rows("elicit").unwrap();
    for number in 0.. {
        let _lease = store.lease(&manifest(number).fingerprint()).unwrap();
        store
            .partial(&manifest(number).fingerprint())
            .save("state", |out| std::io::Write::write_all(out, &number.to_le_bytes()))
            .unwrap();
        rows.put(RowKey::of(&Term::Int(number)), &number.to_le_bytes()).unwrap();
        if number % 5 == 4 {
            rows.finish().unwrap();
        }
        publish(&store, number, format!("result {number}").as_bytes());
        run.append_event(&format!("{{\"done\":{number}}}")).unwrap();
        println!("done {number}");
    }
}

/// What is streamed before a line is said, and the size of the whole.
const PIECE: usize = 1 << 20;
const PIECES: usize = 24;

#[test]
#[ignore = "run as a child process by the test of kills in the middle of a blob"]
fn stream_as_a_child() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let store = Store::open(StoreOptions::new(root, "ada", "box")).unwrap().store;
    for number in 0.. {
        let mut writer = store.blob_writer().unwrap();
        for piece in 0..PIECES {
            writer.write_all(&vec![number as u8 + piece as u8; PIECE]).unwrap();
            println!("done {number} {piece}");
        }
        let blob = writer.finish().unwrap();
        // Every other one is a part that is kept before the result is there.
        if number % 2 == 0 {
            let weights = blob.blob();
            store.publish(vec![blob], &record(&store, number, &[("rows", weights)])).unwrap();
        } else {
            store.partial(&manifest(number).fingerprint()).keep_part("weights-1", blob).unwrap();
        }
        println!("done {number}");
    }
}

#[test]
fn a_process_killed_in_the_middle_of_a_blob_leaves_nothing_of_it() {
    for lines in [1, PIECES / 2, PIECES, PIECES + 1, 2 * PIECES, 2 * PIECES + 2, 2 * PIECES + 9] {
        let cache = Cache::new();
        let mut child = start(&cache.root(), "stream_as_a_child");
        let said: Vec<String> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .filter(|line| line.starts_with("done "))
            .take(lines)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let whole = said.iter().filter(|line| line.split(' ').count() == 2).count();
        let left = verify(&cache.open_read_only());
        assert!(left.is_undamaged(), "after {lines} lines: {left:?}");
        // What the killed one left is taken away by whoever comes next; what it said was done is there and whole.
        let store = cache.open_with("ada").0;
        let report = verify(&store);
        assert!(report.clean() && report.left_temporary == 0, "after {lines} lines: {report:?}");
        assert!(report.blobs as usize >= whole, "after {lines} lines: {report:?}");
        assert_eq!(report.blob_bytes, report.blobs * (PIECES * PIECE) as u64, "no blob is cut short");
        drop(store);
        assert_eq!(listing(&cache.root().join("tmp")), "");
    }
}

#[test]
fn a_killed_process_leaves_a_clean_cache_with_everything_it_said_was_done() {
    let cache = Cache::new();
    for lines in [1, 2, 4, 7, 11] {
        let mut child = start(&cache.root(), "work_as_a_child");
        let said: Vec<String> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .filter(|line| line.starts_with("done "))
            .take(lines)
            .collect();
        assert_eq!(said.len(), lines);
        child.kill().unwrap();
        child.wait().unwrap();
        let before = Cache::open_read_only(&cache);
        let report = verify(&before);
        assert!(report.clean(), "after {lines} lines: {report:?}");
        drop(before);
        let store = cache.open_with("ada").0;
        let report = verify(&store);
        assert!(report.clean() && report.left_temporary == 0, "after {lines} lines: {report:?}");
        let rows = store.rows("elicit").unwrap();
        for number in said.iter().map(|line| line[5..].parse::<i64>().unwrap()) {
            let found = store.find(&manifest(number).fingerprint()).unwrap().unwrap();
            let bytes = store.read(&found.outputs["rows"].digest).unwrap();
            assert_eq!(bytes, format!("result {number}").as_bytes());
            assert_eq!(rows.get(&RowKey::of(&Term::Int(number))).unwrap().unwrap(), number.to_le_bytes());
            // Killed before it wrote itself down, it left a lease that for a moment may be somebody's who does so now.
            let next = manifest(number + 1).fingerprint();
            let waited = store.wait_for_lease(&next, Duration::from_millis(50), |holder| holder.is_none()).unwrap();
            assert!(!matches!(waited, Waited::Stopped), "the lease of a dead process is nobody's");
        }
        drop((rows, store));
        assert_eq!(listing(&cache.root().join("tmp")), "");
    }
}
