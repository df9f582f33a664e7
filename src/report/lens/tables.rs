//! The tables: from which layer on the label is known, and what was read.

use super::compare::Compared;
use super::view::View;
use crate::label::{self, ABSENT};
use crate::layout::{Layout, value_of};
use crate::{ARM_AXIS, Cell, Column, Table};
use retort_artifact::{Lens, ReadingSummary};
use retort_stats::{Bootstrap, DepthDifference, DepthSummary, Ranged};

/// Makes both tables.
pub(super) fn tables(view: &View<'_>) -> Vec<Table> {
    let mut tables = vec![known(view)];
    tables.extend(view.lens.pairs.then(|| pairs(view)));
    tables.push(read(view));
    tables
}

/// Every two students that are compared, in layers.
fn pairs(view: &View<'_>) -> Table {
    let fraction = percent(view.lens.fraction);
    let panelled = !view.spec.panels.is_empty();
    let several = view.compared.iter().filter(|compared| compared.groups.len() > 1).count() > 1;
    let how = match (repeated(view), several) {
        (false, false) => "the percentile bootstrap, after Mandel and Betensky, 2008",
        (false, true) => "the percentile bootstrap, after Mandel and Betensky, 2008, and Bonferroni over panels",
        (true, _) => "Student's t with the error over questions and trainings, and Bonferroni's correction",
    };
    let mut columns: Vec<Column> = panelled.then(|| Column::words("panel")).into_iter().collect();
    columns.extend(["student", "less"].map(Column::words));
    columns.push(Column::numbers(format!("{fraction} know it by layer")));
    columns.push(Column::numbers("layer, on average"));
    columns.push(Column::numbers("n"));
    let row = |compared: &Compared, (first, second, found): &(usize, usize, DepthDifference)| {
        let panel = Layout::label(&view.layout.groups[*first], &view.spec.panels);
        let mut cells: Vec<Cell> = panelled.then(|| Cell::words(panel)).into_iter().collect();
        cells.extend([Cell::words(view.name(*second)), Cell::words(view.name(*first))]);
        cells.extend([signed(found.by_fraction, 0), signed(found.earliest, 1)]);
        let count = compared.questions.len();
        cells.push(Cell::number(count as f64, label::count(count)));
        cells
    };
    let rows = view.compared.iter().flat_map(|compared| compared.pairs.iter().map(|pair| row(compared, pair)));
    Table {
        title: "How students differ in it".to_owned(),
        columns,
        rows: rows.collect(),
        notes: vec![format!(
            "In layers, paired by question: below zero, the first of the two knows the label earlier. Every two students are \
             shown, so the intervals are widened for their number: in each column, all of them hold at once at {} ({how}).",
            label::level(view.spec.level),
        )],
    }
}

/// The columns that name a group, and how each group fills them.
fn named(view: &View<'_>) -> (Vec<Column>, Vec<Vec<Cell>>) {
    let axes = view.axes();
    let axes: Vec<String> = if axes.is_empty() { vec![ARM_AXIS.to_owned()] } else { axes };
    let mixed = lenses(view).len() > 1;
    let mut columns: Vec<Column> = axes.iter().map(Column::words).collect();
    columns.extend(mixed.then(|| Column::words("lens")));
    let cells = |group: usize| {
        let of = &view.layout.groups[group];
        let cell = |axis: &String| {
            let value = value_of(of, axis);
            Cell { value: label::number(value), ..Cell::words(value) }
        };
        let mut cells: Vec<Cell> = axes.iter().map(cell).collect();
        cells.extend(mixed.then(|| Cell::words(summaries(view, group)[0].lens.to_string())));
        cells
    };
    (columns, (0..view.layout.groups.len()).map(cells).collect())
}

fn lenses(view: &View<'_>) -> Vec<Lens> {
    let mut lenses: Vec<Lens> = view.arms.iter().map(|arm| arm.readings.summary.lens).collect();
    lenses.sort();
    lenses.dedup();
    lenses
}

fn summaries<'a>(view: &View<'a>, group: usize) -> Vec<&'a ReadingSummary> {
    view.layout.groups[group].arms.iter().map(|arm| &view.arms[*arm].readings.summary).collect()
}

fn compared_of<'a>(view: &View<'a>, group: usize) -> Option<&'a Compared> {
    view.compared.iter().find(|compared| compared.groups.contains(&group))
}

