//! Printing: data to stdout, talk to stderr, colour only where it is welcome.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

use super::clean::{clean, json_escaped, wrapped};
use super::exit::Failure;
use super::grid::{Grid, Lane};

/// Says whether talk goes to a terminal.
pub(super) fn talks_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether something could not be written to stdout.
static LOST: AtomicBool = AtomicBool::new(false);

/// Says whether stdout did not take what it was given, so that whoever reads it has less than there is.
pub(super) fn lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Writes text for a person to stdout: what could move the cursor, colour or reorder text is shown, not obeyed. Text of
/// questions, teachers and students passes through here.
pub(super) fn data(text: &str) {
    raw(clean(text).as_bytes());
}

/// Writes JSON to stdout. What would act on a terminal is escaped, which changes nothing of what it says.
pub(super) fn json_text(text: &str) {
    raw(json_escaped(text).as_bytes());
}

/// Writes a value as JSON to stdout.
pub(super) fn json(value: &impl serde::Serialize) {
    json_text(&serde_json::to_string_pretty(value).expect("answers have string keys"));
}

/// The version of what `--json` prints, as `docs/json.md` describes it. It is raised when a field is renamed, removed or
/// changes its meaning; further fields may come at any time.
const JSON_VERSION: u32 = 1;

/// Writes an answer that is one object as JSON to stdout, with its version.
pub(super) fn answer(value: &impl serde::Serialize) {
    let mut value = serde_json::to_value(value).expect("answers have string keys");
    value.as_object_mut().expect("an answer is an object").insert("version".into(), JSON_VERSION.into());
    json(&value);
}

/// Writes to stdout what a program reads, as it is.
pub(super) fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let end: &[u8] = if bytes.ends_with(b"\n") { b"" } else { b"\n" };
    not_written(out.write_all(bytes).and_then(|()| out.write_all(end)).and_then(|()| out.flush()));
}

/// Takes note of what came of writing to stdout: a reader that has gone away, such as `head`, has seen what it wanted;
/// anything else is said once, and is a failure of the command.
pub(super) fn not_written(outcome: std::io::Result<()>) {
    let Err(error) = outcome else { return };
    if error.kind() != std::io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) {
        failure(&Failure::unusable(format!("cannot write to stdout: {error}")));
    }
}

/// Ends the line on stderr that a bar has left open.
pub(super) fn line_end() {
    let _ = writeln!(anstream::stderr());
}

/// Says something on stderr that is not an error.
pub(super) fn note(text: &str) {
    let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    let _ = writeln!(anstream::stderr(), "{style}note:{style:#} {}", beside("note: ", &clean(text)));
}

/// Breaks what stands beside a word on stderr between words, where that is a terminal.
fn beside(word: &str, text: &str) -> String {
    let Some((_, columns)) = console::Term::stderr().size_checked() else { return text.to_owned() };
    paragraphs(text, Some(usize::from(columns)), word.len())
}

/// Breaks each line of a text between words; the first begins behind `taken` columns, and what follows is indented by as many.
pub(super) fn paragraphs(text: &str, columns: Option<usize>, taken: usize) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let indent = " ".repeat(taken);
    let line = |(at, line): (usize, &str)| wrapped(line, columns, if at == 0 { taken } else { 0 }, &indent);
    text.split('\n').enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns the columns of the terminal that stdout is; `None` where it is none, so that what is piped has any width.
pub(super) fn columns() -> Option<usize> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    std::io::stdout().is_terminal().then_some(usize::from(columns))
}

/// Says on stderr why a command did not do what was asked.
pub(super) fn failure(failure: &Failure) {
    let (red, cyan) = (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default().bold());
    let mut err = anstream::stderr();
    let _ = if failure.message.contains('\n') {
        writeln!(err, "{}", coloured(&failure.message))
    } else {
        writeln!(err, "{red}error:{red:#} {}", beside("error: ", &clean(&failure.message)))
    };
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "{cyan}hint:{cyan:#} {}", beside("hint: ", &clean(hint)));
    }
}

/// Cleans text that may be coloured already, as errors with their lines are.
fn coloured(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut out = clean(pieces.next().unwrap_or_default()).into_owned();
    for piece in pieces {
        let letters = piece.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        match piece.get(letters..).and_then(|rest| rest.strip_prefix('m')) {
            Some(rest) => out += &format!("\u{1b}[{}m{}", &piece[..letters], clean(rest)),
            None => out += &clean(&format!("\u{1b}[{piece}")),
        }
    }
    out
}

/// Writes a number of bytes for a person: `1.5 MiB`.
pub(super) fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// Lays out rows of text under headings, as wide as the terminal allows.
pub(super) fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    grid(headings.iter().map(|heading| Lane::words(heading)).collect(), rows)
}

/// Lays out rows of text in columns that become narrower each in its way, as wide as the terminal allows.
pub(super) fn grid(lanes: Vec<Lane>, rows: Vec<Vec<String>>) -> String {
    Grid { lanes, rows, ruled: false }.draw(columns()).text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_what_else_a_terminal_obeys_does_not() {
        assert_eq!(coloured("a \u{1b}[1;31mred\u{1b}[0m\n"), "a \u{1b}[1;31mred\u{1b}[0m\n");
        assert_eq!(coloured("\u{1b}[2Ja\u{1b}]0;t\u{7}\u{1b}["), "\\u{1b}[2Ja\\u{1b}]0;t\\u{7}\\u{1b}[");
    }
}
