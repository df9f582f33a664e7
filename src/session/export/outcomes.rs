//! One tidy table of every question's outcome: a line per instance and question, with the instance's axis values.

use std::collections::BTreeMap;

use retort_artifact::{Outcome, Scores};
use retort_report::{harmless, readings};

use crate::{Made, SessionError};

/// The scores of one instance, and microseconds by question where they are known.
pub(super) type Scored = (Made<Scores>, BTreeMap<String, u64>);

const COLUMNS: [&str; 14] = [
    "instance",
    "stage",
    "question",
    "choices",
    "answer",
    "predicted",
    "parsed",
    "correct",
    "tokens",
    "took_ms",
    "confidence",
    "answer_probability",
    "log_probabilities",
    "output",
];

/// What stands behind these where any output was read leniently as well, or was one of several samples.
const READ: [&str; 4] = ["lenient_predicted", "lenient_correct", "samples", "samples_right"];

/// Says whether a file begins as a table of outcomes does.
pub(super) fn is_table(head: &[u8]) -> bool {
    head.starts_with(COLUMNS[..2].join(",").as_bytes())
}

/// Writes the table as CSV: nothing where a value is absent; the log-probabilities as `A:-1.25 B:-0.5`.
pub(super) fn csv(all: &[Scored]) -> Result<Vec<u8>, SessionError> {
    let mut axes: Vec<&String> = all.iter().flat_map(|(made, _)| made.coords.keys()).collect();
    axes.sort();
    axes.dedup();
    let heading =
        |axis: &&String| if COLUMNS.contains(&axis.as_str()) { format!("axis:{axis}") } else { (*axis).clone() };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let headings = COLUMNS[..2].iter().map(|column| (*column).to_owned());
    let rest = COLUMNS[2..].iter().map(|column| (*column).to_owned());
    let rows = || all.iter().flat_map(|(made, _)| &made.artifact.rows);
    let read = rows().any(|outcome| outcome.lenient.is_some() || outcome.vote.is_some());
    let further = READ.iter().filter(|_| read).map(|column| (*column).to_owned());
    csv.write_record(headings.chain(axes.iter().map(heading)).chain(rest).chain(further))
        .map_err(SessionError::unusable)?;
    for (Made { id: _, name, stage, coords, artifact: scores }, times) in all {
        let place = || [harmless(name).into_owned(), harmless(stage).into_owned()];
        let value = |axis: &&String| coords.get(*axis).map(|value| harmless(value).into_owned()).unwrap_or_default();
        let at: Vec<String> = axes.iter().map(value).collect();
        for outcome in &scores.rows {
            let fields = fields(outcome, times.get(&outcome.id).copied());
            let further = read.then(|| readings(outcome).map(|field| harmless(&field).into_owned()));
            let further = further.into_iter().flatten();
            csv.write_record(place().into_iter().chain(at.iter().cloned()).chain(fields).chain(further))
                .map_err(SessionError::unusable)?;
        }
    }
    csv.into_inner().map_err(SessionError::unusable)
}

fn fields(outcome: &Outcome, took_us: Option<u64>) -> [String; 12] {
    let probabilities = outcome.probabilities();
    let at = |label: Option<&retort_artifact::Answer>| {
        let position = outcome.likelihoods.iter().position(|choice| Some(&choice.label) == label)?;
        Some(probabilities.as_ref()?[position])
    };
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let logs = outcome.likelihoods.iter().map(|choice| format!("{}:{}", choice.label, choice.log_probability));
    [
        harmless(&outcome.id).into_owned(),
        outcome.choices.to_string(),
        harmless(&outcome.answer.to_string()).into_owned(),
        outcome.predicted.as_ref().map(|answer| harmless(&answer.to_string()).into_owned()).unwrap_or_default(),
        outcome.predicted.is_some().to_string(),
        outcome.correct().to_string(),
        outcome.tokens.to_string(),
        number(took_us.map(|took| took as f64 / 1000.0)),
        number(at(outcome.predicted.as_ref())),
        number(at(Some(&outcome.answer))),
        logs.collect::<Vec<_>>().join(" "),
        harmless(&outcome.output).into_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use retort_artifact::Likelihood;
    use retort_spec::InstanceId;

    use super::*;
    use retort_artifact::Answer;

    fn outcome(id: &str, predicted: Option<usize>, scores: &[f64]) -> Outcome {
        let likelihood = |(index, score): (usize, &f64)| Likelihood {
            label: Answer::at(index).unwrap(),
            log_probability: *score,
            tokens: 2,
            bytes: 4,
            score: *score,
        };
        Outcome {
            id: id.into(),
            answer: Answer::at(0).unwrap(),
            choices: 2,
            predicted: predicted.and_then(Answer::at),
            equal: false,
            output: "say \"A\",\nthen stop".into(),
            tokens: 3,
            likelihoods: scores.iter().enumerate().map(likelihood).collect(),
            lenient: None,
            vote: None,
            samples: Vec::new(),
        }
    }

    fn made(name: &str, coords: BTreeMap<String, String>, rows: Vec<Outcome>) -> Made<Scores> {
        Made { id: InstanceId::at(0), name: name.into(), stage: "answers".into(), coords, artifact: Scores { rows } }
    }

    #[test]
    fn every_outcome_is_a_line_with_the_axis_values_of_its_instance() {
        let scored = |instance: &str, coords: &[(&str, &str)], rows| {
            let coords = coords.iter().map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned())).collect();
            (made(instance, coords, rows), BTreeMap::from([("q1".to_owned(), 1500)]))
        };
        let all = [
            scored(
                "answers[fraction=0.4,output=x]",
                &[("fraction", "0.4"), ("output", "x")],
                vec![outcome("q1", Some(0), &[])],
            ),
            scored("answers", &[], vec![outcome("q2", None, &[]), outcome("q3", Some(1), &[-1.5, -1.5])]),
        ];
        expect_test::expect![[r#"
            instance,stage,fraction,axis:output,question,choices,answer,predicted,parsed,correct,tokens,took_ms,confidence,answer_probability,log_probabilities,output
            "answers[fraction=0.4,output=x]",answers,0.4,x,q1,2,A,A,true,true,3,1.5,,,,"say ""A"",
            then stop"
            answers,answers,,,q2,2,A,,false,false,3,,,,,"say ""A"",
            then stop"
            answers,answers,,,q3,2,A,B,true,false,3,,0.5,0.5,A:-1.5 B:-1.5,"say ""A"",
            then stop"
        "#]]
        .assert_eq(&String::from_utf8(csv(&all).unwrap()).unwrap());
    }

    #[test]
    fn what_was_written_is_read_back() {
        let rows = vec![outcome("q,\"1\"\n", Some(1), &[-0.1, -2.0])];
        let all = [(made("answers", BTreeMap::new(), rows), BTreeMap::new())];
        let bytes = csv(&all).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((&row[2], &row[13]), ("q,\"1\"\n", "say \"A\",\nthen stop"));
        let probabilities = outcome("q", Some(1), &[-0.1, -2.0]).probabilities().unwrap();
        assert_eq!(row[10].parse::<f64>().unwrap().to_bits(), probabilities[1].to_bits());
    }
}
