//! Where the steps and paragraphs of a text stand.
//!
//! A *paragraph* is a stretch of lines with no blank line in it.
//!
//! A *step* begins at a line with a marker:
//!
//! | marker | such as |
//! |---|---|
//! | a number of up to three digits with `.` or `)`, or in brackets | `1. `, `2) `, `(3) ` |
//! | `Step` and a number, with `:`, `.`, `)` or a dash, or alone on its line | `Step 3: `, `STEP 4 - ` |
//! | a bullet | `- `, `* `, `+ `, `• `, `– ` |
//!
//! White space must follow a marker (`1.5` is none), except after `Step 3:`. Numbers and `Step 3` may be bold
//! (`**Step 3:**`) or stand in a heading (`### 1. `).
//!
//! A line without a marker continues the step above it. At the beginning of the text, or after a blank line where it is not
//! indented deeper than the step's marker, it begins a step without a marker. A marker that is indented two or more
//! characters deeper than that of the step above it, as in a nested list, belongs to that step. **Where no line has a
//! marker, each line is a step.** Blank lines are never part of one.
//!
//! `-`, `+` and `*` before a number are signs rather than bullets in a column of sums: lines under one with a number that
//! have no letters (`12`, `- 3`), or that end in a line with `=`.

use std::ops::Range;

use super::words::trimmed;

const BULLETS: [char; 5] = ['-', '*', '+', '•', '–'];
const AFTER_STEP: [char; 6] = [':', '.', ')', '-', '–', '—'];
const AFTER_NUMBER: [char; 2] = ['.', ')'];
/// From how many characters on a deeper marker is one of a nested list.
const NESTED: usize = 2;

/// A step of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its bytes, marker included, without white space around them.
    pub range: Range<usize>,
    /// Its bytes without the marker; all of them where it is nothing but a marker.
    pub body: Range<usize>,
    /// The bytes of its marker, with the white space behind it on its line; empty where it has none.
    pub marker: Range<usize>,
    /// How many characters of white space stand before it on its line.
    pub indent: usize,
}

/// A line without the white space around it.
struct Line {
    range: Range<usize>,
    /// How many characters of white space stand before it.
    indent: usize,
}

/// Returns the steps, in order.
pub fn steps(text: &str) -> Vec<Step> {
    let (lines, lengths) = marked_lines(text);
    let marked = lengths.iter().any(Option::is_some);
    let mut found: Vec<(Range<usize>, usize, usize)> = Vec::new();
    // The indentation of the marker of the step that is open, and whether a blank line came since.
    let (mut own, mut after_blank) = (None, false);
    for (line, marker) in lines.iter().zip(lengths) {
        if line.range.is_empty() {
            after_blank = true;
            continue;
        }
        let begins = match (marker, own) {
            _ if !marked || found.is_empty() => true,
            (Some(_), Some(own)) => line.indent < own + NESTED,
            (Some(_), None) => true,
            (None, Some(own)) => after_blank && line.indent <= own,
            (None, None) => after_blank,
        };
        if let Some((step, ..)) = found.last_mut().filter(|_| !begins) {
            step.end = line.range.end;
        } else {
            own = marker.map(|_| line.indent);
            found.push((line.range.clone(), marker.unwrap_or(0), line.indent));
        }
        after_blank = false;
    }
    let step = |(range, marker, indent): (Range<usize>, usize, usize)| {
        let marker = range.start..range.start + marker;
        let body = trimmed(text, marker.end..range.end);
        Step { body: if body.is_empty() { range.clone() } else { body }, range, marker, indent }
    };
    found.into_iter().map(step).collect()
}

/// Returns the byte ranges of the paragraphs, in order, without the white space around them.
pub fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    for Line { range, .. } in lines(text) {
        let blank = range.is_empty();
        match found.last_mut().filter(|_| open) {
            _ if blank => {}
            Some(paragraph) => paragraph.end = range.end,
            None => found.push(range),
        }
        open = !blank;
    }
    found
}

/// Returns the byte ranges of the markers at the beginnings of lines, those of nested lists included.
pub(crate) fn markers(text: &str) -> Vec<Range<usize>> {
    let (lines, lengths) = marked_lines(text);
    let found =
        lines.into_iter().zip(lengths).filter_map(|(line, length)| Some(line.range.start..line.range.start + length?));
    found.collect()
}

/// Returns the length of the marker at the beginning of a text, with the white space behind it on its line; 0 where it begins
/// with none.
pub(crate) fn leading_marker(text: &str) -> usize {
    marker(text.lines().next().unwrap_or_default()).unwrap_or(0)
}

