//! The CPU: fused passes over slices around the matrix products of `burn-flex`.

use std::borrow::Cow;

use burn::backend::Flex;
use burn::tensor::ops::FloatTensorOps;
use burn::tensor::{Bytes, DType, Shape, bf16};
use burn_flex::{FlexTensor, Layout as Strides};

use super::host::{attention, distributions, dropout, loss, memory, narrow, norm, optimiser, pointwise, rotary, rows};
use super::{
    Activation, AdamWStep, AffineGrads, Dropout, Form, Heads, Kernels, Layout, Major, Normal, Precision, RequiresGrad,
    Rotation,
};

/// The elements in row-form order; copied only if they do not lie so.
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

/// The tensor in row-form order with nothing before or behind, so that its storage is its elements. It stays the only
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

/// An operand of a product in its precision.
fn operand(x: &FlexTensor, precision: Precision) -> FlexTensor {
    match precision {
        Precision::F32 => x.clone(),
        Precision::Bf16 => {
            let shape: Vec<usize> = x.layout().shape().iter().copied().collect();
            tensor(elements(x).iter().map(|&x| bf16::from_f32(x).to_f32()).collect(), &shape)
        }
    }
}

/// A matrix of weights as `[in, out]`.
fn by_input(weight: &FlexTensor, form: Form) -> FlexTensor {
    let weight = operand(weight, form.precision);
    match form.major {
        Major::Input => weight,
        Major::Output => transposed(&weight),
    }
}

/// `x` times the matrix of weights.
fn product(x: &FlexTensor, weight: &FlexTensor, form: Form) -> FlexTensor {
    let [rows, inner] = shape2(x);
    if !form.generating || rows > narrow::MOST_ROWS || inner == 0 || form.precision != Precision::F32 {
        return Flex::float_matmul(operand(x, form.precision), by_input(weight, form));
    }
    let weights = elements(weight);
    let outputs = weights.len() / inner;
    let mut y = vec![0.0; rows * outputs];
    narrow::product(&elements(x), &weights, form.major, inner, &mut y);
    tensor(y, &[rows, outputs])
}

impl Kernels for Flex {
    type Memory = Vec<memory::Memory>;

    const RAGGED: bool = true;

    fn normalise(
        x: &FlexTensor,
        gain: &FlexTensor,
        bias: Option<&FlexTensor>,
        normal: Normal,
    ) -> (FlexTensor, FlexTensor) {
        let [tokens, width] = shape2(x);
        let mut y = vec![0.0; tokens * width];
        let mut stats = vec![0.0; tokens * norm::STATS];
        let bias = bias.map(elements);
        norm::normalise(&elements(x), &elements(gain), bias.as_deref(), normal, &mut y, &mut stats);
        (tensor(y, &[tokens, width]), tensor(stats, &[tokens, norm::STATS]))
    }

    fn normalise_backward(
        grad: FlexTensor,
        x: &FlexTensor,
        stats: &FlexTensor,
        gain: &FlexTensor,
        normal: Normal,
        required: RequiresGrad,
    ) -> AffineGrads<Self> {
        let [_, width] = shape2(x);
        let mut grad = owned(grad);
        let affine = norm::normalise_backward(
            grad.storage_mut::<f32>(),
            &elements(x),
            &elements(stats),
            &elements(gain),
            normal,
            required.weight || required.bias,
        );
        let (gain, bias) = affine.map_or((None, None), |sums| (Some(sums.gain), Some(sums.bias)));
        AffineGrads {
            input: required.input.then_some(grad),
            weight: gain.map(|data| tensor(data, &[width])),
            bias: bias.map(|data| tensor(data, &[width])),
        }
    }

    fn affine(
        x: &FlexTensor,
        weight: &FlexTensor,
        form: Form,
        bias: Option<&FlexTensor>,
        residual: Option<&FlexTensor>,
    ) -> FlexTensor {
        let mut y = product(x, weight, form);
        let [_, width] = shape2(&y);
        let (bias, residual) = (bias.map(elements), residual.map(elements));
        pointwise::add_bias(y.storage_mut::<f32>(), width, bias.as_deref(), residual.as_deref());
        y
    }

    fn affine_backward(
        grad: &FlexTensor,
        x: &FlexTensor,
        weight: &FlexTensor,
        form: Form,
        required: RequiresGrad,
    ) -> AffineGrads<Self> {
        let [_, outer] = shape2(grad);
        let gradient = operand(grad, form.precision);
        AffineGrads {
            input: required.input.then(|| Self::float_matmul(gradient.clone(), transposed(&by_input(weight, form)))),
            weight: required.weight.then(|| {
                let x = operand(x, form.precision);
                match form.major {
                    Major::Input => Self::float_matmul(transposed(&x), gradient),
                    Major::Output => Self::float_matmul(transposed(&gradient), x),
                }
            }),
            bias: required.bias.then(|| tensor(pointwise::sum_rows(&elements(grad), outer), &[outer])),
        }
    }

    fn affine_activated(
        x: &FlexTensor,
        weight: &FlexTensor,
        form: Form,
        bias: &FlexTensor,
        activation: Activation,
        gradient: bool,
    ) -> (FlexTensor, Option<FlexTensor>) {
        let mut y = product(x, weight, form);
        let [tokens, width] = shape2(&y);
        let mut gradients = gradient.then(|| vec![0.0; tokens * width]);
        pointwise::activated(y.storage_mut::<f32>(), &elements(bias), gradients.as_deref_mut(), activation);
        (y, gradients.map(|gradients| tensor(gradients, &[tokens, width])))
    }

    fn multiply(a: FlexTensor, b: &FlexTensor) -> FlexTensor {
        let mut a = owned(a);
        pointwise::multiply(a.storage_mut::<f32>(), &elements(b));
        a
    }

