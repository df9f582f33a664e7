//! What is wrong in a bucket is refused, and set right where it can be.

use super::*;

#[test]
fn an_upload_whose_bytes_are_not_right_is_given_up() {
    let Some(team) = Team::new() else { return };
    let mine = Cache::new();
    let store = mine.open_before("ada", &[team.remote(Writes::OnPush)]);
    let bytes = vec![7; 9 * 1024 * 1024];
    let (fingerprint, blob) = publish(&store, 1, &bytes);
    overwrite(&mine.blob_path(&blob), &vec![8; bytes.len()]);
    let moved = store.push(None, &selection(&[fingerprint]), &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs), (0, 0));
    assert!(moved.refused[0].contains("have the digest"), "{moved:?}");
    assert_eq!((team.0.get(&Team::blob(&blob)), team.0.uploads()), (None, 0));
}

#[test]
fn a_blob_that_is_not_the_one_is_refused_and_a_push_sets_it_right() {
    let right = b"the right bytes";
    for (wrong, said) in [
        (&b"the wrong bytes"[..], "have the digest"),
        (b"the right", "its record says 15"),
        (b"", "its record says 15"),
        (b"the right bytes and more", "its record says 15"),
    ] {
        let Some(team) = Team::new() else { return };
        let mine = Cache::new();
        let (fingerprint, blob) = team.publish(1, right);
        team.0.put(&Team::blob(&blob), wrong);
        let store = mine.open_before("bob", &[team.remote(Writes::OnPush)]);
        assert!(store.find(&fingerprint).unwrap().is_some());
        assert!(store.read(&blob.digest).unwrap_err().is_lost_blob());
        let told = notices(&store);
        assert!(told.contains("refused blob") && told.contains(said), "{told}");
        assert!(!mine.blob_path(&blob).exists());
        let moved = store.pull(None, &selection(&[fingerprint]), &MOVING).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.results), (0, 0), "{moved:?}");
        // Made anew it is pushed over what is there.
        let other = Cache::new();
        let again = other.open_before("eve", &[team.remote(Writes::OnPush)]);
        publish(&again, 1, right);
        again.push(None, &selection(&[fingerprint]), &MOVING).unwrap();
        assert_eq!(team.0.get(&Team::blob(&blob)).as_deref(), Some(&right[..]));
    }
}

#[test]
fn a_blob_of_the_right_size_with_other_bytes_is_set_right_by_whoever_has_it() {
    for bytes in [15, 100_000, 9 * 1024 * 1024] {
        let Some(team) = Team::new() else { return };
        let (right, wrong) = (vec![1; bytes], vec![2; bytes]);
        let (fingerprint, blob) = team.publish(1, &right);
        let is_right = || team.0.get(&Team::blob(&blob)).unwrap() == right;
        // Whoever finds it and makes it again, at once, or with a later push.
        for (writes, later) in [(Writes::OnSuccess, false), (Writes::OnPush, true)] {
            team.0.put(&Team::blob(&blob), &wrong);
            let mine = Cache::new();
            let store = mine.open_before("bob", &[team.remote(writes)]);
            assert!(store.find(&fingerprint).unwrap().is_some());
            assert!(store.read(&blob.digest).unwrap_err().is_lost_blob());
            publish_and_share(&store, 1, &right);
            drop(store);
            if later {
                let store = mine.open_before("bob", &[team.remote(writes)]);
                assert_eq!(store.push(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].blobs, 1);
            }
            assert!(is_right(), "{bytes} {writes:?}");
        }
        // Whoever has it and has not found it.
        team.0.put(&Team::blob(&blob), &wrong);
        let mine = Cache::new();
        let store = mine.open_before("eve", &[team.remote(Writes::OnPush)]);
        publish(&store, 1, &right);
        let verifying = Moving { compare: Compare::All, ..MOVING };
        let moved = store.push(None, &selection(&[fingerprint]), &verifying).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.refused), (1, Vec::new()));
        assert!(is_right() && notices(&store).contains("refused blob"), "{bytes}");
        let moved = store.push(None, &selection(&[fingerprint]), &verifying).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.there), (0, 1));
        // With other bytes than those of its name nobody replaces anything.
        team.0.put(&Team::blob(&blob), &wrong);
        overwrite(&mine.blob_path(&blob), &vec![3; bytes]);
        let moved = store.push(None, &selection(&[fingerprint]), &verifying).unwrap().remove(0);
        assert_eq!((moved.blobs, moved.results, moved.there), (0, 0, 0));
        assert!(team.0.get(&Team::blob(&blob)).unwrap() == wrong, "{bytes}");
    }
}

