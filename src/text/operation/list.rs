//! How steps enter a list: with its markers, its numbers, its indentation and its blank lines.

use std::ops::Range;

use crate::steps::{Step, leading_marker, steps};

/// How much deeper lines are indented that belong to a step.
const WITHIN: usize = 3;

/// Returns the steps of a text without their markers, each line indented as beside its marker; none is empty.
pub(super) fn bodies(text: &str) -> Vec<String> {
    let body = |step: &Step| {
        let own = if step.body == step.range {
            step.marker.end.min(step.range.end)..step.range.end
        } else {
            step.body.clone()
        };
        let mut bare = text[own].trim();
        // A marker within a marker, as in `1. - Ice`, would begin a step elsewhere.
        while leading_marker(bare) > 0 {
            bare = bare[leading_marker(bare)..].trim_start();
        }
        let bold = opened_bold(&text[step.marker.clone()]);
        let closed = bold.map_or_else(|| bare.to_owned(), |bold| bare.replacen(bold, "", 1));
        let mut lines = closed.lines();
        let mut body = lines.next().unwrap_or_default().trim_end().to_owned();
        for line in lines {
            body.push('\n');
            let indent = line.chars().take_while(|c| c.is_whitespace()).count().saturating_sub(step.indent);
            if !line.trim().is_empty() {
                body.push_str(&" ".repeat(indent));
                body.push_str(line.trim());
            }
        }
        body
    };
    steps(text).iter().map(body).filter(|body| !body.trim().is_empty()).collect()
}

/// Puts steps, as [`bodies`] gives them, among those of a text, each before the step of an index or behind the last.
///
/// Beside a marked step a piece becomes one of its list: marked as that is, with the number that follows, and the numbers behind it
/// rise. Elsewhere it becomes a line of its own, with blank lines around it where the text has a list.
pub(super) fn entering(text: &str, pieces: &[(usize, &str)]) -> String {
    let own = steps(text);
    let listed = own.iter().any(|step| !step.marker.is_empty());
    let mut list = Numbers::default();
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    let mut pieces = pieces.iter().peekable();
    for index in 0..=own.len() {
        let next = own.get(index).filter(|step| !step.marker.is_empty());
        let previous = index.checked_sub(1).map(|index| &own[index]).filter(|step| !step.marker.is_empty());
        if let Some(step) = next {
            let behind = own[index + 1..].iter().find(|step| !step.marker.is_empty());
            let number_of = |step: &Step| number(&text[step.marker.clone()]);
            list.reach(number_of(step), behind.and_then(number_of));
        }
        let here = std::iter::from_fn(|| pieces.next_if(|(before, _)| *before == index).map(|(_, piece)| *piece));
        let apart = separator(text, &own, index);
        match (next, previous) {
            // Into the list of the next step, before it, or of the one before, behind it.
            (Some(step), _) => {
                out.push_str(&text[at..step.range.start]);
                at = step.range.start;
                for piece in here {
                    out.push_str(&marked(text, step, piece, list.enter()));
                    out.push_str(&apart);
                }
                out.push_str(&renumbered(&text[step.marker.clone()], list.own()));
                at = at.max(step.marker.end);
            }
            (None, Some(step)) => {
                out.push_str(&text[at..step.range.end]);
                at = step.range.end;
                for piece in here {
                    out.push_str(&apart);
                    out.push_str(&marked(text, step, piece, list.enter_behind()));
                }
            }
            (None, None) => {
                let blank = if listed { "\n\n" } else { apart.as_str() };
                let cut = match own.get(index) {
                    Some(step) => step.range.start,
                    None => own.last().map_or(text.len(), |last| last.range.end),
                };
                out.push_str(&text[at..cut]);
                at = cut;
                for piece in here {
                    let line =
                        piece.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
                    if index < own.len() {
                        out.push_str(&line);
                        out.push_str(blank);
                    } else {
                        if !out.trim().is_empty() {
                            out.push_str(blank);
                        }
                        out.push_str(&line);
                    }
                }
            }
        }
    }
    out.push_str(&text[at..]);
    out
}

