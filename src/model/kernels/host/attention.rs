//! Causal self-attention over the sequences of a token matrix, and its gradient.
//!
//! `qkv` is `[tokens, queries + keys + values]`: the heads of each side by side. Several query heads may share one head of
//! keys and values (Ainslie et al. 2023), and a query may be kept to a window of positions (Beltagy, Peters and Cohan
//! 2020). A sequence is a run of rows; rows in no sequence are padding, which nothing reads. One task takes one head of
//! keys of one sequence with all its queries, a block of queries at a time. The probabilities are not kept: the backward pass
//! makes them again from the logarithm of each row's sum.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::cap::capped;
use super::dropout::Dropout;
use super::heads::Heads;
use super::lanes::{dot, exp, maximum, sum_by};
use super::queries::{Inner, add, blocks, longest, multiply, triangle};
use super::tile::{Left, Packed, padded};

/// Cuts `data`, rows of `width`, into the runs of rows given by `spans`, which ascend and do not overlap.
pub(super) fn cut<'a>(mut data: &'a mut [f32], width: usize, spans: &[Range<usize>]) -> Vec<&'a mut [f32]> {
    let mut at = 0;
    let mut runs = Vec::with_capacity(spans.len());
    for span in spans {
        let rest = &mut data[(span.start - at) * width..];
        let (run, rest) = rest.split_at_mut(span.len() * width);
        runs.push(run);
        data = rest;
        at = span.end;
    }
    runs
}

pub(super) fn rows_of<'a>(data: &'a [f32], width: usize, span: &Range<usize>) -> &'a [f32] {
    &data[span.start * width..span.end * width]
}

/// Copies `width` columns from `start` on of rows `stride` wide, `[len, padded width]`.
#[inline(always)]
fn take(out: &mut [f32], data: &[f32], stride: usize, start: usize, width: usize) {
    for (out, row) in out.chunks_exact_mut(padded(width)).zip(data.chunks_exact(stride)) {
        out[..width].copy_from_slice(&row[start..start + width]);
    }
}

/// As [`take`], transposed and times `factor`: `[width, padded len]`.
#[inline(always)]
fn take_transposed(out: &mut [f32], data: &[f32], stride: usize, start: usize, width: usize, factor: f32) {
    let columns = padded(data.len() / stride);
    for (j, row) in data.chunks_exact(stride).enumerate() {
        for (&value, out) in row[start..start + width].iter().zip(out[j..].iter_mut().step_by(columns)) {
            *out = factor * value;
        }
    }
}

/// The reverse of [`take`].
fn put(out: &mut [f32], data: &[f32], stride: usize, start: usize, width: usize) {
    for (out, row) in out.chunks_exact_mut(stride).zip(data.chunks_exact(padded(width))) {
        out[start..start + width].copy_from_slice(&row[..width]);
    }
}

/// One head of keys of one sequence.
#[derive(Clone, Copy)]
struct Part<'a> {
    qkv: &'a [f32],
    heads: Heads,
    sequence: usize,
    group: usize,
    len: usize,
    dropout: Option<Dropout>,
}

/// Runs `work` on every head of keys of every sequence; results by sequence.
fn each_part<'a, R: Send>(
    qkv: &'a [f32],
    heads: Heads,
    spans: &'a [Range<usize>],
    dropout: Option<Dropout>,
    work: impl Fn(Part<'a>, &Range<usize>) -> R + Sync,
) -> Vec<Vec<R>> {
    let parts = spans.par_iter().enumerate().map(|(sequence, span)| {
        let part = |group| {
            let qkv = rows_of(qkv, heads.qkv_width(), span);
            work(Part { qkv, heads, sequence, group, len: span.len(), dropout }, span)
        };
        (0..heads.kv_count).into_par_iter().map(part).collect()
    });
    parts.collect()
}

/// Attention of every sequence. Fills `out` `[tokens, queries]` on the rows of sequences and `log_sums`
/// `[tokens, heads]` with the logarithm of the sum of each row's exponentiated scores.
pub(crate) fn attend(
    qkv: &[f32],
    heads: Heads,
    spans: &[Range<usize>],
    out: &mut [f32],
    log_sums: &mut [f32],
    dropout: Option<Dropout>,
) {
    let made = each_part(qkv, heads, spans, dropout, |part, _| Arch::new().dispatch(Forward { part }));
    let (outs, log_sums) = (cut(out, heads.query_width(), spans), cut(log_sums, heads.count, spans));
    made.into_par_iter().zip(outs).zip(log_sums).for_each(|((parts, out), log_sums)| {
        for (head, (mixed, sums)) in parts.iter().flatten().enumerate() {
            put(out, mixed, heads.query_width(), head * heads.width, heads.width);
            for (row, &sum) in log_sums.chunks_exact_mut(heads.count).zip(sums) {
                row[head] = sum;
            }
        }
    });
}

