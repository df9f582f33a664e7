//! The product of few rows with a matrix of weights, as in every step of generation.
//!
//! A general product copies the weights into another order first, which pays off over hundreds of rows. Here the weights
//! are read once, as they lie, and what a row comes to does not depend on how many rows there are.

use std::array;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::kernels::operands::Major;

/// The most rows that are few.
pub(crate) const MOST_ROWS: usize = 96;
/// Rows of the left operand in one tile of sums.
const ROWS: usize = 4;
/// Outputs in one tile, or registers of outputs where weights are stored `[in, out]`.
const COLUMNS: usize = 4;
/// Outputs that one task computes.
const BLOCK: usize = 64;

/// Sets `out` `[rows, outputs]` to the product of `x` `[rows, inner]` with `weight`, `[inner, outputs]` or the
/// transposed as `major` says.
pub(crate) fn product(x: &[f32], weight: &[f32], major: Major, inner: usize, out: &mut [f32]) {
    let rows = x.len() / inner;
    let outputs = weight.len() / inner;
    let blocks: Vec<Vec<f32>> = (0..outputs.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let (first, width) = (block * BLOCK, BLOCK.min(outputs - block * BLOCK));
            let mut out = vec![0.0; rows * width];
            Arch::new().dispatch(Block { x, weight, major, inner, outputs, first, width, out: &mut out });
            out
        })
        .collect();
    for (row, out) in out.chunks_exact_mut(outputs).enumerate() {
        for (out, block) in out.chunks_mut(BLOCK).zip(&blocks) {
            let width = out.len();
            out.copy_from_slice(&block[row * width..(row + 1) * width]);
        }
    }
}

/// The outputs from `first` on of all rows, `out` `[rows, width]`.
struct Block<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    major: Major,
    inner: usize,
    outputs: usize,
    first: usize,
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut at = 0;
        match self.major {
            Major::Output => {
                while at + COLUMNS <= self.width {
                    self.dots::<S, COLUMNS>(simd, at);
                    at += COLUMNS;
                }
                while at < self.width {
                    self.dots::<S, 1>(simd, at);
                    at += 1;
                }
            }
            Major::Input => {
                while at + COLUMNS * S::F32_LANES <= self.width {
                    self.sweeps::<S, COLUMNS>(simd, at);
                    at += COLUMNS * S::F32_LANES;
                }
                while at + S::F32_LANES <= self.width {
                    self.sweeps::<S, 1>(simd, at);
                    at += S::F32_LANES;
                }
                while at < self.width {
                    self.sweep_one(at);
                    at += 1;
                }
            }
        }
    }
}

impl<'a> Block<'a> {
    /// `R` rows of the left operand from row `i` on.
    #[inline(always)]
    fn rows<const R: usize>(&self, i: usize) -> [&'a [f32]; R] {
        let (x, inner) = (self.x, self.inner);
        array::from_fn(
            #[inline(always)]
            |r| &x[(i + r) * inner..(i + r + 1) * inner],
        )
    }

    #[inline(always)]
    fn count(&self) -> usize {
        self.x.len() / self.inner
    }

    /// `C` outputs from `at` on, weights stored `[out, in]`.
    #[inline(always)]
    fn dots<S: Simd, const C: usize>(&mut self, simd: S, at: usize) {
        let from = (self.first + at) * self.inner;
        let (weight, inner) = (self.weight, self.inner);
        let columns: [&[f32]; C] = array::from_fn(
            #[inline(always)]
            |c| &weight[from + c * inner..from + (c + 1) * inner],
        );
        let mut i = 0;
        while i + ROWS <= self.count() {
            let sums = dots::<S, ROWS, C>(simd, self.rows(i), columns);
            for (r, sums) in sums.iter().enumerate() {
                self.out[(i + r) * self.width + at..][..C].copy_from_slice(sums);
            }
            i += ROWS;
        }
        while i < self.count() {
            let [sums] = dots::<S, 1, C>(simd, self.rows(i), columns);
            self.out[i * self.width + at..][..C].copy_from_slice(&sums);
            i += 1;
        }
    }

    /// `C` registers of outputs from `at` on, weights stored `[in, out]`.
    #[inline(always)]
    fn sweeps<S: Simd, const C: usize>(&mut self, simd: S, at: usize) {
        let columns = C * S::F32_LANES;
        let weight = &self.weight[self.first + at..];
        let mut i = 0;
        while i + ROWS <= self.count() {
            let sums = sweep::<S, ROWS, C>(simd, self.rows(i), weight, self.outputs);
            for (r, sums) in sums.iter().enumerate() {
                let out = &mut self.out[(i + r) * self.width + at..][..columns];
                S::as_mut_simd_f32s(out).0.copy_from_slice(sums);
            }
            i += ROWS;
        }
        while i < self.count() {
            let [sums] = sweep::<S, 1, C>(simd, self.rows(i), weight, self.outputs);
            let out = &mut self.out[i * self.width + at..][..columns];
            S::as_mut_simd_f32s(out).0.copy_from_slice(&sums);
            i += 1;
        }
    }

