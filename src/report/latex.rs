//! The tables for LaTeX, with `booktabs`: a file to `\input`.

use std::fmt::Write;

use super::{Align, Cell, ReportInput, Section, Side, Table};

const HEAD: &str = "\
% Tables of a Retort report. In the preamble: \\usepackage{booktabs}, and with an engine before 2018 \\usepackage[utf8]{inputenc}.
% Every table is a float of its own; \\resizebox or \\small makes a wide one fit.
";

/// Writes every table of every section.
pub(super) fn latex(input: &ReportInput, sections: &[Section]) -> String {
    let mut out = HEAD.to_owned();
    let mut number = 0;
    for table in sections.iter().flat_map(|section| &section.tables) {
        number += 1;
        table_into(&mut out, table, &format!("{}-{number}", label(&input.title)));
    }
    out
}

/// Makes a label's name: letters and digits in lower case, hyphens for all else.
fn label(title: &str) -> String {
    let plain: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).take(6).collect();
    if parts.is_empty() { "report".to_owned() } else { parts.join("-") }
}

fn table_into(out: &mut String, table: &Table, name: &str) {
    let columns: String = table.columns.iter().map(|column| align(column.align)).collect();
    let _ = write!(
        out,
        "\n\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{name}}}\n  \\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n    \\toprule\n",
        prose(&table.title)
    );
    let heads: Vec<String> = table.columns.iter().map(|column| escape(&column.name)).collect();
    let _ = write!(out, "    {} \\\\\n    \\midrule\n", heads.join(" & "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        let _ = writeln!(out, "    {} \\\\", cells.join(" & "));
        // What stands below in smaller letters is a line of its own, close to the first.
        if row.iter().any(|cell| !cell.small.is_empty()) {
            let below: Vec<String> = row.iter().map(small).collect();
            let _ = writeln!(out, "    {} \\\\[2pt]", below.join(" & "));
        }
    }
    out.push_str("    \\bottomrule\n  \\end{tabular}\n");
    for note in &table.notes {
        let _ = writeln!(out, "  \\par\\footnotesize {}", prose(note));
    }
    out.push_str("\\end{table}\n");
}

fn align(align: Align) -> &'static str {
    match align {
        Align::Left => "l",
        Align::Right => "r",
        Align::Prose => "p{0.3\\linewidth}",
    }
}

fn cell(cell: &Cell) -> String {
    let mut text = escape(&cell.text);
    if cell.best {
        text = format!("\\textbf{{{text}}}");
    }
    match cell.side {
        Some(Side::Above) => text + "$^{\\uparrow}$",
        Some(Side::Below) => text + "$^{\\downarrow}$",
        None => text,
    }
}

fn small(cell: &Cell) -> String {
    if cell.small.is_empty() { String::new() } else { format!("{{\\scriptsize {}}}", escape(&cell.small)) }
}

/// Escapes a sentence and sets what stands in backticks as code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let part = |(index, part): (usize, &&str)| {
        if index % 2 == 1 { format!("\\texttt{{{}}}", escape(part)) } else { escape(part) }
    };
    parts.iter().enumerate().map(part).collect()
}

/// Escapes what LaTeX would read as a command, and writes the signs of this program's own numbers and words as commands
/// that every engine knows. Other letters stay as they are: for scripts beyond Latin LuaLaTeX or XeLaTeX with a fitting font
/// is needed.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => out.extend(['\\', c]),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("''"),
            '`' => out.push_str("\\textasciigrave{}"),
            // A bracket after `\\` at the start of a row would be read as that command's argument.
            '[' => out.push_str("{[}"),
            ']' => out.push_str("{]}"),
            '−' => out.push_str("$-$"),
            '≈' => out.push_str("$\\approx$"),
            '×' => out.push_str("$\\times$"),
            '≤' => out.push_str("$\\leq$"),
            '≥' => out.push_str("$\\geq$"),
            '↑' => out.push_str("$\\uparrow$"),
            '↓' => out.push_str("$\\downarrow$"),
            '→' => out.push_str("$\\rightarrow$"),
            '·' => out.push_str("$\\cdot$"),
            '★' => out.push_str("$\\star$"),
            '–' => out.push_str("--"),
            '…' => out.push_str("\\dots{}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::Column;

    #[test]
    fn names_never_become_commands() {
        assert_eq!(
            escape(r"a_b & 50 % \input{x} ^~ [1, −2]"),
            r"a\_b \& 50 \% \textbackslash{}input\{x\} \textasciicircum{}\textasciitilde{} {[}1, $-$2{]}"
        );
        assert_eq!(prose("see `a_b` now"), r"see \texttt{a\_b} now");
        assert_eq!(label("Table 1: no rationale, one_before"), "table-1-no-rationale-one-before");
        assert_eq!(label("…"), "report");
    }

    #[test]
    fn a_table_has_rules_and_marks() {
        let best = Cell {
            small: "n 552, parsed 98.7 %".into(),
            side: Some(Side::Above),
            best: true,
            ..Cell::number(0.612, "61.2 [57.1, 65.2]")
        };
        let table = Table {
            title: "Accuracy".into(),
            columns: vec![Column::words("placement"), Column::numbers("quarel %")],
            rows: vec![vec![Cell::words("after"), best], vec![Cell::words("none"), Cell::words("–")]],
            notes: vec!["Of `x`.".into()],
        };
        let input = ReportInput { title: "T".into(), ..ReportInput::default() };
        expect![[r"
            % Tables of a Retort report. In the preamble: \usepackage{booktabs}, and with an engine before 2018 \usepackage[utf8]{inputenc}.
            % Every table is a float of its own; \resizebox or \small makes a wide one fit.

            \begin{table}
              \centering
              \caption{Accuracy}
              \label{tab:t-1}
              \begin{tabular}{@{}lr@{}}
                \toprule
                placement & quarel \% \\
                \midrule
                after & \textbf{61.2 {[}57.1, 65.2{]}}$^{\uparrow}$ \\
                 & {\scriptsize n 552, parsed 98.7 \%} \\[2pt]
                none & -- \\
                \bottomrule
              \end{tabular}
              \par\footnotesize Of \texttt{x}.
            \end{table}
        "]]
        .assert_eq(&latex(&input, &[Section::of(table)]));
    }
}
