//! Where a report comes from: gathered out of the claims of everything it rests on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::exit::Failure;
use super::session::Session;
use crate::engine::{COST, DEVICE};
use crate::fingerprint::{Digest, Term};
use crate::plan::Found;
use crate::report::{Cost, Provenance};
use crate::spec::InstanceId;
use crate::stage::kinds::elicit::{CONSISTENCY, MODELS};
use crate::stage::params::ExternalSource;
use crate::store::{Claim, Store};

/// Gathers the provenance of a report. `earlier` is what was written the last time, which holds as long as everything is
/// the result of the same work.
pub(super) fn gather(
    session: &Session,
    report: InstanceId,
    results: &[Option<Arc<Found>>],
    store: &Store,
    earlier: Option<Provenance>,
) -> Result<Provenance, Failure> {
    let needed = session.graph.needed_by([report]);
    let known = session.experiment.ids().filter(|id| needed[id.index()]);
    let known: Vec<(InstanceId, &Found)> = known.filter_map(|id| Some((id, results[id.index()].as_deref()?))).collect();
    let of = stamp(session, &known);
    if let Some(earlier) = earlier.filter(|earlier| earlier.of == of) {
        return Ok(earlier);
    }
    let (mut costs, mut seen) = (BTreeMap::<String, (usize, u64, f64)>::new(), BTreeSet::new());
    let [mut models, mut programs, mut devices] = [const { BTreeSet::new() }; 3];
    let mut seeds = BTreeSet::new();
    for (id, found) in &known {
        if !seen.insert(found.fingerprint) {
            continue;
        }
        let kind = session.experiment.stage_of(*id).kind.name;
        let cost = costs.entry(kind.to_owned()).or_default();
        (cost.0, cost.1) = (cost.0 + 1, cost.1 + found.took_ms);
        // A claim that cannot be read has been told of when the store looked for it.
        let Some((_, claim)) = store.claim(&found.fingerprint)? else { continue };
        let paid = claim.notes.get(COST).and_then(|paid| paid.parse::<f64>().ok());
        cost.2 += paid.unwrap_or(0.0);
        programs.insert(claim.producer.program.clone());
        if let (Some(device), Some(numerics)) = (claim.notes.get(DEVICE), &claim.manifest.numerics) {
            devices.insert(format!("{device} ({numerics})"));
        }
        if let Some(Term::Int(seed)) = within(&claim.manifest.params, &["seed"]) {
            seeds.insert((kind, *seed));
        }
        models.extend(models_of(session, *id, &claim));
        models.extend(teacher_of(&claim));
    }
    let cost = |(kind, (results, took_ms, paid)): (String, (usize, u64, f64))| {
        let paid = if paid > 0.0 { format!("{paid:.2} paid to the teacher") } else { String::new() };
        Cost { kind, results, took_ms, paid }
    };
    let found = results[report.index()].as_deref();
    let digest = found.and_then(|found| found.parts.get("report.json")).map(Digest::hex).unwrap_or_default();
    Ok(Provenance {
        of,
        experiment: session.experiment.name.clone(),
        seeds: told(session.experiment.seed, &seeds),
        digest,
        models: models.into_iter().collect(),
        programs: programs.into_iter().collect(),
        devices: devices.into_iter().collect(),
        costs: costs.into_iter().map(cost).collect(),
    })
}

/// What the provenance was gathered from: it is another as soon as anything was made otherwise or by somebody else.
fn stamp(session: &Session, known: &[(InstanceId, &Found)]) -> String {
    let mut text = format!("provenance 1\n{}\n{}\n", session.experiment.name, session.experiment.seed);
    for (id, Found { fingerprint, parts: _, by, took_ms, from: _ }) in known {
        text += &format!("{} {} {by} {took_ms}\n", session.name(*id), fingerprint.hex());
    }
    Digest::of(text.as_bytes()).hex()
}

/// Says which seeds there are: the experiment's, then those of each kind that differ from it.
fn told(experiment: u64, seeds: &BTreeSet<(&str, i64)>) -> Vec<String> {
    let mut by_kind: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, seed) in seeds {
        by_kind.entry(kind).or_default().push(seed.to_string());
    }
    let same = [experiment.to_string()];
    by_kind.retain(|_, seeds| seeds[..] != same);
    let kinds = by_kind.into_iter().map(|(kind, seeds)| format!("{kind}: {}", seeds.join(", ")));
    std::iter::once(format!("experiment: {experiment}")).chain(kinds).collect()
}

/// Names the models that an instance read, each with its revision where it came from a hub and the digest of its weights.
fn models_of(session: &Session, id: InstanceId, claim: &Claim) -> Vec<String> {
    let externals = session.experiment.instance(id).bound.externals();
    let model = |external: &crate::stage::params::ExternalRef| {
        let name = match &external.source {
            ExternalSource::File(_) => return None,
            ExternalSource::ModelFolder(path) | ExternalSource::ChatModelFolder(path) => path.clone(),
            ExternalSource::Hub(model) => claim.notes.get(&external.port).cloned().unwrap_or_else(|| model.to_string()),
        };
        let weights = claim
            .manifest
            .inputs
            .iter()
            .filter(|input| input.port == external.port && input.part.ends_with(".safetensors"))
            .map(|input| format!("{} {}", input.part, input.digest.short()));
        let weights = weights.collect::<Vec<_>>().join(", ");
        Some(if weights.is_empty() { name } else { format!("{name} ({weights})") })
    };
    externals.iter().filter_map(model).collect()
}

/// Names a teacher behind a server, and says how far the answers of any teacher agree that were put to the vote.
fn teacher_of(claim: &Claim) -> Option<String> {
    let name = within(&claim.manifest.params, &["teacher", "openai", "model"]);
    let name = if let Some(Term::Text(name)) = name { Some(name) } else { None };
    let said = name.map(|name| match claim.notes.get(MODELS) {
        Some(models) => format!("teacher {name}; as its server calls what answered: {models}"),
        None => format!("teacher {name}, as it was asked for; its server does not say what answered"),
    });
    let agreed = claim.notes.get(CONSISTENCY);
    match (said, agreed) {
        (Some(said), Some(agreed)) => Some(format!("{said}; {agreed}")),
        (None, Some(agreed)) => Some(format!("teacher: {agreed}")),
        (said, None) => said,
    }
}

/// Follows fields and forms into a term.
fn within<'t>(term: &'t Term, path: &[&str]) -> Option<&'t Term> {
    let Some((first, rest)) = path.split_first() else { return Some(term) };
    match term {
        Term::Record(fields) => within(fields.get(*first)?, rest),
        Term::Variant(form, of) if form == first => within(of, rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_follows_fields_and_forms() {
        let model = Term::record([("model", Term::Text("mistral".into()))]);
        let term = Term::record([("teacher", Term::variant("openai", model)), ("seed", Term::Int(3))]);
        assert_eq!(within(&term, &["teacher", "openai", "model"]), Some(&Term::Text("mistral".into())));
        assert_eq!(within(&term, &["teacher", "local", "model"]), None);
        assert_eq!(within(&term, &["seed"]), Some(&Term::Int(3)));
    }

    #[test]
    fn seeds_are_told_where_they_are_not_the_experiments() {
        let seeds = BTreeSet::from([("train", 0), ("train", 1), ("transform", 17), ("report", 17)]);
        assert_eq!(told(17, &seeds), ["experiment: 17", "train: 0, 1"]);
    }
}
