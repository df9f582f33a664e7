//! A directory that a group shares: modes whatever the umask, and two people in one group.

use std::process::{Command, Output};

use super::*;

/// Works on a cache in a process of its own, under a umask, as the superuser also as somebody else.
fn work(binary: &Path, root: &Path, user: &str, umask: &str, ids: Option<(u32, u32)>) -> Output {
    run_child(binary, "work_as_a_child", root, user, umask, ids)
}

fn run_child(binary: &Path, child: &str, root: &Path, user: &str, umask: &str, ids: Option<(u32, u32)>) -> Output {
    let run = format!("umask {umask}; exec \"$0\" --exact \"$1\" --ignored --nocapture");
    let mut command = if let Some((id, group)) = ids {
        // Their own group first, and the shared one beside it, as it is for people.
        let mut command = Command::new("setpriv");
        let (id, group) = (id.to_string(), group.to_string());
        command.args(["--reuid", &id, "--regid", &id, "--groups", &group, "sh", "-c", &run]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", &run]);
        command
    };
    command.arg(binary).arg(child_of(module_path!(), child)).current_dir("/");
    command.env("RETORT_STORE_TEST_ROOT", root).env("RETORT_STORE_TEST_USER", user);
    command.output().unwrap()
}

#[test]
#[ignore = "run as a child process by the tests of sharing"]
fn work_as_a_child() {
    let Some(root) = std::env::var_os("RETORT_STORE_TEST_ROOT") else { return };
    let user = std::env::var("RETORT_STORE_TEST_USER").unwrap();
    let own = i64::from(user.bytes().map(u32::from).sum::<u32>());
    let Opened { store, notices } = Store::open(StoreOptions::new(root, &user, &user)).unwrap();
    assert_eq!(notices, [], "for {user}");
    assert!(store.is_writable());
    for number in 0..8 {
        publish(&store, number, format!("shared {number}").as_bytes());
        publish(&store, 1000 * own + number, format!("{user} {number}").as_bytes());
    }
    let key = retort_fingerprint::RowKey::of(&Term::Int(own));
    store.rows("elicit").unwrap().put(key, b"row").unwrap();
    store.partial(&manifest(own).fingerprint()).save("state", |out| std::io::Write::write_all(out, b"x")).unwrap();
    let run = store.new_run("quarel").unwrap();
    run.append_event("{}").unwrap();
    run.record_instances(&[]).unwrap();
    let LeaseState::Held(lease) = store.lease(&manifest(own).fingerprint()).unwrap() else { panic!("it is free") };
    drop(lease);
    // A collection moves what others made as well.
    let options = GcOptions {
        keep_runs: 0,
        keep_for: std::time::Duration::ZERO,
        grace: std::time::Duration::ZERO,
        dry_run: false,
    };
    publish(&store, 77, b"of nobody");
    store.gc(options, &mut |_, _| {}).unwrap();
    publish(&store, own, b"kept");
    assert!(verify(&store).clean());
}

/// Checks the mode of everything below a shared cache but the indexes, which are their owners' alone.
fn check_modes(root: &Path, group: Option<u32>) {
    use std::os::unix::fs::MetadataExt;
    let mut folders = vec![root.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for name in disk::names(&folder).unwrap() {
            let path = folder.join(name);
            let found = fs_err::symlink_metadata(&path).unwrap();
            let mode = found.mode() & 0o7777;
            if found.is_dir() {
                assert_eq!(mode, 0o2775, "{}", path.display());
                if !path.ends_with("index") {
                    folders.push(path.clone());
                }
            } else {
                assert!([0o444, 0o664].contains(&mode), "{mode:o} {}", path.display());
                seen += 1;
            }
            assert!(group.is_none_or(|group| found.gid() == group), "the group of {}", path.display());
        }
    }
    assert!(seen > 5, "{seen} files");
}

#[test]
fn a_shared_cache_has_its_modes_whatever_the_umask() {
    for umask in ["077", "002", "000"] {
        let cache = Cache::shared();
        let output = work(&std::env::current_exe().unwrap(), &cache.root(), "ada", umask, None);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        check_modes(&cache.root(), None);
    }
}

#[test]
fn two_people_of_one_group_work_on_one_directory() {
    const GROUP: u32 = 64_100;
    // Becoming somebody else takes the superuser; elsewhere the modes alone are checked, above.
    if !rustix::process::geteuid().is_root() || Command::new("setpriv").arg("--version").output().is_err() {
        return;
    }
    for umask in ["077", "002"] {
        let cache = Cache::new();
        fs_err::set_permissions(cache.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        fs_err::create_dir(cache.root()).unwrap();
        std::os::unix::fs::chown(cache.root(), None, Some(GROUP)).unwrap();
        Store::share(&cache.root()).unwrap();
        // Where the tests are built, others may not look.
        let binary = cache.dir.path().join("tests");
        fs_err::copy(std::env::current_exe().unwrap(), &binary).unwrap();
        for (user, id) in [("ada", 64_001), ("bob", 64_002), ("ada", 64_001)] {
            let output = work(&binary, &cache.root(), user, umask, Some((id, GROUP)));
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("1 passed"), "{user} under {umask}: {said}");
        }
        check_modes(&cache.root(), Some(GROUP));
        let stranger = work(&binary, &cache.root(), "eve", umask, Some((64_003, 64_003)));
        assert!(!stranger.status.success(), "who is not in the group may only read");
        assert!(verify(&cache.open_with("root").0).clean());
    }
}

const STEP: &[u8] = b"step 100";

/// The folder of a person's own, in the last test.
fn home_of(root: &Path, user: &str) -> PathBuf {
    root.parent().unwrap().join(user)
}

fn open_at_home(root: &Path, user: &str) -> Store {
    let private = Some(home_of(root, user).join("retort"));
    Store::open(StoreOptions { private, ..StoreOptions::new(root, user, "box") }).unwrap().store
}

#[test]
#[ignore = "run as a child process by the test of a colleague who plants"]
fn make_as_a_child() {
    let Some(root) = std::env::var_os("RETORT_STORE_TEST_ROOT") else { return };
    let store = open_at_home(Path::new(&root), "ada");
    publish(&store, 1, b"the right bytes");
    let partial = store.partial(&manifest(2).fingerprint());
    partial.save("state", |out| std::io::Write::write_all(out, STEP)).unwrap();
    assert_eq!(partial.load("state").unwrap().as_deref(), Some(STEP));
    assert!(store.index_is_kept());
}

#[test]
#[ignore = "run as a child process by the test of a colleague who plants"]
fn plant_as_a_child() {
    let Some(root) = std::env::var_os("RETORT_STORE_TEST_ROOT") else { return };
    let root = Path::new(&root);
    let put = |path: &Path, bytes: &[u8]| {
        let temp = root.join("tmp/planted");
        fs_err::write(&temp, bytes).unwrap();
        fs_err::set_permissions(&temp, PermissionsExt::from_mode(0o444)).unwrap();
        fs_err::rename(temp, path).unwrap();
    };
    let blob = BlobRef::of(b"the right bytes").digest;
    let layout = layout::Layout::new(root.to_owned());
    put(&layout.blob(&blob), b"the wrong bytes");
    let item = |content: &[u8]| [content, retort_fingerprint::Digest::of(content).as_bytes()].concat();
    put(&layout.partial_of(&manifest(2).fingerprint()).join("state"), &item(b"poison"));
    let poison = BlobRef::of(b"the wrong bytes");
    let text = format!("{} {}", poison.digest, poison.bytes);
    put(&layout.partial_of(&manifest(2).fingerprint()).join("kept-rows"), &item(text.as_bytes()));
    put(&layout.blob(&poison.digest), b"the wrong bytes");
    // An index that calls the wrong bytes right, in the place where that of the other was looked for.
    let own = Cache::new();
    let forged = own.open();
    let stamp = disk::stamp_at(&layout.blob(&blob)).unwrap();
    forged.core.index.put(Table::Verified, vec![(blob.as_bytes().to_vec(), stamp.encode().to_vec())]);
    drop(forged);
    fs_err::create_dir(root.join("index/ada@box")).unwrap();
    let mut copy = Command::new("cp");
    let copied = copy.arg("-r").arg(own.root().join("index/ada@box/sled-v1")).arg(root.join("index/ada@box")).status();
    assert!(copied.unwrap().success());
    // What is another's own is shut to them.
    assert!(fs_err::read_dir(home_of(root, "ada").join("retort")).is_err());
}

#[test]
#[ignore = "run as a child process by the test of a colleague who plants"]
fn look_as_a_child() {
    let Some(root) = std::env::var_os("RETORT_STORE_TEST_ROOT") else { return };
    let store = open_at_home(Path::new(&root), "ada");
    let found = store.find(&manifest(1).fingerprint()).unwrap().unwrap();
    assert!(matches!(store.read(&found.outputs["rows"].digest), Err(StoreError::Corrupt { .. })));
    let partial = store.partial(&manifest(2).fingerprint());
    assert_eq!(partial.load("state").unwrap(), None);
    assert_eq!(partial.kept_parts().unwrap(), BTreeMap::new());
    assert_eq!(store.take_notices().len(), 3);
}

#[test]
fn what_a_colleague_plants_is_not_believed() {
    const GROUP: u32 = 64_100;
    if !rustix::process::geteuid().is_root() || Command::new("setpriv").arg("--version").output().is_err() {
        return;
    }
    let cache = Cache::new();
    fs_err::set_permissions(cache.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    fs_err::create_dir(cache.root()).unwrap();
    std::os::unix::fs::chown(cache.root(), None, Some(GROUP)).unwrap();
    Store::share(&cache.root()).unwrap();
    let binary = cache.dir.path().join("tests");
    fs_err::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    for (user, id) in [("ada", 64_001), ("eve", 64_002)] {
        fs_err::create_dir(home_of(&cache.root(), user)).unwrap();
        std::os::unix::fs::chown(home_of(&cache.root(), user), Some(id), None).unwrap();
    }
    for (child, user, id) in
        [("make_as_a_child", "ada", 64_001), ("plant_as_a_child", "eve", 64_002), ("look_as_a_child", "ada", 64_001)]
    {
        let output = run_child(&binary, child, &cache.root(), user, "022", Some((id, GROUP)));
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{child}: {said}");
    }
}

#[test]
fn a_shared_cache_is_made_once_and_never_over_something_else() {
    let cache = Cache::shared();
    Store::share(&cache.root()).unwrap();
    fs_err::write(cache.dir.path().join("mine"), "").unwrap();
    let error = Store::share(cache.dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("it is not empty"), "{error}");
    let private = Cache::new();
    drop(private.open());
    assert!(matches!(Store::share(&private.root()), Err(StoreError::Occupied { .. })));
}
