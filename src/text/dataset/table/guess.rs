//! What a table may be about: a mapping that is guessed from its fields, as a pipeline with comments.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::error::shown;
use super::{Field, Listed, Mapping, Pattern, Row, Source, text_of};
use crate::answer::Number;
use retort_artifact::Answers;

const IDS: &[&str] = &["id", "qid", "uid", "question_id", "idx", "index"];
const QUESTIONS: &[&str] = &[
    "question",
    "question_stem",
    "problem",
    "prompt",
    "query",
    "stem",
    "input",
    "instruction",
    "goal",
    "sentence",
    "text",
];
const ANSWERS: &[&str] = &[
    "answer",
    "answerkey",
    "answer_key",
    "label",
    "gold_label",
    "gold",
    "target",
    "final_answer",
    "correct",
    "output",
    "response",
    "solution",
];
const RATIONALES: &[&str] = &[
    "rationale",
    "explanation",
    "explanation_1",
    "reason",
    "reasoning",
    "chain_of_thought",
    "cot",
    "steps",
    "solution",
    "thinking",
];
/// Names of columns of choices, the first of each row of columns.
const COLUMNS: &[&[&str]] = &[
    &["a", "b", "c", "d", "e"],
    &["choice_a", "choice_b", "choice_c", "choice_d", "choice_e"],
    &["option_a", "option_b", "option_c", "option_d", "option_e"],
    &["choice1", "choice2", "choice3", "choice4", "choice5"],
    &["option1", "option2", "option3", "option4", "option5"],
    &["sol1", "sol2"],
    &["ending0", "ending1", "ending2", "ending3"],
];
/// The most classes that are taken for classes.
const CLASSES_MAX: usize = 8;
/// How many rows are looked at.
const LOOKED: usize = 1_000;

/// Something that was guessed, with what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    comment: String,
}

/// Writes a pipeline whose one stage reads a table by the mapping that its fields suggest; `path` is how it names the file, and
/// `experiment` what it is called. The error says what could not be guessed.
pub fn pipeline(rows: &[Row], path: &str, experiment: &str) -> Result<String, String> {
    let Some(first) = rows.first() else { return Err("it has no rows".into()) };
    let rows = &rows[..rows.len().min(LOOKED)];
    let names: Vec<&str> = first.fields.keys().map(String::as_str).collect();
    let among = |known: &[&str]| {
        known.iter().find_map(|known| names.iter().copied().find(|name| name.eq_ignore_ascii_case(known)))
    };
    let such = |value: &Json| format!("such as `{}`", shown(value).replace('\n', " "));
    let sample = |name: &str| first.fields.get(name).map(such).unwrap_or_default();
    let mut lines = Vec::new();
    let mut line = |key: &str, value: String, comment: String| {
        lines.push(Line { text: format!("{key}: {value}"), comment });
    };
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let id = among(IDS).filter(|name| distinct(rows, name) == rows.len());
    if let Some(name) = id {
        used.insert(name);
        line("id", quoted(name), "no two rows have the same".into());
    }
    let question = match (among(&["premise"]), among(&["hypothesis"]), among(QUESTIONS)) {
        (Some(premise), Some(hypothesis), None) => {
            used.extend([premise, hypothesis]);
            format!("Premise: {{{{ {premise} }}}} Hypothesis: {{{{ {hypothesis} }}}}")
        }
        (.., Some(name)) => name.to_owned(),
        (.., None) => {
            let texts = names.iter().filter(|name| first.fields[**name].is_string());
            let longest = texts.max_by_key(|name| first.fields[**name].as_str().map_or(0, str::len));
            (*longest.ok_or("none of its fields has text that could be a question")?).to_owned()
        }
    };
    used.extend(names.iter().copied().filter(|name| *name == question));
    line("question", quoted(&question), sample(&question));
    let listed = choices(first, &names);
    if let Some((listed, written)) = &listed {
        match listed {
            Listed::Field(field) => used.extend(names.iter().copied().filter(|name| *name == field.written())),
            Listed::Columns(columns) => {
                used.extend(
                    names.iter().copied().filter(|name| columns.iter().any(|column| column.written() == *name)),
                );
            }
        }
        line("choices", written.clone(), sample(written));
    }
    let answer = among(ANSWERS).filter(|name| !used.contains(name));
    let answer = answer
        .ok_or_else(|| format!("none of its fields is called like an answer; there are: {}", names.join(", ")))?;
    used.insert(answer);
    let (piece, texts) = answered(rows, answer);
    let written = match &piece {
        Some(pattern) => format!("{{ field: {}, pattern: '{pattern}' }}", quoted(answer)),
        None => quoted(answer),
    };
    line("answer", written, sample(answer));
    let (answers, kind, why) = kind(listed.is_some(), &texts);
    line("answers", kind, why);
    let rationale = among(RATIONALES).filter(|name| !used.contains(name));
    let behind = piece.is_some().then(|| format!("{{ field: {}, pattern: '(?s)^(.*)####' }}", quoted(answer)));
    if let Some(written) = rationale.map(quoted).or(behind) {
        used.extend(rationale);
        line("rationale", written, rationale.map_or_else(|| "what stands before the answer".into(), sample));
    }
    // What is written must be what can be read.
    let field = |name: &str| Field::parse(name);
    let pattern = piece.as_deref().map(Pattern::parse).transpose()?;
    let mapping = Mapping {
        answers,
        id: id.map(field).transpose()?.map(Source::of),
        question: Source::of(field(&question)?),
        choices: listed.map(|(listed, _)| listed),
        answer: Some(Source { pattern, ..Source::of(field(answer)?) }),
        rationale: None,
        keep: Vec::new(),
    };
    let read = mapping.read(rows, false).map_err(|error| error.to_string())?;
    let others: Vec<&str> = names.iter().copied().filter(|name| !used.contains(name)).collect();
    let count = read.questions.len();
    let of = if count == LOOKED { format!("the first {count} rows") } else { format!("{count} rows") };
    let mut out = format!(
        "# Guessed from {of} of a table. Look at every line, and change what is wrong; `retort check` reads the file by it.\n\
         retort: 1\nexperiment: {experiment}\nseed: 17\n\nstages:\n  questions:\n    dataset:\n      format: table\n      \
         train: {}    # and `dev:`, `test:`, where there are such files\n",
        quoted(path)
    );
    for Line { text, comment } in lines {
        out += &format!("      {text}    # {comment}\n");
    }
    if !others.is_empty() {
        out += &format!(
            "      # Not used: {}. `keep: [{}]` lets prompts name it as `fields.{1}`.\n",
            others.join(", "),
            others[0]
        );
    }
    Ok(out)
}

