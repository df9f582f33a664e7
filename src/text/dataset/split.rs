//! A dataset of one file, divided into train, dev and test.
//!
//! Each question draws where it goes by its identifier alone, so that rows which are added or change their order move no other.
//! Questions with the same words go where the first of them goes: none is trained on and asked as well.

use std::collections::BTreeMap;

use super::overlap::words;
use super::subset::apportioned;
use crate::answer::Expected;
use retort_artifact::{Question, Questions, Split};
use retort_fingerprint::Draw;

/// How questions are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dealt {
    /// Each on its own, so that the fractions are met on average.
    Random,
    /// Each answer in the same fractions. Rows that are added may then move a few others.
    Stratified,
}

retort_fingerprint::words!(Dealt { Random = "random", Stratified = "stratified" });

/// Which fractions are held out; together less than 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Division {
    /// The fraction of the dev split.
    pub dev: f64,
    /// The fraction of the test split.
    pub test: f64,
    /// How questions are divided.
    pub by: Dealt,
    /// Decides what goes where.
    pub seed: u64,
}

impl Division {
    /// Divides questions, whose order stays.
    pub fn of(&self, questions: Vec<Question>) -> Questions {
        let mut first = BTreeMap::new();
        let leaders: Vec<usize> = questions
            .iter()
            .enumerate()
            .map(|(index, question)| *first.entry(words(question)).or_insert(index))
            .collect();
        let drawn = |index: usize| Draw::new(self.seed, &["split", &questions[index].id]).unit();
        let goes: BTreeMap<usize, Split> = match self.by {
            Dealt::Random => first.values().map(|&leader| (leader, self.at(drawn(leader)))).collect(),
            Dealt::Stratified => self.by_answer(&questions, first.values().copied(), &drawn),
        };
        let mut splits: BTreeMap<Split, Vec<Question>> =
            Split::ALL.into_iter().map(|split| (split, Vec::new())).collect();
        for (question, leader) in questions.into_iter().zip(leaders) {
            splits.entry(goes[&leader]).or_default().push(question);
        }
        Questions { splits }
    }

    /// Where a number from 0 to 1 leads.
    fn at(&self, drawn: f64) -> Split {
        if drawn < self.test {
            Split::Test
        } else if drawn < self.test + self.dev {
            Split::Dev
        } else {
            Split::Train
        }
    }

    /// Of each answer, those with the lowest numbers are held out.
    fn by_answer(
        &self,
        questions: &[Question],
        leaders: impl Iterator<Item = usize>,
        drawn: &dyn Fn(usize) -> f64,
    ) -> BTreeMap<usize, Split> {
        let mut groups: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        for leader in leaders {
            let question = &questions[leader];
            let answer = question.answer.as_ref().map(|answer| Expected::from(question).key(answer));
            groups.entry(answer).or_default().push(leader);
        }
        let sizes: Vec<usize> = groups.values().map(Vec::len).collect();
        let count = |fraction: f64| (fraction * sizes.iter().sum::<usize>() as f64).round() as usize;
        let test = apportioned(&sizes, count(self.test));
        let left: Vec<usize> = sizes.iter().zip(&test).map(|(size, test)| size - test).collect();
        let dev = apportioned(&left, count(self.dev).min(left.iter().sum()));
        let mut goes = BTreeMap::new();
        for ((mut group, test), dev) in groups.into_values().zip(test).zip(dev) {
            group.sort_by(|one, other| {
                drawn(*one).total_cmp(&drawn(*other)).then_with(|| questions[*one].id.cmp(&questions[*other].id))
            });
            for (place, leader) in group.into_iter().enumerate() {
                let split = match place {
                    _ if place < test => Split::Test,
                    _ if place < test + dev => Split::Dev,
                    _ => Split::Train,
                };
                goes.insert(leader, split);
            }
        }
        goes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use retort_artifact::{Answer, Answers};

    fn question(index: usize) -> Question {
        let name = ["yes", "no", "no"][index % 3];
        Question {
            id: format!("q{index}"),
            stem: format!("Is it {index}?"),
            answers: Answers::Class(vec!["yes".into(), "no".into()]),
            answer: Some(Answer::Class(name.into())),
            ..Question::default()
        }
    }

    fn division(dev: f64, test: f64, by: Dealt, seed: u64) -> Division {
        Division { dev, test, by, seed }
    }

    fn ids(questions: &Questions, split: Split) -> BTreeSet<String> {
        questions.split(split).iter().map(|question| question.id.clone()).collect()
    }

    #[test]
    fn fractions_are_met() {
        let all = || (0..3000).map(question).collect::<Vec<_>>();
        let dealt = division(0.1, 0.2, Dealt::Random, 7).of(all());
        let sizes = Split::ALL.map(|split| dealt.split(split).len());
        assert_eq!(sizes.iter().sum::<usize>(), 3000);
        assert!(sizes[1].abs_diff(300) < 60 && sizes[2].abs_diff(600) < 80, "{sizes:?}");
        let dealt = division(0.1, 0.2, Dealt::Stratified, 7).of(all());
        let yes = |split| {
            let yes = |question: &&Question| question.answer == Some(Answer::Class("yes".into()));
            (dealt.split(split).len(), dealt.split(split).iter().filter(yes).count())
        };
        assert_eq!(Split::ALL.map(yes), [(2100, 700), (300, 100), (600, 200)]);
    }

    #[test]
    fn equal_questions_go_together() {
        let same = |index: usize| Question { id: format!("copy{index}"), ..question(index) };
        let all: Vec<Question> = (0..200).map(question).chain((0..200).map(same)).collect();
        for by in [Dealt::Random, Dealt::Stratified] {
            let dealt = division(0.2, 0.3, by, 1).of(all.clone());
            for split in Split::ALL {
                let (copies, firsts): (BTreeSet<String>, BTreeSet<String>) =
                    ids(&dealt, split).into_iter().partition(|id| id.starts_with("copy"));
                let firsts: BTreeSet<String> = firsts.iter().map(|id| id.replace('q', "copy")).collect();
                assert_eq!(copies, firsts, "{split}");
            }
        }
    }

    proptest! {
        #[test]
        fn rows_that_are_added_or_moved_move_no_other(
            few in 0_usize..60, more in 0_usize..60, dev in 0.0_f64..0.5, test in 0.0_f64..0.5, seed: u64,
        ) {
            let division = division(dev, test, Dealt::Random, seed);
            let small = division.of((0..few).map(question).collect());
            let large = division.of((0..few + more).rev().map(question).collect());
            for split in Split::ALL {
                prop_assert!(ids(&small, split).is_subset(&ids(&large, split)));
            }
        }

        #[test]
        fn nothing_is_lost_and_answers_keep_their_fractions(
            count in 0_usize..90, dev in 0.0_f64..0.5, test in 0.0_f64..0.5, seed: u64,
        ) {
            let dealt = division(dev, test, Dealt::Stratified, seed).of((0..count).map(question).collect());
            let all: BTreeSet<String> = Split::ALL.into_iter().flat_map(|split| ids(&dealt, split)).collect();
            prop_assert_eq!(all.len(), count);
            prop_assert_eq!(dealt.split(Split::Test).len(), (test * count as f64).round() as usize);
        }
    }
}
