//! A model: a configuration, weights and the device they are on.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;
use std::path::Path;

#[cfg(any(test, feature = "cuda"))]
use burn_dispatch::Dispatch;
use burn_flex::Flex;

use super::archive::{self, Archive, Give, WeightsFile};
use super::config::Config;
use super::device::{Device, DeviceError, Place, guarded};
use super::error::{ModelError, SequenceError};
use super::init::initial;
use super::layout::Layout;
use super::network::Network;
use super::tensors::TensorSpec;
use super::trained::Shelf;
use super::weights;
use retort_hub::weights_in;

/// A causal language model on a device.
pub struct Model {
    device: Device,
    pub(crate) placed: Placed,
}

/// The network of a model on the backend of its device.
pub(crate) enum Placed {
    /// The fused operations of the CPU.
    Fused(Network<Flex>),
    /// What Burn dispatches to: CUDA, and in tests the CPU.
    #[cfg(any(test, feature = "cuda"))]
    Dispatched(Network<Dispatch>),
}

/// Does the same with a network on either backend.
macro_rules! placed {
    ($placed:expr, $network:ident => $body:expr) => {
        match $placed {
            $crate::student::Placed::Fused($network) => $body,
            #[cfg(any(test, feature = "cuda"))]
            $crate::student::Placed::Dispatched($network) => $body,
        }
    };
}
pub(crate) use placed;

impl Model {
    /// A model with random weights, as Hugging Face starts one: the same seed gives the same weights everywhere.
    pub fn init(config: Config, seed: u64, device: &Device) -> Self {
        let mut model = Self::empty(config, device);
        for spec in model.config().tensors() {
            model.push(&spec, initial(&spec, seed));
        }
        model
    }

    /// Reads a Hugging Face directory: `config.json` and `model.safetensors`, or the files that
    /// `model.safetensors.index.json` names.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, ModelError> {
        let config = fs_err::read(directory.join("config.json"))?;
        let config = Config::from_json(&config, &directory.join("config.json").display().to_string())?;
        let open = |name: String| {
            let path = directory.join(name);
            Ok(WeightsFile::new(path.display().to_string(), fs_err::File::open(path)?))
        };
        let weights = weights_in(directory)
            .map_err(|source| ModelError::Folder { directory: directory.to_owned(), source })?
            .into_iter()
            .map(open)
            .collect::<Result<_, ModelError>>()?;
        Self::from_files(&config, weights, 0, device)
    }

    /// Takes the weights from safetensors files, one tensor at a time. Where `tokens` is more than the configuration's
    /// vocabulary, the embeddings grow to it, and new rows start as the mean of the others.
    pub fn from_files(
        config: &Config,
        files: Vec<WeightsFile<'_>>,
        tokens: usize,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let mut archive = Archive::open(files)?;
        // What a configuration promises is not built before it is known to be possible.
        let tensors = archive.shapes().count();
        if config.layers() > tensors {
            return Err(ModelError::Blocks { layers: config.layers(), tensors });
        }
        let config = &weights::agreed(config, &mut archive)?;
        config.with_vocab(tokens).require_memory()?;
        let mut model = Self::empty(config.with_vocab(tokens), device);
        let (stored, placed) = (config.tensors(), model.config().tensors());
        let mut specs = stored.iter().zip(&placed);
        guarded(&device.to_string(), || {
            weights::read(config, &mut archive, tokens, |mut data| {
                let (stored, placed) = specs.next().expect("as many tensors as the configuration has");
                weights::grow(stored, config.vocab_size(), tokens, &mut data);
                model.push(placed, data);
            })
            .map_err(ModelError::from)
        })?;
        Ok(model)
    }

    fn empty(config: Config, device: &Device) -> Self {
        let label = device.to_string();
        let placed = match device.place() {
            Place::Cpu => Placed::Fused(Network::new(config, burn_flex::FlexDevice, label)),
            #[cfg(any(test, feature = "cuda"))]
            Place::Dispatched(at) => Placed::Dispatched(Network::new(config, at.clone(), label)),
        };
        Self { device: device.clone(), placed }
    }

    fn push(&mut self, spec: &TensorSpec, data: Vec<f32>) {
        placed!(&mut self.placed, network => network.push(spec, data));
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
    /// equal bytes. Only a few rows at a time are copied.
    pub fn write_weights(&self, out: &mut dyn Write) -> Result<(), ModelError> {
        let (entries, places) = weights::entries(self.config());
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        archive::write(out, &metadata, &entries, |at, give| {
            let (i, runs) = &places[at];
            placed!(&self.placed, network => runs.iter().try_for_each(|rows| {
                network.pieces(&network.values[*i], rows.clone()).try_for_each(|some| give(&some?))
            }))
        })
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

    /// The logits `[vocab]` after the last token of each sequence, and no others.
    pub fn next_logits(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.check(sequences.iter().copied())?;
        let logits = placed!(&self.placed, network => guarded(network.label(), || network.begin(sequences).map(|(_, logits)| logits)))?;
        Ok(logits.chunks_exact(self.config().vocab_size()).map(<[f32]>::to_vec).collect())
    }

    /// For each layer from the embeddings to the last, the hidden states `[len, d_model]` of each sequence. As in
    /// transformers, the last are what the head reads: they have passed the final norm.
    pub fn hidden_states(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<Vec<f32>>>, ModelError> {
        self.check(sequences.iter().copied())?;
        let layout = self.layout(sequences);
        Ok(placed!(&self.placed, network => network.hidden_states(sequences, &layout))?)
    }

    fn layout(&self, sequences: &[&[u32]]) -> Layout {
        let lens: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        match self.placed {
            Placed::Fused(_) => Layout::packed(&lens),
            #[cfg(any(test, feature = "cuda"))]
            Placed::Dispatched(_) => Layout::padded_right(&lens),
        }
    }

    pub(crate) fn shelf_specs(&self, shelf: Shelf) -> Vec<(usize, TensorSpec)> {
        placed!(&self.placed, network => network.shelf_specs(shelf))
    }

    /// Gives the elements of tensor `i` of a shelf; none where training has no such tensor.
    pub(crate) fn give_shelf(&self, shelf: Shelf, i: usize, give: &mut Give<'_, io::Error>) -> io::Result<()> {
        placed!(&self.placed, network => network.give_shelf(shelf, i, |some| give(some).map_err(Given::Taker))).map_err(
            |given| match given {
                Given::Taker(error) => error,
                Given::Device(error) => io::Error::other(error),
            },
        )
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

/// Why a tensor was not given to its end.
enum Given {
    Taker(io::Error),
    Device(DeviceError),
}

impl From<DeviceError> for Given {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}
