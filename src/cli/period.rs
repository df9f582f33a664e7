//! A length of time as people write it: `90s`, `1m`, `36h`, `7d`, or a number of hours.

use std::time::Duration;

/// Reads a length of time; a number without a unit is of hours.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    let (count, seconds) = match text.char_indices().next_back() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3600),
        Some((end, 'd')) => (&text[..end], 24 * 3600),
        _ => (text, 3600),
    };
    let count: u64 =
        count.parse().map_err(|_| "write hours, or a number with a unit: 30s, 10m, 36h or 7d".to_owned())?;
    Ok(Duration::from_secs(count.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_units_or_are_hours() {
        for (text, seconds) in [
            ("0", 0),
            ("24", 86_400),
            ("0s", 0),
            ("90s", 90),
            ("1m", 60),
            ("36h", 129_600),
            ("7d", 604_800),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(period(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_period_says_how_one_is_written() {
        for text in ["", "m", "-1", "1.5h", "1w", "1 h", "é", "1µ"] {
            assert!(period(text).unwrap_err().contains("36h"), "{text}");
        }
    }
}
