//! Several samples of a question, and what they come to.

use retort_artifact::{Outcome, Question, Reading, Sample, Vote};
use retort_fingerprint::Draw;
use retort_text::answer::Expected;

/// The seed of a sample: the first has the one that was given, so that a single sample is what is drawn without `samples`. Those
/// of different seeds and numbers have nothing to do with each other.
pub(super) fn seed_of(seed: u64, sample: usize) -> u64 {
    if sample == 0 { seed } else { Draw::new(seed, &["evaluate", "sample", &sample.to_string()]).bits() }
}

/// Makes an outcome of the samples of a question, of which there is at least one; `None` where it has no known answer.
pub(super) fn voted(question: &Question, vote: Vote, samples: Vec<Sample>) -> Option<Outcome> {
    let expected = Expected::from(question);
    let answer = question.answer.clone()?;
    let right = |reading: &Reading| reading.correct(&answer);
    let of = |readings: &[&Reading]| -> Option<usize> {
        let any = || readings.iter().position(|reading| right(reading));
        match vote {
            Vote::Any => any().or_else(|| majority(readings, expected)),
            Vote::Majority | Vote::Mean => majority(readings, expected),
        }
    };
    let strict: Vec<&Reading> = samples.iter().map(|sample| &sample.strict).collect();
    let chosen = of(&strict);
    let Reading { predicted, equal } = chosen.map(|index| strict[index].clone()).unwrap_or_default();
    let lenient: Option<Vec<&Reading>> = samples.iter().map(|sample| sample.lenient.as_ref()).collect();
    let lenient = lenient.map(|readings| of(&readings).map(|index| readings[index].clone()).unwrap_or_default());
    Some(Outcome {
        id: question.id.clone(),
        choices: expected.count(),
        answer,
        predicted,
        equal,
        output: samples.get(chosen.unwrap_or(0)).map(|sample| sample.output.clone()).unwrap_or_default(),
        tokens: samples.iter().map(|sample| sample.tokens).sum(),
        likelihoods: Vec::new(),
        lenient,
        vote: Some(vote),
        samples,
    })
}

/// The first of the readings with the answer that most of them have; of equally many, the one that came first. What could not
/// be read has no vote; `None` where nothing could.
fn majority(readings: &[&Reading], expected: Expected<'_>) -> Option<usize> {
    let mut counts: Vec<(String, usize, usize)> = Vec::new();
    for (index, reading) in readings.iter().enumerate() {
        let Some(answer) = &reading.predicted else { continue };
        let key = expected.key(answer);
        match counts.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, count, _)) => *count += 1,
            None => counts.push((key, 1, index)),
        }
    }
    let most = counts.iter().map(|(_, count, _)| *count).max()?;
    counts.into_iter().find(|(_, count, _)| *count == most).map(|(.., index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::{Answer, Answers, Strictness};

    /// Samples that answer these numbers; a blank one cannot be read.
    fn samples(answers: &[&str]) -> Vec<Sample> {
        let right = Answer::Number("1000".into());
        let sample = |answer: &&str| {
            let predicted = Some(Answer::Number((*answer).to_owned())).filter(|_| !answer.is_empty());
            let strict = super::super::super::ask::judged(predicted, Expected::Number, &right);
            Sample { output: format!("so {answer}"), tokens: 3, lenient: Some(strict.clone()), strict }
        };
        answers.iter().map(sample).collect()
    }

    #[test]
    fn samples_are_voted_on() {
        let question = Question {
            id: "q".into(),
            answers: Answers::Number,
            answer: Some(Answer::Number("1000".into())),
            ..Question::default()
        };
        // The samples; the output that is shown; whether the majority and any of them is right; how many are.
        let table: &[(&[&str], &str, bool, bool, usize)] = &[
            (&["1,000", "7", "1000.0"], "so 1,000", true, true, 2),
            (&["7", "1000", "7"], "so 7", false, true, 1),
            // Of equally many, the first.
            (&["7", "1000"], "so 7", false, true, 1),
            (&["1000", "7"], "so 1000", true, true, 1),
            // What cannot be read has no vote.
            (&["", "", "1000"], "so 1000", true, true, 1),
            (&["", ""], "so ", false, false, 0),
            (&["8"], "so 8", false, false, 0),
        ];
        for (answers, output, by_majority, by_any, right) in table {
            let of = |vote| voted(&question, vote, samples(answers)).unwrap();
            let (majority, any, mean) = (of(Vote::Majority), of(Vote::Any), of(Vote::Mean));
            assert_eq!((majority.output.as_str(), majority.tokens), (*output, 3 * answers.len()));
            for strictness in [Strictness::Strict, Strictness::Lenient] {
                assert_eq!(majority.rights(strictness), Some(vec![*by_majority]), "{answers:?}");
                assert_eq!(any.rights(strictness), Some(vec![*by_any]), "{answers:?}");
                let each = mean.rights(strictness).unwrap();
                assert_eq!((each.len(), each.iter().filter(|right| **right).count()), (answers.len(), *right));
            }
            assert_eq!(majority.read().0, answers.len());
        }
    }

    #[test]
    fn the_seeds_of_samples_have_nothing_in_common() {
        let all: Vec<u64> = (0..20).flat_map(|seed| (0..20).map(move |sample| seed_of(seed, sample))).collect();
        let different: std::collections::BTreeSet<&u64> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(seed_of(17, 0), 17);
    }
}
