//! Dropout (Srivastava et al. 2014) whose every decision is a pure function of a seed and a place, so that it is the same
//! on every backend, in every order, and again in the backward pass.

use rayon::prelude::*;

use super::lanes::vectorised;

/// What is dropped: a fraction, and what decides where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dropout {
    /// The fraction, at least 0 and below 1.
    pub(crate) rate: f32,
    /// Decides which elements.
    pub(crate) seed: u64,
}

impl Dropout {
    /// The decisions along one row.
    #[inline(always)]
    pub(super) fn row(self, row: u64) -> Row {
        // The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
        let mut z = self.seed.wrapping_add(row.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let seed = (z ^ (z >> 31)) as u32;
        Row { seed, least: (f64::from(self.rate) * (1_u64 << 32) as f64) as u32, factor: 1.0 / (1.0 - self.rate) }
    }

    /// The decisions along the row of one query in a head of a sequence.
    #[inline(always)]
    pub(super) fn query(self, sequence: usize, head: usize, query: usize) -> Row {
        self.row(((sequence as u64) << 40) | ((head as u64) << 24) | query as u64)
    }
}

/// The decisions along one row.
#[derive(Clone, Copy)]
pub(super) struct Row {
    seed: u32,
    /// Hashes below this are dropped.
    least: u32,
    factor: f32,
}

impl Row {
    /// Zero where the element at `column` is dropped, else the factor that makes up for those that are.
    #[inline(always)]
    pub(super) fn at(self, column: u32) -> f32 {
        // A mix of 32 bits without multiplications by more than 32, so that it vectorises (Wellons 2018, lowbias32).
        let mut x = self.seed ^ column.wrapping_mul(0x9e37_79b9);
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        if x < self.least { 0.0 } else { self.factor }
    }
}

/// Drops elements of `data` `[rows, width]`, and scales the others up.
pub(crate) fn apply(data: &mut [f32], width: usize, dropout: Dropout) {
    each_row(data, width, dropout, |x, factor| *x *= factor);
}

/// Fills `out` `[rows, width]` with what [`apply`] multiplies by.
pub(crate) fn mask_rows(out: &mut [f32], width: usize, dropout: Dropout) {
    each_row(out, width, dropout, |x, factor| *x = factor);
}

fn each_row(data: &mut [f32], width: usize, dropout: Dropout, set: impl Fn(&mut f32, f32) + Sync) {
    data.par_chunks_mut(width).with_min_len(16).enumerate().for_each(|(i, data)| {
        let row = dropout.row(i as u64);
        vectorised(
            #[inline(always)]
            || {
                for (column, x) in (0_u32..).zip(data.iter_mut()) {
                    set(x, row.at(column));
                }
            },
        );
    });
}

/// Fills `out` `[queries, keys]` with what the attention probabilities of a head of a sequence are multiplied by.
pub(crate) fn attention_mask(
    out: &mut [f32],
    sequence: usize,
    head: usize,
    keys: usize,
    first: usize,
    dropout: Dropout,
) {
    for (query, out) in out.chunks_exact_mut(keys).enumerate().skip(first) {
        let row = dropout.query(sequence, head, query - first);
        for (column, x) in (0_u32..).zip(&mut out[first..]) {
            *x = row.at(column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_dropped_and_the_rest_makes_up_for_it() {
        for rate in [0.1, 0.3, 0.75] {
            let mut mask = vec![0.0; 300 * 200];
            mask_rows(&mut mask, 200, Dropout { rate, seed: 5 });
            let dropped = mask.iter().filter(|&&x| x == 0.0).count() as f32 / mask.len() as f32;
            assert!((dropped - rate).abs() < 0.01, "{rate}: {dropped}");
            let mean = mask.iter().sum::<f32>() / mask.len() as f32;
            assert!((mean - 1.0).abs() < 0.03, "{rate}: {mean}");
            // Neither rows nor columns nor seeds go together.
            for other in [Dropout { rate, seed: 6 }, Dropout { rate, seed: 5 << 32 }] {
                let mut second = vec![0.0; mask.len()];
                mask_rows(&mut second, 200, other);
                let both = mask.iter().zip(&second).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
                assert!((both as f32 / mask.len() as f32 - rate * rate).abs() < 0.01);
            }
            let neighbours = mask.windows(2).filter(|pair| pair == &[0.0, 0.0]).count();
            assert!((neighbours as f32 / mask.len() as f32 - rate * rate).abs() < 0.01);
            let below = mask.iter().zip(&mask[200..]).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
            assert!((below as f32 / mask.len() as f32 - rate * rate).abs() < 0.01);
        }
    }

    #[test]
    fn applying_multiplies_by_the_mask() {
        let dropout = Dropout { rate: 0.4, seed: 9 };
        let mut data: Vec<f32> = (0..40 * 7).map(|i| i as f32).collect();
        let mut mask = vec![0.0; data.len()];
        mask_rows(&mut mask, 7, dropout);
        let want: Vec<f32> = data.iter().zip(&mask).map(|(x, m)| x * m).collect();
        apply(&mut data, 7, dropout);
        assert_eq!(data, want);
    }
}
