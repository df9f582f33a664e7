//! How a question and its target become the tokens a student learns from.
//!
//! A sequence is what its tokenizer makes of the whole text: what begins a text for this student, the prompt, the target,
//! and what ends it. Where the target begins is where the prompt's own tokens end, since those are all that a student has
//! when it is asked.
//!
//! With a chat template, the template writes the text: the question up to where the model goes on, then what the assistant
//! says, with the token that ends its turn ([`turn`](retort_text::turn)).

use std::fmt::Display;
use std::ops::Range;

use retort_artifact::{Answer, Chat, Question, Usage};
use retort_model::{Example, TokenWeight};
use retort_stage::StageError;
use retort_text::answer::Expected;
use retort_text::chat_template::{ChatTemplate, Day};
use retort_text::prompt::{Answer as Shows, SEPARATOR, Template};
use retort_text::target::{self, Target};
use retort_text::tokenizer::{Token, Tokenizer};
use retort_text::turn::{Turn, Turns};

/// Puts sequences together in the way a student is taught to write.
pub(super) struct Sequences<'a> {
    usage: &'a Usage,
    prompt: Template,
    tokenizer: &'a Tokenizer,
    begin: Vec<u32>,
    end: Option<u32>,
    /// What writes the prompts of a student that is talked to.
    turns: Option<Turns>,
    /// What ends an answer when the student is asked.
    stops: Vec<u32>,
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
    /// The index of a token within the target that ends what the student says when it is asked.
    pub(super) ended_at: Option<usize>,
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
        let turns = usage.chat.as_ref().map(turns).transpose()?;
        let further = usage.chat.iter().flat_map(|chat| &chat.stops).map(|token| id(token, "end"));
        let mut stops: Vec<u32> = end.into_iter().map(Ok).chain(further).collect::<Result<_, _>>()?;
        stops.sort_unstable();
        stops.dedup();
        let (separator, prefill) = (SEPARATOR.to_owned(), String::new());
        Ok(Self { usage, prompt, tokenizer, begin, end, turns, stops, separator, prefill })
    }

    /// Puts another text between a prompt and what follows it, unless a chat template writes both. Spaces at its end belong to
    /// what follows, as tokenizers have them with the word behind them.
    pub(super) fn separated_by(mut self, separator: &str) -> Self {
        separator.clone_into(&mut self.separator);
        self
    }

    /// Makes every answer begin with a text.
    pub(super) fn prefilled(mut self, text: &str) -> Self {
        text.clone_into(&mut self.prefill);
        self
    }

    /// Returns the tokens that end an answer when the student is asked.
    pub(super) fn stops(&self) -> &[u32] {
        &self.stops
    }

    /// Returns what of an output stands before the token that ends it.
    pub(super) fn said<'o>(&self, output: &'o [u32]) -> &'o [u32] {
        let until = output.iter().position(|id| self.stops.contains(id));
        &output[..until.unwrap_or(output.len())]
    }

    /// Returns the tokens of a question as it is put to the student, and of what its answer is made to begin with.
    pub(super) fn prompt(&self, question: &Question) -> Result<Vec<u32>, StageError> {
        if self.prefill.is_empty() {
            return Ok(self.begun(self.tokenizer.ids(&self.asked(question)?).map_err(data)?));
        }
        // What a template writes before every answer stands before the prefill as well.
        let lead = match &self.turns {
            Some(turns) => turns.lead(),
            None => "",
        };
        let (mut ids, behind) = self.encoded(&self.asked(question)?, &format!("{lead}{}", self.prefill))?;
        ids.extend(behind.into_iter().map(|token| token.id));
        Ok(ids)
    }

    /// Puts before a text what begins one; a chat template may have written it itself.
    fn begun(&self, ids: Vec<u32>) -> Vec<u32> {
        if self.turns.is_some() && ids.starts_with(&self.begin) { ids } else { [self.begin.as_slice(), &ids].concat() }
    }

    /// What the prompt's template makes of a question.
    fn message(&self, question: &Question) -> Result<String, StageError> {
        self.prompt.render(question, Shows::Hidden).map_err(data)
    }

    /// The spaces between a prompt and what follows it, which belong to the latter.
    fn spaces(&self) -> &str {
        if self.turns.is_some() { "" } else { &self.separator[self.separator.trim_end_matches(' ').len()..] }
    }

    /// A question as it is put, without the spaces that belong to what follows.
    fn asked(&self, question: &Question) -> Result<String, StageError> {
        let message = self.message(question)?;
        match &self.turns {
            Some(turns) => turns.ask(&message).map_err(|error| of(question, error)),
            None => Ok(message + self.separator.trim_end_matches(' ')),
        }
    }

    /// Puts a target behind a question, as it is taught.
    fn turn(&self, question: &Question, target: Target) -> Result<Turn, StageError> {
        match &self.turns {
            Some(turns) => turns
                .answer(&self.message(question)?, &target, self.usage.end.as_deref())
                .map_err(|error| of(question, error)),
            None => Ok(Turn { asked: self.asked(question)?, said_to: target.text.len(), lead_to: 0, taught: target }),
        }
    }

    /// Returns the tokens of a question as it is put, and those of a text behind it with their places in the text.
    fn encoded(&self, asked: &str, text: &str) -> Result<(Vec<u32>, Vec<Token>), StageError> {
        let spaces = self.spaces();
        let (prompt, mut behind) = self.tokenizer.encode_pair(asked, &format!("{spaces}{text}")).map_err(data)?;
        for Token { span, .. } in &mut behind {
            *span = span.start.saturating_sub(spaces.len())..span.end.saturating_sub(spaces.len());
        }
        Ok((self.begun(prompt), behind))
    }

    /// Returns the tokens of a question followed by those of a text that the student is to say, and the index of the first of
    /// these. Where answers are made to begin with something, that stands before the text.
    pub(super) fn continued(&self, question: &Question, text: &str) -> Result<(Vec<u32>, usize), StageError> {
        let mut before = self.prefill.clone();
        if !before.is_empty() && !before.ends_with(char::is_whitespace) {
            before.push(' ');
        }
        let text = format!("{before}{text}");
        let start = text.len() - text.trim_start().len();
        let whole = start..start + text.trim().len();
        let (answer, label) = (whole.clone(), whole);
        let target = Target { text, answer, label, rationales: Vec::new(), brackets: None };
        let Turn { asked, taught, said_to, lead_to } = self.turn(question, target)?;
        let (mut ids, behind) = self.encoded(&asked, &taught.text[..said_to])?;
        // Spaces belong to what follows, whether or not they are tokens of their own: else two texts of one question would be
        // compared by more tokens of the one than of the other.
        let given_to = lead_to + before.trim_end_matches(' ').len();
        let given = behind.iter().take_while(|token| token.span.end <= given_to).count();
        // Where all is one token, it is the text's.
        let from = ids.len() + if before.is_empty() { 0 } else { given };
        ids.extend(behind.into_iter().map(|token| token.id));
        Ok((ids, from))
    }

    /// Returns an answer as the student is taught to write it, without a rationale.
    pub(super) fn answer(&self, question: &Question, answer: &Answer) -> Result<String, StageError> {
        Ok(target::render(&self.usage.format, answer, "").map_err(|error| of(question, error))?.text)
    }

    /// Returns the tokens of a question followed by its target.
    pub(super) fn with_target(
        &self,
        question: &Question,
        answer: &Answer,
        rationale: &str,
    ) -> Result<Sequence, StageError> {
        let target = target::render(&self.usage.format, answer, rationale).map_err(|error| of(question, error))?;
        self.written(question, target)
    }

    /// Returns the tokens of a question followed by a rationale alone, which is all of the target.
    pub(super) fn with_rationale(&self, question: &Question, rationale: &str) -> Result<Sequence, StageError> {
        let text = rationale.trim().to_owned();
        let whole = 0..text.len();
        self.written(question, Target { text, answer: 0..0, label: 0..0, rationales: vec![whole], brackets: None })
    }

    /// Returns the tokens of a question followed by a target.
    fn written(&self, question: &Question, target: Target) -> Result<Sequence, StageError> {
        let Turn { asked, taught: target, said_to, lead_to } = self.turn(question, target)?;
        let (mut ids, behind) = self.encoded(&asked, &target.text)?;
        let target_from = ids.len();
        let (mut label_at, mut within, mut parts) = (target_from, Vec::new(), vec![Part::Prompt; target_from]);
        let mut ended_at = None;
        let reasons_first = target.rationales.first().is_some_and(|first| first.start < target.answer.start);
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
            if token.span.start < said_to && self.stops.contains(&token.id) {
                ended_at.get_or_insert(ids.len());
            }
            parts.push(match parts.last() {
                // What ends the turn belongs to what stands before it.
                Some(last) if token.span.start >= said_to => *last,
                _ => part(&token, &target, lead_to, reasons_first),
            });
            ids.push(token.id);
        }
        let written = ids[target_from..].iter().any(|id| Some(*id) == self.end);
        if let Some(end) = self.end.filter(|_| self.turns.is_none() || !written) {
            ids.push(end);
            parts.extend(parts.last().copied());
        }
        Ok(Sequence { ids, parts, target_from, label_at, rationale: within, ended_at })
    }

    /// Checks that no rationale or answer holds a token that ends what the student says: when it is asked, it stops there, and
    /// never says what it was taught behind it.
    pub(super) fn require_unended(&self, question: &Question, sequence: &Sequence) -> Result<(), StageError> {
        let Some(ended_at) = sequence.ended_at else { return Ok(()) };
        let names = self.usage.end.iter().chain(self.usage.chat.iter().flat_map(|chat| &chat.stops));
        let is_there = |name: &&String| self.tokenizer.id(name) == Some(sequence.ids[ended_at]);
        Err(of(
            question,
            format!(
                "its rationale or answer contains `{}`, with which this student ends what it says: it would stop there when it \
                 is asked. Remove it from the texts, for example with the step `replace`",
                names.into_iter().find(is_there).map_or("", String::as_str),
            ),
        ))
    }

    /// Checks that the answer can be read again from the tokens of a question's target: a tokenizer may lack letters or write
    /// them otherwise.
    pub(super) fn require_readable(
        &self,
        question: &Question,
        answer: &Answer,
        sequence: &Sequence,
    ) -> Result<(), StageError> {
        let (format, expected) = (&self.usage.format, Expected::from(question));
        let spelled = target::render(format, answer, "").map_err(|error| of(question, error))?.text;
        // What cannot be read as it was written is another matter, such as a label that the question does not have.
        let Ok(meant) = target::parse(&spelled, format, expected) else { return Ok(()) };
        let taught = &sequence.ids[sequence.target_from..];
        let until = match (&self.turns, self.end) {
            (Some(_), _) => self.said(taught),
            (None, Some(_)) => &taught[..taught.len() - 1],
            (None, None) => taught,
        };
        let text = self.tokenizer.decode(until).map_err(data)?;
        match target::parse(&text, format, expected) {
            Ok(read) if expected.same(&read, &meant) => Ok(()),
            read => Err(of(
                question,
                format!(
                    "the student's tokenizer cannot give back the answer `{answer}`: its tokens read `{}`, and {}; choose \
                     another `marker` or `answer_form`, or a student whose tokenizer has these characters",
                    text.chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect::<String>(),
                    read.map_or_else(|why| why.to_string(), |read| format!("their answer is `{read}`")),
                ),
            )),
        }
    }
}

