//! How questions are put to a student: generation that stops as soon as the label is known.

use std::ops::ControlFlow;

use crate::failed::model_failed;
use retort_artifact::{Answer, Format, Outcome, Question, Reading, Usage};
use retort_model::{Budget, GenerateOptions, Generated, Model, ModelError, Sampling, generate_each};
use retort_stage::StageError;
use retort_stage::params::Count;
use retort_text::answer::Expected;
use retort_text::target;
use retort_text::tokenizer::Tokenizer;

use super::sequence::{Sequences, data};
use super::templates::require_fit;

/// The most tokens a student may write: as `declared`, or else the paper's 256 where the rationale comes first, and
/// enough for an answer and its markers elsewhere: 8 for a letter with markers of one token.
pub(super) fn max_new<'q>(
    declared: Option<Count>,
    usage: &Usage,
    tokenizer: &Tokenizer,
    questions: impl IntoIterator<Item = &'q Question>,
) -> Result<usize, StageError> {
    Ok(match declared {
        Some(declared) => declared.get(),
        None if usage.format.placement.label_first() => {
            let tokens = |text: &str| Ok::<_, StageError>(tokenizer.ids(text).map_err(data)?.len());
            let Format { marker, answer_form, lead, .. } = &usage.format;
            let around = match answer_form {
                Some(form) => tokens(form)?,
                None => 2 * tokens(marker)?,
            };
            let mut room = LETTER_TOKENS;
            for question in questions {
                room = room.max(match Expected::from(question) {
                    Expected::Choice(_) => LETTER_TOKENS,
                    Expected::Class(names) => {
                        let longest = names.iter().map(|name| tokens(name)).collect::<Result<Vec<_>, _>>()?;
                        LETTER_TOKENS + longest.into_iter().max().unwrap_or(0)
                    }
                    Expected::Number => NUMBER_TOKENS,
                    Expected::Text | Expected::Exact => TEXT_TOKENS,
                });
            }
            around + room + tokens(lead)?
        }
        None => 256,
    })
}

/// Room for a letter, and for the white space around it.
const LETTER_TOKENS: usize = 6;
/// Room for a number, digit by digit.
const NUMBER_TOKENS: usize = 24;
/// Room for a short text.
const TEXT_TOKENS: usize = 64;

/// Asks a student questions in batches, and reads its answers.
pub(super) struct Asker<'a> {
    pub(super) model: &'a Model,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) usage: &'a Usage,
    pub(super) sequences: Sequences<'a>,
    pub(super) max_new: usize,
    pub(super) batch: usize,
    /// What is left of the room for generation after the questions so far.
    pub(super) budget: Budget,
    pub(super) sampling: Option<Sampling>,
    pub(super) manner: Manner,
}

/// What is asked for beyond a question: how an answer begins, and what ends it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manner {
    /// The tokens of the text that each answer is made to begin with, as far as it belongs to the answer.
    pub(super) begun: Vec<u32>,
    /// Texts that end an answer, and are no part of it.
    pub(super) stop: Vec<String>,
    /// What else ends it.
    pub(super) until: Until,
}

/// What ends an answer, beside the token that ends sequences and the number of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Until {
    /// Whatever decides what is read between the markers.
    #[default]
    Decided,
    /// An answer that can be read between the markers.
    Answered,
    /// Nothing.
    End,
}

/// What a student wrote until its answer was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The tokens.
    pub(super) ids: Vec<u32>,
    /// The text, special tokens included.
    pub(super) text: String,
    /// Whether it was cut off for want of room.
    pub(super) cut: bool,
}

