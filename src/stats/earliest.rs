//! From which layer on something holds: the earliest layer from which a question's value stays above a bound, over
//! questions, and how students differ in it.
//!
//! A question whose value is not above the bound at the last layer has no such layer; where a number is needed it counts as
//! one layer beyond the last. Replicates are averaged per question. Where a student has several, intervals are of Student's t
//! with the variance of resampled questions and that of its trainings as components; else they are percentiles.

use super::bootstrap::percentiles;
use super::components::{Components, Part, mean_and_variance};
use super::simultaneous::simultaneous;
use super::{Bootstrap, Interval, Level};
use retort_fingerprint::Draw;

/// The values of one student's layers, question by question.
#[derive(Debug, Clone, PartialEq)]
pub struct Depths {
    /// The layers, ascending; not empty.
    pub layers: Vec<usize>,
    /// `[replicate][question][layer]`; all replicates have the same questions in the same order.
    pub values: Vec<Vec<Vec<f64>>>,
}

/// A number with its interval, where resamples give one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranged {
    /// The number that was observed.
    pub value: f64,
    /// Where the true one may lie; `None` where neither resamples nor trainings differ.
    pub interval: Option<Interval>,
}

/// One student over all questions.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthSummary {
    /// The mean value of each layer.
    pub means: Vec<Ranged>,
    /// The fraction of questions whose value stays above the bound from each layer on.
    pub reached: Vec<Ranged>,
    /// The earliest layer from which it does, on average.
    pub earliest: Ranged,
    /// The layer by which the declared fraction of questions is there, one beyond the last where none is.
    pub by_fraction: Ranged,
    /// The fraction of questions that are never there.
    pub never: f64,
    /// One beyond the last layer.
    pub beyond: f64,
}

/// One student against another, paired by question: the first less the second, in layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthDifference {
    /// Of the earliest layers, on average.
    pub earliest: Ranged,
    /// Of the layers by which the declared fraction of questions is there.
    pub by_fraction: Ranged,
}

/// Which students are compared, the first less the second, by index.
#[derive(Debug, Clone, Copy, Default)]
pub struct DepthPairs<'a> {
    /// Each with an interval of its own.
    pub alone: &'a [(usize, usize)],
    /// Those whose intervals hold all at once.
    pub together: &'a [(usize, usize)],
    /// The level at which they do, of each of the two numbers that a difference has.
    pub level: Level,
}

/// What is found of students.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DepthFindings {
    /// Each student.
    pub summaries: Vec<DepthSummary>,
    /// The pairs that were to be compared alone.
    pub alone: Vec<DepthDifference>,
    /// The pairs that were to be compared together.
    pub together: Vec<DepthDifference>,
}

/// Returns the index of the earliest value from which on all are above a bound; `None` where the last is not.
pub fn earliest(values: &[f64], bound: f64) -> Option<usize> {
    let above = values.iter().rev().take_while(|value| **value > bound).count();
    (above > 0).then(|| values.len() - above)
}

