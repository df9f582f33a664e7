//! What a server says of its limits in the headers of an answer.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// What is left of an allowance, and when there is more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// How much is left.
    pub(super) amount: u64,
    /// How long until the allowance is whole again.
    pub(super) whole_in: Duration,
}

/// What a server said of its limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hints {
    /// When it wants to be asked again.
    pub(super) retry_after: Option<Duration>,
    /// Requests that are left.
    pub(super) requests: Option<Left>,
    /// Tokens that are left.
    pub(super) tokens: Option<Left>,
}

impl Hints {
    /// Reads headers: `Retry-After`, and `x-ratelimit-remaining-…` with `x-ratelimit-reset-…`.
    pub(super) fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let millis = header("retry-after-ms").and_then(|ms| ms.trim().parse().ok()).map(Duration::from_millis);
        let now = header("date").and_then(|date| moment(date.trim()));
        let retry_after = millis.or_else(|| wait(header("retry-after")?.trim(), now));
        let left = |what: &str| {
            let amount = header(&format!("x-ratelimit-remaining-{what}"))?.trim().parse().ok()?;
            let whole_in = wait(header(&format!("x-ratelimit-reset-{what}"))?.trim(), now)?;
            Some(Left { amount, whole_in })
        };
        Self { retry_after, requests: left("requests"), tokens: left("tokens") }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// A plain number of seconds above this is no wait but a moment: seconds since 1970, or milliseconds above the second.
const EPOCH_SECONDS_MIN: f64 = 1e9;
const EPOCH_MILLIS_MIN: f64 = 1e12;

/// Reads how long to wait: a span, or a moment by the server's own clock. One that is past is no wait.
fn wait(text: &str, now: Option<Timestamp>) -> Option<Duration> {
    let number = text.parse::<f64>().ok().filter(|number| *number >= EPOCH_SECONDS_MIN);
    let then = match number {
        Some(millis) if millis >= EPOCH_MILLIS_MIN => Timestamp::from_millisecond(millis as i64).ok(),
        Some(seconds) => Timestamp::from_millisecond((seconds * 1000.0) as i64).ok(),
        None => match span(text) {
            Some(span) => return Some(span),
            None => moment(text),
        },
    };
    Some(Duration::try_from(then?.duration_since(now?)).unwrap_or_default())
}

/// Reads a date as headers have it, or as programs write it.
fn moment(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok().or_else(|| text.parse().ok())
}

/// Reads `1s`, `6m0s`, `20ms`, `1h2m`, or plain seconds.
fn span(text: &str) -> Option<Duration> {
    if let Some(plain) = seconds(text) {
        return Some(plain);
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let scale = match &unit[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * scale).ok()?)?;
        rest = &unit[end..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &'static str)]) -> Hints {
        Hints::read(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn the_ways_in_which_a_server_asks_for_patience() {
        const NOW: &str = "Wed, 21 Oct 2015 07:28:00 GMT";
        const THEN: &str = "Wed, 21 Oct 2015 07:28:30 GMT";
        type Case = (&'static [(&'static str, &'static str)], Option<u64>);
        let cases: [Case; 13] = [
            (&[("retry-after", "2")], Some(2000)),
            (&[("retry-after", "0.25")], Some(250)),
            (&[("retry-after", THEN), ("date", NOW)], Some(30_000)),
            (&[("retry-after", NOW), ("date", THEN)], Some(0)),
            (&[("retry-after", THEN)], None),
            (&[("retry-after-ms", "40"), ("retry-after", "2")], Some(40)),
            (&[("retry-after", "2015-10-21T07:28:30Z"), ("date", NOW)], Some(30_000)),
            (&[("retry-after", "1445412510"), ("date", NOW)], Some(30_000)),
            (&[("retry-after", "1445412510000"), ("date", NOW)], Some(30_000)),
            (&[("retry-after", "1445412510")], None),
            (&[("retry-after", "86400")], Some(86_400_000)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-1")], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(read(headers).retry_after, expected.map(Duration::from_millis), "{headers:?}");
        }
    }

    #[test]
    fn what_is_left_needs_both_headers() {
        let hints = read(&[
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1m6.5s"),
            ("x-ratelimit-remaining-tokens", "99"),
        ]);
        assert_eq!(hints.requests, Some(Left { amount: 0, whole_in: Duration::from_millis(66_500) }));
        assert_eq!(hints.tokens, None);
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        for reset in ["1445412510", "1445412510000", "2015-10-21T07:28:30Z", "30", "30s"] {
            let hints = read(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", reset), date]);
            assert_eq!(hints.requests.map(|left| left.whole_in), Some(Duration::from_secs(30)), "{reset}");
        }
    }

    #[test]
    fn spans_of_time() {
        for (text, ms) in [("20ms", Some(20)), ("6m0s", Some(360_000)), ("1h2m", Some(3_720_000)), ("3", Some(3000))] {
            assert_eq!(span(text), ms.map(Duration::from_millis), "{text}");
        }
        for text in ["1y", "s", "1.2.3s", "-1s", "1e300h"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
