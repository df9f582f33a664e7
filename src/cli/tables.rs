//! Tables of reports in a terminal, with what a report says before them.

use super::grid::{Drawn, Gives, Grid, Lane};
use super::print::paragraphs;
use crate::report::{Align, Cell, Column, Opening, Table};

/// Writes what a report says first: how much was scored, what came of it, and what to beware of.
pub(super) fn opening(opening: &Opening, columns: Option<usize>) -> String {
    let Opening { title, lead, findings, warnings } = opening;
    let mut out = format!("{}\n{}\n", paragraphs(title, columns, 0), paragraphs(lead, columns, 0));
    for finding in findings {
        out += &format!("- {}\n", paragraphs(finding, columns, 2));
    }
    for warning in warnings {
        out += &format!("warning: {}\n", paragraphs(warning, columns, 9));
    }
    out
}

/// Writes a table and its notes.
pub(super) fn table(table: &Table, columns: Option<usize>) -> String {
    let Drawn { text, left_out } = grid(table).draw(columns);
    let mut out = format!("{}\n{text}", paragraphs(&table.title, columns, 0));
    if !left_out.is_empty() {
        let named: Vec<String> = left_out.iter().map(|heading| format!("`{heading}`")).collect();
        let said = format!("Not shown at this width: {}. The files of the report have all columns.", named.join(", "));
        out += &format!("- {}\n", paragraphs(&said, columns, 2));
    }
    for note in &table.notes {
        out += &format!("- {}\n", paragraphs(note, columns, 2));
    }
    out
}

fn grid(table: &Table) -> Grid {
    let lane = |column: &Column| Lane {
        heading: column.name.clone(),
        right: column.align == Align::Right,
        gives: if column.align == Align::Prose { Gives::Prose } else { Gives::Nothing },
        spare: column.spare,
    };
    Grid {
        lanes: table.columns.iter().map(lane).collect(),
        rows: table.rows.iter().map(|row| row.iter().map(written).collect()).collect(),
        ruled: true,
    }
}

/// Writes a cell for a terminal: what stands below in smaller letters is a line of its own.
fn written(cell: &Cell) -> String {
    let plain = Cell { small: String::new(), ..cell.clone() }.plain();
    if cell.small.is_empty() { plain } else { format!("{plain}\n{}", cell.small) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_break_between_words_and_say_what_is_not_shown() {
        let columns = vec![Column::words("arm"), Column::numbers("accuracy %"), Column::numbers("n").spare(1)];
        let row =
            |arm: &str| vec![Cell::words(arm), Cell::number(0.5, "50.0 [40.0, 60.0]"), Cell::number(1e6, "1,000,000")];
        let made = Table {
            title: "Accuracy of each arm".into(),
            columns,
            rows: vec![row("after"), row("before")],
            notes: vec!["Brackets hold 95 % intervals (Wilson), which are said at length here.".into()],
        };
        let narrow = table(&made, Some(34));
        assert!(narrow.lines().all(|line| line.chars().count() <= 34), "{narrow}");
        assert!(narrow.contains("- Not shown at this width: `n`."), "{narrow}");
        let words: Vec<&str> = narrow.split_whitespace().collect();
        assert!(["intervals", "(Wilson),", "length"].iter().all(|word| words.contains(word)), "{narrow}");
        // Through a pipe, nothing is broken or left out.
        let wide = table(&made, None);
        assert!(wide.contains("1,000,000") && wide.ends_with(&format!("- {}\n", made.notes[0])), "{wide}");
    }
}
