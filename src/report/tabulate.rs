//! The tables of a report.

use super::label::{self, ABSENT};
use super::layout::{Group, Layout, value_of};
use super::summary::{Summary, Verdict};
use super::{ARM_AXIS, Cell, Column, ReportInput, Table, notes};
use crate::artifact::TrainingLog;

const NO_QUESTIONS: &str = "no questions";

/// Makes the tables: accuracies by rows and columns when columns are asked for, every arm, and the trainings.
pub(super) fn tables(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Vec<Table> {
    let mut tables = Vec::new();
    if !input.spec.columns.is_empty() {
        tables.push(pivot(input, layout, summaries));
    }
    tables.push(by_arm(input, layout, summaries));
    tables.extend(trainings(input, layout));
    tables
}

/// Returns the cell of an axis value; numbers are sorted as numbers.
fn axis_cell(value: &str) -> Cell {
    Cell { text: value.to_owned(), value: label::number(value) }
}

fn axis_column(layout: &Layout, axis: &str) -> Column {
    let numeric =
        !layout.values(axis).is_empty() && layout.values(axis).iter().all(|value| label::number(value).is_some());
    if numeric { Column::numbers(axis) } else { Column::words(axis) }
}

/// The label axes of a table, or the arm alone where nothing tells the groups apart.
fn labels(layout: &Layout, but: &[String]) -> Vec<String> {
    let labels: Vec<String> = layout.labels.iter().filter(|axis| !but.contains(axis)).cloned().collect();
    if labels.is_empty() { vec![ARM_AXIS.to_owned()] } else { labels }
}

fn accuracy_cell(summary: &Summary) -> Cell {
    summary.accuracy.as_ref().map_or_else(
        || Cell::words(NO_QUESTIONS),
        |accuracy| Cell::number(accuracy.value, label::with_interval(accuracy, label::percent)),
    )
}

/// Accuracies with the `columns` axes across and all others down.
fn pivot(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Table {
    let across = &input.spec.columns;
    let down = labels(layout, across);
    let key = |group: &Group, axes: &[String]| -> Vec<String> {
        axes.iter().map(|axis| value_of(group, axis).to_owned()).collect()
    };
    let (mut tops, mut sides): (Vec<Vec<String>>, Vec<Vec<String>>) = (Vec::new(), Vec::new());
    let mut by_column: Vec<&Group> = layout.groups.iter().collect();
    by_column.sort_by_key(|group| {
        let rank = |axis: &String| layout.values(axis).iter().position(|value| value == value_of(group, axis));
        across.iter().map(rank).collect::<Vec<_>>()
    });
    for group in by_column {
        let top = key(group, across);
        if !tops.contains(&top) {
            tops.push(top);
        }
    }
    for group in &layout.groups {
        let side = key(group, &down);
        if !sides.contains(&side) {
            sides.push(side);
        }
    }
    let mut columns: Vec<Column> = down.iter().map(|axis| axis_column(layout, axis)).collect();
    columns.extend(tops.iter().map(|top| {
        let named = across.iter().zip(top).map(|(axis, value)| format!("{axis} {value}"));
        Column::numbers(named.collect::<Vec<_>>().join(" · "))
    }));
    let rows = sides.iter().map(|side| {
        let cells = tops.iter().map(|top| {
            let here = |group: &Group| key(group, &down) == *side && key(group, across) == *top;
            let found = layout.groups.iter().position(here);
            found.map_or_else(|| Cell::words(ABSENT), |index| accuracy_cell(&summaries[index]))
        });
        side.iter().map(|value| axis_cell(value)).chain(cells).collect()
    });
    let title = format!("Accuracy in percent, by {} and {}", down.join(", "), across.join(", "));
    Table { title, rows: rows.collect(), columns, notes: vec![notes::interval(input, summaries)] }
}

/// One line per group with everything that is known of it.
fn by_arm(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Table {
    let labels = labels(layout, &[]);
    // One number of replicates for all stands in a note.
    let uneven = layout.groups.iter().any(|group| group.arms.len() != layout.groups[0].arms.len());
    let baseline = input.spec.baseline.is_some();
    let mut columns: Vec<Column> = labels.iter().map(|axis| axis_column(layout, axis)).collect();
    columns.extend(["accuracy %", "n", "parsed %", "above chance"].map(Column::numbers));
    columns.push(Column::words("clearly above"));
    if uneven {
        columns.push(Column::numbers("replicates"));
    }
    if baseline {
        columns.extend(["vs baseline", "p"].map(Column::numbers));
    }
    let rows = layout.groups.iter().zip(summaries).enumerate().map(|(index, (group, summary))| {
        let mut cells: Vec<Cell> = labels.iter().map(|axis| axis_cell(value_of(group, axis))).collect();
        cells.push(accuracy_cell(summary));
        let questions = summary.responses.questions();
        cells.push(Cell::number(questions as f64, label::count(questions)));
        cells.push(optional(summary.parsed, |share| Cell::number(share, label::percent(share))));
        cells.push(optional(summary.above_chance, |above| {
            Cell::number(above.value, label::with_interval(&above, label::points))
        }));
        cells.push(optional(summary.verdict(), |verdict| {
            Cell::words(match verdict {
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
    let notes = notes::of_arms(input, layout, summaries);
    Table { title: "Accuracy of each arm".to_owned(), columns, rows, notes }
}

fn versus_cells(index: usize, summaries: &[Summary]) -> [Cell; 2] {
    let is_baseline = summaries.iter().any(|other| other.versus.is_some_and(|versus| versus.baseline == index));
    match summaries[index].versus {
        None => [Cell::words(if is_baseline { "baseline" } else { ABSENT }), Cell::words(ABSENT)],
        Some(versus) => match versus.comparison {
            None => [Cell::words("no shared questions"), Cell::words(ABSENT)],
            Some(comparison) => {
                let difference = comparison.difference;
                [
                    Cell::number(difference.value, label::with_interval(&difference, label::points)),
                    Cell::number(comparison.p, label::p_value(comparison.p)),
                ]
            }
        },
    }
}

fn optional<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
    value.map_or_else(|| Cell::words(ABSENT), cell)
}

/// One line per training, when any arm has a log.
fn trainings(input: &ReportInput, layout: &Layout) -> Option<Table> {
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
