//! From summaries to what a figure draws.

mod forest;
mod key;
mod lines;

use super::figure::{forest_svg, lines_svg};
use super::layout::{Group, Layout};
use super::summary::Summary;
use super::{Curve, CurveKind, Figure, ReportInput, SectionFigure, Shape, curve_svg, label, targets};

/// Draws the accuracies, where they are asked for and there are any.
pub(super) fn accuracies(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Option<SectionFigure> {
    let asked = input.spec.figures.contains(&Figure::Accuracy);
    if !asked || summaries.iter().all(|summary| summary.accuracy.is_none()) {
        return None;
    }
    let arms: Vec<(&Group, &Summary)> = layout.groups.iter().zip(summaries).collect();
    let silent = summaries.iter().any(|summary| summary.accuracy.is_some() && !summary.is_readable(input));
    let silent = if silent { " Arms that are not assessable have no mark." } else { "" };
    let level = label::level(input.spec.level);
    let shape = input.spec.shape;
    let Some(x) = input.spec.x.as_ref().filter(|_| shape == Shape::Auto) else {
        let caption = format!("Accuracy by arm, with {level} intervals.{silent}");
        return Some(SectionFigure::new(caption, forest_svg(&forest::chart(input, layout, &arms))));
    };
    let chart = lines::chart(input, layout, &arms, x);
    let constant = chart.panels.iter().any(|panel| !panel.references.is_empty());
    let references = if constant { format!("; dashed lines are arms without {x}") } else { String::new() };
    let caption = format!("Accuracy by {x}, with {level} intervals as bands{references}.{silent}");
    Some(SectionFigure::new(caption, lines_svg(&chart)))
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
    let apart: Vec<(&String, String, _)> = named
        .iter()
        .flat_map(|(panel, label, log)| {
            let of_target = move |(name, log): (&str, _)| {
                let label = if label.is_empty() { name.to_owned() } else { format!("{name} · {label}") };
                (panel, label, log)
            };
            targets::curves(log).into_iter().map(of_target)
        })
        .collect();
    let apart: Vec<Curve<'_>> = apart.iter().map(|(panel, label, log)| Curve { panel, label, log }).collect();
    let apart = curve_svg(&title("loss of each target"), CurveKind::Loss, &apart);
    let apart =
        apart.map(|svg| SectionFigure::new("The loss of each target by optimiser step, before its weight.", svg));
    let dev = curve_svg(&title("dev accuracy"), CurveKind::DevAccuracy, &curves);
    let caption = "Dev accuracy during training; the marker is the evaluation whose weights were kept.";
    loss.into_iter().chain(apart).chain(dev.map(|svg| SectionFigure::new(caption, svg))).collect()
}
