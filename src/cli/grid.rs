//! Tables that fit a terminal. Headings break first, then intervals, then the least important columns go; where even that is
//! too wide, each row becomes a list. Words stay whole.

use comfy_table::{CellAlignment, LineStyle, Table, presets};

use super::clean::{shorten_name, width, wrapped};

/// The columns that stand beside the text of a cell, and with rules between two cells.
const PADDING: usize = 2;
const BETWEEN: usize = 1;
/// The fewest columns of a name that is shortened, and of sentences.
const NAME_COLUMNS: usize = 16;
const PROSE_COLUMNS: usize = 24;
/// What stands for a value that is absent.
const ABSENT: &str = "–";

/// How a column becomes narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// Not at all, but for its heading and its intervals.
    Nothing,
    /// Names of instances are shortened, as in `tuned[gpt2…0]`.
    Name,
    /// Sentences are broken between words.
    Prose,
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// What stands above it.
    pub(super) heading: String,
    /// Whether it is flush right.
    pub(super) right: bool,
    /// How it becomes narrower.
    pub(super) gives: Gives,
    /// How soon it is left out: the highest goes first, 0 stays.
    pub(super) spare: u8,
}

impl Lane {
    /// Makes a column that keeps its words.
    pub(super) fn words(heading: &str) -> Self {
        Self { heading: heading.to_owned(), right: false, gives: Gives::Nothing, spare: 0 }
    }

    /// Makes a column of names of instances.
    pub(super) fn name(heading: &str) -> Self {
        Self { gives: Gives::Name, ..Self::words(heading) }
    }

    /// Makes a column of sentences.
    pub(super) fn prose(heading: &str) -> Self {
        Self { gives: Gives::Prose, ..Self::words(heading) }
    }

    /// Leaves it out where there is no room for all columns; the highest goes first.
    pub(super) fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

/// A table: every row has as many cells as there are columns, and a cell may have several lines.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// The columns.
    pub(super) lanes: Vec<Lane>,
    /// The rows.
    pub(super) rows: Vec<Vec<String>>,
    /// Whether rules are drawn.
    pub(super) ruled: bool,
}

/// A table as it is printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// Its lines, each with an end.
    pub(super) text: String,
    /// The headings of the columns that it has no room for.
    pub(super) left_out: Vec<String>,
}

/// What is broken into lines to save room; each does what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Broken {
    Nothing,
    Headings,
    Intervals,
}

impl Grid {
    /// Draws it within so many columns, or as wide as it is.
    pub(super) fn draw(&self, room: Option<usize>) -> Drawn {
        let mut kept: Vec<usize> = (0..self.lanes.len()).collect();
        let mut left_out = Vec::new();
        loop {
            for broken in [Broken::Nothing, Broken::Headings, Broken::Intervals] {
                if let Some(widths) = self.widths(&kept, broken, room) {
                    return Drawn { text: self.table(&kept, &widths, broken), left_out };
                }
            }
            let spare = |lane: &&usize| self.lanes[**lane].spare > 0;
            let Some(&next) = kept.iter().filter(spare).max_by_key(|lane| (self.lanes[**lane].spare, **lane)) else {
                return Drawn { text: self.lists(room.unwrap_or(usize::MAX)), left_out: Vec::new() };
            };
            kept.retain(|lane| *lane != next);
            left_out.push(self.lanes[next].heading.clone());
        }
    }

    /// Finds how wide each kept column is; `None` where there is no room for all of them.
    fn widths(&self, kept: &[usize], broken: Broken, room: Option<usize>) -> Option<Vec<usize>> {
        let natural: Vec<usize> = kept.iter().map(|&lane| self.natural(lane, broken)).collect();
        let Some(room) = room else { return Some(natural) };
        let between = if self.ruled { BETWEEN * kept.len().saturating_sub(1) } else { 0 };
        let room = room.checked_sub(PADDING * kept.len() + between)?;
        if broken == Broken::Nothing {
            return (natural.iter().sum::<usize>() <= room).then_some(natural);
        }
        let mut widths: Vec<usize> =
            kept.iter().zip(&natural).map(|(&lane, &natural)| self.least(lane, natural)).collect();
        let mut left = room.checked_sub(widths.iter().sum())?;
        for gives in [Gives::Name, Gives::Prose] {
            for (at, _) in kept.iter().enumerate().filter(|(_, lane)| self.lanes[**lane].gives == gives) {
                let more = natural[at].saturating_sub(widths[at]).min(left);
                (widths[at], left) = (widths[at] + more, left - more);
            }
        }
        Some(widths)
    }

