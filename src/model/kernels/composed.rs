//! The operations put together from Burn's own, for any backend that has no fused ones.
//!
//! Sequences must be padded to one width here. A padded position may hold any finite numbers: nothing reads them.

use burn::tensor::backend::Backend;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData, TensorPrimitive, activation};

use super::{AdamWStep, AffineGrads, Heads, Layout, Real, Wanted};

/// Score of a key that a query may not see: its probability is exactly zero.
const HIDDEN: f32 = -1e30;

fn open<B: Backend, const D: usize>(x: &Real<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(x.clone()))
}

fn close<B: Backend, const D: usize>(x: Tensor<B, D>) -> Real<B> {
    x.into_primitive().tensor()
}

fn indices<B: Backend>(values: &[u32], device: &B::Device) -> Tensor<B, 1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value.cast_signed()).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

pub(super) fn normalise<B: Backend>(x: &Real<B>, gain: &Real<B>, bias: &Real<B>, epsilon: f32) -> (Real<B>, Real<B>) {
    let x = open::<B, 2>(x);
    let mean = x.clone().mean_dim(1);
    let centred = x - mean.clone();
    let variance = centred.clone().powi_scalar(2).mean_dim(1);
    let scale = (variance + epsilon).sqrt().recip();
    let y = centred * scale.clone() * open::<B, 1>(gain).unsqueeze() + open::<B, 1>(bias).unsqueeze();
    (close(y), close(Tensor::cat(vec![mean, scale], 1)))
}

pub(super) fn normalise_backward<B: Backend>(
    grad: &Real<B>,
    x: &Real<B>,
    stats: &Real<B>,
    gain: &Real<B>,
    wanted: Wanted,
) -> AffineGrads<B> {
    let (grad, stats) = (open::<B, 2>(grad), open::<B, 2>(stats));
    let (mean, scale) = (stats.clone().narrow(1, 0, 1), stats.narrow(1, 1, 1));
    let normal = (open::<B, 2>(x) - mean) * scale.clone();
    let input = wanted.input.then(|| {
        let grad = grad.clone() * open::<B, 1>(gain).unsqueeze();
        let mean_grad = grad.clone().mean_dim(1);
        let mean_product = (grad.clone() * normal.clone()).mean_dim(1);
        close((grad - mean_grad - normal.clone() * mean_product) * scale)
    });
    let weight = wanted.weights.then(|| close((grad.clone() * normal).sum_dim(0).squeeze_dim::<1>(0)));
    let bias = wanted.weights.then(|| close(grad.sum_dim(0).squeeze_dim::<1>(0)));
    AffineGrads { input, weight, bias }
}

pub(super) fn affine<B: Backend>(x: &Real<B>, weight: &Real<B>, bias: &Real<B>, residual: Option<&Real<B>>) -> Real<B> {
    let y = open::<B, 2>(x).matmul(open(weight)) + open::<B, 1>(bias).unsqueeze();
    close(match residual {
        Some(residual) => y + open(residual),
        None => y,
    })
}

pub(super) fn affine_backward<B: Backend>(
    grad: &Real<B>,
    x: &Real<B>,
    weight: &Real<B>,
    wanted: Wanted,
) -> AffineGrads<B> {
    let grad = open::<B, 2>(grad);
    AffineGrads {
        input: wanted.input.then(|| close(grad.clone().matmul(open::<B, 2>(weight).transpose()))),
        weight: wanted.weights.then(|| close(open::<B, 2>(x).transpose().matmul(grad.clone()))),
        bias: wanted.weights.then(|| close(grad.clone().sum_dim(0).squeeze_dim::<1>(0))),
    }
}

pub(super) fn affine_gelu<B: Backend>(
    x: &Real<B>,
    weight: &Real<B>,
    bias: &Real<B>,
    slope: bool,
) -> (Real<B>, Option<Real<B>>) {
    const SCALE: f32 = 0.797_884_6;
    const CUBIC: f32 = 0.044_715;
    let h = open::<B, 2>(x).matmul(open(weight)) + open::<B, 1>(bias).unsqueeze();
    let square = h.clone() * h.clone();
    let gate = activation::sigmoid(h.clone() * (square.clone() * CUBIC + 1.0) * (2.0 * SCALE));
    let slope = slope.then(|| {
        let du = (square * (3.0 * CUBIC) + 1.0) * (2.0 * SCALE);
        let bend = gate.clone() * (gate.clone().neg() + 1.0);
        close(gate.clone() + h.clone() * bend * du)
    });
    (close(h * gate), slope)
}

