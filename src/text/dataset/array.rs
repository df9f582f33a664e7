//! The rows of a file: its lines, or the entries of the one JSON array that it is.

use serde::de::IgnoredAny;

use super::{Problem, strict};

/// Rows, each with the line it begins at, or what is wrong with a line.
pub(super) type Rows<'a> = Result<Vec<(usize, &'a [u8])>, (usize, Problem)>;

/// Returns each row with the line it begins at, counted from 1, or what is wrong with a line. A file that begins with `[` is
/// one array, whose entries are rows wherever their lines end.
pub(super) fn rows(bytes: &[u8]) -> Rows<'_> {
    let bytes = strict::without_mark(bytes);
    if bytes.trim_ascii_start().starts_with(b"[") {
        return entries(bytes);
    }
    Ok(bytes.split(|&byte| byte == b'\n').enumerate().map(|(index, line)| (index + 1, line)).collect())
}

fn entries(bytes: &[u8]) -> Rows<'_> {
    let blank_from = |at: usize| bytes[at..].len() - bytes[at..].trim_ascii_start().len();
    let line_at = |at: usize| bytes[..at].split(|&byte| byte == b'\n').count();
    let wrong = |at: usize, why: String| (line_at(at), Problem::Json { why });
    let mut entries = Vec::new();
    let (mut at, mut line, mut counted) = (blank_from(0) + 1, 1, 0);
    at += blank_from(at);
    if bytes.get(at) != Some(&b']') {
        loop {
            let mut stream = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<IgnoredAny>();
            match stream.next() {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    let line = line_at(at) + error.line().saturating_sub(1);
                    return Err((line, Problem::Json { why: strict::said(&error, &bytes[at..]) }));
                }
                None => return Err(wrong(bytes.len(), "the array has no end".to_owned())),
            }
            let end = at + stream.byte_offset();
            line += bytes[counted..at].split(|&byte| byte == b'\n').count() - 1;
            counted = at;
            entries.push((line, &bytes[at..end]));
            at = end + blank_from(end);
            match bytes.get(at) {
                Some(b',') => at += 1 + blank_from(at + 1),
                Some(b']') => break,
                Some(_) => return Err(wrong(at, "expected `,` or `]` after an entry of the array".to_owned())),
                None => return Err(wrong(at, "the array has no end".to_owned())),
            }
        }
    }
    let rest = at + 1 + blank_from(at + 1);
    if rest < bytes.len() {
        return Err(wrong(rest, "the file goes on after its array".to_owned()));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&match rows(text.as_bytes()) {
            Ok(rows) => {
                let row = |(line, row): &(usize, &[u8])| format!("{line}: {}", String::from_utf8_lossy(row));
                rows.iter().map(row).collect::<Vec<_>>().join(" | ")
            }
            Err((line, problem)) => format!("line {line}: {problem}"),
        });
    }

    #[test]
    fn an_array_is_read_entry_by_entry() {
        check("{\"a\":1}\n\n{\"a\":2}", &expect![[r#"1: {"a":1} | 2:  | 3: {"a":2}"#]]);
        check("[{\"a\":1},{\"a\":2}]", &expect![[r#"1: {"a":1} | 1: {"a":2}"#]]);
        check(
            "\u{feff} [\n  {\"a\":\n 1},\n\n  \"],[\"\n]\n",
            &expect![[r#"
            2: {"a":
             1} | 5: "],[""#]],
        );
        check("[]", &expect![""]);
        check("[1, [2], null]", &expect!["1: 1 | 1: [2] | 1: null"]);
    }

    #[test]
    fn what_is_no_array_is_said_at_its_line() {
        check(
            "[{\"a\":1}\n{\"a\":2}]",
            &expect!["line 2: it is not JSON: expected `,` or `]` after an entry of the array"],
        );
        check("[{\"a\":1},\n", &expect!["line 2: it is not JSON: the array has no end"]);
        check("[{\"a\":1},]", &expect!["line 1: it is not JSON: expected value at line 1 column 1"]);
        check("[\n{\"a\":1}", &expect!["line 2: it is not JSON: the array has no end"]);
        check("[\n{\"a\":\n1", &expect!["line 3: it is not JSON: EOF while parsing an object at line 2 column 1"]);
        check("[1]\n[2]", &expect!["line 2: it is not JSON: the file goes on after its array"]);
        check("[", &expect!["line 1: it is not JSON: the array has no end"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![Just(b'['), Just(b']'), Just(b','), Just(b'\n'), any::<u8>()], 0..40)) {
            let _ = rows(&[b"[", &bytes[..]].concat());
            let _ = rows(&bytes);
        }

        #[test]
        fn an_array_has_the_rows_of_its_lines(values in prop::collection::vec("[a-z\\[\\],{}\" ]{0,8}", 0..8), gap in "[ \n]{0,3}") {
            let entries: Vec<String> = values.iter().map(|value| serde_json::json!({ "v": value }).to_string()).collect();
            let array = format!("[{gap}{}{gap}]", entries.join(&format!("{gap},{gap}")));
            let found: Vec<&[u8]> = rows(array.as_bytes()).unwrap().into_iter().map(|(_, row)| row).collect();
            prop_assert_eq!(found, entries.iter().map(String::as_bytes).collect::<Vec<_>>());
        }
    }
}
