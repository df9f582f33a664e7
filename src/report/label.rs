//! How arms, axis values and numbers are written for a reader.

use std::collections::BTreeMap;

use super::Arm;
use retort_stats::{Estimate, Interval, Level};

/// What stands for an axis that an arm does not have.
pub(super) const ABSENT: &str = "–";

/// Writes an instance as the engine names it: `scores[placement=after,run=0]`.
pub(super) fn instance(stage: &str, coords: &BTreeMap<String, String>) -> String {
    if coords.is_empty() {
        return stage.to_owned();
    }
    let coords: Vec<String> = coords.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
    // Where everything comes from one stage, it has no name here.
    if stage.is_empty() { coords.join(",") } else { format!("{stage}[{}]", coords.join(",")) }
}

/// Writes an arm as the engine names it.
pub(super) fn arm(arm: &Arm) -> String {
    instance(&arm.stage, &arm.coords)
}

/// Writes names in backticks with commas, at most twelve of them.
pub(super) fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(12);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// Suggests the known name that looks most like a wrong one, as a clause to append.
pub(super) fn nearest(wrong: &str, known: &[String]) -> String {
    let scored = known.iter().map(|name| (strsim::jaro_winkler(wrong, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.8);
    best.map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Writes a fraction in percent with one decimal, such as `61.2`.
pub(super) fn percent(fraction: f64) -> String {
    let rounded = (fraction * 1000.0).round() / 10.0;
    // Adding zero turns a rounded −0.0 into 0.0.
    format!("{:.1}", rounded + 0.0).replace('-', "−")
}

/// Writes a difference of fractions in percentage points with its sign, such as `+3.4` or `−0.2`.
pub(super) fn points(difference: f64) -> String {
    let text = percent(difference);
    if text == "0.0" || text.starts_with('−') { text } else { format!("+{text}") }
}

/// Writes a value and its interval by way of `write`, such as `61.2 [57.1, 65.2]`.
pub(super) fn with_interval(estimate: &Estimate, write: fn(f64) -> String) -> String {
    let Estimate { value, interval: Interval { low, high }, .. } = estimate;
    format!("{} [{}, {}]", write(*value), write(*low), write(*high))
}

/// Writes a p value: three decimals, or that it is below the least of them.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// Writes a confidence level in percent, such as `95 %`.
pub(super) fn level(level: Level) -> String {
    // Six decimals of a percent are enough for any level that a person writes; zeros at the end are dropped.
    let percent = format!("{:.6}", level.fraction() * 100.0);
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// Writes a count with a comma between thousands.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Reads an axis value as a finite number.
pub(super) fn number(value: &str) -> Option<f64> {
    value.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            ["0.0", "100.0", "61.2", "−3.4"],
            [-0.000_1, 1.0, 0.612_4, -0.034].map(percent).each_ref().map(String::as_str)
        );
        assert_eq!(["0.0", "+3.4", "−3.4"], [0.000_4, 0.034, -0.034].map(points).each_ref().map(String::as_str));
        assert_eq!(["<0.001", "0.001", "1.000"], [0.000_99, 0.001, 1.0].map(p_value).each_ref().map(String::as_str));
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567].map(count).each_ref().map(String::as_str)
        );
    }

    #[test]
    fn a_number_is_finite() {
        assert_eq!(number(" 0.40"), Some(0.4));
        assert_eq!([number("inf"), number("NaN"), number("word"), number("")], [None; 4]);
    }
}
