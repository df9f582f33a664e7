//! How a question and its target become the tokens a student learns from.
//!
//! A sequence is what its tokenizer makes of the whole text: what begins a text for this student, the prompt, the target,
//! and what ends it. Where the target begins is where the prompt's own tokens end, since those are all that a student has
//! when it is asked.

use std::fmt::Display;
use std::ops::Range;

use retort_artifact::{Answer, Question, Usage};
use retort_model::{Example, TokenWeight};
use retort_stage::StageError;
use retort_text::prompt::{Answer as Shows, SEPARATOR, Template};
use retort_text::target;
use retort_text::tokenizer::{Token, Tokenizer};

/// Puts sequences together in the way a student is taught to write.
pub(super) struct Sequences<'a> {
    usage: &'a Usage,
    prompt: Template,
    tokenizer: &'a Tokenizer,
    begin: Vec<u32>,
    end: Option<u32>,
    /// What stands between a prompt and what follows it.
    separator: String,
    /// The text that every answer begins with.
    prefill: String,
}

/// What a token of a sequence belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The question as it is put.
    Prompt,
    /// The label with its markers. A token that a tokenizer made of a marker and a piece of the rationale belongs here.
    Label,
    /// The rationale, white space around it included.
    Rationale,
}

/// The tokens of a question with its target, and where the target's pieces lie.
pub(super) struct Sequence {
    pub(super) ids: Vec<u32>,
    /// What each token belongs to; the token that ends a sequence belongs to what stands before it.
    pub(super) parts: Vec<Part>,
    /// The index of the first token of the target.
    pub(super) target_from: usize,
    /// The index of the first token of the label.
    pub(super) label_at: usize,
    /// The tokens of the rationale, each time it stands there: index in `ids`, and bytes of the rationale's trimmed text.
    pub(super) rationale: Vec<(usize, Range<usize>)>,
}

/// Makes an error of the data out of any other.
pub(super) fn data(error: impl Display) -> StageError {
    StageError::data(error.to_string())
}

impl<'a> Sequences<'a> {
    /// Prepares to put sequences together.
    pub(super) fn new(usage: &'a Usage, tokenizer: &'a Tokenizer) -> Result<Self, StageError> {
        let prompt = Template::parse("prompt", &usage.prompt).map_err(data)?;
        let id = |token: &String, what: &str| {
            let why = || data(format!("the student's tokenizer has no token `{token}` to {what} a sequence with"));
            tokenizer.id(token).ok_or_else(why)
        };
        let begin = usage.begin.iter().map(|token| id(token, "begin")).collect::<Result<_, _>>()?;
        let end = usage.end.as_ref().map(|token| id(token, "end")).transpose()?;
        let (separator, prefill) = (SEPARATOR.to_owned(), String::new());
        Ok(Self { usage, prompt, tokenizer, begin, end, separator, prefill })
    }

    /// Puts another text between a prompt and what follows it. Spaces at its end belong to what follows, as tokenizers have
    /// them with the word behind them.
    pub(super) fn separated_by(mut self, separator: &str) -> Self {
        separator.clone_into(&mut self.separator);
        self
    }

    /// Makes every answer begin with a text.
    pub(super) fn prefilled(mut self, text: &str) -> Self {
        text.clone_into(&mut self.prefill);
        self
    }

    /// Returns the token that ends a sequence, if the student was taught one.
    pub(super) fn end(&self) -> Option<u32> {
        self.end
    }

    /// Returns the tokens of a question as it is put to the student, and of what its answer is made to begin with.
    pub(super) fn prompt(&self, question: &Question) -> Result<Vec<u32>, StageError> {
        if !self.prefill.is_empty() {
            let (mut ids, behind) = self.followed(question, &self.prefill)?;
            ids.extend(behind.into_iter().map(|token| token.id));
            return Ok(ids);
        }
        let text = self.prompt_text(question)?;
        Ok([self.begin.as_slice(), &self.tokenizer.ids(&text).map_err(data)?].concat())
    }

    /// A question as it is put, without the spaces that belong to what follows.
    fn prompt_text(&self, question: &Question) -> Result<String, StageError> {
        Ok(self.prompt.render(question, Shows::Hidden).map_err(data)? + self.separator.trim_end_matches(' '))
    }

