//! A model: a configuration, weights and the device they are on.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use burn::Dispatch;
use burn::backend::Flex;

use super::archive::{self, Entry, WeightsError};
use super::config::{Config, ConfigError};
use super::device::{Device, DeviceError, Place};
use super::init::initial;
use super::layout::Layout;
use super::network::{Network, Shelf};

/// A causal language model on a device.
pub struct Model {
    device: Device,
    pub(crate) placed: Placed,
}

/// The network of a model on the backend of its device.
pub(crate) enum Placed {
    /// The fused operations of the CPU.
    Fused(Network<Flex>),
    /// Whatever Burn dispatches to.
    Dispatched(Network<Dispatch>),
}

/// Does the same with a network on either backend.
macro_rules! placed {
    ($placed:expr, $network:ident => $body:expr) => {
        match $placed {
            $crate::model::student::Placed::Fused($network) => $body,
            $crate::model::student::Placed::Dispatched($network) => $body,
        }
    };
}
pub(crate) use placed;

/// Why a model cannot be loaded, used or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The configuration is of no use.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights are of no use.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A sequence of tokens that the model cannot take.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
}

/// Why a model cannot take a sequence of tokens.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SequenceError {
    /// There is nothing in it.
    #[error("cannot run sequence {sequence}: it is empty")]
    Empty {
        /// Its index.
        sequence: usize,
    },
    /// It is longer than the model's context.
    #[error("cannot run sequence {sequence}: its {tokens} tokens are more than the model's {context} positions")]
    TooLong {
        /// Its index.
        sequence: usize,
        /// Its length.
        tokens: usize,
        /// The largest length.
        context: usize,
    },
    /// A token is not in the vocabulary.
    #[error("cannot run sequence {sequence}: token {token} is not below the vocabulary's size {vocab}")]
    UnknownToken {
        /// Its index.
        sequence: usize,
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
}

impl Model {
    /// A model with random weights, as Hugging Face starts one: the same seed gives the same weights everywhere.
    pub fn init(config: Config, seed: u64, device: &Device) -> Self {
        let data: Vec<Vec<f32>> = config.tensors().iter().map(|spec| initial(spec, seed)).collect();
        Self::place(config, data, device)
    }

    /// Reads a Hugging Face directory: `config.json` and `model.safetensors`.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, ModelError> {
        let config = fs_err::read(directory.join("config.json"))?;
        let config = Config::from_json(&config, &directory.join("config.json").display().to_string())?;
        let weights = fs_err::read(directory.join("model.safetensors"))?;
        Self::from_bytes(config, &weights, &directory.join("model.safetensors").display().to_string(), device)
    }

    /// Takes the weights from the bytes of a safetensors file; `file` names it in errors.
    pub fn from_bytes(config: Config, weights: &[u8], file: &str, device: &Device) -> Result<Self, ModelError> {
        let data = archive::read(&config.tensors(), weights, file)?;
        Ok(Self::place(config, data, device))
    }

    fn place(config: Config, data: Vec<Vec<f32>>, device: &Device) -> Self {
        let label = device.to_string();
        let data = data.into_iter();
        let placed = match device.place() {
            Place::Cpu => Placed::Fused(Network::new(config, burn_flex::FlexDevice, label, data)),
            Place::Dispatched(at) => Placed::Dispatched(Network::new(config, at.clone(), label, data)),
        };
        Self { device: device.clone(), placed }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        placed!(&self.placed, network => network.config())
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Number of weights, tied ones counted once.
    pub fn parameter_count(&self) -> u64 {
        self.config().parameter_count()
    }

    /// Writes the weights as a safetensors file in the layout and with the names of Hugging Face. Equal weights give
    /// equal bytes. Only one tensor at a time is copied.
    pub fn write_weights(&self, out: &mut dyn Write) -> Result<(), ModelError> {
        let entries: Vec<Entry> =
            self.config().tensors().into_iter().map(|spec| Entry { name: spec.name, shape: spec.shape }).collect();
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        archive::write(out, &metadata, &entries, |i| Ok(self.shelf(Shelf::Weights, i).transpose()?.unwrap_or_default()))
    }

    /// The bytes that [`write_weights`](Self::write_weights) writes.
    pub fn weights_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let mut bytes = Vec::new();
        self.write_weights(&mut bytes)?;
        Ok(bytes)
    }

    /// The logits `[len, vocab]` of each sequence, row by row.
    pub fn logits(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.check(sequences.iter().copied())?;
        let layout = self.layout(sequences);
        Ok(placed!(&self.placed, network => network.logits(sequences, &layout))?)
    }

    /// For each layer from the embeddings to the last, the hidden states `[len, d_model]` of each sequence. As in
    /// transformers, the last have passed the final norm.
    pub fn hidden_states(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<Vec<f32>>>, ModelError> {
        self.check(sequences.iter().copied())?;
        let layout = self.layout(sequences);
        Ok(placed!(&self.placed, network => network.hidden_states(sequences, &layout))?)
    }

    fn layout(&self, sequences: &[&[u32]]) -> Layout {
        let lens: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        match self.placed {
            Placed::Fused(_) => Layout::packed(&lens),
            Placed::Dispatched(_) => Layout::padded_right(&lens),
        }
    }

    pub(crate) fn shelf(&self, shelf: Shelf, i: usize) -> Option<Result<Vec<f32>, DeviceError>> {
        placed!(&self.placed, network => network.shelf(shelf, i))
    }

    /// Whether the model can take every one of `sequences`.
    pub(crate) fn check<'a>(&self, sequences: impl Iterator<Item = &'a [u32]>) -> Result<(), SequenceError> {
        let (context, vocab) = (self.config().context(), self.config().vocab_size());
        for (sequence, ids) in sequences.enumerate() {
            if ids.is_empty() {
                return Err(SequenceError::Empty { sequence });
            }
            if ids.len() > context {
                return Err(SequenceError::TooLong { sequence, tokens: ids.len(), context });
            }
            if let Some(&token) = ids.iter().find(|&&id| id as usize >= vocab) {
                return Err(SequenceError::UnknownToken { sequence, token, vocab });
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("config", self.config()).field("device", &self.device).finish_non_exhaustive()
    }
}