fn known(view: &View<'_>) -> Table {
    let (mut columns, names) = named(view);
    let fraction = percent(view.lens.fraction);
    let versus = view.compared.iter().any(|compared| compared.versus.iter().any(Option::is_some));
    columns.push(Column::numbers("of layers"));
    columns.push(Column::numbers(format!("{fraction} know it by layer")));
    columns.extend(versus.then(|| Column::numbers("vs baseline")));
    columns.push(Column::numbers("layer, on average"));
    columns.extend(versus.then(|| Column::numbers("vs baseline")));
    columns.push(Column::numbers("never %"));
    columns.push(Column::numbers("n"));
    let row = |(group, mut cells): (usize, Vec<Cell>)| {
        let count = |number: usize| Cell::number(number as f64, label::count(number));
        let absent = || Cell::words(ABSENT);
        let of = compared_of(view, group);
        let found = of.and_then(|compared| compared.of(group));
        cells.push(summaries(view, group).first().map_or_else(absent, |summary| count(summary.last)));
        let (summary, difference) = (found.map(|found| found.0), found.and_then(|found| found.1));
        cells.push(summary.map_or_else(absent, |summary| layer(summary, summary.by_fraction, whole)));
        if versus {
            cells.push(difference.map_or_else(absent, |found| signed(found.by_fraction, 0)));
        }
        cells.push(summary.map_or_else(absent, |summary| layer(summary, summary.earliest, tenths)));
        if versus {
            cells.push(difference.map_or_else(absent, |found| signed(found.earliest, 1)));
        }
        cells.push(summary.map_or_else(absent, |summary| Cell::number(summary.never, label::percent(summary.never))));
        cells.push(of.map_or_else(absent, |compared| count(compared.questions.len())));
        cells
    };
    let rows = names.into_iter().enumerate().map(row).collect();
    Table { title: "From which layer on the label is known".to_owned(), columns, rows, notes: notes(view, versus) }
}

/// Says whether any student was trained several times.
fn repeated(view: &View<'_>) -> bool {
    view.layout.groups.iter().any(|group| group.arms.len() > 1)
}

fn notes(view: &View<'_>, versus: bool) -> Vec<String> {
    let bound = view.lens.bound;
    let through = match lenses(view)[..] {
        [Lens::Tuned] => "through the tuned lens",
        [Lens::Logit] => "through the logit lens",
        _ => "through the lens that is named",
    };
    let mut notes = vec![
        format!(
            "A label is known from the earliest layer from which its probability, read {through} where it occurs first, stays \
             above {bound}. Layer 0 is the embeddings, the last one the student's output; where it never does it counts as \
             one layer beyond."
        ),
        "`n` are the questions that all students compared answer right.".to_owned(),
        format!(
            "Brackets hold {} intervals, each by itself: {}the percentile bootstrap over questions ({} resamples){}.",
            label::level(view.spec.level),
            if repeated(view) {
                "for several trainings Student's t with the error over questions and trainings, else "
            } else {
                ""
            },
            label::count(Bootstrap::RESAMPLES.get() as usize),
            if versus {
                ", paired by question for `vs baseline`, which is in layers: below zero is earlier"
            } else {
                ""
            },
        ),
    ];
    for compared in view.compared {
        let first = view.name(compared.groups[0]);
        let sizes = format!(
            "{} of the {} questions they share",
            label::count(compared.questions.len()),
            label::count(compared.shared.len())
        );
        if compared.groups.len() == 1 && view.layout.groups.len() > 1 {
            notes.push(format!("`{first}` shares no question with another student, and is compared with none."));
        } else if compared.questions.is_empty() {
            let others = compared.groups.len() - 1;
            notes.push(format!(
                "`{first}` and {others} more are all right on none of the {} questions they share, so that nothing can be said \
                 of them.",
                label::count(compared.shared.len())
            ));
        } else {
            notes.push(format!("`{first}` and what is compared with it are all right on {sizes}."));
        }
    }
    notes
}

fn read(view: &View<'_>) -> Table {
    let (mut columns, names) = named(view);
    for name in ["questions", "right", "label never occurs", "label of several tokens", "without a rationale"] {
        columns.push(Column::numbers(name));
    }
    let row = |(group, mut cells): (usize, Vec<Cell>)| {
        let of = summaries(view, group);
        let parts: [fn(&ReadingSummary) -> usize; 5] = [
            |summary| summary.questions,
            |summary| summary.correct,
            |summary| summary.without_label,
            |summary| summary.several_tokens,
            |summary| summary.without_rationale,
        ];
        for part in parts {
            let sum: usize = of.iter().map(|summary| part(summary)).sum();
            cells.push(Cell::number(sum as f64, label::count(sum)));
        }
        cells
    };
    let rows = names.into_iter().enumerate().map(row).collect();
    let notes = vec![
        "Counted over all replicates. A question whose right label never occurs in a student's text has no part in what is \
         said of the label."
            .to_owned(),
    ];
    Table { title: "What was read".to_owned(), columns, rows, notes }
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

/// Writes a fraction without decimals that are zero, such as `80 %`.
pub(super) fn percent(fraction: f64) -> String {
    format!("{} %", (fraction * 1000.0).round() / 10.0)
}

/// Writes a layer and its interval; one beyond the last is `never`.
fn layer(summary: &DepthSummary, found: Ranged, write: fn(f64) -> String) -> Cell {
    let named = |value: f64| if value >= summary.beyond - 1e-9 { "never".to_owned() } else { write(value) };
    Cell::number(found.value, with_interval(found, named))
}

/// Writes a difference in layers with its sign and interval.
fn signed(found: Ranged, decimals: usize) -> Cell {
    let write = |value: f64| {
        let text = format!("{value:+.decimals$}").replace('-', "−");
        if text.trim_start_matches(['+', '−']).chars().all(|c| c == '0' || c == '.') {
            text.trim_start_matches(['+', '−']).to_owned()
        } else {
            text
        }
    };
    Cell::number(found.value, with_interval(found, write))
}

fn with_interval(found: Ranged, write: impl Fn(f64) -> String) -> String {
    let value = write(found.value);
    found
        .interval
        .map_or(value.clone(), |interval| format!("{value} [{}, {}]", write(interval.low), write(interval.high)))
}
