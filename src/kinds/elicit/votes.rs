//! The majority of several answers to a question, and how far they agree.

use std::collections::BTreeMap;

use serde_json::json;

use retort_artifact::{Answer, Elicited, Poll, Question, Rationale, Rationales, Right, Votes};
use retort_stage::Context;
use retort_text::answer::Expected;

/// The note of a result that says how far the teacher's answers agree.
pub const CONSISTENCY: &str = "self-consistency";

/// The field of a rationale that says how many answers of how many agree with it.
const VOTES: &str = "votes";

/// Raised whenever the same answers come to another vote.
pub(super) const REVISION: u32 = 2;

/// Keeps the rationales of each question's majority, and says how far the answers agree.
pub(super) fn counted(context: &Context<'_>, questions: &[Question], found: Rationales, votes: usize) -> Elicited {
    let (rows, polls) = held(found.rows, questions, votes);
    let undecided = polls.iter().filter(|poll| poll.agree == 0).count();
    if undecided > 0 {
        context.warn(format!("{undecided} of {} questions have no majority: no answer states a label", polls.len()));
    }
    let ties = polls.iter().filter(|poll| poll.tie).count();
    if ties > 0 {
        let total = polls.len();
        context
            .warn(format!("in {ties} of {total} questions the vote is tied; the label of the earliest answer counts"));
    }
    let counted = Votes { polls };
    if let Some(consistency) = counted.consistency() {
        context.measure(CONSISTENCY, counted.polls.len() as u64, consistency);
        context.record(CONSISTENCY, &told(&counted, consistency, votes));
    }
    Elicited { rationales: Rationales { rows }, votes: Some(counted) }
}

/// Says in words how far the answers agree, and what is right.
fn told(counted: &Votes, consistency: f64, votes: usize) -> String {
    let right = counted.majority_right().zip(counted.answer_right()).map(|(majority, answer)| {
        format!("; the majority is right in {:.1} %, a single answer in {:.1} %", 100.0 * majority, 100.0 * answer)
    });
    format!(
        "self-consistency {:.1} % over {} questions, {votes} votes each{}",
        100.0 * consistency,
        counted.polls.len(),
        right.unwrap_or_default()
    )
}

