//! The weights of a model on one backend, and the passes over them.

use std::ops::Range;

use burn_tensor::{Slice, Tensor, TensorMetadata, TensorPrimitive};

use super::config::Config;
use super::device::DeviceError;
use super::forward::{Pass, Rotations};
use super::kernels::{Kernels, Precision, Real, Rotation};
use super::layout::Layout;
use super::rotary::Rotary;
use super::tensors::{TensorSpec, Weights};
use super::trained::Training;
use super::upload::upload;

/// How many elements of a tensor are copied at a time, or one row where that is more.
const PIECE: usize = 1 << 20;

/// A model on backend `B`: its weights in the order of [`Config::tensors`].
pub(crate) struct Network<B: Kernels> {
    config: Config,
    device: B::Device,
    /// The name of the device, for errors.
    label: String,
    pub(super) values: Vec<Real<B>>,
    /// While training.
    pub(super) training: Option<Training<B>>,
}

impl<B: Kernels> Network<B> {
    /// A network without weights yet: [`push`](Self::push) brings them, in the order of [`Config::tensors`].
    pub(crate) fn new(config: Config, device: B::Device, label: String) -> Self {
        Self { config, device, label, values: Vec::new(), training: None }
    }

    /// Places the next tensor on the device.
    pub(crate) fn push(&mut self, spec: &TensorSpec, data: Vec<f32>) {
        let tensor = self.upload(data, &spec.shape);
        self.values.push(tensor);
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn device(&self) -> &B::Device {
        &self.device
    }

    /// The name of the device.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// A tensor from its elements.
    pub(crate) fn upload(&self, data: Vec<f32>, shape: &[usize]) -> Real<B> {
        upload::<B>(data, shape, &self.device)
    }

    /// The elements of a tensor.
    pub(crate) fn read(&self, x: Real<B>) -> Result<Vec<f32>, DeviceError> {
        let count = x.shape().num_elements();
        let lost = |reason: String| DeviceError::failed(&self.label, &reason);
        let flat = B::float_reshape(x, [count].into());
        let data = Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(flat))
            .try_into_data()
            .map_err(|error| lost(error.to_string()))?;
        data.into_vec::<f32>().map_err(|error| lost(format!("{error:?}")))
    }

    /// The elements of some rows of a tensor, a few rows at a time, so that no large tensor is ever copied whole.
    pub(crate) fn pieces(
        &self,
        x: &Real<B>,
        rows: Range<usize>,
    ) -> impl Iterator<Item = Result<Vec<f32>, DeviceError>> {
        let shape = x.shape();
        let width = (shape.num_elements() / shape[0].max(1)).max(1);
        let (end, step) = (rows.end, (PIECE / width).max(1));
        rows.step_by(step).map(move |from| {
            let rest = (1..shape.num_dims()).map(|dimension| (0..shape[dimension]).into());
            let slices: Vec<Slice> = std::iter::once((from..(from + step).min(end)).into()).chain(rest).collect();
            self.read(B::float_slice(x.clone(), &slices))
        })
    }

    /// The elements of a tensor, a few rows at a time.
    pub(crate) fn whole_in_pieces(&self, x: &Real<B>) -> impl Iterator<Item = Result<Vec<f32>, DeviceError>> {
        self.pieces(x, 0..x.shape()[0])
    }

    /// The elements of weight `i`.
    #[cfg(test)]
    pub(crate) fn weight(&self, i: usize) -> Result<Vec<f32>, DeviceError> {
        self.read(self.values[i].clone())
    }

    /// Changes every weight.
    #[cfg(test)]
    pub(crate) fn change_weights(&mut self, mut change: impl FnMut(&mut f32)) {
        for (i, spec) in self.config.tensors().iter().enumerate() {
            let mut data = self.weight(i).expect("readable");
            data.iter_mut().for_each(&mut change);
            self.values[i] = self.upload(data, &spec.shape);
        }
    }

    /// The weights by their role.
    pub(super) fn parameters<T: Clone>(&self, values: &[T]) -> Weights<T> {
        let mut values = values.iter().cloned();
        self.config
            .build(&mut |_| values.next().expect("a network holds one value for each tensor of its configuration"))
    }

    /// What is the same in all layers of a pass over sequences laid out as `layout` says, of which `past[b]` positions
    /// of sequence `b` came before.
    pub(super) fn pass<'a>(&'a self, layout: &'a Layout, past: &[usize]) -> Pass<'a, B> {
        self.pass_at(layout, layout.positions(past))
    }

    /// As [`pass`](Self::pass), over rows at these positions.
    pub(super) fn pass_at<'a>(&'a self, layout: &'a Layout, positions: Vec<u32>) -> Pass<'a, B> {
        let decoder = self.config.decoder();
        let rotation = |rotary: &Rotary| {
            let pairs = rotary.pairs(decoder.head_width);
            let (cosines, sines) = rotary.table(decoder.head_width, &positions);
            let shape = [positions.len(), pairs];
            Rotation { cosines: self.upload(cosines, &shape), sines: self.upload(sines, &shape), pairs }
        };
        let (whole, windowed) = (decoder.rotary.as_ref().map(rotation), decoder.windowed_rotary.as_ref().map(rotation));
        let rotations = Rotations { whole, windowed };
        Pass { decoder, layout, positions, rotations, drops: None, precision: Precision::F32, generating: false }
    }
}
