//! Saved states as they are read back: sealed safetensors files whose metadata say what they belong to.

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::archive::{Archive, Source, WeightsFile};
use super::sealed::unsealed;

/// Why a saved state cannot be resumed from.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StateError {
    /// The bytes are not those that were written.
    #[error("cannot resume training: the saved state is cut short or damaged")]
    Damaged,
    /// The state is of another version of this program.
    #[error("cannot resume training: the saved state has version {found}, this program reads another")]
    Version {
        /// The version of the state.
        found: u32,
    },
    /// The state belongs to another run.
    #[error("cannot resume training: the saved state is that of another configuration, recipe or set of examples")]
    OtherRun,
}

/// What the metadata of every state begin with.
#[derive(Deserialize)]
struct Header {
    version: u32,
    identity: String,
}

/// A saved state whose metadata were read.
pub(super) struct Saved<'a>(Archive<'a>);

impl<'a> Saved<'a> {
    /// Opens the state of the run that is called `identity`; returns its metadata, found under `key`, as well.
    pub(super) fn open<W: DeserializeOwned>(
        state: Box<dyn Source + 'a>,
        key: &str,
        version: u32,
        identity: &str,
    ) -> Result<(Self, W), StateError> {
        let body = unsealed(state).ok().flatten().ok_or(StateError::Damaged)?;
        let archive = Archive::open(vec![WeightsFile::new("the saved state", body)]);
        let archive = archive.map_err(|_| StateError::Damaged)?;
        let wire = archive.metadata(key).ok_or(StateError::Damaged)?;
        let metadata = serde_json::from_str(wire).map_err(|_| StateError::Damaged)?;
        let header: Header = serde_json::from_str(wire).map_err(|_| StateError::Damaged)?;
        if header.version != version {
            return Err(StateError::Version { found: header.version });
        }
        if header.identity != identity {
            return Err(StateError::OtherRun);
        }
        Ok((Self(archive), metadata))
    }

    /// Reads a tensor, which must have this shape.
    pub(super) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, StateError> {
        if self.0.describe(name) != Some((shape, Dtype::F32)) {
            return Err(StateError::Damaged);
        }
        let mut data = Vec::new();
        self.0.read(name, &mut data).map_err(|_| StateError::Damaged)?;
        Ok(data)
    }
}