    /// Returns the tokens of a question as it is put, and those of a text behind it with their places in the text.
    fn followed(&self, question: &Question, text: &str) -> Result<(Vec<u32>, Vec<Token>), StageError> {
        let spaces = &self.separator[self.separator.trim_end_matches(' ').len()..];
        let text = format!("{spaces}{text}");
        let (prompt, mut behind) = self.tokenizer.encode_pair(&self.prompt_text(question)?, &text).map_err(data)?;
        for Token { span, .. } in &mut behind {
            *span = span.start.saturating_sub(spaces.len())..span.end.saturating_sub(spaces.len());
        }
        Ok(([self.begin.as_slice(), &prompt].concat(), behind))
    }

    /// Returns the tokens of a question followed by those of a text, and the index of the first of these. Where answers are made
    /// to begin with something, that stands before the text.
    pub(super) fn continued(&self, question: &Question, text: &str) -> Result<(Vec<u32>, usize), StageError> {
        let mut before = self.prefill.clone();
        if !before.is_empty() && !before.ends_with(char::is_whitespace) {
            before.push(' ');
        }
        let (mut ids, behind) = self.followed(question, &format!("{before}{text}"))?;
        let given = behind.iter().take_while(|token| token.span.end <= before.len()).count();
        // Where all is one token, it is the text's.
        let from = ids.len() + if before.is_empty() { 0 } else { given };
        ids.extend(behind.into_iter().map(|token| token.id));
        Ok((ids, from))
    }

    /// Returns an answer as the student is taught to write it, without a rationale.
    pub(super) fn answer(&self, question: &Question, answer: &Answer) -> Result<String, StageError> {
        let target = target::render(&self.usage.format, answer, "")
            .map_err(|error| data(format!("question `{}`: {error}", question.id)))?;
        Ok(target.text)
    }

    /// Returns the tokens of a question followed by its target.
    pub(super) fn with_target(
        &self,
        question: &Question,
        answer: &Answer,
        rationale: &str,
    ) -> Result<Sequence, StageError> {
        let target = target::render(&self.usage.format, answer, rationale)
            .map_err(|error| data(format!("question `{}`: {error}", question.id)))?;
        let (mut ids, behind) = self.followed(question, &target.text)?;
        let target_from = ids.len();
        let (mut label_at, mut within, mut parts) = (target_from, Vec::new(), vec![Part::Prompt; target_from]);
        for token in behind {
            if token.span.end <= target.label.start {
                label_at = ids.len() + 1;
            }
            for span in &target.rationales {
                let (start, end) = (token.span.start.max(span.start), token.span.end.min(span.end));
                if start < end {
                    within.push((ids.len(), start - span.start..end - span.start));
                }
            }
            let (answer, span) = (&target.answer, &token.span);
            let outside = span.start >= answer.end || (span.start < answer.start && span.end <= answer.start);
            parts.push(if outside { Part::Rationale } else { Part::Label });
            ids.push(token.id);
        }
        if let Some(end) = self.end {
            ids.push(end);
            parts.extend(parts.last().copied());
        }
        Ok(Sequence { ids, parts, target_from, label_at, rationale: within })
    }
}

