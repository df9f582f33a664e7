//! Rationales that were elicited elsewhere, as JSON lines, one JSON array, or CSV.
//!
//! A row is `{"id", "rationale"}` and may add `"sample"`, which of several it is from 0, and `"label"`, the answer that
//! the teacher itself arrived at: the letter of a choice, or the answer as text. Further fields are kept as they are. A question may have several rationales, no two with
//! the same sample number. CSV has the names of the fields in its first line; a field that is empty there is not there.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::lines::{self, Fields};
use super::{DatasetError, Problem, strict};
use retort_artifact::{Answer, Rationale, Rationales};

const FORMAT: &str = "a rationale";
const KNOWN: [&str; 4] = ["id", "rationale", "sample", "label"];

/// Reads a whole file: JSON lines where its first character is `{`, one array where it is `[`, else CSV.
pub fn read(bytes: &[u8]) -> Result<Rationales, DatasetError> {
    let bytes = strict::without_mark(bytes);
    let begins = bytes.trim_ascii_start().first();
    let rows = match begins {
        None | Some(b'{' | b'[') => lines::read(FORMAT, bytes, rationale, key)?,
        Some(_) => csv(bytes)?,
    };
    Ok(Rationales { rows })
}

fn key(row: &Rationale) -> String {
    format!("{}` with the sample `{}", row.id, row.sample)
}

fn rationale(fields: &Fields) -> Result<Rationale, Problem> {
    let sample = fields.optional("sample").map(|sample| sample.number()).transpose()?;
    let label = fields.optional("label").map(|label| answer(&label)).transpose()?;
    Ok(Rationale {
        id: fields.id("id")?,
        sample: sample.unwrap_or(0),
        text: fields.words("rationale")?,
        label,
        extra: fields.others(&KNOWN),
        ..Rationale::default()
    })
}

/// Reads an answer: a letter by itself is that of a choice. Which kind of answer the question has is not known here.
fn answer(label: &Fields<'_>) -> Result<Answer, Problem> {
    let written = label.label_text();
    match label.value() {
        Json::String(_) | Json::Number(_) | Json::Bool(_) if !written.is_empty() => {
            Ok(label.label().map_or(Answer::Text(written), Answer::Choice))
        }
        _ => Err(label.unexpected("a letter from A to Z, or the answer as text".into())),
    }
}

fn csv(bytes: &[u8]) -> Result<Vec<Rationale>, DatasetError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bytes);
    let wrong = |line: u64, problem| DatasetError { format: FORMAT, line: line as usize, problem };
    // What is read after it would be one field to the end of the file.
    if let Some(line) = strict::open_quote(bytes) {
        return Err(wrong(line as u64, Problem::Csv { why: "a quote opens there and is never closed".into() }));
    }
    let unreadable = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        wrong(line, Problem::Csv { why: error.to_string() })
    };
    let names = reader.headers().map_err(|error| unreadable(&error))?.clone();
    // Without these names it is something else, of which each line would be read as a row or passed over.
    for field in ["id", "rationale"] {
        if !names.iter().any(|name| name == field) {
            return Err(wrong(1, Problem::Missing { field: field.to_owned(), expected: "a column of that name" }));
        }
    }
    let twice = names.iter().enumerate().find(|(index, name)| names.iter().take(*index).any(|other| other == *name));
    if let Some((_, name)) = twice {
        return Err(wrong(1, Problem::Csv { why: format!("the column `{name}` is there twice") }));
    }
    let (mut rows, mut lines) = (Vec::new(), BTreeMap::new());
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = record.position().map_or(1, csv::Position::line);
        let fields = names.iter().zip(&record).filter(|(_, text)| !text.is_empty());
        let fields: Map<String, Json> = fields.map(|(name, text)| (name.to_owned(), value(name, text))).collect();
        let row = lines::row(&Json::Object(fields), rationale).map_err(|problem| wrong(line, problem))?;
        if let Some(&first) = lines.get(&key(&row)) {
            return Err(wrong(line, Problem::Duplicate { id: key(&row), first }));
        }
        lines.insert(key(&row), line as usize);
        rows.push(row);
    }
    Ok(rows)
}

