//! Grids of cells: panels side by side on one scale, each cell coloured by a fraction and labelled with a word.
//!
//! The colours grow darker in one hue, so that a grid reads in black and white; cells beyond the bound have their word in
//! bold, and a block of them may have a frame. Nothing here knows what rows, columns and cells stand for.

use std::ops::Range;

use super::palette::style;
use super::svg::{Anchor, INK, Svg, Text, number};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatCell {
    /// From 0 to 1: decides the colour.
    pub(crate) value: f64,
    /// The word in it.
    pub(crate) label: String,
    /// What a tooltip says.
    pub(crate) tip: String,
}

/// One grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatPanel {
    /// What stands above it.
    pub(crate) heading: String,
    /// A line below that.
    pub(crate) note: String,
    /// The names of the rows, from the top.
    pub(crate) rows: Vec<String>,
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// The cells, `[row][column]`.
    pub(crate) cells: Vec<Vec<HeatCell>>,
    /// A column, and how many rows from the top have a frame in it.
    pub(crate) framed: Option<(usize, usize)>,
}

/// Grids side by side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heatmap {
    /// What a screen reader says.
    pub(crate) title: String,
    /// What the colour is.
    pub(crate) scale: String,
    /// The value above which words are bold.
    pub(crate) bound: f64,
    /// The name of the rows.
    pub(crate) rows: String,
    /// The grids.
    pub(crate) panels: Vec<HeatPanel>,
}

const MARGIN: f64 = 12.0;
const GAP: f64 = 26.0;
/// Panels that would be wider together stand below each other: a page of a laptop shows so much.
const TOGETHER: f64 = 1_080.0;
/// The least and the most width of a column.
const COLUMN: (f64, f64) = (22.0, 72.0);
/// The height of a row of few, and of many.
const ROW: (f64, f64) = (22.0, 15.0);
/// More rows than these are many.
const MANY: usize = 16;
const HEADINGS: f64 = 40.0;
const SCALE: f64 = 40.0;

/// The colours from nothing to one, the lightness falling evenly.
const COLOURS: [(f64, [f64; 3]); 5] = [
    (0.0, [247.0, 251.0, 255.0]),
    (0.25, [205.0, 222.0, 240.0]),
    (0.5, [130.0, 175.0, 214.0]),
    (0.75, [52.0, 114.0, 176.0]),
    (1.0, [8.0, 40.0, 92.0]),
];

/// Draws grids side by side, in as many bands as they need; the figure is as wide as they are.
pub(crate) fn heatmap_svg(map: &Heatmap) -> String {
    const NAMES: f64 = 20.0;
    let rows = map.panels.iter().map(|panel| panel.rows.len()).max().unwrap_or(0);
    let row = if rows > MANY { ROW.1 } else { ROW.0 };
    let measured: Vec<Measured> = map.panels.iter().map(Measured::of).collect();
    let widths: Vec<f64> = measured.iter().map(Measured::width).collect();
    let bands = bands(&widths);
    let widest = bands.iter().map(|band| together(&widths[band.clone()])).fold(0.0, f64::max);
    let width = (MARGIN * 2.0 + 16.0 + widest).max(420.0);
    let grid = rows as f64 * row;
    let band_height = HEADINGS + grid + NAMES + MARGIN;
    let mut svg = Svg::new(width, MARGIN + SCALE + bands.len() as f64 * band_height, &map.title, &style());
    scale(&mut svg, map, width);
    for (index, band) in bands.into_iter().enumerate() {
        let top = MARGIN + SCALE + HEADINGS + index as f64 * band_height;
        svg.text((MARGIN + 8.0, top + grid / 2.0), Anchor::Middle, Text::TURNED, &map.rows);
        let mut left = MARGIN + 16.0;
        for at in band {
            draw(&mut svg, &map.panels[at], map.bound, &measured[at], (left, top), row);
            left += widths[at] + GAP;
        }
    }
    svg.finish()
}

/// How wide panels are side by side.
fn together(widths: &[f64]) -> f64 {
    widths.iter().sum::<f64>() + GAP * widths.len().saturating_sub(1) as f64
}

