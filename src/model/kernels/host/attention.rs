//! Causal self-attention over the sequences of a token matrix, and its gradient.
//!
//! `qkv` is `[tokens, 3 · d_model]`: queries, keys and values side by side, each split into heads of `d_model / heads`.
//! A sequence is a run of rows; rows in no sequence are padding, which nothing reads. One task takes one sequence.
//! The probabilities are not kept: the backward pass makes them again from the logarithm of each row's sum.

use std::ops::Range;

use rayon::prelude::*;

use super::lanes::{dot, exp, maximum, sum_by, vectorised};
use super::tile::{Left, padded, product};

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
    keys_t: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
    packed: Vec<[f32; 4]>,
}

impl Scratch {
    fn new(len: usize, heads: Heads) -> Self {
        let (columns, width) = (padded(len), padded(heads.width));
        Self {
            keys_t: vec![0.0; heads.width * columns],
            values: vec![0.0; len * width],
            scores: vec![0.0; len * columns],
            mixed: vec![0.0; len * width],
            packed: Vec::with_capacity(len.max(heads.width)),
        }
    }
}

/// Copies head `head` of part `part` (0 queries, 1 keys, 2 values) of the rows of one sequence, `[len, padded width]`.
#[inline(always)]
fn take_head(out: &mut [f32], qkv: &[f32], heads: Heads, part: usize, head: usize) {
    let start = part * heads.d_model() + head * heads.width;
    for (out, row) in out.chunks_exact_mut(padded(heads.width)).zip(qkv.chunks_exact(3 * heads.d_model())) {
        out[..heads.width].copy_from_slice(&row[start..start + heads.width]);
    }
}

/// As [`take_head`], transposed: `[width, padded len]`.
#[inline(always)]
fn take_head_transposed(out: &mut [f32], rows: &[f32], row_width: usize, start: usize, width: usize, columns: usize) {
    for (j, row) in rows.chunks_exact(row_width).enumerate() {
        for (d, &value) in row[start..start + width].iter().enumerate() {
            out[d * columns + j] = value;
        }
    }
}

/// Attention of every sequence. Fills `out` `[tokens, d_model]` on the rows of sequences and `log_sums`
/// `[tokens, heads]` with the logarithm of the sum of each row's exponentiated scores.
pub(crate) fn attend(qkv: &[f32], heads: Heads, spans: &[Range<usize>], out: &mut [f32], log_sums: &mut [f32]) {
    let d_model = heads.d_model();
    let outs = cut(out, d_model, spans);
    let sums = cut(log_sums, heads.count, spans);
    spans.par_iter().zip(outs).zip(sums).for_each(|((span, out), sums)| {
        let qkv = &qkv[span.start * 3 * d_model..span.end * 3 * d_model];
        let len = span.len();
        let columns = padded(len);
        let width = padded(heads.width);
        let mut scratch = Scratch::new(len, heads);
        for head in 0..heads.count {
            vectorised(|| {
                scores(&mut scratch, qkv, heads, head, len);
                for (i, row) in scratch.scores.chunks_exact_mut(columns).enumerate() {
                    let live = &mut row[..=i];
                    let shift = maximum(live);
                    for value in live.iter_mut() {
                        *value = exp(*value - shift);
                    }
                    let sum = sum_by(live, |v| v);
                    let factor = 1.0 / sum;
                    for value in live.iter_mut() {
                        *value *= factor;
                    }
                    row[i + 1..].fill(0.0);
                    sums[i * heads.count + head] = shift + libm::logf(sum);
                }
                take_head(&mut scratch.values, qkv, heads, 2, head);
                let left = Left { data: &scratch.scores, row: columns, column: 1 };
                let (values, packed) = (&scratch.values, &mut scratch.packed);
                product(&mut scratch.mixed, width, left, values, width, len, width, |i| 0..(i + 4).min(len), packed);
                for (out, mixed) in out.chunks_exact_mut(d_model).zip(scratch.mixed.chunks_exact(width)) {
                    out[head * heads.width..(head + 1) * heads.width].copy_from_slice(&mixed[..heads.width]);
                }
            });
        }
    });
}

/// Fills `scratch.scores` with `scale · Q Kᵀ`, complete only on and below the diagonal.
#[inline(always)]
fn scores(scratch: &mut Scratch, qkv: &[f32], heads: Heads, head: usize, len: usize) {
    let columns = padded(len);
    let d_model = heads.d_model();
    take_head_transposed(
        &mut scratch.keys_t,
        qkv,
        3 * d_model,
        d_model + head * heads.width,
        heads.width,
        columns,
    );
    for value in &mut scratch.keys_t {
        *value *= heads.scale;
    }
    // Sixteen rows at a time see only the keys up to the diagonal, rounded up to whole registers.
    for first in (0..len).step_by(16) {
        let rows = (len - first).min(16);
        let left = Left { data: &qkv[first * 3 * d_model + head * heads.width..], row: 3 * d_model, column: 1 };
        let keys = &scratch.keys_t;
        product(
            &mut scratch.scores[first * columns..],
            columns,
            left,
            keys,
            columns,
            rows,
            padded(first + rows),
            |_| 0..heads.width,
            &mut scratch.packed,
        );
    }
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
        let rows = |data, width: usize| -> &[f32] { slice_rows(data, width, span) };
        let (grad, qkv) = (rows(grad, d_model), rows(qkv, 3 * d_model));
        let (out, log_sums) = (rows(out, d_model), rows(log_sums, heads.count));
        let len = span.len();
        let mut task = Backward {
            scratch: Scratch::new(len, heads),
            slopes: vec![0.0; len * padded(len)],
            grads_t: vec![0.0; heads.width * padded(len)],
        };
        for head in 0..heads.count {
            vectorised(|| task.head(grad, qkv, out, log_sums, heads, head, len, grad_qkv));
        }
    });
}

