//! Panels of one size, side by side and in rows below each other, with room for headings, an upright axis and names below.

use super::heading::Headings;
use super::legend::Legend;
use super::scale::Scale;
use super::svg::{Svg, Text};
use super::{Entry, WIDTH, axis};

const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const GAP: f64 = 22.0;
const HEADING: f64 = 22.0;
/// The room below a panel, for the names of its ticks, and below all of them, for the name of the axis.
const FOOT: f64 = 26.0;
const BOTTOM: f64 = 24.0;

/// The rectangle that a panel's data lie in.
pub(super) struct Place {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// Whether it is the first of its row, so that the upright axis is named beside it.
    first: bool,
}

/// Where the panels of a figure are.
pub(super) struct Panels<'a> {
    legend: Legend<'a>,
    columns: usize,
    rows: usize,
    width: f64,
    plot_height: f64,
    headings: Headings,
    headed: f64,
}

impl<'a> Panels<'a> {
    /// Lays out panels, of which any may have a heading, below a legend. A single one is `tall`, of several each is less so.
    pub(super) fn lay(headings: &[&str], legend: &'a [Entry], tall: f64, less: f64) -> Self {
        let columns = match headings.len() {
            0 | 1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let width = (WIDTH - LEFT - RIGHT - GAP * (columns - 1) as f64) / columns as f64;
        let rows = headings.len().div_ceil(columns).max(1);
        let headings = Headings::of(headings.iter().copied(), width);
        Self {
            legend: Legend::place(legend, LEFT),
            columns,
            rows,
            width,
            plot_height: if columns == 1 { tall } else { less },
            headed: if headings.is_empty() { 4.0 } else { HEADING + headings.more() },
            headings,
        }
    }

    fn top(&self) -> f64 {
        10.0 + self.legend.height
    }

    fn row_height(&self) -> f64 {
        self.headed + self.plot_height + FOOT
    }

    /// The height of the figure.
    pub(super) fn height(&self) -> f64 {
        self.top() + self.rows as f64 * self.row_height() + BOTTOM
    }

    /// Draws the legend, and the names of both axes.
    pub(super) fn draw(&self, svg: &mut Svg, upright: &str, along: &str) {
        self.legend.draw(svg, 8.0);
        let middle = self.top() + self.headed + self.plot_height / 2.0;
        axis::upright_name(svg, middle, upright);
        let name = Text::TICK.fit(along, WIDTH - LEFT - RIGHT);
        axis::along_name(svg, (f64::midpoint(LEFT, WIDTH - RIGHT), self.height() - 10.0), &name);
    }

    /// Draws the heading and the grid of a panel; returns where its data lie.
    pub(super) fn frame(&self, svg: &mut Svg, index: usize, y: &Scale) -> Place {
        let left = LEFT + (index % self.columns) as f64 * (self.width + GAP);
        let head = self.top() + (index / self.columns) as f64 * self.row_height();
        let top = head + self.headed;
        let first = index.is_multiple_of(self.columns);
        let place = Place { left, right: left + self.width, top, bottom: top + self.plot_height, first };
        self.headings.draw(svg, index, (left, top - 8.0));
        for &tick in &y.ticks {
            let at = y.at(tick, place.bottom, place.top);
            axis::grid(svg, at, (place.left, place.right), place.first.then(|| y.tick(tick)).as_deref());
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn panels_lie_inside_the_figure_and_apart(count in 0..14_usize, headed: bool, tall in 50.0..400.0_f64) {
            let headings = vec![if headed { "a" } else { "" }; count];
            let panels = Panels::lay(&headings, &[], tall, tall / 2.0);
            let mut svg = Svg::new(WIDTH, panels.height(), "", "");
            let y = Scale::nice(0.0, 1.0, 4, None);
            let places: Vec<Place> = (0..count).map(|index| panels.frame(&mut svg, index, &y)).collect();
            for (index, place) in places.iter().enumerate() {
                prop_assert!(place.left >= LEFT && place.right <= WIDTH - RIGHT + 1e-9);
                prop_assert!(place.top >= 0.0 && place.bottom + FOOT <= panels.height());
                for other in &places[..index] {
                    let beside = other.right + GAP <= place.left + 1e-9 || place.right + GAP <= other.left + 1e-9;
                    prop_assert!(beside || other.bottom + FOOT <= place.top);
                }
            }
            prop_assert_eq!(places.iter().filter(|place| place.first).count(), if count == 0 { 0 } else { panels.rows });
        }
    }
}
