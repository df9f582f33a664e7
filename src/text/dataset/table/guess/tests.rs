//! Guesses by example: what is written for a table, and that it reads the table.

use expect_test::{Expect, expect};

use super::super::{Form, rows};
use super::*;

fn guessed(form: Form, text: &str) -> String {
    let rows = rows(form, text.as_bytes().to_vec()).unwrap();
    pipeline(&rows, "../data/x.jsonl", Split::Train, "x").unwrap_or_else(|why| why)
}

fn check(form: Form, text: &str, expected: &Expect) {
    let guessed = guessed(form, text);
    let own = guessed.split_once("format: table\n").map_or(guessed.as_str(), |(_, own)| own);
    // An expectation is written without the indentation that all its lines share, and without the line of the file.
    let own: Vec<&str> = own.lines().map(|line| line.strip_prefix("      ").unwrap_or(line)).collect();
    let own = own.iter().filter(|line| !line.starts_with("train: "));
    expected.assert_eq(&(own.copied().collect::<Vec<_>>().join("\n") + "\n"));
    for line in guessed.lines().filter(|line| line.contains('#')) {
        assert!(!line.trim_end().ends_with('#') && !line.contains("``"), "an empty comment: {line}");
    }
}

#[test]
fn the_file_is_named_as_it_was_given() {
    let guessed = guessed(Form::Json, r#"{"question":"Clips?","answer":"7"}"#);
    assert!(guessed.contains("      train: ../data/x.jsonl"), "{guessed}");
    assert!(guessed.starts_with("# Guessed by `retort init` from all 1 rows."), "{guessed}");
    assert!(guessed.ends_with("number") || guessed.ends_with("is a number\n"), "{guessed}");
}

#[test]
fn marked_answers() {
    check(
        Form::Json,
        r#"{"question":"Clips?","answer":"Half: 48/2 = <<48/2=24>>24.\n#### 72"}"#,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"problem":"Clips?","solution":"Half: 24.\n#### 72"}"#,
        &expect![[r"
    "]],
    );
}

#[test]
fn choices_in_a_list() {
    check(
        Form::Json,
        r#"{"id":"q1","question":"Which?","choices":{"label":["A","B"],"text":["ice","mud"]},"answerKey":"B","explanation":"So.","topic":"x"}"#,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"id":"q1","question":{"stem":"Which?","choices":[{"label":"A","text":"ice"},{"label":"B","text":"mud"}]},"answerKey":"B"}"#,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"question":"x?","options":["A)21","B)21.5"],"rationale":"So.","correct":"A"}"#,
        &expect![[r"
        "]],
    );
}

#[test]
fn choices_in_columns() {
    check(
        Form::Tsv,
        "goal\tsol1\tsol2\tlabel\nOpen it.\tTwist.\tShout.\t0\n",
        &expect![[r"
        "]],
    );
    check(
        Form::Csv,
        "Question,A,B,C,Answer Key\nWhich?,ice,mud,fog,C\nWhy?,so,thus,,A\n",
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"premise":"It rained.","question":"effect","choice1":"It was wet.","choice2":"It was dry.","label":0}"#,
        &expect![[r"
        "]],
    );
}

#[test]
fn classes() {
    let inference = "premise,hypothesis,label\n".to_owned()
        + &"A man sings.,He sleeps.,2\n\"So, he sings.\",He sings.,0\n".repeat(4);
    check(
        Form::Csv,
        &inference,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"qid":"a","question":"Can ice burn?","answer":false,"facts":["Ice is water.","Water does not burn."],"evidence":[[["x"]]]}"#,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"passage":"Ice is water.","question":"is ice water","answer":"yes"}"#,
        &expect![[r"
        "]],
    );
    let moods = "text\tlabel\nGood day.\tpositive\nBad day.\tnegative\n";
    check(
        Form::Tsv,
        &(moods.to_owned() + &"A day.\tpositive\n".repeat(4)),
        &expect![[r"
        "]],
    );
}

#[test]
fn numbers_and_texts() {
    check(
        Form::Json,
        r#"[{"ID":"c-1","Body":"Each costs 76.","Question":"How much?","Equation":"( 76.0 )","Answer":51.0,"Type":"Sum"}]"#,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"problem":"Who?","answer":"Ada Lovelace"}"#,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"id":"1","context":"Ada wrote.","question":"Who?","answers":{"text":["Ada","Ada L."],"answer_start":[0,0]}}"#,
        &expect![[r"
        "]],
    );
    check(
        Form::Json,
        r#"{"instruction":"Add.","input":"1 and 2","output":"It is 3."}
{"instruction":"Greet.","input":"","output":"Hello!"}"#,
        &expect![[r"
        "]],
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
            "the best guess does not fit: row 2: the field `answer` is not there, needed for `answer`; did you mean",
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
        &expect![[r"
        "]],
    );
}
