//! What a student is read on: the tokens of its answer, and where the label stands among them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use super::{Lens, Occurrence, Text};
use crate::ask::{Asker, Manner, Written, max_new};
use crate::evaluate::{Loaded, written};
use crate::sequence::{Sequences, data};
use retort_artifact::{Answer, Format, Question, Rationale, Rationales};
use retort_model::{Budget, LensRequest};
use retort_stage::params::Count;
use retort_stage::{Context, StageError};
use retort_text::answer::Expected;
use retort_text::target;
use retort_text::tokenizer::Tokenizer;

/// A question and the text that is read of it.
pub(super) struct Work<'a> {
    pub(super) question: &'a Question,
    /// The right answer.
    pub(super) answer: Answer,
    /// The tokens of question and answer.
    pub(super) ids: Vec<u32>,
    /// The index of the answer's first token.
    pub(super) output_from: usize,
    /// The tokens of the right label where it occurs first.
    pub(super) label: Option<Range<usize>>,
    /// How the label is spelled: as it occurs, or else as it would be written.
    pub(super) spelled: Vec<u32>,
    /// Whether the answer is right; `None` where that is for the student's likeliest tokens to say.
    pub(super) correct: Option<bool>,
    /// The indices of the tokens after which is read.
    pub(super) read: Range<usize>,
    /// For each of them, the token whose probability is asked for.
    pub(super) targets: Vec<u32>,
}

impl Work<'_> {
    /// The index of the first token that comes next at a place that is read.
    pub(super) fn from(&self) -> usize {
        self.read.start + 1
    }

    pub(super) fn request(&self) -> LensRequest<'_> {
        LensRequest { ids: &self.ids, read: self.read.clone(), targets: &self.targets }
    }
}

/// The tokens of a question, and what the student wrote to it.
type Answered = (Vec<u32>, Written);

/// Writes what is read.
pub(super) struct Scribe<'a> {
    pub(super) lens: &'a Lens,
    pub(super) loaded: &'a Loaded,
    pub(super) sequences: Sequences<'a>,
}

