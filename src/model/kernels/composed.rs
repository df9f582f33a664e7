//! The operations put together from Burn's own, for any backend that has no fused ones.
//!
//! Sequences must be padded to one width here. A padded position may hold any finite numbers: nothing reads them.

use burn_tensor::backend::Backend;
use burn_tensor::{FloatDType, IndexingUpdateOp, Int, Tensor, TensorData, TensorPrimitive, activation};

use super::activations::activate;
use super::host::dropout;
use super::{
    Activation, AdamWStep, AffineGrads, Dropout, Form, Heads, Layout, Major, Normal, Precision, Real, RequiresGrad,
    Rotation, Shaping,
};

/// Score of a key that a query may not see: its probability is exactly zero.
const HIDDEN: f32 = -1e30;

pub(super) fn open<B: Backend, const D: usize>(x: &Real<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(x.clone()))
}

pub(super) fn close<B: Backend, const D: usize>(x: Tensor<B, D>) -> Real<B> {
    x.into_primitive().tensor()
}

pub(super) fn indices<B: Backend>(values: &[u32], device: &B::Device) -> Tensor<B, 1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value.cast_signed()).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

pub(super) fn normalise<B: Backend>(
    x: &Real<B>,
    gain: &Real<B>,
    bias: Option<&Real<B>>,
    normal: Normal,
) -> (Real<B>, Real<B>) {
    let x = open::<B, 2>(x);
    let mean = x.clone().mean_dim(1);
    let mean = if normal.centred { mean } else { mean.zeros_like() };
    let centred = x - mean.clone();
    let variance = centred.clone().powi_scalar(2).mean_dim(1);
    let scale = (variance + normal.epsilon).sqrt().recip();
    let mut y = centred * scale.clone() * (open::<B, 1>(gain) + normal.offset).unsqueeze();
    if let Some(bias) = bias {
        y = y + open::<B, 1>(bias).unsqueeze();
    }
    (close(y), close(Tensor::cat(vec![mean, scale], 1)))
}

pub(super) fn normalise_backward<B: Backend>(
    grad: &Real<B>,
    x: &Real<B>,
    stats: &Real<B>,
    gain: &Real<B>,
    normal: Normal,
    required: RequiresGrad,
) -> AffineGrads<B> {
    let (grad, stats) = (open::<B, 2>(grad), open::<B, 2>(stats));
    let (mean, scale) = (stats.clone().narrow(1, 0, 1), stats.narrow(1, 1, 1));
    let rows = (open::<B, 2>(x) - mean) * scale.clone();
    let input = required.input.then(|| {
        let mut grad = grad.clone() * (open::<B, 1>(gain) + normal.offset).unsqueeze();
        let mean_product = (grad.clone() * rows.clone()).mean_dim(1);
        if normal.centred {
            grad = grad.clone() - grad.mean_dim(1);
        }
        close((grad - rows.clone() * mean_product) * scale)
    });
    let weight = required.weight.then(|| close((grad.clone() * rows).sum_dim(0).squeeze_dim::<1>(0)));
    let bias = required.bias.then(|| close(grad.sum_dim(0).squeeze_dim::<1>(0)));
    AffineGrads { input, weight, bias }
}

/// `a · b` with operands in a precision.
fn product<B: Backend>(a: Tensor<B, 2>, b: Tensor<B, 2>, precision: Precision) -> Tensor<B, 2> {
    match precision {
        Precision::F32 => a.matmul(b),
        Precision::Bf16 => a.cast(FloatDType::BF16).matmul(b.cast(FloatDType::BF16)).cast(FloatDType::F32),
    }
}

/// A matrix of weights as `[in, out]`.
fn by_input<B: Backend>(weight: &Real<B>, form: Form) -> Tensor<B, 2> {
    match form.major {
        Major::Input => open(weight),
        Major::Output => open::<B, 2>(weight).transpose(),
    }
}

pub(super) fn affine<B: Backend>(
    x: &Real<B>,
    weight: &Real<B>,
    form: Form,
    bias: Option<&Real<B>>,
    residual: Option<&Real<B>>,
) -> Real<B> {
    let mut y = product(open(x), by_input(weight, form), form.precision);
    if let Some(bias) = bias {
        y = y + open::<B, 1>(bias).unsqueeze();
    }
    if let Some(residual) = residual {
        y = y + open(residual);
    }
    close(y)
}

