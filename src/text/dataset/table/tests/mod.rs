//! Tables by example.

mod layouts;
mod parquet;
mod presets;
mod refusals;

use expect_test::Expect;

use super::*;

fn field(written: &str) -> Field {
    Field::parse(written).unwrap()
}

fn mapping(answers: Answers) -> Mapping {
    Mapping {
        answers,
        id: None,
        question: Source::of(field("question")),
        choices: None,
        answer: Some(Source::of(field("answer"))),
        rationale: None,
        keep: Vec::new(),
    }
}

fn choices(listed: Listed) -> Mapping {
    Mapping { choices: Some(listed), ..mapping(Answers::Choice) }
}

fn read(mapping: &Mapping, form: Form, text: &str) -> Result<Table, TableError> {
    mapping.read(&rows(form, text.as_bytes().to_vec())?, false)
}

/// Shows each question: its words, its choices, its answer, its rationale and fields; and the notes.
fn check(mapping: &Mapping, form: Form, text: &str, expected: &Expect) {
    let shown = |(_, question): &(Place, Question)| {
        let Question { stem, choices, answer, rationale, fields, .. } = question;
        let choices: String = choices.iter().map(|choice| format!(" ({}) {}", choice.label, choice.text)).collect();
        let answer = answer.as_ref().map_or("?".to_owned(), ToString::to_string);
        let rationale = rationale.as_ref().map_or(String::new(), |text| format!(" | {text}"));
        let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        format!("{stem}{choices} = {answer}{rationale}{fields}\n")
    };
    expected.assert_eq(&match read(mapping, form, text) {
        Ok(table) => {
            table.questions.iter().map(shown).chain(table.notes.iter().map(|note| format!("note: {note}\n"))).collect()
        }
        Err(error) => error.to_string(),
    });
}
