//! The blocks on tracked tensors: each is one node of the graph with its own backward pass.

use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_tensor::TensorMetadata;
use burn_tensor::backend::AutodiffBackend;

use super::{
    Activation, AffineGrads, Blocks, Dropout, Form, Heads, Kernels, Layout, Normal, Real, RequiresGrad, Rotation,
    Shaping, Targets, Tracked,
};

/// Hands the gradients of input, weight and bias to the parents that want them.
pub(super) fn register<B: Kernels>(grads: &mut Gradients, parents: [Option<NodeId>; 3], made: AffineGrads<B>) {
    for (parent, grad) in parents.into_iter().zip([made.input, made.weight, made.bias]) {
        if let (Some(id), Some(grad)) = (parent, grad) {
            grads.register::<B>(id, grad);
        }
    }
}

/// What the parents of an affine operation want.
fn required(parents: &[Option<NodeId>; 3]) -> RequiresGrad {
    RequiresGrad { input: parents[0].is_some(), weight: parents[1].is_some(), bias: parents[2].is_some() }
}

/// Stands for an operand that is not there, as a node has a fixed number of parents: it is not tracked.
pub(super) fn or_nothing<B: Kernels>(x: Option<&Real<Tracked<B>>>, instead: &Real<Tracked<B>>) -> Real<Tracked<B>> {
    x.cloned().unwrap_or_else(|| Tracked::<B>::from_inner(instead.primitive.clone()))
}

/// Joins the primitive of a block to the graph, if one of its parents is tracked.
macro_rules! node {
    ($node:expr, [$($parent:expr),+], $forward:expr, $keep:expr) => {
        match $node.prepare::<NoCheckpointing>([$($parent.node.clone()),+]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (state, out) = $keep;
                prep.finish(state, out)
            }
            OpsKind::UnTracked(prep) => prep.finish($forward),
        }
    };
}

#[derive(Debug)]
struct Norm;

impl<B: Kernels> Backward<B, 3> for Norm {
    /// Input, statistics, gain.
    type State = (Real<B>, Real<B>, Real<B>, Normal);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let (x, stats, gain, normal) = &ops.state;
        let made = B::normalise_backward(grad, x, stats, gain, *normal, required(&parents));
        register(grads, parents, made);
    }
}

#[derive(Debug)]
struct Linear;

impl<B: Kernels> Backward<B, 4> for Linear {
    /// Input, weight.
    type State = (Real<B>, Real<B>, Form);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight, bias, residual] = ops.parents.map(|parent| parent.map(|node| node.id));
        let parents = [x, weight, bias];
        let made = B::affine_backward(&grad, &ops.state.0, &ops.state.1, ops.state.2, required(&parents));
        register(grads, parents, made);
        if let Some(id) = residual {
            grads.register::<B>(id, grad);
        }
    }
}

#[derive(Debug)]
struct LinearActivated;

impl<B: Kernels> Backward<B, 3> for LinearActivated {
    /// Input, weight, gradient of the activation.
    type State = (Real<B>, Real<B>, Form, Real<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (x, weight, form, gradient) = &ops.state;
        let grad = B::multiply(grads.consume::<B>(&ops.node), gradient);
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let made = B::affine_backward(&grad, x, weight, *form, required(&parents));
        register(grads, parents, made);
    }
}

#[derive(Debug)]
struct Gated;

impl<B: Kernels> Backward<B, 1> for Gated {
    type State = (Real<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, B::gated_backward(&grad, &ops.state.0, ops.state.1));
        }
    }
}

#[derive(Debug)]
struct Rotate;

impl<B: Kernels> Backward<B, 1> for Rotate {
    type State = (Heads, Rotation<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, B::rotate(grad, ops.state.0, &ops.state.1, true));
        }
    }
}

#[derive(Debug)]
struct Dropped;

impl<B: Kernels> Backward<B, 1> for Dropped {
    type State = Dropout;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, B::dropped(grad, ops.state));
        }
    }
}

#[derive(Debug)]
struct Attention;

/// What the gradient of attention needs.
#[derive(Clone, Debug)]
struct Attended<T> {
    qkv: T,
    out: T,
    kept: T,
    heads: Heads,
    layout: Layout,
    dropout: Option<Dropout>,
}

impl<B: Kernels> Backward<B, 1> for Attention {
    type State = Attended<Real<B>>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let Attended { qkv, out, kept, heads, layout, dropout } = &ops.state;
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, B::attend_backward(&grad, qkv, out, kept, *heads, layout, *dropout));
        }
    }
}

#[derive(Debug)]
struct Gather;

impl<B: Kernels> Backward<B, 1> for Gather {
    /// The indices and the height of the table.
    type State = (Vec<u32>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let zeros = B::zero_rows(ops.state.1, grad.shape()[1], &B::float_device(&grad));
            grads.register::<B>(parent.id, B::add_rows(zeros, &grad, &ops.state.0));
        }
    }
}

#[derive(Debug)]
struct HeadLoss;

impl<B: Kernels> Backward<B, 3> for HeadLoss {
    /// Input, table, gradient of the loss in the logits.
    type State = (Real<B>, Real<B>, Form, Real<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        // The loss is where the gradient starts, so that the gradient on it is one.
        grads.consume::<B>(&ops.node);
        let (x, table, form, gradient) = &ops.state;
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let made = B::affine_backward(gradient, x, table, *form, required(&parents));
        register(grads, parents, made);
    }
}