pub(super) fn affine_backward<B: Backend>(
    grad: &Real<B>,
    x: &Real<B>,
    weight: &Real<B>,
    form: Form,
    required: RequiresGrad,
) -> AffineGrads<B> {
    let grad = open::<B, 2>(grad);
    AffineGrads {
        input: required.input.then(|| close(product(grad.clone(), by_input(weight, form).transpose(), form.precision))),
        weight: required.weight.then(|| {
            close(match form.major {
                Major::Input => product(open::<B, 2>(x).transpose(), grad.clone(), form.precision),
                Major::Output => product(grad.clone().transpose(), open(x), form.precision),
            })
        }),
        bias: required.bias.then(|| close(grad.clone().sum_dim(0).squeeze_dim::<1>(0))),
    }
}

pub(super) fn affine_activated<B: Backend>(
    x: &Real<B>,
    weight: &Real<B>,
    form: Form,
    bias: &Real<B>,
    activation: Activation,
    gradient: bool,
) -> (Real<B>, Option<Real<B>>) {
    let h = product(open(x), by_input(weight, form), form.precision) + open::<B, 1>(bias).unsqueeze();
    let (y, gradients) = activate(h, activation);
    (close(y), gradient.then(|| close(gradients)))
}

pub(super) fn gated<B: Backend>(x: &Real<B>, activation: Activation) -> Real<B> {
    let [gate, up]: [Tensor<B, 2>; 2] = halves(&open(x));
    close(activate(gate, activation).0 * up)
}

pub(super) fn gated_backward<B: Backend>(grad: &Real<B>, x: &Real<B>, activation: Activation) -> Real<B> {
    let grad = open::<B, 2>(grad);
    let [gate, up] = halves(&open(x));
    let (value, gradient) = activate(gate, activation);
    close(Tensor::cat(vec![grad.clone() * up * gradient, grad * value], 1))
}

fn halves<B: Backend>(x: &Tensor<B, 2>) -> [Tensor<B, 2>; 2] {
    let inner = x.dims()[1] / 2;
    [0, 1].map(|half| x.clone().narrow(1, half * inner, inner))
}

pub(super) fn rotate<B: Backend>(qkv: &Real<B>, heads: Heads, rotation: &Rotation<B>, backwards: bool) -> Real<B> {
    let qkv = open::<B, 2>(qkv);
    let tokens = qkv.dims()[0];
    let (rotated, pairs) = (heads.count + heads.kv_count, rotation.pairs);
    let all = qkv.clone().narrow(1, 0, rotated * heads.width).reshape([tokens, rotated, heads.width]);
    let table = |x: &Real<B>| open::<B, 2>(x).unsqueeze_dim::<3>(1);
    let (cosines, mut sines) = (table(&rotation.cosines), table(&rotation.sines));
    if backwards {
        sines = sines.neg();
    }
    let (a, b) = (all.clone().narrow(2, 0, pairs), all.clone().narrow(2, pairs, pairs));
    let mut parts = vec![a.clone() * cosines.clone() - b.clone() * sines.clone(), b * cosines + a * sines];
    if 2 * pairs < heads.width {
        parts.push(all.narrow(2, 2 * pairs, heads.width - 2 * pairs));
    }
    let all = Tensor::cat(parts, 2).reshape([tokens, rotated * heads.width]);
    close(Tensor::cat(vec![all, qkv.narrow(1, rotated * heads.width, heads.kv_width())], 1))
}

pub(super) fn dropped<B: Backend>(x: &Real<B>, dropout: Dropout) -> Real<B> {
    let x = open::<B, 2>(x);
    let mut mask = vec![0.0; x.dims()[0] * x.dims()[1]];
    dropout::mask_rows(&mut mask, x.dims()[1], dropout);
    let mask = Tensor::from_data(TensorData::new(mask, x.dims()), &x.device());
    close(x * mask)
}

/// Queries `[batch, heads, width, head width]`, keys and values `[batch, key heads, width, head width]` of a padded
/// layout.
pub(super) fn split<B: Backend>(qkv: &Real<B>, heads: Heads, width: usize) -> [Tensor<B, 4>; 3] {
    let qkv = open::<B, 2>(qkv);
    let batch = qkv.dims()[0] / width.max(1);
    let mut at = 0;
    [heads.count, heads.kv_count, heads.kv_count].map(|count| {
        at += count * heads.width;
        let part = qkv.clone().narrow(1, at - count * heads.width, count * heads.width);
        part.reshape([batch, width, count, heads.width]).swap_dims(1, 2)
    })
}

