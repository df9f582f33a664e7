//! Leases: held, released, taken over from the dead.

use std::time::{Duration, SystemTime};

use super::*;

fn lease_path(cache: &Cache) -> PathBuf {
    cache.root().join("leases").join(manifest(1).fingerprint().hex())
}

fn take(store: &Store) -> Option<Lease> {
    match store.lease(&manifest(1).fingerprint()).unwrap() {
        LeaseState::Held(lease) => Some(lease),
        LeaseState::Busy(_) => None,
    }
}

/// Leaves a lease file as a killed process would: there, written, and not locked.
fn leave_behind(cache: &Cache, host: &str, age: Duration) {
    let text = format!(r#"{{"user":"bob","host":"{host}","pid":4242,"since_ms":1}}"#);
    fs_err::write(lease_path(cache), text).unwrap();
    let file = fs_err::File::options().append(true).open(lease_path(cache)).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn a_lease_is_held_by_one_and_names_its_holder_to_others() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    let lease = take(&ada).unwrap();
    assert!(take(&ada).is_none(), "not even another thread of the same store");
    let LeaseState::Busy(Some(holder)) = bob.lease(&manifest(1).fingerprint()).unwrap() else { panic!("it is free") };
    assert_eq!((holder.user.as_str(), holder.host.as_str(), holder.pid), ("ada", "box", std::process::id()));
    lease.renew().unwrap();
    drop(lease);
    assert!(!lease_path(&cache).exists());
    assert!(take(&bob).is_some());
}

#[test]
fn the_lease_of_a_killed_process_on_this_machine_is_free_at_once() {
    let cache = Cache::new();
    let store = cache.open();
    leave_behind(&cache, "box", Duration::ZERO);
    assert!(take(&store).is_some());
}

#[test]
fn the_lease_of_another_machine_is_free_only_after_missed_heartbeats() {
    let cache = Cache::new();
    let store = cache.open();
    leave_behind(&cache, "elsewhere", Duration::from_secs(30));
    let LeaseState::Busy(Some(holder)) = store.lease(&manifest(1).fingerprint()).unwrap() else { panic!("it is free") };
    assert_eq!(holder.host, "elsewhere");
    leave_behind(&cache, "elsewhere", Duration::from_hours(1));
    assert!(take(&store).is_some());
}

#[test]
fn a_lease_of_a_time_to_come_is_nobody_s() {
    let cache = Cache::new();
    let store = cache.open();
    let date = |name: &str, ahead: Duration| {
        let file =
            fs_err::File::options().append(true).create(true).open(cache.root().join("leases").join(name)).unwrap();
        file.set_modified(SystemTime::now() + ahead).unwrap();
    };
    let own = manifest(1).fingerprint().hex();
    for host in ["box", "elsewhere"] {
        leave_behind(&cache, host, Duration::ZERO);
        date(&own, Duration::from_hours(24 * 365 * 74));
        assert!(take(&store).is_some(), "{host}");
    }
    // Not even an empty one, which may be being written.
    fs_err::write(lease_path(&cache), "").unwrap();
    date(&own, Duration::from_hours(24 * 365 * 74));
    assert!(take(&store).is_some());
    leave_behind(&cache, "elsewhere", Duration::ZERO);
    date(&own, Duration::from_secs(20));
    assert!(take(&store).is_none(), "a little ahead");
    // What nobody holds keeps no saved work, and goes.
    date(&own, Duration::from_hours(24 * 365 * 74));
    date("notes", Duration::from_hours(24 * 365 * 74));
    store.gc(GcOptions::default(), &mut |_, _| {}).unwrap();
    assert_eq!(disk::names(&cache.root().join("leases")).unwrap(), ["notes"]);
}

#[test]
fn a_holder_that_stopped_its_heartbeat_loses_the_lease_and_does_not_take_it_away_later() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    let lost = take(&ada).unwrap();
    let file = fs_err::File::options().append(true).open(lease_path(&cache)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_hours(1)).unwrap();
    let taken = take(&bob).unwrap();
    drop(lost);
    assert!(lease_path(&cache).exists(), "it is the new holder's file");
    assert!(take(&ada).is_none());
    drop(taken);
    assert!(take(&ada).is_some());
}

#[test]
fn garbage_in_a_lease_file_does_not_block() {
    let cache = Cache::new();
    let store = cache.open();
    fs_err::write(lease_path(&cache), [0xFF; 10_000]).unwrap();
    assert!(take(&store).is_some());
}

#[test]
fn waiting_ends_with_the_result_the_lease_or_the_callers_wish() {
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    let fingerprint = manifest(1).fingerprint();
    let poll = Duration::from_millis(1);
    let lease = take(&ada).unwrap();
    assert!(matches!(bob.wait_for_lease(&fingerprint, poll, |_| false).unwrap(), Waited::Stopped));
    let mut holding = Some(lease);
    let waited = bob.wait_for_lease(&fingerprint, poll, |holder| {
        assert_eq!(holder.unwrap().user, "ada");
        // The holder publishes and then lets go, while we wait.
        if holding.is_some() {
            publish(&ada, 1, b"result");
            holding = None;
        }
        true
    });
    assert!(matches!(waited.unwrap(), Waited::Published(_)));
    let other = manifest(2).fingerprint();
    assert!(matches!(bob.wait_for_lease(&other, poll, |_| false).unwrap(), Waited::Held(_)));
}

#[test]
fn one_of_many_threads_gets_the_lease_at_a_time() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let cache = Cache::new();
    let (ada, _) = cache.open_with("ada");
    let (bob, _) = cache.open_with("bob");
    let (inside, taken) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for store in [&ada, &bob, &ada, &bob] {
            let (inside, taken) = (&inside, &taken);
            scope.spawn(move || {
                for _ in 0..200 {
                    if let Some(lease) = take(store) {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        taken.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lease);
                    }
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
}
