//! What a report rests on: the stages with their parameters, in a few lines each, and the pipeline as it was resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fs_err as fs;
use retort_artifact::{Questions, Split};
use retort_fingerprint::Term;
use retort_plan::Found;
use retort_spec::InstanceId;
use serde_json::{Map, Value as Json, json};

use super::Session;

/// The file that has the pipeline as it was resolved: every stage with all its parameters.
pub(crate) const FILE: &str = "pipeline.json";

/// How many values of a parameter are told; the file has all.
const VALUES: usize = 8;

impl Session {
    /// Names the file of the pipeline so that it can be found from everywhere.
    pub(crate) fn pipeline_file(&self) -> String {
        let path = &self.pipeline.experiment.path;
        fs::canonicalize(path).unwrap_or_else(|_| path.clone()).display().to_string()
    }

    /// Tells of every stage but reports what it was given, and of datasets how many questions they have. `weights` are the bytes
    /// of students' weights.
    pub(crate) fn setup(
        &self,
        known: &[(InstanceId, &Found)],
        weights: &BTreeMap<InstanceId, u64>,
    ) -> Vec<(String, Vec<String>)> {
        let experiment = &self.pipeline.experiment;
        let mut stages: Vec<(usize, Vec<(InstanceId, &Found)>)> = Vec::new();
        for &(id, found) in known.iter().filter(|(id, _)| experiment.stage_of(*id).kind.name != "report") {
            let stage = experiment.instance(id).stage.index();
            match stages.iter_mut().find(|(known, _)| *known == stage) {
                Some((_, instances)) => instances.push((id, found)),
                None => stages.push((stage, vec![(id, found)])),
            }
        }
        let told = |(_, instances): (usize, Vec<(InstanceId, &Found)>)| {
            let stage = experiment.stage_of(instances[0].0);
            let count = if instances.len() > 1 { format!(" × {}", instances.len()) } else { String::new() };
            let mut lines = sizes(self, &instances);
            let bytes: BTreeSet<u64> = instances.iter().filter_map(|(id, _)| weights.get(id).copied()).collect();
            if let (Some(least), Some(most)) = (bytes.first(), bytes.last()) {
                let millions = |bytes: &u64| significant(*bytes as f64 / 4e6);
                let (least, most) = (millions(least), millions(most));
                let range = if least == most { most } else { format!("{least} to {most}") };
                lines.push(format!("about {range} million parameters (f32 weights)"));
            }
            lines.extend(parameters(instances.iter().map(|(id, _)| experiment.instance(*id).bound.params())));
            (format!("{} ({}{count})", stage.name, stage.word), lines)
        };
        stages.into_iter().map(told).collect()
    }

    /// Writes down the pipeline that a report rests on as it was resolved.
    pub(crate) fn resolved(&self, report: InstanceId) -> Vec<u8> {
        let experiment = &self.pipeline.experiment;
        let needed = self.pipeline.graph.needed_by([report]);
        let mut stages: Vec<(usize, Vec<Json>, Vec<*const ()>)> = Vec::new();
        for id in experiment.ids().filter(|id| needed[id.index()]) {
            let instance = experiment.instance(id);
            let inputs: Map<String, Json> = instance
                .inputs
                .iter()
                .map(|(port, from)| (port.to_string(), from.iter().map(|id| self.name(*id)).collect::<Vec<_>>().into()))
                .collect();
            let stage = instance.stage.index();
            if stages.last().is_none_or(|(last, ..)| *last != stage) {
                stages.push((stage, Vec::new(), Vec::new()));
            }
            let Some((_, variants, seen)) = stages.last_mut() else { continue };
            // Instances of the same parameters share them.
            let bound = Arc::as_ptr(&instance.bound).cast::<()>();
            let at = seen.iter().position(|known| *known == bound).unwrap_or_else(|| {
                seen.push(bound);
                variants.push(json!({ "parameters": plain(&instance.bound.params()), "instances": {} }));
                seen.len() - 1
            });
            variants[at]["instances"][instance.name.to_string()] = inputs.into();
        }
        let stage = |(index, variants, _): (usize, Vec<Json>, Vec<*const ()>)| {
            let stage = &experiment.stages[index];
            json!({ "stage": stage.name, "kind": stage.kind.name, "variants": variants })
        };
        let stages: Vec<Json> = stages.into_iter().map(stage).collect();
        let all = json!({ "experiment": experiment.name, "seed": experiment.seed, "stages": stages });
        let mut bytes = serde_json::to_vec_pretty(&all).expect("names and parameters encode as JSON");
        bytes.push(b'\n');
        bytes
    }
}

