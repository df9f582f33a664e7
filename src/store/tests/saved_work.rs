//! Saved work is a result to be: only what somebody trusted saved is gone on with.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use super::trusting::{secret, told, trust};
use super::*;
use crate::trust::{About, Trailer};
use retort_fingerprint::Digest;

/// What an item's file holds: its content, perhaps a signature, and a right checksum.
fn item(content: &[u8], trailer: &[u8]) -> Vec<u8> {
    let body = [content, trailer].concat();
    [&body[..], Digest::of(&body).as_bytes()].concat()
}

fn signed(fingerprint: &Fingerprint, name: &str, content: &[u8]) -> Vec<u8> {
    let (name, content) = (Digest::of(name.as_bytes()), Digest::of(content));
    [&fingerprint.as_bytes()[..], name.as_bytes(), content.as_bytes()].concat()
}

impl Cache {
    fn plant(&self, number: i64, name: &str, bytes: &[u8]) {
        let folder = self.root().join("partial/v1").join(manifest(number).fingerprint().hex());
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join(name), bytes).unwrap();
    }

    /// Opens it as somebody with a folder of their own.
    fn open_at_home(&self, user: &str, home: &Path, trust: TrustOptions) -> Store {
        let options = StoreOptions { private: Some(home.join(user)), trust, ..self.options(user) };
        Store::open(options).unwrap().store
    }
}

fn save(store: &Store, content: &[u8]) {
    store.partial(&manifest(1).fingerprint()).save("state", |out| out.write_all(content)).unwrap();
}

fn load(store: &Store) -> Option<Vec<u8>> {
    store.partial(&manifest(1).fingerprint()).load("state").unwrap()
}

#[test]
fn saved_work_is_believed_of_oneself_and_of_whom_one_trusts() {
    let optional = |options: TrustOptions| TrustOptions { require: false, ..options };
    let nobody = TrustOptions::default;
    // Who saved it with which key, who looks and whom they trust, and whether they go on with it.
    let cases: [(&str, TrustOptions, &str, TrustOptions, bool); 9] = [
        ("ada", nobody(), "ada", nobody(), true),
        ("ada", nobody(), "bob", nobody(), false),
        ("ada", optional(trust(Some(1), &[])), "ada", optional(trust(Some(1), &[])), true),
        ("ada", optional(trust(Some(1), &[])), "bob", optional(trust(None, &[1])), true),
        ("ada", optional(trust(Some(1), &[])), "bob", optional(trust(Some(2), &[3])), false),
        ("ada", trust(Some(1), &[]), "bob", trust(Some(2), &[1]), true),
        ("ada", trust(Some(1), &[]), "bob", trust(Some(2), &[]), false),
        // A key that is only for saved work is nobody's where signatures are required.
        ("ada", nobody(), "ada", trust(Some(1), &[]), false),
        ("ada", trust(Some(1), &[]), "ada", TrustOptions { revoked: [secret(1).public()].into(), ..nobody() }, false),
    ];
    for (index, (saver, with, reader, trusting, believed)) in cases.into_iter().enumerate() {
        let (team, home) = (Cache::shared(), tempfile::tempdir().unwrap());
        save(&team.open_at_home(saver, home.path(), with), b"step 100");
        let store = team.open_at_home(reader, home.path(), trusting);
        assert_eq!(load(&store), believed.then(|| b"step 100".to_vec()), "case {index}");
        assert_eq!(told(&store).contains("did not resume from the saved work"), !believed, "case {index}");
        // What was not believed is replaced, not in the way.
        save(&store, b"step 1");
        assert_eq!(fs_err::read_dir(team.root().join("partial/v1")).unwrap().count(), 1);
    }
}

#[test]
fn planted_work_is_nobody_s_however_it_is_made() {
    let fingerprint = manifest(1).fingerprint();
    let sign = |key: u8, about, signed: &[u8]| Trailer::sign(&secret(key), about, signed).to_vec();
    let content = b"poison";
    let right = signed(&fingerprint, "state", content);
    let plants: [(&str, Vec<u8>, bool); 7] = [
        ("unsigned", item(content, &[]), false),
        ("signed by a stranger", item(content, &sign(9, About::Saved, &right)), false),
        ("signed as rows are", item(content, &sign(1, About::Rows, &right)), false),
        ("under another name", item(content, &sign(1, About::Saved, &signed(&fingerprint, "other", content))), false),
        (
            "of another action",
            item(content, &sign(1, About::Saved, &signed(&manifest(2).fingerprint(), "state", content))),
            false,
        ),
        ("of other content", item(content, &sign(1, About::Saved, &signed(&fingerprint, "state", b"honest"))), false),
        ("signed by a friend", item(content, &sign(1, About::Saved, &right)), true),
    ];
    for (what, bytes, believed) in plants {
        for require in [false, true] {
            let (team, home) = (Cache::shared(), tempfile::tempdir().unwrap());
            let trusting = TrustOptions { require, ..trust(Some(2), &[1]) };
            let store = team.open_at_home("bob", home.path(), trusting);
            team.plant(1, "state", &bytes);
            assert_eq!(load(&store).is_some(), believed, "{what}, {require}");
            assert!(verify(&store).is_undamaged());
        }
    }
}

