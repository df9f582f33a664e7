//! Accuracy by arm: dots or bars with whiskers on one scale, and the numbers beside them.

use super::legend::Legend;
use super::lines::percent_scale;
use super::palette::{colour, fill_class, marker, stroke_class, style};
use super::scale::Scale;
use super::svg::{Anchor, GRID, INK, Svg, Text, number};
use super::{Forest, ForestSection, WIDTH, axis};
use crate::label;

const LINE: f64 = 19.0;
const ROW_GAP: f64 = 8.0;
const HEADING: f64 = 24.0;
const SECTION_GAP: f64 = 12.0;

/// Draws a forest plot; all sections share one scale.
pub(crate) fn forest_svg(forest: &Forest) -> String {
    let rows = || forest.sections.iter().flat_map(|section| &section.rows);
    let widest = rows().map(|row| Text::PLAIN.width(&row.label)).fold(40.0, f64::max);
    let left = 12.0 + widest.min(250.0) + 14.0;
    let right = WIDTH - 128.0;
    let legend = Legend::place(&forest.legend, left);
    let top = 10.0 + legend.height;
    let height = top + forest.sections.iter().map(section_height).sum::<f64>() + 44.0;

    let marks = || rows().flat_map(|row| &row.marks).filter_map(|(_, mark)| mark.as_ref());
    let highest = marks().map(|mark| mark.estimate.interval.high.max(mark.chance.unwrap_or(0.0))).fold(0.0, f64::max);
    // A bar says by its length, so that it begins at zero.
    let from_zero = || Scale::nice(0.0, (highest * 100.0 + 1.0).min(100.0), 6, Some((0.0, 100.0)));
    let scale = if forest.bars { from_zero() } else { percent_scale(marks()) };
    let x = |fraction: f64| scale.at(fraction * 100.0, left, right);

    let mut svg = Svg::new(WIDTH, height, &forest.title, &style());
    legend.draw(&mut svg, 8.0);
    let bottom = height - 40.0;
    for &tick in &scale.ticks {
        let at = scale.at(tick, left, right);
        svg.line((at, top), (at, bottom), "rt-grid", GRID, 1.0);
        svg.text((at, bottom + 16.0), Anchor::Middle, Text::TICK, &scale.tick(tick));
    }
    axis::base(&mut svg, bottom, (left, right));
    axis::along_name(&mut svg, (f64::midpoint(left, right), height - 8.0), "accuracy, %");

    let mut y = top;
    for section in &forest.sections {
        let below = y + section_height(section);
        if !section.heading.is_empty() {
            svg.text(
                (12.0, y + 16.0),
                Anchor::Start,
                Text::HEADING,
                &Text::HEADING.fit_ends(&section.heading, WIDTH - 24.0),
            );
            y += HEADING;
        }
        for row in &section.rows {
            let middle = y + row_height(row.marks.len()) / 2.0;
            let name = Text::PLAIN.fit(&row.label, left - 26.0);
            svg.text((left - 14.0, middle + 4.0), Anchor::End, Text::PLAIN, &name);
            for (index, (slot, mark)) in row.marks.iter().enumerate() {
                let at = y + ROW_GAP / 2.0 + LINE * (index as f64 + 0.5);
                let Some(mark) = mark else {
                    svg.text((right + 12.0, at + 4.0), Anchor::Start, Text::TICK, "no questions");
                    continue;
                };
                let interval = mark.estimate.interval;
                // The part of the rule for chance that belongs to this mark; those of equal chances make one rule.
                let (above, below) = (at - LINE / 2.0 - ROW_GAP / 2.0, at + LINE / 2.0 + ROW_GAP / 2.0);
                if let Some(chance) = mark.chance {
                    let said = format!("chance: {:.1} %", chance * 100.0);
                    axis::rule(&mut svg, (x(chance), above), (x(chance), below), &said);
                }
                if forest.bars {
                    bar(&mut svg, *slot, (x(0.0), x(mark.estimate.value)), at, &mark.tip);
                    svg.line((x(interval.low), at), (x(interval.high), at), "rt-ink-line", INK, 1.4);
                } else {
                    whisker(&mut svg, *slot, (x(interval.low), x(interval.high)), at);
                    marker(&mut svg, *slot, (x(mark.estimate.value), at), 4.6, &mark.tip);
                }
                let text = label::with_interval(&mark.estimate, label::percent);
                svg.text((right + 12.0, at + 4.0), Anchor::Start, Text::PLAIN, &text);
            }
            y += row_height(row.marks.len());
        }
        y = below;
    }
    svg.finish()
}

fn row_height(marks: usize) -> f64 {
    marks.max(1) as f64 * LINE + ROW_GAP
}

fn section_height(section: &ForestSection) -> f64 {
    let heading = if section.heading.is_empty() { 0.0 } else { HEADING };
    heading + section.rows.iter().map(|row| row_height(row.marks.len())).sum::<f64>() + SECTION_GAP
}

fn whisker(svg: &mut Svg, slot: usize, (low, high): (f64, f64), y: f64) {
    let (class, colour) = (stroke_class(slot), colour(slot));
    svg.line((low, y), (high, y), &class, colour, 1.8);
    svg.line((low, y - 4.0), (low, y + 4.0), &class, colour, 1.8);
    svg.line((high, y - 4.0), (high, y + 4.0), &class, colour, 1.8);
}

/// Draws a bar from zero, light enough for its whisker to be seen on it.
fn bar(svg: &mut Svg, slot: usize, (from, to): (f64, f64), y: f64, tip: &str) {
    let height = LINE - 5.0;
    svg.explained(
        "rect",
        &[
            ("class", fill_class(slot)),
            ("x", number(from)),
            ("y", number(y - height / 2.0)),
            ("width", number((to - from).max(0.0))),
            ("height", number(height)),
            ("fill", colour(slot).into()),
            ("fill-opacity", "0.62".into()),
        ],
        tip,
    );
}
