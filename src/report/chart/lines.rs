//! Accuracy along an axis.

use super::super::figure::{EntryKind, LineChart, LinePanel, Series};
use super::super::layout::{Group, Layout};
use super::super::summary::Summary;
use super::super::{ReportInput, label};
use super::key::{Key, Slots, agree, chance_entry, heading, key, mark, position};

/// The panels while they grow.
struct Panels<'a> {
    axes: &'a [String],
    keys: Vec<Key<'a>>,
    drawn: Vec<LinePanel>,
}

impl<'a> Panels<'a> {
    /// Returns the panel of a group, opening it when there is none.
    fn of(&mut self, group: &'a Group) -> usize {
        let index = position(&mut self.keys, key(group, self.axes));
        if index == self.drawn.len() {
            let heading = heading(group, self.axes);
            self.drawn.push(LinePanel { heading, series: Vec::new(), references: Vec::new() });
        }
        index
    }

    /// Returns the panels that a group without the x axis belongs to: all that it does not contradict.
    fn all_of(&mut self, group: &'a Group) -> Vec<usize> {
        let here = key(group, self.axes);
        let into: Vec<usize> = (0..self.keys.len()).filter(|&panel| agree(&self.keys[panel], &here)).collect();
        if into.is_empty() { vec![self.of(group)] } else { into }
    }

    fn finish(mut self) -> Vec<LinePanel> {
        for panel in &mut self.drawn {
            panel.series.retain(|series| !series.marks.is_empty());
            for series in &mut panel.series {
                series.marks.sort_by(|a, b| a.x.total_cmp(&b.x));
            }
        }
        self.drawn
    }
}

/// Lays arms out along an axis: those that have it as lines, the others as horizontal references.
pub(super) fn chart<'a>(
    input: &'a ReportInput,
    layout: &'a Layout,
    arms: &[(&'a Group, &'a Summary)],
    x: &str,
) -> LineChart {
    let spec = &input.spec;
    let names = layout.values(x);
    let numbers: Option<Vec<f64>> = names.iter().map(|name| label::number(name)).collect();
    let places = numbers.unwrap_or_else(|| (0..names.len()).map(|index| index as f64).collect());
    let x_ticks: Vec<(f64, String)> = places.into_iter().zip(names.iter().cloned()).collect();
    let place = |group: &Group| {
        let value = group.coords.get(x)?;
        x_ticks.iter().find(|(_, name)| name == value).map(|(place, _)| *place)
    };

    let axes = [&spec.lines, &spec.rows, &layout.further, &spec.columns].into_iter().flatten().cloned().collect();
    let mut slots = Slots::of(axes);
    let mut panels = Panels { axes: &spec.panels, keys: Vec::new(), drawn: Vec::new() };
    for &(group, summary) in arms {
        let Some(x) = place(group) else { continue };
        let panel = panels.of(group);
        let slot = slots.slot(group, EntryKind::Line, "");
        let series = &mut panels.drawn[panel].series;
        let line = series.iter().position(|series| series.slot == slot).unwrap_or_else(|| {
            series.push(Series { slot, marks: Vec::new() });
            series.len() - 1
        });
        series[line].marks.extend(mark(input, group, summary, x));
    }
    // Lines come first, so that every panel they open is there for the references.
    for &(group, summary) in arms.iter().filter(|(group, _)| place(group).is_none()) {
        let slot = slots.slot(group, EntryKind::Reference, &format!(" (no {x})"));
        for panel in panels.all_of(group) {
            let marks = mark(input, group, summary, 0.0).into_iter().collect();
            panels.drawn[panel].references.push(Series { slot, marks });
        }
    }
    slots.entries.extend(chance_entry(arms));
    LineChart {
        title: format!("{}: accuracy by {x}", input.title),
        x_label: x.to_owned(),
        x_ticks,
        panels: panels.finish(),
        legend: slots.entries,
    }
}
