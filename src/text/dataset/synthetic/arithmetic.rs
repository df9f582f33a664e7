//! Word problems made up by rule, with their steps and a number as the answer.
//!
//! > Ada has 14 shells. Ada finds 5 more. Then Ada gives 3 away. How many shells does Ada have now?
//!
//! The gold rationale has one step a sentence: `14 + 5 = 19. 19 - 3 = 16. So Ada has 16 shells now.` Nothing in a question
//! tells the answer but the numbers and what is done with them.

use std::collections::{BTreeMap, BTreeSet};

use super::situations::names;
use retort_artifact::{Answer, Answers, Question, Questions, Split};
use retort_fingerprint::Draw;

const THINGS: [&str; 12] =
    ["shells", "apples", "stamps", "coins", "marbles", "cards", "books", "pens", "stones", "eggs", "keys", "beans"];
const GAINS: [&str; 3] = ["finds {k} more", "buys {k} more", "is given {k} more"];
const LOSSES: [&str; 3] = ["gives {k} away", "loses {k}", "sells {k}"];

/// How many word problems to make up, and how hard they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArithmeticSpec {
    /// Questions in the train split.
    pub train: usize,
    /// Questions in the dev split.
    pub dev: usize,
    /// Questions in the test split.
    pub test: usize,
    /// Steps of each, from 1 to 4.
    pub steps: u8,
    /// The largest number that a question begins with, that a step adds or takes, from 2 to 1000.
    pub largest: u32,
    /// Decides every question.
    pub seed: u64,
}

impl Default for ArithmeticSpec {
    fn default() -> Self {
        Self { train: 2_000, dev: 200, test: 400, steps: 2, largest: 20, seed: 17 }
    }
}

impl ArithmeticSpec {
    /// Returns how many questions can be asked for: half of those there are at least, so that new ones are soon found.
    pub fn most(&self) -> usize {
        let each = usize::try_from(self.largest).unwrap_or(usize::MAX).saturating_pow(u32::from(self.steps) + 1);
        (names().len() * THINGS.len()).saturating_mul(each) / 2
    }
}

/// A request that the generator cannot meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArithmeticError {
    /// A setting lies outside its range.
    #[error("cannot make word problems with `{field}: {value}`: expected {min} to {max}")]
    OutOfRange {
        /// The setting's name.
        field: &'static str,
        /// What it is.
        value: u32,
        /// The least it may be.
        min: u32,
        /// The most it may be.
        max: u32,
    },
    /// There are not so many different questions.
    #[error(
        "cannot make {asked} different word problems: with these settings there are {most} at most; ask for fewer, or raise \
         `steps` or `largest`"
    )]
    TooMany {
        /// Questions asked for over all splits.
        asked: usize,
        /// Questions that may be asked for.
        most: usize,
    },
}

/// Makes the questions. No two have the same text, whatever their splits.
///
/// # Errors
/// A setting outside its range, or more questions than there are.
pub fn generate(spec: &ArithmeticSpec) -> Result<Questions, ArithmeticError> {
    let ranges = [("steps", u32::from(spec.steps), 1, 4), ("largest", spec.largest, 2, 1000)];
    if let Some(&(field, value, min, max)) = ranges.iter().find(|(_, value, min, max)| !(min..=max).contains(&value)) {
        return Err(ArithmeticError::OutOfRange { field, value, min, max });
    }
    let asked = spec.train.saturating_add(spec.dev).saturating_add(spec.test);
    if asked > spec.most() {
        return Err(ArithmeticError::TooMany { asked, most: spec.most() });
    }
    // The smaller splits come first, so that more training questions leave them alone.
    let (mut seen, mut splits) = (BTreeSet::new(), BTreeMap::new());
    for (split, size) in [(Split::Test, spec.test), (Split::Dev, spec.dev), (Split::Train, spec.train)] {
        let questions = (0..size).map(|index| fresh(spec, split, index, &mut seen)).collect();
        splits.insert(split, questions);
    }
    Ok(Questions { splits })
}

/// Draws until the text is a new one.
fn fresh(spec: &ArithmeticSpec, split: Split, index: usize, seen: &mut BTreeSet<String>) -> Question {
    let mut draw = Draw::new(spec.seed, &["arithmetic", split.name(), &index.to_string()]);
    loop {
        let (stem, rationale, answer) = problem(spec, &mut draw);
        if seen.insert(stem.clone()) {
            return Question {
                id: format!("arithmetic-{split}-{index:05}"),
                stem,
                answers: Answers::Number,
                answer: Some(Answer::Number(answer.to_string())),
                rationale: Some(rationale),
                ..Question::default()
            };
        }
    }
}

