//! How far selections of words agree: a table, and the same numbers in full precision.

use std::collections::{BTreeMap, BTreeSet};

use super::csv::{Writer, number};
use super::label::{self, ABSENT};
use super::{Agreement, Cell, Column, ReportInput, Table};
use retort_artifact::{Averaged, Matching, Measure, Measured};
use retort_stats::{Bootstrap, Level};

/// Makes the table, two lines for each agreement; `None` where there is none.
pub(super) fn table(input: &ReportInput) -> Option<Table> {
    let agreements = &input.agreements;
    let axes = varying(agreements);
    let stages: BTreeSet<&str> = agreements.iter().map(|agreement| agreement.stage.as_str()).collect();
    let named = stages.len() > 1 || axes.is_empty();
    let mut columns: Vec<Column> = axes.iter().map(|axis| axis_column(agreements, axis)).collect();
    columns.extend(named.then(|| Column::words("agreement")));
    let matchings: BTreeSet<Matching> = agreements.iter().map(|agreement| agreement.summary.matching).collect();
    columns.extend((matchings.len() > 1).then(|| Column::words("match")));
    columns.push(Column::words("averaged over"));
    for measure in Measure::ALL {
        columns.push(Column::numbers(format!("{measure} %")));
        columns.extend(shows_chance(measure).then(|| Column::numbers("by chance")));
    }
    columns.push(Column::numbers("n"));
    let incomplete = agreements.iter().any(|agreement| left_out(agreement) > 0);
    columns.extend(incomplete.then(|| Column::numbers("left out")));
    let line = |agreement: &Agreement, averaged: Averaged| -> Vec<Cell> {
        let value = |axis: &String| agreement.coords.get(axis).map_or(ABSENT, String::as_str);
        let mut cells: Vec<Cell> =
            axes.iter().map(|axis| Cell { value: label::number(value(axis)), ..Cell::words(value(axis)) }).collect();
        cells.extend(named.then(|| Cell::words(agreement.stage.clone())));
        cells.extend((matchings.len() > 1).then(|| Cell::words(agreement.summary.matching.to_string())));
        cells.push(Cell::words(match averaged {
            Averaged::Micro => "words",
            Averaged::Macro => "rationales",
        }));
        for measure in Measure::ALL {
            let found = agreement.summary.get(measure, averaged);
            cells.push(found.map_or_else(|| Cell::words(ABSENT), measured_cell));
            let chance = found.and_then(|found| found.chance);
            let chance =
                chance.map_or_else(|| Cell::words(ABSENT), |chance| Cell::number(chance, label::percent(chance)));
            cells.extend(shows_chance(measure).then_some(chance));
        }
        let count = |number: usize| Cell::number(number as f64, label::count(number));
        cells.push(count(agreement.summary.rationales));
        cells.extend(incomplete.then(|| count(left_out(agreement))));
        cells
    };
    let rows: Vec<Vec<Cell>> = agreements
        .iter()
        .flat_map(|agreement| [Averaged::Micro, Averaged::Macro].map(|averaged| line(agreement, averaged)))
        .collect();
    (!rows.is_empty()).then(|| Table {
        title: "Agreement of selected words".to_owned(),
        columns,
        rows,
        notes: notes(agreements),
    })
}

