//! The curves: how many know the label by layer, and how probable it is there.

use super::tables::percent;
use super::view::View;
use crate::SectionFigure;
use crate::figure::{DepthChart, DepthPanel, DepthPoint, DepthSeries, Entry, EntryKind, depth_svg};
use crate::label;
use crate::layout::Layout;
use retort_stats::{DepthSummary, Ranged};

/// Draws both; none where no question is compared.
pub(super) fn figures(view: &View<'_>) -> Vec<SectionFigure> {
    if view.compared.iter().all(|compared| compared.summaries.is_empty()) {
        return Vec::new();
    }
    let level = label::level(view.spec.level);
    let (bound, fraction) = (view.lens.bound, percent(view.lens.fraction));
    let known = DepthChart {
        title: format!("{}: questions whose label is known, by layer", view.title),
        fraction: format!("label above {bound} from here on, %"),
        rule: (view.lens.fraction, format!("{fraction} of the questions")),
        ..chart(view, |summary| &summary.reached)
    };
    let probable = DepthChart {
        title: format!("{}: probability of the label, by layer", view.title),
        fraction: "probability of the label, %".to_owned(),
        rule: (bound, format!("the bound, {bound}")),
        ..chart(view, |summary| &summary.means)
    };
    let figure = |file: &str, caption: String, chart: &DepthChart| SectionFigure {
        file: file.to_owned(),
        caption,
        svg: depth_svg(chart),
        wide: false,
    };
    vec![
        figure(
            "lens-known.svg",
            format!(
                "The fraction of questions whose label stays above {bound} from each layer on, with {level} intervals, of those \
                 that all students compared answer right. Where a line crosses the rule, {fraction} know the label."
            ),
            &known,
        ),
        figure(
            "lens-probability.svg",
            format!("The mean probability of the right label where it occurs first, by layer, with {level} intervals."),
            &probable,
        ),
    ]
}

/// Lays the lines out: a panel for each set that is compared.
fn chart(view: &View<'_>, of: fn(&DepthSummary) -> &Vec<Ranged>) -> DepthChart {
    let mut names: Vec<String> = Vec::new();
    let mut panels = Vec::new();
    for compared in view.compared.iter().filter(|compared| !compared.summaries.is_empty()) {
        let mut series = Vec::new();
        for &group in &compared.groups {
            let Some((summary, _)) = compared.of(group) else { continue };
            let name = view.name(group);
            let slot = names.iter().position(|known| *known == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            });
            let layers = &view.arms[view.layout.groups[group].arms[0]].readings.summary.layers;
            let point = |(layer, fraction): (&usize, &Ranged)| {
                let range = fraction.interval.map_or_else(String::new, |interval| {
                    format!(" [{}, {}]", label::percent(interval.low), label::percent(interval.high))
                });
                let tip = format!("{name}, layer {layer}: {}{range} %", label::percent(fraction.value));
                DepthPoint { layer: *layer as f64, fraction: *fraction, tip }
            };
            series.push(DepthSeries { slot, points: layers.iter().zip(of(summary)).map(point).collect() });
        }
        let group = &view.layout.groups[compared.groups[0]];
        let heading = if view.spec.panels.iter().any(|axis| group.coords.contains_key(axis)) {
            Layout::label(group, &view.spec.panels)
        } else {
            String::new()
        };
        panels.push(DepthPanel { heading, series });
    }
    let entry = |(slot, label): (usize, String)| Entry { slot, label, kind: EntryKind::Line };
    DepthChart {
        title: String::new(),
        fraction: String::new(),
        rule: (0.0, String::new()),
        panels,
        legend: names.into_iter().enumerate().map(entry).collect(),
    }
}
