//! Reliability diagrams: how often answers are right that are held about as likely, small squares side by side.

use super::palette::{colour, marker, stroke_class, style};
use super::scale::Scale;
use super::svg::{Anchor, Svg, Text};
use super::{ReliabilityChart, ReliabilityPanel, WIDTH, axis};

const COLUMNS: usize = 4;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const GAP: f64 = 20.0;
const HEADING: f64 = 20.0;
const FOOT: f64 = 28.0;
/// The ends of both axes lie so far outside the probabilities, in percent, that a marker on an end is seen whole.
const ROOM: f64 = 3.0;
/// One panel alone is no larger than this.
const SIDE_MAX: f64 = 300.0;

/// Draws the diagrams; all share both scales, from 0 to 100 %.
pub(crate) fn reliability_svg(chart: &ReliabilityChart) -> String {
    let columns = chart.panels.len().clamp(1, COLUMNS);
    let side = ((WIDTH - LEFT - RIGHT - GAP * (columns - 1) as f64) / columns as f64).min(SIDE_MAX);
    let row_height = HEADING + side + FOOT;
    let rows = chart.panels.len().div_ceil(columns);
    let height = 8.0 + rows as f64 * row_height + 22.0;
    let mut svg = Svg::new(WIDTH, height, &chart.title, &style());
    let ticks = Scale::around(&[0.0, 25.0, 50.0, 75.0, 100.0]);
    for (index, panel) in chart.panels.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let left = LEFT + column as f64 * (side + GAP);
        let top = 8.0 + row as f64 * row_height + HEADING;
        let name = Text::HEADING.fit_ends(&panel.heading, side);
        svg.text((left, top - 7.0), Anchor::Start, Text::HEADING, &name);
        let at = |percent: f64, start: f64, end: f64| start + (percent + ROOM) / (100.0 + 2.0 * ROOM) * (end - start);
        let x = |percent: f64| at(percent, left, left + side);
        let y = |percent: f64| at(percent, top + side, top);
        for &tick in &ticks.ticks {
            let number = (column == 0).then(|| ticks.tick(tick));
            axis::grid(&mut svg, y(tick), (left, left + side), number.as_deref());
            axis::tick(&mut svg, (x(tick), top + side));
            svg.text((x(tick), top + side + 18.0), Anchor::Middle, Text::TICK, &ticks.tick(tick));
        }
        axis::base(&mut svg, top + side, (left, left + side));
        draw(&mut svg, panel, x, y);
    }
    let middle = 8.0 + HEADING + side / 2.0;
    axis::upright_name(&mut svg, middle, "right, %");
    let width = side * columns as f64 + GAP * (columns - 1) as f64;
    axis::along_name(&mut svg, (LEFT + width / 2.0, height - 8.0), "held for likely, %");
    svg.finish()
}

fn draw(svg: &mut Svg, panel: &ReliabilityPanel, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    axis::rule(svg, (x(0.0), y(0.0)), (x(100.0), y(100.0)), "as often right as held for likely");
    for dot in &panel.dots {
        let at = x(dot.confidence * 100.0);
        if let Some(interval) = dot.interval {
            let (low, high) = (y(interval.low * 100.0), y(interval.high * 100.0));
            svg.line((at, low), (at, high), &stroke_class(0), colour(0), 1.6);
        }
        // The area says how many answers a dot stands for.
        let size = 2.6 + 4.4 * (dot.fraction).sqrt();
        marker(svg, 0, (at, y(dot.accuracy * 100.0)), size, &dot.tip);
    }
}
