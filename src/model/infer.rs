//! Passes that learn nothing: logits, hidden states, the steps of generation and the probabilities of continuations.

use std::collections::BTreeMap;

use burn::tensor::TensorMetadata;
use rayon::prelude::*;

use super::device::DeviceError;
use super::forest::Forest;
use super::forward::Pass;
use super::kernels::{Blocks, Form, Kernels, Major, Precision, Real};
use super::layout::Layout;
use super::network::Network;

/// Rows of which logits are read at a time: few enough that each comes out the same whatever the others are.
const LOGIT_ROWS: usize = 64;

/// Fewer tokens are not split: every group reads all weights.
const GROUP_TOKENS: usize = 512;

/// Sequences under generation: what their layers remember.
pub(crate) struct Progress<B: Kernels> {
    memory: Vec<B::Memory>,
    /// Positions of each sequence so far.
    past: Vec<usize>,
}

impl<B: Kernels> Progress<B> {
    /// Keeps only the sequences at `kept`, ascending.
    pub(crate) fn retain(&mut self, kept: &[usize]) {
        for memory in &mut self.memory {
            B::retain(memory, kept);
        }
        self.past = kept.iter().map(|&b| self.past[b]).collect();
    }

    /// Goes on with the sequences of another as well, after its own.
    pub(crate) fn join(&mut self, mut other: Self) {
        for (memory, other) in self.memory.iter_mut().zip(other.memory) {
            B::join(memory, other);
        }
        self.past.append(&mut other.past);
    }
}

impl<B: Kernels> Network<B> {
    /// The logits `[len, vocab]` of each sequence, laid out as `layout` says.
    pub(crate) fn logits(&self, sequences: &[&[u32]], layout: &Layout) -> Result<Vec<Vec<f32>>, DeviceError> {
        let ids = layout.spread(sequences.iter().copied());
        let weights = self.parameters(&self.values);
        let pass = self.pass(layout, &vec![0; sequences.len()]);
        let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, &ids));
        let logits = pass.head::<B>(&weights, &pass.hidden::<B>(&weights, stream, |_| {}));
        self.read_spans(logits, layout)
    }

    /// The residual stream `[len, d_model]` of each sequence before each block, and at the end what the head reads.
    pub(crate) fn hidden_states(
        &self,
        sequences: &[&[u32]],
        layout: &Layout,
    ) -> Result<Vec<Vec<Vec<f32>>>, DeviceError> {
        let ids = layout.spread(sequences.iter().copied());
        let mut streams = Vec::new();
        let weights = self.parameters(&self.values);
        let pass = self.pass(layout, &vec![0; sequences.len()]);
        let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, &ids));
        let hidden = pass.hidden::<B>(&weights, stream, |stream| streams.push(stream.clone()));
        streams.push(hidden);
        streams.into_iter().map(|stream| self.read_spans(stream, layout)).collect()
    }

    fn read_spans(&self, x: Real<B>, layout: &Layout) -> Result<Vec<Vec<f32>>, DeviceError> {
        let width = x.shape()[1];
        let data = self.read(x)?;
        Ok(layout.spans.iter().map(|span| data[span.start * width..span.end * width].to_vec()).collect())
    }

    /// No sequence yet.
    pub(crate) fn nothing_yet(&self) -> Progress<B> {
        Progress { memory: (0..self.config().layers()).map(|_| B::memory(0)).collect(), past: Vec::new() }
    }

    /// Begins generation after `prompts`; returns what is remembered and the logits `[prompts, vocab]` after them.
    pub(crate) fn begin(&self, prompts: &[&[u32]]) -> Result<(Progress<B>, Vec<f32>), DeviceError> {
        let begin = |prompts: &[&[u32]]| {
            let forest = Forest::of(prompts);
            let (hidden, memory) = self.shared(&forest, &forest.ends());
            let progress = Progress { memory, past: prompts.iter().map(|ids| ids.len()).collect() };
            Ok((progress, self.read_logits(&hidden)?))
        };
        let groups = if B::RAGGED { groups(prompts, rayon::current_num_threads()) } else { vec![prompts] };
        let [group] = groups[..] else {
            let parts = groups.into_par_iter().map(begin).collect::<Result<Vec<_>, DeviceError>>()?;
            let (mut progress, mut logits) = (self.nothing_yet(), Vec::new());
            for (part, mut of_part) in parts {
                progress.join(part);
                logits.append(&mut of_part);
            }
            return Ok((progress, logits));
        };
        begin(group)
    }

    /// Adds one token to each sequence; returns the logits `[sequences, vocab]` after it.
    pub(crate) fn step(&self, progress: &mut Progress<B>, tokens: &[u32]) -> Result<Vec<f32>, DeviceError> {
        let layout = Layout::packed(&vec![1; tokens.len()]);
        let weights = self.parameters(&self.values);
        let embedded = B::pick_rows(&weights.token_embedding, tokens);
        let pass = Pass { generating: true, ..self.pass(&layout, &progress.past) };
        let hidden = pass.hidden_cached(&weights, pass.stream::<B>(&weights, embedded), &mut progress.memory);
        progress.past.iter_mut().for_each(|past| *past += 1);
        self.read_logits(&hidden)
    }

    /// The hidden states of the rows of a forest at `wanted`, and what the layers remember of its sequences.
    fn shared(&self, forest: &Forest, wanted: &[u32]) -> (Real<B>, Vec<B::Memory>) {
        let (layout, spread) = forest.spread(B::RAGGED);
        let mut memory: Vec<B::Memory> = (0..self.config().layers()).map(|_| B::memory(forest.paths.len())).collect();
        let weights = self.parameters(&self.values);
        let embedded = B::pick_rows(&weights.token_embedding, &forest.ids);
        let pass = Pass { generating: true, ..self.pass_at(&layout, forest.positions.clone()) };
        let stream = pass.stream::<B>(&weights, embedded);
        (pass.hidden_shared(&weights, stream, (forest, &spread), wanted, &mut memory), memory)
    }

    /// The logits `[rows, vocab]` of rows of hidden states.
    fn read_logits(&self, hidden: &Real<B>) -> Result<Vec<f32>, DeviceError> {
        let weights = self.parameters(&self.values);
        let form = Form { major: Major::Output, precision: Precision::F32, generating: true };
        let logits = B::affine(hidden, weights.head(), form, weights.head_bias.as_ref(), None);
        self.read(B::shaped(logits, self.config().decoder().shaping()))
    }

    /// The logarithms of the probabilities that each sequence's tokens from `from[i]` on have after those before them.
    pub(crate) fn log_probabilities(&self, sequences: &[(&[u32], usize)]) -> Result<Vec<Vec<f64>>, DeviceError> {
        // Nothing is asked about what follows the last token.
        let known: Vec<&[u32]> = sequences.iter().map(|(ids, _)| &ids[..ids.len() - 1]).collect();
        let forest = Forest::of(&known);
        // What is asked of each row: the place of the answer and the token.
        let mut asked: BTreeMap<u32, Vec<(usize, usize, u32)>> = BTreeMap::new();
        let mut found: Vec<Vec<f64>> = Vec::new();
        for (sequence, ((ids, from), path)) in sequences.iter().zip(&forest.paths).enumerate() {
            for (place, (id, row)) in ids[*from..].iter().zip(&path[from - 1..]).enumerate() {
                asked.entry(*row).or_default().push((sequence, place, *id));
            }
            found.push(vec![0.0; ids.len() - from]);
        }
        let rows: Vec<u32> = asked.keys().copied().collect();
        let (hidden, _) = self.shared(&forest, &rows);
        let (vocab, asked): (usize, Vec<_>) = (self.config().vocab_size(), asked.into_values().collect());
        // Few rows at a time: the logits of each are as many as there are tokens.
        for (first, some) in (0..).step_by(LOGIT_ROWS).zip(asked.chunks(LOGIT_ROWS)) {
            let rows: Vec<u32> = (first..first + some.len() as u32).collect();
            let logits = self.read_logits(&B::pick_rows(&hidden, &rows))?;
            let sums: Vec<f64> = logits.par_chunks_exact(vocab).map(log_sum).collect();
            for ((asked, logits), sum) in some.iter().zip(logits.chunks_exact(vocab)).zip(sums) {
                for (sequence, place, token) in asked {
                    found[*sequence][*place] = f64::from(logits[*token as usize]) - sum;
                }
            }
        }
        Ok(found)
    }
}

