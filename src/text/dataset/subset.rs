//! Fewer questions: the first of a split, some at random, or some of every answer; and none that two splits share.

use std::collections::{BTreeMap, BTreeSet};

use crate::Fraction;
use crate::answer::Expected;
use retort_artifact::{Question, Questions, Split};
use retort_fingerprint::Draw;

/// Which questions of a split stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The first.
    First,
    /// Some at random.
    Random,
    /// Some at random, of every answer as large a fraction as it has among all.
    Stratified,
}

retort_fingerprint::words!(Pick { First = "first", Random = "random", Stratified = "stratified" });

/// How many questions of a split stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// So many, or all where there are fewer.
    Count(usize),
    /// A fraction of them.
    Fraction(Fraction),
}

/// Returns the questions that stay, in their order. Every question draws a rank by itself, so that a smaller subset is among a
/// larger one, and questions that come or go move few others.
pub fn subset(questions: Vec<Question>, split: Split, size: Size, pick: Pick, seed: u64) -> Vec<Question> {
    let most = match size {
        Size::Count(count) => count.min(questions.len()),
        Size::Fraction(fraction) => fraction.of(questions.len()),
    };
    let rank = |index: &usize| {
        let id = questions[*index].id.as_str();
        (Draw::new(seed, &["subset", split.name(), id]).bits(), id.to_owned())
    };
    let all = 0..questions.len();
    let kept: BTreeSet<usize> = match pick {
        Pick::First => all.take(most).collect(),
        Pick::Random => ranked(all.collect(), rank).into_iter().take(most).collect(),
        Pick::Stratified => {
            let mut groups: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
            for index in all {
                let question = &questions[index];
                let key = question.answer.as_ref().map(|answer| Expected::from(question).key(answer));
                groups.entry(key).or_default().push(index);
            }
            let sizes = apportioned(&groups.values().map(Vec::len).collect::<Vec<_>>(), most);
            let of = |(group, size): (Vec<usize>, usize)| ranked(group, rank).into_iter().take(size);
            groups.into_values().zip(sizes).flat_map(of).collect()
        }
    };
    questions.into_iter().enumerate().filter(|(index, _)| kept.contains(index)).map(|(_, question)| question).collect()
}

fn ranked<K: Ord>(mut indices: Vec<usize>, rank: impl Fn(&usize) -> K) -> Vec<usize> {
    indices.sort_by_cached_key(rank);
    indices
}

/// Shares out places among groups by their sizes: what is left over goes to the largest remainders, of equal ones to the
/// first.
fn apportioned(sizes: &[usize], places: usize) -> Vec<usize> {
    let all: usize = sizes.iter().sum();
    let mut fractions: Vec<usize> = sizes.iter().map(|size| size * places / all.max(1)).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|group| (std::cmp::Reverse(sizes[*group] * places % all.max(1)), *group));
    let left = places.saturating_sub(fractions.iter().sum());
    order.into_iter().take(left).for_each(|group| fractions[group] += 1);
    fractions
}

/// Takes out of the train split the questions whose words the dev or the test split has as well, and returns how many these
/// are. Letter case, articles and punctuation between words make no difference; signs and points that belong to numbers do.
pub fn apart(questions: &mut Questions) -> usize {
    let words = |question: &Question| {
        let choices = question.choices.iter().map(|choice| format!("\n{}", comparable(&choice.text)));
        comparable(&question.stem) + &choices.collect::<String>()
    };
    let held_out: BTreeSet<String> =
        [Split::Dev, Split::Test].into_iter().flat_map(|split| questions.split(split)).map(words).collect();
    let Some(train) = questions.splits.get_mut(&Split::Train) else { return 0 };
    let before = train.len();
    train.retain(|question| !held_out.contains(&words(question)));
    before - train.len()
}

