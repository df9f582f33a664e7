//! Numbers as people write them: `1,000`, `1000.0`, `$1000`, `-3`, `50%`, `1/2`, `2 1/2`, `1e3`.
//!
//! A number is kept as an exact fraction, so that no rounding makes two of them equal or different. Nothing is computed but
//! what is a way of writing one number: `3 + 4` is no number.

use std::ops::Range;

const CURRENCY: &str = "$€£¥₹";
/// The most digits of a number: a fraction of two such numbers is still exact.
pub(super) const DIGITS_MAX: usize = 18;
/// The most bytes of a number: two of so many digits and their commas in a fraction.
const BODY_BYTES_MAX: usize = 64;

/// A number, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    /// In lowest terms; the denominator is above zero.
    numerator: i128,
    denominator: i128,
    /// Whether a percent sign follows it.
    percent: bool,
}

impl Number {
    /// Reads a text that is one number and nothing else but white space, a currency, a percent sign, and a full stop at the
    /// end. `None` for anything else, and for a number of more than 18 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().replace('−', "-");
        let text = text.strip_suffix('.').unwrap_or(&text).trim_end();
        let (negative, text) = sign(text);
        let text = text.strip_prefix(|c| CURRENCY.contains(c)).map_or(text, str::trim_start);
        let (negative, text) = if negative { (true, text) } else { sign(text) };
        let (text, percent) = match text.strip_suffix('%') {
            Some(text) => (text.trim_end(), true),
            None => (text.strip_suffix(|c| CURRENCY.contains(c)).map_or(text, str::trim_end), false),
        };
        let (numerator, denominator) = unsigned(text)?;
        let numerator = if negative { -numerator } else { numerator };
        let common = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()).max(1).cast_signed();
        Some(Self { numerator: numerator / common, denominator: denominator / common, percent })
    }

    /// Says whether a text would be a number if it had fewer digits.
    pub(super) fn is_long(text: &str) -> bool {
        let count = text.chars().filter(char::is_ascii_digit).count();
        let part = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-−.,/%eE".contains(c) || CURRENCY.contains(c);
        count > DIGITS_MAX && text.chars().all(part)
    }

    /// Finds the numbers in a text, each where it stands, with its sign, currency and percent sign.
    pub fn find(text: &str) -> Vec<(Range<usize>, Self)> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(digit) = text[at..].find(|c: char| c.is_ascii_digit()).map(|offset| at + offset) {
            let end = body_end(text, digit);
            let start = body_start(text, at, digit);
            let percent = text[end..].starts_with('%');
            let whole = start..end + usize::from(percent);
            // A digit within a word, as in `B12`, is no number.
            let within = text[..start].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
            if !within && let Some(number) = Self::parse(&text[whole.clone()]) {
                found.push((whole.clone(), number));
            }
            at = whole.end;
        }
        found
    }

    /// Says whether a number is right where the other one is. Where only one of them has a percent sign, the sign may be a unit
    /// that the other leaves out or a hundredth: `50%` is right for both `50` and `0.5`, which are not one number.
    pub fn same(self, other: Self) -> bool {
        let value = |number: Self| Self { percent: false, ..number };
        let hundredth = |number: Self| {
            let (numerator, denominator) = (number.numerator, number.denominator * 100);
            let common = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()).max(1).cast_signed();
            Self { numerator: numerator / common, denominator: denominator / common, percent: false }
        };
        value(self) == value(other)
            || match (self.percent, other.percent) {
                (true, false) => hundredth(self) == value(other),
                (false, true) => value(self) == hundredth(other),
                _ => false,
            }
    }

    /// Returns one text for all numbers of one value, percent signs aside.
    pub(super) fn key(self) -> String {
        format!("{}/{}", self.numerator, self.denominator)
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').map_or(text, str::trim_start)),
    }
}

/// Reads a number without its sign: a decimal, a fraction, or a whole number with a fraction behind it.
fn unsigned(text: &str) -> Option<(i128, i128)> {
    if let Some((whole, fraction)) = text.split_once(' ') {
        let whole = digits(whole)?;
        let (numerator, denominator) = fraction.trim_start().split_once('/')?;
        let (numerator, denominator) = (digits(numerator)?, digits(denominator).filter(|number| *number > 0)?);
        return Some((whole.checked_mul(denominator)?.checked_add(numerator)?, denominator));
    }
    if let Some((above, below)) = text.split_once('/') {
        let ((a, b), (c, d)) = (decimal(above.trim_end())?, decimal(below.trim_start())?);
        return if c == 0 { None } else { Some((a.checked_mul(d)?, b.checked_mul(c)?)) };
    }
    decimal(text)
}

/// Reads `12`, `1,234,567`, `0.5`, `.5`, `12.`, `1.5e3`.
fn decimal(text: &str) -> Option<(i128, i128)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = ungrouped(whole)?;
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    if whole.len() + fraction.len() > DIGITS_MAX || scale.unsigned_abs() as usize > DIGITS_MAX {
        return None;
    }
    let all = format!("0{whole}{fraction}").parse::<i128>().ok()?;
    let power = 10i128.checked_pow(scale.unsigned_abs())?;
    if scale >= 0 { Some((all, power)) } else { Some((all.checked_mul(power)?, 1)) }
}

/// Takes the commas out of a whole number, which stand before every three digits or not at all. `0,125` is none: where it is
/// written, the comma is a decimal one.
fn ungrouped(whole: &str) -> Option<String> {
    let groups: Vec<&str> = whole.split(',').collect();
    let plain = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_digit()));
    let grouped = groups.len() == 1
        || ((1..=3).contains(&groups[0].len())
            && !groups[0].starts_with('0')
            && groups[1..].iter().all(|group| group.len() == 3));
    (plain && grouped).then(|| groups.concat())
}

