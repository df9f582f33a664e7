//! Causal self-attention over the sequences of a token matrix, and its gradient.
//!
//! `qkv` is `[tokens, 3 · d_model]`: queries, keys and values side by side, each split into heads of `d_model / heads`.
//! A sequence is a run of rows; rows in no sequence are padding, which nothing reads. One task takes one sequence.
//! The probabilities are not kept: the backward pass makes them again from the logarithm of each row's sum.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::{dot, exp, maximum, sum_by, vectorised};
use super::tile::{Left, Packed, Right, Target, padded, product};

/// The sizes of an attention block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Number of heads.
    pub(crate) count: usize,
    /// Width of one head.
    pub(crate) width: usize,
    /// Factor on the scores, `1 / √width` for GPT-2.
    pub(crate) scale: f32,
}

impl Heads {
    /// Width of all heads together.
    pub(crate) fn d_model(&self) -> usize {
        self.count * self.width
    }
}

/// Cuts `data`, rows of `width`, into the runs of rows given by `spans`, which ascend and do not overlap.
fn cut<'a>(mut data: &'a mut [f32], width: usize, spans: &[Range<usize>]) -> Vec<&'a mut [f32]> {
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

/// Buffers of one task, made anew for each sequence and used for all its heads.
struct Scratch {
    /// Keys or values of a head, `[width, padded len]`.
    transposed: Vec<f32>,
    /// Queries, keys, values or gradients of a head, `[len, padded width]`.
    rows: Vec<f32>,
    /// Scores, then probabilities, `[len, padded len]`.
    scores: Vec<f32>,
    /// What a product of a head comes to, `[len, padded width]`.
    mixed: Vec<f32>,
    packed: Packed,
}

impl Scratch {
    fn new(len: usize, heads: Heads) -> Self {
        let (columns, width) = (padded(len), padded(heads.width));
        Self {
            transposed: vec![0.0; heads.width * columns],
            rows: vec![0.0; len * width],
            scores: vec![0.0; len * columns],
            mixed: vec![0.0; len * width],
            packed: Vec::with_capacity(len.max(heads.width)),
        }
    }
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
#[inline(always)]
fn put(out: &mut [f32], data: &[f32], stride: usize, start: usize, width: usize) {
    for (out, row) in out.chunks_exact_mut(stride).zip(data.chunks_exact(padded(width))) {
        out[start..start + width].copy_from_slice(&row[..width]);
    }
}

/// Attention of every sequence. Fills `out` `[tokens, d_model]` on the rows of sequences and `log_sums`
/// `[tokens, heads]` with the logarithm of the sum of each row's exponentiated scores.
pub(crate) fn attend(qkv: &[f32], heads: Heads, spans: &[Range<usize>], out: &mut [f32], log_sums: &mut [f32]) {
    let d_model = heads.d_model();
    let outs = cut(out, d_model, spans);
    let log_sums = cut(log_sums, heads.count, spans);
    spans.par_iter().zip(outs).zip(log_sums).for_each(|((span, out), log_sums)| {
        let qkv = rows_of(qkv, 3 * d_model, span);
        let len = span.len();
        let scratch = Scratch::new(len, heads);
        Arch::new().dispatch(Forward { qkv, out, log_sums, heads, len, scratch });
    });
}

/// The gradient of [`attend`]: fills `grad_qkv` `[tokens, 3 · d_model]` on the rows of sequences, from `grad`
/// `[tokens, d_model]`, the forward pass's `out` and its `log_sums`.
pub(crate) fn attend_backward(
    grad: &[f32],
    qkv: &[f32],
    out: &[f32],
    log_sums: &[f32],
    heads: Heads,
    spans: &[Range<usize>],
    grad_qkv: &mut [f32],
) {
    let d_model = heads.d_model();
    let grads = cut(grad_qkv, 3 * d_model, spans);
    spans.par_iter().zip(grads).for_each(|(span, grad_qkv)| {
        let len = span.len();
        Arch::new().dispatch(Backward {
            grad: rows_of(grad, d_model, span),
            qkv: rows_of(qkv, 3 * d_model, span),
            out: rows_of(out, d_model, span),
            log_sums: rows_of(log_sums, heads.count, span),
            grad_qkv,
            heads,
            len,
            scratch: Scratch::new(len, heads),
            slopes: vec![0.0; len * padded(len)],
        });
    });
}

fn rows_of<'a>(data: &'a [f32], width: usize, span: &Range<usize>) -> &'a [f32] {
    &data[span.start * width..span.end * width]
}

