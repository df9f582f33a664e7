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
    ("<|start_thinking|>", "<|end_thinking|>"),
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
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<answer>",
    "</answer>",
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
/// means that the answer broke off. It takes a time that grows with the length of the text alone: a model that broke down may
/// repeat a tag to the end.
pub fn apart(text: &str) -> Apart {
    if !text.contains(['<', '[', '◁']) {
        return Apart { said: text.to_owned(), thoughts: None, unfinished: false };
    }
    let (mut kept, mut thoughts) = (Kept::default(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        match tag_at(text, at, &kept) {
            Some((pair, Tag::Close)) => {
                thoughts.push(kept.close(pair));
                at += TAGS[pair].1.len();
            }
            Some((pair, Tag::Open)) => {
                let end = at + TAGS[pair].0.len();
                kept.open(pair, &text[at..end]);
                at = end;
            }
            None => {
                let behind = at + text[at..].chars().next().map_or(1, char::len_utf8);
                let next = text[behind..].find(['<', '[', '◁']).map_or(text.len(), |next| behind + next);
                kept.text.push_str(&text[at..next]);
                at = next;
            }
        }
    }
    let unclosed = kept.unclosed();
    let touched = unclosed.is_some() || !thoughts.is_empty();
    if let Some((from, length)) = unclosed {
        thoughts.push(kept.text[from + length..].to_owned());
        kept.text.truncate(from);
    }
    let mut said = kept.text;
    if touched {
        for mark in ANSWER_MARKS.iter().filter(|mark| text.contains(**mark)) {
            said = said.replace(mark, "");
        }
        said.drain(..said.len() - said.trim_start().len());
    }
    while let Some(end) = ENDS.iter().find(|end| said.trim_end().ends_with(**end)) {
        said.truncate(said.trim_end().len() - end.len());
    }
    let thoughts = thoughts.iter().map(|thought| thought.trim()).filter(|thought| !thought.is_empty());
    let thoughts = thoughts.collect::<Vec<_>>().join("\n\n");
    Apart { said, thoughts: Some(thoughts).filter(|thoughts| !thoughts.is_empty()), unfinished: unclosed.is_some() }
}

/// Which of a pair of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Open,
    Close,
}

/// Finds the tag that begins at a place, in any case. What also ends a turn closes thoughts only where these were opened.
fn tag_at(text: &str, at: usize, kept: &Kept) -> Option<(usize, Tag)> {
    let rest = &text.as_bytes()[at..];
    let begins = |tag: &str| rest.len() >= tag.len() && rest[..tag.len()].eq_ignore_ascii_case(tag.as_bytes());
    let tag = |(pair, (open, close)): (usize, &(&str, &str))| {
        if begins(open) {
            Some((pair, Tag::Open))
        } else if begins(close) && (!ENDS.contains(close) || !kept.opened[pair].is_empty()) {
            Some((pair, Tag::Close))
        } else {
            None
        }
    };
    TAGS.iter().enumerate().find_map(tag)
}

/// What was read and is not known to be a thought.
#[derive(Debug, Default)]
struct Kept {
    text: String,
    /// Where each pair's opening tags stand in it.
    opened: [Vec<usize>; TAGS.len()],
}

impl Kept {
    fn open(&mut self, pair: usize, tag: &str) {
        self.opened[pair].push(self.text.len());
        self.text.push_str(tag);
    }

    /// Takes a thought out: from the first opening tag of the pair on, or from the beginning where there is none.
    fn close(&mut self, pair: usize) -> String {
        let from = self.opened[pair].first().copied();
        let thought = self.text.split_off(from.unwrap_or(0));
        for places in &mut self.opened {
            places.truncate(places.partition_point(|place| *place < self.text.len()));
        }
        thought[from.map_or(0, |_| TAGS[pair].0.len())..].to_owned()
    }

    /// Finds the first opening tag at the beginning of a line, and its length.
    fn unclosed(&self) -> Option<(usize, usize)> {
        let begins_line = |place: &&usize| {
            let line = self.text[..**place].trim_end_matches(|c: char| c.is_whitespace() && c != '\n');
            line.is_empty() || line.ends_with('\n')
        };
        let first = |(places, (open, _)): (&Vec<usize>, &(&str, &str))| {
            places.iter().find(begins_line).map(|place| (*place, open.len()))
        };
        self.opened.iter().zip(TAGS).filter_map(first).min()
    }
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
            // Nested, and in the middle of a text.
            ("<think>a<think>b</think>c</think>d", "d", Some("a<think>b\n\nc"), false),
            ("Well. <think>a</think> It is B.", "Well.  It is B.", Some("a"), false),
            ("<think></think>", "", None, false),
            ("</think>B", "B", None, false),
            ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>B<|END_RESPONSE|>", "B", Some("a"), false),
            ("<think>a</think>\n<answer>B</answer>", "B", Some("a"), false),
            ("<answer>B</answer>", "<answer>B</answer>", None, false),
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

    #[test]
    fn a_model_that_repeats_a_tag_to_the_end_is_read_in_time() {
        for tag in ["<think>", "</think>", "<think></think>", "</think>\n<think>", "<|end|>", "[THINK]</think>"] {
            let text = tag.repeat(200_000);
            let Apart { said, .. } = apart(&text);
            assert!(!said.contains("</think>"), "{tag}");
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
