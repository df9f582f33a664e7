//! The tables of a report.

use super::label::{self, ABSENT};
use super::layout::{Layout, value_of};
use super::marks::Marks;
use super::summary::{Summary, Verdict};
use super::{ARM_AXIS, Cell, Column, ReportInput, Table, notes};
use retort_artifact::TrainingLog;

const NO_QUESTIONS: &str = "no questions";

/// Returns the cell of an axis value; numbers are sorted as numbers.
pub(super) fn axis_cell(value: &str) -> Cell {
    Cell { value: label::number(value), ..Cell::words(value) }
}

pub(super) fn axis_column(layout: &Layout, axis: &str) -> Column {
    let numeric =
        !layout.values(axis).is_empty() && layout.values(axis).iter().all(|value| label::number(value).is_some());
    if numeric { Column::numbers(axis) } else { Column::words(axis) }
}

/// The label axes of a table, or the arm alone where nothing tells the groups apart.
pub(super) fn labels(layout: &Layout, but: &[String]) -> Vec<String> {
    let labels: Vec<String> = layout.labels.iter().filter(|axis| !but.contains(axis)).cloned().collect();
    if labels.is_empty() { vec![ARM_AXIS.to_owned()] } else { labels }
}

/// The accuracy of a group with its interval and its marks.
pub(super) fn accuracy_cell(summary: &Summary, marks: &Marks, index: usize) -> Cell {
    let Some(accuracy) = &summary.accuracy else { return Cell::words(NO_QUESTIONS) };
    let text = label::with_interval(accuracy, label::percent);
    Cell { side: marks.side[index], best: marks.best[index], ..Cell::number(accuracy.value, text) }
}

/// One line per group with everything that is known of it.
pub(super) fn by_arm(input: &ReportInput, layout: &Layout, summaries: &[Summary], marks: &Marks) -> Table {
    let labels = labels(layout, &[]);
    // One number of replicates for all stands in a note.
    let uneven = layout.groups.iter().any(|group| group.arms.len() != layout.groups[0].arms.len());
    let baseline = input.spec.baseline.is_some();
    let mut columns: Vec<Column> = labels.iter().map(|axis| axis_column(layout, axis)).collect();
    let lenient = summaries.iter().any(|summary| summary.lenient.is_some());
    columns.push(Column::numbers("accuracy %"));
    columns.extend(lenient.then(|| Column::numbers("lenient accuracy %")));
    columns.extend(["n", "parsed %", "above chance"].map(Column::numbers));
    columns.push(Column::words("clearly above"));
    if uneven {
        columns.push(Column::numbers("replicates"));
    }
    if baseline {
        columns.extend(["vs baseline", "p", "p, Holm"].map(Column::numbers));
    }
    let rows = layout.groups.iter().zip(summaries).enumerate().map(|(index, (group, summary))| {
        let mut cells: Vec<Cell> = labels.iter().map(|axis| axis_cell(value_of(group, axis))).collect();
        cells.push(accuracy_cell(summary, marks, index));
        if lenient {
            cells.push(optional(summary.lenient, |accuracy| {
                Cell::number(accuracy.value, label::with_interval(&accuracy, label::percent))
            }));
        }
        let questions = summary.responses.questions();
        cells.push(Cell::number(questions as f64, label::count(questions)));
        cells.push(optional(summary.parsed, |fraction| Cell::number(fraction, label::percent(fraction))));
        cells.push(optional(summary.above_chance, |above| {
            Cell::number(above.value, label::with_interval(&above, label::points))
        }));
        cells.push(optional(summary.verdict(), |verdict| {
            Cell::words(match verdict {
                _ if !summary.is_readable(input) => "not assessable",
                Verdict::Above => "yes",
                Verdict::Unclear => "no",
                Verdict::Below => "no, below",
            })
        }));
        if uneven {
            let replicates = group.arms.len();
            cells.push(Cell::number(replicates as f64, label::count(replicates)));
        }
        if baseline {
            cells.extend(versus_cells(index, summaries));
        }
        cells
    });
    let rows = rows.collect();
    let notes = notes::of_arms(input, layout, summaries, marks);
    Table { title: "Accuracy of each arm".to_owned(), columns, rows, notes }
}

fn versus_cells(index: usize, summaries: &[Summary]) -> [Cell; 3] {
    let absent = || Cell::words(ABSENT);
    let Some(versus) = summaries[index].versus else {
        let is_baseline = summaries.iter().any(|other| other.versus.is_some_and(|versus| versus.baseline == index));
        return [Cell::words(if is_baseline { "baseline" } else { ABSENT }), absent(), absent()];
    };
    let Some(found) = versus.found else { return [Cell::words("no shared questions"), absent(), absent()] };
    let p_value = |p: f64| Cell::number(p, label::p_value(p));
    let difference = found.difference;
    [
        Cell::number(difference.value, label::with_interval(&difference, label::points)),
        p_value(found.p),
        optional(versus.corrected, p_value),
    ]
}

fn optional<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
    value.map_or_else(|| Cell::words(ABSENT), cell)
}

/// One line per training, when any arm has a log.
pub(super) fn trainings(input: &ReportInput, layout: &Layout) -> Option<Table> {
    let mut labels = labels(layout, &[]);
    labels.extend(input.spec.average.iter().cloned());
    // An axis that no trained arm has would be a column of dashes.
    let trained =
        || layout.groups.iter().filter(|group| group.arms.iter().any(|&index| input.arms[index].log.is_some()));
    labels.retain(|axis| input.spec.average.contains(axis) || trained().any(|group| group.coords.contains_key(axis)));
    let mut columns: Vec<Column> = labels.iter().map(|axis| axis_column(layout, axis)).collect();
    let numbers =
        ["examples", "without rationale", "cut", "steps", "first loss", "last loss", "best step", "dev accuracy %"];
    columns.extend(numbers.map(Column::numbers));
    columns.push(Column::words("stopped early"));
    let arms = layout.groups.iter().flat_map(|group| group.arms.iter().map(move |&index| (group, &input.arms[index])));
    let rows: Vec<Vec<Cell>> = arms
        .filter_map(|(group, arm)| {
            let log = arm.log.as_ref()?;
            let value = |axis: &String| arm.coords.get(axis).map_or(value_of(group, axis), String::as_str);
            Some(labels.iter().map(|axis| axis_cell(value(axis))).chain(training_cells(log)).collect())
        })
        .collect();
    let notes = notes::of_trainings(input, layout);
    (!rows.is_empty()).then(|| Table { title: "Training".to_owned(), columns, rows, notes })
}

fn training_cells(log: &TrainingLog) -> Vec<Cell> {
    let TrainingLog { examples, without_rationale, truncated, losses, evaluations, best_step, stopped_early, .. } = log;
    let whole = |number: usize| Cell::number(number as f64, label::count(number));
    let loss = |loss: Option<&f32>| {
        optional(loss, |&loss| {
            let text = if loss.is_finite() { format!("{loss:.3}") } else { "not finite".to_owned() };
            Cell::number(f64::from(loss), text)
        })
    };
    let best = evaluations.iter().find(|evaluation| evaluation.step == *best_step).map(|best| best.accuracy);
    vec![
        whole(*examples),
        whole(*without_rationale),
        whole(*truncated),
        whole(losses.len()),
        loss(losses.first()),
        loss(losses.last()),
        Cell::number(*best_step as f64, label::count(*best_step as usize)),
        optional(best.filter(|accuracy| accuracy.is_finite()), |accuracy| {
            Cell::number(accuracy, label::percent(accuracy))
        }),
        Cell::words(if *stopped_early { "yes" } else { "no" }),
    ]
}
