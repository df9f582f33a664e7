//! Values that others stated, set beside the measured ones.

use super::counterpart::same_value;
use super::csv::{Writer, number};
use super::label::{self, ABSENT};
use super::layout::{Group, Layout, value_of};
use super::published::{Beside, Stated};
use super::summary::Summary;
use super::tabulate::{axis_cell, axis_column, labels};
use super::{Cell, Column, ReportError, ReportInput, Table};
use retort_stats::{Estimate, Interval};

/// The column that holds a value; every other one is an axis.
const VALUE: &str = "percent";

impl Beside {
    /// Reads a CSV file whose heading names axes and `percent`: a line for each arm, with nothing where an arm lacks an
    /// axis or no accuracy is stated.
    ///
    /// # Errors
    /// A file that is none, that lacks the column, or whose percentages are no numbers from 0 to 100.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, ReportError> {
        let fail = |why: String| ReportError::Beside { name: name.to_owned(), why };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(bytes);
        let heading = reader.headers().map_err(|error| fail(error.to_string()))?.clone();
        let twice =
            heading.iter().enumerate().find(|(index, name)| heading.iter().take(*index).any(|other| other == *name));
        if let Some((_, name)) = twice {
            return Err(fail(format!("its heading has the column `{name}` twice")));
        }
        let at = heading.iter().position(|name| name == VALUE);
        let at = at.ok_or_else(|| {
            let found = label::list(&heading.iter().map(str::to_owned).collect::<Vec<_>>());
            fail(format!("its heading has no column `{VALUE}`, only {found}"))
        })?;
        let mut rows = Vec::new();
        for line in reader.records() {
            let line = line.map_err(|error| fail(error.to_string()))?;
            let place = line.position().map_or(0, csv::Position::line);
            if line.iter().any(|field| field.contains('\n')) {
                return Err(fail(format!(
                    "line {place}: a field goes on over the end of the line; is a quote not closed?"
                )));
            }
            let axes = heading.iter().zip(&line).enumerate().filter(|(index, _)| *index != at);
            let coords = axes
                .map(|(_, (axis, value))| (axis.to_owned(), Some(value.to_owned()).filter(|value| !value.is_empty())));
            let accuracy = match line.get(at).unwrap_or_default() {
                "" | ABSENT | "-" => None,
                text => {
                    let percent = label::number(text).filter(|percent| (0.0..=100.0).contains(percent));
                    let wrong = || fail(format!("line {place}: `{text}` is no percentage from 0 to 100"));
                    Some(percent.ok_or_else(wrong)? / 100.0)
                }
            };
            rows.push(Stated { coords: coords.collect(), accuracy });
        }
        Ok(Self { name: name.to_owned(), rows })
    }

    /// Finds the value for each group.
    ///
    /// # Errors
    /// An axis that no arm has, and two values for one arm.
    fn of_groups(&self, layout: &Layout) -> Result<Vec<Option<&Stated>>, ReportError> {
        let fail = |why: String| ReportError::Beside { name: self.name.clone(), why };
        let axes: Vec<&String> = self.rows.first().map_or_else(Vec::new, |row| row.coords.keys().collect());
        if let Some(axis) = axes.iter().find(|axis| layout.values(axis).is_empty()) {
            let known = label::list(&layout.axes());
            return Err(fail(format!("it has a column `{axis}`, which is no axis; the axes are {known}")));
        }
        let of = |group: &Group| {
            let fits = |row: &&Stated| {
                row.coords.iter().all(|(axis, value)| match (group.coords.get(axis), value) {
                    (Some(found), Some(wanted)) => same_value(found, wanted),
                    (None, None) => true,
                    _ => false,
                })
            };
            let mut found = self.rows.iter().filter(fits);
            let first = found.next();
            match found.next() {
                Some(_) => Err(fail(format!("it has two values for `{}`", Layout::instance(group)))),
                None => Ok(first),
            }
        };
        layout.groups.iter().map(of).collect()
    }
}

