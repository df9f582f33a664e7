//! What a value of a table says: its text, whether it is blank, and whether it is a truth value.

use serde_json::Value as Json;

use crate::answer;

/// Up to this, every whole number is a float of 64 bits.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Returns a text, a number or a truth value as text; `None` of what is neither.
pub(super) fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(number) => Some(match number.as_f64() {
            // `145.0` is `145` in a table whose column has numbers with fractions as well.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT_MAX => format!("{float:.0}"),
            _ => number.to_string(),
        }),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Says whether a value is null, or text that shows nothing.
pub(super) fn is_blank(value: &Json) -> bool {
    value.is_null() || value.as_str().is_some_and(answer::is_blank)
}

/// Reads a truth value, whichever way it is written.
pub(super) fn truth_of(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}