fn distinct(rows: &[Row], name: &str) -> usize {
    rows.iter().filter_map(|row| text_of(row.fields.get(name)?)).collect::<BTreeSet<String>>().len()
}

/// Writes a text as YAML has it: as it is where it is plain, else in quotes.
fn quoted(text: &str) -> String {
    let plain =
        text.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c)) && text.starts_with(char::is_alphabetic);
    let word = ["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if plain && !word { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// Finds the choices: a field with a list, or columns in a row.
fn choices(first: &Row, names: &[&str]) -> Option<(Listed, String)> {
    let is_list = |name: &&&str| {
        let listed = Field::parse(name).ok().map(Listed::Field);
        first.fields[**name].as_str().is_none_or(|text| text.starts_with('['))
            && listed.is_some_and(|listed| listed.of(first).is_ok())
    };
    if let Some(name) = names.iter().find(is_list) {
        return Some((Listed::Field(Field::parse(name).ok()?), quoted(name)));
    }
    let columns = COLUMNS.iter().map(|known| {
        let there = known.iter().map_while(|known| names.iter().copied().find(|name| name.eq_ignore_ascii_case(known)));
        there.collect::<Vec<&str>>()
    });
    let columns = columns.max_by_key(Vec::len).filter(|columns| columns.len() >= 2)?;
    let fields: Option<Vec<Field>> = columns.iter().map(|name| Field::parse(name).ok()).collect();
    let written: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    Some((Listed::Columns(fields?), format!("[{}]", written.join(", "))))
}

/// Returns the pattern that finds the answer in its field, where it needs one, and the answers.
fn answered(rows: &[Row], name: &str) -> (Option<String>, Vec<String>) {
    let texts: Vec<String> = rows.iter().filter_map(|row| text_of(row.fields.get(name)?)).collect();
    let marked = !texts.is_empty() && texts.iter().all(|text| text.contains("####"));
    if !marked {
        return (None, texts);
    }
    let behind = |text: &String| text.rsplit("####").next().unwrap_or_default().trim().to_owned();
    (Some(r"####\s*(.+)".into()), texts.iter().map(behind).collect())
}

/// Guesses the kind of answer, how it is written, and why.
fn kind(listed: bool, texts: &[String]) -> (Answers, String, String) {
    if listed {
        return (Answers::Choice, "choice".into(), "there are choices".into());
    }
    let all: BTreeSet<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    let short = all.iter().all(|text| text.len() <= 24 && text.split_whitespace().count() <= 3);
    let few = (2..=CLASSES_MAX).contains(&all.len()) && all.len() * 3 <= texts.len();
    let numbers = !all.is_empty() && all.iter().all(|text| Number::parse(text).is_some());
    let whole = all.iter().all(|text| text.parse::<u8>().is_ok_and(|number| usize::from(number) < CLASSES_MAX));
    if short && few && (whole || !numbers) {
        let names: Vec<String> = all.iter().map(|name| format!("\"{}\"", name.replace('"', "\\\""))).collect();
        let why =
            if numbers { "the numbers of classes: write their names here, in this order" } else { "all that occur" };
        let classes = all.iter().map(|name| (*name).to_owned()).collect();
        return (Answers::Class(classes), format!("[{}]", names.join(", ")), why.into());
    }
    if numbers {
        return (Answers::Number, "number".into(), "every answer is one".into());
    }
    (Answers::Text, "text".into(), "`exact` compares every character".into())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::{Form, rows};
    use super::*;

    fn check(form: Form, text: &str, expected: &Expect) {
        let rows = rows(form, text.as_bytes().to_vec()).unwrap();
        let guessed = pipeline(&rows, "/data/x.jsonl", "x").unwrap_or_else(|why| why);
        let own = guessed.split_once("format: table\n").map_or(guessed.as_str(), |(_, own)| own);
        // An expectation is written without the indentation that all its lines share.
        let own = own.replace("\n      ", "\n");
        expected.assert_eq(own.strip_prefix("      ").unwrap_or(&own));
    }

    #[test]
    fn a_mapping_is_guessed_from_names_and_values() {
        check(
            Form::Json,
            r#"{"question":"Clips?","answer":"Half: 24.\n#### 72"}"#,
            &expect![[r#"
                      train: "/data/x.jsonl"    # and `dev:`, `test:`, where there are such files
                      question: question    # such as `Clips?`
                      answer: { field: answer, pattern: '####\s*(.+)' }    # such as `Half: 24. #### 72`
                      answers: number    # every answer is one
                      rationale: { field: answer, pattern: '(?s)^(.*)####' }    # what stands before the answer
            "#]],
        );
        check(
            Form::Json,
            r#"{"id":"q1","question":"Which?","choices":{"label":["A","B"],"text":["ice","mud"]},"answerKey":"B","explanation":"So.","topic":"x"}"#,
            &expect![[r#"
                      train: "/data/x.jsonl"    # and `dev:`, `test:`, where there are such files
                      id: id    # no two rows have the same
                      question: question    # such as `Which?`
                      choices: choices    # such as `{"label":["A","B"],"text":["ice","mud"]}`
                      answer: answerKey    # such as `B`
                      answers: choice    # there are choices
                      rationale: explanation    # such as `So.`
                      # Not used: topic. `keep: [topic]` lets prompts name it as `fields.topic`.
            "#]],
        );
        let inference = "premise,hypothesis,label\n".to_owned()
            + &"A man sings.,He sleeps.,2\n\"So, he sings.\",He sings.,0\n".repeat(4);
        check(
            Form::Csv,
            &inference,
            &expect![[r#"
                      train: "/data/x.jsonl"    # and `dev:`, `test:`, where there are such files
                      question: "Premise: {{ premise }} Hypothesis: {{ hypothesis }}"    # 
                      answer: label    # such as `2`
                      answers: ["0", "2"]    # the numbers of classes: write their names here, in this order
            "#]],
        );
        check(
            Form::Tsv,
            "goal\tsol1\tsol2\tlabel\nOpen it.\tTwist.\tShout.\t0\n",
            &expect![[r#"
                      train: "/data/x.jsonl"    # and `dev:`, `test:`, where there are such files
                      question: goal    # such as `Open it.`
                      choices: [sol1, sol2]    # 
                      answer: label    # such as `0`
                      answers: choice    # there are choices
            "#]],
        );
        check(
            Form::Json,
            r#"{"problem":"Who?","answer":"Ada Lovelace"}"#,
            &expect![[r#"
                      train: "/data/x.jsonl"    # and `dev:`, `test:`, where there are such files
                      question: problem    # such as `Who?`
                      answer: answer    # such as `Ada Lovelace`
                      answers: text    # `exact` compares every character
            "#]],
        );
        check(
            Form::Json,
            r#"{"question":"Who?","x":"y"}"#,
            &expect!["none of its fields is called like an answer; there are: question, x"],
        );
    }
}
