//! What was answered in the place of what: a table for students whose answers are classes.
//!
//! Letters of choices stand for other words in each question, so nothing is to be learnt from counting them.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Layout, value_of};
use super::tabulate::{axis_cell, axis_column, labels};
use super::{Cell, Column, ReportInput, Table, label};
use retort_artifact::{Answer, Outcome};

/// The most classes that a table has columns for.
const CLASSES_MAX: usize = 12;
/// The most lines of a table; what is beyond is counted in a note.
const ROWS_MAX: usize = 120;

/// What was answered to the questions of one class.
#[derive(Default)]
struct Line {
    questions: usize,
    /// How often each class was answered.
    given: BTreeMap<String, usize>,
    /// How often no class could be read.
    none: usize,
}

/// Makes the table, a line for each group and right class; `None` where no answers are classes, or there are too many of them.
pub(super) fn table(input: &ReportInput, layout: &Layout) -> Option<Table> {
    let mut classes = BTreeSet::new();
    let groups: Vec<BTreeMap<String, Line>> = layout
        .groups
        .iter()
        .map(|group| {
            let mut lines: BTreeMap<String, Line> = BTreeMap::new();
            for outcome in group.arms.iter().flat_map(|&arm| &input.arms[arm].outcomes.rows) {
                count(outcome, &mut lines);
            }
            for line in &lines {
                classes.insert(line.0.clone());
                classes.extend(line.1.given.keys().cloned());
            }
            lines
        })
        .collect();
    if !(2..=CLASSES_MAX).contains(&classes.len()) {
        return None;
    }
    let labels = labels(layout, &[]);
    let mut columns: Vec<Column> = labels.iter().map(|axis| axis_column(layout, axis)).collect();
    columns.push(Column::words("right answer"));
    columns.push(Column::numbers("n"));
    columns.extend(classes.iter().map(|class| Column::numbers(format!("{class} %"))));
    columns.push(Column::numbers("none %"));
    let fraction = |some: usize, all: usize| {
        let fraction = some as f64 / all.max(1) as f64;
        Cell::number(fraction, label::percent(fraction))
    };
    let mut rows = Vec::new();
    let mut replicated = false;
    for (group, lines) in layout.groups.iter().zip(&groups) {
        replicated |= group.arms.len() > 1;
        for (class, line) in lines {
            let mut cells: Vec<Cell> = labels.iter().map(|axis| axis_cell(value_of(group, axis))).collect();
            cells.push(Cell::words(class.clone()));
            cells.push(Cell::number(line.questions as f64, label::count(line.questions)));
            let given = classes.iter().map(|class| line.given.get(class).copied().unwrap_or(0));
            cells.extend(given.map(|given| fraction(given, line.questions)));
            cells.push(fraction(line.none, line.questions));
            rows.push(cells);
        }
    }
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    let mut notes = vec![
        "Each line says what was answered to the questions whose right answer it names; `none` is what could not be read as a \
         class."
            .to_owned(),
    ];
    if replicated {
        notes.push("Replicates are counted together.".to_owned());
    }
    if left_out > 0 {
        notes.push(format!("{} further lines are left out.", label::count(left_out)));
    }
    Some(Table { title: "Confusion of classes".to_owned(), columns, rows, notes })
}

fn count(outcome: &Outcome, lines: &mut BTreeMap<String, Line>) {
    let Answer::Class(right) = &outcome.answer else { return };
    let line = lines.entry(right.clone()).or_default();
    line.questions += 1;
    match &outcome.predicted {
        // As it is declared, whatever its case: readers give the name of the class.
        Some(Answer::Class(given)) => *line.given.entry(given.clone()).or_default() += 1,
        Some(_) | None => line.none += 1,
    }
}