/// Cuts prompts into groups of about as many tokens, at most `most` of them: each goes through the network on its own, so
/// that no processor waits for another after every operation.
fn groups<'a, 'b>(prompts: &'a [&'b [u32]], most: usize) -> Vec<&'a [&'b [u32]]> {
    let tokens: usize = prompts.iter().map(|ids| ids.len()).sum();
    let count = most.min(tokens / GROUP_TOKENS).max(1);
    let (mut groups, mut rest, mut seen) = (Vec::new(), prompts, 0);
    for group in 1..count {
        let mut taken = 0;
        while taken < rest.len() && seen * count < group * tokens {
            seen += rest[taken].len();
            taken += 1;
        }
        let (these, others) = rest.split_at(taken);
        groups.extend((!these.is_empty()).then_some(these));
        rest = others;
    }
    groups.extend((!rest.is_empty() || groups.is_empty()).then_some(rest));
    groups
}

/// The logarithm of the sum of the exponentials of some logits.
fn log_sum(logits: &[f32]) -> f64 {
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    // `libm` gives the same bits on every machine.
    highest + libm::log(logits.iter().map(|logit| libm::exp(f64::from(*logit) - highest)).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn groups_hold_every_prompt_in_order_and_are_alike(
            lens in prop::collection::vec(1_usize..200, 1..60),
            most in 1_usize..9,
        ) {
            let ids = vec![0_u32; 200];
            let prompts: Vec<&[u32]> = lens.iter().map(|len| &ids[..*len]).collect();
            let groups = groups(&prompts, most);
            prop_assert_eq!(groups.concat(), prompts.clone());
            prop_assert!(groups.len() <= most);
            let (tokens, longest) = (lens.iter().sum::<usize>(), lens.iter().max().copied().unwrap_or(0));
            for group in &groups {
                let of_group: usize = group.iter().map(|ids| ids.len()).sum();
                prop_assert!(of_group <= tokens / groups.len() + 2 * longest);
                prop_assert!(groups.len() == 1 || of_group + 2 * longest >= GROUP_TOKENS);
            }
        }
    }
}
