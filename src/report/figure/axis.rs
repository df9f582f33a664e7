//! The axes of every figure: the grid with its numbers, the line below with its ticks, rules across, and the names.

use super::palette::CHANCE_DASHES;
use super::svg::{Anchor, GRID, MUTED, Svg, Text, number};

/// Draws a line of the grid across a panel, and the number beside it where there is one.
pub(super) fn grid(svg: &mut Svg, y: f64, (left, right): (f64, f64), number: Option<&str>) {
    svg.line((left, y), (right, y), "rt-grid", GRID, 1.0);
    if let Some(number) = number {
        svg.text((left - 8.0, y + 4.0), Anchor::End, Text::TICK, number);
    }
}

/// Draws the line below a panel.
pub(super) fn base(svg: &mut Svg, y: f64, (left, right): (f64, f64)) {
    svg.line((left, y), (right, y), "rt-axis", MUTED, 1.0);
}

/// Draws a tick below that line.
pub(super) fn tick(svg: &mut Svg, (x, y): (f64, f64)) {
    svg.line((x, y), (x, y + 4.0), "rt-axis", MUTED, 1.0);
}

/// Draws a dotted rule, such as the one that marks chance, which a pointer over it explains.
pub(super) fn rule(svg: &mut Svg, from: (f64, f64), to: (f64, f64), tip: &str) {
    styled_rule(svg, (from, to), ("rt-axis", MUTED, CHANCE_DASHES), 1.6, tip);
}

/// Draws a rule in a class, a colour and dashes of its own.
pub(super) fn styled_rule(
    svg: &mut Svg,
    ((x1, y1), (x2, y2)): ((f64, f64), (f64, f64)),
    (class, colour, dashes): (&str, &str, &str),
    width: f64,
    tip: &str,
) {
    svg.explained(
        "line",
        &[
            ("class", class.into()),
            ("x1", number(x1)),
            ("y1", number(y1)),
            ("x2", number(x2)),
            ("y2", number(y2)),
            ("stroke", colour.into()),
            ("stroke-width", number(width)),
            ("stroke-dasharray", dashes.into()),
        ],
        tip,
    );
}

/// Writes the name of the upright axis, turned, beside the middle of a panel.
pub(super) fn upright_name(svg: &mut Svg, middle: f64, name: &str) {
    svg.text((14.0, middle), Anchor::Middle, Text::TURNED, name);
}

/// Writes the name of the axis that runs along the bottom.
pub(super) fn along_name(svg: &mut Svg, at: (f64, f64), name: &str) {
    svg.text(at, Anchor::Middle, Text::TICK, name);
}
