//! Lines with marks and, where wanted, colours.

use std::fmt::Write as _;
use std::io::Write;

use anstyle::{AnsiColor, Style};

use super::super::clean::{shorten_end, shorten_name, width, wrapped};
use super::line::{Line, Mark};
use super::narrate::Narrator;
use crate::event::{Event, Reporter};

/// The fewest columns that a name is shortened to.
const NAME_COLUMNS: usize = 16;
/// The fewest columns that an aside is worth showing in.
const ASIDE_COLUMNS: usize = 12;
/// The columns between two parts of a line.
const GAP: usize = 2;
/// What stands before the further lines of a text.
const INDENT: &str = "    ";

/// Writes marked lines of any width, without bars.
#[derive(Debug)]
pub(super) struct Styled<W: Write> {
    out: W,
    narrator: Narrator,
    colour: bool,
}

impl<W: Write> Styled<W> {
    pub(super) fn new(out: W, quiet: bool, verbose: u8, colour: bool) -> Self {
        Self { out, narrator: Narrator::new(quiet, verbose), colour }
    }
}

impl<W: Write> Reporter for Styled<W> {
    fn report(&mut self, event: &Event) {
        if let Some(line) = self.narrator.hear(event).filter(|line| line.mark != Mark::Start) {
            // Nobody is left to tell when stderr is gone, and the run is worth finishing.
            let _ = writeln!(self.out, "{}", styled(&line, None, self.colour));
        }
    }
}

/// Lays a line out for a terminal of `columns`, or of any width.
///
/// Names are shortened and asides left out where they do not fit; texts are broken between words. Errors and warnings are
/// shown in full, and so are the names they belong to.
pub(super) fn styled(line: &Line, columns: Option<usize>, colour: bool) -> String {
    let Line { mark, name, text, facts, aside, body } = line;
    let (sign, style) = sign(*mark);
    let paint = |style: Style, text: &str| paint(text, style, colour);
    let text = &match mark {
        Mark::Fail if !name.is_empty() => format!("failed {text}"),
        Mark::Stop if !name.is_empty() => format!("stopped: {text}"),
        Mark::Skip if !name.is_empty() => format!("left out: {text}"),
        _ => text.clone(),
    };
    let whole = matches!(mark, Mark::Fail | Mark::Warn);
    let mut room = columns.filter(|_| !whole).map_or(usize::MAX, |columns| columns.saturating_sub(2));
    let mut parts = Vec::new();
    if !name.is_empty() {
        let needed = if text.is_empty() { 0 } else { width(text) + GAP };
        let name = shorten_name(name, room.saturating_sub(needed).max(NAME_COLUMNS));
        room = room.saturating_sub(width(&name) + GAP);
        parts.push(paint(if *mark == Mark::Run { Style::new().bold() } else { Style::new() }, &name));
    }
    if !text.is_empty() {
        let of_run = name.is_empty() && matches!(mark, Mark::Done | Mark::Fail | Mark::Stop);
        let taken = 2 + parts.first().map_or(0, |name| width(name) + GAP);
        let text = wrapped(text, columns.unwrap_or(usize::MAX), taken, INDENT);
        // An aside after a text that filled several lines would be one more thing to untangle.
        room = if text.contains('\n') { 0 } else { room.saturating_sub(width(&text)) };
        parts.push(paint(if of_run { Style::new().bold() } else { Style::new() }, &text));
    }
    for (part, style) in [(facts, Style::new()), (aside, Style::new().dimmed())] {
        if !part.is_empty() && room >= width(part).min(ASIDE_COLUMNS) + GAP {
            let part = shorten_end(part, room - GAP);
            room -= width(&part) + GAP;
            parts.push(paint(style, &part));
        }
    }
    let mut out = format!("{} {}", paint(style, sign), parts.join("  "));
    for more in body {
        let more = wrapped(more, columns.unwrap_or(usize::MAX), width(INDENT), INDENT);
        let _ = write!(out, "\n{INDENT}{more}");
    }
    out
}

/// Wraps text in a style, where colours are wanted.
pub(super) fn paint(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

fn sign(mark: Mark) -> (&'static str, Style) {
    let coloured = |colour: AnsiColor| colour.on_default();
    match mark {
        Mark::Run | Mark::Start => ("›", coloured(AnsiColor::Cyan)),
        Mark::Wait => ("…", coloured(AnsiColor::Cyan)),
        Mark::Hit | Mark::Evict => ("·", Style::new().dimmed()),
        Mark::Done => ("✓", coloured(AnsiColor::Green)),
        Mark::Fail => ("✗", coloured(AnsiColor::Red).bold()),
        Mark::Stop => ("■", coloured(AnsiColor::Yellow)),
        Mark::Skip => ("–", coloured(AnsiColor::Yellow)),
        Mark::Warn => ("!", coloured(AnsiColor::Yellow).bold()),
    }
}
