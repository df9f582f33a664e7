//! Chance that never changes: a stream of numbers out of a seed and labels.

use super::Term;

/// A stream of random numbers, decided by a seed and the labels that say what it is for.
///
/// The stream is blake3's extendable output, so it is the same on every machine and in every version of every library.
/// Give each row its own labels and no row's numbers move when another row comes or goes.
#[derive(Debug)]
pub struct Draw {
    reader: blake3::OutputReader,
    /// One block of the stream, and how much of it is used: a block is hashed once rather than once per number.
    block: [u8; 64],
    used: usize,
}

impl Draw {
    /// Starts the stream for a seed and labels such as `["mask", "0", row_id]`.
    pub fn new(seed: u64, labels: &[&str]) -> Self {
        let mut key = Vec::new();
        Term::List(labels.iter().map(|label| Term::Text((*label).to_owned())).collect()).encode(&mut key);
        let mut hasher = blake3::Hasher::new_derive_key("retort 2026 draw v1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&key);
        Self { reader: hasher.finalize_xof(), block: [0; 64], used: 64 }
    }

    /// Returns the next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        if self.used == self.block.len() {
            self.reader.fill(&mut self.block);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    /// Returns a whole number in `0..bound`, each equally likely (rejection after Lemire, 2019).
    ///
    /// # Panics
    /// When `bound` is zero: there is no such number.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "a draw from an empty range");
        let bound = bound as u64;
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as usize;
            }
        }
    }

    /// Returns a real number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Puts a slice in random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Returns one element of a slice, each equally likely; `None` when it is empty.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { Some(&items[self.below(items.len())]) }
    }

    /// Returns `count` different numbers of `0..bound` in rising order; all of them when `count` is larger.
    pub fn sample(&mut self, bound: usize, count: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..bound).collect();
        self.shuffle(&mut all);
        all.truncate(count);
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_stream_is_pinned() {
        let mut draw = Draw::new(17, &["mask", "row-1"]);
        let numbers: Vec<usize> = (0..8).map(|_| draw.below(100)).collect();
        expect_test::expect!["[4, 63, 5, 65, 55, 57, 79, 66]"].assert_eq(&format!("{numbers:?}"));
    }

    #[test]
    fn labels_do_not_run_together() {
        assert_ne!(Draw::new(1, &["ab", "c"]).bits(), Draw::new(1, &["a", "bc"]).bits());
        assert_ne!(Draw::new(1, &["a"]).bits(), Draw::new(2, &["a"]).bits());
    }

    #[test]
    fn every_number_below_a_bound_is_about_equally_likely() {
        let mut draw = Draw::new(0, &["uniform"]);
        let mut counts = [0u32; 7];
        (0..70_000).for_each(|_| counts[draw.below(7)] += 1);
        // Six standard deviations of a binomial with n = 70,000 and p = 1/7.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 556), "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_shuffle_keeps_every_element(seed: u64, mut items in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut shuffled = items.clone();
            Draw::new(seed, &["shuffle"]).shuffle(&mut shuffled);
            items.sort_unstable();
            shuffled.sort_unstable();
            prop_assert_eq!(items, shuffled);
        }

        #[test]
        fn a_sample_has_the_asked_size_in_rising_order(seed: u64, bound in 0usize..50, count in 0usize..60) {
            let sample = Draw::new(seed, &["sample"]).sample(bound, count);
            prop_assert_eq!(sample.len(), count.min(bound));
            prop_assert!(sample.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(sample.iter().all(|&index| index < bound));
        }
    }
}
