//! Accuracy along an axis: lines with bands, panels side by side, horizontal rules for chance and reference arms.

use super::legend::Legend;
use super::palette::{CHANCE_DASHES, colour, dashes, fill_class, marker, stroke_class, style};
use super::scale::Scale;
use super::svg::{Anchor, GRID, MUTED, Svg, Text, number};
use super::{LineChart, LinePanel, Mark, Series, WIDTH};

const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const GAP: f64 = 22.0;
const HEADING: f64 = 22.0;
const FOOT: f64 = 26.0;

/// The rectangle that a panel's data lie in.
struct Place {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Draws a line chart; all panels share both scales.
pub(in crate::report) fn lines_svg(chart: &LineChart) -> String {
    let columns = match chart.panels.len() {
        0 | 1 => 1,
        2 | 4 => 2,
        _ => 3,
    };
    let rows = chart.panels.len().div_ceil(columns).max(1);
    let legend = Legend::place(&chart.legend, LEFT);
    let plot_height = if columns == 1 { 320.0 } else { 240.0 };
    let headings = if chart.panels.iter().any(|panel| !panel.heading.is_empty()) { HEADING } else { 4.0 };
    let row_height = headings + plot_height + FOOT;
    let top = 10.0 + legend.height;
    let height = top + rows as f64 * row_height + 24.0;

    let mut svg = Svg::new(WIDTH, height, &chart.title, &style());
    legend.draw(&mut svg, 8.0);
    let xs: Vec<f64> = chart.x_ticks.iter().map(|(at, _)| *at).collect();
    let (x, y) = (Scale::around(&xs), accuracy_scale(&chart.panels));
    let width = (WIDTH - LEFT - RIGHT - GAP * (columns - 1) as f64) / columns as f64;
    for (index, panel) in chart.panels.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let left = LEFT + column as f64 * (width + GAP);
        let head = top + row as f64 * row_height;
        let place = Place { left, right: left + width, top: head + headings, bottom: head + headings + plot_height };
        if !panel.heading.is_empty() {
            svg.text((left, head + 14.0), Anchor::Start, Text::HEADING, &Text::HEADING.fit(&panel.heading, width));
        }
        frame(&mut svg, &place, chart, (&x, &y), column == 0);
        draw(&mut svg, &place, panel, (&x, &y));
    }
    let middle = top + headings + plot_height / 2.0;
    svg.text((14.0, middle), Anchor::Middle, Text::TURNED, "accuracy, %");
    let name = Text::TICK.fit(&chart.x_label, WIDTH - LEFT - RIGHT);
    svg.text((f64::midpoint(LEFT, WIDTH - RIGHT), height - 10.0), Anchor::Middle, Text::TICK, &name);
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
    let shares = marks.flat_map(|mark| [mark.estimate.interval.low, mark.estimate.interval.high, mark.chance]);
    let (low, high) = shares.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (at.min(low), at.max(high)));
    if low > high {
        return Scale::nice(0.0, 100.0, 6, None);
    }
    // A point of room keeps what lies at an end, often chance, off the frame.
    Scale::nice((low * 100.0 - 1.0).max(0.0), (high * 100.0 + 1.0).min(100.0), 6, Some((0.0, 100.0)))
}

fn frame(svg: &mut Svg, place: &Place, chart: &LineChart, (x, y): (&Scale, &Scale), labelled: bool) {
    for &tick in &y.ticks {
        let at = y.at(tick, place.bottom, place.top);
        svg.line((place.left, at), (place.right, at), "rt-grid", GRID, 1.0);
        if labelled {
            svg.text((place.left - 8.0, at + 4.0), Anchor::End, Text::TICK, &y.tick(tick));
        }
    }
    svg.line((place.left, place.bottom), (place.right, place.bottom), "rt-axis", MUTED, 1.0);
    let mut free = f64::NEG_INFINITY;
    for (value, name) in &chart.x_ticks {
        let at = x.at(*value, place.left, place.right);
        svg.line((at, place.bottom), (at, place.bottom + 4.0), "rt-axis", MUTED, 1.0);
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
    let at = |share: f64| y.at(share * 100.0, place.bottom, place.top);
    for series in &panel.series {
        band(svg, series, |value| x.at(value, place.left, place.right), at);
    }
    for chance in chances(panel) {
        let attributes = rule(place, at(chance), "rt-axis", MUTED, CHANCE_DASHES, 1.6);
        svg.explained("line", &attributes, &format!("chance: {:.1} %", chance * 100.0));
    }
    for series in &panel.references {
        for mark in &series.marks {
            let class = stroke_class(series.slot);
            let attributes =
                rule(place, at(mark.estimate.value), &class, colour(series.slot), dashes(series.slot), 1.8);
            svg.explained("line", &attributes, &mark.tip);
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
    let mut chances: Vec<f64> = series.flat_map(|series| &series.marks).map(|mark| mark.chance).collect();
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

fn rule<'a>(place: &Place, y: f64, class: &str, colour: &str, dashes: &str, width: f64) -> Vec<(&'a str, String)> {
    vec![
        ("class", class.to_owned()),
        ("x1", number(place.left)),
        ("y1", number(y)),
        ("x2", number(place.right)),
        ("y2", number(y)),
        ("stroke", colour.to_owned()),
        ("stroke-width", number(width)),
        ("stroke-dasharray", dashes.to_owned()),
    ]
}

/// Writes points for a polyline.
pub(super) fn joined(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
    points.join(" ")
}