/// Summarises students on the same questions, in the same order, and compares those that `pairs` names; finds nothing
/// without questions.
pub fn depths(
    students: &[Depths],
    pairs: DepthPairs<'_>,
    bound: f64,
    fraction: f64,
    level: Level,
    bootstrap: Bootstrap,
) -> DepthFindings {
    let questions = students.first().and_then(|student| student.values.first()).map_or(0, Vec::len);
    if questions == 0 {
        return DepthFindings::default();
    }
    let every: Vec<(usize, usize)> = pairs.alone.iter().chain(pairs.together).copied().collect();
    let students: Vec<Student> = students.iter().map(|depths| Student::of(depths, bound)).collect();
    let observed: Vec<Numbers> = {
        let even = vec![1.0 / questions as f64; questions];
        students.iter().map(|student| student.numbers(&student.evenly(), &even, fraction)).collect()
    };
    let difference = |numbers: &[Numbers], (a, b): (usize, usize)| {
        (numbers[a].earliest - numbers[b].earliest, numbers[a].by_fraction - numbers[b].by_fraction)
    };

    let mut draws: Vec<Vec<Vec<f64>>> = observed.iter().map(|numbers| vec![Vec::new(); numbers.count()]).collect();
    let mut between: [Vec<Vec<f64>>; 2] = [vec![Vec::new(); every.len()], vec![Vec::new(); every.len()]];
    let mut draw = Draw::new(bootstrap.seed, &["bootstrap", "depths"]);
    let evenly: Vec<Vec<f64>> = students.iter().map(Student::evenly).collect();
    for _ in 0..bootstrap.resamples.get() {
        let mut weights = vec![0.0; questions];
        (0..questions).for_each(|_| weights[draw.below(questions)] += 1.0 / questions as f64);
        let found: Vec<Numbers> = (students.iter().zip(&evenly))
            .map(|(student, evenly)| student.numbers(evenly, &weights, fraction))
            .collect();
        for (draws, numbers) in draws.iter_mut().zip(&found) {
            draws.iter_mut().zip(numbers.all()).for_each(|(draws, number)| draws.push(number));
        }
        for (at, &pair) in every.iter().enumerate() {
            let (earliest, by_fraction) = difference(&found, pair);
            between[0][at].push(earliest);
            between[1][at].push(by_fraction);
        }
    }

    let trainings: Vec<Vec<Vec<f64>>> =
        students.iter().map(|student| student.by_training(questions, fraction)).collect();
    let summary = |(at, draws): (usize, Vec<Vec<f64>>)| {
        let (numbers, student, trainings): (&Numbers, &Student, _) = (&observed[at], &students[at], &trainings[at]);
        let layers = numbers.means.len();
        let ranged = |(at, (value, mut draws)): (usize, (f64, Vec<f64>))| {
            let range = if at < 2 * layers { (0.0, 1.0) } else { student.range() };
            let uncertain = Uncertain { value, questions, trainings: [&trainings[at], &[]], range };
            Ranged { value, interval: uncertain.interval(&mut draws, level) }
        };
        let all: Vec<Ranged> = numbers.all().zip(draws).enumerate().map(ranged).collect();
        DepthSummary {
            means: all[..layers].to_vec(),
            reached: all[layers..2 * layers].to_vec(),
            earliest: all[2 * layers],
            by_fraction: all[2 * layers + 1],
            never: 1.0 - numbers.reached.last().copied().unwrap_or(0.0),
            beyond: student.beyond,
        }
    };
    let several = pairs.together.iter().any(|&(a, b)| students[a].values.len().max(students[b].values.len()) > 1);
    let shared = over(pairs.level, pairs.together.len());
    let mut intervals: [Vec<Option<Interval>>; 2] = Default::default();
    for (of, (draws, intervals)) in between.iter_mut().zip(&mut intervals).enumerate() {
        let mut together = if several { Vec::new() } else { simultaneous(&draws[pairs.alone.len()..], pairs.level) };
        for (at, (&(a, b), draws)) in every.iter().zip(draws).enumerate() {
            let (earliest, by_fraction) = difference(&observed, (a, b));
            let column = |student: usize| trainings[student].iter().rev().nth(1 - of).map_or(&[][..], Vec::as_slice);
            let reach = students[a].range().1.max(students[b].range().1);
            let uncertain = Uncertain {
                value: [earliest, by_fraction][of],
                questions,
                trainings: [column(a), column(b)],
                range: (-reach, reach),
            };
            intervals.push(match (at < pairs.alone.len(), several) {
                (true, _) => uncertain.interval(draws, level),
                (false, true) => uncertain.by_components(draws, shared),
                (false, false) => together.remove(0),
            });
        }
    }
    let differences = every.iter().enumerate().map(|(at, &pair)| {
        let (earliest, by_fraction) = difference(&observed, pair);
        let ranged = |value: f64, of: usize| Ranged { value, interval: intervals[of][at] };
        DepthDifference { earliest: ranged(earliest, 0), by_fraction: ranged(by_fraction, 1) }
    });
    let mut alone: Vec<DepthDifference> = differences.collect();
    let together = alone.split_off(pairs.alone.len());
    let summaries = draws.into_iter().enumerate().map(summary).collect();
    DepthFindings { summaries, alone, together }
}

/// The level at which each of so many intervals is told so that all hold together: Bonferroni's.
fn over(level: Level, count: usize) -> Level {
    Level::new(1.0 - (1.0 - level.fraction()) / count.max(1) as f64).unwrap_or(level)
}