/// The gradient of [`attend`]: fills `grad_qkv` `[tokens, qkv]` on the rows of sequences, from `grad`
/// `[tokens, queries]`, the forward pass's `out` and its `log_sums`.
#[expect(clippy::too_many_arguments, reason = "these are the operands of one operation")]
pub(crate) fn attend_backward(
    grad: &[f32],
    qkv: &[f32],
    out: &[f32],
    log_sums: &[f32],
    heads: Heads,
    spans: &[Range<usize>],
    grad_qkv: &mut [f32],
    dropout: Option<Dropout>,
) {
    let made = each_part(qkv, heads, spans, dropout, |part, span| {
        Arch::new().dispatch(Backward {
            part,
            grad: rows_of(grad, heads.query_width(), span),
            out: rows_of(out, heads.query_width(), span),
            log_sums: rows_of(log_sums, heads.count, span),
        })
    });
    let grads = cut(grad_qkv, heads.qkv_width(), spans);
    made.into_par_iter().zip(grads).for_each(|(parts, grad)| {
        for (group, Gradients { queries, keys, values }) in parts.iter().enumerate() {
            for (member, queries) in queries.iter().enumerate() {
                put(grad, queries, heads.qkv_width(), heads.query_at(group, member), heads.width);
            }
            put(grad, keys, heads.qkv_width(), heads.key_at(group), heads.width);
            put(grad, values, heads.qkv_width(), heads.value_at(group), heads.width);
        }
    });
}

/// One part forward.
struct Forward<'a> {
    part: Part<'a>,
}

impl WithSimd for Forward<'_> {
    /// For each query head, its output `[len, padded width]` and the logarithms of its sums.
    type Output = Vec<(Vec<f32>, Vec<f32>)>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Part { qkv, heads, sequence, group, len, dropout } = self.part;
        let (columns, width, stride) = (padded(len), padded(heads.width), heads.qkv_width());
        let mut packed = Packed::with_capacity(len.max(heads.width));
        let mut keys = vec![0.0; heads.width * columns];
        take_transposed(&mut keys, qkv, stride, heads.key_at(group), heads.width, heads.scale);
        let mut values = vec![0.0; len * width];
        take(&mut values, qkv, stride, heads.value_at(group), heads.width);
        let mut scores = vec![0.0; longest(len) * columns];
        let mut made = Vec::with_capacity(heads.members());
        for member in 0..heads.members() {
            let mut log_sums = Vec::with_capacity(len);
            let mut mixed = vec![0.0; len * width];
            for block in blocks(len) {
                let left = Left { data: &qkv[heads.query_at(group, member)..], row: stride, column: 1 };
                triangle(simd, &mut scores, left, &keys, heads, block.clone(), columns, &mut packed);
                for (i, row) in block.clone().zip(scores.chunks_exact_mut(columns)) {
                    // Whole registers are worked on; what a query does not see is set aside before and after.
                    let (row, rest) = row.split_at_mut(padded(i + 1));
                    let first = heads.first_seen(i);
                    if let Some(cap) = heads.cap {
                        capped(&mut row[first..=i], cap);
                    }
                    row[..first].fill(f32::NEG_INFINITY);
                    row[i + 1..].fill(f32::NEG_INFINITY);
                    let shift = maximum(row);
                    for value in row.iter_mut() {
                        *value = exp(*value - shift);
                    }
                    row[..first].fill(0.0);
                    row[i + 1..].fill(0.0);
                    let sum = sum_by(row, |v| v);
                    let factor = 1.0 / sum;
                    match dropout.map(|dropout| dropout.query(sequence, group * heads.members() + member, i)) {
                        None => {
                            for value in row.iter_mut() {
                                *value *= factor;
                            }
                        }
                        Some(drops) => {
                            for (column, value) in (0_u32..).zip(row.iter_mut()) {
                                *value *= factor * drops.at(column);
                            }
                        }
                    }
                    rest.fill(0.0);
                    log_sums.push(shift + libm::logf(sum));
                }
                let left = Left { data: &scores, row: columns, column: 1 };
                multiply(simd, left, &values, Inner::Before, heads, block, &mut mixed, &mut packed);
            }
            made.push((mixed, log_sums));
        }
        made
    }
}

/// One part backward.
struct Backward<'a> {
    part: Part<'a>,
    grad: &'a [f32],
    out: &'a [f32],
    log_sums: &'a [f32],
}

