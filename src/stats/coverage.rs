//! How often intervals over two, three and five trainings hold the truth, in simulated experiments.
//!
//! What is assumed: a question has a difficulty of its own, a training an ability of its own, both normal on the scale of
//! log-odds, and an answer is right with the probability that the two together give. Trainings differ by 0, 2.5 or 8 points
//! of accuracy. The truth is the accuracy over all questions and all trainings.

use std::num::NonZeroU32;

use super::{
    Bootstrap, DepthPairs, Depths, Forecast, Interval, Level, Pairs, Response, Responses, accuracy, calibration,
    compare, depths,
};
use retort_fingerprint::Draw;

/// The least fraction of intervals that must hold the truth; 95 % are promised.
const LEAST: f64 = 0.94;
const SPREAD: f64 = 1.5;

struct Chance(Draw);

impl Chance {
    fn new(label: &str) -> Self {
        Self(Draw::new(7, &["coverage", label]))
    }

    fn uniform(&mut self) -> f64 {
        ((self.0.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The mean of a function of log-odds that are normal around `base`.
fn mean(base: f64, deviation: f64, of: impl Fn(f64) -> f64) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for step in -600..=600 {
        let z = f64::from(step) / 100.0;
        let weight = (-z * z / 2.0).exp();
        sum += weight * of(base + deviation * z);
        weights += weight;
    }
    sum / weights
}

/// How far the log-odds of trainings spread whose accuracies spread by `points`, near `base`.
fn ability(base: f64, points: f64) -> f64 {
    points / mean(base, SPREAD, |x| logistic(x) * (1.0 - logistic(x)))
}

/// Answers of `trainings` to `questions`.
fn answers(chance: &mut Chance, questions: usize, trainings: usize, base: f64, ability: f64) -> Responses {
    let shifts: Vec<f64> = (0..trainings).map(|_| ability * chance.normal()).collect();
    let row = |question: usize| {
        let difficulty = SPREAD * chance.normal();
        let right = shifts.iter().map(|shift| chance.uniform() < logistic(base + difficulty + shift)).collect();
        Response { question: format!("{question:04}"), chance: Some(0.5), right }
    };
    Responses::new((0..questions).map(row).collect()).unwrap()
}

/// Repeats an experiment and demands that enough intervals hold the truth.
fn demand(what: &str, trials: u32, truth: f64, mut interval: impl FnMut() -> Interval) {
    let held = (0..trials).filter(|_| {
        let Interval { low, high } = interval();
        low <= truth && truth <= high
    });
    let fraction = held.count() as f64 / f64::from(trials);
    assert!(fraction >= LEAST, "{what}: {fraction:.3} of {trials}");
}

const POINTS: [f64; 3] = [0.0, 0.025, 0.08];
const TRAININGS: [usize; 3] = [2, 3, 5];

#[test]
fn accuracies_over_few_trainings_are_covered() {
    // About 60 and about 92 % right, and few questions beside many.
    for (base, questions) in [(0.5, 400), (0.5, 80), (3.0, 400)] {
        for points in if base > 1.0 { &POINTS[..2] } else { &POINTS[..] } {
            for trainings in TRAININGS {
                let ability = ability(base, *points);
                let truth = mean(base, SPREAD.hypot(ability), logistic);
                let what = format!("{questions} questions, {trainings} trainings {points} apart, truth {truth:.2}");
                let mut chance = Chance::new(&what);
                demand(&what, 1_000, truth, || {
                    let found = answers(&mut chance, questions, trainings, base, ability);
                    accuracy(&found, Level::P95).unwrap().interval
                });
            }
        }
    }
}

#[test]
fn differences_to_a_single_training_are_covered() {
    for points in POINTS {
        for trainings in TRAININGS {
            let ability = ability(0.5, points);
            // The one training is taken as given, so that its own ability is part of the truth.
            let truth = mean(0.5, SPREAD.hypot(ability), logistic) - mean(0.0, SPREAD, logistic);
            let what = format!("{trainings} trainings {points} apart against one");
            let mut chance = Chance::new(&what);
            demand(&what, 600, truth, || {
                let first = answers(&mut chance, 300, trainings, 0.5, ability);
                let second = answers(&mut chance, 300, 1, 0.0, 0.0);
                compare(&Pairs::of(&first, &second).unwrap(), Level::P95, Bootstrap::seeded(1)).difference.interval
            });
        }
    }
}

#[test]
fn layers_over_few_trainings_are_covered() {
    const LAYERS: usize = 12;
    let few = Bootstrap { resamples: NonZeroU32::new(200).unwrap(), seed: 1 };
    for spread in [0.0, 0.5, 1.5] {
        for trainings in TRAININGS {
            let what = format!("{trainings} trainings {spread} layers apart");
            let mut chance = Chance::new(&what);
            // Around the middle, and as likely to lie above as below: the mean is known.
            demand(&what, 300, LAYERS as f64 / 2.0, || {
                let shifts: Vec<f64> = (0..trainings).map(|_| spread * chance.normal()).collect();
                let own: Vec<f64> = (0..80).map(|_| 1.5 * chance.normal()).collect();
                let mut path = |shift: f64, own: f64| {
                    let first = (LAYERS as f64 / 2.0 + own + shift + chance.normal()).round().clamp(0.0, LAYERS as f64);
                    (0..LAYERS).map(|layer| f64::from(u8::from(layer as f64 >= first))).collect::<Vec<f64>>()
                };
                let values = shifts.iter().map(|shift| own.iter().map(|own| path(*shift, *own)).collect()).collect();
                let student = Depths { layers: (0..LAYERS).collect(), values };
                let found = depths(&[student], DepthPairs::default(), 0.5, 0.8, Level::P95, few);
                found.summaries[0].earliest.interval.unwrap()
            });
        }
    }
}

#[test]
fn brier_scores_over_few_trainings_are_covered() {
    let few = Bootstrap { resamples: NonZeroU32::new(50).unwrap(), seed: 1 };
    for points in [0.0, 0.1] {
        for trainings in TRAININGS {
            let what = format!("{trainings} trainings, {points} surer");
            let mut chance = Chance::new(&what);
            // Held for likely by p ± something, right with 0.7: the squared distance doubles for two choices.
            let truth = 2.0 * (0.7 * (0.3_f64.powi(2) + points * points) + 0.3 * (0.7_f64.powi(2) + points * points));
            demand(&what, 600, truth, || {
                let mut forecasts = Vec::new();
                for training in 0..trainings {
                    let sure = (0.7 + points * chance.normal()).clamp(0.01, 0.99);
                    forecasts.extend((0..200).map(|question| Forecast {
                        question: format!("{question:03}"),
                        training,
                        probabilities: vec![sure, 1.0 - sure],
                        right: usize::from(chance.uniform() >= 0.7),
                    }));
                }
                let bins = std::num::NonZeroUsize::new(10).unwrap();
                calibration(&forecasts, bins, Level::P95, few).unwrap().unwrap().brier.interval
            });
        }
    }
}