/// A number of one student, or a difference of two, and what it would be elsewhere.
struct Uncertain<'a> {
    value: f64,
    /// How many questions it is over.
    questions: usize,
    /// What each training by itself gives, of each student.
    trainings: [&'a [f64]; 2],
    /// What it can be at least and at most.
    range: (f64, f64),
}

impl Uncertain<'_> {
    /// Percentiles of resampled questions where each student was trained once, else by components of variance.
    fn interval(&self, draws: &mut [f64], level: Level) -> Option<Interval> {
        if self.trainings.iter().all(|trainings| trainings.len() < 2) {
            percentiles(draws, level)
        } else {
            self.by_components(draws, level)
        }
    }

    fn by_components(&self, draws: &[f64], level: Level) -> Option<Interval> {
        let Self { value, questions, trainings: [first, second], range: (least, most) } = *self;
        let freedom = questions.saturating_sub(1) as f64;
        let parts =
            [Part { variance: mean_and_variance(draws).1, freedom }, Part::of_mean(first), Part::of_mean(second)];
        let half = Components::of(parts)?.half(level);
        Some(Interval { low: (value - half).max(least), high: (value + half).min(most) })
    }
}

/// A student's values laid out for summing.
struct Student {
    layers: Vec<usize>,
    beyond: f64,
    /// `[replicate][layer][question]`.
    values: Vec<Vec<Vec<f64>>>,
    /// The index of the earliest layer, the number of layers where there is none, `[replicate][question]`.
    earliest: Vec<Vec<usize>>,
}

/// What one sample of questions and replicates says.
struct Numbers {
    means: Vec<f64>,
    reached: Vec<f64>,
    earliest: f64,
    by_fraction: f64,
}

impl Numbers {
    fn all(&self) -> impl Iterator<Item = f64> {
        let Self { means, reached, earliest, by_fraction } = self;
        means.iter().chain(reached).copied().chain([*earliest, *by_fraction])
    }

    fn count(&self) -> usize {
        self.means.len() + self.reached.len() + 2
    }
}

impl Student {
    fn of(depths: &Depths, bound: f64) -> Self {
        let Depths { layers, values } = depths;
        let turned = |questions: &Vec<Vec<f64>>| {
            (0..layers.len()).map(|layer| questions.iter().map(|values| values[layer]).collect()).collect()
        };
        let first = |values: &Vec<f64>| earliest(values, bound).unwrap_or(layers.len());
        Self {
            layers: layers.clone(),
            beyond: layers.last().map_or(0.0, |last| *last as f64 + 1.0),
            values: values.iter().map(turned).collect(),
            earliest: values.iter().map(|questions| questions.iter().map(first).collect()).collect(),
        }
    }

    /// What each replicate weighs where all count alike.
    fn evenly(&self) -> Vec<f64> {
        vec![1.0 / self.values.len() as f64; self.values.len()]
    }

    /// What each training by itself gives, `[number][training]`.
    fn by_training(&self, questions: usize, fraction: f64) -> Vec<Vec<f64>> {
        let even = vec![1.0 / questions as f64; questions];
        let count = self.values.len();
        let alone =
            |training: usize| (0..count).map(|other| f64::from(u8::from(other == training))).collect::<Vec<_>>();
        let numbers = (0..count).map(|training| self.numbers(&alone(training), &even, fraction));
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for numbers in numbers {
            columns.resize_with(numbers.count(), Vec::new);
            columns.iter_mut().zip(numbers.all()).for_each(|(column, number)| column.push(number));
        }
        columns
    }

    /// The first layer, and one beyond the last.
    fn range(&self) -> (f64, f64) {
        (self.layers.first().map_or(0.0, |first| *first as f64), self.beyond)
    }

