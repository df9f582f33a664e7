//! Accuracy, and its difference from chance and from another arm.

use super::components::{Components, Part};
use super::wilson::{of_proportion, score};
use super::{
    Bootstrap, Crossed, Estimate, Interval, Level, Method, Odds, Pairs, Response, Responses, cohen_h, odds,
    permutation_test, sign_test,
};

/// Estimates the accuracy: the mean over questions of the fraction of replicates that answered right.
///
/// Wilson's interval: with one replicate for the number of questions, with several for as many as the error over questions
/// and trainings is worth, and with Student's t in the place of the normal quantile. Where every replicate answers alike on
/// every question, it is that for the number of questions again. Several samples of a replicate are worth what the variance
/// of the questions' fractions says. `None` without questions.
pub fn accuracy(responses: &Responses, level: Level) -> Option<Estimate> {
    let (questions, replicates) = (responses.questions(), responses.replicates());
    if questions == 0 {
        return None;
    }
    let value = responses.fraction();
    let interval =
        if replicates > 1 || responses.samples() > 1 { over_trainings(responses, value, level) } else { None };
    Some(match interval {
        Some(interval) => Estimate { value, interval, method: Method::CrossedWilson },
        None => of_proportion(value, questions, level),
    })
}

/// The interval of an accuracy of several replicates; `None` where neither questions nor trainings differ.
fn over_trainings(responses: &Responses, value: f64, level: Level) -> Option<Interval> {
    let questions: Vec<f64> = responses.rows().iter().map(Response::mean).collect();
    let components = Components::of([Part::of_mean(&questions), Part::of_mean(&responses.by_replicate())])?;
    let variance = components.variance();
    let worth = value * (1.0 - value) / variance;
    (worth > 0.0).then(|| score(value, worth, components.half(level) / variance.sqrt()))
}

/// Estimates accuracy minus the mean chance of guessing right; `None` without questions.
///
/// The questions' chance is known rather than estimated, so that the interval is the accuracy's, moved: it lies above
/// zero exactly when the accuracy's interval lies above chance.
pub fn against_chance(responses: &Responses, level: Level) -> Option<Estimate> {
    let Estimate { value, interval: Interval { low, high }, method } = accuracy(responses, level)?;
    let chance = responses.chance()?;
    let interval = Interval { low: low - chance, high: high - chance };
    Some(Estimate { value: value - chance, interval, method })
}

/// Two arms, question by question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Questions that both arms answered: the pairs.
    pub questions: usize,
    /// Questions that only one of the two answered, and which are left out.
    pub unpaired: usize,
    /// Replicates of each arm.
    pub replicates: (usize, usize),
    /// The first arm's accuracy minus the second's, on the pairs.
    pub difference: Estimate,
    /// Questions on which the first arm is right more often, over its replicates, than the second.
    pub wins: usize,
    /// Questions on which it is right less often.
    pub losses: usize,
    /// The two-sided p value of the exact McNemar test: with several replicates, the sign test over questions.
    pub p: f64,
    /// The two-sided p value of the exact permutation test of the questions' differences; McNemar's with one replicate
    /// each. Like it, it takes the trainings as given.
    pub p_permutation: f64,
    /// The two-sided p value of the bootstrap over questions, never below 2 / (resamples + 1); `None` where an arm has
    /// several replicates, or no resample varies.
    pub p_bootstrap: Option<f64>,
    /// The error over questions and trainings; `None` where both arms have one replicate alone, or nothing varies.
    pub crossed: Option<Crossed>,
    /// Cohen's h of the two accuracies.
    pub cohen_h: f64,
    /// The odds that a question on which the arms differ goes to the first; `None` where they differ on none.
    pub odds: Option<Odds>,
}

/// The test that decides whether two arms differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// McNemar's exact test, of one training each.
    McNemar,
    /// The exact paired permutation test over questions, which takes the trainings as given.
    Permutation,
    /// Student's t test with the error over questions and trainings.
    Crossed,
}

impl Test {
    /// Returns the name that tables and CSV files carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::McNemar => "mcnemar",
            Self::Permutation => "permutation",
            Self::Crossed => "crossed-t",
        }
    }
}

