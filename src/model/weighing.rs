//! What the tokens of an example weigh in the loss, and how that changes in the course of a training.
//!
//! The loss of a step is `Σ wᵢ·CEᵢ / Σ wᵢ`, both sums over the tokens that carry loss in all batches of the step, as the
//! Trainer divides by `num_items_in_batch`. Where all weights are equal that is the plain mean, and a token of weight 0
//! counts for as much as one that is not there: neither above nor below the line.

/// What one token weighs in the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenWeight {
    /// Its own factor, at least 0.
    pub factor: f32,
    /// Whether the recipe's [`Ramp`] multiplies it.
    pub ramped: bool,
}

/// A factor that changes in a line over the first steps of a training and stays from then on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// The factor of the first step.
    pub from: f64,
    /// The factor from the end of the change on.
    pub to: f64,
    /// The fraction of all steps over which it changes; with 0 it is `to` from the first step on.
    pub over: f64,
}

impl Ramp {
    /// The factor of the step after `done` steps of `total`.
    pub fn at(&self, done: u64, total: u64) -> f64 {
        let steps = self.over * total as f64;
        let fraction = if (done as f64) < steps { done as f64 / steps } else { 1.0 };
        // Both ends are exact.
        self.from * (1.0 - fraction) + self.to * fraction
    }

    /// The least and the greatest factor.
    pub(crate) fn ends(&self) -> [f64; 2] {
        [if self.over > 0.0 { self.from } else { self.to }, self.to]
    }
}

/// The weights of tokens at a factor of the ramp.
pub(crate) fn weights(tokens: &[TokenWeight], ramp: f64) -> Vec<f32> {
    let weight = |token: &TokenWeight| {
        if token.ramped { (f64::from(token.factor) * ramp) as f32 } else { token.factor }
    };
    tokens.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decision_table_of_a_ramp() {
        #[rustfmt::skip]
        let table: &[(f64, f64, f64, u64, &[f64])] = &[
            // from, to, over, total: the factor of each step and of one beyond the last
            (1.0, 0.0, 1.0, 4, &[1.0, 0.75, 0.5, 0.25, 0.0]),
            (1.0, 0.0, 0.5, 4, &[1.0, 0.5, 0.0, 0.0, 0.0]),
            (0.0, 1.0, 0.5, 4, &[0.0, 0.5, 1.0, 1.0, 1.0]),
            (2.0, 0.5, 0.75, 4, &[2.0, 1.5, 1.0, 0.5, 0.5]),
            // A change that ends between two steps.
            (1.0, 0.0, 0.5, 3, &[1.0, 1.0 / 3.0, 0.0, 0.0]),
            // A change that is over before the second step, or before the first.
            (1.0, 0.0, 0.1, 4, &[1.0, 0.0, 0.0, 0.0]),
            (1.0, 0.0, 0.0, 4, &[0.0, 0.0, 0.0, 0.0]),
            (0.5, 0.5, 0.5, 2, &[0.5, 0.5, 0.5]),
            (1.0, 0.0, 1.0, 1, &[1.0, 0.0]),
        ];
        for &(from, to, over, total, expected) in table {
            let ramp = Ramp { from, to, over };
            for (done, expected) in (0..).zip(expected) {
                let found = ramp.at(done, total);
                assert!((found - expected).abs() < 1e-12, "{ramp:?} after {done} of {total}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn only_ramped_tokens_follow_the_ramp() {
        let token = |factor, ramped| TokenWeight { factor, ramped };
        let tokens = [token(1.0, false), token(2.0, true), token(0.0, true)];
        assert_eq!(weights(&tokens, 0.25), [1.0, 0.5, 0.0]);
        assert_eq!(weights(&tokens, 0.0), [1.0, 0.0, 0.0]);
    }
}
