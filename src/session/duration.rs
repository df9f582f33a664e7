//! How long something took, as a person says it.

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Words a duration with the two units that matter: `1.2 s`, `3 min 04 s`, `2 h 10 min`, `3 d 07 h`.
///
/// Rounded to the nearest, and a rounding that fills the smaller unit carries over to the larger one.
pub fn duration(ms: u64) -> String {
    let rounded = |unit: u64| ms.saturating_add(unit / 2) / unit;
    if rounded(100) < 600 {
        let tenths = rounded(100);
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let pair = |small: u64, ratio: u64| (rounded(small) / ratio, rounded(small) % ratio);
    match pair(SECOND_MS, 60) {
        (minutes, seconds) if minutes < 60 => return format!("{minutes} min {seconds:02} s"),
        _ => {}
    }
    match pair(MINUTE_MS, 60) {
        (hours, minutes) if hours < 24 => return format!("{hours} h {minutes:02} min"),
        _ => {}
    }
    let (days, hours) = pair(HOUR_MS, DAY_MS / HOUR_MS);
    format!("{days} d {hours:02} h")
}

/// Words a duration that is only guessed, with one unit where that is enough: `12 s`, `3 min`, `2 h 10 min`.
pub fn about(ms: u64) -> String {
    match ms {
        0..MINUTE_MS => format!("{} s", ms.div_ceil(SECOND_MS)),
        MINUTE_MS..HOUR_MS => format!("{} min", ms.div_ceil(MINUTE_MS)),
        _ => duration(ms),
    }
}

/// Writes a time since the run began as `hh:mm:ss`.
pub fn stamp(ms: u64) -> String {
    let seconds = ms / SECOND_MS;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_the_length() {
        let check = |ms, expected: &str| assert_eq!(duration(ms), expected);
        check(0, "0.0 s");
        check(1_234, "1.2 s");
        check(12_350, "12.4 s");
        check(59_949, "59.9 s");
        check(59_950, "1 min 00 s");
        check(184_000, "3 min 04 s");
        check(3_599_499, "59 min 59 s");
        check(3_599_500, "1 h 00 min");
        check(7_800_000, "2 h 10 min");
        check(86_369_999, "23 h 59 min");
        check(86_370_000, "1 d 00 h");
        check(3 * DAY_MS + 7 * HOUR_MS, "3 d 07 h");
        assert!(duration(u64::MAX).ends_with(" h"));
    }

    #[test]
    fn guesses_are_coarse() {
        assert_eq!(
            [about(400), about(59_001), about(61_000), about(7_800_000)],
            ["1 s", "60 s", "2 min", "2 h 10 min"]
        );
    }

    #[test]
    fn stamps_do_not_wrap_after_a_day() {
        assert_eq!(stamp(100 * HOUR_MS + 61_999), "100:01:01");
    }
}
