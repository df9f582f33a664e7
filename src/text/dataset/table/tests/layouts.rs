//! Tables by example: which layouts are read, and as what.

use expect_test::expect;

use super::super::*;
use super::{check, choices, field, mapping, read};

#[test]
fn every_form_gives_the_same_questions() {
    let json = "{\"question\":\"Two and two?\",\"answer\":4}\n\n{\"question\":\"Ten?\",\"answer\":\"1,0\"}";
    let number = mapping(Answers::Number);
    assert!(read(&number, Form::Json, json).is_err());
    let json = json.replace("1,0", "10");
    let array = format!("[{}]", json.replace("\n\n", ",\n"));
    let all = [
        (Form::Json, json.as_str()),
        (Form::Json, &array),
        (Form::Csv, "question,answer\nTwo and two?,4\n\"Ten?\",10\n"),
        (Form::Tsv, "question\tanswer\r\nTwo and two?\t4\r\nTen?\t10\r\n"),
    ];
    for (form, text) in all {
        check(
            &number,
            form,
            text,
            &expect![[r"
            Two and two? = 4
            Ten? = 10
        "]],
        );
        let ids: Vec<String> =
            read(&number, form, text).unwrap().questions.into_iter().map(|(_, question)| question.id).collect();
        assert_eq!(ids, ["Two and two?", "Ten?"].map(digest));
        assert_eq!(Form::of(text.as_bytes()), form, "{text}");
    }
}

fn digest(words: &str) -> String {
    Digest::of(words.as_bytes()).hex()[..16].to_owned()
}

#[test]
fn choices_come_in_many_layouts() {
    let listed = choices(Listed::Field(field("c")));
    check(
        &listed,
        Form::Json,
        r#"{"question":"Q?","c":["ice","mud"],"answer":"mud"}
{"question":"R?","c":["ice","mud","fog"],"answer":2}
{"question":"S?","c":["A)21","B)21.5"],"answer":"B"}
{"question":"T?","c":[{"label":"1","text":"ice"},{"label":"2","text":"mud"}],"answer":"1"}
{"question":"U?","c":{"label":["a","b"],"text":["ice","mud"]},"answer":"(b)"}
{"question":"V?","c":["ice","mud"],"answer":null}
{"question":"W?","c":["7","9"],"answer":"9"}
"#,
        &expect![[r"
        Q? (A) ice (B) mud = B
        R? (A) ice (B) mud (C) fog = C
        S? (A) 21 (B) 21.5 = B
        T? (A) ice (B) mud = A
        U? (A) ice (B) mud = B
        V? (A) ice (B) mud = ?
        W? (A) 7 (B) 9 = B
    "]],
    );
    let columns = choices(Listed::Columns(vec![field("a"), field("b"), field("c")]));
    check(
        &columns,
        Form::Csv,
        "question,a,b,c,answer\nQ?,ice,mud,,1\nR?,ice,mud,fog,C\n",
        &expect![[r"
        Q? (A) ice (B) mud = B
        R? (A) ice (B) mud (C) fog = C
    "]],
    );
}

#[test]
fn classes_numbers_and_texts_are_told_apart_by_their_kind() {
    let classes = Answers::Class(["entailment", "neutral", "contradiction"].map(str::to_owned).to_vec());
    check(
        &mapping(classes),
        Form::Json,
        r#"{"question":"Q?","answer":0}
{"question":"R?","answer":"Neutral"}
{"question":"S?","answer":"2"}
{"question":"T?","answer":-1}
"#,
        &expect![[r"
        Q? = entailment
        R? = neutral
        S? = contradiction
        T? = ?
    "]],
    );
    check(
        &mapping(Answers::Number),
        Form::Json,
        r#"{"question":"Q?","answer":145.0}
{"question":"R?","answer":"$1,000"}
{"question":"S?","answer":0.5}
"#,
        &expect![[r"
        Q? = 145
        R? = $1,000
        S? = 0.5
    "]],
    );
    check(
        &mapping(Answers::Text),
        Form::Tsv,
        "question\tanswer\nWho \"was\"?\t Ada \n",
        &expect![[r#"
        Who "was"? = Ada
    "#]],
    );
    check(
        &mapping(Answers::Class(vec!["true".into(), "false".into()])),
        Form::Json,
        r#"{"question":"Q?","answer":false}"#,
        &expect![[r"
        Q? = false
    "]],
    );
    check(
        &mapping(Answers::Class(vec!["No".into(), "Yes".into()])),
        Form::Json,
        "{\"question\":\"Q?\",\"answer\":false}\n{\"question\":\"R?\",\"answer\":\"TRUE\"}",
        &expect![[r"
        Q? = No
        R? = Yes
    "]],
    );
    check(
        &mapping(Answers::Class(vec!["yes".into(), "true".into()])),
        Form::Json,
        r#"{"question":"Q?","answer":"false"}"#,
        &expect!["row 1: `answer`, from `answer`, is `false`, expected one of yes, true"],
    );
}

#[test]
fn fields_are_paths_expressions_and_pieces() {
    let mut gsm = preset::preset("gsm8k").unwrap().mapping();
    gsm.keep = vec![field("meta.source"), field("{{ meta.tags | length }}")];
    check(
        &gsm,
        Form::Json,
        r#"{"question":" Clips? ","answer":"Half: 48/2 = <<48/2=24>>24.\nAll: 72.\n#### 72","meta":{"source":"web","tags":["a","b"]}}"#,
        &expect![[r#"
        Clips? = 72 | Half: 48/2 = 24.
        All: 72. meta.source="web" {{ meta.tags | length }}=2
    "#]],
    );
    let path = Mapping { question: Source::of(field("q.0.text")), ..mapping(Answers::Number) };
    check(
        &path,
        Form::Json,
        r#"{"q":[{"text":"Q?"}],"answer":1}"#,
        &expect![[r"
        Q? = 1
    "]],
    );
    let dotted = Mapping { question: Source::of(field("q.text")), ..mapping(Answers::Number) };
    check(
        &dotted,
        Form::Csv,
        "q.text,answer\nQ?,1\n",
        &expect![[r"
        Q? = 1
    "]],
    );
    let both = Mapping { question: Source::of(field("{{ a }} {{ b }}")), ..mapping(Answers::Number) };
    check(
        &both,
        Form::Json,
        r#"{"a":"One","b":"two?","answer":1}"#,
        &expect![[r"
        One two? = 1
    "]],
    );
}

#[test]
fn an_answer_is_one_choice_or_none() {
    let listed = |labels: &str, answer: &str| {
        let text = if labels.is_empty() {
            format!(r#"{{"question":"S?","c":["2","1","0","3"],"answer":{answer}}}"#)
        } else {
            format!(r#"{{"question":"S?","c":{{"label":{labels},"text":["ice","mud","0","snow"]}},"answer":{answer}}}"#)
        };
        let read = read(&choices(Listed::Field(field("c"))), Form::Json, &text);
        read.map(|table| table.questions[0].1.answer.as_ref().map_or("?".to_owned(), ToString::to_string))
    };
    let numbers = r#"["1","2","3","4"]"#;
    for (labels, answer, expected) in [
        // A number is a place, and so is a text that is no other choice's words.
        ("", "2", Some("C")),
        ("", "0", Some("A")),
        ("", "\"1\"", Some("B")),
        ("", "\"3\"", Some("D")),
        ("", "\"C\"", Some("C")),
        // The words of one and the place of another.
        ("", "\"2\"", None),
        ("", "\"0\"", None),
        // Where labels are numbers, nothing else is.
        (numbers, "1", Some("A")),
        (numbers, "\"4\"", Some("D")),
        (numbers, "\"mud\"", Some("B")),
        (numbers, "7", None),
    ] {
        assert_eq!(listed(labels, answer).ok().as_deref(), expected, "{labels} {answer}");
    }
    let said = listed("", "\"2\"").unwrap_err().to_string();
    assert!(said.contains("it is the place of C, counted from 0, and the words of A"), "{said}");
    // The letter of one and the words of another.
    for (c, answer, expected) in [
        (r#"["b","a"]"#, "a", None),
        (r#"["B","A","C"]"#, "B", None),
        (r#"["B","A","C"]"#, "C", Some("C")),
        (r#"["a","b"]"#, "b", Some("B")),
        (r#"["x","y"]"#, "y", Some("B")),
        (r#"["x","y"]"#, "(A)", Some("A")),
        (r#"["ice","mud"]"#, "C", None),
    ] {
        let text = format!(r#"{{"question":"S?","c":{c},"answer":"{answer}"}}"#);
        let read = read(&choices(Listed::Field(field("c"))), Form::Json, &text);
        let found = read.map(|table| table.questions[0].1.answer.as_ref().map_or("?".to_owned(), ToString::to_string));
        assert_eq!(found.ok().as_deref(), expected, "{c} {answer}");
    }
    let classes = mapping(Answers::Class(["1", "2", "3"].map(str::to_owned).to_vec()));
    for (answer, known) in [("1", true), ("3", true), ("0", false), ("-1", true)] {
        let text = format!(r#"{{"question":"S?","answer":{answer}}}"#);
        assert_eq!(read(&classes, Form::Json, &text).is_ok(), known, "{answer}");
    }
}

#[test]
fn what_is_null_is_nothing_and_an_expression_that_fails_is_no_absent_field() {
    let stem = Mapping { question: Source::of(field("{{ question }} {{ hint }}")), ..mapping(Answers::Number) };
    let text = "{\"question\":\"Two?\",\"hint\":null,\"answer\":2}";
    assert_eq!(read(&stem, Form::Json, text).unwrap().questions[0].1.stem, "Two?");
    let sum = Mapping { answer: Some(Source::of(field("{{ answer + 1 }}"))), ..mapping(Answers::Number) };
    let withheld = |text: &str| sum.read(&rows(Form::Json, text.as_bytes().to_vec()).unwrap(), true);
    assert!(withheld("{\"question\":\"Two?\",\"answer\":\"two\"}").is_err());
    assert!(withheld("{\"question\":\"Two?\"}").unwrap().questions[0].1.answer.is_none());
}

#[test]
fn answers_may_be_withheld_in_test_files() {
    let number = mapping(Answers::Number);
    let rows = rows(Form::Json, br#"{"question":"Q?"}"#.to_vec()).unwrap();
    assert!(number.read(&rows, false).is_err());
    let table = number.read(&rows, true).unwrap();
    assert_eq!((table.questions[0].1.answer.clone(), table.notes.len()), (None, 1));
    let told = Mapping { rationale: Some(Source::of(field("why"))), ..number };
    let table = told.read(&rows, true).unwrap();
    assert_eq!((table.questions[0].1.rationale.clone(), table.notes.len()), (None, 2));
    // What one row has, every row must have.
    let rows = super::rows(Form::Json, b"{\"question\":\"Q?\",\"answer\":1}\n{\"question\":\"R?\"}".to_vec()).unwrap();
    assert!(told.read(&rows, true).is_err());
    // How a hidden answer is written in the test file of PIQA.
    let hidden = r#"{"goal":"Open a jar.","sol1":"Twist.","sol2":"Shout.","label":-1}"#;
    let table = read(&preset::preset("piqa").unwrap().mapping(), Form::Json, hidden).unwrap();
    assert_eq!(table.questions[0].1.answer, None);
}

/// Identifiers and answers keep the digits that are written, in whatever form a table is.
#[test]
fn long_whole_numbers_keep_their_digits() {
    let (one, other) = ("123456789012345678901234567890", "123456789012345678901234567891");
    let named = Mapping { id: Some(Source::of(field("id"))), ..mapping(Answers::Exact) };
    let json = format!(
        "{{\"id\":{one},\"question\":\"Q?\",\"answer\":{other}}}\n{{\"id\":{other},\"question\":\"R?\",\"answer\":-{one}}}\n"
    );
    let csv = format!("id,question,answer\n{one},Q?,{other}\n{other},R?,-{one}\n");
    for (form, text) in [(Form::Json, json), (Form::Csv, csv)] {
        let table = read(&named, form, &text).unwrap();
        let found: Vec<(String, String)> = table
            .questions
            .iter()
            .map(|(_, question)| (question.id.clone(), question.answer.as_ref().unwrap().to_string()))
            .collect();
        assert_eq!(found, [(one.into(), other.into()), (other.into(), format!("-{one}"))], "{form:?}");
    }
    let listed = choices(Listed::Field(field("c")));
    let text = format!("{{\"question\":\"Q?\",\"c\":[{one},{other}],\"answer\":{other}}}");
    assert_eq!(read(&listed, Form::Json, &text).unwrap().questions[0].1.answer, Answer::at(1));
}

/// What shows nothing is no question, no choice and no answer.
#[test]
fn what_shows_nothing_is_blank() {
    let blank = "\u{200b}\u{feff}";
    let text = |question: &str, answer: &str| format!("{{\"question\":\"{question}\",\"answer\":\"{answer}\"}}");
    let texts = mapping(Answers::Text);
    assert_eq!(read(&texts, Form::Json, &text("Q?", blank)).unwrap().questions[0].1.answer, None);
    assert!(read(&texts, Form::Json, &text(blank, "a")).is_err());
    let listed = choices(Listed::Field(field("c")));
    let choices = format!("{{\"question\":\"Q?\",\"c\":[\"a\",\"{blank}\"],\"answer\":\"a\"}}");
    assert!(read(&listed, Form::Json, &choices).is_err());
}

/// Whole numbers among fractions are written without a point as long as they are exact.
#[test]
fn whole_floats_are_whole_numbers() {
    for (written, expected) in [
        ("145.0", "145"),
        ("1e15", "1000000000000000"),
        ("9007199254740992.0", "9007199254740992"),
        ("-0.0", "-0"),
        ("0.5", "0.5"),
    ] {
        let text = format!("{{\"question\":\"Q?\",\"answer\":{written}}}");
        let table = read(&mapping(Answers::Number), Form::Json, &text).unwrap();
        assert_eq!(table.questions[0].1.answer, Some(Answer::Number(expected.into())), "{written}");
    }
}
