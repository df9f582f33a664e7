//! Whatever lies in a remote, nothing wrong is served from it, and nothing is written through it to elsewhere.

use std::os::unix::fs::symlink;

use super::*;

const MOVING: Moving<'static> = Moving { jobs: Some(2), compare: Compare::Nothing, progress: &|_, _| {} };

fn head_path(cache: &Cache, fingerprint: &Fingerprint) -> PathBuf {
    let hex = fingerprint.hex();
    cache.root().join("heads/v1").join(&hex[..2]).join(hex)
}

fn notices(store: &Store) -> String {
    store.take_notices().iter().map(|notice| format!("{notice}\n")).collect()
}

/// Publishes into a remote, damages a blob there in one way, and expects that it is refused, in words, and not kept.
fn check_blob(damage: impl Fn(&Path), said: &str) {
    let (team, mine) = (Cache::shared(), Cache::new());
    let (fingerprint, blob) = publish(&team.open_with("ada").0, 1, b"the right bytes");
    let path = team.blob_path(&blob);
    damage(&path);
    for find_first in [true, false] {
        let store = mine.open_before("bob", &[team.remote("team", Writes::OnPush)]);
        if find_first {
            assert!(store.find(&fingerprint).unwrap().is_some());
        }
        let error = store.read(&blob.digest).unwrap_err();
        assert!(error.is_lost_blob(), "{error}");
        assert!(store.open_blob(&blob.digest).is_err());
        let told = notices(&store);
        assert!(told.contains(said), "{told}");
        let moved = store.pull(None, &store.select_all().unwrap(), &MOVING).unwrap();
        assert_eq!(moved[0].blobs, 0, "{moved:?}");
        drop(store);
        assert_eq!(listing(&mine.root().join("objects")), "", "nothing of it is kept");
    }
    // A sound one in a remote behind it is used instead.
    let second = Cache::shared();
    publish(&second.open_with("eve").0, 1, b"the right bytes");
    let remotes = [team.remote("team", Writes::OnPush), second.remote("second", Writes::OnPush)];
    assert_eq!(Cache::new().open_before("bob", &remotes).read(&blob.digest).unwrap(), b"the right bytes");
}

#[test]
fn a_poisoned_blob_is_refused_whatever_its_mode_and_time() {
    check_blob(|path| overwrite(path, b"the wrong bytes"), "have the digest");
}

#[test]
fn a_truncated_blob_is_refused() {
    check_blob(|path| overwrite(path, b"the right"), "bytes");
}