/// Keeps the rationales of each question's majority among its first answers. The label that most answers state has it; where
/// several have as many, the one that the earliest of these answers states.
fn held(rows: Vec<Rationale>, questions: &[Question], votes: usize) -> (Vec<Rationale>, Vec<Poll>) {
    let gold: BTreeMap<&str, &Question> = questions.iter().map(|question| (question.id.as_str(), question)).collect();
    let mut order: Vec<String> = Vec::new();
    let mut by_id: BTreeMap<String, Vec<Rationale>> = BTreeMap::new();
    for row in rows {
        let samples = by_id.entry(row.id.clone()).or_insert_with(|| {
            order.push(row.id.clone());
            Vec::new()
        });
        samples.push(row);
    }
    let (mut kept, mut polls) = (Vec::new(), Vec::new());
    for id in order {
        let mut samples = by_id.remove(&id).unwrap_or_default();
        samples.sort_by_key(|row| row.sample);
        samples.truncate(votes);
        let question = gold.get(id.as_str()).copied();
        let same = |one: &Answer, other: &Answer| {
            question.map_or_else(|| one == other, |question| Expected::from(question).same(one, other))
        };
        // `1,000` and `1000.0` have one key, as `50%` and `50` do; `0.5` has another.
        let key = |row: &Rationale| {
            let key =
                |label| question.map_or_else(|| format!("{label:?}"), |question| Expected::from(question).key(label));
            row.label.as_ref().map(key)
        };
        let states = |row: &Rationale, like: &Rationale| row.label.is_some() && key(row) == key(like);
        let count = |of: &Rationale| samples.iter().filter(|row| states(row, of)).count();
        let most = samples.iter().map(count).max().unwrap_or(0);
        let first = samples.iter().find(|row| most > 0 && count(row) == most);
        let agrees: Vec<bool> = samples.iter().map(|row| first.is_some_and(|first| states(row, first))).collect();
        let answer = question.and_then(|question| question.answer.as_ref());
        let is_right =
            |row: &Rationale| row.label.as_ref().zip(answer).is_some_and(|(given, answer)| same(given, answer));
        let right = answer.map(|_| Right {
            answers: samples.iter().filter(|row| is_right(row)).count(),
            majority: first.is_some_and(is_right),
        });
        let cast = samples.len();
        let tie = most > 0 && samples.iter().zip(&agrees).any(|(row, agrees)| !agrees && count(row) == most);
        polls.push(Poll { id, cast, agree: most, tie, right });
        kept.extend(samples.into_iter().zip(agrees).filter(|(_, agrees)| *agrees).map(|(mut row, _)| {
            row.extra.insert(VOTES.to_owned(), json!({ "for": most, "of": cast }));
            row
        }));
    }
    (kept, polls)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use retort_artifact::Label;

    fn rows(id: &str, labels: &str) -> Vec<Rationale> {
        let row = |(sample, label): (usize, char)| Rationale {
            id: id.into(),
            sample: sample as u32,
            text: sample.to_string(),
            label: Label::try_from(label).ok().map(Answer::Choice),
            ..Rationale::default()
        };
        labels.chars().enumerate().map(row).collect()
    }

    fn question(id: &str, answer: Option<usize>) -> Question {
        let answer = answer.and_then(Answer::at);
        Question { id: id.into(), stem: "Which?".into(), answer, ..Question::default() }
    }

    /// Says which samples are kept, how many agree, and whether it was a tie.
    fn vote(labels: &str, votes: usize) -> (String, usize, bool) {
        let (kept, polls) = held(rows("q", labels), &[question("q", Some(0))], votes);
        (kept.iter().map(|row| row.text.as_str()).collect(), polls[0].agree, polls[0].tie)
    }

    #[test]
    fn the_decision_table_of_votes() {
        for (labels, votes, kept, agree, tie) in [
            ("AAB", 3, "01", 2, false),
            ("BAA", 3, "12", 2, false),
            ("BBB", 3, "012", 3, false),
            // A tie goes to the label that was stated first.
            ("BA", 2, "0", 1, true),
            ("?BAAB", 5, "14", 2, true),
            // Answers without a label vote for none.
            ("??A", 3, "2", 1, false),
            ("???", 3, "", 0, false),
            // Only the first so many vote.
            ("ABB", 2, "0", 1, true),
            ("A", 5, "0", 1, false),
        ] {
            assert_eq!(vote(labels, votes), (kept.to_owned(), agree, tie), "{labels} {votes}");
        }
    }

    #[test]
    fn a_percent_sign_is_a_unit_where_answers_vote() {
        let number = |(sample, label): (usize, &&str)| Rationale {
            id: "q".into(),
            sample: sample as u32,
            label: Some(Answer::Number((*label).into())),
            ..Rationale::default()
        };
        let question = Question {
            answers: retort_artifact::Answers::Number,
            answer: Some(Answer::Number("50".into())),
            ..question("q", None)
        };
        for (labels, agree, tie) in [
            (&["50%", "50", "0.5"][..], 2, false),
            (&["0.5", "50%", "50"], 2, false),
            (&["50%", "0.5"], 1, true),
            (&["1,000", "$1000", "1000.0", "1000%"], 4, false),
        ] {
            let rows: Vec<Rationale> = labels.iter().enumerate().map(number).collect();
            let (kept, polls) = held(rows, std::slice::from_ref(&question), labels.len());
            assert_eq!((kept.len(), polls[0].agree, polls[0].tie), (agree, agree, tie), "{labels:?}");
        }
    }

    #[test]
    fn what_is_kept_says_how_many_agree() {
        let (kept, _) = held(rows("q", "AAB"), &[], 3);
        assert_eq!(kept[0].extra["votes"], json!({ "for": 2, "of": 3 }));
    }

    #[test]
    fn self_consistency_is_averaged_over_questions() {
        let all = [rows("a", "AAAB"), rows("b", "BA??"), rows("c", "????")].concat();
        let questions = [question("a", Some(0)), question("b", Some(0)), question("c", None)];
        let (_, polls) = held(all, &questions, 4);
        let counted = Votes { polls };
        let consistency = counted.consistency().unwrap();
        assert!((consistency - (0.75 + 0.25) / 3.0).abs() < 1e-12, "{consistency}");
        expect!["self-consistency 33.3 % over 3 questions, 4 votes each; the majority is right in 50.0 %, a single answer in 50.0 %"]
            .assert_eq(&told(&counted, consistency, 4));
    }
}
