//! Tables by example: what is read, what is refused and how that is told.

use expect_test::{Expect, expect};
use proptest::prelude::*;

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

/// The Parquet files are as pyarrow writes them; `testdata/make.py` made them.
fn parquet(name: &str) -> Result<Vec<Row>, TableError> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dataset/table/testdata");
    rows(Form::Parquet, fs_err::read(folder.join(format!("{name}.parquet"))).unwrap())
}

#[test]
fn every_codec_that_is_built_in_gives_the_same_rows() {
    let arc = Mapping { rationale: Some(Source::of(field("rationale"))), ..preset::preset("arc").unwrap().mapping() };
    let expected = expect![[r"
        1 Which is cold? = A of 2 | Ice is frozen.
        2 Which is wet? = B of 3
        3 Which is hot? “Très.” = ? of 2
        4 Which is hot? = B of 2 | Fire burns.
        5 Which is cold? = B of 2 | Ice is frozen.
    "]];
    for name in ["none", "snappy", "gzip", "zstd", "lz4", "pages-v2"] {
        let table = arc.read(&parquet(name).unwrap(), false).unwrap_or_else(|error| panic!("{name}: {error}"));
        let shown = |(place, question): &(Place, Question)| {
            let Question { stem, choices, answer, rationale, .. } = question;
            let answer = answer.as_ref().map_or("?".to_owned(), ToString::to_string);
            let rationale = rationale.as_ref().map_or(String::new(), |text| format!(" | {text}"));
            format!("{} {stem} = {answer} of {}{rationale}\n", place.row, choices.len())
        };
        expected.assert_eq(&table.questions.iter().map(shown).collect::<String>());
    }
    assert_eq!(parquet("no-rows").unwrap(), []);
    let said = parquet("brotli").unwrap_err().to_string();
    assert!(said.starts_with("cannot read the file: its column `id` is compressed with Brotli, and only"), "{said}");
}

#[test]
fn every_type_of_parquet_is_a_value() {
    let rows = parquet("types").unwrap();
    for (field, first, second) in [
        ("view", r#""seen""#, "null"),
        ("int8", "-1", "null"),
        ("uint64", "18446744073709551615", "0"),
        ("half", "0.5", r#"{"(not a number)":"NaN"}"#),
        ("float", "0.1", r#"{"(not a number)":"inf"}"#),
        ("double", "145.0", "null"),
        ("bool", "true", "false"),
        ("decimal", r#""12.50""#, "null"),
        ("date", r#""2024-02-29""#, "null"),
        ("bytes", r#""text""#, r#"{"(bytes)":2}"#),
        ("fixed", r#""abcd""#, "null"),
        ("structs", r#"[{"label":"A","text":"ice"},{"label":"B","text":null}]"#, "[]"),
        ("lists", r#"[["a"],[]]"#, "null"),
        ("map", r#"{"k":1}"#, "null"),
        ("deep", r#"{"a":{"b":[{"c":1}]}}"#, "null"),
        ("empty", "null", "null"),
    ] {
        let values: Vec<String> = rows.iter().map(|row| row.fields[field].to_string()).collect();
        assert_eq!(values, [first, second], "{field}");
    }
    let halves = Mapping { answer: Some(Source::of(field("half"))), ..mapping(Answers::Number) };
    expect!["row 2: `answer`, from `half`, is `{\"(not a number)\":\"NaN\"}`, expected one value"]
        .assert_eq(&halves.read(&rows, false).unwrap_err().to_string());
    let bytes = Mapping { answer: Some(Source::of(field("bytes"))), ..mapping(Answers::Text) };
    expect!["row 2: `answer`, from `bytes`, is `{\"(bytes)\":2}`, expected one value"]
        .assert_eq(&bytes.read(&rows, false).unwrap_err().to_string());
    let nested = Mapping { question: Source::of(field("deep")), ..mapping(Answers::Text) };
    let said = nested.read(&rows, false).unwrap_err().to_string();
    expect![[r#"row 1: `question`, from `deep`, is `{"a":{"b":[{"c":1}]}}`, expected text"#]].assert_eq(&said);
}

/// A corrupt file is refused wherever it is cut or changed, and nothing panics.
#[test]
fn a_damaged_parquet_file_is_refused_or_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dataset/table/testdata");
    for name in ["none", "zstd", "lz4", "pages-v2"] {
        let whole = fs_err::read(folder.join(format!("{name}.parquet"))).unwrap();
        for at in (0..whole.len()).step_by(97) {
            let _ = rows(Form::Parquet, whole[..at].to_vec());
            let mut flipped = whole.clone();
            flipped[at] ^= 0x41;
            let _ = rows(Form::Parquet, flipped);
        }
        assert!(rows(Form::Parquet, whole[..whole.len() / 2].to_vec()).is_err());
    }
}

/// Reads whole files as they are published where `RETORT_DATASETS` names the directory that holds them.
#[test]
fn the_published_files_have_their_counts() {
    let Some(data) = std::env::var_os("RETORT_DATASETS").map(std::path::PathBuf::from) else {
        eprintln!("skipped: RETORT_DATASETS does not name a data directory");
        return;
    };
    let mut read = 0;
    for (name, file, count, with_rationale) in [
        ("gsm8k", "gsm8k/train.jsonl", 7473, 7473),
        ("gsm8k", "gsm8k/test.jsonl", 1319, 1319),
        ("svamp", "svamp/SVAMP.json", 1000, 0),
        ("strategyqa", "strategyqa/train.json", 2061, 2061),
        ("strategyqa", "strategyqa/dev.json", 229, 229),
        ("aqua", "aqua/dev.json", 254, 254),
        ("aqua", "aqua/test.json", 254, 254),
        ("arc", "arc/ARC-Challenge-Train.jsonl", 1119, 0),
        ("arc", "arc/ARC-Challenge-Dev.jsonl", 299, 0),
        ("arc", "arc/ARC-Challenge-Test.jsonl", 1172, 0),
        ("esnli", "esnli/esnli_dev.csv", 9842, 9842),
        ("esnli", "esnli/esnli_test.csv", 9824, 9824),
        ("anli", "anli/R1/dev.jsonl", 1000, 1000),
        ("anli", "anli/R3/test.jsonl", 1200, 1200),
        ("piqa", "piqa/valid.parquet", 1838, 0),
    ] {
        let Ok(bytes) = fs_err::read(data.join(file)) else {
            eprintln!("skipped: {file} is not there");
            continue;
        };
        let form = Form::of(&bytes);
        let rows = rows(form, bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        let table = preset::preset(name).unwrap().mapping().read(&rows, false);
        let table = table.unwrap_or_else(|error| panic!("{file}: {error}"));
        let all = || table.questions.iter().map(|(_, question)| question);
        assert_eq!(all().count(), count, "{file}");
        assert_eq!(all().filter(|question| question.rationale.is_some()).count(), with_rationale, "{file}");
        for question in all() {
            assert!(question.answer.is_some(), "{file}: {question:?}");
            let rationale = question.rationale.as_deref().unwrap_or_default();
            assert!(!rationale.contains("<<") && !rationale.contains("####"), "{file}: {question:?}");
            assert!(
                !question.stem.contains("{{") && question.choices.iter().all(|choice| !choice.text.starts_with("A)"))
            );
        }
        read += 1;
    }
    assert!(read > 0, "RETORT_DATASETS has none of the files");
}

#[test]
fn every_preset_reads_a_row_of_its_dataset() {
    for (name, row, expected) in [
        (
            "svamp",
            r#"{"ID":"chal-1","Body":"Each pack costs 76 dollars.","Question":"How much?","Equation":"( 76.0 - 25.0 )","Answer":51.0,"Type":"Subtraction"}"#,
            "Each pack costs 76 dollars. How much? = 51",
        ),
        (
            "strategyqa",
            r#"{"qid":"b","question":"Can ice burn?","answer":false,"facts":["Ice is water.","Water does not burn."]}"#,
            "Can ice burn? = no | Ice is water. Water does not burn.",
        ),
        (
            "strategyqa",
            r#"{"qid":"c","question":"Is ice cold?","answer":"True","facts":["Ice is frozen water ","What is frozen is cold!"]}"#,
            "Is ice cold? = yes | Ice is frozen water. What is frozen is cold!",
        ),
        (
            "strategyqa",
            r#"{"qid":"d","question":"Is ice cold?","answer":"yes","facts":"Ice is cold"}"#,
            "Is ice cold? = yes | Ice is cold.",
        ),
        (
            "svamp",
            r#"{"ID":"chal-2","Body":"Dan had $ 3 left ","Question":"How much did it cost?","Answer":"1,145.50","Equation":"","Type":""}"#,
            "Dan had $ 3 left. How much did it cost? = 1,145.50",
        ),
        (
            "gsm8k",
            r#"{"question":"Profit?","answer":"So 80,000*1.5=<<80000*1.5=120000>>120,000.\nIt is $<<200-70=130>>130.\n#### 2,280"}"#,
            "Profit? = 2,280 | So 80,000*1.5=120,000.\nIt is $130.",
        ),
        (
            "arc",
            r#"{"id":"M_1","question":"Which?","choices":{"text":["ice","mud"],"label":["1","2"]},"answerKey":"2"}"#,
            "Which? = B",
        ),
        (
            "esnli",
            r#"{"premise":"A man sings.","hypothesis":"He sleeps.","label":2,"explanation_1":"One cannot do both."}"#,
            "Premise: A man sings. Hypothesis: He sleeps. = contradiction | One cannot do both.",
        ),
        (
            "esnli",
            r#"{"gold_label":"neutral","Sentence1":"A man sings.","Sentence2":"He is old.","Explanation_1":"Not all are."}"#,
            "Premise: A man sings. Hypothesis: He is old. = neutral | Not all are.",
        ),
        (
            "anli",
            r#"{"uid":"u","premise":"P.","hypothesis":"H.","label":0,"reason":"So."}"#,
            "Premise: P. Hypothesis: H. = entailment | So.",
        ),
        ("piqa", r#"{"goal":"Open a jar.","sol1":"Twist.","sol2":"Shout.","label":0}"#, "Open a jar. = A"),
        ("aqua", r#"{"question":"x?","options":["A)21","B)21.5"],"rationale":"So.","correct":"A"}"#, "x? = A | So."),
    ] {
        let table = read(&preset::preset(name).unwrap().mapping(), Form::Json, row)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let Question { stem, answer, rationale, .. } = &table.questions[0].1;
        let rationale = rationale.as_ref().map_or(String::new(), |text| format!(" | {text}"));
        assert_eq!(format!("{stem} = {}{rationale}", answer.as_ref().unwrap()), expected, "{name}");
    }
    assert_eq!(preset::PRESETS.len(), 8);
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
