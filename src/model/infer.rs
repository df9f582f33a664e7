//! Passes that learn nothing: logits, hidden states and the steps of generation.

use super::config::Config;
use super::device::DeviceError;
use super::gpt2;
use super::kernels::{Blocks, Kernels, Real};
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
        let hidden = self.hidden::<B>(&self.values, &ids, layout, |_| {});
        let logits = <B as Blocks>::head(&hidden, self.parameters(&self.values).head());
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
        let hidden = self.hidden::<B>(&self.values, &ids, layout, |stream| streams.push(stream.clone()));
        streams.push(hidden);
        streams.into_iter().map(|stream| self.read_spans(stream, layout, self.config().d_model())).collect()
    }

    fn read_spans(&self, x: Real<B>, layout: &Layout, width: usize) -> Result<Vec<Vec<f32>>, DeviceError> {
        let data = self.read(x)?;
        Ok(layout.spans.iter().map(|span| data[span.start * width..span.end * width].to_vec()).collect())
    }

    /// Begins generation after `prompts`; returns what is remembered and the logits `[vocab]` after each prompt.
    pub(crate) fn begin(&self, prompts: &[&[u32]]) -> Result<(Progress<B>, Vec<Vec<f32>>), DeviceError> {
        let memory = (0..self.config().layers()).map(|_| B::memory(prompts.len())).collect();
        let mut progress = Progress { memory, past: vec![0; prompts.len()] };
        let lens: Vec<usize> = prompts.iter().map(|ids| ids.len()).collect();
        let layout = if B::RAGGED { Layout::packed(&lens) } else { Layout::padded_left(&lens) };
        let logits = self.extend(&mut progress, prompts, &layout)?;
        Ok((progress, logits))
    }

    /// Adds one token to each sequence; returns the logits `[vocab]` after it.
    pub(crate) fn step(&self, progress: &mut Progress<B>, tokens: &[u32]) -> Result<Vec<Vec<f32>>, DeviceError> {
        let sequences: Vec<&[u32]> = tokens.chunks(1).collect();
        self.extend(progress, &sequences, &Layout::packed(&vec![1; tokens.len()]))
    }

    fn extend(
        &self,
        progress: &mut Progress<B>,
        sequences: &[&[u32]],
        layout: &Layout,
    ) -> Result<Vec<Vec<f32>>, DeviceError> {
        let Config::Gpt2(config) = self.config();
        let weights = self.parameters(&self.values);
        let ids = layout.spread(sequences.iter().copied());
        let embedded = <B as Blocks>::gather(&weights.token_embedding, &ids);
        let stream = gpt2::positioned::<B>(&weights, embedded, &layout.positions(&progress.past));
        let hidden = gpt2::hidden_cached::<B>(config, &weights, stream, layout, &mut progress.memory);
        for (past, ids) in progress.past.iter_mut().zip(sequences) {
            *past += ids.len();
        }
        let last: Vec<u32> = layout.spans.iter().map(|span| (span.end - 1) as u32).collect();
        let logits = <B as Blocks>::head(&<B as Blocks>::gather(&hidden, &last), weights.head());
        let data = self.read(logits)?;
        Ok(data.chunks_exact(config.vocab_size).map(<[f32]>::to_vec).collect())
    }
}
