//! A small matrix product for the blocks of attention, where packing for a general one costs more than it saves.

/// Rows of the left operand that share one sweep over the right one.
const ROWS: usize = 4;
/// Columns of the result that stay in registers.
pub(super) const COLUMNS: usize = 16;

/// Rounds up to a multiple of [`COLUMNS`].
pub(super) const fn padded(n: usize) -> usize {
    n.div_ceil(COLUMNS) * COLUMNS
}

/// The left operand `[rows, inner]`: element `(i, k)` lies at `i * row + k * column`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) data: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

/// Sets `out` `[rows, width]` (rows `stride` apart) to `left · right`, with `right` `[inner, width]` in rows of
/// `stride_right`; `inner` for the rows from `i` to `i + 3` is given by `inner(i)`, so that a triangular operand costs
/// half. `width` must be a multiple of [`COLUMNS`]. `packed` is scratch.
#[inline(always)]
pub(super) fn product(
    out: &mut [f32],
    stride: usize,
    left: Left<'_>,
    right: &[f32],
    stride_right: usize,
    rows: usize,
    width: usize,
    inner: impl Fn(usize) -> std::ops::Range<usize>,
    packed: &mut Vec<[f32; ROWS]>,
) {
    let mut i = 0;
    while i < rows {
        let live = (rows - i).min(ROWS);
        let range = inner(i);
        packed.clear();
        packed.extend(range.clone().map(|k| {
            let mut column = [0.0; ROWS];
            for (r, slot) in column.iter_mut().take(live).enumerate() {
                *slot = left.data[(i + r) * left.row + k * left.column];
            }
            column
        }));
        let right = &right[range.start * stride_right..];
        let mut j = 0;
        while j + 2 * COLUMNS <= width {
            sweep::<{ 2 * COLUMNS }>(out, stride, i, live, j, packed, right, stride_right);
            j += 2 * COLUMNS;
        }
        if j < width {
            sweep::<COLUMNS>(out, stride, i, live, j, packed, right, stride_right);
        }
        i += ROWS;
    }
}

#[inline(always)]
fn sweep<const N: usize>(
    out: &mut [f32],
    stride: usize,
    i: usize,
    live: usize,
    j: usize,
    packed: &[[f32; ROWS]],
    right: &[f32],
    stride_right: usize,
) {
    let mut sums = [[0.0_f32; N]; ROWS];
    for (column, row) in packed.iter().zip(right.chunks(stride_right)) {
        let Some(row) = row[j..].first_chunk::<N>() else { break };
        for (sums, &factor) in sums.iter_mut().zip(column) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum = factor.mul_add(value, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().take(live).enumerate() {
        out[(i + r) * stride + j..][..N].copy_from_slice(sums);
    }
}
