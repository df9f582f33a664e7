//! Greedy generation in batches, with the keys and values of earlier positions kept.
//!
//! On the CPU no sequence is padded, and what a row comes to does not depend on the rows beside it.

use super::kernels::Kernels;
use super::network::Network;
use super::student::{Model, ModelError, placed};

/// How to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerateOptions {
    /// The largest number of new tokens.
    pub max_new: usize,
    /// Tokens that end a sequence.
    pub stop_ids: Vec<u32>,
    /// Sequences generated side by side.
    pub batch: usize,
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

/// Goes on from each prompt with the likeliest token, again and again. `stop` is given the index of a prompt and its new
/// tokens after each of them, and says whether that is enough. Results are in the order of the prompts.
pub fn generate(
    model: &Model,
    prompts: &[&[u32]],
    options: &GenerateOptions,
    stop: &dyn Fn(usize, &[u32]) -> bool,
) -> Result<Vec<Generated>, ModelError> {
    model.check(prompts.iter().copied())?;
    placed!(&model.placed, network => generate_on(network, prompts, options, stop))
}

fn generate_on<B: Kernels>(
    network: &Network<B>,
    prompts: &[&[u32]],
    options: &GenerateOptions,
    stop: &dyn Fn(usize, &[u32]) -> bool,
) -> Result<Vec<Generated>, ModelError> {
    // Rows of like length share a batch, so that they tend to end together and padding, where there is any, is short.
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&row| prompts[row].len());
    let mut results = vec![Generated { ids: Vec::new(), reason: StopReason::MaxNew }; prompts.len()];
    if options.max_new == 0 {
        return Ok(results);
    }
    for batch in order.chunks(options.batch.max(1)) {
        let mut live = batch.to_vec();
        let first: Vec<&[u32]> = live.iter().map(|&row| prompts[row]).collect();
        let (mut progress, mut logits) = network.begin(&first)?;
        loop {
            let mut kept = Vec::with_capacity(live.len());
            let mut tokens = Vec::with_capacity(live.len());
            for (slot, (&row, logits)) in live.iter().zip(&logits).enumerate() {
                let token = likeliest(logits);
                let result = &mut results[row];
                if let Some(reason) = take(result, token, row, prompts[row].len(), network, options, stop) {
                    result.reason = reason;
                } else {
                    kept.push(slot);
                    tokens.push(token);
                }
            }
            if kept.is_empty() {
                break;
            }
            if kept.len() < live.len() {
                progress.retain(&kept);
                live = kept.iter().map(|&slot| live[slot]).collect();
            }
            logits = network.step(&mut progress, &tokens)?;
        }
    }
    Ok(results)
}

/// Adds a token to a sequence; the reason if that ends it.
fn take<B: Kernels>(
    result: &mut Generated,
    token: u32,
    row: usize,
    prompt: usize,
    network: &Network<B>,
    options: &GenerateOptions,
    stop: &dyn Fn(usize, &[u32]) -> bool,
) -> Option<StopReason> {
    if options.stop_ids.contains(&token) {
        return Some(StopReason::StopId);
    }
    result.ids.push(token);
    if stop(row, &result.ids) {
        Some(StopReason::Predicate)
    } else if result.ids.len() >= options.max_new {
        Some(StopReason::MaxNew)
    } else if prompt + result.ids.len() > network.config().context() {
        Some(StopReason::Context)
    } else {
        None
    }
}

/// The index of the largest logit, the first of equal ones.
fn likeliest(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = i;
        }
    }
    best as u32
}