/// The numbers of a list while it is walked through.
#[derive(Debug, Default)]
struct Numbers {
    /// The number that the last own step had.
    last: Option<u32>,
    /// Whether the step before or behind that has the same, so that numbers do not count.
    same: bool,
    /// How many pieces have entered the list.
    entered: u32,
}

impl Numbers {
    /// Comes to the next own step. A number that does not rise begins another list; one that stays, as in `1. 1. 1.`, stays.
    fn reach(&mut self, number: Option<u32>, behind: Option<u32>) {
        self.same = number.is_some() && (number == self.last || number == behind);
        if number.is_none() || number <= self.last {
            self.entered = 0;
        }
        self.last = number;
    }

    /// Returns the number of a piece before the step that was reached.
    fn enter(&mut self) -> Option<u32> {
        let number = self.own();
        self.entered += u32::from(!self.same);
        number
    }

    /// Returns the number of a piece behind the step that was reached.
    fn enter_behind(&mut self) -> Option<u32> {
        self.entered += u32::from(!self.same);
        self.own()
    }

    /// Returns the number that the step which was reached has now.
    fn own(&self) -> Option<u32> {
        self.last.map(|last| last + self.entered)
    }
}

/// Returns what stands between the steps of a text around an index.
fn separator(text: &str, own: &[Step], index: usize) -> String {
    let list = |step: &Step| !step.marker.is_empty();
    let side = own.get(index).is_some_and(list) || index > 0 && own.get(index - 1).is_some_and(list);
    let pair = |at: usize| {
        let (one, other) = (own.get(at)?, own.get(at + 1)?);
        (list(one) == side && list(other) == side).then(|| text[one.range.end..other.range.start].to_owned())
    };
    let near = [index.checked_sub(1), Some(index), index.checked_sub(2)];
    let indent = |step: &Step| format!("\n{}", " ".repeat(step.indent));
    let alone = || {
        let beside = own.get(index).filter(|step| list(step)).or_else(|| own.get(index.checked_sub(1)?));
        beside.filter(|step| list(step)).map_or_else(|| "\n".to_owned(), indent)
    };
    near.into_iter().flatten().find_map(pair).unwrap_or_else(alone)
}

/// Writes a piece as a step of the list that another one belongs to.
fn marked(text: &str, like: &Step, piece: &str, number: Option<u32>) -> String {
    let whole = if like.body == like.range { like.marker.clone() } else { like.range.start..like.body.start };
    let mut marker = renumbered(&text[whole], number);
    if let Some(bold) = opened_bold(&marker) {
        marker = marker.replacen(bold, "", 1);
    }
    if !marker.ends_with(char::is_whitespace) && !marker.ends_with(':') {
        marker.push(' ');
    }
    let mut lines = piece.lines();
    let mut out = marker + lines.next().unwrap_or_default();
    for line in lines {
        out.push('\n');
        if !line.trim().is_empty() {
            let indent = line.chars().take_while(|c| c.is_whitespace()).count();
            out.push_str(&" ".repeat(like.indent + indent.max(WITHIN)));
            out.push_str(line.trim());
        }
    }
    out
}

/// Returns the bold mark that a marker opens and does not close, as `**Step 1: ` does.
fn opened_bold(marker: &str) -> Option<&'static str> {
    ["**", "__"].into_iter().find(|bold| marker.matches(bold).count() == 1)
}

fn digits(marker: &str) -> Option<Range<usize>> {
    let start = marker.find(|c: char| c.is_ascii_digit())?;
    let end = marker[start..].find(|c: char| !c.is_ascii_digit()).map_or(marker.len(), |end| start + end);
    Some(start..end)
}

/// Returns the number of a marker; bullets have none.
fn number(marker: &str) -> Option<u32> {
    marker[digits(marker)?].parse().ok()
}