/// Returns the axes that tell the agreements apart.
fn varying(agreements: &[Agreement]) -> Vec<String> {
    let axes: BTreeSet<&String> = agreements.iter().flat_map(|agreement| agreement.coords.keys()).collect();
    let varies = |axis: &&String| {
        let mut values = agreements.iter().map(|agreement| agreement.coords.get(*axis));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    axes.into_iter().filter(varies).cloned().collect()
}

fn axis_column(agreements: &[Agreement], axis: &str) -> Column {
    let mut values = agreements.iter().filter_map(|agreement| agreement.coords.get(axis));
    if values.all(|value| label::number(value).is_some()) { Column::numbers(axis) } else { Column::words(axis) }
}

/// What chance gives is told of the two measures that say most by themselves; the rest is in the CSV file.
fn shows_chance(measure: Measure) -> bool {
    matches!(measure, Measure::Precision | Measure::Recall)
}

fn measured_cell(found: &Measured) -> Cell {
    let Measured { value, low, high, .. } = *found;
    Cell::number(value, format!("{} [{}, {}]", label::percent(value), label::percent(low), label::percent(high)))
}

fn notes(agreements: &[Agreement]) -> Vec<String> {
    let summaries = || agreements.iter().map(|agreement| &agreement.summary);
    let mut notes = vec![
        "Precision is the fraction of the selected words that the reference has, recall the fraction of the reference's words \
         that are selected; averaged over words, those of all rationales count as one pool (micro), and over rationales \
         each one's own value counts once, if it has one (macro)."
            .to_owned(),
    ];
    let matchings: BTreeSet<Matching> = summaries().map(|summary| summary.matching).collect();
    notes.extend(matchings.into_iter().map(|matching| {
        match matching {
            Matching::Subword => "Matching by `subword`: a word counts as shared as soon as both have any piece of it.",
            Matching::Exact => {
                "Matching is `exact`: a word counts as shared only where both have the same pieces of it."
            }
        }
        .to_owned()
    }));
    let levels: BTreeSet<String> =
        summaries().filter_map(|summary| Level::new(summary.level).ok()).map(label::level).collect();
    notes.push(format!(
        "Brackets hold {} intervals: the percentile bootstrap over questions ({} resamples), or Wilson's where no resample \
         varies.",
        levels.into_iter().collect::<Vec<_>>().join(" and "),
        label::count(Bootstrap::RESAMPLES.get() as usize)
    ));
    notes.push(
        "`by chance` is what is expected where as many words, and as many stretches of punctuation, of each rationale are \
         drawn at random."
            .to_owned(),
    );
    if agreements.iter().any(|agreement| left_out(agreement) > 0) {
        notes.push("`left out` are rationales that only one of the two selections has.".to_owned());
    }
    notes
}

fn left_out(agreement: &Agreement) -> usize {
    agreement.summary.only_selected + agreement.summary.only_reference
}

const HEADINGS: [&str; 14] = [
    "stage",
    "match",
    "averaged",
    "measure",
    "value",
    "low",
    "high",
    "level",
    "chance",
    "rationales_said",
    "rationales",
    "questions",
    "only_selected",
    "only_reference",
];

/// Writes one line per agreement and measure, fractions from 0 to 1; `None` where there is no agreement.
pub(super) fn csv(input: &ReportInput) -> Option<String> {
    let mut csv = Writer::default();
    let axes: BTreeSet<&String> = input.agreements.iter().flat_map(|agreement| agreement.coords.keys()).collect();
    let heading =
        |axis: &&String| if HEADINGS.contains(&axis.as_str()) { format!("axis:{axis}") } else { (*axis).clone() };
    csv.row(axes.iter().map(heading).chain(HEADINGS.map(str::to_owned)));
    for Agreement { coords, stage, summary } in &input.agreements {
        let place: Vec<String> = place(&axes, coords);
        for found in &summary.measures {
            let Measured { measure, averaged, value, low, high, chance, rationales } = found;
            let fields = [
                stage.clone(),
                summary.matching.to_string(),
                averaged.to_string(),
                measure.to_string(),
                number(Some(*value)),
                number(Some(*low)),
                number(Some(*high)),
                number(Some(summary.level)),
                number(*chance),
                rationales.to_string(),
                summary.rationales.to_string(),
                summary.questions.to_string(),
                summary.only_selected.to_string(),
                summary.only_reference.to_string(),
            ];
            csv.row(place.iter().chain(&fields));
        }
    }
    (!input.agreements.is_empty()).then_some(csv.finish())
}

fn place(axes: &BTreeSet<&String>, coords: &BTreeMap<String, String>) -> Vec<String> {
    axes.iter().map(|axis| coords.get(*axis).cloned().unwrap_or_default()).collect()
}
