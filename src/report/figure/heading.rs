//! Headings of panels side by side, in as many lines as the longest needs: what tells two apart may be its last word.

use super::svg::{Anchor, Svg, Text};

/// The height of a line.
const LINE: f64 = 16.0;

/// The headings of panels of one width.
pub(super) struct Headings(Vec<Vec<String>>);

impl Headings {
    /// Breaks headings to a width.
    pub(super) fn of<'a>(headings: impl IntoIterator<Item = &'a str>, width: f64) -> Self {
        Self(headings.into_iter().map(|heading| Text::HEADING.lines(heading, width)).collect())
    }

    /// Says whether no panel has a heading.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// The room that they take beyond one line.
    pub(super) fn more(&self) -> f64 {
        let most = self.0.iter().map(Vec::len).max().unwrap_or(0);
        LINE * most.saturating_sub(1) as f64
    }

    /// Draws a heading with its last line at a place.
    pub(super) fn draw(&self, svg: &mut Svg, index: usize, (left, last): (f64, f64)) {
        for (above, line) in self.0[index].iter().rev().enumerate() {
            svg.text((left, last - LINE * above as f64), Anchor::Start, Text::HEADING, line);
        }
    }
}
