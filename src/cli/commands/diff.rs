//! `retort diff`: what two runs differ in, parameters and accuracies.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::args::{Diff, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::session::look;
use super::super::settings::Settings;
use super::runs::find;
use crate::artifact::{Artifact, Parts, Scores};
use crate::fingerprint::{Fingerprint, KeyChange};
use crate::store::{InstanceRecord, Store};

/// How one instance differs between two runs.
#[derive(Debug, Serialize)]
struct Line {
    instance: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<KeyChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<(Option<f64>, Option<f64>)>,
}

/// Compares two runs.
pub(super) fn diff(global: &Global, args: &Diff) -> Result<Exit, Failure> {
    let store = look(&Settings::global(global)?)?;
    let (before, after) = (find(&store, &args.before)?, find(&store, &args.after)?);
    let by_name = |records: Vec<InstanceRecord>| -> BTreeMap<String, Fingerprint> {
        records.into_iter().map(|record| (record.name, record.fingerprint)).collect()
    };
    let (old, new) = (by_name(before.instances()?), by_name(after.instances()?));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if was == is {
            continue;
        }
        let state = match (was, is) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let manifest = |fingerprint: Option<&Fingerprint>| -> Result<_, Failure> {
            let Some(fingerprint) = fingerprint else { return Ok(None) };
            Ok(store.claim(fingerprint)?.map(|(_, claim)| claim.manifest))
        };
        let changes = match (manifest(was)?, manifest(is)?) {
            (Some(was), Some(is)) => was.changes(&is),
            _ => Vec::new(),
        };
        let (was, is) = (accuracy(&store, was)?, accuracy(&store, is)?);
        let accuracy = (was.is_some() || is.is_some()).then_some((was, is));
        lines.push(Line { instance: name.clone(), state, changes, accuracy });
    }
    if global.json {
        print::json(
            &serde_json::json!({ "before": before.id().to_string(), "after": after.id().to_string(), "instances": lines }),
        );
        return Ok(Exit::Success);
    }
    if lines.is_empty() {
        print::data(&format!(
            "{} and {} have the same recipes in all {} instances\n",
            before.id(),
            after.id(),
            new.len()
        ));
        return Ok(Exit::Success);
    }
    let percent = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let row = |line: &Line| {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        let changes: Vec<String> = line
            .changes
            .iter()
            .map(|change| format!("{}: {} → {}", change.path, value(&change.before), value(&change.after)))
            .collect();
        let accuracy = line.accuracy.map_or(String::new(), |(was, is)| format!("{} → {}", percent(was), percent(is)));
        vec![line.state.to_owned(), line.instance.clone(), accuracy, changes.join("; ")]
    };
    let heading =
        format!("{} ({}) → {} ({})\n", before.id(), before.info().experiment, after.id(), after.info().experiment);
    print::data(&(heading + &print::table(&["", "instance", "accuracy", "recipe"], lines.iter().map(row).collect())));
    Ok(Exit::Success)
}

/// Returns the accuracy of an instance that made scores; `None` for any other, and where the bytes are gone.
fn accuracy(store: &Store, fingerprint: Option<&Fingerprint>) -> Result<Option<f64>, Failure> {
    let Some(claim) = fingerprint.map(|fingerprint| store.claim(fingerprint)).transpose()?.flatten() else {
        return Ok(None);
    };
    let (_, claim) = claim;
    if claim.manifest.kind != "evaluate" {
        return Ok(None);
    }
    let mut parts = Parts::new();
    for (part, blob) in &claim.outputs {
        let Ok(bytes) = store.read(&blob.digest) else { return Ok(None) };
        parts.insert(part.clone(), bytes);
    }
    let scores = Scores::decode(&parts).map_err(Failure::unusable)?;
    let right = scores.rows.iter().filter(|outcome| outcome.correct()).count();
    Ok((!scores.rows.is_empty()).then(|| right as f64 / scores.rows.len() as f64))
}