/// Prepares the template of a student that is talked to.
pub(super) fn turns(chat: &Chat) -> Result<Turns, StageError> {
    let Chat { template, special, system, stops: _ } = chat;
    let template = ChatTemplate::new(template, special.clone(), Day::DEFAULT).map_err(data)?;
    Turns::new(template, system.as_deref()).map_err(data)
}

fn of(question: &Question, error: impl Display) -> StageError {
    data(format!("question `{}`: {error}", question.id))
}

/// What a token of the target belongs to. `lead_to` is where what a template writes before every answer ends.
fn part(token: &Token, target: &Target, lead_to: usize, reasons_first: bool) -> Part {
    let (answer, span) = (&target.answer, &token.span);
    let before = span.start < answer.start && span.end <= answer.start;
    let lead = span.end <= lead_to || !reasons_first;
    if span.start >= answer.end || (before && !lead) { Part::Rationale } else { Part::Label }
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
        Ok((Example { ids, loss_from: if whole { 1 } else { target_from }, weights, task: None, teacher: None }, cut))
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
        let format = Format::marked(placement, MARKER);
        let end = end.map(str::to_owned);
        Usage { format, prompt: STUDENT.into(), begin: Vec::new(), end, chat: None, targets: Vec::new() }
    }

    const PLACEMENTS: [Placement; 4] = [Placement::None, Placement::Before, Placement::After, Placement::Both];

    #[test]
    fn what_was_taught_is_read_back_whatever_the_tokens_of_the_marker() {
        for tokenizer in [merging(), byte_level(&[]), byte_level(&[MARKER])] {
            for placement in PLACEMENTS {
                let usage = usage(placement, None);
                let label = Answer::at(1).unwrap();
                let sequence = Sequences::new(&usage, &tokenizer).unwrap().with_target(&question(), &label, RATIONALE);
                let Sequence { ids, parts, target_from, label_at, rationale, ended_at: _ } = sequence.unwrap();
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

    #[test]
    fn a_text_that_holds_the_students_end_is_refused() {
        const END: &str = "<|endoftext|>";
        let tokenizer = byte_level(&[END]);
        let open = Question { answers: retort_artifact::Answers::Text, choices: Vec::new(), ..question() };
        for (placement, answer, rationale, sound) in [
            (Placement::Before, "ice", "Ice is smooth.", true),
            (Placement::Before, "ice", "Ice <|endoftext|> is smooth.", false),
            (Placement::After, "ice", "Ice is smooth.<|endoftext|>", false),
            (Placement::Both, "ice", "<|endoftext|>Ice", false),
            (Placement::None, "i<|endoftext|>ce", "", false),
            (Placement::None, "ice", "", true),
        ] {
            let usage = usage(placement, Some(END));
            let sequences = Sequences::new(&usage, &tokenizer).unwrap();
            let sequence = sequences.with_target(&open, &Answer::Text(answer.into()), rationale).unwrap();
            let found = sequences.require_unended(&open, &sequence);
            assert_eq!(found.is_ok(), sound, "{placement}: {rationale} {answer}");
            if let Err(error) = found {
                assert!(
                    error.to_string().contains("question `q`: its rationale or answer contains `<|endoftext|>`"),
                    "{error}"
                );
            }
            let alone = sequences.with_rationale(&open, rationale).unwrap();
            assert_eq!(sequences.require_unended(&open, &alone).is_ok(), !rationale.contains(END), "{rationale}");
        }
        // A student whose sequences do not end has nothing that it would stop at.
        let usage = usage(Placement::Before, None);
        let sequences = Sequences::new(&usage, &tokenizer).unwrap();
        let sequence = sequences.with_target(&open, &Answer::Text("ice".into()), "Ice <|endoftext|> is").unwrap();
        sequences.require_unended(&open, &sequence).unwrap();
    }
}
