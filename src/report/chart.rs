//! From summaries to what a figure draws.

mod forest;
mod lines;

use super::figure::{Entry, EntryKind, Mark, forest_svg, lines_svg};
use super::layout::{Group, Layout};
use super::summary::Summary;
use super::{Curve, CurveKind, Figure, ReportInput, SectionFigure, Shape, curve_svg, label};

/// Draws the accuracies, where they are asked for and there are any.
pub(super) fn accuracies(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Option<SectionFigure> {
    let asked = input.spec.figures.contains(&Figure::Accuracy);
    if !asked || summaries.iter().all(|summary| summary.accuracy.is_none()) {
        return None;
    }
    let arms: Vec<(&Group, &Summary)> = layout.groups.iter().zip(summaries).collect();
    let level = label::level(input.spec.level);
    let shape = input.spec.shape;
    let Some(x) = input.spec.x.as_ref().filter(|_| shape == Shape::Auto) else {
        let caption = format!("Accuracy by arm, with {level} intervals.");
        return Some(SectionFigure::new(caption, forest_svg(&forest::chart(input, layout, &arms))));
    };
    let chart = lines::chart(input, layout, &arms, x);
    let constant = chart.panels.iter().any(|panel| !panel.references.is_empty());
    let references = if constant { format!("; dashed lines are arms without {x}") } else { String::new() };
    let caption = format!("Accuracy by {x}, with {level} intervals as bands{references}.");
    Some(SectionFigure::new(caption, lines_svg(&chart)))
}

/// Makes the mark of a group; `None` without questions.
fn mark(group: &Group, summary: &Summary, x: f64) -> Option<Mark> {
    let (estimate, chance) = (summary.accuracy?, summary.responses.chance());
    let accuracy = label::with_interval(&estimate, label::percent);
    let questions = label::count(summary.responses.questions());
    let replicates: Vec<String> = summary.responses.by_replicate().into_iter().map(label::percent).collect();
    let each = if replicates.len() > 1 { format!(", replicates {} %", replicates.join(", ")) } else { String::new() };
    let tip = format!("{}: {accuracy} %, n = {questions}{each}", Layout::instance(group));
    Some(Mark { x, estimate, chance, tip })
}

/// The legend's entry for the rule that marks chance; `None` where nothing could be guessed.
fn chance_entry(arms: &[(&Group, &Summary)]) -> Option<Entry> {
    let guessed = arms.iter().any(|(_, summary)| summary.responses.chance().is_some());
    guessed.then(|| Entry { slot: 0, label: "chance".to_owned(), kind: EntryKind::Chance })
}

/// Values of axes, with `None` where an arm lacks one.
type Key<'a> = Vec<Option<&'a str>>;

fn key<'a>(group: &'a Group, axes: &[String]) -> Key<'a> {
    axes.iter().map(|axis| group.coords.get(axis).map(String::as_str)).collect()
}

/// Says whether two keys differ on no axis that both have.
fn agree(a: &Key<'_>, b: &Key<'_>) -> bool {
    a.iter().zip(b).all(|(a, b)| a.is_none() || b.is_none() || a == b)
}

fn heading(group: &Group, axes: &[String]) -> String {
    if axes.iter().any(|axis| group.coords.contains_key(axis)) { Layout::label(group, axes) } else { String::new() }
}

/// Returns where a key stands among those seen, adding it when it is new.
fn position<K: PartialEq>(seen: &mut Vec<K>, key: K) -> usize {
    seen.iter().position(|known| *known == key).unwrap_or_else(|| {
        seen.push(key);
        seen.len() - 1
    })
}

/// The legend while it grows: the same values of the same axes keep one slot, and so one colour.
struct Slots<'a> {
    axes: Vec<String>,
    keys: Vec<Key<'a>>,
    entries: Vec<Entry>,
}

impl<'a> Slots<'a> {
    fn of(axes: Vec<String>) -> Self {
        Self { axes, keys: Vec::new(), entries: Vec::new() }
    }

    /// Returns the slot of a group, and enters it when the legend has no such line yet.
    fn slot(&mut self, group: &'a Group, kind: EntryKind, suffix: &str) -> usize {
        let slot = position(&mut self.keys, key(group, &self.axes));
        if !self.entries.iter().any(|entry| entry.slot == slot && entry.kind == kind) {
            let label = Layout::label(group, &self.axes) + suffix;
            self.entries.push(Entry { slot, label, kind });
        }
        slot
    }
}

/// Draws the trainings, where they are asked for: losses, and dev accuracies when there are any.
pub(super) fn trainings(input: &ReportInput, layout: &Layout) -> Vec<SectionFigure> {
    if !input.spec.figures.contains(&Figure::Training) {
        return Vec::new();
    }
    let average = &input.spec.average;
    let named: Vec<(String, String, _)> = layout
        .groups
        .iter()
        .flat_map(|group| group.arms.iter().map(move |&index| (group, &input.arms[index])))
        .filter_map(|(group, arm)| {
            let replicate = average.iter().filter_map(|axis| Some(format!("{axis} {}", arm.coords.get(axis)?)));
            Some((Layout::label(group, &layout.labels), replicate.collect::<Vec<_>>().join(" · "), arm.log.as_ref()?))
        })
        .collect();
    let curves: Vec<Curve<'_>> = named.iter().map(|(panel, label, log)| Curve { panel, label, log }).collect();
    let title = |what: &str| format!("{}: {what} by step", input.title);
    let loss = curve_svg(&title("training loss"), CurveKind::Loss, &curves);
    let loss = loss.map(|svg| SectionFigure::new("Training loss by optimiser step.", svg));
    let dev = curve_svg(&title("dev accuracy"), CurveKind::DevAccuracy, &curves);
    let caption = "Dev accuracy during training; the marker is the evaluation whose weights were kept.";
    loss.into_iter().chain(dev.map(|svg| SectionFigure::new(caption, svg))).collect()
}