fn renumbered(marker: &str, other: Option<u32>) -> String {
    match (digits(marker), other) {
        (Some(digits), Some(other)) if other <= 999 && number(marker) != Some(other) => {
            format!("{}{other}{}", &marker[..digits.start], &marker[digits.end..])
        }
        _ => marker.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_step_takes_the_form_of_the_list_it_enters() {
        for (text, piece, each) in [
            // Numbers rise, whatever the marker.
            (
                "1. Uno.\n2. Dos.",
                "New.",
                ["1. New.\n2. Uno.\n3. Dos.", "1. Uno.\n2. New.\n3. Dos.", "1. Uno.\n2. Dos.\n3. New."],
            ),
            (
                "Step 1: a\nStep 2: b",
                "c",
                [
                    "Step 1: c\nStep 2: a\nStep 3: b",
                    "Step 1: a\nStep 2: c\nStep 3: b",
                    "Step 1: a\nStep 2: b\nStep 3: c",
                ],
            ),
            (
                "**Step 1:**\na\n\n**Step 2:**\nb",
                "c",
                [
                    "**Step 1:**\nc\n\n**Step 2:**\na\n\n**Step 3:**\nb",
                    "**Step 1:**\na\n\n**Step 2:**\nc\n\n**Step 3:**\nb",
                    "**Step 1:**\na\n\n**Step 2:**\nb\n\n**Step 3:**\nc",
                ],
            ),
            (
                "### Step 9. a\n### Step 10. b",
                "c",
                [
                    "### Step 9. c\n### Step 10. a\n### Step 11. b",
                    "### Step 9. a\n### Step 10. c\n### Step 11. b",
                    "### Step 9. a\n### Step 10. b\n### Step 11. c",
                ],
            ),
            (
                "**Step 1: a**\n**Step 2: b**",
                "c",
                [
                    "Step 1: c\n**Step 2: a**\n**Step 3: b**",
                    "**Step 1: a**\nStep 2: c\n**Step 3: b**",
                    "**Step 1: a**\n**Step 2: b**\nStep 3: c",
                ],
            ),
            // Bullets, blank lines and indentation.
            ("- a\n\n- b", "c", ["- c\n\n- a\n\n- b", "- a\n\n- c\n\n- b", "- a\n\n- b\n\n- c"]),
            ("  * a\n  * b\n", "c", ["  * c\n  * a\n  * b\n", "  * a\n  * c\n  * b\n", "  * a\n  * b\n  * c\n"]),
            // Lines, and paragraphs of lines.
            ("a\nb\n", "c", ["c\na\nb\n", "a\nc\nb\n", "a\nb\nc\n"]),
            ("a\n\nb", "c", ["c\n\na\n\nb", "a\n\nc\n\nb", "a\n\nb\n\nc"]),
            ("a\nb", "c\n  - d", ["c - d\na\nb", "a\nc - d\nb", "a\nb\nc - d"]),
            // What belongs to a step stays with it.
            (
                "1. a\n2. b",
                "c\n- d\n\ne",
                [
                    "1. c\n   - d\n\n   e\n2. a\n3. b",
                    "1. a\n2. c\n   - d\n\n   e\n3. b",
                    "1. a\n2. b\n3. c\n   - d\n\n   e",
                ],
            ),
            // Numbers that do not rise begin another list, or count nothing.
            ("1. a\n1. b", "c", ["1. c\n1. a\n1. b", "1. a\n1. c\n1. b", "1. a\n1. b\n1. c"]),
            ("2. a\n1. b", "c", ["2. c\n3. a\n1. b", "2. a\n1. c\n2. b", "2. a\n1. b\n2. c"]),
        ] {
            for (before, expected) in each.into_iter().enumerate() {
                assert_eq!(entering(text, &[(before, piece)]), expected, "{text} {before}");
            }
        }
        // Before what leads to a list, within it, and behind what follows it.
        let text = "Think.\n1. a\n2. b\n\nSo b.";
        let each = [
            "New.\n\nThink.\n1. a\n2. b\n\nSo b.",
            "Think.\n1. New.\n2. a\n3. b\n\nSo b.",
            "Think.\n1. a\n2. New.\n3. b\n\nSo b.",
            "Think.\n1. a\n2. b\n3. New.\n\nSo b.",
            "Think.\n1. a\n2. b\n\nSo b.\n\nNew.",
        ];
        for (before, expected) in each.into_iter().enumerate() {
            assert_eq!(entering(text, &[(before, "New.")]), expected, "{before}");
        }
        assert_eq!(entering("1. a", &[(0, "b"), (0, "c"), (1, "d")]), "1. b\n2. c\n3. a\n4. d");
        assert_eq!(entering("", &[(0, "a"), (0, "b\nc")]), "a\nb c");
    }

    #[test]
    fn what_is_taken_leaves_its_marker_behind() {
        for (text, expected) in [
            ("1. a\n2. - b\n3.", &["a", "b"][..]),
            ("**Step 1: a** b\n**Step 2:** c", &["a b", "c"]),
            ("Think.\n  - a\n    - b\n\n    c\n  - d", &["Think.", "a\n  - b\n\n  c", "d"]),
            ("a\nb", &["a", "b"]),
            ("", &[]),
        ] {
            assert_eq!(bodies(text), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// As many steps as there were and came, with the own ones as they were but for their numbers, and rising numbers.
        #[test]
        fn every_piece_is_a_step_and_the_others_stay(
            form in prop::sample::select(vec!["{}. ", "{}) ", "({}) ", "Step {}: ", "**Step {}:** ", "### {}. ", "- ", "  * ", ""]),
            gap in prop::sample::select(vec!["\n", "\n\n", "\n\n\n"]),
            own in prop::collection::vec("[a-z]{1,4}( [a-z.]{1,3})?", 0..5),
            around in any::<(bool, bool)>(),
            theirs in prop::sample::select(vec!["1. aa\n2. bb\n   - cc\n\n   dd\n3. - ee", "aa\nbb", "- aa\n- bb", "Think:\n**Step 1: aa**\nbb\n\ncc"]),
            places in prop::collection::vec((0usize..9, 0usize..9), 0..5),
        ) {
            let line = |(at, body): (usize, &String)| form.replace("{}", &(at + 1).to_string()) + body;
            let mut text = own.iter().enumerate().map(line).collect::<Vec<_>>().join(gap);
            let is_list = !form.is_empty() && !own.is_empty();
            if is_list && around.0 {
                text = format!("Lead:\n{text}");
            }
            if is_list && around.1 {
                text = format!("{text}\n\nEnd.");
            }
            let (before, theirs) = (steps(&text), bodies(theirs));
            let mut pieces: Vec<(usize, &str)> =
                places.iter().map(|(at, of)| (at % (before.len() + 1), theirs[of % theirs.len()].as_str())).collect();
            pieces.sort_by_key(|piece| piece.0);
            let out = entering(&text, &pieces);
            let after = steps(&out);
            prop_assert_eq!(after.len(), before.len() + pieces.len(), "{}\n=>\n{}", text, out);
            let words = |text: &str| text.split_whitespace().map(|word| word.replace('*', "")).collect::<Vec<_>>();
            let mut expected: Vec<Vec<String>> = Vec::new();
            for at in 0..=before.len() {
                expected.extend(pieces.iter().filter(|piece| piece.0 == at).map(|piece| words(piece.1)));
                expected.extend(before.get(at).map(|step| words(&text[step.body.clone()])));
            }
            let found: Vec<Vec<String>> = after.iter().map(|step| words(&out[step.body.clone()])).collect();
            prop_assert_eq!(found, expected, "{}\n=>\n{}", text, out);
            let numbers: Vec<u32> = after.iter().filter_map(|step| number(&out[step.marker.clone()])).collect();
            prop_assert!(numbers.iter().copied().eq(1..=numbers.len() as u32), "{}\n=>\n{}", text, out);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,40}", other in prop_oneof!["(?s).{0,40}", "((1\\.|- |Step 3:|\\*\\*| )[a-z]{0,2}\n{0,2}){0,6}"]) {
            let theirs = bodies(&other);
            let count = steps(&text).len();
            let pieces: Vec<(usize, &str)> = theirs.iter().enumerate().map(|(at, body)| (at.min(count), body.as_str())).collect();
            let _ = (entering(&text, &pieces), bodies(&text));
        }
    }
}