/// Which panels stand side by side.
fn bands(widths: &[f64]) -> Vec<Range<usize>> {
    let mut bands: Vec<Range<usize>> = Vec::new();
    for at in 0..widths.len() {
        match bands.last_mut() {
            Some(band) if together(&widths[band.start..=at]) <= TOGETHER => band.end = at + 1,
            _ => bands.push(at..at + 1),
        }
    }
    bands
}

/// How wide the parts of a panel are.
struct Measured {
    names: f64,
    columns: Vec<f64>,
    heading: f64,
}

impl Measured {
    fn of(panel: &HeatPanel) -> Self {
        let widest =
            |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| Text::SMALL.width(text)).fold(0.0, f64::max);
        let column = |index: usize| {
            let cells = panel.cells.iter().filter_map(|row| row.get(index));
            let mut words = cells.map(|cell| cell.label.as_str()).chain([panel.columns[index].as_str()]);
            (widest(&mut words) + 8.0).clamp(COLUMN.0, COLUMN.1)
        };
        Self {
            names: widest(&mut panel.rows.iter().map(String::as_str)) + 8.0,
            columns: (0..panel.columns.len()).map(column).collect(),
            heading: Text::HEADING.width(&panel.heading).max(Text::SMALL.width(&panel.note)),
        }
    }

    fn width(&self) -> f64 {
        (self.names + self.columns.iter().sum::<f64>()).max(self.heading.min(300.0))
    }
}

fn draw(svg: &mut Svg, panel: &HeatPanel, bound: f64, measured: &Measured, (left, top): (f64, f64), row: f64) {
    let width = measured.width();
    svg.text((left, top - 24.0), Anchor::Start, Text::HEADING, &Text::HEADING.fit_ends(&panel.heading, width));
    svg.text((left, top - 8.0), Anchor::Start, Text::SMALL, &Text::SMALL.fit(&panel.note, width));
    let start = left + measured.names;
    for (index, (name, cells)) in panel.rows.iter().zip(&panel.cells).enumerate() {
        let y = top + index as f64 * row;
        svg.text((start - 6.0, y + row / 2.0 + 4.0), Anchor::End, Text::SMALL, name);
        let mut x = start;
        for (cell, width) in cells.iter().zip(&measured.columns) {
            let (fill, ink) = colours(cell.value);
            svg.explained(
                "rect",
                &[
                    ("x", number(x)),
                    ("y", number(y)),
                    ("width", number(*width)),
                    ("height", number(row)),
                    ("fill", fill),
                    ("stroke", "#ffffff".into()),
                    ("stroke-width", "0.6".into()),
                ],
                &cell.tip,
            );
            let text = Text::SMALL.fit(&cell.label, width - 3.0);
            svg.inked((x + width / 2.0, y + row / 2.0 + 4.0), ink, cell.value > bound, &text, &cell.tip);
            x += width;
        }
    }
    let mut x = start;
    let bottom = top + panel.rows.len() as f64 * row;
    for (name, width) in panel.columns.iter().zip(&measured.columns) {
        svg.text((x + width / 2.0, bottom + 14.0), Anchor::Middle, Text::SMALL, &Text::SMALL.fit(name, *width));
        x += width;
    }
    if let Some((column, rows)) = panel.framed.filter(|(column, rows)| *column < panel.columns.len() && *rows > 0) {
        let x = start + measured.columns[..column].iter().sum::<f64>();
        // Two strokes, of which one shows on any ground.
        for (colour, thickness) in [("#ffffff", "4"), ("#d55e00", "2.2")] {
            svg.element(
                "rect",
                &[
                    ("x", number(x)),
                    ("y", number(top)),
                    ("width", number(measured.columns[column])),
                    ("height", number(rows as f64 * row)),
                    ("fill", "none".into()),
                    ("stroke", colour.into()),
                    ("stroke-width", thickness.into()),
                ],
            );
        }
    }
}

