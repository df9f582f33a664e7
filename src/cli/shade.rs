//! Scored tokens in a terminal: the text, and below each line how high its tokens score.

use console::measure_text_width;

use crate::artifact::{Attribution, Attributions, TokenScore};

/// Columns of a line of text.
const COLUMNS: usize = 88;
/// Marks of scores above zero, by eighths of the largest size of any.
const ABOVE: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Marks of scores below zero, by thirds of the same.
const BELOW: [char; 3] = ['░', '▒', '▓'];

/// Says how far the attributions are from adding up, in a line; nothing where they are not meant to.
pub(super) fn completeness(attributions: &Attributions) -> String {
    let Some(found) = attributions.completeness() else { return String::new() };
    format!(
        "completeness: the sum misses the change of the function by {} of it on average, by {} at most; {} of {} rows are \
         beyond the bound\n",
        percent(found.fraction_mean),
        percent(found.fraction_max),
        found.beyond,
        found.rows
    )
}

/// Writes one rationale with its scores.
pub(super) fn attribution(row: &Attribution) -> String {
    let Attribution { id, sample, text, tokens, completeness } = row;
    let mut out = format!("  {:<12} {id}\n  {:<12} {sample}\n", "id", "sample");
    if let Some(found) = completeness {
        let beyond = if found.beyond { ", beyond the bound" } else { "" };
        let fraction = percent(found.fraction());
        out += &format!(
            "  {:<12} error {:.4} of a change of {:+.4}, {fraction}{beyond}\n",
            "completeness", found.error, found.change
        );
    }
    for line in shaded(text, tokens, COLUMNS).lines() {
        out += format!("    {line}").trim_end();
        out.push('\n');
    }
    // Three digits of the largest, whatever its size.
    let most = tokens.iter().map(|token| token.score.abs()).fold(0.0, f64::max);
    let decimals = if most > 0.0 { (2.0 - most.log10().floor()).clamp(3.0, 12.0) as usize } else { 3 };
    let scored = |token: &TokenScore| {
        let word = text.get(token.span.0..token.span.1).unwrap_or_default();
        format!("{}:{:+.decimals$}", word.trim(), token.score)
    };
    let tokens = tokens.iter().map(scored).collect::<Vec<_>>().join(" ");
    out += &format!("  {:<12} {tokens}\n", "tokens");
    out
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

/// Writes a text in lines of at most so many columns, each followed by one with a mark for every character of a token:
/// the higher the block, the higher the score; shades are scores below zero.
fn shaded(text: &str, tokens: &[TokenScore], columns: usize) -> String {
    let most = tokens.iter().map(|token| token.score.abs()).fold(0.0, f64::max);
    let mut marks = vec![' '; text.len()];
    for TokenScore { span: (start, end), score } in tokens {
        if let Some(marks) = marks.get_mut(*start..*end) {
            marks.fill(mark(*score, most));
        }
    }
    let (mut lines, mut words, mut shades, mut used) = (String::new(), String::new(), String::new(), 0);
    for (at, word) in stretches(text) {
        let width = measure_text_width(word);
        if used > 0 && used + 1 + width > columns {
            lines += &format!("{}\n{}\n", words.trim_end(), shades.trim_end());
            words.clear();
            shades.clear();
            used = 0;
        }
        if used > 0 {
            words.push(' ');
            shades.push(' ');
            used += 1;
        }
        for (offset, c) in word.char_indices() {
            words.push(c);
            let width = measure_text_width(c.encode_utf8(&mut [0; 4]));
            shades.extend(std::iter::repeat_n(marks[at + offset], width));
        }
        used += width;
    }
    if used > 0 {
        lines += &format!("{}\n{}\n", words.trim_end(), shades.trim_end());
    }
    lines
}

/// The stretches between white space and control characters, with their places.
fn stretches(text: &str) -> Vec<(usize, &str)> {
    let breaks = |c: char| c.is_whitespace() || c.is_control();
    let (mut found, mut at) = (Vec::new(), 0);
    for part in text.split_inclusive(breaks) {
        let word = part.trim_end_matches(breaks);
        found.extend((!word.is_empty()).then_some((at, word)));
        at += part.len();
    }
    found
}

fn mark(score: f64, most: f64) -> char {
    let fraction = if most > 0.0 { score / most } else { 0.0 };
    let among = |marks: &[char], fraction: f64| {
        marks[((fraction * marks.len() as f64).ceil() as usize).clamp(1, marks.len()) - 1]
    };
    if fraction > 0.0 {
        among(&ABOVE, fraction)
    } else if fraction < 0.0 {
        among(&BELOW, -fraction)
    } else {
        ' '
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, scores: &[(&str, f64)]) -> Vec<TokenScore> {
        let token = |(piece, score): &(&str, f64)| {
            let at = text.find(piece).expect("in the text");
            TokenScore { span: (at, at + piece.len()), score: *score }
        };
        scores.iter().map(token).collect()
    }

    #[test]
    fn a_line_of_marks_follows_each_line_of_text() {
        let text = "  So bodybuilders\nthrow 氷 far.";
        let scores =
            [("So", 0.01), ("body", 0.5), ("builders", 1.0), ("throw", -1.0), ("氷", 0.3), ("far", -0.1), (".", 0.0)];
        let row = Attribution {
            id: "q".into(),
            sample: 1,
            text: text.into(),
            tokens: tokens(text, &scores),
            completeness: Some(crate::artifact::Completeness { error: 0.03, change: -1.5, beyond: true }),
        };
        expect_test::expect![[r"
            row
              id           q
              sample       1
              completeness error 0.0300 of a change of -1.5000, 2.0 %, beyond the bound
                So bodybuilders throw 氷 far.
                ▁▁ ▄▄▄▄████████ ▓▓▓▓▓ ▃▃ ░░░
              tokens       So:+0.010 body:+0.500 builders:+1.000 throw:-1.000 氷:+0.300 far:-0.100 .:+0.000
        "]]
        .assert_eq(&format!("row\n{}", attribution(&row)));
        expect_test::expect![[r"
            So
            ▁▁
            bodybuilders
            ▄▄▄▄████████
            throw 氷
            ▓▓▓▓▓ ▃▃
            far.
            ░░░
        "]]
        .assert_eq(&shaded(text, &row.tokens, 10));
        let small = Attribution { tokens: vec![TokenScore { span: (2, 4), score: 0.001_234 }], ..row.clone() };
        assert!(attribution(&small).ends_with("So:+0.00123\n"), "{}", attribution(&small));
        let all = Attributions { rows: vec![row.clone(), Attribution { completeness: None, ..row }] };
        assert_eq!(
            completeness(&all),
            "completeness: the sum misses the change of the function by 2.0 % of it on average, by 2.0 % at most; 1 of 1 \
             rows are beyond the bound\n"
        );
    }

    #[test]
    fn nothing_to_shade_and_places_outside_are_no_trouble() {
        assert_eq!(shaded(" \n", &[], 10), "");
        assert_eq!(shaded("a b", &tokens("a b", &[("a", 0.0)]), 10), "a b\n\n");
        assert_eq!(shaded("a b", &[TokenScore { span: (2, 9), score: 1.0 }], 10), "a b\n\n");
        assert_eq!(completeness(&Attributions::default()), "");
    }
}