/// Makes up one problem: its words, its steps, and the number that they come to.
fn problem(spec: &ArithmeticSpec, draw: &mut Draw) -> (String, String, u32) {
    let name = names()[draw.below(names().len())];
    let things = THINGS[draw.below(THINGS.len())];
    let number = |draw: &mut Draw, most: u32| 1 + draw.below(most as usize) as u32;
    let mut held = number(draw, spec.largest);
    let mut stem = format!("{name} has {held} {things}.");
    let mut rationale = String::new();
    for step in 0..spec.steps {
        let then = if step == 0 { "" } else { "Then " };
        let gains = held < 2 || draw.below(2) == 0;
        let by = number(draw, if gains { spec.largest } else { spec.largest.min(held - 1) });
        let way = if gains { &GAINS } else { &LOSSES };
        let does = way[draw.below(way.len())].replace("{k}", &by.to_string());
        let (sign, after) = if gains { ('+', held + by) } else { ('-', held - by) };
        stem += &format!(" {then}{name} {does}.");
        rationale += &format!("{held} {sign} {by} = {after}. ");
        held = after;
    }
    let thing = if held == 1 { things.trim_end_matches('s') } else { things };
    (
        format!("{stem} How many {things} does {name} have now?"),
        format!("{rationale}So {name} has {held} {thing} now."),
        held,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_its_steps_and_its_answer() {
        let spec = ArithmeticSpec { train: 3, dev: 0, test: 0, ..ArithmeticSpec::default() };
        let told: String = generate(&spec).unwrap().split(Split::Train).iter().map(told).collect();
        expect_test::expect![[r"
            Tara has 7 pens. Tara loses 3. Then Tara is given 6 more. How many pens does Tara have now?
            7 - 3 = 4. 4 + 6 = 10. So Tara has 10 pens now. = 10
            Tara has 15 shells. Tara buys 15 more. Then Tara sells 13. How many shells does Tara have now?
            15 + 15 = 30. 30 - 13 = 17. So Tara has 17 shells now. = 17
            Uma has 10 books. Uma is given 9 more. Then Uma buys 10 more. How many books does Uma have now?
            10 + 9 = 19. 19 + 10 = 29. So Uma has 29 books now. = 29
        "]]
        .assert_eq(&told);
    }

    fn told(question: &Question) -> String {
        let (answer, rationale) = (question.answer.as_ref().unwrap(), question.rationale.as_ref().unwrap());
        format!("{}\n{rationale} = {answer}\n", question.stem)
    }

    #[test]
    fn the_questions_are_pinned() {
        use retort_artifact::Artifact;
        let parts = generate(&ArithmeticSpec::default()).unwrap().encode();
        let digest = retort_fingerprint::Digest::of(parts["train"].bytes().unwrap()).short();
        expect_test::expect!["1c5d54dd48"].assert_eq(&digest);
    }

    #[test]
    fn settings_out_of_range_and_too_many_questions_are_refused() {
        for (spec, said) in [
            (ArithmeticSpec { steps: 0, ..ArithmeticSpec::default() }, "`steps: 0`: expected 1 to 4"),
            (ArithmeticSpec { steps: 5, ..ArithmeticSpec::default() }, "`steps: 5`: expected 1 to 4"),
            (ArithmeticSpec { largest: 1, ..ArithmeticSpec::default() }, "`largest: 1`: expected 2 to 1000"),
        ] {
            assert!(generate(&spec).unwrap_err().to_string().ends_with(said));
        }
        let few = ArithmeticSpec { steps: 1, largest: 2, dev: 0, test: 0, ..ArithmeticSpec::default() };
        assert_eq!(few.most(), 960);
        assert_eq!(generate(&ArithmeticSpec { train: 960, ..few.clone() }).unwrap().split(Split::Train).len(), 960);
        assert!(generate(&ArithmeticSpec { train: 961, ..few }).is_err());
    }

    proptest! {
        /// Reads the numbers as a person would, and does what the question says.
        #[test]
        fn the_answer_follows_from_the_question(seed: u64, steps in 1u8..=4, largest in 2u32..200) {
            let spec = ArithmeticSpec { train: 20, dev: 3, test: 3, steps, largest, seed };
            let questions = generate(&spec).unwrap();
            for question in Split::ALL.into_iter().flat_map(|split| questions.split(split)) {
                let sentences: Vec<&str> = question.stem.split(". ").collect();
                let number = |sentence: &str| -> i64 {
                    sentence.split_whitespace().find_map(|word| word.trim_end_matches('.').parse().ok()).unwrap()
                };
                let mut held = number(sentences[0]);
                for sentence in &sentences[1..=usize::from(steps)] {
                    held += if sentence.contains(" more") { number(sentence) } else { -number(sentence) };
                }
                prop_assert!(held >= 1);
                prop_assert_eq!(question.answer.as_ref().unwrap().to_string(), held.to_string(), "{}", question.stem);
                let said = format!(" has {held} ");
                prop_assert!(question.rationale.as_ref().unwrap().contains(&said));
            }
        }

        #[test]
        fn more_training_questions_leave_the_others_alone(seed: u64, more in 1usize..30) {
            let spec = ArithmeticSpec { train: 10, dev: 5, test: 5, seed, ..ArithmeticSpec::default() };
            let few = generate(&spec).unwrap();
            let many = generate(&ArithmeticSpec { train: 10 + more, ..spec }).unwrap();
            prop_assert_eq!(&many.split(Split::Train)[..10], few.split(Split::Train));
            prop_assert_eq!(many.split(Split::Test), few.split(Split::Test));
        }
    }
}