fn slice_rows<'a>(data: &'a [f32], width: usize, span: &Range<usize>) -> &'a [f32] {
    &data[span.start * width..span.end * width]
}

struct Backward {
    scratch: Scratch,
    /// The gradient of the scores, `[len, padded len]`.
    slopes: Vec<f32>,
    /// The values of a head, transposed: `[width, padded len]`.
    grads_t: Vec<f32>,
}

impl Backward {
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the operands of one formula")]
    fn head(
        &mut self,
        grad: &[f32],
        qkv: &[f32],
        out: &[f32],
        log_sums: &[f32],
        heads: Heads,
        head: usize,
        len: usize,
        grad_qkv: &mut [f32],
    ) {
        let Self { scratch, slopes, grads_t } = self;
        let d_model = heads.d_model();
        let (columns, width) = (padded(len), padded(heads.width));
        let at = head * heads.width;
        scores(scratch, qkv, heads, head, len);
        take_head_transposed(grads_t, qkv, 3 * d_model, 2 * d_model + at, heads.width, columns);
        // dP = dO Vᵀ, on and below the diagonal.
        for first in (0..len).step_by(16) {
            let rows = (len - first).min(16);
            let left = Left { data: &grad[first * d_model + at..], row: d_model, column: 1 };
            product(
                &mut slopes[first * columns..],
                columns,
                left,
                grads_t,
                columns,
                rows,
                padded(first + rows),
                |_| 0..heads.width,
                &mut scratch.packed,
            );
        }
        // P from the scores, then dS = scale · P ∘ (dP − Σ dO ∘ O).
        for i in 0..len {
            let delta = dot(
                &grad[i * d_model + at..i * d_model + at + heads.width],
                &out[i * d_model + at..i * d_model + at + heads.width],
            );
            let log_sum = log_sums[i * heads.count + head];
            let p = &mut scratch.scores[i * columns..(i + 1) * columns];
            let s = &mut slopes[i * columns..(i + 1) * columns];
            for (p, s) in p[..=i].iter_mut().zip(&mut s[..=i]) {
                *p = exp(*p - log_sum);
                *s = heads.scale * *p * (*s - delta);
            }
            p[i + 1..].fill(0.0);
            s[i + 1..].fill(0.0);
        }
        let mixed = &mut scratch.mixed;
        let values = &mut scratch.values;
        let packed = &mut scratch.packed;
        // dV = Pᵀ dO: row j of the transpose starts at the diagonal.
        for (out, row) in values.chunks_exact_mut(width).zip(grad.chunks_exact(d_model)) {
            out[..heads.width].copy_from_slice(&row[at..at + heads.width]);
        }
        let left = Left { data: &scratch.scores, row: 1, column: columns };
        product(mixed, width, left, values, width, len, width, |j| j..len, packed);
        put(grad_qkv, mixed, heads, 2 * d_model + at);
        // dQ = dS K.
        take_head(values, qkv, heads, 1, head);
        let left = Left { data: slopes, row: columns, column: 1 };
        product(mixed, width, left, values, width, len, width, |i| 0..(i + 4).min(len), packed);
        put(grad_qkv, mixed, heads, at);
        // dK = dSᵀ Q.
        take_head(values, qkv, heads, 0, head);
        let left = Left { data: slopes, row: 1, column: columns };
        product(mixed, width, left, values, width, len, width, |j| j..len, packed);
        put(grad_qkv, mixed, heads, d_model + at);
    }
}

#[inline(always)]
fn put(grad_qkv: &mut [f32], mixed: &[f32], heads: Heads, start: usize) {
    for (row, mixed) in grad_qkv.chunks_exact_mut(3 * heads.d_model()).zip(mixed.chunks_exact(padded(heads.width))) {
        row[start..start + heads.width].copy_from_slice(&mixed[..heads.width]);
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
        memory.extend(slice_rows(qkv, 3 * heads.d_model(), span), heads.d_model());
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
        let qkv = slice_rows(qkv, 3 * d_model, span);
        let past = memory.keys.len() / d_model.max(1);
        memory.extend(qkv, d_model);
        let mut weights = Vec::with_capacity(past + span.len());
        for (i, (row, out)) in qkv.chunks_exact(3 * d_model).zip(out.chunks_exact_mut(d_model)).enumerate() {
            for head in 0..heads.count {
                let at = head * heads.width..(head + 1) * heads.width;
                vectorised(|| one_query(&row[at.clone()], memory, past + i + 1, at, heads, &mut weights, out));
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