    /// The columns that a column takes where its names and sentences are not made shorter.
    fn natural(&self, lane: usize, broken: Broken) -> usize {
        let heading = &self.lanes[lane].heading;
        let heading = if broken == Broken::Nothing { width(heading) } else { longest_word(&bound(heading)) };
        let cells = self.rows.iter().filter_map(|row| {
            let cell = self.cell(lane, &row[lane], broken);
            cell.lines().map(width).max()
        });
        cells.fold(heading, usize::max)
    }

    /// The fewest columns that it can do with.
    fn least(&self, lane: usize, natural: usize) -> usize {
        let heading = longest_word(&bound(&self.lanes[lane].heading));
        match self.lanes[lane].gives {
            Gives::Nothing => natural,
            Gives::Name => natural.min(NAME_COLUMNS.max(heading)),
            Gives::Prose => {
                let taken = |word: &str| if is_name(word) { width(word).min(NAME_COLUMNS) } else { width(word) };
                let words = self.rows.iter().flat_map(|row| row[lane].split([' ', '\n'])).map(taken).max().unwrap_or(0);
                natural.min(PROSE_COLUMNS).max(words).max(heading)
            }
        }
    }

    /// A cell before it is fitted to its column.
    fn cell(&self, lane: usize, text: &str, broken: Broken) -> String {
        let interval = broken >= Broken::Intervals && self.lanes[lane].right;
        if interval { text.replace(" [", "\n[") } else { text.to_owned() }
    }

