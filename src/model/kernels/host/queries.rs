//! Attention a block of queries at a time: how long blocks are, and the products over one.
//!
//! Blocks keep the scores small: what is there at once grows with the length of a sequence and not with its square. Every
//! sum runs over the same terms in the same order whatever the blocks are, so they change no bit.

use std::ops::Range;

use pulp::Simd;

use super::heads::Heads;
use super::tile::{Left, Packed, Right, Target, padded, product};

/// Queries of a block.
const BLOCK: usize = 256;
/// Queries whose scores are made at once, up to the same column. A block has a whole number of these.
const STRIP: usize = 16;

/// The blocks of `len` queries.
pub(super) fn blocks(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(BLOCK).map(move |from| from..(from + BLOCK).min(len))
}

/// Queries of the longest block of `len`.
pub(super) fn longest(len: usize) -> usize {
    len.min(BLOCK)
}

/// Sets the rows of `out` `[block, columns]`, each up to the diagonal and the end of its register, to `left · transposed`;
/// the rows of `left` are all queries.
#[expect(clippy::too_many_arguments, reason = "these are the operands of one operation")]
#[inline(always)]
pub(super) fn triangle<S: Simd>(
    simd: S,
    out: &mut [f32],
    left: Left<'_>,
    transposed: &[f32],
    heads: Heads,
    block: Range<usize>,
    columns: usize,
    packed: &mut Packed,
) {
    for first in block.clone().step_by(STRIP) {
        let rows = (block.end - first).min(STRIP);
        let left = Left { data: &left.data[first * left.row..], ..left };
        let right = Right { data: transposed, stride: columns };
        let data = &mut out[(first - block.start) * columns..];
        let target = Target { data, stride: columns, rows, width: padded(first + rows), adds: false };
        product(
            simd,
            target,
            left,
            right,
            #[inline(always)]
            |_| 0..heads.width,
            packed,
        );
    }
}

#[inline(always)]
pub(super) fn add(total: &mut [f32], part: &[f32]) {
    for (total, part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

/// Which of the inner indices of a product are not zero.
#[derive(Clone, Copy)]
pub(super) enum Inner {
    /// Those that a row sees: rows are the queries of a block, inner indices keys.
    Before,
    /// Those that see a row: rows are keys, inner indices the queries of a block.
    After,
}

/// Sets the rows of `out` `[len, padded width]` that are the queries of a block to `left · right`, or adds the part of a block
/// to the rows that are keys. `left` has the queries of the block, and so has `right` where these are the inner indices.
#[expect(clippy::too_many_arguments, reason = "these are the operands of one operation")]
#[inline(always)]
pub(super) fn multiply<S: Simd>(
    simd: S,
    left: Left<'_>,
    right: &[f32],
    inner: Inner,
    heads: Heads,
    block: Range<usize>,
    out: &mut [f32],
    packed: &mut Packed,
) {
    let width = padded(heads.width);
    let len = out.len() / width;
    let rows = match inner {
        Inner::Before => block.clone(),
        Inner::After => 0..block.end,
    };
    let data = &mut out[rows.start * width..rows.end * width];
    let adds = matches!(inner, Inner::After);
    let target = Target { data, stride: width, rows: rows.len(), width, adds };
    product(
        simd,
        target,
        left,
        Right { data: right, stride: width },
        // Four rows are taken at once.
        #[inline(always)]
        |i| match inner {
            Inner::Before => heads.first_seen(block.start + i)..(block.start + i + 4).min(block.end),
            Inner::After => {
                let until = heads.seen_until(i + 3, len).min(block.end);
                let from = i.max(block.start).min(until.max(block.start));
                from - block.start..until.max(from) - block.start
            }
        },
        packed,
    );
}
