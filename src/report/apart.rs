//! Questions of different datasets that have one identifier.
//!
//! Row numbers as identifiers are common, so that question `3` of one dataset is another than question `3` of the next. Arms
//! that were asked different questions under one identifier must not be compared question by question.

use std::collections::BTreeMap;

use retort_artifact::{Answer, Question};

use super::input::Arm;

/// What is known of a question beside its identifier.
struct Known {
    answer: Answer,
    choices: usize,
    stem: Option<String>,
}

impl Known {
    /// Whether both may be one question.
    fn agrees(&self, other: &Self) -> bool {
        let stems = self.stem.as_ref().zip(other.stem.as_ref());
        self.answer == other.answer && self.choices == other.choices && stems.is_none_or(|(own, theirs)| own == theirs)
    }
}

/// Gives the questions of arms identifiers of their own where arms before them were asked other questions under the same: of
/// what the arms share, each question has the right answer, the number of choices and, where it is known, the text in common.
pub fn tell_apart(arms: &mut [Arm], questions: &mut [Vec<Question>]) {
    let mut datasets: Vec<BTreeMap<String, Known>> = Vec::new();
    let mut renamed = vec![0; questions.len()];
    for arm in arms {
        let asked: &[Question] = arm.questions.map_or(&[], |index| &questions[index]);
        let stems: BTreeMap<&str, &str> = asked.iter().map(|one| (one.id.as_str(), one.stem.as_str())).collect();
        let known: BTreeMap<String, Known> = arm
            .outcomes
            .rows
            .iter()
            .map(|row| {
                let stem = stems.get(row.id.as_str()).map(|stem| (*stem).to_owned());
                (row.id.clone(), Known { answer: row.answer.clone(), choices: row.choices, stem })
            })
            .collect();
        let fits = |dataset: &BTreeMap<String, Known>| {
            known.iter().all(|(id, one)| dataset.get(id).is_none_or(|other| one.agrees(other)))
        };
        let index = datasets.iter().position(fits).unwrap_or(datasets.len());
        if index == datasets.len() {
            datasets.push(BTreeMap::new());
        }
        for (id, one) in known {
            datasets[index].entry(id).or_insert(one);
        }
        if index > 0 {
            for row in &mut arm.outcomes.rows {
                row.id = renumbered(&row.id, index);
            }
            if let Some(at) = arm.questions {
                renamed[at] = index;
            }
        }
    }
    for (questions, index) in questions.iter_mut().zip(renamed).filter(|(_, index)| *index > 0) {
        for question in questions {
            question.id = renumbered(&question.id, index);
        }
    }
}

/// The identifier of a question of the dataset at `index`, counted from 0.
fn renumbered(id: &str, index: usize) -> String {
    format!("{id} (dataset {})", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::{Label, Outcome, Scores};

    fn arm(rows: &[(&str, usize)], questions: Option<usize>) -> Arm {
        let row = |(id, answer): &(&str, usize)| Outcome {
            id: (*id).to_owned(),
            answer: Answer::Choice(Label::at(*answer).unwrap()),
            choices: 2,
            predicted: None,
            equal: false,
            output: String::new(),
            tokens: 0,
            likelihoods: Vec::new(),
            lenient: None,
            vote: None,
            samples: Vec::new(),
        };
        let outcomes = Scores { rows: rows.iter().map(row).collect() };
        Arm { coords: BTreeMap::new(), stage: "scores".into(), outcomes, log: None, questions }
    }

    fn ids(arms: &[Arm]) -> Vec<Vec<&str>> {
        arms.iter().map(|arm| arm.outcomes.rows.iter().map(|row| row.id.as_str()).collect()).collect()
    }

    #[test]
    fn arms_of_other_datasets_share_no_question() {
        let mut arms = [
            arm(&[("0", 0), ("1", 1)], None),
            arm(&[("0", 0), ("1", 0)], None),
            arm(&[("1", 1), ("2", 1)], None),
            arm(&[("1", 0)], None),
            arm(&[("7", 0)], None),
        ];
        tell_apart(&mut arms, &mut []);
        let second = ["0 (dataset 2)", "1 (dataset 2)"];
        assert_eq!(ids(&arms), [&["0", "1"][..], &second, &["1", "2"], &second[1..], &["7"]]);
    }

    #[test]
    fn texts_tell_questions_apart_that_have_one_answer() {
        let question = |id: &str, stem: &str| Question { id: id.into(), stem: stem.into(), ..Question::default() };
        let mut questions = [
            vec![question("0", "Which is it?")],
            vec![question("0", "Who is it?")],
            vec![question("0", "Which is it?")],
        ];
        let mut arms = [0, 1, 2].map(|index| arm(&[("0", 1)], Some(index)));
        tell_apart(&mut arms, &mut questions);
        assert_eq!(ids(&arms), [["0"], ["0 (dataset 2)"], ["0"]]);
        assert_eq!(questions.each_ref().map(|some| some[0].id.as_str()), ["0", "0 (dataset 2)", "0"]);
    }
}