/// A measured accuracy beside the one that was stated.
struct Pair<'a> {
    group: &'a Group,
    measured: Estimate,
    stated: f64,
}

fn pairs<'a>(
    beside: &Beside,
    layout: &'a Layout,
    summaries: &[Summary],
) -> Result<(Vec<Pair<'a>>, usize), ReportError> {
    let found = beside.of_groups(layout)?;
    let pair = |((group, summary), stated): ((&'a Group, &Summary), Option<&Stated>)| {
        Some(Pair { group, measured: summary.accuracy?, stated: stated?.accuracy? })
    };
    let pairs: Vec<Pair<'a>> =
        layout.groups.iter().zip(summaries).zip(found.iter().copied()).filter_map(pair).collect();
    let stated = beside.rows.iter().filter(|row| row.accuracy.is_some()).count();
    let used = found.iter().flatten().filter(|row| row.accuracy.is_some()).map(|row| std::ptr::from_ref(*row));
    let used = used.collect::<std::collections::BTreeSet<_>>().len();
    Ok((pairs, stated - used))
}

/// Makes the table and the file; `None` where nothing is to stand beside.
pub(super) fn table(
    input: &ReportInput,
    layout: &Layout,
    summaries: &[Summary],
) -> Result<Option<(Table, String)>, ReportError> {
    let Some(beside) = &input.beside else { return Ok(None) };
    let (pairs, unused) = pairs(beside, layout, summaries)?;
    let labels = labels(layout, &[]);
    let mut columns: Vec<Column> = labels.iter().map(|axis| axis_column(layout, axis)).collect();
    columns.push(Column::numbers("measured %"));
    columns.push(Column::numbers(format!("{} %", beside.name)));
    columns.push(Column::numbers("difference"));
    columns.push(Column::words("within the interval"));
    let rows = pairs.iter().map(|Pair { group, measured, stated }| {
        let Interval { low, high } = measured.interval;
        let difference = measured.value - stated;
        let mut cells: Vec<Cell> = labels.iter().map(|axis| axis_cell(value_of(group, axis))).collect();
        cells.push(Cell::number(measured.value, label::with_interval(measured, label::percent)));
        // Two decimals, as tables of accuracies have them.
        cells.push(Cell::number(*stated, format!("{:.2}", stated * 100.0)));
        cells.push(Cell::number(difference, label::points(difference)));
        cells.push(Cell::words(if (low..=high).contains(stated) { "yes" } else { "no" }));
        cells
    });
    let rows = rows.collect();
    let mut notes = vec![format!(
        "The values of {} are taken as they stand; the difference is measured minus stated, in percentage points. A value \
         outside the interval of the measured accuracy differs by more than the choice of questions explains, if it had \
         no error of its own.",
        beside.name
    )];
    if unused > 0 {
        let count = label::count(unused);
        notes.push(format!("Values of {} about arms that are not in this report: {count}.", beside.name));
    }
    let csv = file(&labels, &pairs);
    Ok(Some((Table { title: format!("Beside {}", beside.name), columns, rows, notes }, csv)))
}

fn file(labels: &[String], pairs: &[Pair<'_>]) -> String {
    const HEADINGS: [&str; 5] = ["measured", "measured_low", "measured_high", "stated", "difference"];
    let mut csv = Writer::default();
    let heading = |axis: &String| if HEADINGS.contains(&axis.as_str()) { format!("axis:{axis}") } else { axis.clone() };
    csv.row(labels.iter().map(heading).chain(HEADINGS.map(str::to_owned)));
    for Pair { group, measured, stated } in pairs {
        let place = labels.iter().map(|axis| group.coords.get(axis).cloned().unwrap_or_default());
        let Interval { low, high } = measured.interval;
        let numbers = [measured.value, low, high, *stated, measured.value - stated];
        csv.row(place.chain(numbers.map(|value| number(Some(value)))));
    }
    csv.finish()
}
