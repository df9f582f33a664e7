//! Accuracy by arm.

use super::super::figure::{EntryKind, Forest, ForestRow, ForestSection};
use super::super::layout::{Group, Layout};
use super::super::summary::Summary;
use super::super::{ReportInput, Shape};
use super::key::{Key, Slots, chance_entry, heading, key, mark};

/// A section while it grows.
struct Section<'a> {
    key: Key<'a>,
    heading: String,
    rows: Vec<(Key<'a>, ForestRow)>,
}

/// Lays arms out in sections and rows, a colour for each value of the `lines` and `columns` axes.
pub(super) fn chart<'a>(input: &'a ReportInput, layout: &'a Layout, arms: &[(&'a Group, &'a Summary)]) -> Forest {
    let spec = &input.spec;
    let down: Vec<String> = spec.rows.iter().chain(&layout.further).chain(&spec.x).cloned().collect();
    let across: Vec<String> = spec.lines.iter().chain(&spec.columns).cloned().collect();
    let coloured = !across.is_empty();
    let mut slots = Slots::of(across);
    let mut sections: Vec<Section<'_>> = Vec::new();
    for &(group, summary) in arms {
        let here = key(group, &spec.panels);
        let at = sections.iter().position(|section| section.key == here).unwrap_or_else(|| {
            let heading = heading(group, &spec.panels);
            sections.push(Section { key: here, heading, rows: Vec::new() });
            sections.len() - 1
        });
        let section = &mut sections[at];
        let row_key = key(group, &down);
        let row = section.rows.iter().position(|(key, _)| *key == row_key).unwrap_or_else(|| {
            // A row that nothing but its colours tells apart needs no name.
            let label = if down.is_empty() && coloured { String::new() } else { Layout::label(group, &down) };
            section.rows.push((row_key, ForestRow { label, marks: Vec::new() }));
            section.rows.len() - 1
        });
        let slot = slots.slot(group, EntryKind::Dot, "");
        section.rows[row].1.marks.push((slot, mark(group, summary, 0.0)));
    }
    let finished = |section: Section<'_>| ForestSection {
        heading: section.heading,
        rows: section.rows.into_iter().map(|(_, row)| row).collect(),
    };
    let mut legend = if coloured { slots.entries } else { Vec::new() };
    legend.extend(chance_entry(arms));
    Forest {
        title: format!("{}: accuracy by arm", input.title),
        sections: sections.into_iter().map(finished).collect(),
        legend,
        bars: spec.shape == Shape::Bars,
    }
}
