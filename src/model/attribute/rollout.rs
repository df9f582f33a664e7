//! Attention roll-out: how much of what a position reads came from each token, as attention mixed them.

use rayon::prelude::*;

use super::{Call, Scores};
use crate::device::DeviceError;
use crate::error::ModelError;
use crate::kernels::{Heads, Kernels};
use crate::layout::Layout;

impl<B: Kernels> Call<'_, B> {
    pub(super) fn rollout(&self) -> Result<Vec<Scores>, ModelError> {
        let mut scores = vec![Scores { per_token: Vec::new(), completeness: None }; self.requests.len()];
        let owners: Vec<usize> = (0..self.requests.len()).collect();
        self.share(&owners, |some| {
            for (&request, layers) in some.iter().zip(self.attentions(some)?) {
                let of = &self.requests[request];
                let fractions = rolled_out(&layers, of.ids.len(), of.position);
                scores[request].per_token = of.scored.iter().map(|&at| fractions[at]).collect();
            }
            Ok(())
        })?;
        Ok(scores)
    }

    /// The mean attention `[tokens, tokens]` of each layer, for each of some requests.
    fn attentions(&self, some: &[usize]) -> Result<Vec<Vec<Vec<f32>>>, DeviceError> {
        let sequences: Vec<&[u32]> = some.iter().map(|&request| self.requests[request].ids).collect();
        let lens: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let layout = if B::RAGGED { Layout::packed(&lens) } else { Layout::padded_right(&lens) };
        let ids = layout.spread(sequences.iter().copied());
        let weights = self.network.parameters(&self.network.values);
        let pass = self.network.pass(&layout, &vec![0; lens.len()]);
        let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, &ids));
        let (mut layers, mut failed) = (vec![Vec::new(); some.len()], None);
        pass.attended(&weights, stream, |qkv, heads| {
            if failed.is_some() {
                return;
            }
            match self.network.read(qkv.clone()) {
                Ok(qkv) => {
                    let width = heads.qkv_width();
                    let rows = |span: &std::ops::Range<usize>| &qkv[span.start * width..span.end * width];
                    let means = layout.spans.par_iter().map(|span| mean_attention(rows(span), heads));
                    layers.iter_mut().zip(means.collect::<Vec<_>>()).for_each(|(layers, mean)| layers.push(mean));
                }
                Err(error) => failed = Some(error),
            }
        });
        failed.map_or(Ok(layers), Err)
    }
}

/// The attention probabilities `[tokens, tokens]` of one sequence, averaged over heads; a row for each query.
fn mean_attention(qkv: &[f32], heads: Heads) -> Vec<f32> {
    let stride = heads.qkv_width();
    let rows: Vec<&[f32]> = qkv.chunks_exact(stride).collect();
    let mut mean = vec![0.0; rows.len() * rows.len()];
    let mut scores: Vec<f64> = Vec::with_capacity(rows.len());
    for (i, (query, mean)) in rows.iter().zip(mean.chunks_exact_mut(rows.len())).enumerate() {
        let first = heads.window.map_or(0, |window| (i + 1).saturating_sub(window));
        for head in 0..heads.count {
            let group = head * heads.kv_count / heads.count;
            let (query_at, key_at) = (head * heads.width, heads.query_width() + group * heads.width);
            let query = &query[query_at..query_at + heads.width];
            let score = |key: &&[f32]| f64::from(heads.scale * dot(query, &key[key_at..key_at + heads.width]));
            scores.clear();
            scores.extend(rows[first..=i].iter().map(score));
            if let Some(cap) = heads.cap.map(f64::from) {
                scores.iter_mut().for_each(|score| *score = cap * libm::tanh(*score / cap));
            }
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            scores.iter_mut().for_each(|score| *score = libm::exp(*score - most));
            let sum: f64 = scores.iter().sum::<f64>() * heads.count as f64;
            for (mean, score) in mean[first..=i].iter_mut().zip(&scores) {
                *mean += (score / sum) as f32;
            }
        }
    }
    mean
}

/// A dot product in eight sums, which a compiler can keep side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// The row of `position` in the product of all layers' `½ A + ½ I`, the last layer first: what the position holds of
/// each token. It sums to one.
fn rolled_out(layers: &[Vec<f32>], tokens: usize, position: usize) -> Vec<f64> {
    let mut fractions = vec![0.0; tokens];
    fractions[position] = 1.0;
    for attention in layers.iter().rev() {
        let mut before: Vec<f64> = fractions.iter().map(|fraction| 0.5 * fraction).collect();
        for (fraction, row) in fractions.iter().zip(attention.chunks_exact(tokens)) {
            for (before, &probability) in before.iter_mut().zip(row) {
                *before += 0.5 * fraction * f64::from(probability);
            }
        }
        fractions = before;
    }
    fractions
}