    fn numbers(&self, replicates: &[f64], questions: &[f64], fraction: f64) -> Numbers {
        let count = self.layers.len();
        let (mut means, mut masses) = (vec![0.0; count], vec![0.0; count + 1]);
        for ((values, earliest), weight) in self.values.iter().zip(&self.earliest).zip(replicates) {
            if *weight <= 0.0 {
                continue;
            }
            for (mean, values) in means.iter_mut().zip(values) {
                *mean += weight * values.iter().zip(questions).map(|(value, weight)| value * weight).sum::<f64>();
            }
            for (first, question) in earliest.iter().zip(questions) {
                masses[*first] += weight * question;
            }
        }
        let at = |index: usize| self.layers.get(index).map_or(self.beyond, |layer| *layer as f64);
        let earliest = masses.iter().enumerate().map(|(index, mass)| mass * at(index)).sum();
        let reached: Vec<f64> = masses[..count]
            .iter()
            .scan(0.0, |sum, mass| {
                *sum += mass;
                Some(*sum)
            })
            .collect();
        // Sums of equal parts fall short of a round fraction in their last bits.
        let by_fraction = reached.iter().position(|reached| *reached >= fraction - 1e-9).map_or(self.beyond, at);
        Numbers { means, reached, earliest, by_fraction }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[&[f64]]) -> Depths {
        let layers = (0..values[0].len()).collect();
        Depths { layers, values: vec![values.iter().map(|values| values.to_vec()).collect()] }
    }

    fn run(students: &[Depths], alone: &[(usize, usize)]) -> (Vec<DepthSummary>, Vec<DepthDifference>) {
        let pairs = DepthPairs { alone, ..DepthPairs::default() };
        let found = depths(students, pairs, 0.6, 0.8, Level::P95, Bootstrap::seeded(1));
        (found.summaries, found.alone)
    }

    #[test]
    fn the_earliest_layer_is_where_the_value_stays_above() {
        assert_eq!(earliest(&[0.1, 0.7, 0.2, 0.61, 0.9], 0.6), Some(3));
        assert_eq!(earliest(&[0.7, 0.7], 0.6), Some(0));
        // The bound itself is not above it.
        assert_eq!(earliest(&[0.9, 0.6], 0.6), None);
        assert_eq!(earliest(&[], 0.6), None);
    }

    proptest! {
        #[test]
        fn from_the_earliest_layer_on_all_are_above_and_the_one_before_is_not(
            values in prop::collection::vec(0.0..1.0_f64, 1..12), bound in 0.0..1.0_f64,
        ) {
            match earliest(&values, bound) {
                Some(first) => {
                    prop_assert!(values[first..].iter().all(|value| *value > bound));
                    prop_assert!(first == 0 || values[first - 1] <= bound);
                }
                None => prop_assert!(*values.last().unwrap() <= bound),
            }
        }
    }

    /// Five questions of four layers, earliest at 1, 1, 2, 3 and never.
    fn five() -> Depths {
        of(&[
            &[0.0, 0.7, 0.7, 0.7],
            &[0.5, 0.9, 0.8, 0.7],
            &[0.9, 0.1, 0.7, 1.0],
            &[0.0, 0.0, 0.2, 0.7],
            &[0.0, 0.0, 0.9, 0.3],
        ])
    }

    #[test]
    fn a_student_is_summarised_over_questions() {
        let (found, _) = run(&[five()], &[]);
        let DepthSummary { means, reached, earliest, by_fraction, never, beyond } = &found[0];
        let values = |of: &[Ranged]| of.iter().map(|found| (found.value * 1e6).round() / 1e6).collect::<Vec<_>>();
        assert_eq!(values(means), [0.28, 0.34, 0.66, 0.68]);
        assert_eq!(values(reached), [0.0, 0.4, 0.6, 0.8]);
        // Never counts as layer 4.
        assert!((earliest.value - 11.0 / 5.0).abs() < 1e-12 && (by_fraction.value - 3.0).abs() < 1e-12);
        assert!((never - 0.2).abs() < 1e-12 && (beyond - 4.0).abs() < 1e-12);
    }