impl Asker<'_> {
    /// Puts questions to the student and returns what it wrote, in their order.
    pub(super) fn ask(&self, questions: &[&Question]) -> Result<Vec<Written>, StageError> {
        let mut all = vec![Written { ids: Vec::new(), text: String::new(), cut: false }; questions.len()];
        self.ask_each(questions, |written| {
            for (index, written) in written {
                all[index] = written;
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// As [`ask`](Self::ask), for long work: answers are given to `ended` with their index as soon as they are there, those
    /// that end together at once.
    pub(super) fn ask_each(
        &self,
        questions: &[&Question],
        mut ended: impl FnMut(Vec<(usize, Written)>) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let prompts: Vec<Vec<u32>> =
            questions.iter().map(|question| self.sequences.prompt(question)).collect::<Result<_, _>>()?;
        let context = self.model.config().context();
        for (question, prompt) in questions.iter().zip(&prompts) {
            require_fit(question, "its prompt, with what answers begin with,", prompt.len(), context)?;
        }
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let options = GenerateOptions {
            max_new: self.max_new,
            stop_ids: self.sequences.stops().to_vec(),
            batch: self.batch,
            budget: self.budget.clone(),
            sampling: self.sampling,
        };
        // Nothing is generated that cannot change the label.
        let known = |row: usize, ids: &[u32]| self.ends(ids, questions[row]);
        let written = |(row, made): (usize, Generated)| -> Result<(usize, Written), StageError> {
            Ok((row, self.read(made.ids, prompts[row].len())?))
        };
        let mut failed = None;
        generate_each(self.model, &prompts, &options, &known, &mut |made| {
            let written = made.into_iter().map(written).collect::<Result<_, _>>();
            match written.and_then(&mut ended) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })
        .map_err(|error| match error {
            ModelError::Logits { sequence } => data(format!(
                "question `{}`: the student's logits are NaN or infinite, as with damaged weights or after a training that \
                 diverged",
                questions[sequence].id
            )),
            error => model_failed(error),
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Says whether what was generated is enough.
    fn ends(&self, ids: &[u32], question: &Question) -> bool {
        let Manner { begun, stop, until } = &self.manner;
        let format = &self.usage.format;
        if begun.is_empty() && stop.is_empty() && *until == Until::Decided {
            return answered(self.tokenizer, ids, format, question);
        }
        self.text(ids).is_ok_and(|(text, from)| {
            self.stop_in(&text[from..]).is_some()
                || match until {
                    Until::Decided => target::decided(&text, format, question),
                    Until::Answered => target::parse_cut(&text, format, question).is_ok(),
                    Until::End => false,
                }
        })
    }

    /// Reads the text of tokens that were generated, behind what it was made to begin with and so many tokens of a prompt.
    pub(super) fn read(&self, ids: Vec<u32>, prompt_tokens: usize) -> Result<Written, StageError> {
        let (mut text, from) = self.text(&ids)?;
        let stopped = self.stop_in(&text[from..]);
        if let Some(end) = stopped {
            text.truncate(from + end);
        }
        let full = ids.len() >= self.max_new || prompt_tokens + ids.len() >= self.model.config().context();
        Ok(Written { ids, text, cut: full && stopped.is_none() })
    }

    /// Returns the text of tokens behind what it was made to begin with, and where it begins.
    fn text(&self, ids: &[u32]) -> Result<(String, usize), StageError> {
        let begun = &self.manner.begun;
        if begun.is_empty() {
            return Ok((self.tokenizer.decode(ids).map_err(data)?, 0));
        }
        let before = self.tokenizer.decode(begun).map_err(data)?;
        let text = self.tokenizer.decode(&[begun, ids].concat()).map_err(data)?;
        let from = if text.starts_with(&before) { before.len() } else { 0 };
        Ok((text, from))
    }

    /// Returns where the first of the texts that end an answer begins.
    fn stop_in(&self, text: &str) -> Option<usize> {
        self.manner.stop.iter().filter_map(|stop| text.find(stop.as_str())).min()
    }
}

impl Written {
    /// Reads the answer; `None` where there is none to be read.
    pub(super) fn answer(&self, format: &Format, expected: Expected<'_>) -> Option<Answer> {
        let Self { text, cut, .. } = self;
        let read = if *cut { target::parse_cut(text, format, expected) } else { target::parse(text, format, expected) };
        read.ok()
    }
}

/// Says whether what was generated decides the label. Tokens may hold a marker and what stands beside it, so that the text
/// decides and no token.
pub(super) fn answered<'q>(
    tokenizer: &Tokenizer,
    ids: &[u32],
    format: &Format,
    expected: impl Into<Expected<'q>>,
) -> bool {
    tokenizer.decode(ids).is_ok_and(|text| target::decided(&text, format, expected))
}

impl Asker<'_> {
    /// Returns the answer that the student holds for the likeliest after the first marker, of the question's choices or
    /// classes, by its first token. The student must be one that writes its answer first.
    pub(super) fn likeliest(&self, questions: &[&Question]) -> Result<Vec<Answer>, StageError> {
        let mut prompts = Vec::new();
        let mut labels = Vec::new();
        for question in questions {
            let mut tokens = Vec::new();
            let mut prompt = Vec::new();
            for answer in scored(question)? {
                let mut sequence = self.sequences.with_target(question, &answer, "")?;
                let token = sequence.ids[sequence.label_at] as usize;
                if let Some((other, _)) = tokens.iter().find(|(_, other)| *other == token) {
                    return Err(data(format!(
                        "question `{}`: the answers `{other}` and `{answer}` begin with the same token, so that the likeliest \
                         first token does not tell them apart: use `eval_by: generation`",
                        question.id
                    )));
                }
                tokens.push((answer, token));
                sequence.ids.truncate(sequence.label_at);
                prompt = sequence.ids;
            }
            prompts.push(prompt);
            labels.push(tokens);
        }
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let logits = self.model.next_logits(&prompts).map_err(model_failed)?;
        let best = |(labels, logits): (Vec<(Answer, usize)>, &Vec<f32>)| {
            // Of answers that are equally likely, the first.
            let likelier = |a: (Answer, usize), b: (Answer, usize)| if logits[b.1] > logits[a.1] { b } else { a };
            labels.into_iter().reduce(likelier).map(|(answer, _)| answer)
        };
        let chosen: Option<Vec<Answer>> = labels.into_iter().zip(&logits).map(best).collect();
        chosen.ok_or_else(|| data("a question has no choices"))
    }
}

/// Returns the answers whose likelihoods can be compared: the choices or the classes of a question.
pub(super) fn scored(question: &Question) -> Result<Vec<Answer>, StageError> {
    let expected = Expected::from(question);
    expected.all().filter(|answers| !answers.is_empty()).ok_or_else(|| {
        data(format!(
            "question `{}` has neither choices nor classes whose likelihoods could be compared: its answer is {}; let the \
             student write it, with `score: generation`, or `eval_by: generation` in a recipe",
            question.id,
            expected.name()
        ))
    })
}

/// Reads the answer out of what a student wrote; `None` where the question has no known answer.
pub(super) fn outcome(question: &Question, usage: &Usage, written: &Written) -> Option<Outcome> {
    let expected = Expected::from(question);
    let answer = question.answer.clone()?;
    let Reading { predicted, equal } = judged(written.answer(&usage.format, expected), expected, &answer);
    Some(Outcome {
        id: question.id.clone(),
        choices: expected.count(),
        equal,
        answer,
        predicted,
        output: written.text.clone(),
        tokens: written.ids.len(),
        likelihoods: Vec::new(),
        lenient: None,
        vote: None,
        samples: Vec::new(),
    })
}

/// Holds what was read against the right answer.
pub(super) fn judged(predicted: Option<Answer>, expected: Expected<'_>, right: &Answer) -> Reading {
    let same = predicted.as_ref().is_some_and(|predicted| expected.same(predicted, right));
    Reading { equal: same && predicted.as_ref() != Some(right), predicted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::{Placement, Split};
    use retort_model::{Architecture, Config, Device, Example, Length, Recipe, Size, fit};
    use retort_text::dataset::synthetic::{SyntheticSpec, generate as make};
    use retort_text::prompt::STUDENT;
    use retort_text::target::MARKER;
    use retort_text::tokenizer::train_bpe;

    /// A student that has learnt its few questions by heart, with its answers by either way.
    #[test]
    fn what_is_likeliest_is_what_is_written() {
        let questions = make(&SyntheticSpec { train: 16, dev: 0, test: 0, ..SyntheticSpec::default() }).unwrap();
        let questions: Vec<&Question> = questions.split(Split::Train).iter().collect();
        let texts: Vec<&str> = questions.iter().map(|question| question.stem.as_str()).collect();
        let tokenizer = train_bpe(texts, 400, &[MARKER, "<|endoftext|>"]).unwrap();
        let usage = Usage {
            format: Format::marked(Placement::None, MARKER),
            prompt: STUDENT.into(),
            begin: Vec::new(),
            end: Some("<|endoftext|>".into()),
            chat: None,
            targets: Vec::new(),
        };
        let sequences = Sequences::new(&usage, &tokenizer).unwrap();
        let examples: Vec<Example> = questions
            .iter()
            .map(|question| {
                let sequence = sequences.with_target(question, question.answer.as_ref().unwrap(), "").unwrap();
                sequence.example(&question.id, 256, false, None).unwrap().0
            })
            .collect();
        let size =
            Size { vocab_size: tokenizer.size(), context: 256, d_model: 32, layers: 2, heads: 2, kv_heads: None };
        let mut model = Model::init(Config::new(Architecture::Llama, size), 1, &Device::cpu());
        let recipe = Recipe { lr: 3e-3, length: Length::Epochs(150.0), ..Recipe::default() };
        fit(&mut model, &examples, &recipe, &mut ()).unwrap();
        let asker = Asker {
            model: &model,
            tokenizer: &tokenizer,
            usage: &usage,
            sequences,
            max_new: 8,
            batch: 5,
            budget: Budget::default(),
            sampling: None,
            manner: Manner::default(),
        };
        let likeliest = asker.likeliest(&questions).unwrap();
        let written = asker.ask(&questions).unwrap();
        for ((question, written), likeliest) in questions.iter().zip(&written).zip(&likeliest) {
            let read = outcome(question, &usage, written).unwrap().predicted;
            assert_eq!(read.as_ref(), Some(likeliest), "{written:?}");
        }
        let answers: Vec<Answer> = questions.iter().map(|question| question.answer.clone().unwrap()).collect();
        let right = likeliest.iter().zip(&answers).filter(|(a, b)| a == b).count();
        assert!(right >= 14, "{right} of 16 are learnt");
    }
}
