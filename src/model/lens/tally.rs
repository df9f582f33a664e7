//! What rows of logits say, put together from blocks of the vocabulary as they come.
//!
//! With `m` the largest logit so far and `s` the sum of `exp(z - m)`, all that is read of a row are sums of exponentials that
//! a larger `m` rescales, so that no more than one block is ever needed at once (Milakov and Gimelshein, 2018, for `s`).
//! Sums over blocks are in double precision and in the order of the vocabulary: the same blocks give the same bits, however
//! many of them are surveyed together.

use super::Reading;
use crate::kernels::SURVEY;

/// One row, as far as the vocabulary was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Columns before those that are surveyed next.
    begun: usize,
    top: usize,
    /// The row's own distribution: the largest logit, and sums of `exp(z - m)` and of `exp(z - m) (z - m)`.
    own: Mass,
    weighted: f64,
    /// The final one, and the sum of `exp(f - m)` times `f - z`.
    last: Mass,
    apart: f64,
    above: f64,
    chosen: f64,
}

/// A sum of exponentials of logits.
#[derive(Clone, Copy, Debug, Default)]
struct Mass {
    /// What is subtracted from each; `None` as long as nothing was seen.
    shift: Option<f64>,
    sum: f64,
}

impl Mass {
    /// Adds a sum; returns what the sums so far and the new ones are to be multiplied by, and the shift that all have then.
    fn add(&mut self, shift: f64, sum: f64) -> (f64, f64, f64) {
        let common = self.shift.map_or(shift, |known| known.max(shift));
        let before = self.shift.map_or(0.0, |known| libm::exp(known - common));
        let after = libm::exp(shift - common);
        *self = Self { shift: Some(common), sum: self.sum * before + sum * after };
        (before, after, common)
    }

    /// The logarithm of the sum of all exponentials.
    fn log(self) -> f64 {
        self.shift.unwrap_or(f64::NEG_INFINITY) + libm::log(self.sum)
    }
}

impl Tally {
    /// Takes the blocks of the next `columns`.
    pub(super) fn take(&mut self, blocks: &[f32], columns: usize) {
        for block in blocks.chunks_exact(SURVEY) {
            let &[top, shift, sum, weighted, last_shift, last_sum, distance, above, chosen] = block else {
                unreachable!("a block has {SURVEY} numbers")
            };
            let [shift, sum, weighted] = [shift, sum, weighted].map(f64::from);
            if self.own.shift.is_none_or(|known| shift > known) {
                self.top = self.begun + top as usize;
            }
            let known = self.own.shift.unwrap_or(shift);
            let own = self.own.sum;
            let (before, after, common) = self.own.add(shift, sum);
            self.weighted =
                before * (self.weighted + own * (known - common)) + after * (weighted + sum * (shift - common));
            let [last_shift, last_sum, distance] = [last_shift, last_sum, distance].map(f64::from);
            let (before, after, _) = self.last.add(last_shift, last_sum);
            self.apart = before * self.apart + after * (distance + last_sum * (last_shift - shift));
            self.above += f64::from(above);
            self.chosen = f64::from(chosen);
        }
        self.begun += columns;
    }

    /// Takes the blocks of the next `columns` of all rows.
    pub(super) fn take_rows(rows: &mut [Self], said: &[f32], columns: usize) {
        let blocks = said.len() / rows.len();
        for (row, said) in rows.iter_mut().zip(said.chunks_exact(blocks)) {
            row.take(said, columns);
        }
    }

    /// The divergence of the final distribution from the row's own, in nats; no number where a logit is none.
    pub(super) fn divergence(&self) -> f64 {
        let Self { own, last, apart, .. } = self;
        let divergence = apart / last.sum - (last.log() - own.log());
        if divergence < 0.0 { 0.0 } else { divergence }
    }

    /// What the gradient of `scale` times the divergence needs: the largest logit and `scale` over the sum of exponentials,
    /// of the row and then of the final one.
    pub(super) fn sums(&self, scale: f32) -> [f32; 4] {
        let of = |mass: Mass| [mass.shift.unwrap_or(0.0) as f32, (f64::from(scale) / mass.sum) as f32];
        let ([shift, factor], [last_shift, last_factor]) = (of(self.own), of(self.last));
        [shift, factor, last_shift, last_factor]
    }

