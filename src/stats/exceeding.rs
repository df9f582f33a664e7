//! Whether a difference exceeds a given one.

use super::tango::Tango;
use super::{Crossed, Method, Pairs};

/// A difference of two arms held against a given one, from −1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exceeding {
    /// The one-sided p value of a true difference of at most the given one: small where it is exceeded.
    pub at_most: f64,
    /// The one-sided p value of a true difference of at least the given one: small where it is missed.
    pub at_least: f64,
    /// How the p values were made.
    pub method: Method,
}

/// Tests whether the first arm's accuracy exceeds the second's by more than `delta`, by the tests of
/// [`equivalence`](super::equivalence): Tango's score tests with one replicate each, t tests with the error over
/// questions and trainings where an arm has several.
pub fn exceeding(pairs: &Pairs<'_>, delta: f64) -> Exceeding {
    let crossed = (!pairs.once()).then(|| Crossed::of(pairs)).flatten();
    if let Some(crossed) = crossed {
        let (at_most, at_least) = (crossed.p_above(delta), crossed.p_below(delta));
        return Exceeding { at_most, at_least, method: Method::Crossed };
    }
    let (gained, lost) = pairs.gained_and_lost();
    let tango = Tango { gained, lost, questions: pairs.questions() as f64 };
    Exceeding { at_most: tango.p_above(delta), at_least: tango.p_below(delta), method: Method::Tango }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Level, Margin, Response, Responses, equivalence};

    fn arm(questions: usize, right: impl Fn(usize) -> Vec<bool>) -> Responses {
        let row = |q| Response { question: format!("{q:05}"), chance: Some(0.5), right: right(q) };
        Responses::new((0..questions).map(row).collect()).unwrap()
    }

    #[test]
    fn a_clear_difference_exceeds_what_is_smaller_and_misses_what_is_larger() {
        let (first, second) = (arm(500, |q| vec![q < 300]), arm(500, |q| vec![q < 200]));
        let pairs = Pairs::of(&first, &second).unwrap();
        let at = |delta| exceeding(&pairs, delta);
        assert!(at(0.1).at_most < 1e-4 && at(0.1).at_least > 0.999);
        assert!(at(0.3).at_most > 0.999 && at(0.3).at_least < 1e-4);
        assert!((at(0.2).at_most - 0.5).abs() < 0.01, "{:?}", at(0.2));
        assert_eq!(at(0.1).method, Method::Tango);
    }

    #[test]
    fn trainings_that_differ_make_it_less_certain() {
        let arms = |trainings: usize| {
            let of = |level: usize| arm(400, move |q| (0..trainings).map(|t| q % 20 < level + 3 * t).collect());
            (of(12), of(9))
        };
        let (first, second) = arms(3);
        let found = exceeding(&Pairs::of(&first, &second).unwrap(), 0.02);
        assert_eq!(found.method, Method::Crossed);
        let (first, second) = arms(1);
        assert!(exceeding(&Pairs::of(&first, &second).unwrap(), 0.02).at_most < found.at_most);
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_test_of_equivalence(wins in 0usize..40, losses in 0usize..40, rest in 1usize..300, margin in 0.01..0.4f64) {
            let questions = wins + losses + rest;
            let first = arm(questions, |q| vec![q < wins]);
            let second = arm(questions, |q| vec![q >= wins && q < wins + losses]);
            let pairs = Pairs::of(&first, &second).unwrap();
            let equivalent = equivalence(&pairs, Margin::new(margin).unwrap(), Level::P95);
            let (above, below) = (exceeding(&pairs, margin), exceeding(&pairs, -margin));
            prop_assert!((equivalent.p - below.at_most.max(above.at_least)).abs() < 1e-12);
            prop_assert!((equivalent.p_beyond - (2.0 * above.at_most.min(below.at_least)).min(1.0)).abs() < 1e-12);
            prop_assert!((above.at_most + above.at_least - 1.0).abs() < 1e-9);
        }
    }
}
