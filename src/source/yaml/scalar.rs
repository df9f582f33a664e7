//! What a scalar means: the core schema of YAML 1.2.

use saphyr_parser::{ScalarStyle, Tag};

use super::super::Value;

/// Resolves a scalar by its style, its tag and its text; an error says why it cannot be.
pub(super) fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain { plain(text) } else { Ok(Value::Text(text.to_owned())) };
    };
    if !tag.is_yaml_core_schema() {
        return Err(unknown(tag));
    }
    let value = match tag.suffix.as_str() {
        "str" => return Ok(Value::Text(text.to_owned())),
        "null" | "bool" | "int" | "float" => plain(text)?,
        _ => return Err(unknown(tag)),
    };
    match (tag.suffix.as_str(), value) {
        ("float", Value::Int(whole)) => Ok(Value::Float(whole as f64)),
        ("null", value @ Value::Null)
        | ("bool", value @ Value::Bool(_))
        | ("int", value @ Value::Int(_))
        | ("float", value @ Value::Float(_)) => Ok(value),
        (suffix, value) => Err(format!("{} is no `!!{suffix}`", describe(&value))),
    }
}

/// Says that a tag means nothing here.
pub(super) fn unknown(tag: &Tag) -> String {
    format!("the tag `{tag}` means nothing here")
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Int(_) | Value::Float(_) => "a number",
        _ => "text",
    }
}

fn plain(text: &str) -> Result<Value, String> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        _ => match number(text) {
            Some(number) => number?,
            None => Value::Text(text.to_owned()),
        },
    };
    Ok(value)
}

/// Reads a number; `None` where the text is not written like one.
fn number(text: &str) -> Option<Result<Value, String>> {
    let whole = |digits: &str, base| i64::from_str_radix(digits, base).map(Value::Int).map_err(|_| too_large(text));
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| all(digits, |byte| byte.is_ascii_hexdigit())) {
        return Some(whole(digits, 16));
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| all(digits, |byte| matches!(byte, b'0'..=b'7'))) {
        return Some(whole(digits, 8));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if all(unsigned, |byte| byte.is_ascii_digit()) {
        return Some(whole(text, 10));
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Ok(Value::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })));
    }
    if !is_float(unsigned) {
        return None;
    }
    text.parse().ok().map(|value| Ok(Value::Float(value)))
}

/// Matches `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`.
fn is_float(unsigned: &str) -> bool {
    let digits = |byte: u8| byte.is_ascii_digit();
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let sound = match mantissa.split_once('.') {
        Some(("", fraction)) => all(fraction, digits),
        Some((whole, fraction)) => all(whole, digits) && (fraction.is_empty() || all(fraction, digits)),
        None => all(mantissa, digits),
    };
    sound && exponent.is_none_or(|exponent| all(exponent, digits))
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn too_large(text: &str) -> String {
    format!("the number `{text}` does not fit into 64 bits")
}
