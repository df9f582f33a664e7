//! How likely a student holds each choice or class of a question.

use crate::failed::model_failed;
use retort_artifact::{Answer, Question};
use retort_fingerprint::{ContentHash, Term};
use retort_model::{Budget, Continuation, Model, log_probabilities};
use retort_stage::StageError;

use super::ask::scored;
use super::sequence::{Sequences, data};

/// What stands for a choice when its probability is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Its letter between markers, as the student was taught to answer.
    Answer,
    /// Its words.
    Text,
    /// Its letter, or the name of the class, alone.
    Label,
}

retort_stage::words!(Stands { Answer = "answer", Text = "text", Label = "label" });

/// A choice as it is scored: the tokens of the question and those that stand for the choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    label: Answer,
    pub(super) ids: Vec<u32>,
    /// The first token that stands for the choice.
    from: usize,
    /// The bytes of the text that stands for it.
    bytes: usize,
    /// Its characters.
    pub(super) characters: usize,
}

/// What a student holds a choice for.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Held {
    /// The choice.
    pub(super) label: Answer,
    /// The logarithm of the probability of all its tokens, in nats; `None` where it is no number.
    pub(super) log_probability: Option<f64>,
    /// How many tokens it has.
    pub(super) tokens: usize,
    /// How many bytes of text it has.
    pub(super) bytes: usize,
}

/// The choices of a question as they are scored.
pub(super) fn candidates(
    sequences: &Sequences<'_>,
    question: &Question,
    stands: Stands,
) -> Result<Vec<Candidate>, StageError> {
    let candidate = |label: Answer| {
        let text = match stands {
            Stands::Answer => sequences.answer(question, &label)?,
            Stands::Text => question.words(&label).unwrap_or_default().to_owned(),
            Stands::Label => label.to_string(),
        };
        let (ids, from) = sequences.continued(question, &text)?;
        if text.trim().is_empty() || from == ids.len() {
            return Err(data(format!(
                "question `{}`: choice {} has no tokens to score: its text is empty",
                question.id, label
            )));
        }
        Ok(Candidate { label, ids, from, bytes: text.len(), characters: text.chars().count() })
    };
    scored(question)?.into_iter().map(candidate).collect()
}

/// What the student holds the choices of each question for, in their order.
pub(super) fn held(model: &Model, questions: &[&[Candidate]], budget: &Budget) -> Result<Vec<Vec<Held>>, StageError> {
    let groups: Vec<Vec<Continuation<'_>>> = questions.iter().map(|candidates| continuations(candidates)).collect();
    let found = log_probabilities(model, &groups, budget).map_err(model_failed)?;
    let of = |(candidate, logs): (&Candidate, &Vec<f64>)| {
        let sum: f64 = logs.iter().sum();
        Held {
            label: candidate.label.clone(),
            log_probability: Some(sum).filter(|sum| sum.is_finite()),
            tokens: logs.len(),
            bytes: candidate.bytes,
        }
    };
    Ok(questions.iter().zip(&found).map(|(candidates, logs)| candidates.iter().zip(logs).map(of).collect()).collect())
}

fn continuations(candidates: &[Candidate]) -> Vec<Continuation<'_>> {
    candidates.iter().map(|Candidate { ids, from, .. }| Continuation { ids, from: *from }).collect()
}

impl ContentHash for Candidate {
    fn term(&self) -> Term {
        // The characters only divide what is computed.
        let Self { label, ids, from, bytes, characters: _ } = self;
        Term::record([
            ("label", label.to_string().term()),
            ("ids", ids.term()),
            ("from", from.term()),
            ("bytes", bytes.term()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::{Format, Placement, Split, Usage};
    use retort_model::{Architecture, Config, Device, Size};
    use retort_text::dataset::synthetic::{SyntheticSpec, generate};
    use retort_text::prompt::STUDENT;
    use retort_text::target::MARKER;
    use retort_text::tokenizer::train_bpe;

    #[test]
    fn probabilities_are_those_of_the_logits_of_each_sequence_alone() {
        let questions = generate(&SyntheticSpec { train: 6, dev: 0, test: 0, ..SyntheticSpec::default() }).unwrap();
        let questions: Vec<&Question> = questions.split(Split::Train).iter().collect();
        let texts: Vec<&str> = questions.iter().map(|question| question.stem.as_str()).collect();
        let tokenizer = train_bpe(texts, 400, &[MARKER]).unwrap();
        let usage = Usage {
            format: Format::marked(Placement::After, MARKER),
            prompt: STUDENT.into(),
            begin: Vec::new(),
            end: None,
            chat: None,
            targets: Vec::new(),
        };
        let sequences = Sequences::new(&usage, &tokenizer).unwrap();
        let size =
            Size { vocab_size: tokenizer.size(), context: 256, d_model: 32, layers: 2, heads: 2, kv_heads: None };
        let model = Model::init(Config::new(Architecture::Llama, size), 1, &Device::cpu());
        for stands in [Stands::Answer, Stands::Text] {
            let all: Vec<Vec<Candidate>> =
                questions.iter().map(|question| candidates(&sequences, question, stands).unwrap()).collect();
            let slices: Vec<&[Candidate]> = all.iter().map(Vec::as_slice).collect();
            let together = held(&model, &slices, &Budget::default()).unwrap();
            for (candidates, held_together) in all.iter().zip(&together) {
                assert_eq!(held(&model, &[candidates.as_slice()], &Budget::default()).unwrap()[0], *held_together);
                for (candidate, held) in candidates.iter().zip(held_together) {
                    let logits = model.logits(&[&candidate.ids]).unwrap().remove(0);
                    let rows: Vec<&[f32]> = logits.chunks_exact(tokenizer.size()).collect();
                    let expected: f64 = (candidate.from..candidate.ids.len())
                        .map(|at| {
                            let row = rows[at - 1];
                            let sum: f64 = row.iter().map(|logit| f64::from(*logit).exp()).sum();
                            f64::from(row[candidate.ids[at] as usize]) - sum.ln()
                        })
                        .sum();
                    assert!((held.log_probability.unwrap() - expected).abs() < 1e-4, "{held:?} {expected}");
                    assert_eq!(held.tokens, candidate.ids.len() - candidate.from);
                }
            }
        }
    }

    #[test]
    fn a_choice_without_words_cannot_be_scored() {
        let mut questions = generate(&SyntheticSpec { train: 1, dev: 0, test: 0, ..SyntheticSpec::default() }).unwrap();
        let question = &mut questions.splits.get_mut(&Split::Train).unwrap()[0];
        question.choices[1].text = String::new();
        let tokenizer = train_bpe([question.stem.as_str()], 300, &[MARKER]).unwrap();
        let usage = Usage {
            format: Format::marked(Placement::None, MARKER),
            prompt: STUDENT.into(),
            begin: Vec::new(),
            end: None,
            chat: None,
            targets: Vec::new(),
        };
        let sequences = Sequences::new(&usage, &tokenizer).unwrap();
        let refused = candidates(&sequences, question, Stands::Text).unwrap_err().to_string();
        assert!(refused.contains("choice B has no tokens to score"), "{refused}");
        assert!(candidates(&sequences, question, Stands::Answer).is_ok());
    }
}