#[test]
fn a_planted_part_does_not_become_a_part_of_a_result() {
    for require in [false, true] {
        let (team, home) = (Cache::shared(), tempfile::tempdir().unwrap());
        let store = team.open_at_home("bob", home.path(), TrustOptions { require, ..trust(Some(2), &[]) });
        let (_, poison) = publish(&team.open_with("eve").0, 7, b"poison");
        let text = format!("{} {}", poison.digest, poison.bytes);
        team.plant(1, "kept-rows", &item(text.as_bytes(), &[]));
        let partial = store.partial(&manifest(1).fingerprint());
        assert_eq!(partial.kept_parts().unwrap(), BTreeMap::new());
        assert!(told(&store).contains("no trusted signature"));
        partial.keep_part("step-10", store.put(b"honest").unwrap()).unwrap();
        let kept = partial.kept_parts().unwrap();
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), [("step-10".to_owned(), BlobRef::of(b"honest"))]);
        partial.forget_parts().unwrap();
        assert_eq!(partial.kept_parts().unwrap(), BTreeMap::new());
    }
}

#[test]
fn work_that_an_earlier_version_saved_is_gone_on_with_where_nobody_else_can_write() {
    let cache = Cache::new();
    let store = cache.open();
    cache.plant(1, "state", &item(b"step 100", &[]));
    assert_eq!(load(&store).as_deref(), Some(&b"step 100"[..]));
    let path = cache.root().join("partial/v1").join(manifest(1).fingerprint().hex()).join("state");
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    assert_eq!(load(&store), None, "others could write the file");
    drop(store);
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    fs_err::set_permissions(cache.root(), PermissionsExt::from_mode(0o777)).unwrap();
    assert_eq!(load(&cache.open_with("ada").0), None, "others can write the cache");
    fs_err::set_permissions(cache.root(), PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(load(&cache.open_trusting("ada", trust(Some(1), &[]), &[])), None, "signatures are required");
}

#[test]
fn the_key_for_saved_work_is_made_once_and_is_its_user_s_alone() {
    let (team, home) = (Cache::shared(), tempfile::tempdir().unwrap());
    let key = home.path().join("ada/saving.key");
    let open = || team.open_at_home("ada", home.path(), TrustOptions::default());
    save(&open(), b"step 100");
    let made = fs_err::read(&key).unwrap();
    assert_eq!(fs_err::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs_err::metadata(home.path().join("ada")).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(load(&open()).is_some());
    assert_eq!(fs_err::read(&key).unwrap(), made);
    // One that others could write may be theirs.
    fs_err::set_permissions(&key, PermissionsExt::from_mode(0o666)).unwrap();
    assert_eq!(load(&open()), None);
    fs_err::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(load(&open()).is_some());
}

/// Content of several pieces, whose last bytes look like the end of a signature.
fn large(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

#[test]
fn saved_work_is_read_as_a_stream_from_any_place_and_ends_where_its_content_ends() {
    let store_of = |signs: bool| {
        let cache = Cache::new();
        let trust = if signs { trust(Some(1), &[]) } else { TrustOptions::default() };
        let store = Store::open(StoreOptions { trust, ..cache.options("ada") }).unwrap().store;
        (cache, store)
    };
    for signs in [false, true] {
        let (_cache, store) = store_of(signs);
        for count in [0, 1, 100, 1_048_576, 2_500_000] {
            let content = large(count);
            save(&store, &content);
            let mut file = store.partial(&manifest(1).fingerprint()).open("state").unwrap().unwrap();
            assert_eq!(file.size_bytes(), count as u64);
            assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), count as u64);
            for from in [count, count / 2, count.saturating_sub(5), 0] {
                file.seek(SeekFrom::Start(from as u64)).unwrap();
                let mut rest = Vec::new();
                file.read_to_end(&mut rest).unwrap();
                assert!(rest == content[from..], "{count} from {from}");
            }
            assert!(load(&store) == Some(content));
        }
    }
}

#[test]
fn saved_work_that_is_changed_while_it_is_read_is_found_out() {
    let cache = Cache::new();
    let store = cache.open();
    save(&store, &large(2_500_000));
    let mut file = store.partial(&manifest(1).fingerprint()).open("state").unwrap().unwrap();
    let mut read = vec![0; 1_000_000];
    file.read_exact(&mut read).unwrap();
    let path = cache.root().join("partial/v1").join(manifest(1).fingerprint().hex()).join("state");
    let mut bytes = fs_err::read(&path).unwrap();
    bytes[2_000_000] ^= 1;
    overwrite(&path, &bytes);
    assert_eq!(file.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(store.partial(&manifest(1).fingerprint()).open("state").unwrap().is_none());
    assert!(told(&store).contains("state"));
}