/// Says how many questions a dataset has in each split; nothing of any other kind, and where the bytes are gone.
fn sizes(session: &Session, instances: &[(InstanceId, &Found)]) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for (id, found) in instances {
        let Ok(questions) = session.read::<Questions>(*id, found) else { continue };
        let size = |split: Split| {
            let count = questions.split(split).len();
            (count > 0).then(|| format!("{split} {count}"))
        };
        let sizes: Vec<String> = Split::ALL.into_iter().filter_map(size).collect();
        lines.insert(format!("questions: {}", sizes.join(", ")));
    }
    lines.into_iter().collect()
}

/// Writes the parameters of the instances of a stage, a line for each field, with every value that it has in one of them.
fn parameters(all: impl Iterator<Item = Term>) -> Vec<String> {
    let mut fields: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for params in all {
        let Term::Record(record) = params else { continue };
        for (name, term) in &record {
            let field = fields.entry(name.to_string()).or_default();
            flatten(term, String::new(), &mut |path, value| {
                let values = field.entry(path).or_default();
                if !values.contains(&value) {
                    values.push(value);
                }
            });
        }
    }
    let told = |(path, values): (&String, &Vec<String>)| {
        let shown = values.iter().take(VALUES).cloned().collect::<Vec<_>>().join(" | ");
        let more = if values.len() > VALUES { " | …" } else { "" };
        if path.is_empty() { format!("{shown}{more}") } else { format!("{path} {shown}{more}") }
    };
    let line = |(name, paths): (&String, &BTreeMap<String, Vec<String>>)| {
        (!paths.is_empty()).then(|| format!("{name}: {}", paths.iter().map(told).collect::<Vec<_>>().join(", ")))
    };
    fields.iter().filter_map(line).collect()
}

/// Hands on every value below a term with its path; what is not given is left out.
fn flatten(term: &Term, path: String, take: &mut impl FnMut(String, String)) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match term {
        Term::None => {}
        Term::Record(fields) => fields.iter().for_each(|(name, term)| flatten(term, below(name), take)),
        Term::Variant(name, inner) if **inner == Term::None => take(path, name.to_string()),
        Term::Variant(name, inner) => flatten(inner, below(name), take),
        Term::List(items) if items.is_empty() => {}
        // A digest stands for a file, whose name or address a person would look for elsewhere.
        other => take(path, other.to_string()),
    }
}

/// Writes a term as the JSON that a person would write.
fn plain(term: &Term) -> Json {
    match term {
        Term::None => Json::Null,
        Term::Bool(value) => json!(value),
        Term::Int(value) => json!(value),
        Term::Float(value) => json!(value),
        Term::Text(text) => json!(text),
        Term::Digest(digest) => json!(digest.hex()),
        Term::List(items) => items.iter().map(plain).collect(),
        Term::Record(fields) => {
            fields.iter().map(|(name, term)| (name.to_string(), plain(term))).collect::<Map<_, _>>().into()
        }
        Term::Variant(name, inner) if **inner == Term::None => json!(name),
        Term::Variant(name, inner) => json!({ name.to_string(): plain(inner) }),
    }
}

/// Writes a number with two significant digits, or three before the point.
fn significant(value: f64) -> String {
    match value {
        ..0.001 => "less than 0.001".to_owned(),
        ..10.0 => {
            let decimals = (1.0 - value.log10().floor()).max(0.0) as usize;
            format!("{value:.decimals$}")
        }
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_once_with_all_their_values() {
        let of = |lr: f64, placement: &'static str| {
            Term::record([
                ("recipe", Term::record([("lr", Term::Float(lr)), ("batch", Term::Int(8)), ("lora", Term::None)])),
                ("placement", Term::variant(placement, Term::None)),
                ("prompt", Term::None),
            ])
        };
        let told = parameters([of(0.1, "after"), of(0.2, "after"), of(0.1, "before")].into_iter());
        assert_eq!(told, ["placement: after | before", "recipe: batch 8, lr 0.1 | 0.2"]);
        assert_eq!(
            plain(&of(0.1, "after")),
            json!({ "recipe": { "lr": 0.1, "batch": 8, "lora": null }, "placement": "after", "prompt": null })
        );
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        assert_eq!(
            [0.000_1, 0.012_4, 0.5, 1.23, 124.4].map(significant),
            ["less than 0.001", "0.012", "0.50", "1.2", "124"]
        );
    }
}