    fn gated(x: &FlexTensor, activation: Activation) -> FlexTensor {
        let [tokens, width] = shape2(x);
        let mut y = vec![0.0; tokens * width / 2];
        pointwise::gated(&elements(x), width / 2, activation, &mut y);
        tensor(y, &[tokens, width / 2])
    }

    fn gated_backward(grad: &FlexTensor, x: &FlexTensor, activation: Activation) -> FlexTensor {
        let [tokens, width] = shape2(x);
        let mut grad_x = vec![0.0; tokens * width];
        pointwise::gated_backward(&elements(grad), &elements(x), width / 2, activation, &mut grad_x);
        tensor(grad_x, &[tokens, width])
    }

    fn rotate(qkv: FlexTensor, heads: Heads, rotation: &Rotation<Self>, backwards: bool) -> FlexTensor {
        let mut qkv = owned(qkv);
        let (cosines, sines) = (elements(&rotation.cosines), elements(&rotation.sines));
        rotary::rotate(qkv.storage_mut::<f32>(), heads, &cosines, &sines, rotation.pairs, backwards);
        qkv
    }

    fn dropped(x: FlexTensor, dropout: Dropout) -> FlexTensor {
        let [_, width] = shape2(&x);
        let mut x = owned(x);
        dropout::apply(x.storage_mut::<f32>(), width, dropout);
        x
    }

    fn attend(qkv: &FlexTensor, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> (FlexTensor, FlexTensor) {
        let mut out = vec![0.0; layout.tokens * heads.query_width()];
        let mut log_sums = vec![0.0; layout.tokens * heads.count];
        attention::attend(&elements(qkv), heads, &layout.spans, &mut out, &mut log_sums, dropout);
        (tensor(out, &[layout.tokens, heads.query_width()]), tensor(log_sums, &[layout.tokens, heads.count]))
    }

    fn attend_backward(
        grad: &FlexTensor,
        qkv: &FlexTensor,
        out: &FlexTensor,
        kept: &FlexTensor,
        heads: Heads,
        layout: &Layout,
        dropout: Option<Dropout>,
    ) -> FlexTensor {
        let mut grad_qkv = vec![0.0; layout.tokens * heads.qkv_width()];
        attention::attend_backward(
            &elements(grad),
            &elements(qkv),
            &elements(out),
            &elements(kept),
            heads,
            &layout.spans,
            &mut grad_qkv,
            dropout,
        );
        tensor(grad_qkv, &[layout.tokens, heads.qkv_width()])
    }

    fn memory(sequences: usize) -> Self::Memory {
        vec![memory::Memory::default(); sequences]
    }

    fn attend_cached(qkv: &FlexTensor, heads: Heads, layout: &Layout, memory: &mut Self::Memory) -> FlexTensor {
        if memory.iter().all(memory::Memory::is_empty) {
            memory::remember(&elements(qkv), heads, &layout.spans, memory);
            return Self::attend(qkv, heads, layout, None).0;
        }
        let mut out = vec![0.0; layout.tokens * heads.query_width()];
        memory::attend_cached(&elements(qkv), heads, &layout.spans, memory, &mut out);
        tensor(out, &[layout.tokens, heads.query_width()])
    }

    fn retain(memory: &mut Self::Memory, kept: &[usize]) {
        *memory = kept.iter().map(|&b| std::mem::take(&mut memory[b])).collect();
    }

    fn join(memory: &mut Self::Memory, mut other: Self::Memory) {
        memory.append(&mut other);
    }

    fn pick_rows(table: &FlexTensor, indices: &[u32]) -> FlexTensor {
        let [_, width] = shape2(table);
        let mut out = vec![0.0; indices.len() * width];
        rows::gather(&elements(table), width, indices, &mut out);
        tensor(out, &[indices.len(), width])
    }

    fn add_rows(table: FlexTensor, x: &FlexTensor, indices: &[u32]) -> FlexTensor {
        let [_, width] = shape2(x);
        let mut table = owned(table);
        rows::scatter_add(&elements(x), width, indices, table.storage_mut::<f32>());
        table
    }

    fn zero_rows(height: usize, width: usize, _device: &Self::Device) -> FlexTensor {
        tensor(vec![0.0; height * width], &[height, width])
    }

    fn cross_entropy(
        logits: FlexTensor,
        targets: &[u32],
        weights: Option<&[f32]>,
        scale: f32,
    ) -> (FlexTensor, FlexTensor) {
        let mut logits = owned(logits);
        let total = loss::cross_entropy(logits.storage_mut::<f32>(), targets, weights, scale);
        (tensor(vec![(total * f64::from(scale)) as f32], &[1]), logits)
    }

    fn pick_columns(x: &FlexTensor, columns: &[u32]) -> FlexTensor {
        let [_, width] = shape2(x);
        let elements = elements(x);
        let picked = elements.chunks(width).zip(columns).map(|(row, &column)| row[column as usize]).collect();
        tensor(picked, &[columns.len(), 1])
    }

    fn survey(logits: &FlexTensor, finals: &FlexTensor, chosen: &FlexTensor) -> FlexTensor {
        let [rows, columns] = shape2(logits);
        let width = columns.div_ceil(distributions::BLOCK) * distributions::SURVEY;
        let mut out = vec![0.0; rows * width];
        distributions::survey(&elements(logits), &elements(finals), &elements(chosen), columns, &mut out);
        tensor(out, &[rows, width])
    }

    fn divergence_backward(logits: FlexTensor, finals: &FlexTensor, sums: &FlexTensor) -> FlexTensor {
        let [_, columns] = shape2(&logits);
        let mut logits = owned(logits);
        distributions::divergence_backward(logits.storage_mut::<f32>(), &elements(finals), &elements(sums), columns);
        logits
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
