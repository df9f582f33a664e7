//! The CPU: fused passes over slices around the matrix products of `burn-flex`.

use std::borrow::Cow;

use burn::backend::Flex;
use burn::tensor::ops::FloatTensorOps;
use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout as Strides};

use super::host::{attention, loss, norm, optimiser, pointwise, rows};
use super::{AdamWStep, AffineGrads, Heads, Kernels, Layout, Wanted};

/// The elements in row-major order; copied only if they do not lie so.
pub(super) fn elements(x: &FlexTensor) -> Cow<'_, [f32]> {
    match x.as_slice::<f32>() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(x.to_contiguous().storage::<f32>().to_vec()),
    }
}

pub(super) fn tensor(data: Vec<f32>, shape: &[usize]) -> FlexTensor {
    debug_assert_eq!(data.len(), shape.iter().product::<usize>());
    FlexTensor::new(Bytes::from_elems(data), Strides::contiguous(Shape::from(shape.to_vec())), DType::F32)
}

/// The tensor in row-major order with nothing before or behind, so that its storage is its elements. It stays the only
/// holder of its storage if it was, and can then be changed in place.
fn owned(x: FlexTensor) -> FlexTensor {
    let straight = x.to_contiguous();
    drop(x);
    straight
}

fn shape2(x: &FlexTensor) -> [usize; 2] {
    let dims = x.layout().shape();
    [dims[0], dims[1]]
}

fn transposed(x: &FlexTensor) -> FlexTensor {
    let strides = x.layout().transpose(0, 1);
    x.clone().with_layout(strides)
}

impl Kernels for Flex {
    type Memory = Vec<attention::Memory>;

    const RAGGED: bool = true;

    fn normalise(x: &FlexTensor, gain: &FlexTensor, bias: &FlexTensor, epsilon: f32) -> (FlexTensor, FlexTensor) {
        let [tokens, width] = shape2(x);
        let mut y = vec![0.0; tokens * width];
        let mut stats = vec![0.0; tokens * norm::STATS];
        norm::layer_norm(&elements(x), &elements(gain), &elements(bias), epsilon, &mut y, &mut stats);
        (tensor(y, &[tokens, width]), tensor(stats, &[tokens, norm::STATS]))
    }

    fn normalise_backward(
        grad: FlexTensor,
        x: &FlexTensor,
        stats: &FlexTensor,
        gain: &FlexTensor,
        wanted: Wanted,
    ) -> AffineGrads<Self> {
        let [_, width] = shape2(x);
        let mut grad = owned(grad);
        let affine = norm::layer_norm_backward(
            grad.storage_mut::<f32>(),
            &elements(x),
            &elements(stats),
            &elements(gain),
            wanted.weights,
        );
        let (gain, bias) = affine.map_or((None, None), |sums| (Some(sums.gain), Some(sums.bias)));
        AffineGrads {
            input: wanted.input.then_some(grad),
            weight: gain.map(|data| tensor(data, &[width])),
            bias: bias.map(|data| tensor(data, &[width])),
        }
    }

    fn affine(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor, residual: Option<&FlexTensor>) -> FlexTensor {
        let mut y = Self::float_matmul(x.clone(), weight.clone());
        let residual = residual.map(elements);
        pointwise::add_bias(y.storage_mut::<f32>(), &elements(bias), residual.as_deref());
        y
    }

    fn affine_backward(grad: &FlexTensor, x: &FlexTensor, weight: &FlexTensor, wanted: Wanted) -> AffineGrads<Self> {
        let [_, outer] = shape2(weight);
        AffineGrads {
            input: wanted.input.then(|| Self::float_matmul(grad.clone(), transposed(weight))),
            weight: wanted.weights.then(|| Self::float_matmul(transposed(x), grad.clone())),
            bias: wanted.weights.then(|| tensor(pointwise::sum_rows(&elements(grad), outer), &[outer])),
        }
    }

    fn affine_gelu(
        x: &FlexTensor,
        weight: &FlexTensor,
        bias: &FlexTensor,
        slope: bool,
    ) -> (FlexTensor, Option<FlexTensor>) {
        let mut y = Self::float_matmul(x.clone(), weight.clone());
        let [tokens, width] = shape2(&y);
        let mut slopes = slope.then(|| vec![0.0; tokens * width]);
        pointwise::gelu(y.storage_mut::<f32>(), &elements(bias), slopes.as_deref_mut());
        (y, slopes.map(|slopes| tensor(slopes, &[tokens, width])))
    }

