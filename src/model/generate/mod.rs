//! Generation in batches, greedy or sampled, with the keys and values of earlier positions kept.
//!
//! Where rows end early, others take their slots while the rest goes on (Yu et al. 2022, "Orca"). On the CPU no sequence
//! is padded, and what a row comes to does not depend on the rows beside it.

mod budget;
mod sample;

pub use self::budget::Budget;
pub use self::sample::Sampling;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use self::sample::Chooser;
use super::device::{DeviceError, guarded};
use super::error::ModelError;
use super::infer::Progress;
use super::kernels::Kernels;
use super::network::Network;
use super::student::{Model, placed};

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
    let mut results = vec![Generated { ids: Vec::new(), reason: StopReason::MaxNew }; prompts.len()];
    generate_each(model, prompts, options, stop, &mut |made| {
        for (row, made) in made {
            results[row] = made;
        }
        ControlFlow::Continue(())
    })?;
    Ok(results)
}

/// As [`generate`], for long work: rows are given to `ended` with their index as soon as they end, those that end together
/// at once. A break from it ends everything; rows that are under way are then lost.
///
/// # Errors
///
/// As [`generate`].
pub fn generate_each(
    model: &Model,
    prompts: &[&[u32]],
    options: &GenerateOptions,
    stop: &dyn Fn(usize, &[u32]) -> bool,
    ended: &mut dyn FnMut(Vec<(usize, Generated)>) -> ControlFlow<()>,
) -> Result<(), ModelError> {
    model.check(prompts.iter().copied())?;
    if options.max_new == 0 {
        let nothing = |row| (row, Generated { ids: Vec::new(), reason: StopReason::MaxNew });
        let _ = ended((0..prompts.len()).map(nothing).collect());
        return Ok(());
    }
    placed!(&model.placed, network => Run { network, prompts, options, stop }.all(ended))
}

/// One call of [`generate`] on one backend.
struct Run<'a, B: Kernels> {
    network: &'a Network<B>,
    prompts: &'a [&'a [u32]],
    options: &'a GenerateOptions,
    stop: &'a dyn Fn(usize, &[u32]) -> bool,
}

/// The sequences that are under way, side by side.
struct Flight<B: Kernels> {
    progress: Progress<B>,
    rows: Vec<Underway>,
}

/// A sequence that goes on.
struct Underway {
    row: usize,
    chooser: Chooser,
    /// What was chosen so far; the model has not seen the last token yet.
    ids: Vec<u32>,
}

