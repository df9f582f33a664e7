//! What a model thought aloud before it answered: `<think>…</think>` and its relatives, taken apart from the answer.

/// Pairs of tags that models put around their thoughts, in lower case.
const TAGS: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[think]", "[/think]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
];

/// Marks around the answer itself, which belong neither to it nor to the thoughts.
const ANSWER_MARKS: &[&str] = &[
    "<|begin_of_solution|>",
    "<|end_of_solution|>",
    "<|start|>assistant",
    "<|channel|>final<|message|>",
    "<|channel|>commentary<|message|>",
];

/// Tokens that end a turn, which some servers leave at the end of an answer.
const ENDS: &[&str] = &[
    "<|im_end|>",
    "<|eot_id|>",
    "<|end|>",
    "<|return|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
    "</s>",
    "<eos>",
];

/// An answer without the thoughts before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The answer; the text as it came where no thoughts stand in it.
    pub said: String,
    /// The thoughts, where there are any but white space.
    pub thoughts: Option<String>,
    /// Whether the thoughts never came to an end, so that there is no answer.
    pub unfinished: bool,
}

/// Takes the thoughts out of an answer.
///
/// The opening tag may be missing, as where the prompt ends with it. One that is never closed at the beginning of a line
/// means that the answer broke off.
pub fn apart(text: &str) -> Apart {
    if !text.contains(['<', '[', '◁']) {
        return Apart { said: text.to_owned(), thoughts: None, unfinished: false };
    }
    let (mut rest, mut thoughts, mut touched) = (text.to_owned(), Vec::new(), false);
    while let Some((at, close)) = first_close(&rest) {
        let before = &rest[..at];
        let open = TAGS
            .iter()
            .filter(|(_, end)| *end == close.0)
            .find_map(|(open, _)| Some((find(before, open)?, open.len())));
        let (kept, thought) = match open {
            Some((from, length)) => (before[..from].to_owned(), before[from + length..].to_owned()),
            None => (String::new(), before.to_owned()),
        };
        thoughts.push(thought);
        rest = kept + &rest[at + close.1..];
        touched = true;
    }
    let open = TAGS.iter().filter_map(|(open, _)| Some((opening(&rest, open)?, open.len()))).min();
    let unfinished = open.is_some();
    if let Some((from, length)) = open {
        thoughts.push(rest[from + length..].to_owned());
        rest.truncate(from);
        touched = true;
    }
    for mark in ANSWER_MARKS {
        if rest.contains(mark) && touched {
            rest = rest.replace(mark, "");
        }
    }
    let mut said = if touched { rest.trim_start().to_owned() } else { rest };
    while let Some(end) = ENDS.iter().find(|end| said.trim_end().ends_with(**end)) {
        said.truncate(said.trim_end().len() - end.len());
    }
    let thoughts = thoughts.iter().map(|thought| thought.trim()).filter(|thought| !thought.is_empty());
    let thoughts = thoughts.collect::<Vec<_>>().join("\n\n");
    Apart { said, thoughts: Some(thoughts).filter(|thoughts| !thoughts.is_empty()), unfinished }
}

/// Finds the first closing tag: where it stands, itself and its length. One that also ends a turn closes thoughts only
/// where these were opened.
fn first_close(text: &str) -> Option<(usize, (&'static str, usize))> {
    let closes = TAGS.iter().filter_map(|(open, close)| {
        let from = if ENDS.contains(close) { find(text, open)? + open.len() } else { 0 };
        Some((from + find(&text[from..], close)?, (*close, close.len())))
    });
    closes.min()
}

/// Finds a tag in any case.
fn find(text: &str, tag: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(tag)
}

/// Finds an opening tag at the beginning of a line.
fn opening(text: &str, tag: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let mut found = lower.match_indices(tag).map(|(at, _)| at);
    found.find(|at| {
        let line = &text[..*at];
        line[line.rfind('\n').map_or(0, |newline| newline + 1)..].trim().is_empty()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ways_in_which_models_think_aloud() {
        for (text, said, thoughts, unfinished) in [
            ("Ice is smooth.", "Ice is smooth.", None, false),
            (" Ice is smooth.\n", " Ice is smooth.\n", None, false),
            ("<think>\nIs it A?\n</think>\n\nIt is B.", "It is B.", Some("Is it A?"), false),
            ("<THINK>a</Think>B", "B", Some("a"), false),
            // The prompt ended with the opening tag.
            ("Is it A?\n</think>\n\nIt is B.", "It is B.", Some("Is it A?"), false),
            ("<think>\n\n</think>\n\nIt is B.", "It is B.", None, false),
            ("<think>a</think>x<think>b</think>y", "xy", Some("a\n\nb"), false),
            ("<thinking>a</thinking>\nB", "B", Some("a"), false),
            ("[THINK]a[/THINK]B", "B", Some("a"), false),
            ("◁think▷a◁/think▷B", "B", Some("a"), false),
            (
                "<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>B<|end_of_solution|>",
                "B",
                Some("a"),
                false,
            ),
            (
                "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>",
                "B",
                Some("a"),
                false,
            ),
            // Cut off while thinking.
            ("<think>\nIs it A?", "", Some("Is it A?"), true),
            ("<think>", "", None, true),
            ("<think>a</think>\n<think>b", "", Some("a\n\nb"), true),
            // A tag that is spoken of.
            ("The tag <think> is not closed here.", "The tag <think> is not closed here.", None, false),
            // What ends a turn is no word of it.
            ("It is B.<|im_end|>", "It is B.", None, false),
            ("It is B.</s>\n", "It is B.", None, false),
            ("It is B.<|end|>", "It is B.", None, false),
            ("", "", None, false),
        ] {
            let expected = Apart { said: said.into(), thoughts: thoughts.map(str::to_owned), unfinished };
            assert_eq!(apart(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_was_thought_is_said(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "<think>", "</think>", "<|channel|>analysis<|message|>", "<|end|>", "[THINK]", "é", "\n", "ice ", "</s>",
            ]), 0..12),
        ) {
            let text = pieces.concat();
            let Apart { said, .. } = apart(&text);
            prop_assert!(!said.contains("</think>"), "{said}");
            // Taking apart what was said finds nothing more.
            prop_assert_eq!(apart(&said).said, said);
        }
    }
}
