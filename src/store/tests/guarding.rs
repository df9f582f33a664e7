//! What others can write is not believed as it stands: indexes, stamps, and directories that are no caches.

use super::trusting::told;
use super::*;

/// A blob's file as somebody else would put it there.
fn replace(path: &Path, bytes: &[u8]) {
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, bytes).unwrap();
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o444)).unwrap();
}

/// Makes the index believe that a file is the blob.
fn believe(store: &Store, cache: &Cache, blob: &BlobRef) {
    let stamp = disk::stamp_at(&cache.blob_path(blob)).unwrap();
    store.core.index.put(Table::Verified, vec![(blob.digest.as_bytes().to_vec(), stamp.encode().to_vec())]);
}

impl Cache {
    fn open_private(&self, user: &str, private: &Path) -> Store {
        let options = StoreOptions { private: Some(private.to_owned()), ..self.options(user) };
        Store::open(options).unwrap().store
    }
}

#[test]
fn the_index_of_a_cache_that_others_can_write_is_not_in_it() {
    // The modes of the cache's directory, and whether its index lies in it.
    for (mode, inside) in [(0o755, true), (0o700, true), (0o2775, false), (0o777, false), (0o1777, false)] {
        let (cache, home) = (Cache::new(), tempfile::tempdir().unwrap());
        drop(cache.open_private("ada", home.path()));
        fs_err::remove_dir_all(cache.root().join("index")).unwrap();
        fs_err::set_permissions(cache.root(), PermissionsExt::from_mode(mode)).unwrap();
        fs_err::remove_dir_all(home.path()).unwrap();
        let store = cache.open_private("ada", home.path());
        assert!(store.index_is_kept(), "{mode:o}");
        drop(store);
        assert_eq!(cache.root().join("index/ada@box/sled-v1").exists(), inside, "{mode:o}");
        assert_eq!(home.path().join("caches").exists(), !inside, "{mode:o}");
        let folder = if inside { cache.root().join("index/ada@box") } else { home.path().to_owned() };
        assert_eq!(fs_err::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700, "{mode:o}");
        // Without a folder of their own there is only memory.
        assert_eq!(cache.open_with("bob").0.index_is_kept(), inside, "{mode:o}");
    }
}

#[test]
fn an_index_that_somebody_put_into_a_shared_cache_is_not_read() {
    let (team, home) = (Cache::shared(), tempfile::tempdir().unwrap());
    let (_, blob) = publish(&team.open_private("ada", home.path()), 1, b"the right bytes");
    // Somebody makes an index that calls other bytes right, in a cache of their own, and puts both there.
    let forger = Cache::new();
    let forged = forger.open();
    replace(&team.blob_path(&blob), b"the wrong bytes");
    believe(&forged, &team, &blob);
    forged.core.index.flush();
    drop(forged);
    for owner in ["ada@box", "bob@box"] {
        let place = team.root().join("index").join(owner);
        fs_err::create_dir_all(&place).unwrap();
        let mut copy = std::process::Command::new("cp");
        let copied = copy.arg("-r").arg(forger.root().join("index/ada@box/sled-v1")).arg(&place).status().unwrap();
        assert!(copied.success());
    }
    for (user, private) in [("ada", Some(home.path().to_owned())), ("bob", None)] {
        let store = Store::open(StoreOptions { private, ..team.options(user) }).unwrap().store;
        assert!(
            matches!(store.read(&blob.digest), Err(StoreError::Corrupt { .. } | StoreError::Missing { .. })),
            "{user}"
        );
    }
}