impl Sequence {
    /// Returns what the student learns of it, cut to `length_max` tokens, and whether it was cut. `question` stands in
    /// errors; `whole` says that the prompt carries loss as well.
    pub(super) fn example(
        self,
        question: &str,
        length_max: usize,
        whole: bool,
        weights: Option<Vec<TokenWeight>>,
    ) -> Result<(Example, bool), StageError> {
        let Self { mut ids, target_from, .. } = self;
        if target_from + 1 >= length_max {
            return Err(data(format!(
                "question `{question}` alone has {target_from} tokens, which leaves no room for a target in {length_max}: \
                 raise `max_length` or the student's `context`",
            )));
        }
        let cut = ids.len() > length_max;
        ids.truncate(length_max);
        let weights = weights.map(|mut weights| {
            weights.truncate(length_max);
            weights
        });
        Ok((Example { ids, loss_from: if whole { 1 } else { target_from }, weights }, cut))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::ask::answered;
    use super::*;
    use retort_artifact::{Choice, Format, Label, Placement};
    use retort_text::prompt::STUDENT;
    use retort_text::target::{MARKER, parse, render};
    use retort_text::tokenizer::train_bpe;

    const RATIONALE: &str = "Ice is smooth.";

    fn question() -> Question {
        let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
        Question {
            id: "q".into(),
            stem: "Which is smoother?".into(),
            choices: ["snow", "ice"].into_iter().enumerate().map(choice).collect(),
            answer: Answer::at(1),
            ..Question::default()
        }
    }

    /// A tokenizer that joins the ends of markers with whatever stands beside them: `] B`, `] I`, `. [`.
    fn merging() -> Tokenizer {
        let merges = [("]", " "), ("] ", "B"), ("] ", "I"), (".", " "), (". ", "[")];
        let letters = ('\u{20}'..='\u{7e}').chain(['\n']).map(String::from);
        let joined = merges.iter().map(|(a, b)| format!("{a}{b}"));
        let vocabulary: BTreeMap<String, usize> =
            letters.chain(joined).enumerate().map(|(id, token)| (token, id)).collect();
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": null, "post_processor": null, "decoder": { "type": "Fuse" },
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": vocabulary, "merges": merges,
            },
        });
        Tokenizer::from_json(&serde_json::to_vec(&json).unwrap()).unwrap()
    }

    /// Byte-level tokenizers, with the marker as a token and as text.
    fn byte_level(special: &[&str]) -> Tokenizer {
        train_bpe([RATIONALE, "Which is smoother? snow ice [FIN_LABEL] B"], 300, special).unwrap()
    }

    fn usage(placement: Placement, end: Option<&str>) -> Usage {
        let format = Format { placement, marker: MARKER.into() };
        Usage { format, prompt: STUDENT.into(), begin: Vec::new(), end: end.map(str::to_owned) }
    }

    const PLACEMENTS: [Placement; 4] = [Placement::None, Placement::Before, Placement::After, Placement::Both];

    #[test]
    fn what_was_taught_is_read_back_whatever_the_tokens_of_the_marker() {
        for tokenizer in [merging(), byte_level(&[]), byte_level(&[MARKER])] {
            for placement in PLACEMENTS {
                let usage = usage(placement, None);
                let label = Answer::at(1).unwrap();
                let sequence = Sequences::new(&usage, &tokenizer).unwrap().with_target(&question(), &label, RATIONALE);
                let Sequence { ids, parts, target_from, label_at, rationale } = sequence.unwrap();
                let text = |ids: &[u32]| tokenizer.decode(ids).unwrap();
                let target = render(&usage.format, &label, RATIONALE).unwrap().text;
                // A token takes in the white space around it.
                let dense = |text: &str| text.replace(' ', "");
                assert_eq!(dense(&text(&ids[target_from..])), dense(&target));
                assert!(text(&ids[label_at..=label_at]).contains('B'), "{placement}");
                assert!(!text(&ids[target_from..label_at]).contains("] B"), "{placement}");
                // Generation stops with the token that closes the label, and the label can be read then.
                let written = (target_from..=ids.len()).map(|end| &ids[target_from..end]);
                let stopped =
                    written.clone().find(|ids| answered(&tokenizer, ids, &usage.format, &question().choices)).unwrap();
                assert_eq!(parse(&text(stopped), &usage.format, &question().choices), Ok(label), "{placement}");
                assert_eq!(text(&stopped[..stopped.len() - 1]).matches(MARKER).count(), 1, "{placement}");
                // Every token is of one part; the label's are those that hold a piece of it.
                assert_eq!(parts.len(), ids.len());
                let of =
                    |part| text(&(0..ids.len()).filter(|&at| parts[at] == part).map(|at| ids[at]).collect::<Vec<_>>());
                assert_eq!(of(Part::Prompt), text(&ids[..target_from]));
                let label_part = dense(&of(Part::Label));
                assert!(label_part.contains("[FIN_LABEL]B[FIN_LABEL]"), "{placement}: {label_part}");
                let copies = target.matches(RATIONALE).count();
                assert_eq!(of(Part::Rationale).matches("ce is smooth").count(), copies, "{placement}");
                let (before, after): (Vec<_>, Vec<_>) = rationale.iter().partition(|(at, _)| *at < label_at);
                let found: Vec<_> = [before, after].into_iter().filter(|copy| !copy.is_empty()).collect();
                assert_eq!(found.len(), copies, "{placement}");
                let letters = || RATIONALE.char_indices().filter(|(_, letter)| *letter != ' ');
                for copy in found {
                    let covered = |at: usize| copy.iter().any(|(_, span)| span.contains(&at));
                    assert!(letters().all(|(at, _)| covered(at)), "{placement}: every letter of it is found");
                }
            }
        }
    }

    /// A tiny tokenizer in the layout of a published family.
    fn family(name: &str) -> Tokenizer {
        let path = format!("{}/../../tests/tokenizers/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Tokenizer::from_json(&fs_err::read(path).unwrap()).unwrap()
    }

    #[test]
    fn ids_are_those_of_the_whole_text_behind_what_begins_it() {
        for name in ["gpt2", "phi", "llama-3", "gemma", "llama", "mistral"] {
            for placement in PLACEMENTS {
                for marked in [true, false] {
                    let mut tokenizer = family(name);
                    if marked {
                        tokenizer.add_special(&[MARKER]).unwrap();
                    }
                    let begin = tokenizer.begin().unwrap();
                    let usage = Usage { begin: begin.clone(), ..usage(placement, None) };
                    let sequences = Sequences::new(&usage, &tokenizer).unwrap();
                    let label = Answer::at(1).unwrap();
                    let sequence = sequences.with_target(&question(), &label, RATIONALE).unwrap();
                    let begin: Vec<u32> = begin.iter().map(|token| tokenizer.id(token).unwrap()).collect();
                    let prompt = "Question: Which is smoother? Choices: A: snow; B: ice\n";
                    let target = render(&usage.format, &label, RATIONALE).unwrap().text;
                    let asked = sequences.prompt(&question()).unwrap();
                    assert_eq!(asked, [begin.clone(), tokenizer.ids(prompt).unwrap()].concat(), "{name}");
                    assert_eq!(sequence.ids[..sequence.target_from], asked, "what is trained is what is asked");
                    let (scored, from) = sequences.continued(&question(), &target).unwrap();
                    assert_eq!((&scored, from), (&sequence.ids, sequence.target_from));
                    let rationale_first = !placement.label_first();
                    if rationale_first || !marked {
                        let whole = tokenizer.ids(&format!("{prompt}{target}")).unwrap();
                        assert_eq!(sequence.ids, [begin, whole].concat(), "{name} {placement}");
                    } else {
                        // The marker would take in the line feed that ends the prompt.
                        assert_eq!(Some(sequence.ids[sequence.target_from]), tokenizer.id(MARKER), "{name}");
                    }
                    let at = tokenizer.decode(&sequence.ids[sequence.label_at..=sequence.label_at]).unwrap();
                    assert!(at.contains('B'), "{name} {placement}: {at}");
                }
            }
        }
    }

    #[test]
    fn the_end_belongs_to_what_stands_before_it() {
        let tokenizer = byte_level(&[MARKER, "<|endoftext|>"]);
        let label = Answer::at(1).unwrap();
        for (placement, rationale, part) in [
            (Placement::None, RATIONALE, Part::Label),
            (Placement::Before, RATIONALE, Part::Label),
            (Placement::After, RATIONALE, Part::Rationale),
            (Placement::Both, RATIONALE, Part::Rationale),
            (Placement::After, " ", Part::Label),
        ] {
            let usage = usage(placement, Some("<|endoftext|>"));
            let sequence =
                Sequences::new(&usage, &tokenizer).unwrap().with_target(&question(), &label, rationale).unwrap();
            assert_eq!(sequence.parts.last(), Some(&part), "{placement}");
            assert_eq!(sequence.ids.last().copied(), tokenizer.id("<|endoftext|>"));
        }
    }
}