/// `[batch, heads, width, head width]` back to `[tokens, heads · head width]`.
pub(super) fn merge<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 2> {
    let [batch, heads, width, head] = x.dims();
    x.swap_dims(1, 2).reshape([batch * width, heads * head])
}

/// The rows of all query heads that share a head of keys, one after the other: `[batch, key heads, group · rows, _]`.
pub(super) fn grouped<B: Backend>(x: Tensor<B, 4>, heads: Heads) -> Tensor<B, 4> {
    let [batch, _, rows, columns] = x.dims();
    x.reshape([batch, heads.kv_count, heads.count / heads.kv_count * rows, columns])
}

/// The reverse of [`grouped`].
pub(super) fn ungrouped<B: Backend>(x: Tensor<B, 4>, heads: Heads) -> Tensor<B, 4> {
    let [batch, _, rows, columns] = x.dims();
    x.reshape([batch, heads.count, rows * heads.kv_count / heads.count, columns])
}

/// What is added to the scores `[batch or 1, 1, queries, keys]` so that a query sees its own and earlier keys of its
/// sequence, within the window. The queries are the last of the keys; `pads` counts the padding before each sequence.
fn visible<B: Backend>(
    pads: &[usize],
    queries: usize,
    keys: usize,
    window: Option<usize>,
    device: &B::Device,
) -> Tensor<B, 4> {
    let pads = if pads.iter().all(|&pad| pad == 0) { &[0] } else { pads };
    let past = keys - queries;
    let mut mask = vec![HIDDEN; pads.len() * queries * keys];
    for (rows, &pad) in mask.chunks_exact_mut(queries * keys).zip(pads) {
        for (i, row) in rows.chunks_exact_mut(keys).enumerate() {
            let first = window.map_or(0, |window| (past + i + 1).saturating_sub(window)).max(pad);
            if first <= past + i {
                row[first..=past + i].fill(0.0);
            }
        }
    }
    Tensor::from_data(TensorData::new(mask, [pads.len(), 1, queries, keys]), device)
}

/// The attention probabilities `[batch, heads, queries, keys]`.
pub(super) fn probabilities<B: Backend>(
    queries: Tensor<B, 4>,
    keys: Tensor<B, 4>,
    heads: Heads,
    pads: &[usize],
) -> Tensor<B, 4> {
    let device = queries.device();
    let mask = visible::<B>(pads, queries.dims()[2], keys.dims()[2], heads.window, &device);
    let scores = ungrouped(grouped(queries, heads).matmul(keys.swap_dims(2, 3)), heads) * heads.scale;
    let scores = match heads.cap {
        Some(cap) => (scores / cap).tanh() * cap,
        None => scores,
    };
    activation::softmax(scores + mask, 3)
}

/// The gradient of the cap at every score `[batch, heads, queries, keys]`.
pub(super) fn cap_gradients<B: Backend>(
    queries: Tensor<B, 4>,
    keys: Tensor<B, 4>,
    heads: Heads,
    cap: f32,
) -> Tensor<B, 4> {
    let scores = ungrouped(grouped(queries, heads).matmul(keys.swap_dims(2, 3)), heads) * heads.scale;
    let tanh = (scores / cap).tanh();
    tanh.clone() * tanh.neg() + 1.0
}

/// The mask of dropped probabilities `[batch, heads, width, width]`.
fn drops<B: Backend>(heads: Heads, layout: &Layout, dropout: Dropout, device: &B::Device) -> Tensor<B, 4> {
    let (batch, width) = (layout.spans.len(), layout.width.unwrap_or(layout.tokens));
    let mut mask = vec![0.0; batch * heads.count * width * width];
    let pads = layout.pads();
    for (i, mask) in mask.chunks_exact_mut(width * width).enumerate() {
        let (sequence, head) = (i / heads.count, i % heads.count);
        dropout::attention_mask(mask, sequence, head, width, pads[sequence], dropout);
    }
    Tensor::from_data(TensorData::new(mask, [batch, heads.count, width, width]), device)
}

pub(super) fn attend<B: Backend>(
    qkv: &Real<B>,
    heads: Heads,
    layout: &Layout,
    dropout: Option<Dropout>,
) -> (Real<B>, Real<B>) {
    let width = layout.width.unwrap_or(layout.tokens);
    let [queries, keys, values] = split::<B>(qkv, heads, width);
    let probabilities = probabilities(queries, keys, heads, &layout.pads());
    let used = match dropout {
        Some(dropout) => probabilities.clone() * drops(heads, layout, dropout, &values.device()),
        None => probabilities.clone(),
    };
    let out = ungrouped(grouped(used, heads).matmul(values), heads);
    (close(merge(out)), close(probabilities))
}

