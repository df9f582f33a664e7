//! How likely a model holds given continuations.

use super::device::guarded;
use super::error::{ModelError, SequenceError};
use super::generate::Budget;
use super::kernels::Kernels;
use super::network::Network;
use super::student::{Model, placed};

/// A sequence of tokens, some of which continue the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation<'a> {
    /// All tokens.
    pub ids: &'a [u32],
    /// Where the continuation begins: not at the first token, and not after the last.
    pub from: usize,
}

/// The logarithm of the probability, in nats, of each token of each continuation after the tokens before it; by group and in
/// the order of the continuations.
///
/// What the continuations of a group have in common at their beginnings, such as a question, is computed once. On a device
/// that is deterministic every group is computed for itself, so that what comes out for it is the same to the bit whatever
/// the others are; elsewhere as many run at once as the budget allows.
///
/// # Errors
///
/// A sequence that the model cannot take or that has nothing before its continuation, named by its index over all groups; a
/// device that fails.
pub fn log_probabilities(
    model: &Model,
    groups: &[Vec<Continuation<'_>>],
    budget: &Budget,
) -> Result<Vec<Vec<Vec<f64>>>, ModelError> {
    let all = || groups.iter().flatten();
    model.check(all().map(|continuation| continuation.ids))?;
    if let Some(sequence) = all().position(|of| of.from == 0 || of.from >= of.ids.len()) {
        return Err(SequenceError::Empty { sequence }.into());
    }
    let apart = model.device().deterministic();
    placed!(&model.placed, network => scored(network, groups, budget, apart))
}

fn scored<B: Kernels>(
    network: &Network<B>,
    groups: &[Vec<Continuation<'_>>],
    budget: &Budget,
    apart: bool,
) -> Result<Vec<Vec<Vec<f64>>>, ModelError> {
    let mut found = vec![Vec::new(); groups.len()];
    let needs = |group: usize| groups[group].iter().map(|continuation| continuation.ids.len()).sum();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|group| needs(*group));
    let most = if apart { 1 } else { usize::MAX };
    budget.share(&order, most, needs, |some| {
        let of = |group: &usize| groups[*group].iter().map(|continuation| (continuation.ids, continuation.from));
        let sequences: Vec<(&[u32], usize)> = some.iter().flat_map(of).collect();
        let made = guarded(network.label(), || network.log_probabilities(&sequences).map_err(ModelError::from));
        if made.is_err() {
            B::memory_cleanup(network.device());
        }
        let mut made = made?.into_iter();
        for group in some {
            found[*group] = made.by_ref().take(groups[*group].len()).collect();
        }
        Ok(())
    })?;
    Ok(found)
}
