//! The function of sequences of embeddings that need be no token's, and its gradient in them.

use burn_tensor::backend::AutodiffBackend;
use burn_tensor::ops::FloatTensorOps;
use burn_tensor::{Int, Tensor, TensorData, TensorPrimitive, activation};

use super::{Attributed, Baseline, Call};
use crate::device::DeviceError;
use crate::error::ModelError;
use crate::kernels::{Blocks, Kernels, Real, Tracked};
use crate::layout::Layout;
use crate::network::Network;

/// A sequence of embeddings, and what is asked of it.
pub(super) struct Probe {
    /// `[tokens, embedding]`.
    pub(super) embeddings: Vec<f32>,
    /// The index of the token after which the target stands.
    pub(super) position: usize,
    /// The target.
    pub(super) target: u32,
}

/// What comes of a probe.
pub(super) struct Answer {
    /// The function.
    pub(super) value: f64,
    /// Its gradient `[tokens, embedding]`; empty where it was not asked for.
    pub(super) gradient: Vec<f32>,
}

impl<B: Kernels> Call<'_, B> {
    /// The token embeddings `[tokens, embedding]` of each request.
    pub(super) fn inputs(&self) -> Result<Vec<Vec<f32>>, DeviceError> {
        let table = self.network.parameters(&self.network.values).token_embedding;
        self.requests.iter().map(|request| self.network.read(B::pick_rows(&table, request.ids))).collect()
    }

    /// The embedding that stands for the absence of a token.
    pub(super) fn blank(&self, baseline: Baseline) -> Result<Vec<f32>, DeviceError> {
        let table = self.network.parameters(&self.network.values).token_embedding;
        let (width, vocab) = (self.network.config().embedding_width(), self.network.config().vocab_size());
        match baseline {
            Baseline::Zero => Ok(vec![0.0; width]),
            Baseline::Token(token) => self.network.read(B::pick_rows(&table, &[token])),
            Baseline::MeanEmbedding => {
                let mut sums = vec![0.0_f64; width];
                for row in self.network.read(table)?.chunks_exact(width) {
                    for (sum, &x) in sums.iter_mut().zip(row) {
                        *sum += f64::from(x);
                    }
                }
                Ok(sums.into_iter().map(|sum| (sum / vocab as f64) as f32).collect())
            }
        }
    }

    /// Makes and runs `owners.len()` probes, each for the request that `owners` names, ascending, and hands over each
    /// one's answer. Those of one request come in their order.
    pub(super) fn probe(
        &self,
        function: Attributed,
        gradient: bool,
        owners: &[usize],
        embeddings: impl Fn(usize) -> Vec<f32>,
        mut take: impl FnMut(usize, Answer),
    ) -> Result<(), ModelError> {
        self.share(owners, |some| {
            let probe = |&probe: &usize| {
                let request = &self.requests[owners[probe]];
                Probe { embeddings: embeddings(probe), position: request.position, target: request.target }
            };
            let answers = self.network.answers(function, gradient, some.iter().map(probe).collect())?;
            some.iter().zip(answers).for_each(|(&probe, answer)| take(probe, answer));
            Ok(())
        })
    }
}

impl<B: Kernels> Network<B> {
    /// Runs probes side by side.
    fn answers(&self, function: Attributed, gradient: bool, probes: Vec<Probe>) -> Result<Vec<Answer>, DeviceError> {
        type T<B> = Tracked<B>;
        let width = self.config().embedding_width();
        let lens: Vec<usize> = probes.iter().map(|probe| probe.embeddings.len() / width).collect();
        let layout = if B::RAGGED { Layout::packed(&lens) } else { Layout::padded_right(&lens) };
        let mut points = vec![0.0; layout.tokens * width];
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for (span, Probe { embeddings, position, target }) in layout.spans.iter().zip(probes) {
            points[span.start * width..span.end * width].copy_from_slice(&embeddings);
            rows.push((span.start + position) as u32);
            targets.push(target.cast_signed());
        }
        let leaf = T::<B>::from_inner(self.upload(points, &[layout.tokens, width]));
        let leaf = T::<B>::float_set_require_grad(leaf, gradient);
        let constants: Vec<Real<T<B>>> = self.values.iter().map(|value| T::<B>::constant(value.clone())).collect();
        let weights = self.parameters(&constants);
        let pass = self.pass(&layout, &vec![0; lens.len()]);
        let hidden = pass.hidden::<T<B>>(&weights, pass.stream::<T<B>>(&weights, leaf.clone()), |_| {});
        let logits = pass.head::<T<B>>(&weights, &<T<B> as Blocks>::gather(&hidden, &rows));
        let logits = Tensor::<T<B>, 2>::from_primitive(TensorPrimitive::Float(logits));
        let scores = match function {
            Attributed::Logit => logits,
            Attributed::LogProbability => activation::log_softmax(logits, 1),
            Attributed::Probability => activation::softmax(logits, 1),
        };
        let count = targets.len();
        let targets = Tensor::<T<B>, 2, Int>::from_data(TensorData::new(targets, [count, 1]), &scores.device());
        let values = scores.gather(1, targets);
        let read = self.read(values.clone().inner().into_primitive().tensor())?;
        let grads = if gradient {
            let mut grads = values.sum().backward();
            let none = || self.upload(vec![0.0; layout.tokens * width], &[layout.tokens, width]);
            self.read(T::<B>::grad_remove(&leaf, &mut grads).unwrap_or_else(none))?
        } else {
            Vec::new()
        };
        let answer = |(span, value): (&std::ops::Range<usize>, f32)| Answer {
            value: f64::from(value),
            gradient: grads.get(span.start * width..span.end * width).map(<[f32]>::to_vec).unwrap_or_default(),
        };
        Ok(layout.spans.iter().zip(read).map(answer).collect())
    }
}