    #[test]
    fn intervals_are_those_of_resampled_questions() {
        // rng = numpy.random.default_rng(0); o = numpy.arange(200) % 7 % 4; i = rng.integers(0, 200, (200000, 200))
        // numpy.quantile(o[i].mean(1), [.025, .975]): 1.145, 1.435; of sorted(o[i])[:, 159]: 2, 2
        let path = |first: usize| (0..5).map(|layer| if layer < first { 0.0 } else { 1.0 }).collect::<Vec<f64>>();
        let values: Vec<Vec<f64>> = (0..200).map(|q| path(q % 7 % 4)).collect();
        let student = Depths { layers: (0..5).collect(), values: vec![values.clone()] };
        let (found, _) = run(std::slice::from_ref(&student), &[]);
        let interval = found[0].earliest.interval.unwrap();
        assert!((interval.low - 1.145).abs() < 0.011 && (interval.high - 1.435).abs() < 0.011, "{interval:?}");
        let interval = found[0].by_fraction.interval.unwrap();
        assert_eq!((interval.low.round() as i32, interval.high.round() as i32), (2, 2));

        // Paired: a student that is one layer later throughout is exactly that, in every resample.
        let later = values.iter().map(|path| [vec![0.0], path[..4].to_vec()].concat()).collect();
        let later = Depths { layers: (0..5).collect(), values: vec![later] };
        let (_, differences) = run(&[student, later], &[(1, 0)]);
        let DepthDifference { earliest, by_fraction } = differences[0];
        assert!((earliest.value - 1.0).abs() < 1e-12 && earliest.interval.is_none(), "{earliest:?}");
        assert!((by_fraction.value - 1.0).abs() < 1e-12, "{by_fraction:?}");
    }

    #[test]
    fn trainings_that_differ_leave_everything_open() {
        let (early, late) = (vec![vec![1.0, 1.0]; 4], vec![vec![0.0, 1.0]; 4]);
        let student = Depths { layers: vec![0, 6], values: vec![early, late] };
        let (found, _) = run(&[student], &[]);
        assert!((found[0].earliest.value - 3.0).abs() < 1e-12);
        let interval = found[0].earliest.interval.unwrap();
        assert!(interval.low < 0.1 && interval.high > 5.9, "{interval:?}");
    }

    #[test]
    fn without_questions_there_is_nothing_to_say() {
        let none = Depths { layers: vec![0], values: vec![vec![]] };
        assert_eq!(run(&[none], &[]), (Vec::new(), Vec::new()));
        assert_eq!(run(&[], &[]), (Vec::new(), Vec::new()));
    }
    #[test]
    fn differences_together_have_the_same_values_and_wider_intervals() {
        let path = |first: usize| (0..5).map(|layer| if layer < first { 0.0 } else { 1.0 }).collect::<Vec<f64>>();
        let student = |of: fn(usize) -> usize| Depths {
            layers: (0..5).collect(),
            values: vec![(0..120).map(|question| path(of(question))).collect()],
        };
        let students = [student(|q| q % 7 % 4), student(|q| q * 5 % 11 % 4), student(|q| (q + 3) * 3 % 13 % 5)];
        let pairs = [(1, 0), (2, 0), (2, 1)];
        let asked = DepthPairs { alone: &pairs, together: &pairs, level: Level::P95 };
        let found = depths(&students, asked, 0.6, 0.8, Level::P95, Bootstrap::seeded(1));
        for (alone, together) in found.alone.iter().zip(&found.together) {
            for (alone, together) in [(alone.earliest, together.earliest), (alone.by_fraction, together.by_fraction)] {
                assert_eq!(alone.value.to_bits(), together.value.to_bits());
                let (alone, together) = (alone.interval.unwrap(), together.interval.unwrap());
                assert!(together.low <= alone.low && together.high >= alone.high, "{together:?}, {alone:?}");
            }
            let width = |found: Ranged| found.interval.map_or(0.0, |interval| interval.high - interval.low);
            // Of three dependent differences: somewhat wider, but no wider than for three that have nothing in common.
            let ratio = width(together.earliest) / width(alone.earliest);
            assert!((1.1..1.3).contains(&ratio), "{ratio}");
        }
        // One alone needs no correction.
        let asked = DepthPairs { alone: &pairs[..1], together: &pairs[..1], level: Level::P95 };
        let found = depths(&students, asked, 0.6, 0.8, Level::P95, Bootstrap::seeded(1));
        let (alone, together) =
            (found.alone[0].earliest.interval.unwrap(), found.together[0].earliest.interval.unwrap());
        assert!((alone.low - together.low).abs() < 0.01 && (alone.high - together.high).abs() < 0.01);
    }
}
