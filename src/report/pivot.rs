//! Tables of accuracies with some axes across: one table for each panel.

use super::label::{self, ABSENT};
use super::layout::{Group, Layout, value_of};
use super::marks::Marks;
use super::summary::Summary;
use super::tabulate::{accuracy_cell, axis_cell, axis_column, labels};
use super::{Cell, Column, ReportInput, Table, notes};

/// Values of axes, in the order of the axes.
type Key = Vec<String>;

fn key(group: &Group, axes: &[String]) -> Key {
    axes.iter().map(|axis| value_of(group, axis).to_owned()).collect()
}

/// Makes a table for each panel, with the `columns` axes across and all others down; none where no column is asked for.
pub(super) fn tables(input: &ReportInput, layout: &Layout, summaries: &[Summary], marks: &Marks) -> Vec<Table> {
    let across = &input.spec.columns;
    if across.is_empty() {
        return Vec::new();
    }
    let panels = &input.spec.panels;
    let mut headings: Vec<Key> = Vec::new();
    for group in &layout.groups {
        push_new(&mut headings, key(group, panels));
    }
    headings
        .iter()
        .map(|heading| {
            let here: Vec<usize> =
                (0..layout.groups.len()).filter(|&index| key(&layout.groups[index], panels) == *heading).collect();
            let mut table = table(input, layout, summaries, marks, &here);
            if !panels.is_empty() {
                table.title = format!("{}: {}", table.title, Layout::label(&layout.groups[here[0]], panels));
            }
            table
        })
        .collect()
}

fn table(input: &ReportInput, layout: &Layout, summaries: &[Summary], marks: &Marks, here: &[usize]) -> Table {
    let across = &input.spec.columns;
    let down = labels(layout, &[across.as_slice(), &input.spec.panels].concat());
    let mut by_column: Vec<&Group> = here.iter().map(|&index| &layout.groups[index]).collect();
    by_column.sort_by_key(|group| {
        let rank = |axis: &String| layout.values(axis).iter().position(|value| value == value_of(group, axis));
        across.iter().map(rank).collect::<Vec<_>>()
    });
    let (mut tops, mut sides): (Vec<Key>, Vec<Key>) = (Vec::new(), Vec::new());
    by_column.into_iter().for_each(|group| push_new(&mut tops, key(group, across)));
    here.iter().for_each(|&index| push_new(&mut sides, key(&layout.groups[index], &down)));
    let mut columns: Vec<Column> = down.iter().map(|axis| axis_column(layout, axis)).collect();
    columns.extend(tops.iter().map(|top| {
        let named = across.iter().zip(top).map(|(axis, value)| format!("{axis} {value}"));
        Column::numbers(named.collect::<Vec<_>>().join(" · "))
    }));
    let rows = sides.iter().map(|side| {
        let cells = tops.iter().map(|top| {
            let stands = |group: &Group| key(group, &down) == *side && key(group, across) == *top;
            let found = here.iter().find(|&&index| stands(&layout.groups[index]));
            found.map_or_else(|| Cell::words(ABSENT), |&index| full_cell(&summaries[index], marks, index))
        });
        side.iter().map(|value| axis_cell(value)).chain(cells).collect()
    });
    let title = format!("Accuracy in percent, by {} and {}", down.join(", "), across.join(", "));
    let mut notes = vec![notes::interval(input, summaries)];
    notes.push("n counts questions; `parsed` is the fraction of outputs that a label could be read from.".to_owned());
    notes.extend(notes::marks(input, layout, marks));
    Table { title, rows: rows.collect(), columns, notes }
}

/// An accuracy with its interval, below it the count and the parse rate.
fn full_cell(summary: &Summary, marks: &Marks, index: usize) -> Cell {
    let mut cell = accuracy_cell(summary, marks, index);
    let questions = label::count(summary.responses.questions());
    cell.small =
        summary.parsed.map_or_else(String::new, |parsed| format!("n {questions}, parsed {} %", label::percent(parsed)));
    cell
}

fn push_new(seen: &mut Vec<Key>, key: Key) {
    if !seen.contains(&key) {
        seen.push(key);
    }
}
