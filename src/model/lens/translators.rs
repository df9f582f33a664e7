//! The affine maps that a tuned lens reads each layer through, and their file.

use std::collections::BTreeMap;
use std::io::{self, Write};

use burn_tensor::{Tensor, TensorPrimitive};

use crate::archive::{self, Archive, Entry, Misfit, WeightsError, WeightsFile, reads};
use crate::config::Config;
use crate::kernels::{Form, Kernels, Major, Precision, Real};
use crate::network::Network;

/// The affine map of one layer: `h + A h + b`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Translator {
    /// `A`, `[d_model, d_model]`, outputs first; `None` where only the bias is learned.
    pub(crate) weight: Option<Vec<f32>>,
    /// `b`, `[d_model]`.
    pub(crate) bias: Vec<f32>,
}

/// A translator for each layer from the embeddings to the one before the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Translators {
    pub(crate) layers: Vec<Translator>,
}

impl Translators {
    /// Translators that change nothing.
    pub fn identity(config: &Config, bias_only: bool) -> Self {
        let width = config.d_model();
        let of = || Translator { weight: (!bias_only).then(|| vec![0.0; width * width]), bias: vec![0.0; width] };
        Self { layers: (0..config.layers()).map(|_| of()).collect() }
    }

    /// Writes a safetensors file: `<layer>.weight` and `<layer>.bias`, as the reference implementation names them.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (mut entries, mut data) = (Vec::new(), Vec::new());
        for (layer, Translator { weight, bias }) in self.layers.iter().enumerate() {
            let width = bias.len();
            if let Some(weight) = weight {
                entries.push(Entry { name: format!("{layer}.weight"), shape: vec![width, width] });
                data.push(weight);
            }
            entries.push(Entry { name: format!("{layer}.bias"), shape: vec![width] });
            data.push(bias);
        }
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        archive::write(out, &metadata, &entries, |i, give| give(data[i]))
    }

    /// Reads a safetensors file of translators for a model. Without any weight they are taken to be biases alone.
    pub fn read(file: WeightsFile<'_>, config: &Config) -> Result<Self, WeightsError> {
        let mut archive = Archive::open(vec![file])?;
        let (width, bias_only) = (config.d_model(), !archive.shapes().any(|(name, _)| name.ends_with(".weight")));
        let weight = |layer: usize| (!bias_only).then(|| (format!("{layer}.weight"), vec![width, width]));
        let expected: BTreeMap<String, Vec<usize>> = (0..config.layers())
            .flat_map(|layer| weight(layer).into_iter().chain([(format!("{layer}.bias"), vec![width])]))
            .collect();
        let problems = misfits(&archive, &expected);
        if !problems.is_empty() {
            return Err(WeightsError::Misfit { file: archive.name(), problems });
        }
        let mut tensor = |name: String| {
            let mut data = Vec::new();
            archive.read(&name, &mut data).map(|()| data)
        };
        let layers = (0..config.layers()).map(|layer| {
            let weight = (!bias_only).then(|| tensor(format!("{layer}.weight"))).transpose()?;
            Ok(Translator { weight, bias: tensor(format!("{layer}.bias"))? })
        });
        Ok(Self { layers: layers.collect::<Result<_, WeightsError>>()? })
    }
}

fn misfits(archive: &Archive<'_>, expected: &BTreeMap<String, Vec<usize>>) -> Vec<Misfit> {
    let mut problems = Vec::new();
    for (tensor, shape) in expected {
        let tensor = tensor.clone();
        match archive.describe(&tensor) {
            None => problems.push(Misfit::Missing { tensor, expected: shape.clone() }),
            Some((found, _)) if found != shape => {
                problems.push(Misfit::Shape { tensor, expected: shape.clone(), found: found.to_vec() });
            }
            Some((_, dtype)) if !reads(dtype) => {
                problems.push(Misfit::Dtype { tensor, found: format!("{dtype:?}") });
            }
            Some(_) => {}
        }
    }
    let extra = archive.shapes().filter(|(name, _)| !expected.contains_key(*name));
    problems.extend(extra.map(|(name, shape)| Misfit::Extra { tensor: name.to_owned(), found: shape.to_vec() }));
    problems
}

/// A translator on a backend.
pub(super) struct Held<B: Kernels> {
    pub(super) weight: Option<Real<B>>,
    pub(super) bias: Real<B>,
}

/// How a translator's matrix is multiplied.
pub(super) const FORM: Form = Form { major: Major::Output, precision: Precision::F32, generating: false };

impl<B: Kernels> Held<B> {
    pub(super) fn place(network: &Network<B>, translator: &Translator) -> Self {
        let width = translator.bias.len();
        Self {
            weight: translator.weight.as_ref().map(|weight| network.upload(weight.clone(), &[width, width])),
            bias: network.upload(translator.bias.clone(), &[width]),
        }
    }

    /// `x + A x + b` of rows `[rows, d_model]`.
    pub(super) fn apply(&self, x: &Real<B>) -> Real<B> {
        if let Some(weight) = &self.weight {
            return B::affine(x, weight, FORM, Some(&self.bias), Some(x));
        }
        let x = Tensor::<B, 2>::from_primitive(TensorPrimitive::Float(x.clone()));
        let bias = Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(self.bias.clone()));
        (x + bias.unsqueeze()).into_primitive().tensor()
    }
}