    fn multiply(a: FlexTensor, b: &FlexTensor) -> FlexTensor {
        let mut a = owned(a);
        pointwise::multiply(a.storage_mut::<f32>(), &elements(b));
        a
    }

    fn attend(qkv: &FlexTensor, heads: Heads, layout: &Layout) -> (FlexTensor, FlexTensor) {
        let mut out = vec![0.0; layout.tokens * heads.d_model()];
        let mut log_sums = vec![0.0; layout.tokens * heads.count];
        attention::attend(&elements(qkv), heads, &layout.spans, &mut out, &mut log_sums);
        (tensor(out, &[layout.tokens, heads.d_model()]), tensor(log_sums, &[layout.tokens, heads.count]))
    }

    fn attend_backward(
        grad: &FlexTensor,
        qkv: &FlexTensor,
        out: &FlexTensor,
        kept: &FlexTensor,
        heads: Heads,
        layout: &Layout,
    ) -> FlexTensor {
        let mut grad_qkv = vec![0.0; layout.tokens * 3 * heads.d_model()];
        attention::attend_backward(
            &elements(grad),
            &elements(qkv),
            &elements(out),
            &elements(kept),
            heads,
            &layout.spans,
            &mut grad_qkv,
        );
        tensor(grad_qkv, &[layout.tokens, 3 * heads.d_model()])
    }

    fn memory(sequences: usize) -> Self::Memory {
        vec![attention::Memory::default(); sequences]
    }

    fn attend_cached(qkv: &FlexTensor, heads: Heads, layout: &Layout, memory: &mut Self::Memory) -> FlexTensor {
        if memory.iter().all(|memory| memory.keys.is_empty()) {
            attention::remember(&elements(qkv), heads, &layout.spans, memory);
            return Self::attend(qkv, heads, layout).0;
        }
        let mut out = vec![0.0; layout.tokens * heads.d_model()];
        attention::attend_cached(&elements(qkv), heads, &layout.spans, memory, &mut out);
        tensor(out, &[layout.tokens, heads.d_model()])
    }

    fn retain(memory: &mut Self::Memory, kept: &[usize]) {
        *memory = kept.iter().map(|&b| std::mem::take(&mut memory[b])).collect();
    }

    fn pick_rows(table: &FlexTensor, indices: &[u32]) -> FlexTensor {
        let [_, width] = shape2(table);
        let mut out = vec![0.0; indices.len() * width];
        rows::gather(&elements(table), width, indices, &mut out);
        tensor(out, &[indices.len(), width])
    }

    fn add_rows(x: &FlexTensor, indices: &[u32], height: usize) -> FlexTensor {
        let [_, width] = shape2(x);
        let mut table = vec![0.0; height * width];
        rows::scatter_add(&elements(x), width, indices, &mut table);
        tensor(table, &[height, width])
    }

    fn product(a: &FlexTensor, a_transposed: bool, b: &FlexTensor, b_transposed: bool) -> FlexTensor {
        let a = if a_transposed { transposed(a) } else { a.clone() };
        let b = if b_transposed { transposed(b) } else { b.clone() };
        Self::float_matmul(a, b)
    }

    fn cross_entropy(logits: FlexTensor, targets: &[u32], scale: f32) -> (FlexTensor, FlexTensor) {
        let mut logits = owned(logits);
        let total = loss::cross_entropy(logits.storage_mut::<f32>(), targets, scale);
        (tensor(vec![(total * f64::from(scale)) as f32], &[1]), logits)
    }

    fn sum_squares(tensors: &[FlexTensor]) -> f64 {
        tensors.iter().map(|x| optimiser::sum_squares(&elements(x))).sum()
    }

    fn adamw(
        weight: FlexTensor,
        grad: &FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        step: &AdamWStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (mut weight, mut first, mut second) = (owned(weight), owned(first), owned(second));
        optimiser::adamw(
            weight.storage_mut::<f32>(),
            &elements(grad),
            first.storage_mut::<f32>(),
            second.storage_mut::<f32>(),
            step,
        );
        (weight, first, second)
    }
}
