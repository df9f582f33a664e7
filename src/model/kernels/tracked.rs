//! The blocks on tracked tensors: each is one node of the graph with its own backward pass.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::TensorMetadata;
use burn::tensor::backend::AutodiffBackend;

use super::{AffineGrads, Blocks, Heads, Kernels, Layout, Real, Tracked, Wanted};

/// Hands the gradients of input, weight and bias to the parents that want them.
fn register<B: Kernels>(grads: &mut Gradients, parents: [Option<NodeId>; 3], made: AffineGrads<B>) {
    for (parent, grad) in parents.into_iter().zip([made.input, made.weight, made.bias]) {
        if let (Some(id), Some(grad)) = (parent, grad) {
            grads.register::<B>(id, grad);
        }
    }
}

/// What the parents of an affine operation want.
fn wanted(parents: &[Option<NodeId>; 3]) -> Wanted {
    Wanted { input: parents[0].is_some(), weights: parents[1].is_some() || parents[2].is_some() }
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
struct LayerNorm;

impl<B: Kernels> Backward<B, 3> for LayerNorm {
    /// Input, statistics, gain.
    type State = (Real<B>, Real<B>, Real<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let (x, stats, gain) = &ops.state;
        let made = B::normalise_backward(grad, x, stats, gain, wanted(&parents));
        register(grads, parents, made);
    }
}

#[derive(Debug)]
struct Linear;

impl<B: Kernels> Backward<B, 3> for Linear {
    /// Input, weight.
    type State = (Real<B>, Real<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let made = B::affine_backward(&grad, &ops.state.0, &ops.state.1, wanted(&parents));
        register(grads, parents, made);
    }
}

#[derive(Debug)]
struct LinearResidual;

impl<B: Kernels> Backward<B, 4> for LinearResidual {
    /// Input, weight.
    type State = (Real<B>, Real<B>);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight, bias, residual] = ops.parents.map(|parent| parent.map(|node| node.id));
        let parents = [x, weight, bias];
        let made = B::affine_backward(&grad, &ops.state.0, &ops.state.1, wanted(&parents));
        register(grads, parents, made);
        if let Some(id) = residual {
            grads.register::<B>(id, grad);
        }
    }
}

#[derive(Debug)]
struct LinearGelu;

impl<B: Kernels> Backward<B, 3> for LinearGelu {
    /// Input, weight, slope of the activation.
    type State = (Real<B>, Real<B>, Real<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (x, weight, slope) = &ops.state;
        let grad = B::multiply(grads.consume::<B>(&ops.node), slope);
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let made = B::affine_backward(&grad, x, weight, wanted(&parents));
        register(grads, parents, made);
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
}

impl<B: Kernels> Backward<B, 1> for Attention {
    type State = Attended<Real<B>>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let Attended { qkv, out, kept, heads, layout } = &ops.state;
        if let [Some(parent)] = ops.parents {
            grads.register::<B>(parent.id, B::attend_backward(&grad, qkv, out, kept, *heads, layout));
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
            grads.register::<B>(parent.id, B::add_rows(&grad, &ops.state.0, ops.state.1));
        }
    }
}

#[derive(Debug)]
struct Head;

impl<B: Kernels> Backward<B, 2> for Head {
    /// Input, table.
    type State = (Real<B>, Real<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, table] = ops.parents;
        if let Some(parent) = x {
            grads.register::<B>(parent.id, B::product(&grad, false, &ops.state.1, false));
        }
        if let Some(parent) = table {
            grads.register::<B>(parent.id, B::product(&grad, true, &ops.state.0, false));
        }
    }
}

#[derive(Debug)]
struct HeadLoss;

impl<B: Kernels> Backward<B, 2> for HeadLoss {
    /// Input, table, gradient of the loss in the logits.
    type State = (Real<B>, Real<B>, Real<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        // The loss is where the gradient starts, so that the gradient on it is one.
        grads.consume::<B>(&ops.node);
        let (x, rows, slope) = &ops.state;
        let [input, table] = ops.parents;
        if let Some(parent) = input {
            grads.register::<B>(parent.id, B::product(slope, false, rows, false));
        }
        if let Some(parent) = table {
            grads.register::<B>(parent.id, B::product(slope, true, x, false));
        }
    }
}

/// The cross-entropy of `x · tableᵀ` against `targets`, summed over rows and scaled, `[1]`: the root of the graph.
pub(crate) fn head_loss<B: Kernels>(
    x: &Real<Tracked<B>>,
    table: &Real<Tracked<B>>,
    targets: &[u32],
    scale: f32,
) -> Real<Tracked<B>> {
    let logits = B::product(&x.primitive, false, &table.primitive, true);
    let (loss, slope) = B::cross_entropy(logits, targets, scale);
    node!(HeadLoss, [x, table], loss, ((x.primitive.clone(), table.primitive.clone(), slope), loss))
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

    fn add(a: Real<Self>, b: Real<Self>) -> Real<Self> {
        use burn::tensor::ops::FloatTensorOps;
        Self::float_add(a, b)
    }

    fn layer_norm(x: &Real<Self>, gain: &Real<Self>, bias: &Real<Self>, epsilon: f32) -> Real<Self> {
        let (out, stats) = B::normalise(&x.primitive, &gain.primitive, &bias.primitive, epsilon);
        node!(LayerNorm, [x, gain, bias], out, ((x.primitive.clone(), stats, gain.primitive.clone()), out))
    }

    fn linear(x: &Real<Self>, weight: &Real<Self>, bias: &Real<Self>) -> Real<Self> {
        let out = B::affine(&x.primitive, &weight.primitive, &bias.primitive, None);
        node!(Linear, [x, weight, bias], out, ((x.primitive.clone(), weight.primitive.clone()), out))
    }

    fn linear_residual(x: &Real<Self>, weight: &Real<Self>, bias: &Real<Self>, residual: &Real<Self>) -> Real<Self> {
        let out = B::affine(&x.primitive, &weight.primitive, &bias.primitive, Some(&residual.primitive));
        let state = (x.primitive.clone(), weight.primitive.clone());
        node!(LinearResidual, [x, weight, bias, residual], out, (state, out))
    }

    fn linear_gelu(x: &Real<Self>, weight: &Real<Self>, bias: &Real<Self>) -> Real<Self> {
        let prepared = LinearGelu
            .prepare::<NoCheckpointing>([x.node.clone(), weight.node.clone(), bias.node.clone()])
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(prep) => {
                let (out, slope) = B::affine_gelu(&x.primitive, &weight.primitive, &bias.primitive, true);
                let slope = slope.expect("the slope was asked for");
                prep.finish((x.primitive.clone(), weight.primitive.clone(), slope), out)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::affine_gelu(&x.primitive, &weight.primitive, &bias.primitive, false).0)
            }
        }
    }

    fn attention(qkv: &Real<Self>, heads: Heads, layout: &Layout) -> Real<Self> {
        let (out, kept) = B::attend(&qkv.primitive, heads, layout);
        let state = Attended { qkv: qkv.primitive.clone(), out: out.clone(), kept, heads, layout: layout.clone() };
        node!(Attention, [qkv], out, (state, out))
    }

    fn head(x: &Real<Self>, table: &Real<Self>) -> Real<Self> {
        let out = B::product(&x.primitive, false, &table.primitive, true);
        node!(Head, [x, table], out, ((x.primitive.clone(), table.primitive.clone()), out))
    }
}
