//! Where a report comes from: gathered out of the records of everything it rests on.

use std::collections::{BTreeMap, BTreeSet};

use retort_artifact::{Checkpoint, ReportFiles};
use retort_engine::{COST, DEVICE};
use retort_fingerprint::Digest;
use retort_plan::Found;
use retort_report::{Cost, Provenance};
use retort_spec::InstanceId;
use retort_stage::params::{ExternalRef, ExternalSource};
use retort_store::Record;

use super::money::amount;
use super::{Results, Session, SessionError};

impl Session {
    /// Gathers the provenance of a report. `earlier` is what was written the last time, which holds as long as everything is
    /// the result of the same work.
    pub(crate) fn provenance(
        &self,
        report: InstanceId,
        results: &Results,
        earlier: Option<Provenance>,
    ) -> Result<Provenance, SessionError> {
        let experiment = &self.pipeline.experiment;
        let needed = self.pipeline.graph.needed_by([report]);
        let known: Vec<(InstanceId, &Found)> =
            results.iter().filter(|(id, _)| needed[id.index()]).map(|(id, found)| (id, &**found)).collect();
        let of = stamp(self, report, &known);
        if let Some(earlier) = earlier.filter(|earlier| earlier.of == of) {
            return Ok(earlier);
        }
        let (mut costs, mut seen) = (BTreeMap::<String, (usize, u64, f64)>::new(), BTreeSet::new());
        let [mut models, mut programs, mut devices] = [const { BTreeSet::new() }; 3];
        let (mut seeds, mut last_ms, mut bytes) = (BTreeSet::new(), 0, BTreeMap::new());
        for (id, found) in &known {
            if !seen.insert(found.fingerprint) {
                continue;
            }
            let (kind, bound) = (experiment.stage_of(*id).kind.name, &experiment.instance(*id).bound);
            let cost = costs.entry(kind.to_owned()).or_default();
            (cost.0, cost.1) = (cost.0 + 1, cost.1 + found.took_ms);
            seeds.extend(bound.seed().map(|seed| (kind, seed)));
            // A record that cannot be read has been told of when the store looked for it.
            let Some((_, record)) = self.store.record(&found.fingerprint)? else { continue };
            last_ms = last_ms.max(record.started_at_ms.saturating_add(record.took_ms));
            bytes.extend(record.outputs.get(Checkpoint::WEIGHTS).map(|blob| (*id, blob.bytes)));
            let paid = record.notes.get(COST).and_then(|paid| paid.parse::<f64>().ok());
            cost.2 += paid.unwrap_or(0.0);
            programs.insert(record.producer.program.clone());
            if let (Some(device), Some(numerics)) = (record.notes.get(DEVICE), &record.manifest.numerics) {
                devices.insert(format!("{device} ({numerics})"));
            }
            models.extend(models_of(bound.externals(), &record));
            models.extend(bound.teacher(&record.notes));
        }
        let cost = |(kind, (results, took_ms, paid)): (String, (usize, u64, f64))| {
            let paid = if paid > 0.0 { format!("{} paid to the teacher", amount(paid)) } else { String::new() };
            Cost { kind, results, took_ms, paid }
        };
        let found = results.get(report);
        let digest = found.and_then(|found| found.parts.get(ReportFiles::RECORD)).map(Digest::hex).unwrap_or_default();
        Ok(Provenance {
            of,
            experiment: experiment.name.clone(),
            pipeline: self.pipeline_file(),
            date: date(last_ms),
            setup: self.setup(&known, &bytes),
            seeds: told(experiment.seed, &seeds),
            digest,
            models: models.into_iter().collect(),
            programs: programs.into_iter().collect(),
            devices: devices.into_iter().collect(),
            costs: costs.into_iter().map(cost).collect(),
        })
    }
}

/// What the provenance was gathered from: it is another as soon as anything was made otherwise or by somebody else.
fn stamp(session: &Session, report: InstanceId, known: &[(InstanceId, &Found)]) -> String {
    let experiment = &session.pipeline.experiment;
    let (file, name) = (session.pipeline_file(), session.name(report));
    let mut text = format!("provenance 2\n{}\n{}\n{file}\n{name}\n", experiment.name, experiment.seed);
    for (id, Found { fingerprint, parts: _, by, took_ms, from: _ }) in known {
        text += &format!("{} {} {by} {took_ms}\n", session.name(*id), fingerprint.hex());
    }
    Digest::of(text.as_bytes()).hex()
}

/// Writes a time in milliseconds since 1970 for a person; nothing where none is known.
fn date(ms: u64) -> String {
    let at = i64::try_from(ms).ok().filter(|ms| *ms > 0).and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// Says which seeds there are: the experiment's, then those of each kind that differ from it.
fn told(experiment: u64, seeds: &BTreeSet<(&str, u64)>) -> Vec<String> {
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
fn models_of(externals: &[ExternalRef], record: &Record) -> Vec<String> {
    let model = |external: &ExternalRef| {
        let name = match &external.source {
            ExternalSource::File(_) => return None,
            ExternalSource::ModelFolder(path) | ExternalSource::ChatModelFolder(path) => path.clone(),
            ExternalSource::Hub(model) => {
                record.notes.get(&external.port).cloned().unwrap_or_else(|| model.to_string())
            }
        };
        let weights = record
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_told_where_they_are_not_the_experiments() {
        let seeds = BTreeSet::from([("train", 0), ("train", 1), ("transform", 17), ("report", 17)]);
        assert_eq!(told(17, &seeds), ["experiment: 17", "train: 0, 1"]);
    }
}
