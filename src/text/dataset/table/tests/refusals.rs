//! Tables by example: what is refused, and how that is told.

use expect_test::expect;
use proptest::prelude::*;

use super::super::*;
use super::{check, choices, field, mapping};

#[test]
fn what_does_not_fit_is_told_by_row_and_field() {
    let number = mapping(Answers::Number);
    let absent = "{\"question\":\"Q?\",\"answer\":1}\n{\"qestion\":\"R?\",\"answer\":1}\n";
    check(
        &number,
        Form::Json,
        absent,
        &expect!["row 2: the field `question` is not there, needed for `question`; did you mean `qestion`?"],
    );
    check(
        &number,
        Form::Csv,
        "x,y\n1,2\n",
        &expect!["row 1 (line 2): the field `question` is not there, needed for `question`; there are: x, y"],
    );
    check(
        &number,
        Form::Json,
        r#"{"question":"Q?","answer":"many"}"#,
        &expect!["row 1: `answer`, from `answer`, is `many`, expected a number"],
    );
    check(
        &number,
        Form::Json,
        r#"{"question":"Q?","answer":1234567890123456789}"#,
        &expect![
            "row 1: `answer`, from `answer`, is `1234567890123456789`, expected a number of at most 18 digits, which can be compared exactly"
        ],
    );
    check(
        &number,
        Form::Json,
        r#"{"question":["Q?"],"answer":1}"#,
        &expect![[r#"row 1: `question`, from `question`, is `["Q?"]`, expected text"#]],
    );
    check(
        &number,
        Form::Json,
        r#"{"question":" ","answer":1}"#,
        &expect!["row 1: `question`, from `question`, is ``, expected text that is not blank"],
    );
    check(&number, Form::Json, "[1]", &expect!["cannot read row 1: it is `1`, expected an object with fields"]);
    check(
        &number,
        Form::Json,
        "{\"question\":1,}",
        &expect!["cannot read row 1: it is not JSON: trailing comma at line 1 column 15"],
    );
    check(
        &number,
        Form::Csv,
        "question,answer\nQ?,1,2\n",
        &expect![
            "cannot read line 2: CSV error: record 1 (line: 2, byte: 16): found record with 3 fields, but the previous record has 2 fields"
        ],
    );
    check(
        &number,
        Form::Csv,
        "question;answer\nQ?;1\n",
        &expect![
            "cannot read line 1: its heading `question;answer` has semicolons between names: save it with commas, or with tabs"
        ],
    );
    check(
        &number,
        Form::Csv,
        "question,question\nQ?,1\n",
        &expect!["cannot read line 1: the column `question` is there twice"],
    );
    check(
        &number,
        Form::Parquet,
        "no",
        &expect![[
            r"cannot read the file: it is not Parquet that can be read: EOF: Parquet file too small. Size is 2 but need 8"
        ]],
    );
    let listed = choices(Listed::Field(field("c")));
    check(
        &listed,
        Form::Json,
        r#"{"question":"Q?","c":["ice","mud"],"answer":"fog"}"#,
        &expect!["row 1: `answer`, from `answer`, is `fog`, expected one of the choices: A (`ice`), B (`mud`)"],
    );
    check(
        &listed,
        Form::Json,
        r#"{"question":"Q?","c":["ice"],"answer":"ice"}"#,
        &expect![[
            r#"row 1: `choices`, from `c`, is `["ice"]`, expected 2 to 26 choices: a list of texts, a list of `{label, text}`, or `{label: […], text: […]}`"#
        ]],
    );
    check(
        &listed,
        Form::Json,
        r#"{"question":"Q?","c":"ice, mud","answer":"ice"}"#,
        &expect![
            "row 1: `choices`, from `c`, is `ice, mud`, expected 2 to 26 choices: a list of texts, a list of `{label, text}`, or `{label: […], text: […]}`"
        ],
    );
    check(
        &listed,
        Form::Json,
        r#"{"question":"Q?","c":{"label":["A","B"],"text":["ice","mud","fog"]},"answer":"A"}"#,
        &expect!["row 1: `choices`, from `c`, is `2 labels and 3 texts`, expected a label for each text"],
    );
    check(
        &choices(Listed::Columns(vec![field("a"), field("b"), field("c")])),
        Form::Csv,
        "question,a,b,c,answer\nQ?,ice,,fog,A\n",
        &expect!["row 1 (line 2): `choices`, from `b`, is `blank`, expected text, since `c` behind it has some"],
    );
    let path = Mapping { question: Source::of(field("q.stem")), ..mapping(Answers::Number) };
    check(
        &path,
        Form::Json,
        r#"{"q":{"stm":"Q?"},"answer":1}"#,
        &expect!["row 1: the field `q.stem` is not there, needed for `question`; did you mean `q.stm`?"],
    );
    check(
        &path,
        Form::Json,
        r#"{"q":"Q?","answer":1}"#,
        &expect!["row 1: `question`, from `q`, is `Q?`, expected an object with `stem`"],
    );
    let expression = Mapping { question: Source::of(field("{{ Bdy }} {{ Question }}")), ..mapping(Answers::Number) };
    check(
        &expression,
        Form::Json,
        r#"{"Body":"B.","Question":"Q?","answer":1}"#,
        &expect!["row 1: the field `Bdy` is not there, needed for `question`; did you mean `Body`?"],
    );
    let named = Mapping { id: Some(Source::of(field("id"))), ..mapping(Answers::Number) };
    let twice = "{\"id\":7,\"question\":\"Q?\",\"answer\":1}\n\n{\"id\":\"7\",\"question\":\"R?\",\"answer\":1}\n";
    check(
        &named,
        Form::Json,
        twice,
        &expect!["row 2 (line 3): the identifier `7` is that of row 1 already, expected one of its own"],
    );
}

#[test]
fn a_pattern_that_matches_nothing_in_half_of_the_rows_is_refused() {
    let answer = Source { pattern: Some(Pattern::parse("#### (.*)").unwrap()), ..Source::of(field("answer")) };
    let mapping = Mapping { answer: Some(answer), ..mapping(Answers::Number) };
    let row = |answer: &str| format!("{{\"question\":\"Q?\",\"answer\":\"{answer}\"}}\n");
    let (good, bad) = (row("So. #### 7"), row("So 7"));
    check(
        &mapping,
        Form::Json,
        &[good.as_str(), &bad].concat(),
        &expect!["the pattern `#### (.*)` for `answer` matches nothing in 1 of 2 rows, such as: row 2: So 7"],
    );
    check(
        &mapping,
        Form::Json,
        &bad.repeat(5),
        &expect![
            "the pattern `#### (.*)` for `answer` matches nothing in 5 of 5 rows, such as: row 1: So 7 | row 2: So 7 | row 3: So 7"
        ],
    );
    check(
        &mapping,
        Form::Json,
        &[good.as_str(), &bad, &good].concat(),
        &expect![[r"
        Q? = 7
        Q? = ?
        Q? = 7
        note: the pattern `#### (.*)` for `answer` matches nothing in 1 of 3 rows, such as: row 2: So 7
        note: 2 of 3 questions have the words of an earlier one
    "]],
    );
}

#[test]
fn a_mapping_that_fits_no_table_is_refused() {
    for (mapping, why) in [
        (mapping(Answers::Choice), "need `choices`"),
        (mapping(Answers::Class(vec!["yes".into()])), "two classes or more"),
        (mapping(Answers::Class(vec!["yes".into(), "Yes".into()])), "names a class twice"),
        (Mapping { choices: Some(Listed::Field(field("c"))), ..mapping(Answers::Number) }, "mean nothing"),
    ] {
        let said = mapping.read(&[], false).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
    assert!(Field::parse("{{ a").is_err() && Field::parse(" ").is_err() && Field::parse("{{ a b }}").is_err());
    assert!(Pattern::parse("(").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![Just(b'{'), Just(b'"'), Just(b','), Just(b'\n'), Just(b'\t'), any::<u8>()], 0..60)) {
        for form in [Form::Json, Form::Csv, Form::Tsv, Form::Parquet] {
            if let Ok(rows) = rows(form, bytes.clone()) {
                let _ = mapping(Answers::Text).read(&rows, true);
            }
        }
        let _ = rows(Form::Parquet, [b"PAR1", &bytes[..], b"PAR1"].concat());
    }
}
