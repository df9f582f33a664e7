//! On which questions two arms differ: what the page lets a reader pick pairs from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layout::Layout;
use super::summary::Summary;
use super::{Arm, ReportInput, label};
use retort_artifact::{Answer, Answers, Choice, Label, Outcome, Question};
use retort_text::answer::Expected;

/// At most so many rows are shown of one pair.
pub(super) const SHOWN: usize = 200;
/// At most so many answers, arms × questions, are kept in a page.
const KEPT: usize = 2_000_000;
/// At most about so many bytes of questions and outputs are kept in a page.
const TEXT_BYTES: usize = 6_000_000;
/// At most so many characters of one output.
const OUTPUT_CHARS: usize = 3_000;

/// Stands for a right answer that has no letter.
const RIGHT: char = 'R';
/// Stands for a wrong answer that has no letter, lowercase as all wrong ones are.
const WRONG: char = 'w';

/// The answers of every arm, one character each, and what they wrote as far as there is room.
#[derive(Debug, Serialize)]
pub(super) struct Differences {
    /// The arms' names.
    pub(super) arms: Vec<String>,
    /// The questions' identifiers, in the order in which they first occur.
    pub(super) questions: Vec<String>,
    /// The words of the first of them, as many as there is room for; nothing where they are not known.
    pub(super) asked: Vec<Option<Asked>>,
    /// The right answer to each question.
    pub(super) right: String,
    /// For each arm, its answer to each question: uppercase when right, lowercase when wrong, `-` when unreadable and a
    /// space when the arm was not asked. An answer without a letter is [`RIGHT`] or [`WRONG`].
    pub(super) given: Vec<String>,
    /// Everything that was written, each once.
    pub(super) texts: Vec<String>,
    /// For each arm, where in `texts` its output to each of the first questions stands; nothing when it was not asked.
    pub(super) outputs: Vec<Vec<Option<usize>>>,
    /// At most so many rows are shown.
    pub(super) shown: usize,
    /// The pair that is shown first.
    pub(super) pair: (usize, usize),
    /// Questions left out for the size of the page.
    pub(super) left_out: usize,
    /// Questions whose words and outputs are left out for the size of the page.
    pub(super) untold: usize,
}

/// The words of a question.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    pub(super) stem: String,
    pub(super) choices: Vec<String>,
}

/// A question on which exactly one arm of a pair is right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    /// The question's identifier.
    pub(super) question: &'a str,
    /// The right answer.
    pub(super) right: char,
    /// What the two arms answered, coded as in [`Differences::given`].
    pub(super) given: (char, char),
}

/// What tells a question from another: datasets may use the same identifiers.
type Name<'a> = (Option<usize>, &'a str, &'a Answer, usize);

fn name<'a>(arm: &Arm, outcome: &'a Outcome) -> Name<'a> {
    (arm.questions, &outcome.id, &outcome.answer, outcome.choices)
}

impl Differences {
    /// Gathers the answers; `None` when there are no two arms or no questions.
    pub(super) fn of(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Option<Self> {
        let order: Vec<usize> = layout.groups.iter().flat_map(|group| &group.arms).copied().collect();
        let arms: Vec<&Arm> = order.iter().map(|&index| &input.arms[index]).collect();
        let mut places: BTreeMap<Name<'_>, usize> = BTreeMap::new();
        let mut names: Vec<Name<'_>> = Vec::new();
        for (arm, outcome) in arms.iter().flat_map(|arm| arm.outcomes.rows.iter().map(move |outcome| (arm, outcome))) {
            let name = name(arm, outcome);
            places.entry(name).or_insert_with(|| {
                names.push(name);
                names.len() - 1
            });
        }
        if arms.len() < 2 || names.is_empty() {
            return None;
        }
        let all = names.len();
        names.truncate((KEPT / arms.len()).max(SHOWN));
        // What each arm answered to each question, [arm][question].
        let mut answers: Vec<Vec<Option<&Outcome>>> = vec![vec![None; names.len()]; arms.len()];
        for (arm, answers) in arms.iter().zip(&mut answers) {
            for outcome in &arm.outcomes.rows {
                if let Some(answer) = places.get(&name(arm, outcome)).and_then(|&place| answers.get_mut(place)) {
                    *answer = Some(outcome);
                }
            }
        }
        let given: Vec<String> =
            answers.iter().map(|answers| answers.iter().map(|answer| answer.map_or(' ', coded)).collect()).collect();
        // The arm that is most likely of interest: one with a baseline, beside that baseline.
        let first_of = |group: usize| order.iter().position(|&arm| arm == layout.groups[group].arms[0]).unwrap_or(0);
        let compared =
            summaries.iter().enumerate().find_map(|(group, summary)| Some((summary.versus?.baseline, group)));
        let pair = compared.map(|(baseline, group)| (first_of(baseline), first_of(group)));
        let pair = pair.or_else(|| first_that_share(&given)).unwrap_or((0, 1));
        let Told { asked, texts, outputs } = told(input, &names, &answers);
        Some(Self {
            arms: arms.iter().map(|arm| label::arm(arm)).collect(),
            right: names.iter().map(|(_, _, answer, _)| answer.label().map_or(RIGHT, Label::letter)).collect(),
            given,
            left_out: all - names.len(),
            untold: names.len() - asked.len(),
            questions: names.iter().map(|(_, id, ..)| (*id).to_owned()).collect(),
            asked,
            texts,
            outputs,
            shown: SHOWN,
            pair,
        })
    }

    /// Says whether the first pair has any question in common.
    pub(super) fn pair_shares(&self) -> bool {
        share(&self.given[self.pair.0], &self.given[self.pair.1])
    }

    /// Returns the questions of the first pair on which exactly one of the two is right, all of them.
    pub(super) fn of_pair(&self) -> Vec<Difference<'_>> {
        let (first, second) = (&self.given[self.pair.0], &self.given[self.pair.1]);
        let rows = self.questions.iter().zip(self.right.chars()).zip(first.chars().zip(second.chars()));
        let rows = rows.filter(|(_, (a, b))| *a != ' ' && *b != ' ' && a.is_uppercase() != b.is_uppercase());
        rows.map(|((question, right), given)| Difference { question, right, given }).collect()
    }
}

