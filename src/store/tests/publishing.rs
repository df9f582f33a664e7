//! Publishing: durable, atomic, many at once.

use super::*;

#[test]
fn two_stores_publish_the_same_and_different_things_from_many_threads() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    std::thread::scope(|scope| {
        for (worker, store) in (1..).zip([&ada, &bob, &ada, &bob]) {
            scope.spawn(move || {
                for number in 0..25 {
                    publish(store, number, format!("shared {number}").as_bytes());
                    let own = 1000 * worker + number;
                    publish(store, own, format!("own {own}").as_bytes());
                    assert!(store.find(&manifest(number).fingerprint()).unwrap().is_some());
                }
            });
        }
    });
    let report = verify(&ada);
    assert!(report.clean(), "{report:?}");
    assert_eq!(report.blobs, 25 + 4 * 25);
    for number in 0..25 {
        let fingerprint = manifest(number).fingerprint();
        assert_eq!(ada.find(&fingerprint).unwrap(), bob.find(&fingerprint).unwrap());
    }
}

#[test]
fn everything_handed_over_is_published_before_the_store_is_gone() {
    let cache = Cache::new();
    let store = cache.open();
    let (sender, receiver) = crossbeam_channel::unbounded();
    for number in 0..300 {
        let pending = store.put(format!("result {number}").as_bytes()).unwrap();
        let record = record(&store, number, &[("rows", pending.blob())]);
        let sender = sender.clone();
        store.publish_async(vec![pending], &record, move |result| sender.send(result.is_ok()).unwrap()).unwrap();
    }
    drop((store, sender));
    assert_eq!(receiver.iter().filter(|ok| *ok).count(), 300);
    let report = verify(&cache.open());
    assert!(report.clean() && report.records == 300 && report.blobs == 300, "{report:?}");
}

#[test]
fn files_and_folders_have_their_modes_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let cache = Cache::new();
    // The umask belongs to the whole process, so a child of its own has to carry the odd one.
    let test = child_of(module_path!(), "publish_one_as_a_child");
    let mut child = std::process::Command::new("sh");
    child
        .args(["-c", "umask 077; exec \"$0\" --exact \"$1\" --ignored"])
        .arg(std::env::current_exe().unwrap())
        .arg(test);
    let output = child.env("RETORT_STORE_TEST_ROOT", cache.root()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut modes = Vec::new();
    let mut visit = |path: &Path| modes.push(fs_err::metadata(path).unwrap().permissions().mode() & 0o777);
    for folder in ["objects/v1", "actions/v1", "runs/v1", "roots/ada"] {
        let mut path = cache.root().join(folder);
        while path.is_dir() {
            visit(&path);
            path = path.join(&disk::names(&path).unwrap()[0]);
        }
        visit(&path);
    }
    assert!(modes.iter().all(|mode| [0o755, 0o644, 0o444].contains(mode)), "{modes:?}");
}

#[test]
#[ignore = "run as a child process by the test of modes"]
fn publish_one_as_a_child() {
    let Some(root) = std::env::var_os("RETORT_STORE_TEST_ROOT") else { return };
    let store = Store::open(StoreOptions::new(root, "ada", "box")).unwrap().store;
    publish(&store, 1, b"result");
    store.new_run("experiment").unwrap();
}
