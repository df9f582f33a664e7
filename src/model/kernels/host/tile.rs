//! A small matrix product for the blocks of attention, where packing for a general one costs more than it saves.

use std::ops::Range;

use pulp::Simd;

/// Rows of the left operand that share one sweep over the right one.
const ROWS: usize = 4;
/// Widths are multiples of this: one 512-bit register, or two of 256 bits.
const COLUMNS: usize = 16;

/// Rounds up to a whole number of registers.
pub(super) const fn padded(n: usize) -> usize {
    n.div_ceil(COLUMNS) * COLUMNS
}

/// One column of [`ROWS`] rows of a left operand.
pub(super) type Packed = Vec<[f32; ROWS]>;

/// The left operand `[rows, inner]`: element `(i, k)` lies at `i * row + k * column`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) data: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

/// The right operand `[inner, width]`: rows lie `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Right<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
}

/// The result `[rows, width]`: rows lie `stride` apart, and `width` is a multiple of the register.
pub(super) struct Target<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) width: usize,
    /// Whether the product is added to what is there: each sum goes on from it.
    pub(super) adds: bool,
}

/// Sets `target` to `left · right`, or adds that. `inner(i)` gives the inner indices that rows `i` to `i + 3` need, so that a
/// triangular operand costs half.
#[inline(always)]
pub(super) fn product<S: Simd>(
    simd: S,
    target: Target<'_>,
    left: Left<'_>,
    right: Right<'_>,
    inner: impl Fn(usize) -> Range<usize>,
    packed: &mut Packed,
) {
    let Target { data, stride, rows, width, adds } = target;
    for i in (0..rows).step_by(ROWS) {
        let live = (rows - i).min(ROWS);
        let range = inner(i);
        packed.clear();
        packed.extend(range.clone().map(
            #[inline(always)]
            |k| {
                let mut column = [0.0; ROWS];
                for (r, slot) in column.iter_mut().take(live).enumerate() {
                    *slot = left.data[(i + r) * left.row + k * left.column];
                }
                column
            },
        ));
        let out = &mut data[i * stride..];
        let right = Right { data: &right.data[range.start * right.stride..], ..right };
        let mut j = 0;
        while j < width {
            // Two registers of 512 bits a row where the width allows, else what fills sixteen columns.
            j += if S::F32_LANES * 2 <= width - j {
                sweep::<S, 2>(simd, out, stride, live, j, packed, right, adds)
            } else {
                sweep::<S, 1>(simd, out, stride, live, j, packed, right, adds)
            };
        }
    }
}

/// The columns from `j` in `N` registers for each row; returns how many columns those are.
#[expect(clippy::too_many_arguments, reason = "these are the operands of one operation")]
#[inline(always)]
fn sweep<S: Simd, const N: usize>(
    simd: S,
    out: &mut [f32],
    stride: usize,
    live: usize,
    j: usize,
    packed: &[[f32; ROWS]],
    right: Right<'_>,
    adds: bool,
) -> usize {
    let columns = N * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); N]; ROWS];
    if adds {
        for (r, sums) in sums.iter_mut().take(live).enumerate() {
            let (row, _) = S::as_simd_f32s(&out[r * stride + j..r * stride + j + columns]);
            sums.copy_from_slice(row);
        }
    }
    let [mut first, mut second, mut third, mut fourth] = sums;
    for (column, row) in packed.iter().zip(right.data.chunks(right.stride)) {
        let (row, _) = S::as_simd_f32s(&row[j..j + columns]);
        let Some(row) = row.first_chunk::<N>() else { break };
        for (sums, &factor) in [&mut first, &mut second, &mut third, &mut fourth].into_iter().zip(column) {
            let factor = simd.splat_f32s(factor);
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum = simd.mul_add_f32s(factor, value, *sum);
            }
        }
    }
    for (r, sums) in [first, second, third, fourth].iter().take(live).enumerate() {
        let (row, _) = S::as_mut_simd_f32s(&mut out[r * stride + j..r * stride + j + columns]);
        row.copy_from_slice(sums);
    }
    columns
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct Case {
        rows: usize,
        inner: usize,
        width: usize,
    }

    impl WithSimd for Case {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            let Self { rows, inner, width } = self;
            let left: Vec<f32> = (0..rows * inner).map(|i| (i as f32 * 0.7).sin()).collect();
            let right: Vec<f32> = (0..inner * width).map(|i| (i as f32 * 0.3).cos()).collect();
            let mut out = vec![7.0; rows * width];
            for (row, column) in [(inner, 1), (1, rows)] {
                let left = Left { data: &left, row, column };
                let right = Right { data: &right, stride: width };
                let target = Target { data: &mut out, stride: width, rows, width, adds: false };
                product(simd, target, left, right, |_| 0..inner, &mut Vec::new());
                // In two parts, each sum goes on where it was.
                let mut parts = vec![0.0; rows * width];
                for part in [0..inner / 2, inner / 2..inner] {
                    let target = Target { data: &mut parts, stride: width, rows, width, adds: true };
                    product(simd, target, left, right, |_| part.clone(), &mut Vec::new());
                }
                assert_eq!(parts, out);
                for i in 0..rows {
                    for j in 0..width {
                        let want: f64 = (0..inner)
                            .map(|k| f64::from(left.data[i * row + k * column]) * f64::from(right.data[k * width + j]))
                            .sum();
                        assert!((f64::from(out[i * width + j]) - want).abs() < 1e-4, "{i} {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn products_agree_with_plain_loops() {
        for rows in [1, 3, 4, 9] {
            for inner in [1, 5, 24] {
                for width in [16, 32, 48, 80] {
                    Arch::new().dispatch(Case { rows, inner, width });
                    Arch::Scalar.dispatch(Case { rows, inner, width });
                }
            }
        }
    }
}
