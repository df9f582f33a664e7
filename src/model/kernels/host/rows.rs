//! Rows of a matrix taken and put back by index.

use rayon::prelude::*;

/// Fills `out` `[indices, width]` with the rows of `table` at `indices`.
pub(crate) fn gather(table: &[f32], width: usize, indices: &[u32], out: &mut [f32]) {
    out.par_chunks_mut(width).with_min_len(64).zip(indices).for_each(|(out, &index)| {
        let start = index as usize * width;
        out.copy_from_slice(&table[start..start + width]);
    });
}

/// Adds the rows of `x` `[indices, width]` to the rows of `table` at `indices`, in order.
pub(crate) fn scatter_add(x: &[f32], width: usize, indices: &[u32], table: &mut [f32]) {
    for (x, &index) in x.chunks_exact(width).zip(indices) {
        let start = index as usize * width;
        for (sum, &x) in table[start..start + width].iter_mut().zip(x) {
            *sum += x;
        }
    }
}
