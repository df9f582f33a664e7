//! The weights of a model on one backend, and the passes over them.

use std::ops::Range;

use burn::tensor::backend::Backend;
use burn::tensor::{Slice, Tensor, TensorData, TensorMetadata, TensorPrimitive};

use super::config::Config;
use super::device::DeviceError;
use super::error::RecipeError;
use super::forward::{Pass, Rotations};
use super::init::initial;
use super::kernels::{Kernels, Precision, Real, Rotation};
use super::layout::Layout;
use super::lora::{Adaptation, Lora};
use super::rotary::Rotary;
use super::tensors::{TensorSpec, Weights};

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

/// What training keeps beside the weights. What is learned is the weights themselves, or what adapts them.
pub(super) struct Training<B: Kernels> {
    pub(super) adaptation: Option<Adaptation<B>>,
    /// What is learned, where that is not the weights themselves.
    pub(super) learned: Vec<Real<B>>,
    /// First and second moments of AdamW.
    pub(super) moments: Vec<(Real<B>, Real<B>)>,
    /// What was learned at the best evaluation so far.
    best: Option<Vec<Real<B>>>,
}

/// Which of the tensors of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// What is learned.
    Learned,
    /// AdamW's first moments.
    First,
    /// AdamW's second moments.
    Second,
    /// What was learned at the best evaluation.
    Best,
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

    /// What is learned in training: the tensors of each shelf.
    pub(crate) fn learned_specs(&self) -> Vec<TensorSpec> {
        match self.training.as_ref().and_then(|training| training.adaptation.as_ref()) {
            Some(adaptation) => adaptation.specs().to_vec(),
            None => self.config.tensors(),
        }
    }

    /// Tensor `i` of a shelf; `None` where training has no such tensor.
    pub(crate) fn shelf(&self, shelf: Shelf, i: usize) -> Option<&Real<B>> {
        let training = self.training.as_ref()?;
        match shelf {
            Shelf::Learned if training.adaptation.is_some() => training.learned.get(i),
            Shelf::Learned => self.values.get(i),
            Shelf::First => training.moments.get(i).map(|(first, _)| first),
            Shelf::Second => training.moments.get(i).map(|(_, second)| second),
            Shelf::Best => training.best.as_ref().and_then(|best| best.get(i)),
        }
    }

    /// Replaces a shelf of a training, one tensor after the other as `data` brings them, so that no other is there twice.
    pub(crate) fn set_shelf<E>(
        &mut self,
        shelf: Shelf,
        mut data: impl FnMut(&TensorSpec) -> Result<Vec<f32>, E>,
    ) -> Result<(), E> {
        let mut apart = Vec::new();
        for (i, spec) in self.learned_specs().iter().enumerate() {
            let tensor = upload::<B>(data(spec)?, &spec.shape, &self.device);
            let Some(training) = &mut self.training else { return Ok(()) };
            match shelf {
                Shelf::Learned if training.adaptation.is_none() => self.values[i] = tensor,
                Shelf::Learned | Shelf::Best => apart.push(tensor),
                Shelf::First => training.moments[i].0 = tensor,
                Shelf::Second => training.moments[i].1 = tensor,
            }
        }
        match (shelf, &mut self.training) {
            (Shelf::Learned, Some(Training { adaptation: Some(_), .. })) => self.learn_as(apart),
            (Shelf::Best, Some(training)) => training.best = Some(apart),
            _ => {}
        }
        Ok(())
    }

    /// Begins a training of the weights, or of what adapts them, with zero moments.
    pub(crate) fn begin_training(&mut self, lora: Option<&Lora>, seed: u64) -> Result<(), RecipeError> {
        let adaptation = lora.map(|lora| Adaptation::new(lora, &self.config, &self.values)).transpose()?;
        let specs = adaptation.as_ref().map_or_else(|| self.config.tensors(), |adaptation| adaptation.specs().to_vec());
        let make = |data: Vec<f32>, spec: &TensorSpec| upload::<B>(data, &spec.shape, &self.device);
        let zeros = |spec: &TensorSpec| make(vec![0.0; spec.count()], spec);
        let moments = specs.iter().map(|spec| (zeros(spec), zeros(spec))).collect();
        let learned = match adaptation {
            Some(ref adaptation) => adaptation.start(|spec| make(initial(spec, seed), spec)),
            None => Vec::new(),
        };
        self.training = Some(Training { adaptation, learned, moments, best: None });
        Ok(())
    }

    /// Takes these as what is learned.
    pub(super) fn learn_as(&mut self, tensors: Vec<Real<B>>) {
        match &mut self.training {
            Some(Training { adaptation: Some(adaptation), learned, .. }) => {
                adaptation.merge(&tensors, &mut self.values);
                *learned = tensors;
            }
            _ => self.values = tensors,
        }
    }

    /// Keeps what is learned as it is now as the best.
    pub(crate) fn keep_best(&mut self) {
        if let Some(training) = &mut self.training {
            let learned = if training.adaptation.is_some() { &training.learned } else { &self.values };
            training.best = Some(learned.clone());
        }
    }

    /// Goes back to the best if there is one, and drops what training kept.
    pub(crate) fn end_training(&mut self) {
        if let Some(best) = self.training.as_mut().and_then(|training| training.best.take()) {
            self.learn_as(best);
        }
        self.training = None;
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

fn upload<B: Backend>(data: Vec<f32>, shape: &[usize], device: &B::Device) -> Real<B> {
    B::float_from_data(TensorData::new(data, shape.to_vec()), device)
}
