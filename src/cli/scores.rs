//! What a student answered, in a terminal: accuracy, parse rate, pace, and calibration where choices were scored.

use std::collections::BTreeMap;

use super::print;
use crate::artifact::{Outcome, Scores, Vote};
use crate::report::calibrated;
use crate::session::{Measured, ScoreSummary};
use crate::stats::{Bin, Bootstrap, Calibration, Interval, Level};

/// Writes a summary of what was answered; `times` are microseconds by question.
pub(super) fn summary(scores: &Scores, times: &BTreeMap<String, u64>) -> String {
    let Some(found) = ScoreSummary::of(scores) else { return "no questions\n".to_owned() };
    let (rows, percent) = (&scores.rows, |fraction: f64| format!("{:.1}", fraction * 100.0));
    let Measured { value, low, high } = found.accuracy;
    let mut out = format!(
        "accuracy {} % [{}, {}] of {} questions (95 % Wilson interval), parsed {} %",
        percent(value),
        percent(low),
        percent(high),
        found.questions,
        percent(found.parsed)
    );
    if let Some(Measured { value, low, high }) = found.lenient {
        out += &format!("; read leniently {} % [{}, {}]", percent(value), percent(low), percent(high));
    }
    if found.samples > 1 {
        out += &format!(", {} samples a question{}", found.samples, voted(rows));
    }
    if found.tokens_per_question > 0.0 {
        out += &format!(", {:.1} tokens a question", found.tokens_per_question);
    }
    let known: Vec<u64> = rows.iter().filter_map(|outcome| times.get(&outcome.id).copied()).collect();
    if !known.is_empty() {
        out += &format!(", {:.1} ms a question", known.iter().sum::<u64>() as f64 / 1000.0 / known.len() as f64);
    }
    out + "\n" + &reliability(rows)
}

/// Says how samples count.
fn voted(rows: &[Outcome]) -> &'static str {
    match rows.iter().find_map(|outcome| outcome.vote) {
        Some(Vote::Majority) => ", of which the majority answers",
        Some(Vote::Any) => ", of which any may be right",
        Some(Vote::Mean) => ", of which the mean counts",
        None => "",
    }
}

/// Writes how well probabilities and answers agree; nothing where answers were generated.
fn reliability(rows: &[Outcome]) -> String {
    let found = match calibrated([rows], Level::P95, Bootstrap::seeded(0)) {
        Ok(Some(found)) => found,
        Ok(None) => return String::new(),
        Err(error) => return format!("{error}\n"),
    };
    let Calibration { confidence, error, brier, bins, .. } = found;
    let Interval { low, high } = brier.interval;
    let bins = bins.iter().filter(|bin| bin.count > 0).map(|bin| {
        let Bin { low, high, count, confidence, accuracy } = bin;
        let fraction =
            |fraction: &Option<f64>| fraction.map_or_else(|| "–".to_owned(), |fraction| format!("{fraction:.3}"));
        vec![format!("{low:.1} to {high:.1}"), count.to_string(), fraction(confidence), fraction(accuracy)]
    });
    format!(
        "held for likely {confidence:.3} on average; expected calibration error {error:.3}, Brier score {:.3} [{low:.3}, \
         {high:.3}]\n{}",
        brier.value,
        print::table(&["held for", "questions", "on average", "right"], bins.collect())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Answer, Likelihood};

    #[test]
    fn scores_are_summed_up_with_their_calibration() {
        let outcome = |index: usize, score: f64| Outcome {
            id: format!("q{index}"),
            answer: Answer::at(index % 2).unwrap(),
            choices: 2,
            predicted: Answer::at(0),
            equal: false,
            output: String::new(),
            tokens: 0,
            likelihoods: [score, -1.0]
                .into_iter()
                .enumerate()
                .map(|(index, score)| Likelihood {
                    label: Answer::at(index).unwrap(),
                    log_probability: score,
                    tokens: 1,
                    bytes: 1,
                    score,
                })
                .collect(),
            lenient: None,
            vote: None,
            samples: Vec::new(),
        };
        let scores = Scores { rows: (0..8).map(|index| outcome(index, if index < 4 { -0.5 } else { 1.0 })).collect() };
        let times = BTreeMap::from([("q0".to_owned(), 1500), ("q1".to_owned(), 2500)]);
        expect_test::expect![[r"
            accuracy 50.0 % [21.5, 78.5] of 8 questions (95 % Wilson interval), parsed 100.0 %, 2.0 ms a question
            held for likely 0.752 on average; expected calibration error 0.252, Brier score 0.660 [0.279, 1.077]
             held for    questions  on average  right
             0.6 to 0.7  4          0.622       0.500
             0.8 to 0.9  4          0.881       0.500
        "]]
        .assert_eq(&summary(&scores, &times));
        assert_eq!(summary(&Scores::default(), &times), "no questions\n");
    }
}