    /// The one output `at`, weights stored `[in, out]`.
    fn sweep_one(&mut self, at: usize) {
        let column = self.weight[self.first + at..].iter().step_by(self.outputs);
        for (i, x) in self.x.chunks_exact(self.inner).enumerate() {
            self.out[i * self.width + at] = x.iter().zip(column.clone()).fold(0.0, |sum, (x, w)| x.mul_add(*w, sum));
        }
    }
}

/// All dot products of `R` rows with `C` others.
#[inline(always)]
fn dots<S: Simd, const R: usize, const C: usize>(simd: S, x: [&[f32]; R], w: [&[f32]; C]) -> [[f32; C]; R] {
    let x = x.map(
        #[inline(always)]
        |x| S::as_simd_f32s(x),
    );
    let w = w.map(
        #[inline(always)]
        |w| S::as_simd_f32s(w),
    );
    // Slices of one known length, so that no index below is checked.
    let whole = w[0].0.len();
    let xs: [&[S::f32s]; R] = array::from_fn(
        #[inline(always)]
        |r| &x[r].0[..whole],
    );
    let ws: [&[S::f32s]; C] = array::from_fn(
        #[inline(always)]
        |c| &w[c].0[..whole],
    );
    let mut sums = [[simd.splat_f32s(0.0); C]; R];
    for k in 0..whole {
        let w: [S::f32s; C] = array::from_fn(
            #[inline(always)]
            |c| ws[c][k],
        );
        for r in 0..R {
            for c in 0..C {
                sums[r][c] = simd.mul_add_f32s(xs[r][k], w[c], sums[r][c]);
            }
        }
    }
    let mut out = [[0.0; C]; R];
    for r in 0..R {
        for c in 0..C {
            let rest = x[r].1.iter().zip(w[c].1);
            out[r][c] = rest.fold(simd.reduce_sum_f32s(sums[r][c]), |sum, (x, w)| x.mul_add(*w, sum));
        }
    }
    out
}

/// The products of `R` rows with the first `C` registers of each row of `weight`, whose rows lie `stride` apart.
#[inline(always)]
fn sweep<S: Simd, const R: usize, const C: usize>(
    simd: S,
    x: [&[f32]; R],
    weight: &[f32],
    stride: usize,
) -> [[S::f32s; C]; R] {
    let inner = x[0].len();
    let x = x.map(
        #[inline(always)]
        |x| &x[..inner],
    );
    let mut sums = [[simd.splat_f32s(0.0); C]; R];
    for (k, row) in (0..inner).zip(weight.chunks(stride)) {
        let Some(w) = S::as_simd_f32s(row).0.first_chunk::<C>() else { break };
        for r in 0..R {
            let x = simd.splat_f32s(x[r][k]);
            for c in 0..C {
                sums[r][c] = simd.mul_add_f32s(x, w[c], sums[r][c]);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_plain_loops_and_rows_do_not_depend_on_each_other() {
        for (rows, inner, outputs) in [(1, 1, 1), (1, 576, 192), (3, 50, 97), (4, 32, 64), (7, 100, 131), (33, 65, 80)]
        {
            let x: Vec<f32> = (0..rows * inner).map(|i| (i as f32 * 0.7).sin()).collect();
            let w: Vec<f32> = (0..outputs * inner).map(|i| (i as f32 * 0.3).cos()).collect();
            for major in [Major::Output, Major::Input] {
                let mut out = vec![7.0; rows * outputs];
                product(&x, &w, major, inner, &mut out);
                for i in 0..rows {
                    for j in 0..outputs {
                        let at = |k| if major == Major::Output { j * inner + k } else { k * outputs + j };
                        let want: f64 = (0..inner).map(|k| f64::from(x[i * inner + k]) * f64::from(w[at(k)])).sum();
                        assert!((f64::from(out[i * outputs + j]) - want).abs() < 1e-4, "{rows} {inner} {outputs}");
                    }
                }
                let last = (rows - 1) * inner;
                let mut alone = vec![7.0; outputs];
                product(&x[last..], &w, major, inner, &mut alone);
                assert_eq!(alone, out[(rows - 1) * outputs..]);
            }
        }
    }
}
