//! A fraction of a whole.

use std::fmt;

use serde::{Deserialize, Serialize};

use retort_fingerprint::{ContentHash, Term};

/// A fraction from 0 to 1, both included.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

/// A number that is no fraction.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("cannot take `{value}` as a fraction: expected a number from 0 to 1")]
pub struct FractionError {
    /// The number.
    pub value: f64,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// The whole.
    pub const ONE: Self = Self(1.0);

    /// Returns the number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Returns this fraction of `count` things, rounded to the nearest whole number, halves up.
    pub fn of(self, count: usize) -> usize {
        ((self.0 * count as f64).round() as usize).min(count)
    }
}

impl TryFrom<f64> for Fraction {
    type Error = FractionError;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value + 0.0)) } else { Err(FractionError { value }) }
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl ContentHash for Fraction {
    fn term(&self) -> Term {
        Term::Float(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_from_0_to_1_are_fractions() {
        for good in [0.0, -0.0, 0.1, 1.0] {
            assert!(Fraction::try_from(good).is_ok());
        }
        for bad in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            assert!(Fraction::try_from(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn a_fraction_is_rounded_to_the_nearest_count() {
        let of = |fraction: f64, count| Fraction::try_from(fraction).unwrap().of(count);
        assert_eq!([of(0.1, 24), of(0.1, 25), of(0.5, 3), of(0.0, 9), of(1.0, 9), of(0.9, 0)], [2, 3, 2, 0, 9, 0]);
    }
}
