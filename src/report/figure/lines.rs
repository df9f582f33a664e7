//! Accuracy along an axis: lines with bands, panels side by side, horizontal rules for chance and reference arms.

use super::palette::{colour, dashes, fill_class, marker, stroke_class, style};
use super::panels::{Panels, Place};
use super::scale::Scale;
use super::svg::{Anchor, Svg, Text, number};
use super::{LineChart, LinePanel, Mark, Series, WIDTH, axis};

/// Draws a line chart; all panels share both scales.
pub(crate) fn lines_svg(chart: &LineChart) -> String {
    let headings: Vec<&str> = chart.panels.iter().map(|panel| panel.heading.as_str()).collect();
    let panels = Panels::lay(&headings, &chart.legend, 320.0, 240.0);
    let mut svg = Svg::new(WIDTH, panels.height(), &chart.title, &style());
    panels.draw(&mut svg, "accuracy, %", &chart.x_label);
    let xs: Vec<f64> = chart.x_ticks.iter().map(|(at, _)| *at).collect();
    let (x, y) = (Scale::around(&xs), accuracy_scale(&chart.panels));
    for (index, panel) in chart.panels.iter().enumerate() {
        let place = panels.frame(&mut svg, index, &panel.heading, &y);
        ticks(&mut svg, &place, chart, &x);
        draw(&mut svg, &place, panel, (&x, &y));
    }
    svg.finish()
}

/// Makes the scale of percentages that holds every interval and every chance.
fn accuracy_scale(panels: &[LinePanel]) -> Scale {
    let marks =
        panels.iter().flat_map(|panel| panel.series.iter().chain(&panel.references)).flat_map(|series| &series.marks);
    percent_scale(marks)
}

/// Makes a scale of percentages that holds every interval and every chance.
pub(super) fn percent_scale<'a>(marks: impl Iterator<Item = &'a Mark>) -> Scale {
    let fractions = marks.flat_map(|mark| {
        let interval = mark.estimate.interval;
        [interval.low, interval.high].into_iter().chain(mark.chance)
    });
    let (low, high) = fractions.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (at.min(low), at.max(high)));
    if low > high {
        return Scale::nice(0.0, 100.0, 6, None);
    }
    // A point of room keeps what lies at an end, often chance, off the frame.
    Scale::nice((low * 100.0 - 1.0).max(0.0), (high * 100.0 + 1.0).min(100.0), 6, Some((0.0, 100.0)))
}

/// Draws the axis below a panel.
fn ticks(svg: &mut Svg, place: &Place, chart: &LineChart, x: &Scale) {
    axis::base(svg, place.bottom, (place.left, place.right));
    let mut free = f64::NEG_INFINITY;
    for (value, name) in &chart.x_ticks {
        let at = x.at(*value, place.left, place.right);
        axis::tick(svg, (at, place.bottom));
        // A name that would touch the one before it is left out; its tick stays.
        let name = Text::TICK.fit(name, (place.right - place.left) / 2.0);
        let half = Text::TICK.width(&name) / 2.0;
        if at - half > free {
            svg.text((at, place.bottom + 18.0), Anchor::Middle, Text::TICK, &name);
            free = at + half + 4.0;
        }
    }
}

fn draw(svg: &mut Svg, place: &Place, panel: &LinePanel, (x, y): (&Scale, &Scale)) {
    let at = |fraction: f64| y.at(fraction * 100.0, place.bottom, place.top);
    let across = |fraction: f64| ((place.left, at(fraction)), (place.right, at(fraction)));
    for series in &panel.series {
        band(svg, series, |value| x.at(value, place.left, place.right), at);
    }
    for chance in chances(panel) {
        let (from, to) = across(chance);
        axis::rule(svg, from, to, &format!("chance: {:.1} %", chance * 100.0));
    }
    for series in &panel.references {
        for mark in &series.marks {
            let look = (&*stroke_class(series.slot), colour(series.slot), dashes(series.slot));
            axis::styled_rule(svg, across(mark.estimate.value), look, 1.8, &mark.tip);
        }
    }
    for series in &panel.series {
        let place_of = |mark: &Mark| (x.at(mark.x, place.left, place.right), at(mark.estimate.value));
        let points: Vec<(f64, f64)> = series.marks.iter().map(place_of).collect();
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
        for (mark, point) in series.marks.iter().zip(points) {
            marker(svg, series.slot, point, 4.2, &mark.tip);
        }
    }
}

/// Returns the accuracies of guessing, one for each that occurs in a panel.
fn chances(panel: &LinePanel) -> Vec<f64> {
    let series = panel.series.iter().chain(&panel.references);
    let mut chances: Vec<f64> = series.flat_map(|series| &series.marks).filter_map(|mark| mark.chance).collect();
    chances.sort_by(f64::total_cmp);
    // Sums of equal chances may differ in their last bits, and nobody sees a thousandth of a point.
    chances.dedup_by(|a, b| (*a - *b).abs() < 1e-5);
    chances
}

/// Draws the intervals of a line as a band, or as whiskers where a band has no width.
fn band(svg: &mut Svg, series: &Series, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    if let [only] = &series.marks[..] {
        let (at, interval) = (x(only.x), only.estimate.interval);
        svg.line((at, y(interval.low)), (at, y(interval.high)), &stroke_class(series.slot), colour(series.slot), 1.6);
        return;
    }
    let high = series.marks.iter().map(|mark| (x(mark.x), y(mark.estimate.interval.high)));
    let low = series.marks.iter().rev().map(|mark| (x(mark.x), y(mark.estimate.interval.low)));
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

/// Writes points for a polyline.
pub(super) fn joined(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
    points.join(" ")
}
