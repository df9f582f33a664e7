//! Fractions by layer: lines with bands from 0 to 100 %, panels side by side, and a rule at one fraction.

use super::lines::joined;
use super::palette::{colour, fill_class, marker, stroke_class, style};
use super::panels::{Panels, Place};
use super::scale::Scale;
use super::svg::{Anchor, Svg, Text};
use super::{Entry, WIDTH, axis};
use retort_stats::Ranged;

/// A fraction at one layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DepthPoint {
    /// The layer.
    pub(crate) layer: f64,
    /// The fraction, from 0 to 1, with its interval.
    pub(crate) fraction: Ranged,
    /// What a tooltip says.
    pub(crate) tip: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DepthSeries {
    /// The slot of its legend entry, which decides colour and marker.
    pub(crate) slot: usize,
    /// Its points, by rising layer.
    pub(crate) points: Vec<DepthPoint>,
}

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DepthPanel {
    /// What stands above it.
    pub(crate) heading: String,
    /// Its lines.
    pub(crate) series: Vec<DepthSeries>,
}

/// Fractions by layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DepthChart {
    /// What a screen reader says.
    pub(crate) title: String,
    /// The name of the upright axis.
    pub(crate) fraction: String,
    /// The fraction at which a rule is drawn, and what it is called.
    pub(crate) rule: (f64, String),
    /// The panels.
    pub(crate) panels: Vec<DepthPanel>,
    /// The legend.
    pub(crate) legend: Vec<Entry>,
}

/// Draws fractions by layer; all panels share the upright scale.
pub(crate) fn depth_svg(chart: &DepthChart) -> String {
    let headings: Vec<&str> = chart.panels.iter().map(|panel| panel.heading.as_str()).collect();
    let panels = Panels::lay(&headings, &chart.legend, 300.0, 220.0);
    let mut svg = Svg::new(WIDTH, panels.height(), &chart.title, &style());
    panels.draw(&mut svg, &chart.fraction, "layer");
    let y = Scale::nice(0.0, 100.0, 5, Some((0.0, 100.0)));
    for (index, panel) in chart.panels.iter().enumerate() {
        let Place { left, right, top, bottom, .. } = panels.frame(&mut svg, index, &panel.heading, &y);
        plot(&mut svg, chart, panel, (left, right), (bottom, top));
    }
    svg.finish()
}

fn plot(svg: &mut Svg, chart: &DepthChart, panel: &DepthPanel, (left, right): (f64, f64), (end, start): (f64, f64)) {
    let layers = || panel.series.iter().flat_map(|series| &series.points).map(|point| point.layer);
    let (first, last) = (layers().fold(f64::INFINITY, f64::min), layers().fold(f64::NEG_INFINITY, f64::max));
    let (first, last) = if first < last { (first, last) } else { (first.min(0.0), last.max(1.0)) };
    let (first, last) = if first.is_finite() && last.is_finite() { (first, last) } else { (0.0, 1.0) };
    let inset = 8.0;
    let x = |layer: f64| left + inset + (layer - first) / (last - first) * (right - left - 2.0 * inset);
    let y = |fraction: f64| end + (start - end) * fraction.clamp(0.0, 1.0);
    axis::base(svg, end, (left, right));
    let step = ((last - first) / if right - left > 400.0 { 16.0 } else { 8.0 }).ceil().max(1.0);
    let mut tick = (first / step).ceil() * step;
    while tick <= last + 1e-9 {
        axis::tick(svg, (x(tick), end));
        svg.text((x(tick), end + 17.0), Anchor::Middle, Text::TICK, &format!("{tick:.0}"));
        tick += step;
    }
    for series in &panel.series {
        band(svg, series, x, y);
    }
    let (rule, name) = &chart.rule;
    axis::rule(svg, (left, y(*rule)), (right, y(*rule)), name);
    svg.text((left + 4.0, y(*rule) - 5.0), Anchor::Start, Text::SMALL, name);
    for series in &panel.series {
        let points: Vec<(f64, f64)> =
            series.points.iter().map(|point| (x(point.layer), y(point.fraction.value))).collect();
        svg.element(
            "polyline",
            &[
                ("class", stroke_class(series.slot)),
                ("points", joined(&points)),
                ("fill", "none".into()),
                ("stroke", colour(series.slot).into()),
                ("stroke-width", "2".into()),
                ("stroke-linejoin", "round".into()),
            ],
        );
        // Markers of many layers would run into each other.
        let size = if points.len() > 24 { 2.8 } else { 4.2 };
        for (point, place) in series.points.iter().zip(points) {
            marker(svg, series.slot, place, size, &point.tip);
        }
    }
}

/// Draws the intervals of a line as a band.
fn band(svg: &mut Svg, series: &DepthSeries, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    let end = |point: &DepthPoint, high: bool| {
        let Ranged { value, interval } = point.fraction;
        interval.map_or(value, |interval| if high { interval.high } else { interval.low })
    };
    let high = series.points.iter().map(|point| (x(point.layer), y(end(point, true))));
    let low = series.points.iter().rev().map(|point| (x(point.layer), y(end(point, false))));
    let outline: Vec<(f64, f64)> = high.chain(low).collect();
    svg.element(
        "polygon",
        &[
            ("class", fill_class(series.slot)),
            ("points", joined(&outline)),
            ("fill", colour(series.slot).into()),
            ("fill-opacity", "0.14".into()),
        ],
    );
}