/// Writes a text so that equal questions are equal: lower case, single spaces, without articles before words, and without the
/// punctuation that changes no number and no formula.
fn comparable(text: &str) -> String {
    let lower: Vec<char> = text.to_lowercase().chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, &c) in lower.iter().enumerate() {
        let (before, after) = (&lower[..at], &lower[at + 1..]);
        let touches = |of: fn(&char) -> bool| (before.last().is_some_and(of), after.first().is_some_and(of));
        let solid = |c: &&char| !c.is_whitespace();
        let near = |of: fn(&char) -> bool| {
            (before.iter().rev().find(solid).is_some_and(of), after.iter().find(solid).is_some_and(of))
        };
        let digits = touches(char::is_ascii_digit);
        let numeric = near(char::is_ascii_digit) != (false, false);
        let stays = match c {
            '.' => digits.1,
            ',' | ':' => digits == (true, true),
            '!' => digits.0 && after.first().is_some_and(|next| !next.is_whitespace()),
            '-' | '–' | '—' | '(' | ')' | '[' | ']' | '{' | '}' | '*' => numeric,
            _ => !"\'’;?\"“”‘«»…_`#".contains(c),
        };
        match c {
            _ if stays => out.push(c),
            '\'' | '’' => {}
            _ => out.push(' '),
        }
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    let is_word = |word: Option<&&str>| word.is_some_and(|word| word.starts_with(char::is_alphabetic));
    // An `a` before anything else may be a letter of a formula.
    let article = |at: usize| match words[at] {
        "an" | "the" => true,
        word => word == "a" && is_word(words.get(at + 1)),
    };
    let kept: Vec<&str> = (0..words.len()).filter(|at| !article(*at)).map(|at| words[at]).collect();
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use retort_artifact::{Answer, Answers};

    fn questions(answers: &[bool]) -> Vec<Question> {
        let question = |(index, yes): (usize, &bool)| Question {
            id: format!("q{index}"),
            stem: format!("Is it {index}?"),
            answers: Answers::Class(vec!["yes".into(), "no".into()]),
            answer: Some(Answer::Class(if *yes { "yes" } else { "no" }.into())),
            ..Question::default()
        };
        answers.iter().enumerate().map(question).collect()
    }

    fn ids(questions: &[Question]) -> BTreeSet<String> {
        questions.iter().map(|question| question.id.clone()).collect()
    }

    #[test]
    fn what_is_held_out_is_not_trained_on() {
        let mut all = questions(&[true, false, true, false]);
        all[3].stem = "is it, the 0".into();
        let mut splits = Questions { splits: [(Split::Test, all.split_off(3)), (Split::Train, all)].into() };
        assert_eq!(apart(&mut splits), 1);
        assert_eq!(splits.split(Split::Train).len(), 2);
        assert_eq!(apart(&mut splits), 0);
    }

    #[test]
    fn what_makes_two_questions_one() {
        for (one, other, same) in [
            ("What is it?", "what is  IT", true),
            ("Is the \"ice\" (here) smooth?", "Is ice here smooth", true),
            ("It's a two-legged bird, isn't it?", "Its two legged bird isnt it", true),
            ("Costs $1,000.", "costs $1,000", true),
            ("What is 3 + 4?", "What is 3 - 4?", false),
            ("What is 3 + 4?", "What is 3 / 4?", false),
            ("What is 3 * 4?", "What is 3 4?", false),
            ("What is 3.5?", "What is 35?", false),
            ("What is .5?", "What is 5?", false),
            ("What is 1,5?", "What is 15?", false),
            ("At 12:30?", "At 1230?", false),
            ("What is -5?", "What is 5?", false),
            ("What is x + y?", "What is x / y?", false),
            ("2 * (3 + 4)", "2 * 3 + 4", false),
            ("What is 5!?", "What is 5?", false),
            ("Is 3 < 4?", "Is 3 > 4?", false),
            ("50 %", "50", false),
            ("What is a + 2?", "What is + 2?", false),
        ] {
            assert_eq!(comparable(one) == comparable(other), same, "{one} | {other}");
        }
    }

    #[test]
    fn the_first_are_the_first_and_a_fraction_is_a_fraction() {
        let all = questions(&[true; 10]);
        let first = subset(all.clone(), Split::Train, Size::Count(3), Pick::First, 1);
        assert_eq!(first, all[..3]);
        let fraction = Size::Fraction(Fraction::try_from(0.5).unwrap());
        assert_eq!(subset(all.clone(), Split::Train, fraction, Pick::Random, 1).len(), 5);
        assert_eq!(subset(all.clone(), Split::Train, Size::Count(99), Pick::Random, 1), all);
        assert_ne!(
            subset(all.clone(), Split::Train, fraction, Pick::Random, 1),
            subset(all, Split::Train, fraction, Pick::Random, 2)
        );
    }

    proptest! {
        #[test]
        fn a_smaller_subset_is_within_a_larger(answers in prop::collection::vec(any::<bool>(), 0..40), few in 0usize..20, more in 0usize..20, seed: u64) {
            let all = questions(&answers);
            let of = |count| subset(all.clone(), Split::Train, Size::Count(count), Pick::Random, seed);
            let (small, large) = (of(few), of(few + more));
            prop_assert_eq!(small.len(), few.min(all.len()));
            prop_assert!(ids(&small).is_subset(&ids(&large)));
        }

        #[test]
        fn answers_keep_their_fractions(answers in prop::collection::vec(any::<bool>(), 1..60), count in 0usize..60, seed: u64) {
            let all = questions(&answers);
            let kept = subset(all.clone(), Split::Test, Size::Count(count), Pick::Stratified, seed);
            prop_assert_eq!(kept.len(), count.min(all.len()));
            let yes = |of: &[Question]| of.iter().filter(|question| question.answer == Some(Answer::Class("yes".into()))).count() as f64;
            let exact = yes(&all) * kept.len() as f64 / all.len() as f64;
            prop_assert!((yes(&kept) - exact).abs() < 1.0);
        }
    }
}
