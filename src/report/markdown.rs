//! The report as Markdown, for a repository or a notebook.

use std::fmt::Write;

use super::{Align, Cell, Opening, ReportInput, Section, Table};

/// Writes the report; figures are referred to by their number.
pub(super) fn markdown(input: &ReportInput, opening: &Opening, sections: &[Section]) -> String {
    let mut out = String::new();
    let named =
        if input.experiment.is_empty() { String::new() } else { format!("Experiment {}. ", code(&input.experiment)) };
    let Opening { title: _, lead, findings, warnings } = opening;
    let _ = write!(out, "# {}\n\n{named}{lead}\n", escape(&input.title));
    notes_into(&mut out, findings);
    for warning in warnings {
        let _ = write!(out, "\n> **Warning:** {}\n", prose(warning));
    }
    for section in sections {
        let nested = !section.title.is_empty();
        if nested {
            let _ = write!(out, "\n## {}\n", escape(&section.title));
        }
        for figure in &section.figures {
            let (alt, caption) = (escape(&figure.caption), prose(&figure.caption));
            let _ = write!(out, "\n![{alt}]({})\n\n*{caption}*\n", figure.file);
        }
        for table in &section.tables {
            table_into(&mut out, table, if nested { "###" } else { "##" });
        }
    }
    if !input.provenance.is_empty() {
        out.push_str("\n## Provenance\n\n");
        for (name, value) in &input.provenance {
            let _ = writeln!(out, "- {}: {}", escape(name), code(value));
        }
    }
    out
}

fn table_into(out: &mut String, table: &Table, level: &str) {
    if !table.title.is_empty() {
        let _ = write!(out, "\n{level} {}\n", escape(&table.title));
    }
    out.push_str("\n|");
    for column in &table.columns {
        let _ = write!(out, " {} |", escape(&column.name));
    }
    out.push_str("\n|");
    for column in &table.columns {
        out.push_str(if column.align == Align::Right { "---:|" } else { "---|" });
    }
    out.push('\n');
    for row in &table.rows {
        out.push('|');
        for cell in row {
            let _ = write!(out, " {} |", cell_text(cell));
        }
        out.push('\n');
    }
    notes_into(out, &table.notes);
}

fn cell_text(cell: &Cell) -> String {
    let Cell { text, value, small, side, best } = cell;
    // Our own numbers need no escapes, and read better without.
    let mut out = if value.is_some() { one_line(text).replace('|', "\\|") } else { escape(text) };
    if *best {
        out = format!("**{out}**");
    }
    if let Some(side) = side {
        out = out + " " + side.arrow();
    }
    if small.is_empty() { out } else { format!("{out}<br>{}", escape(small)) }
}

fn notes_into(out: &mut String, notes: &[String]) {
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        let _ = writeln!(out, "- {}", prose(note));
    }
}

/// Escapes a note, all but what stands in backticks.
fn prose(note: &str) -> String {
    let parts: Vec<&str> = note.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(note);
    }
    let part = |(index, part): (usize, &&str)| if index % 2 == 1 { code(part) } else { escape(part) };
    parts.iter().enumerate().map(part).collect()
}

/// Writes a value as a code span with a fence longer than any run of backticks in it.
fn code(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    if longest == 0 {
        return format!("`{text}`");
    }
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Escapes what Markdown or HTML would read as markup.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in one_line(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_stays_text() {
        assert_eq!(escape("a|b_c*<img>\n`x`"), "a\\|b\\_c\\*&lt;img> \\`x\\`");
        assert_eq!(prose("see `scores[a_b=1]` _now_"), "see `scores[a_b=1]` \\_now\\_");
        assert_eq!(code("a``b"), "``` a``b ```");
    }
}