/// Queries, keys and values `[batch, heads, width, head width]` of a padded layout.
fn split<B: Backend>(qkv: &Real<B>, heads: Heads, width: usize) -> [Tensor<B, 4>; 3] {
    let qkv = open::<B, 2>(qkv);
    let batch = qkv.dims()[0] / width.max(1);
    let d_model = heads.d_model();
    [0, 1, 2].map(|part| {
        qkv.clone().narrow(1, part * d_model, d_model).reshape([batch, width, heads.count, heads.width]).swap_dims(1, 2)
    })
}

/// `[batch, heads, width, head width]` back to `[tokens, d_model]`.
fn merge<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 2> {
    let [batch, heads, width, head] = x.dims();
    x.swap_dims(1, 2).reshape([batch * width, heads * head])
}

/// What is added to the scores `[batch or 1, 1, queries, keys]` so that a query sees its own and earlier keys of its
/// sequence. The queries are the last of the keys; `pads` counts the padding before each sequence.
fn visible<B: Backend>(pads: &[usize], queries: usize, keys: usize, device: &B::Device) -> Tensor<B, 4> {
    let pads = if pads.iter().all(|&pad| pad == 0) { &[0] } else { pads };
    let past = keys - queries;
    let mut mask = vec![HIDDEN; pads.len() * queries * keys];
    for (rows, &pad) in mask.chunks_exact_mut(queries * keys).zip(pads) {
        for (i, row) in rows.chunks_exact_mut(keys).enumerate() {
            if pad <= past + i {
                row[pad..=past + i].fill(0.0);
            }
        }
    }
    Tensor::from_data(TensorData::new(mask, [pads.len(), 1, queries, keys]), device)
}

fn probabilities<B: Backend>(queries: Tensor<B, 4>, keys: Tensor<B, 4>, scale: f32, pads: &[usize]) -> Tensor<B, 4> {
    let device = queries.device();
    let mask = visible::<B>(pads, queries.dims()[2], keys.dims()[2], &device);
    activation::softmax(queries.matmul(keys.swap_dims(2, 3)) * scale + mask, 3)
}

pub(super) fn attend<B: Backend>(qkv: &Real<B>, heads: Heads, layout: &Layout) -> (Real<B>, Real<B>) {
    let width = layout.width.unwrap_or(layout.tokens);
    let [queries, keys, values] = split::<B>(qkv, heads, width);
    let probabilities = probabilities(queries, keys, heads.scale, &layout.pads());
    (close(merge(probabilities.clone().matmul(values))), close(probabilities))
}

pub(super) fn attend_backward<B: Backend>(
    grad: &Real<B>,
    qkv: &Real<B>,
    probabilities: &Real<B>,
    heads: Heads,
    layout: &Layout,
) -> Real<B> {
    let width = layout.width.unwrap_or(layout.tokens);
    let [queries, keys, values] = split::<B>(qkv, heads, width);
    let probabilities = open::<B, 4>(probabilities);
    let [batch, count, _, head] = queries.dims();
    let grad = open::<B, 2>(grad).reshape([batch, width, count, head]).swap_dims(1, 2);
    let grad_values = probabilities.clone().swap_dims(2, 3).matmul(grad.clone());
    let grad_probabilities = grad.matmul(values.swap_dims(2, 3));
    let weighted = probabilities.clone() * grad_probabilities;
    let total = weighted.clone().sum_dim(3);
    let grad_scores = (weighted - probabilities * total) * heads.scale;
    let grad_queries = grad_scores.clone().matmul(keys);
    let grad_keys = grad_scores.swap_dims(2, 3).matmul(queries);
    close(Tensor::cat(vec![merge(grad_queries), merge(grad_keys), merge(grad_values)], 1))
}

/// Keys and values of one layer, padded to one width.
#[derive(Debug)]
pub(crate) struct PaddedMemory<B: Backend> {
    past: Option<(Tensor<B, 4>, Tensor<B, 4>)>,
    pads: Vec<usize>,
}

impl<B: Backend> PaddedMemory<B> {
    pub(super) fn new() -> Self {
        Self { past: None, pads: Vec::new() }
    }