fn digits(text: &str) -> Option<i128> {
    let sound = !text.is_empty() && text.len() <= DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| text.parse().ok()).flatten()
}

/// Returns where the digits of a number end that begin at `from`: marks within it are followed by a digit.
fn body_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = from;
    while let Some(byte) = bytes.get(end).filter(|_| end - from <= BODY_BYTES_MAX) {
        let joins = matches!(byte, b',' | b'.' | b'/') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !byte.is_ascii_digit() && !joins {
            break;
        }
        end += 1;
    }
    // Commas that group nothing end it, as in `1,2`. Of a long list of digits no more is tried than one number may have.
    let mut body = &text[from..end];
    if body.len() > BODY_BYTES_MAX {
        body = &body[..body[..BODY_BYTES_MAX].rfind([',', '.', '/']).unwrap_or(body.len())];
    }
    while Number::parse(body).is_none() {
        let Some(cut) = body.rfind([',', '.', '/']).filter(|_| body.len() <= BODY_BYTES_MAX) else { break };
        body = &body[..cut];
    }
    from + body.len()
}

/// Returns where a number begins whose first digit is at `digit`, looking back as far as `from`.
fn body_start(text: &str, from: usize, digit: usize) -> usize {
    let mut start = digit;
    let before = |start: usize| text[from..start].chars().next_back();
    if before(start) == Some('.') && !text[from..start - 1].ends_with(|c: char| c.is_alphanumeric()) {
        start -= 1;
    }
    if let Some(currency) = before(start).filter(|c| CURRENCY.contains(*c)) {
        start -= currency.len_utf8();
    }
    // A dash between words or numbers is no sign.
    if let Some(dash) = before(start).filter(|c| matches!(c, '-' | '−'))
        && !text[..start - dash.len_utf8()].ends_with(|c: char| c.is_alphanumeric() || c == ')')
    {
        start -= dash.len_utf8();
    }
    start
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_numbers() {
        for (same, all) in [
            (
                true,
                &["1000", "1,000", "1000.0", "$1000", "$1,000.00", " 1000. ", "1e3", "+1000", "2000/2", "01000"][..],
            ),
            (true, &["0.5", ".5", "1/2", "50%", "50 %", "2/4", "0.50", "5e-1"]),
            (true, &["50", "50%", "$50", "50 €", "50."]),
            (true, &["-3", "−3", "- 3", "$-3", "-$3", "-3.0", "-6/2"]),
            (true, &["2 1/2", "2.5", "5/2", "250%"]),
            (true, &["0", "-0", "0.0", "0%"]),
            (false, &["1000", "1001", "-1000", "100", "1,002"]),
            (false, &["0.1", "0.10000001", "1/3"]),
            (false, &["50%", "51%", "5"]),
        ] {
            for (index, a) in all.iter().enumerate() {
                for b in &all[index + 1..] {
                    let (one, other) = (Number::parse(a).expect(a), Number::parse(b).expect(b));
                    assert_eq!((one.same(other), other.same(one)), (same, same), "{a} and {b}");
                }
            }
        }
        for none in [
            "",
            "-",
            "$",
            "%",
            ".",
            "abc",
            "4 apples",
            "3+4",
            "3 + 4",
            "2*3",
            "1,00",
            "1,0000",
            "1,000,00",
            "0,125",
            "012,345",
            "1/0",
            "1/2/3",
            "1.2.3",
            "0x10",
            "1 2",
            "1e99",
            "٣",
            "--3",
            "1234567890123456789012",
            "nan",
            "inf",
            "4-",
        ] {
            assert_eq!(Number::parse(none), None, "{none}");
        }
    }

    #[test]
    fn numbers_are_found_in_a_text() {
        for (text, expected) in [
            ("He pays $1,200.50 for 3 of them.", &["$1,200.50", "3"][..]),
            ("48/2 = 24, so 48+24 = 72.", &["48/2", "24", "48", "24", "72"]),
            ("It is -5, not 10-5.", &["-5", "10", "5"]),
            ("That is 12% of B12 or .5", &["12%", ".5"]),
            ("1,2,3", &["1", "2", "3"]),
            ("none", &[]),
        ] {
            let found: Vec<&str> = Number::find(text).into_iter().map(|(at, _)| &text[at]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn long_lists_and_numbers_take_no_longer_than_their_length() {
        let list = |joint: &str| (0..20_000).map(|n| (n % 10).to_string()).collect::<Vec<_>>().join(joint);
        assert_eq!(Number::find(&list(",")).len(), 20_000);
        for joint in [".", "/"] {
            assert!(!Number::find(&list(joint)).is_empty(), "{joint}");
        }
        assert!(Number::find(&list("")).is_empty());
        assert!(Number::find(&"0,".repeat(20_000)).len() >= 20_000);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s)([-0-9,./%$€e −]|.){0,24}") {
            let _ = Number::parse(&text);
            for (at, number) in Number::find(&text) {
                prop_assert_eq!(Number::parse(&text[at]), Some(number));
            }
        }

        #[test]
        fn a_number_is_itself_however_it_is_written(value in -1_000_000_000i64..1_000_000_000, zeros in 0usize..4) {
            let plain = Number::parse(&value.to_string()).unwrap();
            let digits = value.unsigned_abs().to_string();
            let groups: Vec<String> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned()).collect();
            let sign = if value < 0 { "-" } else { "" };
            let grouped = format!("{sign}${}.{}", groups.join(","), "0".repeat(zeros));
            prop_assert!(plain.same(Number::parse(&grouped).unwrap()), "{grouped}");
            prop_assert!(!plain.same(Number::parse(&(value + 1).to_string()).unwrap()));
        }
    }
}
