//! Questions that occur twice: in training, and among those that are held out.
//!
//! Two questions are one where their words are, and their choices, in whatever order. Letter case, articles and punctuation
//! between words make no difference; signs and points that belong to numbers do.

use std::collections::BTreeSet;

use retort_artifact::{Question, Questions, Split};

/// The words of some questions.
#[derive(Debug, Default)]
pub struct Words(BTreeSet<String>);

impl Words {
    /// Collects the words of questions.
    pub fn of<'q>(questions: impl IntoIterator<Item = &'q Question>) -> Self {
        Self(questions.into_iter().map(words).collect())
    }

    /// Says whether one of them has the words of this question.
    pub fn has(&self, question: &Question) -> bool {
        self.0.contains(&words(question))
    }
}

/// How many questions of the train split other splits have as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overlap {
    /// Those that the dev split has.
    pub dev: usize,
    /// Those that the test split has.
    pub test: usize,
}

/// Counts the questions of the train split that the dev or the test split has as well.
pub fn overlap(questions: &Questions) -> Overlap {
    let train: Vec<String> = questions.split(Split::Train).iter().map(words).collect();
    let count = |split: Split| {
        let held_out = Words::of(questions.split(split));
        train.iter().filter(|words| held_out.0.contains(*words)).count()
    };
    if train.is_empty() { Overlap::default() } else { Overlap { dev: count(Split::Dev), test: count(Split::Test) } }
}

/// Takes out of the train split the questions that the dev or the test split has as well, and returns how many these are.
pub fn apart(questions: &mut Questions) -> usize {
    let held_out = Words::of([Split::Dev, Split::Test].into_iter().flat_map(|split| questions.split(split)));
    let Some(train) = questions.splits.get_mut(&Split::Train) else { return 0 };
    let before = train.len();
    train.retain(|question| !held_out.has(question));
    before - train.len()
}

/// Returns the words of a question with those of its choices.
pub(super) fn words(question: &Question) -> String {
    let mut choices: Vec<String> = question.choices.iter().map(|choice| comparable(&choice.text)).collect();
    choices.sort_unstable();
    [vec![comparable(&question.stem)], choices].concat().join("\n")
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
    use super::*;
    use retort_artifact::{Choice, Label};

    fn question(stem: &str, choices: &[&str]) -> Question {
        let choice = |(index, text): (usize, &&str)| Choice { label: Label::at(index).unwrap(), text: (*text).into() };
        Question {
            id: stem.to_uppercase(),
            stem: stem.into(),
            choices: choices.iter().enumerate().map(choice).collect(),
            ..Question::default()
        }
    }

    #[test]
    fn what_is_held_out_is_counted_and_not_trained_on() {
        let train = vec![
            question("Is it 3?", &[]),
            question("Which is cold?", &["ice", "fire"]),
            question("Which is cold?", &["ice", "mud"]),
            question("Why?", &[]),
        ];
        let dev = vec![question("why", &[])];
        let test = vec![question("is it, the 3", &[]), question("Which is cold?", &["Fire.", "Ice."])];
        let splits = [(Split::Train, train), (Split::Dev, dev), (Split::Test, test)];
        let mut questions = Questions { splits: splits.into() };
        assert_eq!(overlap(&questions), Overlap { dev: 1, test: 2 });
        assert_eq!(apart(&mut questions), 3);
        assert_eq!(questions.split(Split::Train), [question("Which is cold?", &["ice", "mud"])]);
        assert_eq!((apart(&mut questions), overlap(&questions)), (0, Overlap::default()));
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
}