/// The cross-entropy of `x · tableᵀ (+ bias)`, shaped, against `targets`, weighted, summed over rows and scaled, `[1]`: the
/// root of the graph.
pub(crate) fn head_loss<B: Kernels>(
    x: &Real<Tracked<B>>,
    table: &Real<Tracked<B>>,
    bias: Option<&Real<Tracked<B>>>,
    form: Form,
    shaping: Option<Shaping>,
    targets: Targets<'_>,
) -> Real<Tracked<B>> {
    let bias_primitive = bias.map(|bias| &bias.primitive);
    let (loss, gradient) =
        loss_and_gradient::<B>(&x.primitive, &table.primitive, bias_primitive, form, shaping, targets);
    let bias = or_nothing::<B>(bias, table);
    node!(HeadLoss, [x, table, bias], loss, ((x.primitive.clone(), table.primitive.clone(), form, gradient), loss))
}

/// What each row weighs: its own weight times the probability of its target.
pub(super) fn confident<B: Kernels>(logits: &Real<B>, targets: Targets<'_>) -> Vec<f32> {
    let mut weights = B::target_probabilities(logits, targets.ids);
    if let Some(own) = targets.weights {
        weights.iter_mut().zip(own).for_each(|(weight, own)| *weight *= own);
    }
    weights
}

/// The loss of rows of logits as the head makes them, and its gradient in what comes before they are shaped.
pub(super) fn loss_and_gradient<B: Kernels>(
    x: &Real<B>,
    table: &Real<B>,
    bias: Option<&Real<B>>,
    form: Form,
    shaping: Option<Shaping>,
    targets: Targets<'_>,
) -> (Real<B>, Real<B>) {
    let logits = B::affine(x, table, form, bias, None);
    let logits = <B as Blocks>::shaped(logits, shaping);
    let confident = targets.by_confidence.then(|| confident::<B>(&logits, targets));
    let targets = Targets { weights: confident.as_deref().or(targets.weights), ..targets };
    // The loss may use up the logits.
    let shaped = shaping.map(|shaping| (shaping, logits.clone()));
    let (loss, gradient) = match targets.taught {
        None => B::cross_entropy(logits, targets.ids, targets.weights, targets.scale),
        Some(by) => B::taught(logits, targets, by),
    };
    let gradient = match shaped {
        Some((shaping, logits)) => B::shaped_backward(&gradient, &logits, shaping),
        None => gradient,
    };
    (loss, gradient)
}

impl<B: Kernels> Blocks for Tracked<B> {
    type Plain = B;

    fn constant(x: Real<B>) -> Real<Self> {
        Self::from_inner(x)
    }

    fn gather(table: &Real<Self>, indices: &[u32]) -> Real<Self> {
        let height = table.primitive.shape()[0];
        let out = B::pick_rows(&table.primitive, indices);
        node!(Gather, [table], out, ((indices.to_vec(), height), out))
    }

    fn norm(x: &Real<Self>, gain: &Real<Self>, bias: Option<&Real<Self>>, normal: Normal) -> Real<Self> {
        let bias_primitive = bias.map(|bias| &bias.primitive);
        let (out, stats) = B::normalise(&x.primitive, &gain.primitive, bias_primitive, normal);
        let state = (x.primitive.clone(), stats, gain.primitive.clone(), normal);
        let bias = or_nothing::<B>(bias, gain);
        node!(Norm, [x, gain, bias], out, (state, out))
    }

    fn linear(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: Option<&Real<Self>>,
        residual: Option<&Real<Self>>,
    ) -> Real<Self> {
        let primitive = |x: Option<&Real<Self>>| x.map(|x| x.primitive.clone());
        let operands = (primitive(bias), primitive(residual));
        let out = B::affine(&x.primitive, &weight.primitive, form, operands.0.as_ref(), operands.1.as_ref());
        let state = (x.primitive.clone(), weight.primitive.clone(), form);
        let (bias, residual) = (or_nothing::<B>(bias, weight), or_nothing::<B>(residual, weight));
        node!(Linear, [x, weight, bias, residual], out, (state, out))
    }

    fn linear_activated(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: &Real<Self>,
        activation: Activation,
    ) -> Real<Self> {
        let prepared = LinearActivated
            .prepare::<NoCheckpointing>([x.node.clone(), weight.node.clone(), bias.node.clone()])
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prep) => {
                let (x, weight, bias) = (&x.primitive, &weight.primitive, &bias.primitive);
                let (out, gradient) = B::affine_activated(x, weight, form, bias, activation, true);
                let gradient = gradient.expect("the gradient was asked for");
                prep.finish((x.clone(), weight.clone(), form, gradient), out)
            }
            OpsKind::UnTracked(prep) => {
                let (x, weight, bias) = (&x.primitive, &weight.primitive, &bias.primitive);
                prep.finish(B::affine_activated(x, weight, form, bias, activation, false).0)
            }
        }
    }

    fn gated(x: &Real<Self>, activation: Activation) -> Real<Self> {
        let out = B::gated(&x.primitive, activation);
        node!(Gated, [x], out, ((x.primitive.clone(), activation), out))
    }

    fn rotate(qkv: Real<Self>, heads: Heads, rotation: &Rotation<B>) -> Real<Self> {
        let (primitive, node) = (qkv.primitive, qkv.node);
        let out = B::rotate(primitive, heads, rotation, false);
        match Rotate.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((heads, rotation.clone()), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn dropped(x: Real<Self>, dropout: Dropout) -> Real<Self> {
        let (primitive, node) = (x.primitive, x.node);
        let out = B::dropped(primitive, dropout);
        match Dropped.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(dropout, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn attention(qkv: &Real<Self>, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> Real<Self> {
        let (out, kept) = B::attend(&qkv.primitive, heads, layout, dropout);
        let (qkv_primitive, layout) = (qkv.primitive.clone(), layout.clone());
        let state = Attended { qkv: qkv_primitive, out: out.clone(), kept, heads, layout, dropout };
        node!(Attention, [qkv], out, (state, out))
    }
}
