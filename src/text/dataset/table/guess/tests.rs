//! Guesses by example: what is written for a table, and that it reads the table.

use super::super::{Form, rows};
use super::*;

fn guessed(form: Form, text: &str) -> String {
    let rows = rows(form, text.as_bytes().to_vec()).unwrap();
    pipeline(&rows, "../data/x.jsonl", Split::Train, "x").unwrap_or_else(|why| why)
}

/// Compares the fields of the mapping as they are written, without comments, and looks at the comments.
#[track_caller]
fn check(form: Form, text: &str, expected: &[&str]) {
    let guessed = guessed(form, text);
    let own = guessed.split_once("format: table\n").map_or(guessed.as_str(), |(_, own)| own);
    let field = |line: &str| line.split_once("    # ").map_or(line, |(field, _)| field).trim().to_owned();
    let fields: Vec<String> =
        own.lines().map(field).filter(|line| !line.is_empty() && !line.starts_with('#')).skip(2).collect();
    assert_eq!(fields, expected, "{guessed}");
    for line in guessed.lines().filter(|line| line.contains('#')) {
        assert!(!line.trim_end().ends_with('#') && !line.contains("``"), "an empty comment: {line}");
    }
}

#[test]
fn the_file_is_named_as_it_was_given() {
    let guessed = guessed(Form::Json, r#"{"question":"Clips?","answer":"7"}"#);
    assert!(guessed.contains("      train: ../data/x.jsonl"), "{guessed}");
    assert!(guessed.contains("      split: { test: 0.1, seed: 0 } "), "{guessed}");
    let rows = rows(Form::Json, br#"{"question":"Clips?","answer":"7"}"#.to_vec()).unwrap();
    let held_out = pipeline(&rows, "x.jsonl", Split::Test, "x").unwrap();
    assert!(held_out.contains("      test: x.jsonl") && !held_out.contains("split:"), "{held_out}");
    assert!(guessed.starts_with("# Guessed by `retort init` from all 1 rows."), "{guessed}");
    assert!(guessed.ends_with("number") || guessed.ends_with("is a number\n"), "{guessed}");
}

#[test]
fn marked_answers() {
    check(
        Form::Json,
        r#"{"question":"Clips?","answer":"Half: 48/2 = <<48/2=24>>24.\n#### 72"}"#,
        &[
            "question: question",
            r"answer: { field: answer, pattern: '####\s*(.+)' }",
            "answers: number",
            r"rationale: { field: answer, pattern: '(?s)^(.*?)\s*####', remove: '<<[^>]*>>' }",
        ],
    );
    check(
        Form::Json,
        r#"{"problem":"Clips?","solution":"Half: 24.\n#### 72"}"#,
        &[
            "question: problem",
            r"answer: { field: solution, pattern: '####\s*(.+)' }",
            "answers: number",
            r"rationale: { field: solution, pattern: '(?s)^(.*?)\s*####' }",
        ],
    );
}

#[test]
fn choices_in_a_list() {
    check(
        Form::Json,
        r#"{"id":"q1","question":"Which?","choices":{"label":["A","B"],"text":["ice","mud"]},"answerKey":"B","explanation":"So.","topic":"x"}"#,
        &[
            "id: id",
            "question: question",
            "choices: choices",
            "answer: answerKey",
            "answers: choice",
            "rationale: explanation",
        ],
    );
    check(
        Form::Json,
        r#"{"id":"q1","question":{"stem":"Which?","choices":[{"label":"A","text":"ice"},{"label":"B","text":"mud"}]},"answerKey":"B"}"#,
        &["id: id", "question: question.stem", "choices: question.choices", "answer: answerKey", "answers: choice"],
    );
    check(
        Form::Json,
        r#"{"question":"x?","options":["A)21","B)21.5"],"rationale":"So.","correct":"A"}"#,
        &["question: question", "choices: options", "answer: correct", "answers: choice", "rationale: rationale"],
    );
}

#[test]
fn choices_in_columns() {
    check(
        Form::Tsv,
        "goal\tsol1\tsol2\tlabel\nOpen it.\tTwist.\tShout.\t0\n",
        &["question: goal", "choices: [sol1, sol2]", "answer: label", "answers: choice"],
    );
    check(
        Form::Csv,
        "Question,A,B,C,Answer Key\nWhich?,ice,mud,fog,C\nWhy?,so,thus,,A\n",
        &["question: Question", "choices: [A, B, C]", r#"answer: "Answer Key""#, "answers: choice"],
    );
    check(
        Form::Json,
        r#"{"premise":"It rained.","question":"effect","choice1":"It was wet.","choice2":"It was dry.","label":0}"#,
        &[
            r#"question: "{{ premise }} {{ question }}""#,
            "choices: [choice1, choice2]",
            "answer: label",
            "answers: choice",
        ],
    );
}

#[test]
fn classes() {
    let inference = "premise,hypothesis,label\n".to_owned()
        + &"A man sings.,He sleeps.,2\n\"So, he sings.\",He sings.,0\n".repeat(4);
    check(
        Form::Csv,
        &inference,
        &[
            r#"question: "Premise: {{ premise }} Hypothesis: {{ hypothesis }}""#,
            "answer: label",
            r#"answers: ["0", "1", "2"]"#,
        ],
    );
    check(
        Form::Json,
        r#"{"qid":"a","question":"Can ice burn?","answer":false,"facts":["Ice is water.","Water does not burn."],"evidence":[[["x"]]]}"#,
        &[
            "id: qid",
            "question: question",
            "answer: answer",
            r#"answers: ["yes", "no"]"#,
            r#"rationale: "{{ (facts or []) | join(' ') }}""#,
        ],
    );
    check(
        Form::Json,
        r#"{"passage":"Ice is water.","question":"is ice water","answer":"yes"}"#,
        &[r#"question: "{{ passage }} {{ question }}""#, "answer: answer", r#"answers: ["yes", "no"]"#],
    );
    let moods = "text\tlabel\nGood day.\tpositive\nBad day.\tnegative\n";
    check(
        Form::Tsv,
        &(moods.to_owned() + &"A day.\tpositive\n".repeat(4)),
        &["question: text", "answer: label", "answers: [negative, positive]"],
    );
}

#[test]
fn numbers_and_texts() {
    check(
        Form::Json,
        r#"[{"ID":"c-1","Body":"Each costs 76.","Question":"How much?","Equation":"( 76.0 )","Answer":51.0,"Type":"Sum"}]"#,
        &["id: ID", r#"question: "{{ Body }} {{ Question }}""#, "answer: Answer", "answers: number"],
    );
    check(
        Form::Json,
        r#"{"problem":"Who?","answer":"Ada Lovelace"}"#,
        &["question: problem", "answer: answer", "answers: text"],
    );
    check(
        Form::Json,
        r#"{"id":"1","context":"Ada wrote.","question":"Who?","answers":{"text":["Ada","Ada L."],"answer_start":[0,0]}}"#,
        &["id: id", r#"question: "{{ context }} {{ question }}""#, "answer: answers.text.0", "answers: text"],
    );
    check(
        Form::Json,
        r#"{"instruction":"Add.","input":"1 and 2","output":"It is 3."}
{"instruction":"Greet.","input":"","output":"Hello!"}"#,
        &[r#"question: "{{ instruction }} {{ input or '' }}""#, "answer: output", "answers: text"],
    );
}

#[test]
fn what_cannot_be_guessed_is_said() {
    for (text, why) in [
        (r#"{"question":"Who?","x":"y"}"#, "none of its fields is called like an answer; there are: question, x"),
        (r#"{"n":1,"answer":2}"#, "none of its fields has text that could be a question"),
        ("", "it has no rows"),
        (
            "{\"question\":\"Who?\",\"answer\":\"a\"}\n{\"question\":\"Why?\"}",
            "the best guess does not fit: row 2: the field `answer` is not there, needed for `answer`;",
        ),
    ] {
        let said = guessed(Form::Json, text);
        assert!(said.starts_with(why), "{said}");
    }
}

/// Names and values that YAML and Jinja would take for something else.
#[test]
fn unusual_names_are_quoted() {
    check(
        Form::Json,
        "{\"a \\\"question\\\": {x}\":\"Line one\\nline # two \\u0007?\",\"Final Answer\":\"yes\",\"# note\":1}",
        &[r#"question: "a \"question\": {x}""#, r#"answer: "Final Answer""#, r#"answers: ["yes", "no"]"#],
    );
}
