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

/// Lays arms out in sections, one for each value of the `panels` and `columns` axes, and rows, with a colour for each value of
/// the `lines` axes; these make rows where no other axis does.
pub(super) fn chart<'a>(input: &'a ReportInput, layout: &'a Layout, arms: &[(&'a Group, &'a Summary)]) -> Forest {
    let spec = &input.spec;
    let apart: Vec<String> = spec.panels.iter().chain(&spec.columns).cloned().collect();
    let across = spec.lines.clone();
    let down: Vec<String> = spec.rows.iter().chain(&layout.further).chain(&spec.x).cloned().collect();
    let coloured = !across.is_empty();
    // Rows that are named by what colours them need no legend.
    let legend = coloured && !down.is_empty();
    let down = if down.is_empty() { across.clone() } else { down };
    let mut slots = Slots::of(across);
    let mut sections: Vec<Section<'_>> = Vec::new();
    for &(group, summary) in arms {
        let here = key(group, &apart);
        let at = sections.iter().position(|section| section.key == here).unwrap_or_else(|| {
            let heading = heading(group, &apart);
            sections.push(Section { key: here, heading, rows: Vec::new() });
            sections.len() - 1
        });
        let section = &mut sections[at];
        let row_key = key(group, &down);
        let row = section.rows.iter().position(|(key, _)| *key == row_key).unwrap_or_else(|| {
            section.rows.push((row_key, ForestRow { label: Layout::label(group, &down), marks: Vec::new() }));
            section.rows.len() - 1
        });
        let slot = slots.slot(group, EntryKind::Dot, "");
        section.rows[row].1.marks.push((slot, mark(input, group, summary, 0.0)));
    }
    let finished = |section: Section<'_>| ForestSection {
        heading: section.heading,
        rows: section.rows.into_iter().map(|(_, row)| row).collect(),
    };
    let mut legend = if legend { slots.entries } else { Vec::new() };
    legend.extend(chance_entry(arms));
    Forest {
        title: format!("{}: accuracy by arm", input.title),
        sections: sections.into_iter().map(finished).collect(),
        legend,
        bars: spec.shape == Shape::Bars,
    }
}
