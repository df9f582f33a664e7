//! Kill -9 at any instant. A child process works on a cache and says how far it is; the parent kills it there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use retort_fingerprint::{RowKey, Term};

const ROOT: &str = "RETORT_STORE_TEST_ROOT";

fn start(root: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &child_of(module_path!(), "work_as_a_child"), "--ignored", "--nocapture"])
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

#[test]
fn a_killed_process_leaves_a_clean_cache_with_everything_it_said_was_done() {
    let cache = Cache::new();
    for lines in [1, 2, 4, 7, 11] {
        let mut child = start(&cache.root());
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
