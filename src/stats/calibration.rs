//! Whether answers are as often right as they are held for likely.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::components::{Components, Part};
use super::{Bootstrap, Estimate, Interval, Level, Method, StatsError};

/// How likely each choice of a question was held.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The question's identifier; several forecasts of one question, as replicates give, are averaged.
    pub question: String,
    /// Which of several trainings it is of, from 0.
    pub training: usize,
    /// The probability of each choice; they sum to 1.
    pub probabilities: Vec<f64>,
    /// The index of the right choice.
    pub right: usize,
}

/// Forecasts whose likeliest choice was held about as likely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Where the bin begins; what lies on a border belongs to the bin below it.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// How many forecasts fell into it.
    pub count: usize,
    /// The mean probability of their likeliest choices; `None` in an empty bin.
    pub confidence: Option<f64>,
    /// The fraction of them that is right; `None` in an empty bin.
    pub accuracy: Option<f64>,
}

/// How well probabilities and outcomes agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Forecasts.
    pub count: usize,
    /// The mean probability of the likeliest choices.
    pub confidence: f64,
    /// The fraction of forecasts whose likeliest choice is right; of equally likely ones the first counts.
    pub accuracy: f64,
    /// The expected calibration error: the mean over forecasts of the distance between confidence and accuracy in their
    /// bin (Guo et al., 2017, "On calibration of modern neural networks"). It has no interval: it is above zero by
    /// chance alone, and more so in every resample.
    pub error: f64,
    /// The Brier score: the squared distance of the probabilities from 1 for the right choice and 0 for the others,
    /// summed over choices (Brier, 1950), from 0 to 2, with its interval over questions, and over trainings where there
    /// are several.
    pub brier: Estimate,
    /// The reliability diagram, of equally wide bins.
    pub bins: Vec<Bin>,
}

/// Says how well forecasts are calibrated; `None` without any.
///
/// # Errors
/// A probability that is no number from 0 to 1, probabilities that do not sum to 1, a right choice that is not there.
pub fn calibration(
    forecasts: &[Forecast],
    bins: NonZeroUsize,
    level: Level,
    bootstrap: Bootstrap,
) -> Result<Option<Calibration>, StatsError> {
    forecasts.iter().try_for_each(check)?;
    if forecasts.is_empty() {
        return Ok(None);
    }
    let count = forecasts.len() as f64;
    let mut sums = vec![(0usize, 0.0, 0usize); bins.get()];
    // By question: squared distances and their number.
    let mut distances: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut by_training: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for forecast in forecasts {
        let (choice, probability) = likeliest(&forecast.probabilities);
        let bin = ((probability * bins.get() as f64).ceil() as usize).clamp(1, bins.get()) - 1;
        let sum = &mut sums[bin];
        *sum = (sum.0 + 1, sum.1 + probability, sum.2 + usize::from(choice == forecast.right));
        let target = |index: usize| f64::from(u8::from(index == forecast.right));
        let distance: f64 =
            forecast.probabilities.iter().enumerate().map(|(i, probability)| (probability - target(i)).powi(2)).sum();
        for sum in [distances.entry(&forecast.question).or_default(), by_training.entry(forecast.training).or_default()]
        {
            *sum = (sum.0 + distance, sum.1 + 1.0);
        }
    }
    let border = |index: usize| index as f64 / bins.get() as f64;
    let error = sums.iter().map(|(_, confidence, right)| (confidence - *right as f64).abs()).sum::<f64>() / count;
    let value = distances.values().map(|(distance, _)| distance).sum::<f64>() / count;
    let means =
        |sums: &mut dyn Iterator<Item = &(f64, f64)>| sums.map(|(sum, count)| sum / count).collect::<Vec<f64>>();
    let several = by_training.len() > 1;
    let interval = if several {
        let parts = [means(&mut distances.values()), means(&mut by_training.values())].map(|of| Part::of_mean(&of));
        let around = |half: f64| Interval { low: (value - half).max(0.0), high: (value + half).min(2.0) };
        Components::of(parts).map(|components| around(components.half(level)))
    } else {
        bootstrap.ratios("brier", &[distances.into_values().collect()], level).remove(0)
    };
    // Where nothing varies, there is nothing to tell how far off the score is.
    let interval = interval.unwrap_or(Interval { low: 0.0, high: 2.0 });
    let method = if several { Method::Crossed } else { Method::Bootstrap };
    let bin = |(index, &(count, confidence, right)): (usize, &(usize, f64, usize))| Bin {
        low: border(index),
        high: border(index + 1),
        count,
        confidence: (count > 0).then(|| confidence / count as f64),
        accuracy: (count > 0).then(|| right as f64 / count as f64),
    };
    Ok(Some(Calibration {
        count: forecasts.len(),
        confidence: sums.iter().map(|(_, confidence, _)| confidence).sum::<f64>() / count,
        accuracy: sums.iter().map(|(_, _, right)| right).sum::<usize>() as f64 / count,
        error,
        brier: Estimate { value, interval, method },
        bins: sums.iter().enumerate().map(bin).collect(),
    }))
}

fn check(forecast: &Forecast) -> Result<(), StatsError> {
    let wrong = |why: String| StatsError::Forecast { question: forecast.question.clone(), why };
    if let Some(probability) = forecast.probabilities.iter().find(|probability| !(0.0..=1.0).contains(*probability)) {
        return Err(wrong(format!("`{probability}` is not a probability")));
    }
    let sum: f64 = forecast.probabilities.iter().sum();
    if (sum - 1.0).abs() > 1e-6 {
        return Err(wrong(format!("its probabilities sum to {sum}, not to 1")));
    }
    if forecast.right >= forecast.probabilities.len() {
        return Err(wrong(format!(
            "its right choice is number {} of {}",
            forecast.right + 1,
            forecast.probabilities.len()
        )));
    }
    Ok(())
}