    fn table(&self, kept: &[usize], widths: &[usize], broken: Broken) -> String {
        let mut table = Table::new();
        let fitted = |lane: usize, columns: usize, text: &str| -> String {
            let text = self.cell(lane, text, broken);
            let lines = text.lines().map(|line| match self.lanes[lane].gives {
                Gives::Nothing => line.to_owned(),
                Gives::Name => shorten_name(line, columns),
                Gives::Prose => wrapped(&named_shortly(line, columns), columns, 0, ""),
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| kept.iter().zip(widths).map(|(&lane, &columns)| fitted(lane, columns, &row[lane])).collect())
            .collect();
        let several = rows.iter().flatten().any(|cell| cell.contains('\n'));
        table.load_style(match (self.ruled, several) {
            (true, true) => presets::UTF8_HORIZONTAL_ONLY,
            (true, false) => presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()),
            (false, _) => presets::NOTHING,
        });
        let heading = |(&lane, &columns): (&usize, &usize)| {
            let heading = &self.lanes[lane].heading;
            let broken =
                if broken == Broken::Nothing { heading.clone() } else { wrapped(&bound(heading), columns, 0, "") };
            broken.replace('\u{a0}', " ")
        };
        table.set_header(kept.iter().zip(widths).map(heading).collect::<Vec<_>>());
        for row in rows {
            table.add_row(row);
        }
        for (at, _) in kept.iter().enumerate().filter(|(_, lane)| self.lanes[**lane].right) {
            if let Some(column) = table.column_mut(at) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        lines(table.to_string().lines())
    }

    /// Writes each row as a list of its values.
    fn lists(&self, room: usize) -> String {
        let longest = self.lanes.iter().map(|lane| width(&lane.heading)).max().unwrap_or(0);
        let beside = longest <= room / 2;
        let indent = " ".repeat(if beside { longest + 2 } else { 2 });
        let list = |row: &Vec<String>| -> Vec<String> {
            let given = self.lanes.iter().zip(row).filter(|(_, cell)| !cell.is_empty() && *cell != ABSENT);
            let line = |(lane, cell): (&Lane, &String)| {
                let value = cell.lines().collect::<Vec<_>>().join(", ");
                let value = wrapped(&value, room, indent.len(), &indent);
                if beside {
                    let padding = " ".repeat(indent.len() - width(&lane.heading));
                    format!("{}{padding}{value}", lane.heading)
                } else {
                    format!("{}\n{indent}{value}", wrapped(&lane.heading, room, 0, ""))
                }
            };
            given.map(line).collect()
        };
        let rows: Vec<String> =
            self.rows.iter().map(|row| lines(list(row).iter().flat_map(|line| line.lines()))).collect();
        rows.join("\n")
    }
}

/// Ends every line, with nothing blank before its end.
fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Binds a unit to the word before it.
fn bound(heading: &str) -> String {
    heading.replace(" %", "\u{a0}%")
}

/// Says whether a word is the name of an instance, which may be shortened.
fn is_name(word: &str) -> bool {
    word.ends_with(']') && word.contains('[') && !word.starts_with('[')
}

/// Shortens the names of instances in a sentence that are wider than its column.
fn named_shortly(line: &str, columns: usize) -> String {
    let word = |word: &str| if is_name(word) { shorten_name(word, columns) } else { word.to_owned() };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn longest_word(text: &str) -> usize {
    text.split([' ', '\n']).map(width).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(heading: &str, spare: u8) -> Lane {
        Lane { right: true, ..Lane::words(heading) }.spare(spare)
    }

    fn arms() -> Grid {
        let row = |cells: [&str; 7]| cells.map(str::to_owned).to_vec();
        Grid {
            lanes: vec![
                Lane::words("placement"),
                number("accuracy %", 0),
                number("n", 6),
                number("above chance", 4),
                number("vs baseline", 0),
                number("p", 7),
                number("p, Holm", 3),
            ],
            rows: vec![
                row(["none", "40.0 [21.9, 61.3]", "20", "−10.0 [−28.1, +11.3]", "baseline", "–", "–"]),
                row([
                    "after",
                    "90.0 [69.9, 97.2]",
                    "20",
                    "+40.0 [+19.9, +47.2]",
                    "+50.0 [+30.0, +70.0]",
                    "0.002",
                    "0.006",
                ]),
            ],
            ruled: true,
        }
    }

    /// Draws a table, checks that it fits, and returns it with the headings that it has no room for.
    #[track_caller]
    fn drawn(grid: &Grid, room: usize) -> (String, Vec<String>) {
        let Drawn { text, left_out } = grid.draw(Some(room));
        for line in text.lines() {
            assert!(width(line) <= room, "{} columns: {line}", width(line));
        }
        (text, left_out)
    }

    #[test]
    fn a_table_loses_lines_first_and_columns_then() {
        let left_out = |room: usize| drawn(&arms(), room).1;
        assert!(left_out(120).is_empty());
        assert_eq!(left_out(80), ["p"]);
        assert_eq!(left_out(50), ["p", "n", "above chance", "p, Holm"]);
        assert!(drawn(&arms(), 120).0.contains("40.0 [21.9, 61.3]"));
        let (narrow, _) = drawn(&arms(), 80);
        assert!(!narrow.contains("40.0 [") && narrow.contains("[21.9, 61.3]"), "{narrow}");
        // As a list, everything is there again.
        let (list, without) = drawn(&arms(), 34);
        assert!(without.is_empty() && list.contains("p, Holm") && list.contains("0.006"), "{list}");
    }

    #[test]
    fn names_and_sentences_fraction_what_is_there() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let grid = Grid {
            lanes: vec![Lane::words(""), Lane::name("instance"), Lane::prose("why")],
            rows: vec![
                row([
                    "run",
                    "tuned[student=gpt2,placement=after,fraction=0.4,run=0]",
                    "fraction: 0.4 → 0.5, recipe.lr: 0.0003 → 0.001, 3 more",
                ]),
                row(["awaits", "scores[run=0]", "after tuned[student=gpt2,placement=after,fraction=0.4,run=0]"]),
            ],
            ruled: false,
        };
        for (room, name) in [(80, "tuned[gpt2,after,0.4,0]"), (120, "tuned[student=gpt2,placement=after,")] {
            let (text, left_out) = drawn(&grid, room);
            assert!(left_out.is_empty() && text.contains(name), "{text}");
            let heading = text.lines().next().unwrap_or_default();
            assert!(heading.contains("instance") && heading.contains("why"), "{text}");
        }
        assert!(grid.draw(None).text.contains("tuned[student=gpt2,placement=after,fraction=0.4,run=0]"));
    }

    proptest! {
        #[test]
        fn every_word_is_whole_and_every_line_fits(
            cells in proptest::collection::vec(proptest::collection::vec("[a-z]{1,9}( [a-z]{1,9}){0,6}", 4), 1..5),
            spare in proptest::collection::vec(0_u8..4, 4),
            prose in proptest::collection::vec(any::<bool>(), 4),
            room in 24_usize..140,
        ) {
            let lanes = spare.iter().zip(&prose).enumerate().map(|(at, (&spare, &prose))| {
                let heading = format!("column {at} %");
                if prose { Lane::prose(&heading) } else { Lane::words(&heading) }.spare(spare)
            });
            let grid = Grid { lanes: lanes.collect(), rows: cells.clone(), ruled: true };
            let Drawn { text, left_out } = grid.draw(Some(room));
            prop_assert!(text.lines().all(|line| width(line) <= room), "{text}");
            let words: Vec<&str> = text.split_whitespace().collect();
            for row in &cells {
                for (lane, cell) in grid.lanes.iter().zip(row).filter(|(lane, _)| !left_out.contains(&lane.heading)) {
                    prop_assert!(cell.split(' ').all(|word| words.contains(&word)), "{lane:?} {text}");
                }
            }
            prop_assert!(left_out.iter().all(|heading| grid.lanes.iter().any(|lane| lane.heading == *heading && lane.spare > 0)));
        }
    }
}