/// Returns a field of CSV as JSON has it: a sample number is a number, anything else is text.
fn value(name: &str, text: &str) -> Json {
    let number = (name == "sample").then(|| text.trim().parse::<u64>().ok()).flatten();
    number.map_or_else(|| Json::from(text), Json::from)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let line = |row: &Rationale| serde_json::to_string(row).unwrap() + "\n";
        expected.assert_eq(&match read(text.as_bytes()) {
            Ok(rationales) => rationales.rows.iter().map(line).collect(),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn both_forms_keep_what_they_do_not_know() {
        check(
            "{\"id\":\"q\",\"rationale\":\" Ice. \",\"cost\":0.5,\"label\":\"B\"}\n\n{\"id\":\"q\",\"sample\":1,\"rationale\":\"So.\"}\n",
            &expect![[r#"
                {"id":"q","sample":0,"text":"Ice.","label":"B","extra":{"cost":0.5}}
                {"id":"q","sample":1,"text":"So."}
            "#]],
        );
        check(
            "id,sample,label,rationale,judge\nq,0,B,\"Ice, or\nsnow.\",good\nq,1,,So.,\n",
            &expect![[r#"
            {"id":"q","sample":0,"text":"Ice, or\nsnow.","label":"B","extra":{"judge":"good"}}
            {"id":"q","sample":1,"text":"So."}
        "#]],
        );
    }

    #[test]
    fn whole_numbers_are_identifiers_and_what_is_null_is_said_so() {
        let of = |id: &str| read(format!("{{\"id\":{id},\"rationale\":\"Ice.\"}}").as_bytes());
        for (id, expected) in
            [("0", "0"), ("-3", "-3"), ("\" q \"", "q"), ("18446744073709551615", "18446744073709551615")]
        {
            assert_eq!(of(id).unwrap().rows[0].id, expected);
        }
        for id in ["null", "1.5", "\" \"", "true", "[]"] {
            let said = of(id).unwrap_err().to_string();
            let found = id.trim_matches('"');
            let expected = format!("the field `id` is `{found}`, expected text that is not blank, or a whole number");
            assert!(said.ends_with(&expected), "{said}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        for text in ["{\"id\":\"q\",\"rationale\":\"Ice.\"}\n", "id,rationale\nq,Ice.\n"] {
            assert_eq!(read(format!("\u{feff}{text}").as_bytes()), read(text.as_bytes()));
        }
    }

    #[test]
    fn an_array_is_read_and_so_is_what_windows_marks() {
        let rows = r#"{"id":"q","sample":0,"text":"Ice."}
{"id":"q","sample":1,"text":"So.","label":"B"}
"#;
        let entries = r#"{"id":"q","rationale":"Ice."}, {"id":"q","sample":1,"label":"b","rationale":"So."}"#;
        let lines = entries.replace("}, ", "}\n");
        for text in
            [format!("[{entries}]"), format!("\u{feff}[\n{entries}\n]\n"), lines.clone(), format!("\u{feff}{lines}")]
        {
            let read = read(text.as_bytes()).unwrap().rows;
            let line = |row: &Rationale| serde_json::to_string(row).unwrap() + "\n";
            assert_eq!(read.iter().map(line).collect::<String>(), rows, "{text}");
        }
        let marked = read("\u{feff}id,rationale\nq,Ice.\n".as_bytes()).unwrap();
        assert_eq!(marked.rows[0].id, "q");
        check(
            "[\n{\"id\":\"q\",\"rationale\":\"a\"},\n{\"id\":\"q\",\"rationale\":\"b\"}]",
            &expect![
                "cannot read line 3 as a rationale: the field `id` is `q` with the sample `0`, which line 2 has already; each line needs another identifier"
            ],
        );
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line() {
        check(
            "id,text\nq,Ice.\n",
            &expect![
                "cannot read line 1 as a rationale: the field `rationale` is missing, expected a column of that name"
            ],
        );
        check(
            "id,rationale\nq,Ice.,more\n",
            &expect![
                "cannot read line 2 as a rationale: it is not CSV: CSV error: record 1 (line: 2, byte: 13): found record with 3 fields, but the previous record has 2 fields"
            ],
        );
        check(
            "id,rationale\nq,Ice.\nq,Snow.\n",
            &expect![
                "cannot read line 3 as a rationale: the field `id` is `q` with the sample `0`, which line 2 has already; each line needs another identifier"
            ],
        );
        check(
            "id,sample,rationale\nq,one,Ice.\n",
            &expect![
                "cannot read line 2 as a rationale: the field `sample` is `one`, expected a whole number from 0 up"
            ],
        );
        check(
            "id,rationale,id\nq,Ice.,r\n",
            &expect!["cannot read line 1 as a rationale: it is not CSV: the column `id` is there twice"],
        );
        check(
            "id,rationale\nq,Ice.\nr,\"Snow.\ns,Rain.\n",
            &expect!["cannot read line 3 as a rationale: it is not CSV: a quote opens there and is never closed"],
        );
        check(
            "{\"id\":\"q\",\"rationale\":\"Ice.\",\"rationale\":\"Snow.\"}",
            &expect![
                "cannot read line 1 as a rationale: it is not JSON: the field `rationale` is there twice at line 1 column 40"
            ],
        );
        check(
            "[{\"id\":\"q\"}]",
            &expect![
                "cannot read line 1 as a rationale: the field `rationale` is missing, expected text that is not blank"
            ],
        );
    }
}
