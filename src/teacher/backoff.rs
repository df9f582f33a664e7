//! How long to wait before the same thing is asked again.

use std::time::Duration;

use retort_fingerprint::Draw;

/// Waits that double from a first one up to a longest, each shortened by up to half at random, so that whoever failed
/// together does not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
}

impl Backoff {
    /// Returns the wait after a row has failed so many times, from 1. `salt` differs between programs that ask one server.
    pub(super) fn wait(&self, salt: u64, row: usize, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let whole = self.first.saturating_mul(1 << doublings).min(self.most);
        let chance = Draw::new(salt, &["wait", &row.to_string(), &failures.to_string()]).unit();
        whole.mul_f64(1.0 - chance / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_double_up_to_the_longest(row: usize, salt: u64, failures in 1u32..60) {
            let backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_mins(1) };
            let whole = Duration::from_millis(500).saturating_mul(1 << (failures - 1).min(30)).min(Duration::from_mins(1));
            let wait = backoff.wait(salt, row, failures);
            prop_assert!(wait <= whole && wait >= whole / 2, "{wait:?} of {whole:?}");
        }
    }

    #[test]
    fn rows_that_fail_together_come_back_apart() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_mins(1) };
        let waits: std::collections::BTreeSet<_> = (0..100).map(|row| backoff.wait(1, row, 1)).collect();
        assert!(waits.len() > 95, "{}", waits.len());
        assert_ne!(backoff.wait(1, 0, 1), backoff.wait(2, 0, 1));
    }
}
