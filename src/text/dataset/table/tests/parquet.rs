//! Parquet files as pyarrow writes them; `testdata/make.py` made them.

use expect_test::expect;

use super::super::*;
use super::{field, mapping};

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