pub(super) fn attend_backward<B: Backend>(
    grad: &Real<B>,
    qkv: &Real<B>,
    probabilities: &Real<B>,
    heads: Heads,
    layout: &Layout,
    dropout: Option<Dropout>,
) -> Real<B> {
    let width = layout.width.unwrap_or(layout.tokens);
    let [queries, keys, values] = split::<B>(qkv, heads, width);
    let probabilities = open::<B, 4>(probabilities);
    let [batch, count, _, head] = queries.dims();
    let grad = open::<B, 2>(grad).reshape([batch, width, count, head]).swap_dims(1, 2);
    let grad = grouped(grad, heads);
    let mask = dropout.map(|dropout| drops::<B>(heads, layout, dropout, &values.device()));
    let masked = |x: Tensor<B, 4>| match &mask {
        Some(mask) => x * mask.clone(),
        None => x,
    };
    let used = grouped(masked(probabilities.clone()), heads);
    let grad_values = used.swap_dims(2, 3).matmul(grad.clone());
    let grad_probabilities = masked(ungrouped(grad.matmul(values.swap_dims(2, 3)), heads));
    let weighted = probabilities.clone() * grad_probabilities;
    let total = weighted.clone().sum_dim(3);
    let mut grad_scores = (weighted - probabilities * total) * heads.scale;
    if let Some(cap) = heads.cap {
        grad_scores = grad_scores * cap_gradients(queries.clone(), keys.clone(), heads, cap);
    }
    let grad_scores = grouped(grad_scores, heads);
    let grad_queries = ungrouped(grad_scores.clone().matmul(keys), heads);
    let grad_keys = grad_scores.swap_dims(2, 3).matmul(grouped(queries, heads));
    close(Tensor::cat(vec![merge(grad_queries), merge(grad_keys), merge(grad_values)], 1))
}

pub(super) fn pick_rows<B: Backend>(table: &Real<B>, rows: &[u32]) -> Real<B> {
    let table = open::<B, 2>(table);
    let rows = indices::<B>(rows, &table.device());
    close(table.select(0, rows))
}

pub(super) fn add_rows<B: Backend>(table: &Real<B>, x: &Real<B>, rows: &[u32]) -> Real<B> {
    let x = open::<B, 2>(x);
    let rows = indices::<B>(rows, &x.device());
    close(open::<B, 2>(table).select_assign(0, rows, x, IndexingUpdateOp::Add))
}

pub(super) fn cross_entropy<B: Backend>(
    logits: &Real<B>,
    targets: &[u32],
    weights: Option<&[f32]>,
    scale: f32,
) -> (Real<B>, Real<B>) {
    let logits = open::<B, 2>(logits);
    let device = logits.device();
    let targets = indices::<B>(targets, &device).unsqueeze_dim::<2>(1);
    let rows = targets.dims()[0];
    let log_probabilities = activation::log_softmax(logits, 1);
    let weights =
        weights.map(|weights| Tensor::<B, 2>::from_data(TensorData::new(weights.to_vec(), [rows, 1]), &device));
    let mut at_target = log_probabilities.clone().gather(1, targets.clone());
    if let Some(weights) = &weights {
        at_target = at_target * weights.clone();
    }
    let loss = at_target.sum() * (-scale);
    let minus = Tensor::<B, 2>::full([rows, 1], -1.0, &device);
    let gradient = log_probabilities.exp().scatter(1, targets, minus, IndexingUpdateOp::Add) * scale;
    let gradient = match weights {
        Some(weights) => gradient * weights,
        None => gradient,
    };
    (close(loss), close(gradient))
}

pub(super) fn shaped_backward<B: Backend>(gradient: &Real<B>, shaped: &Real<B>, shaping: Shaping) -> Real<B> {
    let gradient = open::<B, 2>(gradient) * shaping.scale;
    close(match shaping.cap {
        Some(cap) => {
            let tanh = open::<B, 2>(shaped) / cap;
            gradient * (tanh.clone() * tanh.neg() + 1.0)
        }
        None => gradient,
    })
}

pub(super) fn sum_squares<B: Backend>(tensors: &[Real<B>]) -> f64 {
    let sums: Vec<Tensor<B, 1>> = tensors
        .iter()
        .map(|x| {
            let count = burn_tensor::TensorMetadata::shape(x).num_elements();
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
    let shape = burn_tensor::TensorMetadata::shape(&weight);
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
