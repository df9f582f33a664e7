//! Attention of new positions over the keys and values of earlier ones.

use std::ops::Range;

use rayon::prelude::*;

use super::attention::{cut, rows_of};
use super::cap::capped;
use super::heads::Heads;
use super::lanes::{dot, exp, maximum, sum_by, vectorised};

/// The keys and values of one sequence so far, `[positions, keys]` each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Memory {
    /// Whether there are no positions yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn extend(&mut self, qkv: &[f32], heads: Heads) {
        let (keys, values) = (heads.key_at(0), heads.value_at(0));
        for row in qkv.chunks_exact(heads.qkv_width()) {
            self.keys.extend_from_slice(&row[keys..values]);
            self.values.extend_from_slice(&row[values..]);
        }
    }
}

/// Adds the keys and values of the new positions of each sequence to its memory.
pub(crate) fn remember(qkv: &[f32], heads: Heads, spans: &[Range<usize>], memories: &mut [Memory]) {
    for (span, memory) in spans.iter().zip(memories) {
        memory.extend(rows_of(qkv, heads.qkv_width(), span), heads);
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
    let width = heads.query_width();
    let outs = cut(out, width, spans);
    spans.par_iter().zip(outs).zip(memories).for_each(|((span, out), memory)| {
        let qkv = rows_of(qkv, heads.qkv_width(), span);
        let past = memory.keys.len() / heads.kv_width().max(1);
        memory.extend(qkv, heads);
        let mut weights = Vec::with_capacity(past + span.len());
        for (i, (row, out)) in qkv.chunks_exact(heads.qkv_width()).zip(out.chunks_exact_mut(width)).enumerate() {
            let seen = heads.first_seen(past + i)..past + i + 1;
            for (head, out) in out.chunks_exact_mut(heads.width).enumerate() {
                let query = &row[head * heads.width..(head + 1) * heads.width];
                let from = head * heads.kv_count / heads.count * heads.width;
                vectorised(
                    #[inline(always)]
                    || one_query(query, memory, seen.clone(), from, heads, &mut weights, out),
                );
            }
        }
    });
}

/// Attention of one head of one query; its keys begin at column `from`.
#[inline(always)]
fn one_query(
    query: &[f32],
    memory: &Memory,
    seen: Range<usize>,
    from: usize,
    heads: Heads,
    weights: &mut Vec<f32>,
    out: &mut [f32],
) {
    let rows = seen.start * heads.kv_width()..seen.end * heads.kv_width();
    let at = from..from + heads.width;
    let keys = memory.keys[rows.clone()].chunks_exact(heads.kv_width());
    // A plain loop: the adapters of an iterator might not be inlined, and would then have no vector instructions.
    weights.resize(seen.len(), 0.0);
    for (weight, key) in weights.iter_mut().zip(keys) {
        *weight = heads.scale * dot(query, &key[at.clone()]);
    }
    if let Some(cap) = heads.cap {
        capped(weights, cap);
    }
    let shift = maximum(weights);
    for weight in weights.iter_mut() {
        *weight = exp(*weight - shift);
    }
    let factor = 1.0 / sum_by(weights, |w| w);
    out.fill(0.0);
    for (weight, value) in weights.iter().zip(memory.values[rows].chunks_exact(heads.kv_width())) {
        for (out, &value) in out.iter_mut().zip(&value[at.clone()]) {
            *out = (*weight * factor).mul_add(value, *out);
        }
    }
}