/// Returns the lines, and the length of each line's marker.
fn marked_lines(text: &str) -> (Vec<Line>, Vec<Option<usize>>) {
    let lines = lines(text);
    let words = |line: &Line| &text[line.range.clone()];
    let mut lengths: Vec<Option<usize>> = lines.iter().map(|line| marker(words(line))).collect();
    let signed = |at: usize| lines.get(at).is_some_and(|line| has_sign(words(line)));
    let mut at = 1;
    while at < lines.len() {
        let end = at + (at..lines.len()).take_while(|at| signed(*at)).count();
        let above = words(&lines[at - 1]);
        if end > at && lengths[at - 1].is_none() && above.contains(|c: char| c.is_ascii_digit()) {
            let bare = |line: &Line| !words(line).contains(char::is_alphabetic);
            let is_sum = lines.get(end).is_some_and(|line| words(line).starts_with('='));
            if is_sum || lines[at - 1..end].iter().all(bare) {
                lengths[at..end].fill(None);
            }
        }
        at = end.max(at + 1);
    }
    (lines, lengths)
}

/// Says whether a line may begin with the sign of a sum: a bullet that is one, and a number.
fn has_sign(line: &str) -> bool {
    let number = line.strip_prefix(['-', '+', '*', '–']).map(str::trim_start);
    number
        .is_some_and(|number| number.trim_start_matches(['$', '€', '£', '(']).starts_with(|c: char| c.is_ascii_digit()))
}

