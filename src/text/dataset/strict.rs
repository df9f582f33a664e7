//! JSON in which no object names a field twice, and CSV in which every quote is closed.
//!
//! The common readers take the last of two fields of one name, and all that follows an open quote for one field. Either way a
//! slip in a file would become other data without a word.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON value whose objects have no field twice.
pub(super) fn json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).map(|Strict(value)| value)
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