#[test]
fn an_index_that_others_could_write_starts_anew() {
    let cache = Cache::new();
    let (_, blob) = publish(&cache.open(), 1, b"the right bytes");
    replace(&cache.blob_path(&blob), b"the wrong bytes");
    let store = cache.open();
    believe(&store, &cache, &blob);
    assert_eq!(store.read(&blob.digest).unwrap(), b"the wrong bytes", "as an index would have it that was forged");
    store.core.index.flush();
    drop(store);
    let folder = cache.root().join("index/ada@box");
    fs_err::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    fs_err::set_permissions(folder.join("sled-v1/db"), PermissionsExt::from_mode(0o666)).unwrap();
    let (store, notices) = cache.open_with("ada");
    assert!(matches!(&notices[..], [Notice::IndexDamaged { moved_to: Some(_), .. }]), "{notices:?}");
    assert!(matches!(store.read(&blob.digest), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_file_that_others_can_write_is_hashed_every_time() {
    let check = |open_up: &dyn Fn(&Path)| {
        let cache = Cache::new();
        let store = cache.open();
        let (_, blob) = publish(&store, 1, b"the right bytes");
        replace(&cache.blob_path(&blob), b"the wrong bytes");
        open_up(&cache.blob_path(&blob));
        believe(&store, &cache, &blob);
        assert!(matches!(store.read(&blob.digest), Err(StoreError::Corrupt { .. })));
    };
    for mode in [0o464, 0o446, 0o666] {
        check(&|path| fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap());
    }
    // Another owner may write whatever the mode says. To make a file somebody else's takes the superuser.
    if rustix::process::geteuid().is_root() {
        check(&|path| std::os::unix::fs::chown(path, Some(64_002), None).unwrap());
    }
}

#[test]
fn a_blob_is_hashed_after_its_publication_where_others_could_put_another_in_its_place() {
    for (cache, remembered) in [(Cache::new(), true), (Cache::shared(), false)] {
        let home = tempfile::tempdir().unwrap();
        let store = cache.open_private("ada", home.path());
        // So large that its stamp is waited for.
        let bytes = vec![7; 16 * 1024 * 1024];
        let (_, blob) = publish(&store, 1, &bytes);
        let stamp = disk::stamp_at(&cache.blob_path(&blob)).unwrap();
        assert_eq!(store.core.is_verified(&blob.digest, &stamp), remembered);
        assert_eq!(BlobRef::of(&store.read(&blob.digest).unwrap()), blob);
    }
}

#[test]
fn a_directory_that_is_no_cache_is_refused_and_left_as_it_is() {
    const CARGO: &str =
        "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n";
    let check = |files: &[(&str, &str)], expected: Option<&str>| {
        let cache = Cache::new();
        fs_err::create_dir_all(cache.root()).unwrap();
        for (name, text) in files {
            let path = cache.root().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let before = listing(&cache.root());
        let opened = Store::open(cache.options("ada"));
        let Some(expected) = expected else {
            drop(opened.unwrap());
            return assert!(Store::is_at(&cache.root()), "{files:?}");
        };
        let error = opened.map(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(expected) && error.hint().is_some(), "{error}");
        for mode in [Mode::Existing, Mode::ReadOnly] {
            let opened = Store::open(StoreOptions { mode, ..cache.options("ada") });
            assert!(matches!(opened.map(|_| ()), Err(StoreError::NotACache { .. })), "{files:?}");
        }
        assert!(Store::share(&cache.root()).is_err() && !Store::is_at(&cache.root()));
        assert_eq!(listing(&cache.root()), before, "{files:?}");
    };
    check(&[("tmp/work/thesis.tex", "thesis"), ("trash/photo.jpg", "photo")], Some("it holds `tmp`"));
    check(&[(".hidden", "")], Some("it holds `.hidden`"));
    check(&[("CACHEDIR.TAG", CARGO), ("release/x", "")], Some("it holds `CACHEDIR.TAG`"));
    check(&[("objects/pack/x", ""), ("index", "")], Some("it holds `index`"));
    check(&[("objects/v1/ab/x", "")], Some("it holds `objects`"));
    // What a killed process leaves that was just making one, and a cache of any version whose tag is gone.
    check(&[], None);
    check(&[(".tag-0123456789abcdef", "Signa")], None);
    check(&[("objects/v1/ab/x", ""), ("actions/v1/ab/x", "")], None);
    check(&[("CACHEDIR.TAG", found::TAG)], None);
    check(&[("CACHEDIR.TAG", found::TAG), ("notes.txt", "mine")], None);
    let file = Cache::new();
    fs_err::write(file.root(), "a file").unwrap();
    let error = Store::open(file.options("ada")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("it is not a directory"), "{error}");
    assert_eq!(fs_err::read_to_string(file.root()).unwrap(), "a file");
}

#[test]
fn only_what_retort_named_is_removed() {
    let cache = Cache::new();
    drop(cache.open());
    let unique = "0123456789abcdef";
    let theirs = [
        "tmp/work/thesis.tex",
        "tmp/box.draft/lock",
        "tmp/0123456789abcdef/x",
        "trash/photo.jpg",
        "trash/gc-young/x",
        "trash/quarantine/note",
        "leases/README",
        "index/README",
    ];
    let ours = [
        format!("tmp/box.{unique}/lock"),
        format!("trash/gc-{unique}/objects/x"),
        format!("trash/index-{unique}/db"),
        format!("trash/quarantine/x.{unique}"),
    ];
    for name in theirs.iter().map(|name| (*name).to_owned()).chain(ours.iter().cloned()) {
        let path = cache.root().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "x").unwrap();
    }
    let outside = cache.dir.path().join("outside");
    fs_err::create_dir(&outside).unwrap();
    fs_err::write(outside.join("lock"), "x").unwrap();
    let link = cache.root().join(format!("tmp/other.{unique}"));
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let late = cache.open_later(60);
    let zero = std::time::Duration::ZERO;
    late.gc(GcOptions { keep_runs: 0, keep_for: zero, grace: zero, dry_run: false }, &mut |_, _| {}).unwrap();
    for name in theirs {
        assert!(cache.root().join(name).exists(), "{name}");
    }
    for name in ours {
        assert!(!cache.root().join(&name).exists(), "{name}");
    }
    assert!(outside.join("lock").exists() && link.is_symlink());
}

#[test]
fn a_file_or_a_strangers_link_in_a_folders_place_is_named() {
    use std::os::unix::fs::{lchown, symlink};
    let check = |make: &dyn Fn(&Path, &Path), expected: Option<&str>| {
        let areas = layout::Area::ALL.into_iter();
        // A cache of one's own has no heads, and goes without a folder for the index.
        for area in areas.filter(|area| ![layout::Area::Index, layout::Area::Heads].contains(area)) {
            for depth in [1, 2] {
                let cache = Cache::new();
                drop(cache.open_with("ada"));
                let folder = layout::Layout::new(cache.root()).area(area);
                let name: Vec<_> = folder.strip_prefix(cache.root()).unwrap().components().take(depth).collect();
                let place = name.iter().fold(cache.root(), |path, name| path.join(name));
                let outside = cache.dir.path().join("outside");
                fs_err::rename(&place, &outside).unwrap();
                make(&place, &outside);
                let opened = Store::open(cache.options("ada")).map(|opened| told(&opened.store));
                match expected {
                    None => assert_eq!(opened.unwrap(), "", "{}", place.display()),
                    Some(expected) => {
                        let error = opened.unwrap_err().to_string();
                        assert!(error.contains(expected) && error.contains(&place.display().to_string()), "{error}");
                    }
                }
            }
        }
    };
    check(&|place, _| fs_err::write(place, "x").unwrap(), Some("is no folder"));
    check(&|place, _| symlink("/nowhere", place).unwrap(), Some("is a link"));
    check(&|place, outside| symlink(outside, place).unwrap(), None);
    if rustix::process::geteuid().is_root() {
        let strangers = |place: &Path, outside: &Path| {
            symlink(outside, place).unwrap();
            lchown(place, Some(64_002), None).unwrap();
        };
        check(&strangers, Some("is a link"));
    }
}
