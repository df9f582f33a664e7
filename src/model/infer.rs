//! Passes that learn nothing: logits, hidden states and the steps of generation.

use super::device::DeviceError;
use super::forward::Pass;
use super::kernels::{Kernels, Real};
use super::layout::Layout;
use super::network::Network;

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
}

impl<B: Kernels> Network<B> {
    /// The logits `[len, vocab]` of each sequence, laid out as `layout` says.
    pub(crate) fn logits(&self, sequences: &[&[u32]], layout: &Layout) -> Result<Vec<Vec<f32>>, DeviceError> {
        let ids = layout.spread(sequences.iter().copied());
        let weights = self.parameters(&self.values);
        let pass = self.pass(layout, &vec![0; sequences.len()]);
        let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, &ids));
        let logits = pass.head::<B>(&weights, &pass.hidden::<B>(&weights, stream, |_| {}));
        self.read_spans(logits, layout, self.config().vocab_size())
    }

    /// The residual stream `[len, d_model]` of each sequence before each block, and after the final norm at the end.
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
        streams.into_iter().map(|stream| self.read_spans(stream, layout, self.config().d_model())).collect()
    }

    fn read_spans(&self, x: Real<B>, layout: &Layout, width: usize) -> Result<Vec<Vec<f32>>, DeviceError> {
        let data = self.read(x)?;
        Ok(layout.spans.iter().map(|span| data[span.start * width..span.end * width].to_vec()).collect())
    }

    /// Begins generation after `prompts`; returns what is remembered and the logits `[prompts, vocab]` after them.
    pub(crate) fn begin(&self, prompts: &[&[u32]]) -> Result<(Progress<B>, Vec<f32>), DeviceError> {
        let memory = (0..self.config().layers()).map(|_| B::memory(prompts.len())).collect();
        let mut progress = Progress { memory, past: vec![0; prompts.len()] };
        let lens: Vec<usize> = prompts.iter().map(|ids| ids.len()).collect();
        let layout = if B::RAGGED { Layout::packed(&lens) } else { Layout::padded_left(&lens) };
        let logits = self.extend(&mut progress, prompts, &layout)?;
        Ok((progress, logits))
    }

    /// Adds one token to each sequence; returns the logits `[sequences, vocab]` after it.
    pub(crate) fn step(&self, progress: &mut Progress<B>, tokens: &[u32]) -> Result<Vec<f32>, DeviceError> {
        let sequences: Vec<&[u32]> = tokens.chunks(1).collect();
        self.extend(progress, &sequences, &Layout::packed(&vec![1; tokens.len()]))
    }

    fn extend(
        &self,
        progress: &mut Progress<B>,
        sequences: &[&[u32]],
        layout: &Layout,
    ) -> Result<Vec<f32>, DeviceError> {
        let weights = self.parameters(&self.values);
        let ids = layout.spread(sequences.iter().copied());
        let embedded = B::pick_rows(&weights.token_embedding, &ids);
        let pass = Pass { generating: true, ..self.pass(layout, &progress.past) };
        let hidden = pass.hidden_cached(&weights, pass.stream::<B>(&weights, embedded), &mut progress.memory);
        for (past, ids) in progress.past.iter_mut().zip(sequences) {
            *past += ids.len();
        }
        let last: Vec<u32> = layout.spans.iter().map(|span| (span.end - 1) as u32).collect();
        self.read(pass.head::<B>(&weights, &B::pick_rows(&hidden, &last)))
    }
}