impl Comparison {
    /// Returns the p value that decides whether the arms differ, and the test it is from: over questions and trainings
    /// where an arm has several trainings, else over questions alone.
    pub fn decisive(&self) -> (f64, Test) {
        match self.crossed {
            Some(crossed) => (crossed.p(), Test::Crossed),
            // The permutation test is the same on one replicate each, but for rounding.
            None if self.replicates == (1, 1) => (self.p, Test::McNemar),
            None => (self.p_permutation, Test::Permutation),
        }
    }
}

/// Compares two arms on the questions that both answered; `None` when there is none.
pub fn difference(first: &Responses, second: &Responses, level: Level, bootstrap: Bootstrap) -> Option<Comparison> {
    Some(compare(&Pairs::of(first, second).ok()?, level, bootstrap))
}

/// Compares two arms on the questions that both answered.
///
/// With one replicate each the interval is that of resampled questions; with several in an arm it is that of the test that
/// decides. Where nothing varies, as between two arms that agree throughout, Bonett and Price's interval stands in.
pub fn compare(pairs: &Pairs<'_>, level: Level, bootstrap: Bootstrap) -> Comparison {
    let (ours, theirs) = pairs.rows();
    let (gained, lost) = pairs.gained_and_lost();
    let (wins, losses) = pairs.wins_and_losses();
    let (questions, value) = (pairs.questions(), (gained - lost) / pairs.questions() as f64);
    let once = pairs.once();
    let resampled = if once { bootstrap.tested("difference", &[(1.0, ours), (-1.0, theirs)], level) } else { None };
    let crossed = if once { None } else { Crossed::of(pairs) };
    let difference = match (resampled, crossed) {
        (Some((interval, _)), _) => Estimate { value, interval, method: Method::Bootstrap },
        (None, Some(crossed)) => Estimate { value, interval: crossed.interval(level), method: Method::Crossed },
        (None, None) => bonett_price(gained, lost, questions, level),
    };
    let (first, second) = pairs.accuracies();
    Comparison {
        questions,
        unpaired: pairs.unpaired(),
        replicates: pairs.replicates(),
        difference,
        wins,
        losses,
        p: sign_test(wins, losses),
        p_permutation: permutation_test(&pairs.whole_differences()),
        p_bootstrap: resampled.map(|(_, p)| p),
        crossed,
        cohen_h: cohen_h(first, second),
        odds: odds(wins, losses, level),
    }
}