/// Draws the scale of colours.
fn scale(svg: &mut Svg, map: &Heatmap, width: f64) {
    const STEPS: usize = 40;
    const LENGTH: f64 = 200.0;
    let name = Text::TICK.fit(&map.scale, width - 2.0 * MARGIN - LENGTH - 30.0);
    let left = MARGIN + Text::TICK.width(&name) + 12.0;
    svg.text((MARGIN, MARGIN + 11.0), Anchor::Start, Text::TICK, &name);
    for step in 0..STEPS {
        let value = (step as f64 + 0.5) / STEPS as f64;
        svg.element(
            "rect",
            &[
                ("x", number(left + LENGTH * step as f64 / STEPS as f64)),
                ("y", number(MARGIN)),
                ("width", number(LENGTH / STEPS as f64 + 0.3)),
                ("height", "12".into()),
                ("fill", colours(value).0),
            ],
        );
    }
    let at = left + LENGTH * map.bound;
    svg.line((at, MARGIN - 3.0), (at, MARGIN + 15.0), "rt-ink-line", INK, 1.6);
    // Numbers beside that of the bound would run into it.
    let apart = |tick: &f64| (tick - map.bound).abs() > 0.15;
    for tick in [0.0, 0.5, 1.0].into_iter().filter(apart).chain([map.bound]) {
        svg.text((left + LENGTH * tick, MARGIN + 25.0), Anchor::Middle, Text::SMALL, &format!("{tick}"));
    }
}

/// The colour of a value, and the one of a word on it.
fn colours(value: f64) -> (String, &'static str) {
    let value = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
    let above = COLOURS.iter().position(|(at, _)| *at >= value).unwrap_or(COLOURS.len() - 1).max(1);
    let ((low, from), (high, to)) = (COLOURS[above - 1], COLOURS[above]);
    let part = (value - low) / (high - low);
    let mixed = |index: usize| (from[index] + part * (to[index] - from[index])).round() as u8;
    let [red, green, blue] = [mixed(0), mixed(1), mixed(2)];
    (format!("#{red:02x}{green:02x}{blue:02x}"), if value > 0.69 { "#ffffff" } else { "#14181d" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lightness(colour: &str) -> f64 {
        let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
    }

    proptest! {
        #[test]
        fn more_is_darker_and_every_word_stands_out(low in 0.0..1.0_f64, more in 0.001..1.0_f64) {
            let high = (low + more).min(1.0);
            let ((light, ink), (dark, _)) = (colours(low), colours(high));
            prop_assert!(lightness(&dark) <= lightness(&light) + 1e-9);
            let (a, b) = (lightness(&light) + 0.05, lightness(ink) + 0.05);
            prop_assert!(a.max(b) / a.min(b) >= 4.0, "{light} {ink}");
        }
    }

    proptest! {
        #[test]
        fn panels_stand_side_by_side_as_far_as_there_is_room(widths in prop::collection::vec(20.0..1_500.0_f64, 0..9)) {
            let bands = bands(&widths);
            let all: Vec<usize> = bands.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..widths.len()).collect::<Vec<_>>());
            for band in &bands {
                prop_assert!(band.len() == 1 || together(&widths[band.clone()]) <= TOGETHER);
                let one_more = widths.get(band.start..=band.end);
                prop_assert!(one_more.is_none_or(|widths| together(widths) > TOGETHER));
            }
        }
    }

    #[test]
    fn odd_values_and_words_do_no_harm() {
        let cell = |value: f64, label: &str| HeatCell { value, label: label.into(), tip: "<b>".into() };
        let panel = HeatPanel {
            heading: "<after>".into(),
            note: String::new(),
            rows: vec!["1".into(), "0".into()],
            columns: vec!["a".into(), "<script>".into()],
            cells: vec![
                vec![cell(0.9, "B"), cell(f64::NAN, "\u{1}")],
                vec![cell(7.0, "a word that is far too long to fit"), cell(-1.0, "")],
            ],
            framed: Some((1, 1)),
        };
        let map = Heatmap {
            title: "t".into(),
            scale: "probability".into(),
            bound: 0.6,
            rows: "layer".into(),
            panels: vec![panel.clone(), panel],
        };
        let svg = heatmap_svg(&map);
        assert!(!svg.contains("NaN") && !svg.contains("<script") && !svg.contains("<b>"), "{svg}");
        assert_eq!(svg.matches("<title>").count(), 2 * 4 * 2, "each cell and its word say what they are");
        assert_eq!(svg, heatmap_svg(&map));
        assert!(heatmap_svg(&Heatmap { panels: vec![], ..map }).ends_with("</svg>\n"));
    }
}