#[test]
fn a_blob_of_unknown_size_is_bounded_by_the_room_there_is() {
    let Some(team) = Team::new() else { return };
    let (_, blob) = team.publish(1, b"result");
    let proxy =
        Proxy::before(
            team.0.port(),
            move |request| {
                if request.path.contains("objects/") { Fault::Endless } else { Fault::None }
            },
        );
    let mine = Cache::new();
    let store = mine.open_before("bob", &[team.behind(&proxy, Writes::Never, LATE)]);
    assert!(store.read(&blob.digest).unwrap_err().is_lost_blob());
    let told = notices(&store);
    assert!(told.contains("it has 1000000000000000 bytes, and there is room for"), "{told}");
}

#[test]
fn a_record_that_is_forged_or_of_another_action_is_not_believed() {
    let check = |forge: &dyn Fn(&Team, &Fingerprint) -> Vec<u8>| {
        let Some(team) = Team::new() else { return };
        let (fingerprint, _) = team.publish(1, b"result");
        team.publish(2, b"another");
        let forged = forge(&team, &fingerprint);
        team.0.put(&Team::catalog(&fingerprint), &forged);
        team.records(&fingerprint).iter().for_each(|key| team.0.delete(key));
        let mine = Cache::new();
        let store = mine.open_before("bob", &[team.remote(Writes::OnSuccess)]);
        assert_eq!(store.find(&fingerprint).unwrap(), None);
        assert_eq!(store.pull(None, &selection(&[fingerprint]), &MOVING).unwrap()[0].results, 0);
        assert_eq!(listing(&mine.root().join("actions")), "");
        // Made anew it is believed again.
        publish_and_share(&store, 1, b"result");
        let other = Cache::new();
        assert!(other.open_before("eve", &[team.remote(Writes::Never)]).find(&fingerprint).unwrap().is_some());
    };
    let second = || manifest(2).fingerprint();
    check(&|team, _| team.0.get(&Team::catalog(&second())).unwrap());
    check(&|team, of| {
        let text = String::from_utf8(team.0.get(&Team::catalog(&second())).unwrap()).unwrap();
        text.replace(&second().hex(), &of.hex()).into_bytes()
    });
    check(&|_, _| vec![0xFF; 4096]);
    check(&|_, _| Vec::new());
}

#[test]
fn a_catalog_without_end_is_not_read_into_memory() {
    let Some(team) = Team::new() else { return };
    let (fingerprint, _) = team.publish(1, b"result");
    for (fault, said) in [(Fault::Endless, "larger than 67108864 bytes"), (Fault::EndlessError, "400 Bad Request")] {
        let proxy = Proxy::before(team.0.port(), move |request| {
            let spoilt = ["catalog/", "actions/"].iter().any(|part| request.path.contains(part));
            if spoilt { fault.clone() } else { Fault::None }
        });
        let mine = Cache::new();
        let store = mine.open_before("bob", &[team.behind(&proxy, Writes::Never, LATE)]);
        assert_eq!(store.find(&fingerprint).unwrap(), None);
        let told = notices(&store);
        assert!(told.contains(said) || told.is_empty(), "{told}");
    }
}
