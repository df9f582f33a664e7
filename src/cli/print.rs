//! Printing: data to stdout, talk to stderr, colour only where it is welcome.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::exit::Failure;

/// Says whether talk may be coloured.
pub(super) fn colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Says whether talk goes to a terminal.
pub(super) fn talks_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes data to stdout; a reader that has gone away is no error.
pub(super) fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        note(&format!("cannot write to stdout: {error}"));
    }
}

/// Writes a value as JSON to stdout.
pub(super) fn json(value: &impl serde::Serialize) {
    data(&serde_json::to_string_pretty(value).expect("answers have string keys"));
}

/// Ends the line on stderr that a bar has left open.
pub(super) fn line_end() {
    let _ = writeln!(anstream::stderr());
}

/// Says something on stderr that is not an error.
pub(super) fn note(text: &str) {
    let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    let _ = writeln!(anstream::stderr(), "{style}note:{style:#} {text}");
}

/// Says on stderr why a command did not do what was asked.
pub(super) fn failure(failure: &Failure) {
    let (red, cyan) = (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default().bold());
    let mut err = anstream::stderr();
    let _ = if failure.message.contains('\n') {
        writeln!(err, "{}", failure.message)
    } else {
        writeln!(err, "{red}error:{red:#} {}", failure.message)
    };
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "{cyan}hint:{cyan:#} {hint}");
    }
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
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    }
    table.set_header(headings.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}