/// Estimates a difference of paired fractions from what was gained and lost on `pairs` questions, at least one.
///
/// p̃₁ = (gained + 1)/(n + 2), p̃₂ = (lost + 1)/(n + 2), p̃₁ − p̃₂ ± z √((p̃₁ + p̃₂ − (p̃₁ − p̃₂)²)/(n + 2)), cut to [−1, 1]
/// (Bonett & Price, 2012, Journal of Educational and Behavioral Statistics 37).
fn bonett_price(gained: f64, lost: f64, pairs: usize, level: Level) -> Estimate {
    let n = pairs as f64 + 2.0;
    let (p1, p2) = ((gained + 1.0) / n, (lost + 1.0) / n);
    let (centre, spread) = (p1 - p2, (p1 + p2 - (p1 - p2).powi(2)) / n);
    let half = level.z() * spread.max(0.0).sqrt();
    let interval = Interval { low: (centre - half).max(-1.0), high: (centre + half).min(1.0) };
    Estimate { value: (gained - lost) / pairs as f64, interval, method: Method::BonettPrice }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn responses(rows: &[(&str, f64, &[bool])]) -> Responses {
        let row = |(question, chance, right): &(&str, f64, &[bool])| Response {
            question: (*question).to_owned(),
            chance: Some(*chance),
            right: right.to_vec(),
        };
        Responses::new(rows.iter().map(row).collect()).unwrap()
    }

    fn many(right: &[Vec<bool>]) -> Responses {
        let row = |(q, right): (usize, &Vec<bool>)| Response {
            question: format!("{q:04}"),
            chance: Some(0.5),
            right: right.clone(),
        };
        Responses::new(right.iter().enumerate().map(row).collect()).unwrap()
    }

    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: std::num::NonZeroU32::new(200).unwrap(), seed: 3 };

    #[test]
    fn no_question_gives_no_estimate() {
        let none = Responses::default();
        let one = responses(&[("a", 0.5, &[true])]);
        assert_eq!(accuracy(&none, Level::P95), None);
        assert_eq!(against_chance(&none, Level::P95), None);
        assert_eq!(difference(&none, &one, Level::P95, BOOTSTRAP), None);
        assert_eq!(difference(&one, &responses(&[("b", 0.5, &[true])]), Level::P95, BOOTSTRAP), None);
    }

    #[test]
    fn one_question_has_the_widest_interval_and_no_certainty() {
        let one = responses(&[("a", 0.25, &[true])]);
        let found = accuracy(&one, Level::P95).unwrap();
        assert_eq!((found.value, found.method), (1.0, Method::Wilson));
        assert!(found.interval.low < 0.21);
        let above = against_chance(&one, Level::P95).unwrap();
        assert!(above.interval.low < 0.0 && (above.interval.high - 0.75).abs() < 1e-12);
        let same = difference(&one, &one, Level::P95, BOOTSTRAP).unwrap();
        assert_eq!((same.p, same.wins, same.losses, same.difference.method), (1.0, 0, 0, Method::BonettPrice));
        assert!(same.difference.interval.low < -0.5 && same.difference.interval.high > 0.5);
    }

    #[test]
    fn replicates_that_agree_on_every_question_fall_back_to_wilson() {
        // statsmodels: proportion_confint(5, 5, method="wilson")
        let alike = many(&vec![vec![true, true, true]; 5]);
        let found = accuracy(&alike, Level::P95).unwrap();
        assert_eq!(found.method, Method::Wilson);
        assert!((found.interval.low - 0.565_517_535_216_825_2).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn bonett_and_price_is_its_formula() {
        // z = norm.ppf(0.975); p = (b+1)/(n+2); q = (c+1)/(n+2); d = p-q; d -/+ z*sqrt((p+q-d*d)/(n+2))
        let cases = [
            (0.0, 0.0, 50, -0.053_303_993_244_218_376, 0.053_303_993_244_218_376),
            (30.0, 12.0, 100, 0.053_697_496_164_008_07, 0.299_243_680_306_580_1),
            (1.0, 0.0, 1, -0.733_535_928_078_957_7, 1.0),
            (0.0, 20.0, 20, -1.0, -0.735_008_971_127_963_9),
        ];
        for (gained, lost, pairs, low, high) in cases {
            let found = bonett_price(gained, lost, pairs, Level::P95).interval;
            assert!((found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn trainings_decide_where_there_are_several() {
        let alike = many(&(0..300).map(|q| vec![q % 2 == 0, q % 2 == 0]).collect::<Vec<_>>());
        let apart = many(&(0..300).map(|q| vec![q % 3 == 0, q % 30 == 0]).collect::<Vec<_>>());
        let single = many(&(0..300).map(|q| vec![q % 5 == 0]).collect::<Vec<_>>());
        let decided = |first, second| difference(first, second, Level::P95, BOOTSTRAP).unwrap().decisive();
        // Over the questions alone the difference is beyond doubt; two trainings that lie far apart leave it open.
        let (p, test) = decided(&alike, &apart);
        assert!(test == Test::Crossed && p > 0.05, "{p}");
        assert!(difference(&alike, &apart, Level::P95, BOOTSTRAP).unwrap().p < 1e-6);
        assert_eq!(decided(&alike, &single).1, Test::Crossed);
        let (p, test) = decided(&apart, &single);
        assert!(test == Test::Crossed && p > 0.5, "{p}");
        let (never, once) = (many(&vec![vec![true, true]; 20]), many(&vec![vec![true]; 20]));
        assert_eq!(decided(&never, &once).1, Test::Permutation);
        assert_eq!(decided(&single, &single).1, Test::McNemar);
    }

    #[test]
    fn trainings_that_differ_widen_the_interval_of_an_accuracy() {
        // q = arange(200); M = stack([q % 10 < 6, q % 10 < 5, q * 7 % 10 < 8], 1); m = M.mean()
        // v = array([M.mean(1).var(ddof=1) / 200, M.mean(0).var(ddof=1) / 3]); n = m * (1 - m) / v.sum()
        // t = ((scipy.stats.t.ppf(0.975, [199, 2]) ** 2 * v).sum() / v.sum()) ** 0.5
        // (m + t*t/2/n -/+ t * (m * (1 - m) / n + t*t/4/n/n) ** 0.5) / (1 + t*t/n)
        let three = many(&(0..200).map(|q| vec![q % 10 < 6, q % 10 < 5, q * 7 % 10 < 8]).collect::<Vec<_>>());
        let found = accuracy(&three, Level::P95).unwrap();
        assert_eq!(found.method, Method::CrossedWilson);
        let Interval { low, high } = found.interval;
        assert!(
            (low - 0.277_760_799_013_821).abs() < 1e-6 && (high - 0.885_814_525_302_721_1).abs() < 1e-6,
            "{low} {high}"
        );
    }

    #[test]
    fn only_shared_questions_are_paired() {
        let first = responses(&[("a", 0.5, &[true]), ("b", 0.5, &[true]), ("d", 0.5, &[true])]);
        let second = responses(&[("b", 0.5, &[false]), ("c", 0.5, &[true]), ("d", 0.5, &[true])]);
        let found = difference(&first, &second, Level::P95, BOOTSTRAP).unwrap();
        assert_eq!((found.questions, found.unpaired, found.wins, found.losses), (2, 2, 1, 0));
        assert!((found.difference.value - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_question_counts_once_however_many_replicates_answered_it() {
        let first = many(&[vec![true, true, false], vec![true, true, true], vec![false, false, false]]);
        let second = many(&[vec![true, false], vec![false, false], vec![false, true]]);
        let found = difference(&first, &second, Level::P95, BOOTSTRAP).unwrap();
        assert_eq!((found.wins, found.losses, found.p), (2, 1, 1.0));
        assert!((found.difference.value - (5.0 / 9.0 - 2.0 / 6.0)).abs() < 1e-12);
    }

    fn tables() -> impl Strategy<Value = (Vec<Vec<bool>>, Vec<Vec<bool>>)> {
        (1usize..12, 1usize..4, 1usize..4).prop_flat_map(|(questions, first, second)| {
            let side =
                move |replicates| prop::collection::vec(prop::collection::vec(any::<bool>(), replicates), questions);
            (side(first), side(second))
        })
    }

    proptest! {
        #[test]
        fn every_estimate_is_finite_and_in_bounds((first, second) in tables(), seed: u64, level in 0.5..0.999f64) {
            let (first, second) = (many(&first), many(&second));
            let (level, bootstrap) = (Level::new(level).unwrap(), Bootstrap { seed, ..BOOTSTRAP });
            let fraction = accuracy(&first, level).unwrap();
            prop_assert!(0.0 <= fraction.interval.low && fraction.interval.low <= fraction.interval.high && fraction.interval.high <= 1.0 + 1e-12);
            let found = difference(&first, &second, level, bootstrap).unwrap();
            let Interval { low, high } = found.difference.interval;
            prop_assert!(-1.0 - 1e-12 <= low && low <= high && high <= 1.0 + 1e-12, "{low} {high}");
            prop_assert!((0.0..=1.0).contains(&found.p) && (0.0..=1.0).contains(&found.decisive().0));
            prop_assert!(found.p_bootstrap.is_none_or(|p| p > 0.0 && p <= 1.0) && found.cohen_h.is_finite());
            let single = first.replicates() == 1 && second.replicates() == 1;
            prop_assert!(!single || (found.p - found.p_permutation).abs() < 1e-9);
            prop_assert!(!single || found.decisive().1 == Test::McNemar);
            let other = accuracy(&second, level).unwrap();
            prop_assert!((found.difference.value - (fraction.value - other.value)).abs() < 1e-12);
        }

        #[test]
        fn the_order_of_questions_does_not_matter((first, _) in tables()) {
            let forward = many(&first);
            let mut rows = forward.rows().to_vec();
            rows.reverse();
            let backward = Responses::new(rows).unwrap();
            prop_assert_eq!(accuracy(&forward, Level::P95), accuracy(&backward, Level::P95));
        }
    }
}