impl Scribe<'_> {
    /// Puts down what is read of each question; also how many are left out for want of a rationale.
    pub(super) fn work<'q>(
        &self,
        context: &Context<'_>,
        questions: &[&'q Question],
        rationales: &Rationales,
    ) -> Result<(Vec<Work<'q>>, usize), StageError> {
        let mut spellings = BTreeMap::new();
        for answer in questions.iter().filter_map(|question| question.answer.as_ref()) {
            if let Entry::Vacant(place) = spellings.entry(answer.clone()) {
                place.insert(self.spelling(questions[0], answer)?);
            }
        }
        let (mut work, mut without) = (Vec::new(), 0);
        match self.lens.text {
            Text::Generated => {
                for (question, (prompt, written)) in questions.iter().zip(self.generated(context, questions)?) {
                    work.extend(self.placed(question, prompt, &written.ids, Some(&written), &spellings)?);
                }
            }
            Text::Forced => {
                let mut first: BTreeMap<&str, &Rationale> = BTreeMap::new();
                for row in &rationales.rows {
                    first.entry(&row.id).or_insert(row);
                }
                for question in questions {
                    let Some(answer) = &question.answer else { continue };
                    let rationale = first.get(question.id.as_str()).map(|row| row.text.as_str());
                    if rationale.is_none() && !self.loaded.checkpoint.usage.format.placement.label_first() {
                        without += 1;
                        continue;
                    }
                    let sequence = self.sequences.with_target(question, answer, rationale.unwrap_or_default())?;
                    let (prompt, output) = sequence.ids.split_at(sequence.target_from);
                    work.extend(self.placed(question, prompt.to_vec(), output, None, &spellings)?);
                }
            }
        }
        if work.is_empty() {
            return Err(data(
                "there is no text to read: no question has a rationale, and this student was taught to reason first; give \
                 `rationales` of this split, or use `text: generated`",
            ));
        }
        Ok((work, without))
    }

    /// The tokens that a label is written with in the student's format.
    fn spelling(&self, question: &Question, label: &Answer) -> Result<Vec<u32>, StageError> {
        let sequence = self.sequences.with_target(question, label, "")?;
        let output = &sequence.ids[sequence.target_from..];
        let found =
            marked(&self.loaded.tokenizer, self.sequences.said(output), &self.loaded.checkpoint.usage.format, label)?;
        found.map(|at| output[at].to_vec()).ok_or_else(|| {
            data(format!(
                "cannot follow the label `{label}`: the student's tokenizer does not spell it so that it can be found"
            ))
        })
    }

    /// Finds in an answer what is read of it; `written` is the answer where the student wrote it.
    fn placed<'q>(
        &self,
        question: &'q Question,
        mut ids: Vec<u32>,
        output: &[u32],
        written: Option<&Written>,
        spellings: &BTreeMap<Answer, Vec<u32>>,
    ) -> Result<Option<Work<'q>>, StageError> {
        let Some(answer) = question.answer.clone() else { return Ok(None) };
        let (tokenizer, format) = (&self.loaded.tokenizer, &self.loaded.checkpoint.usage.format);
        let output_from = ids.len();
        if output_from == 0 {
            return Err(data(format!(
                "question `{}` is put without any token, so that nothing can be read",
                question.id
            )));
        }
        ids.extend_from_slice(output);
        let canonical = &spellings[&answer];
        let found = match self.lens.occurrence {
            Occurrence::Marked => marked(tokenizer, self.sequences.said(output), format, &answer)?,
            Occurrence::First => {
                let at = output.windows(canonical.len()).position(|tokens| tokens == canonical);
                at.map(|at| at..at + canonical.len())
            }
        };
        let label = found.map(|at| at.start + output_from..at.end + output_from);
        let end = label.as_ref().map_or(ids.len(), |label| label.end);
        let most = self.lens.window.map_or(usize::MAX, Count::get);
        // The window reaches to the label's first token, and all of its tokens are read.
        let reach = label.as_ref().map_or(end, |label| label.start + 1);
        let from = reach.saturating_sub(most).max(output_from);
        let spelled = label.as_ref().map_or_else(|| canonical.clone(), |label| ids[label.clone()].to_vec());
        let target = |at: usize| match &label {
            Some(label) if label.contains(&at) => ids[at],
            _ => spelled[0],
        };
        let context = self.loaded.model.config().context();
        // The last token that is read of is the one before the last that comes next.
        let read = from - 1..end.max(from) - 1;
        if read.end > context {
            return Err(data(format!(
                "cannot read question `{}`: its {} tokens are more than the student's {context} positions; take a student \
                 with a larger `context`",
                question.id, read.end
            )));
        }
        let correct = written.map(|written| {
            let expected = Expected::from(question);
            written.answer(format, expected).is_some_and(|given| expected.same(&given, &answer))
        });
        let targets = (from..end).map(target).collect();
        Ok(Some(Work { question, answer, ids, output_from, label, spelled, correct, read, targets }))
    }

    /// What the student writes to each question, behind the question's tokens.
    fn generated(&self, context: &Context<'_>, questions: &[&Question]) -> Result<Vec<Answered>, StageError> {
        let (Loaded { model, tokenizer, checkpoint }, usage) = (self.loaded, &self.loaded.checkpoint.usage);
        let prompts: Vec<Vec<u32>> =
            questions.iter().map(|question| self.sequences.prompt(question)).collect::<Result<_, _>>()?;
        let (longest, positions) = (prompts.iter().map(Vec::len).max().unwrap_or(0), model.config().context());
        if longest > positions {
            let at = prompts.iter().position(|prompt| prompt.len() == longest).unwrap_or(0);
            return Err(data(format!(
                "cannot ask question `{}`: its {longest} tokens are more than the student's {positions} positions; take a \
                 student with a larger `context`",
                questions[at].id
            )));
        }
        let asker = Asker {
            model,
            tokenizer,
            usage,
            sequences: Sequences::new(&checkpoint.usage, tokenizer)?,
            max_new: max_new(self.lens.max_new, usage, tokenizer, questions.iter().copied())?,
            batch: self.lens.batch.get(),
            budget: Budget::default(),
            sampling: None,
            manner: Manner::default(),
        };
        let written = written(context, &self.lens.model, &asker, None, questions)?;
        Ok(prompts.into_iter().zip(written).map(|(prompt, written)| (prompt, written.row)).collect())
    }
}

