//! The legend above a figure: entries side by side, on as many lines as they need.

use super::palette::{CHANCE_DASHES, colour, dashes, marker, stroke_class};
use super::svg::{Anchor, MUTED, Svg, Text, number};
use super::{Entry, EntryKind, WIDTH};

const ROW: f64 = 20.0;
const SAMPLE: f64 = 30.0;
const GAP: f64 = 18.0;

/// A legend whose places are known.
pub(super) struct Legend<'a> {
    /// Entry, text as it fits, x, line.
    placed: Vec<(&'a Entry, String, f64, usize)>,
    /// Its height, in SVG units; 0 when it is empty.
    pub(super) height: f64,
}

impl<'a> Legend<'a> {
    /// Places entries from `left` to the figure's right edge.
    pub(super) fn place(entries: &'a [Entry], left: f64) -> Self {
        let mut placed = Vec::new();
        let (mut x, mut line) = (left, 0);
        for entry in entries {
            let text = Text::PLAIN.fit(&entry.label, WIDTH - left - SAMPLE - GAP);
            let width = SAMPLE + Text::PLAIN.width(&text) + GAP;
            if x > left && x + width - GAP > WIDTH {
                (x, line) = (left, line + 1);
            }
            placed.push((entry, text, x, line));
            x += width;
        }
        let height = if entries.is_empty() { 0.0 } else { (line + 1) as f64 * ROW + 4.0 };
        Self { placed, height }
    }

    /// Draws the entries with their top at `top`.
    pub(super) fn draw(&self, svg: &mut Svg, top: f64) {
        for (entry, text, x, line) in &self.placed {
            let slot = entry.slot;
            let y = top + *line as f64 * ROW + ROW / 2.0;
            let (end, middle) = (x + SAMPLE - 8.0, x + (SAMPLE - 8.0) / 2.0);
            let (class, colour) = (stroke_class(slot), colour(slot).to_owned());
            let line = match entry.kind {
                EntryKind::Line => Some((class, colour, "none")),
                EntryKind::Reference => Some((class, colour, dashes(slot))),
                EntryKind::Chance => Some(("rt-axis".to_owned(), MUTED.to_owned(), CHANCE_DASHES)),
                EntryKind::Dot => None,
            };
            if let Some((class, colour, dashes)) = line {
                svg.element(
                    "line",
                    &[
                        ("class", class),
                        ("x1", number(*x)),
                        ("y1", number(y)),
                        ("x2", number(end)),
                        ("y2", number(y)),
                        ("stroke", colour),
                        ("stroke-width", "2".into()),
                        ("stroke-dasharray", dashes.into()),
                    ],
                );
            }
            if matches!(entry.kind, EntryKind::Line | EntryKind::Dot) {
                marker(svg, slot, (middle, y), 4.2, &entry.label);
            }
            svg.text((x + SAMPLE, y + 4.0), Anchor::Start, Text::PLAIN, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_never_overlap_nor_leave_the_figure(labels in prop::collection::vec(".{0,60}", 0..30)) {
            let entries: Vec<Entry> = labels.into_iter().map(|label| Entry { slot: 0, label, kind: EntryKind::Line }).collect();
            let legend = Legend::place(&entries, 50.0);
            for pair in legend.placed.windows(2) {
                let (_, text, x, line) = &pair[0];
                prop_assert!(pair[1].3 > *line || pair[1].2 >= x + SAMPLE + Text::PLAIN.width(text));
            }
            for (_, text, x, _) in &legend.placed {
                prop_assert!(x + SAMPLE + Text::PLAIN.width(text) <= WIDTH);
            }
        }
    }
}
