//! The loss over a chunk of rows at a time, so that the logits of no more than these are there at once; and the root of a graph
//! that ends before the loss.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::TensorMetadata;
use burn::tensor::backend::AutodiffBackend;

use super::tracked::{loss_and_gradient, or_nothing, register};
use super::{AffineGrads, Form, Kernels, Real, RequiresGrad, Shaping, Targets, Tracked};

#[derive(Debug)]
struct ChunkedLoss;

impl<B: Kernels> Backward<B, 3> for ChunkedLoss {
    /// The gradients of input, table and bias.
    type State = [Option<Real<B>>; 3];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        // The loss is where the gradient starts, so that the gradient on it is one.
        grads.consume::<B>(&ops.node);
        let [input, weight, bias] = ops.state;
        register::<B>(grads, ops.parents.map(|parent| parent.map(|node| node.id)), AffineGrads { input, weight, bias });
    }
}

/// As [`head_loss`](super::head_loss), `chunk` rows at a time: the gradients are made with the loss, and the logits of a chunk
/// are gone before those of the next. Sums over rows are sums of those of chunks, so that the last bits differ.
pub(crate) fn chunked_head_loss<B: Kernels>(
    x: &Real<Tracked<B>>,
    table: &Real<Tracked<B>>,
    bias: Option<&Real<Tracked<B>>>,
    form: Form,
    shaping: Option<Shaping>,
    targets: Targets<'_>,
    chunk: usize,
) -> Real<Tracked<B>> {
    let (bias_primitive, width) = (bias.map(|bias| &bias.primitive), x.primitive.shape()[1]);
    let bias_node = or_nothing::<B>(bias, table);
    let learns = |x: &Real<Tracked<B>>| !x.node.requirement.is_none();
    let required = RequiresGrad { input: learns(x), weight: learns(table), bias: learns(&bias_node) };
    let (mut inputs, mut sums) = (Vec::new(), [None, None, None]);
    for from in (0..targets.ids.len()).step_by(chunk.max(1)) {
        let rows = from..(from + chunk.max(1)).min(targets.ids.len());
        let part = B::float_slice(x.primitive.clone(), &[rows.clone().into(), (0..width).into()]);
        let of = targets.of(rows);
        let (loss, gradient) = loss_and_gradient::<B>(&part, &table.primitive, bias_primitive, form, shaping, of);
        let AffineGrads { input, weight, bias } =
            B::affine_backward(&gradient, &part, &table.primitive, form, required);
        drop(gradient);
        inputs.extend(input);
        for (sum, more) in sums.iter_mut().zip([Some(loss), weight, bias]) {
            *sum = match (sum.take(), more) {
                (Some(sum), Some(more)) => Some(B::float_add(sum, more)),
                (sum, more) => sum.or(more),
            };
        }
    }
    let [loss, weight, bias] = sums;
    let loss = loss.unwrap_or_else(|| B::zero_rows(1, 1, &B::float_device(&x.primitive)));
    let input = (!inputs.is_empty()).then(|| B::float_cat(inputs, 0));
    let nodes = [x.node.clone(), table.node.clone(), bias_node.node.clone()];
    match ChunkedLoss.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish([input, weight, bias], loss),
        OpsKind::UnTracked(prep) => prep.finish(loss),
    }
}

#[derive(Debug)]
struct Fed;

impl<B: Kernels> Backward<B, 1> for Fed {
    /// The gradient of what is fed.
    type State = Real<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, ops.state);
        }
    }
}

/// Feeds `x` the gradient that is known of it: the root of a graph from which the gradients of all that made `x` follow.
pub(crate) fn fed<B: Kernels>(x: &Real<Tracked<B>>, grad: Real<B>) -> Real<Tracked<B>> {
    let root = B::zero_rows(1, 1, &B::float_device(&grad));
    match Fed.prepare::<NoCheckpointing>([x.node.clone()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(grad, root),
        OpsKind::UnTracked(_) => Tracked::<B>::from_inner(root),
    }
}
