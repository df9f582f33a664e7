//! A server that fails, for a while or for good.

use super::*;

/// Pushes and pulls through a server that spoils requests for a while, and expects what comes without it.
fn survives(name: &str, mut spoils: impl FnMut(&Request) -> Fault + Send + 'static) {
    let Some(team) = Team::new() else { return };
    let (ada, bob) = (Cache::new(), Cache::new());
    let proxy = Proxy::before(team.0.port(), move |request| spoils(request));
    let remotes = [team.behind(&proxy, Writes::OnPush, Duration::from_secs(20))];
    let store = ada.open_before("ada", &remotes);
    let published: Vec<_> =
        (0..4u8).map(|number| publish(&store, number.into(), &vec![number; 1 << (8 + 3 * number)])).collect();
    let all = store.select_all().unwrap();
    let moved = store.push(None, &all, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.refused), (4, Vec::new()), "{name}: {}", notices(&store));
    let store = bob.open_before("bob", &remotes);
    let moved = store.pull(None, &all, &MOVING).unwrap().remove(0);
    assert_eq!((moved.results, moved.blobs, moved.refused), (4, 4, Vec::new()), "{name}: {}", notices(&store));
    for (fingerprint, blob) in published {
        assert_eq!(store.find(&fingerprint).unwrap().unwrap().outputs["rows"], blob);
        assert_eq!(Digest::of(&store.read(&blob.digest).unwrap()), blob.digest);
    }
    assert!(verify(&bob.open_with("bob").0).clean());
}

/// Spoils every third request, but no two in a row.
fn every_third(fault: Fault) -> impl FnMut(&Request) -> Fault + Send + 'static {
    let mut count = 0;
    move |_| {
        count += 1;
        if count % 3 == 0 { fault.clone() } else { Fault::None }
    }
}

#[test]
fn faults_that_pass_change_nothing() {
    survives("dropped", every_third(Fault::Drop));
    survives("lost", every_third(Fault::Lose));
    survives("busy", every_third(Fault::Answer(503, "SlowDown")));
    survives("broken", every_third(Fault::Answer(500, "InternalError")));
    survives("cut", every_third(Fault::Cut(0)));
    let mut gets = 0;
    survives("cut in the middle, then another version", move |request| {
        let is_blob = request.method == "GET" && request.path.contains("objects/");
        gets += u32::from(is_blob);
        match gets % 3 {
            1 if is_blob => Fault::Cut(100),
            2 if is_blob => Fault::Version("\"another\""),
            _ => Fault::None,
        }
    });
}

#[test]
fn a_fault_that_stays_is_a_notice_and_a_miss() {
    let check = |fault: Fault, said: &str| {
        let Some(team) = Team::new() else { return };
        let (fingerprint, blob) = team.publish(1, b"result");
        let ready = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (spoils, mine) = (Arc::clone(&ready), Cache::new());
        let shown = format!("{fault:?}");
        let proxy = Proxy::before(team.0.port(), move |_| {
            if spoils.load(std::sync::atomic::Ordering::Relaxed) { fault.clone() } else { Fault::None }
        });
        let store = mine.open_before("bob", &[team.behind(&proxy, Writes::OnSuccess, SOON)]);
        assert_eq!(store.find(&manifest(7).fingerprint()).unwrap(), None);
        assert_eq!(notices(&store), "", "{shown}");
        ready.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(store.find(&fingerprint).unwrap(), None, "{shown}");
        assert!(store.read(&blob.digest).is_err());
        let told = notices(&store);
        assert!(told.contains("the remote `team`") && told.contains(said), "{shown}: {told}");
        let (mine, _) = publish_and_share(&store, 2, b"mine");
        assert!(store.find(&mine).unwrap().is_some());
    };
    check(Fault::Drop, "going on without the remote");
    check(Fault::Stall, "going on without the remote");
    check(Fault::Answer(503, "SlowDown"), "503 Service Unavailable: SlowDown");
    check(Fault::Answer(403, "AccessDenied"), "these credentials may not do that");
    check(Fault::Answer(403, "RequestTimeTooSkewed"), "set this machine's clock");
    check(Fault::Redirect("http://127.0.0.1:1/elsewhere".into()), "the bucket is elsewhere");
}

#[test]
fn what_keeps_a_bucket_from_being_used_is_said() {
    let Some(bucket) = moto::bucket() else { return };
    let check = |at: ObjectsAt, said: &str| {
        let remote =
            RemoteOptions { name: "team".into(), at: RemoteAt::Objects(at), writes: Writes::OnPush, timeout: SOON };
        let mine = Cache::new();
        let store = mine.open_before("ada", &[remote]);
        assert_eq!(store.find(&manifest(1).fingerprint()).unwrap(), None);
        let told = notices(&store);
        assert!(told.contains("going on without the remote `team`") && told.contains(said), "{told}");
        assert!(!told.contains("hidden"));
        let error = store.push(None, &Selection::default(), &MOVING).unwrap_err().to_string();
        assert!(error.contains("cannot use the remote `team`") && error.contains(said), "{error}");
    };
    let right = || at(&bucket.name, "x", &bucket.endpoint());
    check(right(), "is not a cache; `retort cache share s3://lab-");
    check(at("nobody-has-this", "x", &bucket.endpoint()), "there is no such bucket");
    check(at(&bucket.name, "x", "http://127.0.0.1:1"), "nothing listens there");
    check(ObjectsAt { allow_http: None, ..right() }, "is not encrypted: `allow_http = true`");
    check(ObjectsAt { endpoint: Some("elsewhere".into()), ..right() }, "no address of a server");
    let nowhere = [("AWS_METADATA_ENDPOINT".to_owned(), "http://127.0.0.1:1".to_owned())];
    check(
        ObjectsAt { surroundings: Surroundings::of(nowhere), ..right() },
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
    let half = [("AWS_ACCESS_KEY_ID".to_owned(), "hidden".to_owned())];
    check(ObjectsAt { surroundings: Surroundings::of(half), ..right() }, "Missing SecretAccessKey");
    bucket.put("x/CACHEDIR.TAG", b"something else");
    check(right(), "is no cache of this form");
}

#[test]
fn a_server_that_heeds_no_conditions_gets_no_cache() {
    let Some(bucket) = moto::bucket() else { return };
    // It says of everything that it did it.
    let proxy = Proxy::before(bucket.port(), |request| match request.method.as_str() {
        "PUT" => Fault::Answer(200, ""),
        _ => Fault::None,
    });
    let error = Store::share_bucket(&at(&bucket.name, "x", &proxy.endpoint()), SOON).unwrap_err().to_string();
    assert!(error.contains("does not heed conditions") || error.contains("cannot be written"), "{error}");
    let right = at(&bucket.name, "x", &bucket.endpoint());
    Store::share_bucket(&right, LATE).unwrap();
    Store::share_bucket(&right, LATE).unwrap();
}
