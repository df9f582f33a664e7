//! The report as one page that needs nothing else.

use minijinja::{Environment, Value, context};

use super::differences::{Difference, Differences, SHOWN};
use super::figure::escape;
use super::{Align, Arm, Cell, Opening, ReportInput, Section, SectionFigure, Side, Table, label, provenance};

const TEMPLATE: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
const JS: &str = include_str!("page/page.js");

/// A table with more rows can be filtered.
const FILTERED_ABOVE: usize = 8;

/// A table with no more rows is printed on one page.
const UNSPLIT_ROWS: usize = 30;

/// Fills the page; values are escaped by the template, figures and the answers are not since they are made here.
pub(super) fn page(
    input: &ReportInput,
    opening: &Opening,
    sections: &[Section],
    differences: Option<&Differences>,
) -> String {
    let Opening { title: _, lead, findings, warnings } = opening;
    let entries = input.provenance.iter().map(|(name, value)| context! { name, value });
    let mut contents: Vec<Value> =
        headings(sections).into_iter().enumerate().map(|(index, title)| context! { id => id(index), title }).collect();
    contents.extend(differences.map(|_| context! { id => "differences", title => "Where two arms differ" }));
    contents.push(context! { id => "setup", title => "Setup" });
    let safe = |text: &str| Value::from_safe_string(text.to_owned());
    let mut heading = 0;
    let page = context! {
        title => input.title.as_str(),
        experiment => input.experiment.as_str(),
        lead,
        findings => notes(findings),
        warnings => notes(warnings),
        contents => if contents.len() > 2 { contents } else { Vec::new() },
        sections => sections.iter().map(|of| section(of, &mut heading)).collect::<Vec<_>>(),
        differences => differences.map(|differences| pairs(input, differences)),
        provenance => entries.collect::<Vec<_>>(),
        place => safe(provenance::PLACE),
        css => safe(CSS),
        js => safe(JS),
    };
    // The name ends in .html, by which the template engine knows to escape.
    let mut environment = Environment::new();
    environment.add_template("page.html", TEMPLATE).expect("the template is a constant and tests render it");
    let template = environment.get_template("page.html").expect("the template was added above");
    template.render(page).expect("the template uses values that are given above, as tests show")
}

fn id(heading: usize) -> String {
    format!("part-{}", heading + 1)
}

/// The headings of the page in their order: of sections, and of tables in sections that have none.
fn headings(sections: &[Section]) -> Vec<&str> {
    sections.iter().flat_map(headings_of).collect()
}

fn headings_of(section: &Section) -> Vec<&str> {
    if section.title.is_empty() {
        section.tables.iter().map(|table| table.title.as_str()).filter(|title| !title.is_empty()).collect()
    } else {
        vec![section.title.as_str()]
    }
}

/// Fills a section; `heading` counts the headings of the page.
fn section(section: &Section, heading: &mut usize) -> Value {
    let mut next = || {
        *heading += 1;
        id(*heading - 1)
    };
    let nested = !section.title.is_empty();
    let own = if nested { next() } else { String::new() };
    let tables: Vec<Value> = section
        .tables
        .iter()
        .map(|of| {
            let heads = !nested && !of.title.is_empty();
            table(of, if nested { "h3" } else { "h2" }, if heads { next() } else { String::new() })
        })
        .collect();
    context! {
        title => section.title.as_str(),
        id => own,
        figures => section.figures.iter().map(figure).collect::<Vec<_>>(),
        tables,
    }
}

fn figure(figure: &SectionFigure) -> Value {
    let SectionFigure { file: _, caption, svg, wide } = figure;
    let caption = Value::from_safe_string(with_code(caption));
    context! { caption, wide, svg => Value::from_safe_string(svg.clone()) }
}

fn table(table: &Table, level: &str, id: String) -> Value {
    let class = |column: usize| match table.columns.get(column).map(|column| column.align) {
        Some(Align::Right) => "right",
        Some(Align::Prose) => "prose",
        Some(Align::Left) | None => "",
    };
    let columns: Vec<Value> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| context! { name => column.name.as_str(), class => class(at) })
        .collect();
    let rows: Vec<Value> = table
        .rows
        .iter()
        .map(|row| row.iter().enumerate().map(|(at, of)| cell(of, class(at))).collect::<Vec<_>>().into())
        .collect();
    let (filtered, short) = (rows.len() > FILTERED_ABOVE, rows.len() <= UNSPLIT_ROWS);
    context! { title => table.title.as_str(), level, id, columns, rows, filtered, short, notes => notes(&table.notes) }
}

fn cell(cell: &Cell, class: &str) -> Value {
    let Cell { text, value, small, side, best } = cell;
    let class = match (class, best) {
        ("", true) => "best".to_owned(),
        (class, true) => format!("{class} best"),
        (class, false) => class.to_owned(),
    };
    let word = side.map(|side| match side {
        Side::Above => "above",
        Side::Below => "below",
    });
    let sort = value.map(|value| value.to_string());
    context! { text, sort, small, class, side => word, arrow => side.map(Side::arrow) }
}

fn notes(notes: &[String]) -> Vec<Value> {
    notes.iter().map(|note| Value::from_safe_string(with_code(note))).collect()
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

fn pairs(input: &ReportInput, differences: &Differences) -> Value {
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
        notes => notes(&said(input, differences)),
        data => Value::from_safe_string(data),
    }
}

/// Says what the section cannot show.
fn said(input: &ReportInput, differences: &Differences) -> Vec<String> {
    let Differences { left_out, untold, .. } = differences;
    let mut said = Vec::new();
    if *left_out > 0 {
        let count = label::count(*left_out);
        said.push(format!(
            "For the size of this page, {count} questions are left out of this section; `questions.csv` has them all."
        ));
    }
    if *untold > 0 {
        let count = label::count(*untold);
        said.push(format!(
            "For the size of this page, the words and outputs of the last {count} questions are left out; `questions.csv` has \
             all outputs."
        ));
    }
    if differences.given.iter().any(|given| given.contains(['R', 'w'])) && !input.arms.iter().any(lettered) {
        said.push("Answers have no letters here: R stands for a right one and W for a wrong one.".to_owned());
    }
    if input.questions.is_empty() {
        said.push(
            "The words of the questions stand here where the report names their stages: `questions: …` in its body."
                .to_owned(),
        );
    }
    said
}

/// Says whether an arm answered questions with lettered choices.
fn lettered(arm: &Arm) -> bool {
    arm.outcomes.rows.iter().any(|outcome| outcome.answer.is_choice())
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