/// Sets the first rows and columns of `out`, up to the diagonal and the end of its register, to
/// `left · scratch.transposed`.
#[inline(always)]
fn triangle<S: Simd>(
    simd: S,
    out: &mut [f32],
    left: Left<'_>,
    transposed: &[f32],
    heads: Heads,
    len: usize,
    packed: &mut Packed,
) {
    const STRIP: usize = 16;
    let columns = padded(len);
    for first in (0..len).step_by(STRIP) {
        let rows = (len - first).min(STRIP);
        let left = Left { data: &left.data[first * left.row..], ..left };
        let right = Right { data: transposed, stride: columns };
        let data = &mut out[first * columns..];
        let target = Target { data, stride: columns, rows, width: padded(first + rows) };
        product(simd, target, left, right, |_| 0..heads.width, packed);
    }
}

/// One sequence forward.
struct Forward<'a> {
    qkv: &'a [f32],
    out: &'a mut [f32],
    log_sums: &'a mut [f32],
    heads: Heads,
    len: usize,
    scratch: Scratch,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { qkv, out, log_sums, heads, len, mut scratch } = self;
        let Scratch { transposed, rows, scores, mixed, packed } = &mut scratch;
        let d_model = heads.d_model();
        let (columns, width) = (padded(len), padded(heads.width));
        for head in 0..heads.count {
            let at = head * heads.width;
            take_transposed(transposed, qkv, 3 * d_model, d_model + at, heads.width, heads.scale);
            let left = Left { data: &qkv[at..], row: 3 * d_model, column: 1 };
            triangle(simd, scores, left, transposed, heads, len, packed);
            for (i, row) in scores.chunks_exact_mut(columns).enumerate() {
                // Whole registers are worked on; what lies past the diagonal is set aside before and after.
                let (row, rest) = row.split_at_mut(padded(i + 1));
                row[i + 1..].fill(f32::NEG_INFINITY);
                let shift = maximum(row);
                for value in row.iter_mut() {
                    *value = exp(*value - shift);
                }
                row[i + 1..].fill(0.0);
                let sum = sum_by(row, |v| v);
                let factor = 1.0 / sum;
                for value in row.iter_mut() {
                    *value *= factor;
                }
                rest.fill(0.0);
                log_sums[i * heads.count + head] = shift + libm::logf(sum);
            }
            take(rows, qkv, 3 * d_model, 2 * d_model + at, heads.width);
            let left = Left { data: scores, row: columns, column: 1 };
            let right = Right { data: rows, stride: width };
            let target = Target { data: mixed, stride: width, rows: len, width };
            product(simd, target, left, right, |i| 0..(i + 4).min(len), packed);
            put(out, mixed, d_model, at, heads.width);
        }
    }
}

/// One sequence backward.
struct Backward<'a> {
    grad: &'a [f32],
    qkv: &'a [f32],
    out: &'a [f32],
    log_sums: &'a [f32],
    grad_qkv: &'a mut [f32],
    heads: Heads,
    len: usize,
    scratch: Scratch,
    /// The gradient of the scores, `[len, padded len]`.
    slopes: Vec<f32>,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { grad, qkv, out, log_sums, grad_qkv, heads, len, mut scratch, mut slopes } = self;
        let Scratch { transposed, rows, scores, mixed, packed } = &mut scratch;
        let d_model = heads.d_model();
        let (columns, width) = (padded(len), padded(heads.width));
        for head in 0..heads.count {
            let at = head * heads.width;
            take_transposed(transposed, qkv, 3 * d_model, d_model + at, heads.width, heads.scale);
            let left = Left { data: &qkv[at..], row: 3 * d_model, column: 1 };
            triangle(simd, scores, left, transposed, heads, len, packed);
            // dP = dO Vᵀ.
            take_transposed(transposed, qkv, 3 * d_model, 2 * d_model + at, heads.width, 1.0);
            let left = Left { data: &grad[at..], row: d_model, column: 1 };
            triangle(simd, &mut slopes, left, transposed, heads, len, packed);
            // P from the scores, then dS = scale · P ∘ (dP − Σ dO ∘ O).
            let all = scores.chunks_exact_mut(columns).zip(slopes.chunks_exact_mut(columns));
            for (i, (p, s)) in all.enumerate() {
                let from = i * d_model + at;
                let delta = dot(&grad[from..from + heads.width], &out[from..from + heads.width]);
                let log_sum = log_sums[i * heads.count + head];
                let end = padded(i + 1);
                for (p, s) in p[..end].iter_mut().zip(&mut s[..end]) {
                    *p = exp(*p - log_sum);
                    *s = heads.scale * *p * (*s - delta);
                }
                p[i + 1..].fill(0.0);
                s[i + 1..].fill(0.0);
            }
            // dV = Pᵀ dO. Row j of a transpose begins at the diagonal.
            take(rows, grad, d_model, at, heads.width);
            let left = Left { data: scores, row: 1, column: columns };
            let right = Right { data: rows, stride: width };
            let target = Target { data: mixed, stride: width, rows: len, width };
            product(simd, target, left, right, |j| j..len, packed);
            put(grad_qkv, mixed, 3 * d_model, 2 * d_model + at, heads.width);
            // dQ = dS K.
            take(rows, qkv, 3 * d_model, d_model + at, heads.width);
            let left = Left { data: &slopes, row: columns, column: 1 };
            let right = Right { data: rows, stride: width };
            let target = Target { data: mixed, stride: width, rows: len, width };
            product(simd, target, left, right, |i| 0..(i + 4).min(len), packed);
            put(grad_qkv, mixed, 3 * d_model, at, heads.width);
            // dK = dSᵀ Q.
            take(rows, qkv, 3 * d_model, at, heads.width);
            let left = Left { data: &slopes, row: 1, column: columns };
            let right = Right { data: rows, stride: width };
            let target = Target { data: mixed, stride: width, rows: len, width };
            product(simd, target, left, right, |j| j..len, packed);
            put(grad_qkv, mixed, 3 * d_model, d_model + at, heads.width);
        }
    }
}

