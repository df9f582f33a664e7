//! Numbers as a person reads them.

/// Groups the digits: `12,400`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Says how many of what: `10,000 cached`.
pub(in crate::cli) fn amount(n: usize, what: &str) -> String {
    format!("{} {what}", count(n as u64))
}

/// Says how many there are of what has an ordinary plural: `1 row`, `10,000 rows`.
pub(in crate::cli) fn counted(n: impl TryInto<usize>, one: &str) -> String {
    let n = n.try_into().unwrap_or(usize::MAX);
    amount(n, &if n == 1 { one.to_owned() } else { format!("{one}s") })
}

/// Writes a measured value with four significant digits.
pub(super) fn value(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size.is_nan() => "not a number".to_owned(),
        _ if size.is_infinite() || size == 0.0 => value.to_string(),
        _ if !(0.001..100_000.0).contains(&size) => format!("{value:.2e}"),
        _ => {
            let decimals = (3.0 - size.log10().floor()).max(0.0) as usize;
            format!("{value:.decimals$}")
        }
    }
}

/// Writes a rate per second, or per minute or hour where that is slow.
pub(super) fn rate(per_second: f64) -> String {
    let short = |rate: f64| match rate {
        ..9.995 => format!("{rate:.1}"),
        _ => count(rate.round() as u64),
    };
    match per_second {
        1.0.. => format!("{}/s", short(per_second)),
        0.016.. => format!("{}/min", short(per_second * 60.0)),
        _ => format!("{}/h", short(per_second * 3600.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0_u64, 1, 2, 1_000].map(|n| counted(n, "row")), ["0 rows", "1 row", "2 rows", "1,000 rows"]);
    }

    #[test]
    fn values_have_four_digits() {
        let values = [0.412_345, 2.0, 73.25, 1234.4, 0.000_03, 1e9, 0.0, f64::NAN, f64::INFINITY, -0.5];
        assert_eq!(
            values.map(value),
            ["0.4123", "2.000", "73.25", "1234", "3.00e-5", "1.00e9", "0", "not a number", "inf", "-0.5000"]
        );
    }

    #[test]
    fn slow_rates_change_their_unit() {
        assert_eq!([12_345.0, 12.3, 1.5, 0.5, 0.01].map(rate), ["12,345/s", "12/s", "1.5/s", "30/min", "36/h"]);
    }
}
