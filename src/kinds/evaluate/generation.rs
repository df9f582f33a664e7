//! The answer that a student writes: once, or in several samples, read strictly and perhaps leniently.

use retort_artifact::{Outcome, Question, Reading, Sample, Usage, Vote};
use retort_model::Budget;
use retort_stage::params::{Count, Seed};
use retort_stage::{Context, StageError};
use retort_text::answer::Expected;
use retort_text::target;

use super::super::ask::{Asker, Manner, Until, Written, judged, max_new, outcome};
use super::extract::{Extract, Missed};
use super::prefill::Prefilled;
use super::rows::Timed;
use super::sampling::SamplingRecipe;
use super::votes::{seed_of, voted};
use super::writing::written;
use super::{Evaluate, Loaded};

/// The most tokens of an answer that is read from free text, unless another number is given.
const FREE_TOKENS: usize = 256;

impl Evaluate {
    /// What the student writes decides.
    pub(super) fn by_generation(
        &self,
        context: &Context<'_>,
        loaded: &Loaded,
        usage: &Usage,
        questions: &[&Question],
    ) -> Result<Vec<Timed<Outcome>>, StageError> {
        let (sequences, prefilled) = self.sequences(usage, &loaded.tokenizer)?;
        let extract = self.extract.get();
        let free = extract.map(|_| Count::of(FREE_TOKENS));
        let mut asker = Asker {
            model: &loaded.model,
            tokenizer: &loaded.tokenizer,
            usage,
            sequences,
            max_new: max_new(self.max_new.or(free), usage, &loaded.tokenizer, questions.iter().copied())?,
            batch: self.batch.get(),
            budget: Budget::of(self.positions.get()),
            sampling: self.sampling.as_ref().map(SamplingRecipe::sampling),
            manner: Manner {
                begun: prefilled.map(|Prefilled { begun, .. }| begun).unwrap_or_default(),
                stop: self.stop.get().cloned().unwrap_or_default(),
                until: extract.map_or(Until::Decided, Extract::until),
            },
        };
        let mut missed = Missed::default();
        let found: Vec<Timed<Outcome>> = if let (Some(samples), Some(sampling)) = (self.samples.get(), &self.sampling) {
            let mut all: Vec<(Vec<Sample>, u64)> = vec![(Vec::new(), 0); questions.len()];
            for sample in 0..samples.get() {
                // Samples of a question differ in their seed alone, so that more of them leave those that are there.
                let sampling = SamplingRecipe { seed: Seed(seed_of(sampling.seed.0, sample)), ..sampling.clone() };
                asker.sampling = Some(sampling.sampling());
                let written = written(context, &self.model, &asker, Some(&sampling), questions)?;
                for ((question, (samples, took)), Timed { row, took_us }) in
                    questions.iter().zip(&mut all).zip(&written)
                {
                    samples.extend(sampled(question, usage, extract, row, &mut missed));
                    *took += took_us;
                }
            }
            let vote = self.vote.get().copied().unwrap_or(Vote::Majority);
            let outcome = |(question, (samples, took_us)): (&&Question, (Vec<Sample>, u64))| {
                Some(Timed { row: voted(question, vote, samples)?, took_us })
            };
            questions.iter().zip(all).filter_map(outcome).collect()
        } else {
            let written = written(context, &self.model, &asker, self.sampling.as_ref(), questions)?;
            let outcome = |(question, Timed { row, took_us }): (&&Question, &Timed<Written>)| {
                let row = match extract {
                    None => outcome(question, usage, row)?,
                    Some(_) => {
                        alone(outcome(question, usage, row)?, sampled(question, usage, extract, row, &mut missed)?)
                    }
                };
                Some(Timed { row, took_us: *took_us })
            };
            questions.iter().zip(&written).filter_map(outcome).collect()
        };
        extract.map_or(Ok(()), |extract| extract.check(&missed))?;
        Ok(found)
    }
}

/// Reads what was written; `None` where the question has no known answer.
fn sampled(
    question: &Question,
    usage: &Usage,
    extract: Option<&Extract>,
    written: &Written,
    missed: &mut Missed,
) -> Option<Sample> {
    let right = question.answer.as_ref()?;
    let expected = Expected::from(question);
    let own = written.answer(&usage.format, expected);
    let (strict, lenient) = match extract {
        Some(extract) => {
            let said = target::said(&written.text, &usage.format);
            let (strict, lenient) = extract.read(said, own, (question, right), missed);
            (strict, Some(lenient))
        }
        None => (judged(own, expected, right), None),
    };
    Some(Sample { output: written.text.clone(), tokens: written.ids.len(), strict, lenient })
}

/// An outcome with the readings of its only output.
fn alone(outcome: Outcome, sample: Sample) -> Outcome {
    let Reading { predicted, equal } = sample.strict;
    Outcome { predicted, equal, lenient: sample.lenient, ..outcome }
}

#[cfg(test)]
mod tests {
    use retort_artifact::{Answer, Format, Placement};
    use retort_text::target::MARKER;
    use retort_text::tokenizer::train_bpe;

    use super::super::super::sequence::Sequences;
    use super::*;

    #[test]
    fn spaces_between_a_prompt_and_what_follows_belong_to_what_follows() {
        let text = "Question: Which is smoother?\nAnswer: smooth ice. So smooth ice.";
        let tokenizer = train_bpe([text, text], 320, &[MARKER]).unwrap();
        let usage = Usage {
            format: Format::marked(Placement::None, MARKER),
            prompt: "Question: {{ question }}\nAnswer:".into(),
            begin: Vec::new(),
            end: None,
            chat: None,
            targets: Vec::new(),
        };
        let question = Question { id: "q".into(), stem: "Which is smoother?".into(), ..Question::default() };
        let prompt = "Question: Which is smoother?\nAnswer:";
        let ids = |text: &str| tokenizer.ids(text).unwrap();
        let sequences = || Sequences::new(&usage, &tokenizer).unwrap();
        // What is put between them, what answers begin with, and how a prompt and a scored text look then.
        for (separator, prefill, asked, scored) in [
            (None, "", "\n", "\nsmooth ice"),
            (Some(" "), "", "", " smooth ice"),
            (Some("\n\n"), "", "\n\n", "\n\nsmooth ice"),
            (Some(""), "", "", "smooth ice"),
            (Some(" "), "So", " So", " So smooth ice"),
            (None, "So ", "\nSo ", "\nSo smooth ice"),
        ] {
            let mut sequences = sequences().prefilled(prefill);
            if let Some(separator) = separator {
                sequences = sequences.separated_by(separator);
            }
            assert_eq!(
                sequences.prompt(&question).unwrap(),
                ids(&format!("{prompt}{asked}")),
                "{separator:?} {prefill}"
            );
            let (scored_ids, from) = sequences.continued(&question, "smooth ice").unwrap();
            assert_eq!(tokenizer.decode(&scored_ids).unwrap(), format!("{prompt}{scored}"), "{separator:?} {prefill}");
            assert_eq!(tokenizer.decode(&scored_ids[from..]).unwrap().trim(), "smooth ice", "{separator:?} {prefill}");
        }
        // Where the label lies is found whatever the separator.
        let apart = sequences().separated_by(" ");
        let sequence = apart.with_target(&question, &Answer::at(1).unwrap(), "").unwrap();
        assert!(tokenizer.decode(&[sequence.ids[sequence.label_at]]).unwrap().contains('B'));
    }
}