fn share(first: &str, second: &str) -> bool {
    first.chars().zip(second.chars()).any(|(a, b)| a != ' ' && b != ' ')
}

/// Returns the first two arms that answered a question both, looking no further than from the first that answered any.
fn first_that_share(given: &[String]) -> Option<(usize, usize)> {
    let first = given.iter().position(|answers| answers.chars().any(|answer| answer != ' '))?;
    let second = (first + 1..given.len()).find(|&second| share(&given[first], &given[second]))?;
    Some((first, second))
}

fn coded(outcome: &Outcome) -> char {
    let Some(predicted) = &outcome.predicted else { return '-' };
    match predicted.label() {
        Some(label) if outcome.correct() => label.letter(),
        Some(label) => label.letter().to_ascii_lowercase(),
        None if outcome.correct() => RIGHT,
        None => WRONG,
    }
}

/// The words of the first questions and what was written about them.
struct Told {
    asked: Vec<Option<Asked>>,
    texts: Vec<String>,
    outputs: Vec<Vec<Option<usize>>>,
}

/// Gathers words until the page is full.
fn told(input: &ReportInput, names: &[Name<'_>], answers: &[Vec<Option<&Outcome>>]) -> Told {
    let known: Vec<BTreeMap<&str, &Question>> = input
        .questions
        .iter()
        .map(|questions| questions.iter().map(|question| (question.id.as_str(), question)).collect())
        .collect();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut told = Told { asked: Vec::new(), texts: Vec::new(), outputs: vec![Vec::new(); answers.len()] };
    let mut bytes = 0;
    for (index, (set, id, answer, choices)) in names.iter().enumerate() {
        // A question of the same name with another answer is another question.
        let same = |question: &&Question| {
            question.answer.as_ref() == Some(*answer) && Expected::from(*question).count() == *choices
        };
        let question = set.and_then(|set| known.get(set)?.get(id).copied()).filter(same);
        let asked =
            question.map(|question| Asked { stem: shortened(&question.stem), choices: listed(question, answer) });
        bytes +=
            asked.as_ref().map_or(4, |asked| asked.stem.len() + asked.choices.iter().map(String::len).sum::<usize>());
        for (answers, outputs) in answers.iter().zip(&mut told.outputs) {
            let place = answers[index].map(|outcome| {
                *places.entry(&outcome.output).or_insert_with(|| {
                    let text = shortened(&outcome.output);
                    bytes += text.len() + 3;
                    told.texts.push(text);
                    told.texts.len() - 1
                })
            });
            outputs.push(place);
            bytes += 6;
        }
        if bytes > TEXT_BYTES && index > 0 {
            told.outputs.iter_mut().for_each(|outputs| outputs.truncate(index));
            break;
        }
        told.asked.push(asked);
    }
    told
}

/// The choices of a question with their letters; of one without, its right answer.
fn listed(question: &Question, answer: &Answer) -> Vec<String> {
    match question.answers {
        Answers::Choice => {
            let choice = |choice: &Choice| shortened(&format!("{}: {}", choice.label, choice.text));
            question.choices.iter().map(choice).collect()
        }
        Answers::Class(_) | Answers::Number | Answers::Text | Answers::Exact => {
            vec![shortened(&format!("{RIGHT}: {answer}"))]
        }
    }
}

/// Cuts a text that would fill the page by itself.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(OUTPUT_CHARS) {
        Some((end, _)) => format!("{} […]", &text[..end]),
        None => text.to_owned(),
    }
}
