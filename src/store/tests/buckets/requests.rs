//! How many requests it takes.

use super::*;

#[test]
fn small_results_take_three_requests_to_push_and_two_to_pull() {
    const RESULTS: u64 = 20;
    let Some(team) = Team::new() else { return };
    let proxy = Proxy::before(team.0.port(), |_| Fault::None);
    let remotes = [team.behind(&proxy, Writes::OnPush, LATE)];
    let (ada, bob) = (Cache::new(), Cache::new());
    let store = ada.open_before("ada", &remotes);
    for number in 0..RESULTS {
        publish(&store, number.cast_signed(), format!("result {number}").as_bytes());
    }
    let all = store.select_all().unwrap();
    let results = Selection { actions: all.actions, ..Selection::default() };
    let check = |store: &Store, pushes: bool, methods: &[(&str, u64)]| {
        let moved = if pushes { store.push(None, &results, &MOVING) } else { store.pull(None, &results, &MOVING) };
        let moved = moved.unwrap().remove(0);
        assert_eq!((moved.results + moved.there, moved.refused), (RESULTS, Vec::new()));
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for request in proxy.take_seen().iter().filter(|request| !request.path.ends_with("CACHEDIR.TAG")) {
            let area = request.path.split('/').rev().nth(if request.path.contains("actions/") { 4 } else { 3 });
            *seen.entry(format!("{} {}", request.method, area.unwrap())).or_default() += 1;
        }
        let expected = methods.iter().map(|(method, each)| ((*method).to_owned(), each * RESULTS)).collect();
        assert_eq!(seen, expected);
    };
    check(&store, true, &[("PUT objects", 1), ("PUT actions", 1), ("PUT catalog", 1)]);
    // What is there already is compared, as it is small, and its record is found in its catalog.
    check(&store, true, &[("PUT objects", 1), ("GET objects", 1), ("GET catalog", 1)]);
    let store = bob.open_before("bob", &remotes);
    check(&store, false, &[("GET catalog", 1), ("GET objects", 1)]);
    check(&store, false, &[("GET catalog", 1)]);
}

#[test]
fn planning_asks_once_for_each_action() {
    let Some(team) = Team::new() else { return };
    let (fingerprint, _) = team.publish(0, b"result");
    let proxy = Proxy::before(team.0.port(), |_| Fault::None);
    let mine = Cache::new();
    let store = mine.open_before("bob", &[team.behind(&proxy, Writes::OnSuccess, LATE)]);
    let all: Vec<Fingerprint> = (0..40).map(|number| manifest(number).fingerprint()).collect();
    let found = store.find_many(&all).unwrap();
    assert_eq!(found.iter().filter(|record| record.is_some()).count(), 1);
    let blob = found[0].as_ref().unwrap().outputs["rows"].digest;
    for of in &all {
        assert_eq!(store.find(of).unwrap().is_some(), *of == fingerprint, "what was found before is known");
    }
    assert!(store.contains(&blob), "as its record says");
    let seen = proxy.take_seen();
    assert_eq!(seen.len(), all.len() + 1, "one for each, and one for the tag: {seen:?}");
    // What was not there is asked for anew by whoever asks again.
    store.find(&all[1]).unwrap();
    assert_eq!(proxy.take_seen().len(), 1);
}