fn lines(text: &str) -> Vec<Line> {
    let mut at = 0;
    let line = |whole: &str| {
        let range = trimmed(text, at..at + whole.len());
        let indent = whole.chars().take_while(|c| c.is_whitespace()).count();
        at += whole.len();
        Line { range, indent }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Returns the length of a line's marker, with the white space behind it.
fn marker(line: &str) -> Option<usize> {
    let unheaded = line.trim_start_matches('#');
    let rest = if unheaded.len() < line.len() { unheaded.strip_prefix(' ')?.trim_start() } else { line };
    let bullet = line.strip_prefix(BULLETS).filter(|after| after.is_empty() || after.starts_with(char::is_whitespace));
    let after = bullet.or_else(|| after_number(rest))?;
    Some(line.len() - after.trim_start().len())
}

/// Returns what follows a number, or `Step` and a number, that marks a step.
fn after_number<'l>(line: &'l str) -> Option<&'l str> {
    let bold = ["**", "__"].into_iter().find(|mark| line.starts_with(mark)).unwrap_or_default();
    let unbold = |rest: &'l str| rest.strip_prefix(bold).unwrap_or(rest);
    let rest = unbold(line);
    let named = rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("step"));
    let bracket = rest.starts_with('(');
    let rest = if named { rest[4..].trim_start() } else { rest.strip_prefix('(').unwrap_or(rest) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=3).contains(&digits) {
        return None;
    }
    let rest = unbold(&rest[digits..]);
    if named && rest.is_empty() {
        return Some(rest);
    }
    let (rest, ends) = match (named, bracket) {
        (true, _) => (rest.trim_start(), &AFTER_STEP[..]),
        (false, true) => (rest, &AFTER_NUMBER[1..]),
        (false, false) => (rest, &AFTER_NUMBER[..]),
    };
    let after = unbold(rest.strip_prefix(ends)?);
    let free = named && rest.starts_with(':');
    (free || after.is_empty() || after.starts_with(char::is_whitespace)).then_some(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        steps(text).into_iter().map(|step| &text[step.range]).collect()
    }

    fn bodies(text: &str) -> Vec<&str> {
        steps(text).into_iter().map(|step| &text[step.body]).collect()
    }

    #[test]
    fn what_marks_a_step() {
        let table = [
            ("1. Ice", Some("Ice")),
            ("12.  Ice", Some("Ice")),
            ("2) Ice", Some("Ice")),
            ("(3) Ice", Some("Ice")),
            ("Step 3: Ice", Some("Ice")),
            ("step 3:Ice", Some("Ice")),
            ("STEP 4 - Ice", Some("Ice")),
            ("Step 5. Ice", Some("Ice")),
            ("Step 6 — Ice", Some("Ice")),
            ("Step7) Ice", Some("Ice")),
            ("Step 8", Some("Ice")),
            ("- Ice", Some("Ice")),
            ("* Ice", Some("Ice")),
            ("+ Ice", Some("Ice")),
            ("• Ice", Some("Ice")),
            ("– Ice", Some("Ice")),
            ("**1.** Ice", Some("Ice")),
            ("**2**. Ice", Some("Ice")),
            ("**Step 1:** Ice", Some("Ice")),
            ("__Step 1__: Ice", Some("Ice")),
            ("### Step 2: Ice", Some("Ice")),
            ("## 3. Ice", Some("Ice")),
            ("1.", Some("Ice")),
            ("-", Some("Ice")),
            // None of these marks a step.
            ("1.5 m", None),
            ("1234. Ice", None),
            ("1 Ice", None),
            ("(3 Ice", None),
            ("(3. Ice", None),
            ("3", None),
            ("a) Ice", None),
            ("Step 3 is ice", None),
            ("Steps: ice", None),
            ("Step three: ice", None),
            ("Step 1.5 is ice", None),
            ("-5 is cold", None),
            ("*Ice* is cold", None),
            ("**Ice** is cold", None),
            ("---", None),
            ("#1. Ice", None),
            ("# Ice", None),
            ("st", None),
            ("stép 1:", None),
            ("…", None),
        ];
        for (line, body) in table {
            let found = marker(line);
            assert_eq!(found.is_some(), body.is_some(), "{line}");
            let text = if line.ends_with("Ice") { line.to_owned() } else { format!("{line}\nIce") };
            if body.is_some() {
                assert_eq!((texts(&text), bodies(&text)), (vec![text.as_str()], vec!["Ice"]), "{line}");
            }
        }
    }

    #[test]
    fn where_steps_begin_and_end() {
        let table: [(&str, &[&str]); 20] = [
            // Columns of sums, and lists of numbers.
            ("12\n- 3\n= 9", &["12", "- 3", "= 9"]),
            ("12\n- 3", &["12", "- 3"]),
            ("$12\n+ $3\n* 2\n-----\n$30", &["$12", "+ $3", "* 2", "-----", "$30"]),
            ("12 apples\n- 3 apples\n= 9 apples", &["12 apples", "- 3 apples", "= 9 apples"]),
            ("12 apples:\n- 3 red\n- 9 green", &["12 apples:", "- 3 red", "- 9 green"]),
            ("1. Take\n12\n- 3\n= 9\n2. So 9", &["1. Take\n12\n- 3\n= 9", "2. So 9"]),
            ("- 3\n- 4\n= 7", &["- 3", "- 4\n= 7"]),
            // Lines where nothing is marked.
            ("Ice is smooth.\n\n Mud is not. So, A.\r\nB", &["Ice is smooth.", "Mud is not. So, A.", "B"]),
            ("Ice. Mud.", &["Ice. Mud."]),
            ("", &[]),
            (" \n\n", &[]),
            // Markers.
            ("1. a\n2. b\n3) c", &["1. a", "2. b", "3) c"]),
            ("Step 1: a\nStep 2: b", &["Step 1: a", "Step 2: b"]),
            ("- a\n* b", &["- a", "* b"]),
            // Lines that go on, also behind a blank line where they are indented.
            ("1. a\nb\n\n   c\n2. d", &["1. a\nb\n\n   c", "2. d"]),
            // What stands before the first marker, and after the last.
            ("Think:\nhard\n1. a\n2. b\n\nSo, B.\nYes.", &["Think:\nhard", "1. a", "2. b", "So, B.\nYes."]),
            ("Think:\n  - a\n  - b", &["Think:", "- a", "- b"]),
            // Nested lists.
            ("1. a\n   - b\n   - c\n2. d", &["1. a\n   - b\n   - c", "2. d"]),
            (" 9. a\n10. b", &["9. a", "10. b"]),
            ("1. a\n\n\n2. b", &["1. a", "2. b"]),
        ];
        for (text, expected) in table {
            assert_eq!(texts(text), expected, "{text}");
        }
        assert_eq!(bodies("Think:\n1. a\nb\n2.\n3. c"), ["Think:", "a\nb", "2.", "c"]);
    }

    #[test]
    fn paragraphs_stand_between_blank_lines() {
        let of = |text: &'static str| paragraphs(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(of("\n a\nb \n \t\n\nc\r\n\r\nd"), ["a\nb", "c", "d"]);
        assert!(of(" \n\n").is_empty());
        assert_eq!(of("Ice."), ["Ice."]);
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_apart_and_leave_out_only_white_space(
            text in prop_oneof!["(?s).*", "((1\\.|2\\)|Step 3:|-|\\*|Ice|é|  |\t)[ .]{0,2}\n{0,2}){0,12}"],
        ) {
            let steps = steps(&text);
            for step in &steps {
                prop_assert!(step.range.start <= step.body.start && step.body.end == step.range.end);
                prop_assert!(!step.body.is_empty());
            }
            for ranges in [steps.into_iter().map(|step| step.range).collect(), paragraphs(&text)] {
                let (mut end, mut kept) = (0, 0);
                for range in &ranges {
                    prop_assert!(range.start >= end && range.start < range.end);
                    let inner = &text[range.clone()];
                    prop_assert_eq!(inner.trim(), inner);
                    kept += inner.split_whitespace().map(str::len).sum::<usize>();
                    end = range.end;
                }
                prop_assert_eq!(kept, text.split_whitespace().map(str::len).sum::<usize>());
            }
            for range in markers(&text) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}
