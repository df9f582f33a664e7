//! Insertion: everything that was there, with something else between.
//!
//! What is inserted takes the form of what stands around it: a line that begins a step goes on beginning one, and no sentence
//! grows together with another. How it enters a list is told in `list.rs`.

use std::ops::Range;

use super::list::{self, entering};
use super::{Level, attached};
use crate::steps::{leading_marker, markers};
use crate::words::sentences;

/// Returns what may be taken out of a text to be inserted elsewhere: its units without the markers of a list. Lines of one step
/// are told apart by line feeds, and indented as beside their step's marker.
pub fn insertable(text: &str, units: &[Range<usize>], level: Level) -> Vec<String> {
    match level {
        Level::Step => list::bodies(text),
        Level::Sentence => {
            let markers = markers(text);
            let bare = |unit: &Range<usize>| {
                let marked = markers.iter().find(|marker| marker.start == unit.start).map_or(0, Range::len);
                text[(unit.start + marked).min(unit.end)..unit.end].trim().to_owned()
            };
            units.iter().map(bare).filter(|bare| !bare.is_empty()).collect()
        }
        Level::Word | Level::Token | Level::Paragraph => {
            units.iter().map(|unit| text[unit.clone()].trim().to_owned()).collect()
        }
    }
}

/// Puts pieces, as [`insertable`] gives them, between the units of a text. Each comes with the index of the unit that it is put
/// before, or the number of units where it is put behind the last; these must be in order.
pub fn inserted(text: &str, units: &[Range<usize>], pieces: &[(usize, &str)], level: Level) -> String {
    match level {
        Level::Step => entering(text, pieces),
        Level::Word | Level::Token | Level::Sentence | Level::Paragraph => between(text, units, pieces, level),
    }
}

fn between(text: &str, units: &[Range<usize>], pieces: &[(usize, &str)], level: Level) -> String {
    let markers = if level == Level::Word { markers(text) } else { Vec::new() };
    // A word goes behind the number of a step rather than before it.
    let place = |before: usize| {
        let numbers = |unit: &Range<usize>| markers.iter().any(|marker| marker.contains(&unit.start));
        (before..units.len()).find(|at| !numbers(&units[*at])).unwrap_or(units.len())
    };
    let pieces: Vec<(usize, &str)> = pieces.iter().map(|(before, piece)| (place(*before), *piece)).collect();
    let whole = |index: usize| attached(text, &units[index], level);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for run in pieces.chunk_by(|(a, _), (b, _)| a == b) {
        let before = run[0].0;
        // Behind the unit before rather than at the beginning of a line, which may begin with a marker.
        let (cut, mut last) = match before.checked_sub(1) {
            Some(previous) => (whole(previous).end, Some(&text[whole(previous)])),
            None if units.is_empty() => (text.len(), None),
            None => (whole(0).start, None),
        };
        out.push_str(&text[at..cut]);
        at = cut;
        for (_, piece) in run {
            if let Some(last) = last {
                out.push_str(separator(last, piece, level));
            }
            out.push_str(piece);
            last = Some(piece);
        }
        let (Some(last), true) = (last, before < units.len()) else { continue };
        let next = whole(before);
        let (gap, follows) = (&text[at..next.start], &text[next.clone()]);
        let begins_list = level == Level::Sentence && before == 0 && leading_marker(follows) > 0;
        let apart = if begins_list { "\n" } else { separator(last, follows, level) };
        if gap.is_empty() && follows.starts_with(char::is_whitespace) {
            continue;
        }
        if gap.is_empty() || (apart.contains('\n') && !gap.contains('\n')) {
            out.push_str(apart);
            at = next.start;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// Returns what stands between two units so that they stay two.
fn separator(one: &str, other: &str, level: Level) -> &'static str {
    let apart = sentences(one).len() + sentences(other).len();
    if level == Level::Sentence && sentences(&format!("{one} {other}")).len() < apart { "\n" } else { level.between() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::units;

    fn put(text: &str, level: Level, pieces: &[(usize, &str)]) -> String {
        inserted(text, &units(text, level, None).unwrap(), pieces, level)
    }

    #[test]
    fn lines_that_begin_a_step_go_on_beginning_one() {
        use Level::{Paragraph, Sentence, Word};
        for (level, text, pieces, expected) in [
            (Sentence, "Ice. Mud.", &[(0, "A b."), (1, "C d."), (2, "E f.")][..], "A b. Ice. C d. Mud. E f."),
            (
                Sentence,
                "Ice.\n- Mud.\n- Snow.",
                &[(0, "A."), (1, "B."), (2, "C."), (3, "D.")],
                "A. Ice. B.\n- Mud. C.\n- Snow. D.",
            ),
            (Sentence, "- Mud.\n- Snow.", &[(0, "A b."), (0, "C d.")], "A b. C d.\n- Mud.\n- Snow."),
            // No two sentences become one where a full stop is missing.
            (
                Sentence,
                "Steps:\n- Mud\n- Snow",
                &[(1, "A b."), (2, "C"), (3, "D.")],
                "Steps:\nA b.\n- Mud\nC\n- Snow\nD.",
            ),
            (Sentence, "Ice. Mud.", &[(1, "2 + 2 = 4"), (2, "5")], "Ice. 2 + 2 = 4\nMud. 5"),
            (Sentence, "", &[(0, "A."), (0, "B")], "A. B"),
            (
                Word,
                "Ice,\n- mud is (here).",
                &[(0, "a"), (1, "b"), (3, "c"), (4, "d")],
                "a Ice, b\n- mud is c (here). d",
            ),
            (Word, "1. Take 3.\n2. So 4.", &[(0, "a"), (3, "b"), (6, "c")], "1. a Take 3.\n2. b So 4. c"),
            (Word, "- Take", &[(0, "a"), (1, "b")], "- a Take b"),
            (Paragraph, "Ice.\n\n\nMud.", &[(0, "a"), (1, "b"), (2, "c")], "a\n\nIce.\n\nb\n\n\nMud.\n\nc"),
        ] {
            assert_eq!(put(text, level, pieces), expected, "{text}");
        }
    }

    #[test]
    fn a_sentence_is_taken_without_its_marker() {
        let taken = |text: &str, level| insertable(text, &units(text, level, None).unwrap(), level);
        assert_eq!(taken("- Ice. Mud.\n**Step 2:** Add 3.\n-", Level::Sentence), ["Ice.", "Mud.", "Add 3."]);
        assert_eq!(taken("1. Ice.\n2. Mud.", Level::Step), ["Ice.", "Mud."]);
        assert_eq!(taken("Ice, mud.", Level::Word), ["Ice", "mud"]);
    }
}