impl<B: Kernels> Run<'_, B> {
    fn all(&self, ended: &mut dyn FnMut(Vec<(usize, Generated)>) -> ControlFlow<()>) -> Result<(), ModelError> {
        // Rows of like length run side by side, so that padding is short; where there is none, rows that begin alike do, so
        // that their beginnings are computed once.
        let mut order: Vec<usize> = (0..self.prompts.len()).collect();
        if B::RAGGED {
            order.sort_by_key(|&row| self.prompts[row]);
        } else {
            order.sort_by_key(|&row| self.prompts[row].len());
        }
        let mut open = VecDeque::from(order);
        let mut flight = Flight { progress: self.network.nothing_yet(), rows: Vec::new() };
        while !open.is_empty() || !flight.rows.is_empty() {
            let joining: Vec<usize> = open.iter().copied().take(self.slots(&open, &flight)).collect();
            let aloft = flight.rows.len() + joining.len();
            match guarded(self.network.label(), || self.advance(&mut flight, &joining)) {
                Ok(made) => {
                    drop(open.drain(..joining.len()));
                    if !made.is_empty() && ended(made).is_break() {
                        return Ok(());
                    }
                }
                // What did not fit was within the budget, but perhaps far below it. All begin anew, fewer at a time.
                Err(ModelError::Device(DeviceError::OutOfMemory { .. })) if aloft > 1 => {
                    let rows = flight.rows.iter().map(|underway| underway.row);
                    self.options.budget.lower(aloft * self.longest(rows.clone().chain(joining)) / 2);
                    rows.rev().for_each(|row| open.push_front(row));
                    flight = Flight { progress: self.network.nothing_yet(), rows: Vec::new() };
                    B::memory_cleanup(self.network.device());
                }
                Err(error) => {
                    B::memory_cleanup(self.network.device());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// How many of the rows that wait join those under way now: none until half of the slots are free, so that many
    /// begin together, and as many as the budget allows.
    fn slots(&self, open: &VecDeque<usize>, flight: &Flight<B>) -> usize {
        let (most, aloft) = (self.options.batch.max(1), flight.rows.len());
        if 2 * aloft > most {
            return 0;
        }
        let longest = self.longest(flight.rows.iter().map(|underway| underway.row));
        self.options.budget.joining(open.iter().map(|&row| self.needs(row)), most - aloft, (aloft, longest))
    }

    /// The positions that a row may come to.
    fn needs(&self, row: usize) -> usize {
        self.prompts[row].len().saturating_add(self.options.max_new).min(self.network.config().context())
    }

    fn longest(&self, rows: impl Iterator<Item = usize>) -> usize {
        rows.map(|row| self.needs(row)).max().unwrap_or(0)
    }

    /// Begins the rows of `joining`, which go on with the others; where there are none, all that are under way get a token.
    /// Returns the rows that end with that.
    fn advance(&self, flight: &mut Flight<B>, joining: &[usize]) -> Result<Vec<(usize, Generated)>, ModelError> {
        if joining.is_empty() {
            let last = |underway: &Underway| underway.ids.last().copied();
            let tokens: Vec<u32> = flight.rows.iter().filter_map(last).collect();
            let logits = self.network.step(&mut flight.progress, &tokens)?;
            return Ok(self.choose(flight, &logits));
        }
        let prompts: Vec<&[u32]> = joining.iter().map(|&row| self.prompts[row]).collect();
        let (progress, logits) = self.network.begin(&prompts)?;
        let begun = |(&row, prompt)| {
            let chooser = Chooser::new(self.options.sampling, prompt);
            Underway { row, chooser, ids: Vec::new() }
        };
        let mut joined = Flight { progress, rows: joining.iter().zip(prompts).map(begun).collect() };
        let ended = self.choose(&mut joined, &logits);
        flight.progress.join(joined.progress);
        flight.rows.append(&mut joined.rows);
        Ok(ended)
    }

    /// Chooses the next token of each row from its logits; returns those that end with it.
    fn choose(&self, flight: &mut Flight<B>, logits: &[f32]) -> Vec<(usize, Generated)> {
        let vocab = self.network.config().vocab_size();
        let all = std::mem::take(&mut flight.rows);
        let (mut kept, mut ended) = (Vec::with_capacity(all.len()), Vec::new());
        for (slot, (mut underway, logits)) in all.into_iter().zip(logits.chunks_exact(vocab)).enumerate() {
            let token = underway.chooser.choose(logits);
            if let Some(reason) = self.take(&mut underway.ids, token, underway.row) {
                ended.push((underway.row, Generated { ids: underway.ids, reason }));
            } else {
                kept.push(slot);
                flight.rows.push(underway);
            }
        }
        if kept.is_empty() {
            flight.progress = self.network.nothing_yet();
        } else if !ended.is_empty() {
            flight.progress.retain(&kept);
        }
        ended
    }

    /// Adds a token to what a row came to; the reason if that ends it.
    fn take(&self, ids: &mut Vec<u32>, token: u32, row: usize) -> Option<StopReason> {
        if self.options.stop_ids.contains(&token) {
            return Some(StopReason::StopId);
        }
        ids.push(token);
        if (self.stop)(row, ids) {
            Some(StopReason::Predicate)
        } else if ids.len() >= self.options.max_new {
            Some(StopReason::MaxNew)
        } else if self.prompts[row].len() + ids.len() > self.network.config().context() {
            Some(StopReason::Context)
        } else {
            None
        }
    }
}