/// Finds the tokens of a label behind what opens an answer, white space between the two included; `None` where something else
/// stands there, or nothing opens it.
fn marked(
    tokenizer: &Tokenizer,
    output: &[u32],
    format: &Format,
    label: &Answer,
) -> Result<Option<Range<usize>>, StageError> {
    let text = tokenizer.decode(output).map_err(data)?;
    let Some((opened, closing)) = target::opened(&text, format) else { return Ok(None) };
    let behind = &text[opened..];
    let letter_at = opened + (behind.len() - behind.trim_start().len());
    let written = label.to_string();
    let written = written.trim();
    let Some(rest) = text[letter_at..].strip_prefix(written) else { return Ok(None) };
    let closed = !closing.is_empty() && rest.starts_with(closing);
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace) || closed;
    if !ends {
        return Ok(None);
    }
    // How much of the text is there after each token; a token may hold a marker and what stands beside it.
    let lengths: Vec<usize> = (1..=output.len())
        .map(|count| tokenizer.decode(&output[..count]).map(|text| text.len()))
        .collect::<Result<_, _>>()
        .map_err(data)?;
    let first = lengths.iter().position(|length| *length > opened);
    let last = lengths.iter().position(|length| *length >= letter_at + written.len());
    Ok(first.zip(last).map(|(first, last)| first..last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::Placement;
    use retort_text::target::MARKER;
    use retort_text::tokenizer::train_bpe;

    fn check(texts: &[&str], special: &[&str], written: &str, expected: Option<&[&str]>) {
        let tokenizer = train_bpe(texts.to_vec(), 300, special).unwrap();
        let ids = tokenizer.ids(written).unwrap();
        let format = Format::marked(Placement::Before, MARKER);
        let found = marked(&tokenizer, &ids, &format, &Answer::at(1).unwrap()).unwrap();
        let pieces: Option<Vec<String>> =
            found.map(|at| ids[at].iter().map(|id| tokenizer.decode(&[*id]).unwrap()).collect());
        let pieces: Option<Vec<&str>> = pieces.as_ref().map(|pieces| pieces.iter().map(String::as_str).collect());
        assert_eq!(pieces.as_deref(), expected, "{written}");
    }

    #[test]
    fn a_label_is_found_behind_the_first_marker_alone() {
        let (spaced, bare): (&[&str], &[&str]) = (&["so B so B so B"], &["so so so"]);
        check(spaced, &[MARKER], "[FIN_LABEL] B [FIN_LABEL]", Some(&[" B"]));
        check(spaced, &[MARKER], "It is B. [FIN_LABEL] B [FIN_LABEL] so", Some(&[" B"]));
        check(spaced, &[MARKER], "[FIN_LABEL] B", Some(&[" B"]));
        // Of several tokens: the space and the letter.
        check(bare, &[MARKER], "[FIN_LABEL] B [FIN_LABEL]", Some(&[" ", "B"]));
        check(bare, &[MARKER], "[FIN_LABEL]B[FIN_LABEL]", Some(&["B"]));
        // A marker that is spelled out.
        check(bare, &[], "so [FIN_LABEL] B [FIN_LABEL]", Some(&[" ", "B"]));
        for other in ["[FIN_LABEL] A [FIN_LABEL] B", "B", "", "[FIN_LABEL]", "[FIN_LABEL] Bad", "[FIN_LABEL] (B)"] {
            check(spaced, &[MARKER], other, None);
        }
    }
}
