//! The state of tuning as one stream of bytes: a safetensors file with the translators and what momentum keeps, and the steps
//! so far in its metadata, sealed as the state of a training is.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::tune_recipe::{Passage, TuneRecipe, TuneStep};
use crate::archive::{self, Entry, Give, Source};
use crate::saved::{Saved, StateError};
use crate::sealed::Sealed;
use crate::student::Model;

/// The version of the stream. A state of another version is not read.
const VERSION: u32 = 1;
/// The key of the JSON in the metadata.
const KEY: &str = "retort.tuning";

/// Tuning between two steps.
pub struct TuneState<'a> {
    pub(super) identity: &'a str,
    pub(super) steps: &'a [TuneStep],
    pub(super) entries: &'a [Entry],
    /// Gives the elements of an entry.
    pub(super) give: &'a dyn Fn(usize, &mut Give<'_, io::Error>) -> io::Result<()>,
}

/// The metadata as written. Floating-point numbers are their bits.
#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    identity: String,
    steps_total: usize,
    /// Divergence, norm, rate and places of every step.
    steps: Vec<[u64; 4]>,
}

impl TuneState<'_> {
    /// Writes the state. A few rows at a time are copied.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let step = |step: &TuneStep| {
            let TuneStep { step: _, steps_total: _, divergence, grad_norm, lr, places } = *step;
            [divergence.to_bits(), grad_norm.to_bits(), lr.to_bits(), places as u64]
        };
        let wire = Wire {
            version: VERSION,
            identity: self.identity.to_owned(),
            steps_total: self.steps.first().map_or(0, |step| step.steps_total),
            steps: self.steps.iter().map(step).collect(),
        };
        let metadata = BTreeMap::from([(KEY.to_owned(), serde_json::to_string(&wire)?)]);
        let mut sealed = Sealed::new(out);
        archive::write(&mut sealed, &metadata, self.entries, |at, give| (self.give)(at, give))?;
        sealed.finish()
    }
}

/// What a saved state must agree with: the digest of configuration, text and recipe.
pub(super) fn identity(model: &Model, text: &[Passage], recipe: &TuneRecipe) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("retort 2026 identity of tuning a lens");
    hasher.update(model.config().to_json().as_bytes());
    hasher.update(format!("{recipe:?} {}", model.device().numerics()).as_bytes());
    for Passage { ids, from } in text {
        hasher.update(&(ids.len() as u64).to_le_bytes());
        hasher.update(&(*from as u64).to_le_bytes());
        ids.iter().for_each(|id| {
            hasher.update(&id.to_le_bytes());
        });
    }
    hasher.finalize().to_hex().to_string()
}

/// Returns the steps of a saved state; its tensors go to `take`, one after the other in the order of the entries.
pub(super) fn restore(
    identity: &str,
    entries: &[Entry],
    state: Box<dyn Source + '_>,
    mut take: impl FnMut(&Entry, Vec<f32>),
) -> Result<Vec<TuneStep>, StateError> {
    let (mut saved, wire) = Saved::open::<Wire>(state, KEY, VERSION, identity)?;
    for entry in entries {
        take(entry, saved.tensor(&entry.name, &entry.shape)?);
    }
    let step = |(index, [divergence, grad_norm, lr, places]): (usize, [u64; 4])| TuneStep {
        step: index + 1,
        steps_total: wire.steps_total,
        divergence: f64::from_bits(divergence),
        grad_norm: f64::from_bits(grad_norm),
        lr: f64::from_bits(lr),
        places: places as usize,
    };
    Ok(wire.steps.into_iter().enumerate().map(step).collect())
}
