//! The report as one page that needs nothing else.

use minijinja::{Environment, Value, context};

use super::chart::Drawing;
use super::differences::{Difference, Differences, SHOWN};
use super::figure::escape;
use super::{Align, Figure, ReportInput, Section, SectionFigure, Table, label};

const TEMPLATE: &str = include_str!("page.html");

/// Fills the page; values are escaped by the template, figures and the answers are not since they are made here.
pub(super) fn page(
    input: &ReportInput,
    lead: &str,
    tables: &[Table],
    drawings: &[Drawing],
    sections: &[Section],
    differences: Option<&Differences>,
) -> String {
    let provenance = input.provenance.iter().map(|(name, value)| context! { name, value });
    let drawn = |figure| drawings.iter().filter(|found| found.figure == figure).map(drawing).collect::<Vec<_>>();
    let page = context! {
        title => input.title.as_str(),
        experiment => input.experiment.as_str(),
        lead,
        tables => tables.iter().map(table).collect::<Vec<_>>(),
        results => drawn(Figure::Accuracy),
        sections => sections.iter().filter(|section| !section.figures.is_empty()).map(section).collect::<Vec<_>>(),
        trainings => drawn(Figure::Training),
        differences => differences.map(pairs),
        provenance => provenance.collect::<Vec<_>>(),
    };
    // The name ends in .html, by which the template engine knows to escape.
    let mut environment = Environment::new();
    environment.add_template("page.html", TEMPLATE).expect("the template is a constant and tests render it");
    let template = environment.get_template("page.html").expect("the template was added above");
    template.render(page).expect("the template uses values that are given above, as tests show")
}

fn drawing(drawing: &Drawing) -> Value {
    let Drawing { caption, svg, .. } = drawing;
    context! { caption, svg => Value::from_safe_string(svg.clone()) }
}

fn section(section: &Section) -> Value {
    let figure = |figure: &SectionFigure| {
        let SectionFigure { caption, svg, wide, .. } = figure;
        let caption = Value::from_safe_string(with_code(caption));
        context! { caption, wide, svg => Value::from_safe_string(svg.clone()) }
    };
    context! { title => section.title.as_str(), figures => section.figures.iter().map(figure).collect::<Vec<_>>() }
}

fn table(table: &Table) -> Value {
    let right = |column: usize| table.columns.get(column).is_some_and(|column| column.align == Align::Right);
    let columns: Vec<Value> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| context! { name => column.name.as_str(), right => right(at) })
        .collect();
    let cell = |(at, cell): (usize, &super::Cell)| {
        let sort = cell.value.map(|value| value.to_string());
        context! { text => cell.text.as_str(), sort, right => right(at) }
    };
    let rows: Vec<Value> =
        table.rows.iter().map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().into()).collect();
    let notes: Vec<Value> = table.notes.iter().map(|note| Value::from_safe_string(with_code(note))).collect();
    context! { title => table.title.as_str(), columns, rows, notes }
}

/// Escapes a note and marks what stands in backticks as code.
fn with_code(note: &str) -> String {
    let parts: Vec<&str> = note.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(note);
    }
    let part = |(index, part): (usize, &&str)| {
        if index % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) }
    };
    parts.iter().enumerate().map(part).collect()
}

fn pairs(differences: &Differences) -> Value {
    let (first, second) = differences.pair;
    let found = differences.of_pair();
    let wins = found.iter().filter(|difference| difference.given.1.is_uppercase()).count();
    let rows: Vec<Value> = found.iter().take(SHOWN).map(difference).collect();
    let option = |chosen: usize| -> Vec<Value> {
        let arms = differences.arms.iter().enumerate();
        arms.map(|(index, name)| context! { index, name, chosen => index == chosen }).collect()
    };
    // `<` cannot end the script element when it is written as an escape, which JSON reads as the same character.
    let data = serde_json::to_string(differences).expect("strings and numbers encode as JSON").replace('<', "\\u003c");
    context! {
        rows,
        firsts => option(first),
        seconds => option(second),
        shared => differences.pair_shares(),
        total => label::count(found.len()),
        shown => SHOWN,
        cut => found.len() > SHOWN,
        wins => label::count(wins),
        losses => label::count(found.len() - wins),
        left_out => (differences.left_out > 0).then(|| label::count(differences.left_out)),
        data => Value::from_safe_string(data),
    }
}

fn difference(difference: &Difference<'_>) -> Value {
    let Difference { question, right, given: (first, second) } = difference;
    let shown =
        |given: &char| if *given == '-' { "unreadable".to_owned() } else { given.to_ascii_uppercase().to_string() };
    context! {
        question => *question,
        right => right.to_string(),
        first => shown(first),
        second => shown(second),
        first_right => first.is_uppercase(),
    }
}