#[test]
fn a_link_a_pipe_and_a_folder_are_refused() {
    check_blob(
        |path| {
            let aside = path.with_extension("aside");
            fs_err::rename(path, &aside).unwrap();
            symlink(&aside, path).unwrap();
        },
        "it is not a regular file",
    );
    check_blob(
        |path| {
            fs_err::remove_file(path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
        },
        "it is not a regular file",
    );
    check_blob(
        |path| {
            fs_err::remove_file(path).unwrap();
            fs_err::create_dir(path).unwrap();
        },
        "it is not a regular file",
    );
}

#[test]
fn a_file_of_holes_is_refused_by_its_size() {
    check_blob(
        |path| {
            fs_err::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
            let file = fs_err::File::options().write(true).open(path).unwrap();
            file.set_len(1 << 42).unwrap();
        },
        "4398046511104 bytes",
    );
}

/// Puts something in the place of an action's only record in a remote, and expects that it is not believed.
fn check_record(replace: impl Fn(&Cache, &Path, &Path)) {
    let (team, mine) = (Cache::shared(), Cache::new());
    let (ada, _) = team.open_with("ada");
    let (fingerprint, _) = publish(&ada, 1, b"result");
    publish(&ada, 2, b"another result");
    let folder = team.records_path(&fingerprint);
    let record = folder.join(&disk::names(&folder).unwrap()[0]);
    replace(&team, &head_path(&team, &fingerprint), &record);
    let store = mine.open_before("bob", &[team.remote("team", Writes::OnSuccess)]);
    assert_eq!(store.find(&fingerprint).unwrap(), None);
    assert!(store.records(&fingerprint).unwrap().is_empty());
    assert_eq!(store.pull(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].results, 0);
    assert_eq!(listing(&mine.root().join("actions")), "");
    // Made anew, it is believed again, by everyone.
    publish(&store, 1, b"result");
    store.finish_sharing().unwrap();
    let other = Cache::new();
    assert!(other.open_before("eve", &[team.remote("team", Writes::Never)]).find(&fingerprint).unwrap().is_some());
}

fn selection(actions: &[Fingerprint]) -> Selection {
    Selection { actions: actions.iter().copied().collect(), ..Selection::default() }
}

/// Writes a file under both of a record's names.
fn write_both(head: &Path, record: &Path, bytes: &[u8]) {
    for path in [head, record] {
        fs_err::remove_file(path).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
}

#[test]
fn a_record_that_was_edited_or_cut_is_not_believed() {
    check_record(|_, head, record| {
        let text = fs_err::read_to_string(record).unwrap();
        write_both(head, record, &text.as_bytes()[..text.len() - 1]);
    });
    // In good form, and about the action, as it is where a bit was flipped in a name.
    check_record(|_, head, record| {
        let text = fs_err::read_to_string(record).unwrap();
        let altered = text.replacen("ada", "eda", 1);
        assert_ne!(altered, text);
        write_both(head, record, altered.as_bytes());
    });
    check_record(|_, head, record| write_both(head, record, b""));
    check_record(|_, head, record| write_both(head, record, &[0xFF; 4096]));
}

#[test]
fn a_record_replayed_for_another_action_is_not_believed() {
    check_record(|team, head, record| {
        let other = team.records_path(&manifest(2).fingerprint());
        let name = disk::names(&other).unwrap().remove(0);
        let bytes = fs_err::read(other.join(&name)).unwrap();
        fs_err::remove_file(head).unwrap();
        fs_err::write(head, &bytes).unwrap();
        fs_err::remove_file(record).unwrap();
        fs_err::write(record.with_file_name(name), bytes).unwrap();
    });
}

#[test]
fn a_record_that_names_another_action_than_its_manifest_is_not_believed() {
    check_record(|team, head, record| {
        let other = team.records_path(&manifest(2).fingerprint());
        let text = fs_err::read_to_string(other.join(&disk::names(&other).unwrap()[0])).unwrap();
        let forged = text.replace(&manifest(2).fingerprint().hex(), &manifest(1).fingerprint().hex());
        let name = BlobRef::of(forged.as_bytes()).digest.hex();
        fs_err::remove_file(head).unwrap();
        fs_err::write(head, &forged).unwrap();
        fs_err::remove_file(record).unwrap();
        fs_err::write(record.with_file_name(name), forged).unwrap();
    });
}

#[test]
fn a_record_that_is_a_link_or_a_pipe_is_not_believed_and_nobody_waits_for_it() {
    check_record(|team, head, record| {
        let aside = team.dir.path().join("aside");
        fs_err::copy(record, &aside).unwrap();
        for path in [head, record] {
            fs_err::remove_file(path).unwrap();
            symlink(&aside, path).unwrap();
        }
    });
    check_record(|_, head, record| {
        for path in [head, record] {
            fs_err::remove_file(path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
        }
    });
}

#[test]
fn a_damaged_head_does_not_hide_a_sound_record() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let (fingerprint, _) = publish(&team.open_with("ada").0, 1, b"result");
    let head = head_path(&team, &fingerprint);
    fs_err::remove_file(&head).unwrap();
    fs_err::write(&head, "garbage").unwrap();
    let store = mine.open_before("bob", &[team.remote("team", Writes::OnPush)]);
    assert!(store.find(&fingerprint).unwrap().is_some());
    store.push(None, &selection(&[fingerprint]), &MOVING).unwrap();
    assert!(fs_err::read(&head).unwrap().starts_with(b"{\"claim\""), "a push sets it right");
}

#[test]
fn nothing_is_written_where_a_link_leads() {
    let (team, mine, outside) = (Cache::shared(), Cache::new(), tempfile::tempdir().unwrap());
    let store = mine.open_before("bob", &[team.remote("team", Writes::OnPush)]);
    let (fingerprint, blob) = publish(&store, 1, b"result");
    for shard in [team.blob_path(&blob), team.records_path(&fingerprint)] {
        let shard = shard.parent().unwrap().to_owned();
        fs_err::remove_dir(&shard).unwrap();
        symlink(outside.path(), &shard).unwrap();
    }
    let moved = store.push(None, &selection(&[fingerprint]), &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs), (0, 0), "{moved:?}");
    assert!(notices(&store).contains("is not a folder, so nothing is written there"));
    assert_eq!(listing(outside.path()), "");
}

#[test]
fn a_remote_whose_folders_are_links_is_gone_without() {
    let (team, mine, outside) = (Cache::shared(), Cache::new(), tempfile::tempdir().unwrap());
    fs_err::rename(team.root().join("objects"), outside.path().join("objects")).unwrap();
    symlink(outside.path().join("objects"), team.root().join("objects")).unwrap();
    let store = mine.open_before("bob", &[team.remote("team", Writes::OnPush)]);
    assert_eq!(store.find(&manifest(1).fingerprint()).unwrap(), None);
    assert!(notices(&store).contains("is not a folder"));
}

#[test]
fn a_pack_of_rows_with_other_bytes_than_its_name_is_not_taken() {
    use retort_fingerprint::RowKey;
    let (team, ada, bob) = (Cache::shared(), Cache::new(), Cache::new());
    let store = ada.open_before("ada", &[team.remote("team", Writes::OnSuccess)]);
    let key = RowKey::of(&Term::Int(1));
    store.rows("elicit").unwrap().put(key, b"an answer").unwrap();
    store.finish_sharing().unwrap();
    let folder = team.root().join("rows/v1/elicit");
    let pack = folder.join(&disk::names(&folder).unwrap()[0]);
    let mut bytes = fs_err::read(&pack).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    overwrite(&pack, &bytes);
    let store = bob.open_before("bob", &[team.remote("team", Writes::Never)]);
    assert_eq!(store.rows("elicit").unwrap().get(&key).unwrap(), None);
    assert!(notices(&store).contains("its bytes are not those of its name"));
}

/// Everything below a folder but one part of it, to see that nothing appeared there.
fn around(folder: &Path, without: &Path) -> String {
    let without = without.strip_prefix(folder).unwrap().display().to_string();
    listing(folder).lines().filter(|line| !line.starts_with(&without)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn names_that_lead_out_of_a_remote_lead_nowhere() {
    let (team, mine) = (Cache::shared(), Cache::new());
    // A record in good form whose parts, producer and notes have such names, and a run by such a user.
    let (eve, _) = team.open_with("../../../eve");
    let pending = eve.put(b"result").unwrap();
    let blob = pending.blob();
    let parts: Vec<(&str, BlobRef)> =
        ["../../x", "/etc/x", "..", "a/../../x", "x\0y"].map(|part| (part, blob)).to_vec();
    let record = Record {
        notes: BTreeMap::from([("../../note".to_owned(), "../../note".to_owned())]),
        ..record(&eve, 1, &parts)
    };
    eve.publish(vec![pending], &record).unwrap();
    let run = eve.new_run("../../experiment").unwrap();
    let entry = |name: &str| InstanceEntry {
        name: name.into(),
        stage: name.into(),
        fingerprint: record.fingerprint(),
        outcome: Outcome::Made,
    };
    run.record_instances(&["../../x", "x"].map(entry)).unwrap();
    drop(eve);
    // Runs, rows, blobs and records under such names; what a folder cannot hold, another name for it can.
    let root = team.root();
    for odd in ["..%2f..%2fx", "..\\..\\x", ".. ", "...", "20260713-101502-123-../../"] {
        fs_err::create_dir_all(root.join("runs/v1").join(odd)).unwrap();
        fs_err::write(root.join("runs/v1").join(odd).join("run.json"), "{}").unwrap();
        let rows = root.join("rows/v1").join(odd);
        fs_err::create_dir_all(&rows).unwrap();
        fs_err::write(rows.join("..%2fx.pack"), "x").unwrap();
        let shard = root.join("objects/v1").join(&blob.digest.hex()[..2]);
        fs_err::write(shard.join(odd.replace('/', "%2f")), "x").unwrap();
        fs_err::write(team.records_path(&record.fingerprint()).join(odd.replace('/', "%2f")), "x").unwrap();
    }
    symlink(team.dir.path(), root.join("rows/v1/elicit")).unwrap();
    symlink(team.dir.path(), root.join("runs/v1/20260713-101502-123-4f2a9c")).unwrap();
    let (theirs, ours) = (around(team.dir.path(), &root), around(mine.dir.path(), &mine.root()));
    let store = mine.open_before("../bob", &[team.remote("team", Writes::OnSuccess)]);
    let found = store.find(&record.fingerprint()).unwrap().unwrap();
    assert_eq!(found.outputs.len(), parts.len());
    let mut everything = Selection { rows: true, ..selection(&[record.fingerprint()]) };
    for id in store.runs_in_remotes(None).unwrap() {
        // What cannot be read as a run is none.
        if let Ok(entry) = store.read_run_in_remotes(None, &id) {
            everything.add_run(&entry, None);
        }
    }
    store.pull(None, &everything, &MOVING).unwrap();
    assert_eq!(store.read(&blob.digest).unwrap(), b"result");
    for name in ["../../../x", "..", "../", "/etc/passwd", "%2e%2e", "..\0"] {
        assert!(store.select_named_in_remotes(None, name).is_err());
        assert!(store.select_named(name).is_err());
    }
    let own = store.new_run("../../mine").unwrap();
    own.record_instances(&[entry("../../x")]).unwrap();
    store.share_run(own.id());
    publish(&store, 2, b"another");
    store.finish_sharing().unwrap();
    assert_eq!(around(team.dir.path(), &root), theirs, "nothing is written beside the remote");
    assert_eq!(around(mine.dir.path(), &mine.root()), ours, "nor beside the cache");
    assert_eq!(store.runs().unwrap(), [own.id().clone()], "logs of runs are not taken over");
    let kept = listing(&mine.root());
    assert!(!kept.contains("/x ") && !kept.contains("..%2f"), "{kept}");
}

const VERIFYING: Moving<'static> = Moving { compare: Compare::All, ..MOVING };

/// Publishes into a remote and damages the blob there; returns the action, the blob and its path.
fn damaged(team: &Cache, damage: impl Fn(&Path)) -> (Fingerprint, BlobRef, PathBuf) {
    let (fingerprint, blob) = publish(&team.open_with("ada").0, 1, b"the right bytes");
    let path = team.blob_path(&blob);
    damage(&path);
    (fingerprint, blob, path)
}

/// Expects that a blob of a remote has been set right, and stays as it is when it is looked at once more.
fn is_right(team: &Cache, blob: &BlobRef) {
    let path = team.blob_path(blob);
    assert!(fs_err::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(fs_err::read(&path).unwrap(), b"the right bytes");
    let before = listing(&team.root().join("objects"));
    let other = Cache::new();
    let store = other.open_before("eve", &[team.remote("team", Writes::OnPush)]);
    publish(&store, 1, b"the right bytes");
    let moved = store.push(None, &store.select_all().unwrap(), &VERIFYING).unwrap().remove(0);
    assert_eq!((moved.blobs, moved.refused), (0, Vec::new()));
    assert_eq!(notices(&store), "");
    assert_eq!(listing(&team.root().join("objects")), before);
}

fn poison(path: &Path) {
    overwrite(path, b"the wrong bytes");
}

#[test]
fn whoever_finds_a_blob_poisoned_and_makes_it_again_sets_it_right() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let (_, blob, _) = damaged(&team, poison);
    let store = mine.open_before("bob", &[team.remote("team", Writes::OnSuccess)]);
    assert!(store.read(&blob.digest).unwrap_err().is_lost_blob());
    publish(&store, 1, b"the right bytes");
    store.finish_sharing().unwrap();
    is_right(&team, &blob);
}

#[test]
fn what_was_found_poisoned_is_set_right_by_a_later_push() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let (fingerprint, blob, path) = damaged(&team, poison);
    let remotes = [team.remote("team", Writes::OnPush), team.remote("other name", Writes::OnPush)];
    let store = mine.open_before("bob", &remotes[..1]);
    assert!(store.read(&blob.digest).is_err());
    publish(&store, 1, b"the right bytes");
    drop(store);
    // It was not found in the remote of another name.
    let store = mine.open_before("bob", &remotes[1..]);
    assert_eq!(store.push(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].blobs, 0);
    assert_eq!(fs_err::read(&path).unwrap(), b"the wrong bytes");
    drop(store);
    let store = mine.open_before("bob", &remotes[..1]);
    assert_eq!(store.push(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].blobs, 1);
    is_right(&team, &blob);
    // It is forgotten then: what has the right size is not read any more.
    poison(&path);
    assert_eq!(store.push(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].blobs, 0);
}

#[test]
fn a_push_that_verifies_sets_right_what_nobody_has_found() {
    let check = |damage: &dyn Fn(&Path), is_seen: bool| {
        let (team, mine) = (Cache::shared(), Cache::new());
        let (fingerprint, blob, _) = damaged(&team, damage);
        let store = mine.open_before("bob", &[team.remote("team", Writes::OnPush)]);
        publish(&store, 1, b"the right bytes");
        let moved = store.push(None, &selection(&[fingerprint]), &MOVING).unwrap().remove(0);
        assert_eq!(moved.blobs, u64::from(is_seen), "what is no file of the right size is seen anyway: {moved:?}");
        let moved = store.push(None, &selection(&[fingerprint]), &VERIFYING).unwrap().remove(0);
        assert_eq!(moved.blobs, u64::from(!is_seen), "{moved:?}");
        assert_eq!(notices(&store).contains("refused blob"), !is_seen);
        is_right(&team, &blob);
    };
    check(&poison, false);
    check(&|path| overwrite(path, b"the right"), true);
    let instead = |path: &Path, make: &dyn Fn(&Path)| {
        fs_err::remove_file(path).unwrap();
        make(path);
    };
    check(&|path| instead(path, &|path| symlink("/dev/null", path).unwrap()), true);
    check(
        &|path| {
            instead(path, &|path| {
                fs_err::create_dir(path).unwrap();
                fs_err::write(path.join("x"), "x").unwrap();
            });
        },
        true,
    );
}

#[test]
fn a_poisoned_blob_is_only_replaced_by_the_bytes_of_its_name() {
    let (team, mine) = (Cache::shared(), Cache::new());
    let (fingerprint, blob, path) = damaged(&team, poison);
    let remote = team.remote("team", Writes::OnPush);
    let store = mine.open_before("bob", std::slice::from_ref(&remote));
    publish(&store, 1, b"the right bytes");
    overwrite(&mine.blob_path(&blob), b"more wrong data");
    let moved = store.push(None, &selection(&[fingerprint]), &VERIFYING).unwrap().remove(0);
    assert_eq!((moved.blobs, moved.results), (0, 0));
    assert!(moved.refused[0].contains("have the digest"), "{moved:?}");
    fs_err::remove_file(mine.blob_path(&blob)).unwrap();
    let moved = store.push(None, &selection(&[fingerprint]), &VERIFYING).unwrap().remove(0);
    assert!(moved.refused[0].contains("it is not in the cache"), "{moved:?}");
    assert_eq!(fs_err::read(&path).unwrap(), b"the wrong bytes");
    drop(store);
    // They may come from another remote.
    let second = Cache::shared();
    publish(&second.open_with("eve").0, 1, b"the right bytes");
    let store = mine.open_before("bob", &[remote, second.remote("second", Writes::Never)]);
    assert_eq!(store.push(Some("team"), &selection(&[fingerprint]), &MOVING).unwrap()[0].blobs, 1);
    is_right(&team, &blob);
}
