//! What a teacher says along given sequences: of each position the likeliest tokens and the rest, to be learned from.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::device::{DeviceError, guarded};
use super::divergence::Distributions;
use super::error::{ModelError, SequenceError};
use super::forest::Forest;
use super::generate::Budget;
use super::infer::LOGIT_ROWS;
use super::kernels::Kernels;
use super::likelihood::Continuation;
use super::network::Network;
use super::student::{Model, placed};

/// For each token of each continuation, what the model holds likely in its place after the tokens before it: the `top` likeliest
/// of the tokens below `among`, and all others together.
///
/// On a device that is deterministic every sequence is computed for itself, so that what comes out for it is the same to the bit
/// whatever the others are; elsewhere as many run at once as the budget allows. Logits are held of few positions at a time.
///
/// # Errors
///
/// A sequence that the model cannot take or that has nothing before its continuation, named by its index; a device that fails.
///
/// # Panics
///
/// Where `top` is 0, or more than `among` or than the model has tokens.
pub fn distributions(
    model: &Model,
    sequences: &[Continuation<'_>],
    top: usize,
    among: usize,
    budget: &Budget,
) -> Result<Vec<Distributions>, ModelError> {
    model.check(sequences.iter().map(|continuation| continuation.ids))?;
    if let Some(sequence) = sequences.iter().position(|of| of.from == 0 || of.from >= of.ids.len()) {
        return Err(SequenceError::Empty { sequence }.into());
    }
    let among = among.min(model.config().vocab_size());
    assert!(top > 0 && top <= among, "{top} of {among} tokens");
    let most = if model.device().deterministic() { 1 } else { usize::MAX };
    placed!(&model.placed, network => taken(network, sequences, (top, among), budget, most))
}

fn taken<B: Kernels>(
    network: &Network<B>,
    sequences: &[Continuation<'_>],
    size: (usize, usize),
    budget: &Budget,
    most: usize,
) -> Result<Vec<Distributions>, ModelError> {
    let mut found: Vec<Option<Distributions>> = vec![None; sequences.len()];
    let needs = |index: usize| sequences[index].ids.len();
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|index| needs(*index));
    budget.share(&order, most, needs, |some| {
        let these: Vec<Continuation<'_>> = some.iter().map(|index| sequences[*index]).collect();
        let made = guarded(network.label(), || network.distributions(&these, size).map_err(ModelError::from));
        if made.is_err() {
            B::memory_cleanup(network.device());
        }
        for (index, made) in some.iter().zip(made?) {
            found[*index] = Some(made);
        }
        Ok(())
    })?;
    Ok(found.into_iter().flatten().collect())
}

impl<B: Kernels> Network<B> {
    /// The `top` likeliest of the first `among` tokens in the place of each token of each continuation.
    fn distributions(
        &self,
        sequences: &[Continuation<'_>],
        (top, among): (usize, usize),
    ) -> Result<Vec<Distributions>, DeviceError> {
        // Nothing is asked about what follows the last token.
        let known: Vec<&[u32]> = sequences.iter().map(|of| &of.ids[..of.ids.len() - 1]).collect();
        let forest = Forest::of(&known);
        let paths = || sequences.iter().zip(&forest.paths).map(|(of, path)| &path[of.from - 1..]);
        let mut places: BTreeMap<u32, usize> = paths().flatten().map(|row| (*row, 0)).collect();
        places.values_mut().enumerate().for_each(|(at, place)| *place = at);
        let rows: Vec<u32> = places.keys().copied().collect();
        let (hidden, _) = self.shared(&forest, &rows);
        let vocab = self.config().vocab_size();
        let mut outlines = Vec::with_capacity(rows.len());
        // Few rows at a time: the logits of each are as many as there are tokens.
        for first in (0..rows.len()).step_by(LOGIT_ROWS) {
            let some: Vec<u32> = (first..rows.len().min(first + LOGIT_ROWS)).map(|row| row as u32).collect();
            let logits = self.read_logits(&B::pick_rows(&hidden, &some))?;
            outlines.par_extend(logits.par_chunks_exact(vocab).map(|logits| outline(logits, top, among)));
        }
        let of = |path: &[u32]| {
            let outlines = || path.iter().map(|row| &outlines[places[row]]);
            let ids = outlines().flat_map(|(ids, _)| ids).copied().collect();
            let logs = outlines().flat_map(|(_, logs)| logs).copied().collect();
            Distributions::new(top, ids, logs).expect("each position has as many")
        };
        Ok(paths().map(of).collect())
    }
}

/// The `top` likeliest of the first `among` tokens, ties going to the smaller id, and the logarithms of their probabilities and of
/// that of all others together.
fn outline(logits: &[f32], top: usize, among: usize) -> (Vec<u32>, Vec<f32>) {
    let likelier = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then_with(|| a.cmp(b));
    let mut ids: Vec<u32> = (0..among as u32).collect();
    if top < among {
        ids.select_nth_unstable_by(top - 1, likelier);
        ids.truncate(top);
    }
    ids.sort_unstable_by(likelier);
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut others = logits.to_vec();
    ids.iter().for_each(|id| others[*id as usize] = f32::NEG_INFINITY);
    // The rest has a largest logit of its own, so that it is exact however small its probability is.
    let rest = others.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // `libm` gives the same bits on every machine.
    let exp = |logit: f32, from: f32| libm::exp(f64::from(logit) - f64::from(from));
    let rest_log = if ids.len() < logits.len() {
        f64::from(rest) + libm::log(others.iter().map(|logit| exp(*logit, rest)).sum())
    } else {
        f64::NEG_INFINITY
    };
    let of_top: f64 = ids.iter().map(|id| exp(logits[*id as usize], highest)).sum();
    let sum = f64::from(highest) + libm::log(of_top + libm::exp(rest_log - f64::from(highest)));
    let logs = ids.iter().map(|id| f64::from(logits[*id as usize])).chain([rest_log]);
    let logs = logs.map(|log| (log - sum) as f32).collect();
    (ids, logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_have_the_likeliest_tokens_and_all_the_rest() {
        let logits: [f32; 6] = [1.0, 3.0, -2.0, 3.0, 9.0, 0.5];
        let sum = logits.iter().map(|logit| f64::from(*logit).exp()).sum::<f64>();
        for (top, among, wanted, rest) in [
            (2, 4, &[1_u32, 3][..], &[0_usize, 2, 4, 5][..]),
            (3, 6, &[4, 1, 3], &[0, 2, 5]),
            (6, 6, &[4, 1, 3, 0, 5, 2], &[]),
        ] {
            let (ids, logs) = outline(&logits, top, among);
            assert_eq!(ids, wanted);
            let p = |at: usize| f64::from(logits[at]).exp() / sum;
            for (id, log) in ids.iter().zip(&logs) {
                assert!((f64::from(*log) - p(*id as usize).ln()).abs() < 1e-6, "{id}");
            }
            let tail = rest.iter().map(|at| p(*at)).sum::<f64>().ln();
            let found = f64::from(logs[top]);
            assert!(found.to_bits() == tail.to_bits() || (found - tail).abs() < 1e-6, "{found}, not {tail}");
        }
        // A rest far below the smallest number is still told from nothing.
        let (_, logs) = outline(&[500.0, 0.0, 1.0], 1, 3);
        assert!((f64::from(logs[1]) - (1.0 + (1.0_f64 + (-1.0_f64).exp()).ln() - 500.0)).abs() < 1e-3, "{logs:?}");
    }
}
