//! The weights of a model on one backend, and the passes over them.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData, TensorPrimitive};

use super::config::Config;
use super::device::DeviceError;
use super::gpt2::{self, Gpt2};
use super::kernels::{Blocks, Kernels, Real};
use super::layout::Layout;

/// A model on backend `B`: its weights in the order of [`Config::tensors`].
pub(crate) struct Network<B: Kernels> {
    config: Config,
    device: B::Device,
    /// The name of the device, for errors.
    label: String,
    pub(super) values: Vec<Real<B>>,
    /// First and second moments of AdamW, while training.
    pub(super) moments: Vec<(Real<B>, Real<B>)>,
    /// The weights of the best evaluation so far, while training.
    best: Option<Vec<Real<B>>>,
}

/// Which of the tensors that training keeps beside the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// The weights themselves.
    Weights,
    /// AdamW's first moments.
    First,
    /// AdamW's second moments.
    Second,
    /// The weights of the best evaluation.
    Best,
}

impl<B: Kernels> Network<B> {
    /// Places weights, in the order of [`Config::tensors`], on a device.
    pub(crate) fn new(config: Config, device: B::Device, label: String, data: impl Iterator<Item = Vec<f32>>) -> Self {
        let values = config.tensors().into_iter().zip(data).map(|(spec, data)| upload::<B>(data, &spec.shape, &device));
        let values = values.collect();
        Self { config, device, label, values, moments: Vec::new(), best: None }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// A tensor from its elements.
    pub(crate) fn upload(&self, data: Vec<f32>, shape: &[usize]) -> Real<B> {
        upload::<B>(data, shape, &self.device)
    }

    /// The elements of a tensor.
    pub(crate) fn read(&self, x: Real<B>) -> Result<Vec<f32>, DeviceError> {
        let count = burn::tensor::TensorMetadata::shape(&x).num_elements();
        let lost = |reason: String| DeviceError::Lost { device: self.label.clone(), reason };
        let flat = B::float_reshape(x, [count].into());
        let data = Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(flat))
            .try_into_data()
            .map_err(|error| lost(error.to_string()))?;
        data.into_vec::<f32>().map_err(|error| lost(format!("{error:?}")))
    }

    /// The elements of tensor `i` of a shelf; `None` where training has no such tensor.
    pub(crate) fn shelf(&self, shelf: Shelf, i: usize) -> Option<Result<Vec<f32>, DeviceError>> {
        let tensor = match shelf {
            Shelf::Weights => self.values.get(i),
            Shelf::First => self.moments.get(i).map(|(first, _)| first),
            Shelf::Second => self.moments.get(i).map(|(_, second)| second),
            Shelf::Best => self.best.as_ref().and_then(|best| best.get(i)),
        };
        tensor.map(|tensor| self.read(tensor.clone()))
    }

    /// Replaces a shelf as a whole.
    pub(crate) fn set_shelf(&mut self, shelf: Shelf, data: Vec<Vec<f32>>) {
        let specs = self.config.tensors();
        let tensors: Vec<Real<B>> =
            specs.iter().zip(data).map(|(spec, data)| upload::<B>(data, &spec.shape, &self.device)).collect();
        match shelf {
            Shelf::Weights => self.values = tensors,
            Shelf::First => {
                for (slot, tensor) in self.moments.iter_mut().zip(tensors) {
                    slot.0 = tensor;
                }
            }
            Shelf::Second => {
                for (slot, tensor) in self.moments.iter_mut().zip(tensors) {
                    slot.1 = tensor;
                }
            }
            Shelf::Best => self.best = Some(tensors),
        }
    }

    /// Makes zero moments and forgets the best weights.
    pub(crate) fn begin_training(&mut self) {
        let zeros = |spec: &super::config::TensorSpec| {
            upload::<B>(vec![0.0; spec.shape.iter().product()], &spec.shape, &self.device)
        };
        self.moments = self.config.tensors().iter().map(|spec| (zeros(spec), zeros(spec))).collect();
        self.best = None;
    }

    /// Keeps the weights as they are now as the best.
    pub(crate) fn keep_best(&mut self) {
        self.best = Some(self.values.clone());
    }

    /// Drops what training kept; goes back to the best weights if there are any.
    pub(crate) fn end_training(&mut self) {
        self.moments = Vec::new();
        if let Some(best) = self.best.take() {
            self.values = best;
        }
    }

    /// The weights by their role.
    pub(super) fn parameters<T: Clone>(&self, values: &[T]) -> Gpt2<T> {
        let Config::Gpt2(config) = &self.config;
        let mut values = values.iter().cloned();
        config.build(&mut |_| values.next().expect("a network holds one value for each tensor of its configuration"))
    }

    /// The output of the final norm `[tokens, d_model]`; `seen` is shown the residual stream before each block.
    pub(super) fn hidden<C>(
        &self,
        values: &[Real<C>],
        ids: &[u32],
        layout: &Layout,
        seen: impl FnMut(&Real<C>),
    ) -> Real<C>
    where
        C: Blocks<Plain = B>,
    {
        let weights = self.parameters(values);
        let embedded = <C as Blocks>::gather(&weights.token_embedding, ids);
        self.hidden_from::<C>(&weights, embedded, layout, seen)
    }

    /// As [`hidden`](Self::hidden), from embeddings of the tokens.
    pub(super) fn hidden_from<C>(
        &self,
        weights: &Gpt2<Real<C>>,
        embedded: Real<C>,
        layout: &Layout,
        seen: impl FnMut(&Real<C>),
    ) -> Real<C>
    where
        C: Blocks<Plain = B>,
    {
        let Config::Gpt2(config) = &self.config;
        let positions = layout.positions(&vec![0; layout.spans.len()]);
        let stream = gpt2::positioned::<C>(weights, embedded, &positions);
        gpt2::hidden::<C>(config, weights, stream, layout, seen)
    }
}

fn upload<B: Backend>(data: Vec<f32>, shape: &[usize], device: &B::Device) -> Real<B> {
    B::float_from_data(TensorData::new(data, shape.to_vec()), device)
}
