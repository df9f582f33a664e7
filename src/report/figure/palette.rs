//! Colours, markers and dashes that stay apart for everyone, also in black and white.

use std::fmt::Write;

use super::svg::{Svg, number};

/// Okabe and Ito's colours (2008), the darkest first; yellow is left out, since it fades on white.
const LIGHT: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// The same on a dark ground: the dark ones are lifted.
const DARK: [&str; 7] = ["#3d9bd9", "#f07f2b", "#1fbf91", "#dd93bb", "#f0b73a", "#8fd0f7", "#f0f0f0"];
const DASHES: [&str; 4] = ["7 4", "2 3", "10 3 2 3", "4 2 1 2 1 2"];
const SHAPES: usize = 7;
/// The dashes of the rule that marks chance.
pub(super) const CHANCE_DASHES: &str = "1 3";

/// Returns the style sheet of a figure: colours on a dark screen.
pub(super) fn style() -> String {
    let mut rules = String::from(
        ".rt-ink{fill:#e6edf3}.rt-muted{fill:#9ba4ae}.rt-ink-line{stroke:#e6edf3}.rt-grid{stroke:#2b3139}.rt-axis{stroke:#7d8590}\
         .rt-ground{fill:#0d1117}.rt-halo{stroke:#0d1117}",
    );
    for (slot, colour) in DARK.iter().enumerate() {
        let _ = write!(rules, ".rt-f{slot}{{fill:{colour}}}.rt-s{slot}{{stroke:{colour}}}");
    }
    format!("@media screen and (prefers-color-scheme: dark){{{rules}}}")
}

/// Returns the colour of a slot.
pub(super) fn colour(slot: usize) -> &'static str {
    LIGHT[slot % LIGHT.len()]
}

/// Returns the class that fills with a slot's colour.
pub(super) fn fill_class(slot: usize) -> String {
    format!("rt-f{}", slot % LIGHT.len())
}

/// Returns the class that strokes with a slot's colour.
pub(super) fn stroke_class(slot: usize) -> String {
    format!("rt-s{}", slot % LIGHT.len())
}

/// Returns the dashes of a slot's reference line.
pub(super) fn dashes(slot: usize) -> &'static str {
    DASHES[slot % DASHES.len()]
}

/// Draws a slot's marker with its explanation.
pub(super) fn marker(svg: &mut Svg, slot: usize, (x, y): (f64, f64), size: f64, tip: &str) {
    // Past the last colour the shapes move on by one, so that colour and shape together stay apart.
    let shape = (slot + slot / LIGHT.len()) % SHAPES;
    let class = format!("{} rt-halo", fill_class(slot));
    let r = size;
    let corners: &[(f64, f64)] = match shape {
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.2), (1.1, 0.85), (-1.1, 0.85)],
        3 => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        4 => &[(0.0, 1.2), (1.1, -0.85), (-1.1, -0.85)],
        5 => &[
            (-0.45, -1.2),
            (0.45, -1.2),
            (0.45, -0.45),
            (1.2, -0.45),
            (1.2, 0.45),
            (0.45, 0.45),
            (0.45, 1.2),
            (-0.45, 1.2),
            (-0.45, 0.45),
            (-1.2, 0.45),
            (-1.2, -0.45),
            (-0.45, -0.45),
        ],
        6 => &[(0.0, -1.25), (1.19, -0.39), (0.73, 1.01), (-0.73, 1.01), (-1.19, -0.39)],
        _ => &[],
    };
    let mut attributes =
        vec![("class", class), ("fill", colour(slot).to_owned()), ("stroke", super::svg::GROUND.to_owned())];
    attributes.push(("stroke-width", "1".into()));
    if corners.is_empty() {
        attributes.extend([("cx", number(x)), ("cy", number(y)), ("r", number(r))]);
        return svg.explained("circle", &attributes, tip);
    }
    let points: Vec<String> =
        corners.iter().map(|(dx, dy)| format!("{},{}", number(x + dx * r), number(y + dy * r))).collect();
    attributes.push(("points", points.join(" ")));
    svg.explained("polygon", &attributes, tip);
}
