//! The answer that a text begins with, once something has announced it: `42 apples.`, `**Paris**, since …`.
//!
//! A wrong answer is worse than none. A number counts only where all of it is read: what is written `2 million`, `12-15`,
//! `3, 4 and 5`, `12:30`, `1.234,50` or `4 x 5` gives none, and `10 + 2 = 12` gives what stands behind the last sign.

use super::plain::plain;
use crate::answer::{Expected, Number};
use crate::words;
use retort_artifact::Answer;

/// The most bytes of a text that is stated as an answer; what is longer is an explanation.
pub(super) const TEXT_BYTES_MAX: usize = 200;
/// The most bytes between the announcement and a number.
pub(super) const BETWEEN_BYTES_MAX: usize = 40;
/// The most bytes of a line that are looked at.
const LINE_BYTES_MAX: usize = 1000;

/// What may follow the name of a class that is the answer.
const AFTER_CLASS: &[&str] =
    &["because", "since", "as", "for", "due", "given", "so", "hence", "thus", "therefore", "which"];
/// Words that say nothing of the answer behind them.
const ADVERBS: &[&str] =
    &["definitely", "clearly", "certainly", "obviously", "probably", "simply", "indeed", "therefore", "thus", "then"];
/// Words that make another number of the one before them.
const MAGNITUDES: &[&str] = &[
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "millions",
    "billion",
    "billions",
    "trillion",
    "dozen",
    "dozens",
    "bn",
    "score",
    "squared",
    "cubed",
    "factorial",
    "choose",
    "mod",
    "over",
    "point",
];
/// Words before a number that is another than the answer: `rounded to 2 decimal places`, `minus 5`.
const NOT_BEFORE: &[&str] = &[
    "minus", "negative", "rounded", "round", "nearest", "between", "than", "least", "most", "over", "under", "above",
    "below",
];
/// Words and marks that join two numbers.
const JOINS: &[&str] = &[
    "or", "and", "to", "through", "plus", "minus", "times", "by", "x", ",", "-", "–", "—", "−", "&", "~", "/", "per",
    "of",
];

/// Reads the answer that a text begins with; of its first line alone.
pub(super) fn lead(place: &str, expected: Expected<'_>) -> Option<Answer> {
    let marks = |c: char| c.is_whitespace() || "*_`\"'“:(".contains(c);
    let line = place.trim_start_matches(marks).lines().next()?;
    let line = &line[..line.floor_char_boundary(LINE_BYTES_MAX)];
    match expected {
        Expected::Choice(_) => None,
        Expected::Number => number(&plain(line)),
        Expected::Class(names) => class(plain(line).trim_start_matches(marks), names),
        Expected::Text => text(plain(line).trim_start_matches(marks)),
        Expected::Exact => text(line),
    }
}

/// Says whether a sentence is nothing but the name of a class, perhaps with more behind a mark: `No.`, `Yes, it does.`
pub(super) fn begins_with_class(sentence: &str, names: &[String]) -> bool {
    let line = plain(sentence);
    let line = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    behind_class(line, names)
        .is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with([',', '.', '!', ':', ';', '—', '–']))
}

/// Returns the longest name that a line begins with, and what is behind it.
fn behind_class<'l, 'n>(line: &'l str, names: &'n [String]) -> Option<(&'n String, &'l str)> {
    let behind = |name: &'n String| {
        // Compared letter by letter: the lower case of a letter may have another length.
        let mut rest = line.chars();
        for letter in name.chars() {
            let other = rest.next()?;
            if letter != other && !letter.to_lowercase().eq(other.to_lowercase()) {
                return None;
            }
        }
        let rest = rest.as_str();
        (!rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')).then_some((name, rest.trim_start()))
    };
    names.iter().filter_map(behind).max_by_key(|(name, _)| name.len())
}

fn class(line: &str, names: &[String]) -> Option<Answer> {
    let mut line = line;
    let found = loop {
        if let Some(found) = behind_class(line, names) {
            break found;
        }
        let word = line.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        if !ADVERBS.contains(&word.to_lowercase().as_str()) {
            return None;
        }
        line = line[word.len()..].trim_start_matches([' ', ',', ':']);
    };
    let (name, rest) = found;
    let word = rest.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let ends = word.is_empty() && !rest.starts_with(['/', '-']) || AFTER_CLASS.contains(&word.to_lowercase().as_str());
    ends.then(|| Answer::Class(name.clone()))
}

