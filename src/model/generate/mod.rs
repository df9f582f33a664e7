//! Generation in batches, greedy or sampled, with the keys and values of earlier positions kept.
//!
//! On the CPU no sequence is padded, and what a row comes to does not depend on the rows beside it.

mod budget;
mod sample;

pub use self::budget::Budget;
pub use self::sample::Sampling;

use self::sample::Chooser;
use super::device::guarded;
use super::kernels::Kernels;
use super::network::Network;
use super::student::{Model, ModelError, placed};

/// How to generate.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// The largest number of new tokens.
    pub max_new: usize,
    /// Tokens that end a sequence.
    pub stop_ids: Vec<u32>,
    /// The most sequences that are generated side by side.
    pub batch: usize,
    /// The most positions that they may come to together.
    pub budget: Budget,
    /// How tokens are drawn; the likeliest is taken where this is not given.
    pub sampling: Option<Sampling>,
}

/// Why a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// One of [`GenerateOptions::stop_ids`] came next; it is not among the ids.
    StopId,
    /// The caller's predicate held.
    Predicate,
    /// [`GenerateOptions::max_new`] tokens are there.
    MaxNew,
    /// The model has no more positions.
    Context,
}

/// A generated sequence, without its prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The new tokens.
    pub ids: Vec<u32>,
    /// Why there are no more.
    pub reason: StopReason,
}

/// Goes on from each prompt token by token. `stop` is given the index of a prompt and its new tokens after each of them,
/// and says whether that is enough. Results are in the order of the prompts.
///
/// # Errors
///
/// A prompt that the model cannot take, and a device that fails. Memory that does not suffice is an error only where
/// one sequence alone does not fit.
pub fn generate(
    model: &Model,
    prompts: &[&[u32]],
    options: &GenerateOptions,
    stop: &dyn Fn(usize, &[u32]) -> bool,
) -> Result<Vec<Generated>, ModelError> {
    model.check(prompts.iter().copied())?;
    placed!(&model.placed, network => Run { network, prompts, options, stop }.all())
}

/// One call of [`generate`] on one backend.
struct Run<'a, B: Kernels> {
    network: &'a Network<B>,
    prompts: &'a [&'a [u32]],
    options: &'a GenerateOptions,
    stop: &'a dyn Fn(usize, &[u32]) -> bool,
}

impl<B: Kernels> Run<'_, B> {
    fn all(&self) -> Result<Vec<Generated>, ModelError> {
        let mut results = vec![Generated { ids: Vec::new(), reason: StopReason::MaxNew }; self.prompts.len()];
        if self.options.max_new == 0 {
            return Ok(results);
        }
        // Rows of like length share a batch, so that padding is short; where there is none, rows that begin alike do, so
        // that their beginnings are computed once.
        let mut order: Vec<usize> = (0..self.prompts.len()).collect();
        if B::RAGGED {
            order.sort_by_key(|&row| self.prompts[row]);
        } else {
            order.sort_by_key(|&row| self.prompts[row].len());
        }
        let needs = |row: usize| {
            (self.prompts[row].len().saturating_add(self.options.max_new)).min(self.network.config().context())
        };
        self.options.budget.share(&order, self.options.batch, needs, |rows| {
            let made = guarded(self.network.label(), || self.together(rows));
            if made.is_err() {
                B::memory_cleanup(self.network.device());
            }
            for (&row, made) in rows.iter().zip(made?) {
                results[row] = made;
            }
            Ok(())
        })?;
        Ok(results)
    }

    /// Generates some rows side by side.
    fn together(&self, rows: &[usize]) -> Result<Vec<Generated>, ModelError> {
        let prompts: Vec<&[u32]> = rows.iter().map(|&row| self.prompts[row]).collect();
        let mut results = vec![Generated { ids: Vec::new(), reason: StopReason::MaxNew }; rows.len()];
        let mut choosers: Vec<Chooser> =
            prompts.iter().map(|prompt| Chooser::new(self.options.sampling, prompt)).collect();
        // The rows, as places in `rows`, that have not ended.
        let mut live: Vec<usize> = (0..rows.len()).collect();
        let vocab = self.network.config().vocab_size();
        let (mut progress, mut logits) = self.network.begin(&prompts)?;
        loop {
            let mut kept = Vec::with_capacity(live.len());
            let mut tokens = Vec::with_capacity(live.len());
            for (slot, (&place, logits)) in live.iter().zip(logits.chunks_exact(vocab)).enumerate() {
                let token = choosers[place].choose(logits);
                if let Some(reason) = self.take(&mut results[place], token, rows[place]) {
                    results[place].reason = reason;
                } else {
                    kept.push(slot);
                    tokens.push(token);
                }
            }
            if kept.is_empty() {
                return Ok(results);
            }
            if kept.len() < live.len() {
                progress.retain(&kept);
                live = kept.iter().map(|&slot| live[slot]).collect();
            }
            logits = self.network.step(&mut progress, &tokens)?;
        }
    }

    /// Adds a token to what a row came to; the reason if that ends it.
    fn take(&self, result: &mut Generated, token: u32, row: usize) -> Option<StopReason> {
        if self.options.stop_ids.contains(&token) {
            return Some(StopReason::StopId);
        }
        result.ids.push(token);
        if (self.stop)(row, &result.ids) {
            Some(StopReason::Predicate)
        } else if result.ids.len() >= self.options.max_new {
            Some(StopReason::MaxNew)
        } else if self.prompts[row].len() + result.ids.len() > self.network.config().context() {
            Some(StopReason::Context)
        } else {
            None
        }
    }
}