/// The keys and values of one sequence so far, `[positions, d_model]` each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// Keys, heads side by side.
    pub(crate) keys: Vec<f32>,
    /// Values, heads side by side.
    pub(crate) values: Vec<f32>,
}

impl Memory {
    fn extend(&mut self, qkv: &[f32], d_model: usize) {
        for row in qkv.chunks_exact(3 * d_model) {
            self.keys.extend_from_slice(&row[d_model..2 * d_model]);
            self.values.extend_from_slice(&row[2 * d_model..]);
        }
    }
}

/// Adds the keys and values of the new positions of each sequence to its memory.
pub(crate) fn remember(qkv: &[f32], heads: Heads, spans: &[Range<usize>], memories: &mut [Memory]) {
    for (span, memory) in spans.iter().zip(memories) {
        memory.extend(rows_of(qkv, 3 * heads.d_model(), span), heads.d_model());
    }
}

/// Attention of the new positions of each sequence over its memory, which they join first.
pub(crate) fn attend_cached(
    qkv: &[f32],
    heads: Heads,
    spans: &[Range<usize>],
    memories: &mut [Memory],
    out: &mut [f32],
) {
    let d_model = heads.d_model();
    let outs = cut(out, d_model, spans);
    spans.par_iter().zip(outs).zip(memories).for_each(|((span, out), memory)| {
        let qkv = rows_of(qkv, 3 * d_model, span);
        let past = memory.keys.len() / d_model.max(1);
        memory.extend(qkv, d_model);
        let mut weights = Vec::with_capacity(past + span.len());
        for (i, (row, out)) in qkv.chunks_exact(3 * d_model).zip(out.chunks_exact_mut(d_model)).enumerate() {
            for head in 0..heads.count {
                let at = head * heads.width..(head + 1) * heads.width;
                vectorised(
                    #[inline(always)]
                    || one_query(&row[at.clone()], memory, past + i + 1, at, heads, &mut weights, out),
                );
            }
        }
    });
}

#[inline(always)]
fn one_query(
    query: &[f32],
    memory: &Memory,
    positions: usize,
    at: Range<usize>,
    heads: Heads,
    weights: &mut Vec<f32>,
    out: &mut [f32],
) {
    let d_model = heads.d_model();
    weights.clear();
    weights.extend(
        memory.keys.chunks_exact(d_model).take(positions).map(|key| heads.scale * dot(query, &key[at.clone()])),
    );
    let shift = maximum(weights);
    for weight in weights.iter_mut() {
        *weight = exp(*weight - shift);
    }
    let factor = 1.0 / sum_by(weights, |w| w);
    let out = &mut out[at.clone()];
    out.fill(0.0);
    for (weight, value) in weights.iter().zip(memory.values.chunks_exact(d_model)) {
        for (out, &value) in out.iter_mut().zip(&value[at.clone()]) {
            *out = (*weight * factor).mul_add(value, *out);
        }
    }
}
