//! Whether two arms are as good as each other: tests for claims of "no difference".

use super::tango::Tango;
use super::{Crossed, Interval, Level, Method, Pairs, StatsError};
use retort_fingerprint::{ContentHash, Term};

/// The largest difference of two proportions that counts as none, strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin(f64);

impl Margin {
    /// Takes a margin such as 0.02 for two percentage points; fails unless it lies strictly between 0 and 1.
    pub fn new(margin: f64) -> Result<Self, StatsError> {
        if margin > 0.0 && margin < 1.0 { Ok(Self(margin)) } else { Err(StatsError::Margin(margin)) }
    }

    /// Returns the margin as a proportion, such as 0.02.
    pub fn fraction(self) -> f64 {
        self.0
    }
}

impl ContentHash for Margin {
    fn term(&self) -> Term {
        let Self(margin) = self;
        margin.term()
    }
}

/// What is known of a difference and its margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// The difference is smaller than the margin.
    Equivalent,
    /// The difference is larger than the margin.
    Different,
    /// The data do not tell.
    Undecided,
}

/// Two arms held against a margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// The margin.
    pub margin: Margin,
    /// The first arm's accuracy minus the second's.
    pub value: f64,
    /// The interval that lies within the margin exactly where the arms are equivalent at the level: for 95 % it is the
    /// 90 % interval.
    pub interval: Interval,
    /// How interval and p values were made.
    pub method: Method,
    /// The p value of a difference at least as large as the margin: the larger of the two one-sided ones.
    pub p: f64,
    /// The two-sided p value of a difference within the margin.
    pub p_beyond: f64,
    /// What holds at the level.
    pub closeness: Closeness,
}

/// Tests whether two arms differ by less than a margin, by two one-sided tests each at one minus the level (Schuirmann,
/// 1987, Journal of Pharmacokinetics and Biopharmaceutics 15).
///
/// With one replicate each the one-sided tests are Tango's score tests for paired proportions, which keep their level in small
/// samples where Wald's do not (Liu et al., 2002, Statistics in Medicine 21). With several in either arm they are t tests
/// with the error over questions and trainings ([`Crossed`]); where nothing varies, Tango's stand in. A bootstrap would
/// have to guess how trainings vary beyond the few that it resamples.
pub fn equivalence(pairs: &Pairs<'_>, margin: Margin, level: Level) -> Equivalence {
    let (gained, lost) = pairs.gained_and_lost();
    let tango = Tango { gained, lost, questions: pairs.questions() as f64 };
    let crossed = (!pairs.once()).then(|| Crossed::of(pairs)).flatten();
    let above = |delta| crossed.map_or_else(|| tango.p_above(delta), |crossed| crossed.p_above(delta));
    let below = |delta| crossed.map_or_else(|| tango.p_below(delta), |crossed| crossed.p_below(delta));
    let Margin(width) = margin;
    let p = above(-width).max(below(width));
    let p_beyond = (2.0 * above(width).min(below(-width))).min(1.0);
    let one_sided = level.one_sided();
    let interval = crossed.map_or_else(|| tango.interval(one_sided), |crossed| crossed.interval(one_sided));
    let alpha = 1.0 - level.fraction();
    let closeness = match (p <= alpha, p_beyond <= alpha) {
        (true, _) => Closeness::Equivalent,
        (_, true) => Closeness::Different,
        _ => Closeness::Undecided,
    };
    let method = if crossed.is_some() { Method::Crossed } else { Method::Tango };
    Equivalence { margin, value: (gained - lost) / pairs.questions() as f64, interval, method, p, p_beyond, closeness }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Response, Responses};

    /// Two arms, the first of which alone is right on `wins` questions, and the second on `losses`.
    fn arms(wins: usize, losses: usize, questions: usize) -> (Responses, Responses) {
        let of = |right: &dyn Fn(usize) -> bool| {
            let row = |q| Response { question: format!("{q:05}"), chance: Some(0.5), right: vec![right(q)] };
            Responses::new((0..questions).map(row).collect()).unwrap()
        };
        (of(&|q| q < wins), of(&|q| q >= wins && q < wins + losses))
    }

    fn tested(wins: usize, losses: usize, questions: usize, margin: f64) -> Equivalence {
        let (first, second) = arms(wins, losses, questions);
        equivalence(&Pairs::of(&first, &second).unwrap(), Margin::new(margin).unwrap(), Level::P95)
    }

    #[test]
    fn claims_of_no_difference_are_decided_by_the_margin() {
        assert_eq!(tested(20, 21, 1000, 0.02).closeness, Closeness::Equivalent);
        assert_eq!(tested(20, 21, 100, 0.02).closeness, Closeness::Undecided);
        assert_eq!(tested(200, 21, 1000, 0.02).closeness, Closeness::Different);
        assert_eq!(tested(21, 200, 1000, 0.02).closeness, Closeness::Different);
        // Identical answers to few questions are no proof of anything.
        assert_eq!(tested(0, 0, 50, 0.02).closeness, Closeness::Undecided);
        assert_eq!(tested(0, 0, 500, 0.02).closeness, Closeness::Equivalent);
    }

    #[test]
    fn replicates_are_taken_into_account() {
        let of = |shift: usize| {
            // Trainings that differ from each other by far more than the arms do.
            let row = |q| Response {
                question: format!("{q:05}"),
                chance: Some(0.5),
                right: [3, 5, 7].map(|level| (q + shift) % 10 < level).to_vec(),
            };
            Responses::new((0..1000).map(row).collect()).unwrap()
        };
        let (first, second) = (of(0), of(0));
        let found = equivalence(&Pairs::of(&first, &second).unwrap(), Margin::new(0.05).unwrap(), Level::P95);
        assert_eq!((found.method, found.closeness), (Method::Crossed, Closeness::Undecided));
        assert!(found.interval.high > 0.2, "{found:?}");
    }

    #[test]
    fn a_margin_lies_strictly_between_0_and_1() {
        for margin in [0.0, 1.0, -0.02, 2.0, f64::NAN] {
            assert!(Margin::new(margin).is_err(), "{margin}");
        }
        expect_test::expect!["`2` is no margin: expected a fraction above 0 and below 1, such as 0.02 for two points"]
            .assert_eq(&Margin::new(2.0).unwrap_err().to_string());
    }

    proptest! {
        #[test]
        fn arms_are_equivalent_exactly_where_the_interval_lies_within_the_margin(
            wins in 0usize..40, losses in 0usize..40, rest in 1usize..400, margin in 0.005..0.3f64,
        ) {
            let found = tested(wins, losses, wins + losses + rest, margin);
            prop_assume!((found.p - 0.05).abs() > 1e-6);
            let within = -margin < found.interval.low && found.interval.high < margin;
            prop_assert_eq!(found.closeness == Closeness::Equivalent, within, "{:?}", found);
            prop_assert!(found.interval.low <= found.value + 1e-9 && found.value <= found.interval.high + 1e-9);
        }
    }
}