fn text(line: &str) -> Option<Answer> {
    let first = words::sentences(line).into_iter().next()?;
    let sentence = &line[first];
    let reason = [" because ", ", because ", ", since "].iter().filter_map(|reason| sentence.find(reason)).min();
    let mut text = &sentence[..reason.unwrap_or(sentence.len())];
    loop {
        let cut = text.trim_end_matches(|c: char| c.is_whitespace() || ".*_`\"'”,".contains(c));
        let open = cut.matches('(').count();
        let cut = if cut.matches(')').count() > open { cut.strip_suffix(')').unwrap_or(cut) } else { cut };
        if cut.len() == text.len() {
            break;
        }
        text = cut;
    }
    (!text.is_empty() && text.len() <= TEXT_BYTES_MAX).then(|| Answer::Text(text.to_owned()))
}

fn number(line: &str) -> Option<Answer> {
    let line = result(line);
    let numbers = Number::find(line);
    let (at, first) = numbers.first()?.clone();
    // Words may stand before it, and many of them are another sentence.
    let before = &line[..at.start];
    let mut words = before.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase);
    if at.start > BETWEEN_BYTES_MAX
        || before.contains(['?', ';'])
        || before.ends_with(['–', '—', '~', '<', '>', '≈', '^'])
        || words.any(|word| NOT_BEFORE.contains(&word.as_str()))
    {
        return None;
    }
    let end = [mixed_end(line, at.end), exponent_end(line, at.end)].into_iter().flatten().max().unwrap_or(at.end);
    let number = if end == at.end { Some(first) } else { Number::parse(&line[at.start..end]) }?;
    let next = numbers.iter().find(|(other, _)| other.start >= end);
    let alone = ends_number(&line[end..])
        && next.is_none_or(|(other, value)| value.same(number) || !joined(&line[end..other.start]));
    alone.then(|| Answer::Number(line[at.start..end].to_owned()))
}

/// Returns what follows the last sign of an equation at the beginning of a line: `10 + 2 = 12` says 12.
fn result(line: &str) -> &str {
    let calculates = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-−–*/×÷x^()=.,%$€£¥{}".contains(c);
    let end = line.find(|c| !calculates(c)).unwrap_or(line.len());
    line[..end].rfind('=').map_or(line, |at| &line[at + 1..])
}

/// Returns the end of a fraction behind a whole number, as in `2 1/2`.
fn mixed_end(line: &str, end: usize) -> Option<usize> {
    let rest = line[end..].strip_prefix(' ')?;
    let above = rest.bytes().take_while(u8::is_ascii_digit).count();
    let below = rest[above..].strip_prefix('/')?.bytes().take_while(u8::is_ascii_digit).count();
    (above > 0 && below > 0).then_some(end + 1 + above + 1 + below)
}

/// Returns the end of an exponent, as in `1.5e3`.
fn exponent_end(line: &str, end: usize) -> Option<usize> {
    let rest = line[end..].strip_prefix(['e', 'E'])?;
    let sign = usize::from(rest.starts_with(['-', '+']));
    let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let free = !rest[sign + digits..].starts_with(char::is_alphanumeric);
    (digits > 0 && free).then_some(end + 1 + sign + digits)
}

/// Says whether a number ends before a text, so that no more of it or of a calculation stands there.
fn ends_number(rest: &str) -> bool {
    let digit = |text: &str| text.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let glued = rest.starts_with([':', ',', '.', '/', '\'', '’'])
        && digit(&rest[rest.chars().next().map_or(0, char::len_utf8)..]);
    // `1, 2` is told from `1,2` by what joins them.
    let glued = glued && !rest[1..].starts_with(' ');
    if glued
        || rest.starts_with(['k', 'K', '^', '²', '³', '!'])
            && !rest[1..].starts_with(char::is_alphabetic)
            && !rest.starts_with('!')
    {
        return false;
    }
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "$€£¥₹)]}\"”'".contains(c));
    let behind_first = || rest.chars().next().map_or("", |c| &rest[c.len_utf8()..]);
    if rest.starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with(['+', '*', '×', '÷', '/', '^', '=', '±', '~'])
    {
        return false;
    }
    if rest.starts_with(['-', '–', '—', '−', 'x']) && digit(behind_first()) {
        return false;
    }
    let mut words = rest.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    let first = words.next().unwrap_or_default();
    let fraction = |word: String| ["half", "halves", "quarter", "quarters", "third", "thirds"].contains(&word.as_str());
    !(MAGNITUDES.contains(&first.as_str()) || first == "and" && words.take(2).any(fraction))
}

/// Says whether what stands between two numbers joins them, perhaps behind a unit: ` hours and `, ` or `, `, `.
fn joined(between: &str) -> bool {
    let spaced = between.replace(',', " , ");
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    let all = words.len();
    while words.last().is_some_and(|word| JOINS.contains(&word.to_lowercase().as_str())) {
        words.pop();
    }
    words.len() < all && words.len() <= 1
}