/// The first of the largest.
fn likeliest(probabilities: &[f64]) -> (usize, f64) {
    probabilities
        .iter()
        .copied()
        .enumerate()
        .fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN: NonZeroUsize = NonZeroUsize::new(10).unwrap();
    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: std::num::NonZeroU32::new(500).unwrap(), seed: 3 };

    fn forecast(question: usize, probabilities: &[f64], right: usize) -> Forecast {
        Forecast { question: format!("{question:04}"), training: 0, probabilities: probabilities.to_vec(), right }
    }

    #[test]
    fn trainings_that_differ_widen_the_interval() {
        let of = |training, sure: f64| {
            (0..200).map(move |q| Forecast { training, ..forecast(q, &[sure, 1.0 - sure], usize::from(q % 10 >= 7)) })
        };
        let width = |first, second| {
            let both: Vec<Forecast> = of(0, first).chain(of(1, second)).collect();
            let found = calibration(&both, TEN, Level::P95, BOOTSTRAP).unwrap().unwrap().brier;
            assert_eq!(found.method, Method::Crossed);
            found.interval.high - found.interval.low
        };
        assert!(width(0.7, 0.7) < 0.2, "{}", width(0.7, 0.7));
        assert!(width(0.7, 0.8) > 0.25, "{}", width(0.7, 0.8));
    }

    #[test]
    fn error_and_score_agree_with_numpy() {
        // i = numpy.arange(300); p = 0.5 + (i * 7 % 50) / 101; right = (i * 13 % 100) / 100 < 0.7
        // brier = (2 * numpy.where(right, 1 - p, p) ** 2).mean()   # two choices, the first of which is the likelier
        // bin = numpy.clip(numpy.ceil(p * 10) - 1, 0, 9)
        // ece = sum(abs(p[bin == b].sum() - right[bin == b].sum()) for b in range(10)) / 300
        let of = |i: usize| {
            let p = 0.5 + (i * 7 % 50) as f64 / 101.0;
            forecast(i, &[p, 1.0 - p], usize::from((i * 13 % 100) as f64 / 100.0 >= 0.7))
        };
        let forecasts: Vec<Forecast> = (0..300).map(of).collect();
        let found = calibration(&forecasts, TEN, Level::P95, BOOTSTRAP).unwrap().unwrap();
        assert!((found.error - 0.139_405_940_594_059_36).abs() < 1e-12, "{}", found.error);
        assert!((found.brier.value - 0.476_335_653_367_316_9).abs() < 1e-12, "{}", found.brier.value);
        assert!((found.confidence - 0.742_574_257_425_742_6).abs() < 1e-12 && (found.accuracy - 0.7).abs() < 1e-12);
        assert!(found.brier.interval.low < found.brier.value && found.brier.value < found.brier.interval.high);
        let counts: Vec<usize> = found.bins.iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [0, 0, 0, 0, 6, 60, 60, 60, 60, 54]);
    }

    #[test]
    fn what_is_certain_and_right_has_no_error() {
        let found = calibration(&[forecast(0, &[0.0, 1.0], 1)], TEN, Level::P95, BOOTSTRAP).unwrap().unwrap();
        assert_eq!((found.error, found.brier.value, found.bins[9].count), (0.0, 0.0, 1));
        assert_eq!(calibration(&[], TEN, Level::P95, BOOTSTRAP).unwrap(), None);
    }

    #[test]
    fn what_is_no_forecast_is_refused() {
        let refused = |probabilities: &[f64], right| {
            calibration(&[forecast(7, probabilities, right)], TEN, Level::P95, BOOTSTRAP).unwrap_err().to_string()
        };
        expect_test::expect!["cannot calibrate question `0007`: `NaN` is not a probability"]
            .assert_eq(&refused(&[f64::NAN, 0.5], 0));
        expect_test::expect!["cannot calibrate question `0007`: its probabilities sum to 0.75, not to 1"]
            .assert_eq(&refused(&[0.25, 0.5], 0));
        expect_test::expect!["cannot calibrate question `0007`: its right choice is number 3 of 2"]
            .assert_eq(&refused(&[0.5, 0.5], 2));
    }

    proptest! {
        #[test]
        fn every_forecast_is_in_one_bin(
            parts in prop::collection::vec((0.01..1.0f64, 0.01..1.0f64, 0.01..1.0f64, 0usize..3), 1..40), bins in 1usize..20,
        ) {
            let forecasts: Vec<Forecast> = parts.iter().enumerate().map(|(i, (a, b, c, right))| {
                let sum = a + b + c;
                forecast(i, &[a / sum, b / sum, c / sum], *right)
            }).collect();
            let found = calibration(&forecasts, NonZeroUsize::new(bins).unwrap(), Level::P95, BOOTSTRAP).unwrap().unwrap();
            prop_assert_eq!(found.bins.iter().map(|bin| bin.count).sum::<usize>(), forecasts.len());
            prop_assert!((0.0..=1.0).contains(&found.error) && (0.0..=2.0).contains(&found.brier.value));
            prop_assert!((found.accuracy - found.confidence).abs() <= found.error + 1e-9);
            for bin in &found.bins {
                prop_assert!(bin.confidence.is_none_or(|c| bin.low - 1e-9 <= c && c <= bin.high + 1e-9));
            }
        }
    }
}