    /// What the whole vocabulary says.
    pub(super) fn reading(&self) -> Reading {
        let Self { begun: _, top, own, weighted, last: _, apart: _, above, chosen } = self;
        Reading {
            top: *top as u32,
            top_probability: (1.0 / own.sum) as f32,
            probability: (libm::exp(chosen - own.shift.unwrap_or(0.0)) / own.sum) as f32,
            entropy: (libm::log(own.sum) - weighted / own.sum).max(0.0) as f32,
            divergence: self.divergence() as f32,
            rank: *above as u32 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::BLOCK;
    use crate::kernels::host::distributions::survey;

    /// Surveys columns part by part.
    fn tallied(logits: &[f32], finals: &[f32], target: usize, parts: &[usize]) -> Reading {
        let (mut tally, mut begun) = (Tally::default(), 0);
        for &columns in parts {
            let part = begun..begun + columns;
            let mut out = vec![0.0; columns.div_ceil(BLOCK) * SURVEY];
            survey(&logits[part.clone()], &finals[part], &[logits[target]], columns, &mut out);
            tally.take(&out, columns);
            begun += columns;
        }
        assert_eq!(begun, logits.len());
        tally.reading()
    }

    /// The same in double precision, after the definitions.
    fn defined(logits: &[f32], finals: &[f32], target: usize) -> [f64; 4] {
        let distribution = |row: &[f32]| {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = row.iter().map(|z| f64::from(z - most).exp()).sum();
            row.iter().map(|z| f64::from(z - most) - sum.ln()).collect::<Vec<f64>>()
        };
        let (own, last) = (distribution(logits), distribution(finals));
        let top = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let entropy: f64 = own.iter().map(|log| -log.exp() * log).sum();
        let divergence: f64 = own.iter().zip(&last).map(|(own, last)| last.exp() * (last - own)).sum();
        [top.exp(), own[target].exp(), entropy, divergence]
    }

    /// Splits a length into parts of whole blocks.
    fn parts(len: usize, sizes: &[usize]) -> Vec<usize> {
        let (mut left, mut parts) = (len, Vec::new());
        for size in sizes.iter().cycle() {
            let part = left.min(size * BLOCK);
            parts.push(part);
            left -= part;
            if left == 0 {
                break;
            }
        }
        parts
    }

    fn row(len: usize, seed: u64, spread: f32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
        };
        (0..len).map(|_| next() * spread).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_parts_give_the_same_bits_and_they_are_those_of_the_definition(
            len in 1..6_000_usize,
            seeds in any::<(u64, u64)>(),
            spread in prop::sample::select(vec![0.1_f32, 4.0, 40.0]),
            level in -300.0..300.0_f32,
            sizes in prop::collection::vec(1..5_usize, 1..4),
            target in any::<prop::sample::Index>(),
        ) {
            let mut logits = row(len, seeds.0, spread);
            logits.iter_mut().for_each(|z| *z += level);
            let (finals, target) = (row(len, seeds.1, 6.0), target.index(len));
            let whole = tallied(&logits, &finals, target, &[len]);
            prop_assert_eq!(tallied(&logits, &finals, target, &parts(len, &sizes)), whole);
            let found = [whole.top_probability, whole.probability, whole.entropy, whole.divergence].map(f64::from);
            for (found, required) in found.into_iter().zip(defined(&logits, &finals, target)) {
                prop_assert!((found - required).abs() < 2e-5 * (required.abs() + 1e-2), "{} is not {}", found, required);
            }
            let best = (0..len).rev().max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            prop_assert_eq!(Some(whole.top as usize), best);
            let above = logits.iter().filter(|z| **z > logits[target]).count();
            prop_assert_eq!(whole.rank as usize, above + 1);
            prop_assert_eq!(tallied(&finals, &finals, target, &parts(len, &sizes)).divergence.to_bits(), 0);
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut logits = row(2_500, 1, 4.0);
            logits[1_700] = odd;
            let found = tallied(&logits, &row(2_500, 2, 4.0), 3, &[1_024, 1_476]);
            assert!(!found.divergence.is_finite() || !found.probability.is_finite(), "{odd}: {found:?}");
        }
    }
}
