//! What a report says of how likely choices were held.

use expect_test::expect;

use super::{arm, axes, input, report, shown, text, well_formed};
use crate::{Arm, ReportSpec};
use retort_artifact::{Answer, Likelihood};

/// Lets an arm hold the right choice of its questions for likely by these scores; the wrong one has zero.
fn held(mut arm: Arm, scores: &[f64]) -> Arm {
    for (outcome, score) in arm.outcomes.rows.iter_mut().zip(scores) {
        let choice = |(index, score): (usize, f64)| Likelihood {
            label: Answer::at(index).unwrap(),
            log_probability: score,
            tokens: 1,
            bytes: 1,
            score,
        };
        outcome.likelihoods = [*score, 0.0].into_iter().enumerate().map(choice).collect();
        outcome.predicted = Answer::at(usize::from(*score < 0.0));
    }
    arm
}

#[test]
fn arms_that_score_choices_have_a_reliability_diagram() {
    let arms = vec![
        held(arm("answers", &[("placement", "after"), ("run", "0")], "++++"), &[2.0, 1.0, -0.1, -3.0]),
        held(arm("answers", &[("placement", "after"), ("run", "1")], "++++"), &[2.0, 0.1, 0.1, -3.0]),
        held(arm("answers", &[("placement", "before"), ("run", "0")], "++++"), &[-9.0, 9.0, -9.0, -9.0]),
        arm("answers", &[("placement", "none"), ("run", "0")], "++-?"),
    ];
    let input = input(arms, ReportSpec { average: axes(&["run"]), ..ReportSpec::default() });
    let made = report(&input).unwrap();
    let table = made.tables.iter().find(|table| table.title == "Calibration of each arm").unwrap();
    expect![[r#"
        # Calibration of each arm
        placement | held for likely % | right % | expected error, points | Brier score | n
        after | 74.7 | 62.5 | 35.5 | 0.661 [0.000, 1.965] | 8
        before | 100.0 | 25.0 | 75.0 | 1.500 [0.500, 2.000] | 4
        * `held for likely` is the probability of the likeliest choice among the choices, the softmax of their scores; the expected calibration error is the mean distance between it and how often it is right, over ten equally wide bins (Guo et al., 2017). It is above zero by chance alone, the more so the fewer the answers.
        * The Brier score (1950) is the squared distance of the probabilities from 1 for the right choice and 0 for the others, from 0 to 2; brackets hold 95 % bootstrap intervals over questions, or of Student's t over questions and trainings where there are several trainings.
        * n counts the answers of all replicates."#]].assert_eq(&shown(table));
    expect![[r#"
        placement,stage,replicates,low,high,answers,held_for_likely,right
        after,answers,2,0.5,0.6,3,0.52497918747894,0.6666666666666666
        after,answers,2,0.7,0.8,1,0.7310585786300049,1
        after,answers,2,0.8,0.9,2,0.8807970779778823,1
        after,answers,2,0.9,1,2,0.9525741268224334,0
        before,answers,1,0.9,1,4,0.9998766054240137,0.25
    "#]]
    .assert_eq(&text(&made.files, "calibration.csv").replace('\r', ""));
    let figure = made.files.files.keys().rfind(|name| name.starts_with("figure-")).unwrap();
    let svg = text(&made.files, figure);
    well_formed(&svg);
    // Four bins of the first arm and one of the second, which alone has a whisker: the first was trained twice.
    assert_eq!(svg.matches("<title>held for likely").count(), 5, "{svg}");
    assert_eq!(svg.matches("<line class=\"rt-s0\"").count(), 1, "{svg}");
}

#[test]
fn arms_that_wrote_their_answers_have_none() {
    let made = report(&input(vec![arm("answers", &[], "++-?")], ReportSpec::default())).unwrap();
    assert!(!made.files.files.contains_key("calibration.csv"));
    assert!(made.tables.iter().all(|table| !table.title.starts_with("Calibration")));
}