/// The gradients of one part, `[len, padded width]` each.
struct Gradients {
    /// One for each query head.
    queries: Vec<Vec<f32>>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl WithSimd for Backward<'_> {
    type Output = Gradients;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Gradients {
        let Self { part: Part { qkv, heads, sequence, group, len, dropout }, grad, out, log_sums } = self;
        let (columns, width, stride) = (padded(len), padded(heads.width), heads.qkv_width());
        let mut packed = Packed::with_capacity(len.max(heads.width));
        let mut keys_across = vec![0.0; heads.width * columns];
        take_transposed(&mut keys_across, qkv, stride, heads.key_at(group), heads.width, heads.scale);
        let mut values_across = vec![0.0; heads.width * columns];
        take_transposed(&mut values_across, qkv, stride, heads.value_at(group), heads.width, 1.0);
        let mut keys = vec![0.0; len * width];
        take(&mut keys, qkv, stride, heads.key_at(group), heads.width);
        let rows_most = longest(len);
        let (mut scores, mut gradients) = (vec![0.0; rows_most * columns], vec![0.0; rows_most * columns]);
        let mut rows = vec![0.0; rows_most * width];
        let (mut of_keys, mut of_values) = (vec![0.0; len * width], vec![0.0; len * width]);
        let mut made = Gradients { queries: Vec::new(), keys: vec![0.0; len * width], values: vec![0.0; len * width] };
        for member in 0..heads.members() {
            let (head, at) = (group * heads.members() + member, heads.query_at(group, member));
            let mut queries = vec![0.0; len * width];
            of_keys.fill(0.0);
            of_values.fill(0.0);
            for block in blocks(len) {
                let left = Left { data: &qkv[at..], row: stride, column: 1 };
                triangle(simd, &mut scores, left, &keys_across, heads, block.clone(), columns, &mut packed);
                // dP = dO Vᵀ.
                let left = Left { data: &grad[at..], row: heads.query_width(), column: 1 };
                triangle(simd, &mut gradients, left, &values_across, heads, block.clone(), columns, &mut packed);
                // P from the scores, then dS = scale · P ∘ (dP − Σ dO ∘ O); dropping P drops dP alike.
                let all = scores.chunks_exact_mut(columns).zip(gradients.chunks_exact_mut(columns));
                for (i, (p, s)) in block.clone().zip(all) {
                    let from = i * heads.query_width() + at;
                    let delta = dot(&grad[from..from + heads.width], &out[from..from + heads.width]);
                    let log_sum = log_sums[i * heads.count + head];
                    let end = padded(i + 1);
                    let first = heads.first_seen(i);
                    let bends = heads.cap.map(|cap| capped(&mut p[first..=i], cap));
                    match dropout.map(|dropout| dropout.query(sequence, head, i)) {
                        None => {
                            for (p, s) in p[..end].iter_mut().zip(&mut s[..end]) {
                                *p = exp(*p - log_sum);
                                *s = heads.scale * *p * (*s - delta);
                            }
                        }
                        Some(drops) => {
                            for (column, (p, s)) in (0_u32..).zip(p[..end].iter_mut().zip(&mut s[..end])) {
                                let kept = drops.at(column);
                                *p = exp(*p - log_sum);
                                *s = heads.scale * *p * (kept * *s - delta);
                                *p *= kept;
                            }
                        }
                    }
                    for (s, bend) in s[first..].iter_mut().zip(bends.iter().flatten()) {
                        *s *= bend;
                    }
                    for row in [p, s] {
                        row[..first].fill(0.0);
                        row[i + 1..].fill(0.0);
                    }
                }
                let (probabilities, slopes_across) = (
                    Left { data: &scores, row: 1, column: columns },
                    Left { data: &gradients, row: 1, column: columns },
                );
                // dV = Pᵀ dO, summed over the query heads.
                let some = |width: usize| block.start * width..block.end * width;
                take(&mut rows, &grad[some(heads.query_width())], heads.query_width(), at, heads.width);
                multiply(simd, probabilities, &rows, Inner::After, heads, block.clone(), &mut of_values, &mut packed);
                // dQ = dS K.
                let left = Left { data: &gradients, row: columns, column: 1 };
                multiply(simd, left, &keys, Inner::Before, heads, block.clone(), &mut queries, &mut packed);
                // dK = dSᵀ Q, summed over the query heads.
                take(&mut rows, &qkv[some(stride)], stride, at, heads.width);
                multiply(simd, slopes_across, &rows, Inner::After, heads, block.clone(), &mut of_keys, &mut packed);
            }
            add(&mut made.values, &of_values);
            add(&mut made.keys, &of_keys);
            made.queries.push(queries);
        }
        made
    }
}
