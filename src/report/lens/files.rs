//! What was found, layer by layer and question by question, in full precision.

use std::collections::BTreeSet;

use super::view::View;
use crate::csv::{Writer, number};
use retort_stats::{Ranged, earliest};

const LAYERS: [&str; 11] = [
    "stage",
    "lens",
    "questions",
    "layer",
    "probability",
    "probability_low",
    "probability_high",
    "known",
    "known_low",
    "known_high",
    "bound",
];

/// The axes of the arms but those left out, and the headings they get: one whose name is taken is called `axis:name`.
fn axes(view: &View<'_>, taken: &[&str], but: &[String]) -> (Vec<String>, Vec<String>) {
    let axes: BTreeSet<&String> = view.arms.iter().flat_map(|arm| arm.coords.keys()).collect();
    let axes: Vec<String> = axes.into_iter().filter(|axis| !but.contains(axis)).cloned().collect();
    let heading = |axis: &String| if taken.contains(&axis.as_str()) { format!("axis:{axis}") } else { axis.clone() };
    let headings = axes.iter().map(heading).collect();
    (axes, headings)
}

/// Writes one line per group and layer: the mean probability of the label, and the fraction of questions that know it from
/// there on.
pub(super) fn layers_csv(view: &View<'_>) -> String {
    let mut csv = Writer::default();
    let (axes, headings) = axes(view, &LAYERS, &view.spec.average);
    csv.row(headings.iter().map(String::as_str).chain(LAYERS));
    for compared in view.compared {
        for &group in &compared.groups {
            let Some((summary, _)) = compared.of(group) else { continue };
            let of = &view.layout.groups[group];
            let readings = &view.arms[of.arms[0]].readings.summary;
            for ((layer, mean), known) in readings.layers.iter().zip(&summary.means).zip(&summary.reached) {
                let mut fields: Vec<String> =
                    axes.iter().map(|axis| of.coords.get(axis).cloned().unwrap_or_default()).collect();
                fields.extend([of.stage.clone(), readings.lens.to_string(), compared.questions.len().to_string()]);
                fields.push(layer.to_string());
                fields.extend(numbers(mean).into_iter().chain(numbers(known)));
                fields.push(view.lens.bound.to_string());
                csv.row(fields);
            }
        }
    }
    csv.finish()
}

fn numbers(found: &Ranged) -> [String; 3] {
    let interval = found.interval;
    [number(Some(found.value)), number(interval.map(|at| at.low)), number(interval.map(|at| at.high))]
}

const QUESTIONS: [&str; 10] = [
    "stage",
    "lens",
    "question",
    "answer",
    "correct",
    "compared",
    "places",
    "label_at",
    "earliest_layer",
    "probability",
];

/// Writes one line per arm and question, in the order of the arms and of their questions; the probability is the student's
/// own at the end.
pub(super) fn questions_csv(view: &View<'_>) -> String {
    let mut csv = Writer::default();
    let (axes, headings) = axes(view, &QUESTIONS, &[]);
    csv.row(headings.iter().map(String::as_str).chain(QUESTIONS));
    for (index, arm) in view.arms.iter().enumerate() {
        let of = view
            .compared
            .iter()
            .find(|compared| compared.groups.iter().any(|group| view.layout.groups[*group].arms.contains(&index)));
        for row in &arm.readings.rows {
            let path = row.trajectory();
            let first = path.as_ref().and_then(|path| earliest(path, view.lens.bound));
            let layer = first.and_then(|first| row.layers.get(first)).map(|layer| layer.layer.to_string());
            let compared = of.is_some_and(|compared| compared.questions.contains(&row.id));
            let mut fields: Vec<String> =
                axes.iter().map(|axis| arm.coords.get(axis).cloned().unwrap_or_default()).collect();
            fields.extend([
                arm.stage.clone(),
                arm.readings.summary.lens.to_string(),
                row.id.clone(),
                row.answer.to_string(),
                row.correct.to_string(),
                compared.to_string(),
                row.tokens.len().to_string(),
                row.label_at.map(|at| (at + row.skipped).to_string()).unwrap_or_default(),
                layer.unwrap_or_default(),
                number(path.and_then(|path| path.last().copied())),
            ]);
            csv.row(fields);
        }
    }
    csv.finish()
}
