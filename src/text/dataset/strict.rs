//! JSON in which no object names a field twice, and CSV in which every quote is closed.
//!
//! The common readers take the last of two fields of one name, and all that follows an open quote for one field. Either way a
//! slip in a file would become other data without a word. So would a whole number of more than 64 bits, such as a long
//! identifier, which they round: it becomes a text with the digits that are written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON value whose objects have no field twice.
pub(super) fn json(text: &str) -> Result<Value, serde_json::Error> {
    let read = |text: &str| serde_json::from_str(text).map(|Strict(value)| value);
    match with_long_numbers_quoted(text) {
        None => read(text),
        // An error is at its place in the text as it was written.
        Some(quoted) => read(&quoted).map_err(|error| read(text).err().unwrap_or(error)),
    }
}

/// Puts whole numbers that do not fit 64 bits into quotes; `None` where there are none.
fn with_long_numbers_quoted(text: &str) -> Option<String> {
    let fits = |number: &str| number.parse::<u64>().is_ok() || number.parse::<i64>().is_ok();
    let is_long = |number: &str| {
        let digits = number.strip_prefix('-').unwrap_or(number);
        digits.len() > 18
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !fits(number)
    };
    let (bytes, mut out, mut copied, mut at) = (text.as_bytes(), String::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let end = at + bytes[at..].iter().take_while(part).count();
                // The name of a field is no number, and stays an error.
                let is_name = bytes[end..].trim_ascii_start().starts_with(b":");
                if !is_name && is_long(&text[at..end]) {
                    out += &format!("{}\"{}\"", &text[copied..at], &text[at..end]);
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    (copied > 0).then(|| out + &text[copied..])
}

/// Says what is wrong with a text that is no JSON, and what to write instead of numbers that JSON does not have.
pub(super) fn said(error: &serde_json::Error, text: &[u8]) -> String {
    let line = text.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let rest = line.get(error.column().saturating_sub(1)..).unwrap_or_default();
    match ["NaN", "Infinity"].into_iter().find(|word| rest.starts_with(word.as_bytes())) {
        Some(word) => format!("{error}: JSON has no `{word}`, write `null`"),
        None => error.to_string(),
    }
}

/// Takes the byte order mark off the start of a file.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values).map(Strict)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if all.contains_key(&name) {
                return Err(A::Error::custom(format!("the field `{name}` is there twice")));
            }
            let Strict(value) = fields.next_value()?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

/// Returns the line, counted from 1, of a quote in CSV that nothing closes.
pub(super) fn open_quote(csv: &[u8]) -> Option<usize> {
    let (mut line, mut opened, mut at_start) = (1, None, true);
    let mut bytes = csv.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        line += usize::from(byte == b'\n');
        match (opened, byte) {
            (Some(_), b'"') if bytes.peek() == Some(&b'"') => {
                bytes.next();
            }
            (Some(_), b'"') => opened = None,
            // A quote opens a field only where the field begins.
            (None, b'"') if at_start => opened = Some(line),
            _ => {}
        }
        at_start = opened.is_none() && matches!(byte, b',' | b'\n' | b'\r');
    }
    opened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_comes_twice_is_an_error_at_any_depth() {
        let text = r#"{"a":[1,-2,0.5,null,true,"x",{"b":{}}],"b":18446744073709551615}"#;
        assert_eq!(json(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#, r#"{"a":1,"\u0061":2}"#] {
            let said = json(twice).unwrap_err().to_string();
            assert!(said.starts_with("the field `a` is there twice at line 1"), "{twice}: {said}");
        }
        assert!(json("{} {}").is_err() && json("").is_err());
    }

    #[test]
    fn numbers_that_json_does_not_have_are_told() {
        for (text, expected) in [
            (r#"{"a": NaN}"#, "expected value at line 1 column 7: JSON has no `NaN`, write `null`"),
            ("{\n\"a\": [1, Infinity]}", "expected value at line 2 column 10: JSON has no `Infinity`, write `null`"),
            ("{} x", "trailing characters at line 1 column 4"),
            ("", "EOF while parsing a value at line 1 column 0"),
        ] {
            assert_eq!(said(&json(text).unwrap_err(), text.as_bytes()), expected);
        }
        let text = "[-Infinity]";
        assert!(said(&json(text).unwrap_err(), text.as_bytes()).ends_with("JSON has no `Infinity`, write `null`"));
    }

    #[test]
    fn long_whole_numbers_keep_their_digits() {
        for (text, expected) in [
            ("18446744073709551615", Value::from(u64::MAX)),
            ("-9223372036854775808", Value::from(i64::MIN)),
            ("18446744073709551616", Value::from("18446744073709551616")),
            ("-9223372036854775809", Value::from("-9223372036854775809")),
            ("1e30", Value::from(1e30)),
            ("123456789012345678901234567890.5", Value::from(123_456_789_012_345_678_901_234_567_890.5)),
            (r#""123456789012345678901234567890""#, Value::from("123456789012345678901234567890")),
            (r#""a \" 123456789012345678901234567890""#, Value::from("a \" 123456789012345678901234567890")),
            (r#""\\""#, Value::from("\\")),
        ] {
            assert_eq!(json(text).unwrap(), expected, "{text}");
        }
        let row = r#"{"id": 99999999999999999999999, "n": [100000000000000000000001, 1]}"#;
        let quoted = r#"{"id": "99999999999999999999999", "n": ["100000000000000000000001", 1]}"#;
        assert_eq!(json(row).unwrap(), serde_json::from_str::<Value>(quoted).unwrap());
        let digits = "9".repeat(500);
        assert_eq!(json(&digits).unwrap(), Value::from(digits.as_str()));
        // An error says where it is in the text as it is.
        let said = json(r#"{"id": 99999999999999999999999 "n": 1}"#).unwrap_err().to_string();
        assert_eq!(said, "expected `,` or `}` at line 1 column 32");
        assert!(json("012345678901234567890123").is_err() && json("{99999999999999999999999: 1}").is_err());
    }

    #[test]
    fn a_quote_that_nothing_closes_is_found_where_it_opens() {
        for (csv, line) in [
            ("id,text\na,\"b\"\n", None),
            ("id,text\na,\"b \"\"c\"\" d\"\n", None),
            ("id,text\na,\"b\nc\"\nd,e\n", None),
            ("id,text\na,5\" wide\n", None),
            ("\"id\",text\n", None),
            ("", None),
            ("id,text\na,\"b\nc,d\n", Some(2)),
            ("id,text\na,b\n\"c,d\n", Some(3)),
            ("id,text\na,\"b\"\"\n", Some(2)),
            ("id,text\na,\"\"\"\n", Some(2)),
            ("\"", Some(1)),
        ] {
            assert_eq!(open_quote(csv.as_bytes()), line, "{csv:?}");
        }
    }
}