    /// Attention of new positions; the first call decides where each sequence begins.
    pub(super) fn attend(&mut self, qkv: &Real<B>, heads: Heads, layout: &Layout) -> Real<B> {
        let [queries, mut keys, mut values] = split::<B>(qkv, heads, layout.width.unwrap_or(layout.tokens));
        match self.past.take() {
            None => self.pads = layout.pads(),
            Some((past_keys, past_values)) => {
                keys = Tensor::cat(vec![past_keys, keys], 2);
                values = Tensor::cat(vec![past_values, values], 2);
            }
        }
        let probabilities = probabilities(queries, keys.clone(), heads.scale, &self.pads);
        let out = merge(probabilities.matmul(values.clone()));
        self.past = Some((keys, values));
        close(out)
    }

    pub(super) fn retain(&mut self, kept: &[usize]) {
        self.pads = kept.iter().map(|&b| self.pads[b]).collect();
        if let Some((keys, values)) = self.past.take() {
            let rows: Vec<u32> = kept.iter().map(|&b| b as u32).collect();
            let rows = indices::<B>(&rows, &keys.device());
            self.past = Some((keys.select(0, rows.clone()), values.select(0, rows)));
        }
    }
}

pub(super) fn pick_rows<B: Backend>(table: &Real<B>, rows: &[u32]) -> Real<B> {
    let table = open::<B, 2>(table);
    let rows = indices::<B>(rows, &table.device());
    close(table.select(0, rows))
}

pub(super) fn add_rows<B: Backend>(x: &Real<B>, rows: &[u32], height: usize) -> Real<B> {
    let x = open::<B, 2>(x);
    let rows = indices::<B>(rows, &x.device());
    let table = Tensor::<B, 2>::zeros([height, x.dims()[1]], &x.device());
    close(table.select_assign(0, rows, x, IndexingUpdateOp::Add))
}

pub(super) fn product<B: Backend>(a: &Real<B>, a_transposed: bool, b: &Real<B>, b_transposed: bool) -> Real<B> {
    let (mut a, mut b) = (open::<B, 2>(a), open::<B, 2>(b));
    if a_transposed {
        a = a.transpose();
    }
    if b_transposed {
        b = b.transpose();
    }
    close(a.matmul(b))
}

pub(super) fn cross_entropy<B: Backend>(logits: &Real<B>, targets: &[u32], scale: f32) -> (Real<B>, Real<B>) {
    let logits = open::<B, 2>(logits);
    let device = logits.device();
    let targets = indices::<B>(targets, &device).unsqueeze_dim::<2>(1);
    let rows = targets.dims()[0];
    let log_probabilities = activation::log_softmax(logits, 1);
    let loss = log_probabilities.clone().gather(1, targets.clone()).sum() * (-scale);
    let minus = Tensor::<B, 2>::full([rows, 1], -1.0, &device);
    let slope = log_probabilities.exp().scatter(1, targets, minus, IndexingUpdateOp::Add) * scale;
    (close(loss), close(slope))
}

pub(super) fn sum_squares<B: Backend>(tensors: &[Real<B>]) -> f64 {
    let sums: Vec<Tensor<B, 1>> = tensors
        .iter()
        .map(|x| {
            let count = burn::tensor::TensorMetadata::shape(x).num_elements();
            Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(B::float_reshape(x.clone(), [count].into())))
                .powi_scalar(2)
                .sum()
        })
        .collect();
    if sums.is_empty() {
        return 0.0;
    }
    Tensor::cat(sums, 0).into_data().iter::<f64>().sum()
}

pub(super) fn adamw<B: Backend>(
    weight: Real<B>,
    grad: &Real<B>,
    first: Real<B>,
    second: Real<B>,
    step: &AdamWStep,
) -> (Real<B>, Real<B>, Real<B>) {
    let shape = burn::tensor::TensorMetadata::shape(&weight);
    let flat = |x: Real<B>| {
        let count = shape.num_elements();
        Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(B::float_reshape(x, [count].into())))
    };
    let shaped = |x: Tensor<B, 1>| B::float_reshape(close(x), shape.clone());
    let grad = flat(grad.clone()) * step.grad_scale;
    let first = flat(first) * step.beta1 + grad.clone() * (1.0 - step.beta1);
    let second = flat(second) * step.beta2 + grad.powi_scalar(2) * (1.0 - step.beta2);
    let denominator = second.clone().sqrt() / step.correction2.sqrt() + step.epsilon;
    let change = first.clone() / denominator * (step.lr / step.correction1);
    let weight = flat(weight) * (1.0 - step.lr * step.decay) - change;
    (shaped(weight), shaped(first), shaped(second))
}
