//! The next token out of logits: the likeliest, or one drawn at random.

use crate::init::Random;

/// How tokens are drawn. As in transformers, logits are divided by the temperature, then all but the `top_k` likeliest
/// tokens go, then all but the fewest that together have a probability of at least `top_p` (Holtzman et al. 2020).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// What logits are divided by, above zero.
    pub temperature: f64,
    /// How many of the likeliest tokens stay; all where this is not given. Tokens as likely as the last of them stay too.
    pub top_k: Option<usize>,
    /// The probability that the tokens which stay have together, at most 1; 1 where this is not given.
    pub top_p: Option<f64>,
    /// Decides the draws, together with the prompt: those of one prompt are the same in whatever company it is.
    pub seed: u64,
}

/// Chooses the tokens of one row.
pub(super) enum Chooser {
    Greedy,
    Drawn(Sampling, Box<Random>),
}

impl Chooser {
    pub(super) fn new(sampling: Option<Sampling>, prompt: &[u32]) -> Self {
        match sampling {
            None => Self::Greedy,
            Some(sampling) => {
                let label: Vec<u8> = prompt.iter().flat_map(|id| id.to_le_bytes()).collect();
                Self::Drawn(sampling, Box::new(Random::new("retort 2026 sampled tokens", sampling.seed, &label)))
            }
        }
    }

    pub(super) fn choose(&mut self, logits: &[f32]) -> u32 {
        match self {
            Self::Greedy => likeliest(logits),
            Self::Drawn(sampling, random) => drawn(&sampling.candidates(logits), random.unit()),
        }
    }
}

impl Sampling {
    /// The tokens that may come next with their weights, the likeliest first. The weights sum to 1 before tokens go by
    /// `top_p`, and to less after.
    fn candidates(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let mut candidates: Vec<(u32, f64)> = logits
            .iter()
            .enumerate()
            .filter(|(_, logit)| !logit.is_nan())
            .map(|(id, &logit)| (id as u32, f64::from(logit) / self.temperature))
            .collect();
        let likelier = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if let Some(k) = self.top_k.filter(|&k| k < candidates.len()) {
            let (_, &mut (_, least), _) = candidates.select_nth_unstable_by(k.max(1) - 1, likelier);
            candidates.retain(|&(_, logit)| logit >= least);
        }
        candidates.sort_unstable_by(likelier);
        let highest = candidates.first().map_or(0.0, |&(_, logit)| logit);
        // `libm` gives the same bits on every machine, and so the same draws for the same logits.
        for (_, weight) in &mut candidates {
            *weight = libm::exp(*weight - highest);
        }
        let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
        for (_, weight) in &mut candidates {
            *weight /= total;
        }
        if let Some(p) = self.top_p {
            let mut before = 0.0;
            let kept = candidates.iter().take_while(|(_, weight)| {
                let stays = before < p;
                before += weight;
                stays
            });
            let kept = kept.count().max(1);
            candidates.truncate(kept);
        }
        candidates
    }
}

/// The candidate at a point between 0 and 1 of the way through all weights.
fn drawn(candidates: &[(u32, f64)], at: f64) -> u32 {
    let mut left = at * candidates.iter().map(|(_, weight)| weight).sum::<f64>();
    for &(id, weight) in candidates {
        if left < weight {
            return id;
        }
        left -= weight;
    }
    // Rounding may leave a little; without any number among the logits there is nothing to draw.
    candidates.last().map_or(0, |&(id, _)| id)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sampling(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Sampling {
        Sampling { temperature, top_k, top_p, seed: 3 }
    }

    /// The probabilities that transformers 5.0 comes to, by its `TemperatureLogitsWarper`, `TopKLogitsWarper` and
    /// `TopPLogitsWarper` one after the other.
    #[test]
    fn the_candidates_are_those_of_transformers() {
        let logits = [0.5, 2.0, -1.0, 2.0, 3.25, 0.0, 1.5, -4.0, 1.75, 0.5];
        let cases: [(Sampling, &[(u32, f64)]); 5] = [
            (
                sampling(0.7, None, None),
                &[
                    (4, 0.630_488),
                    (1, 0.105_719),
                    (3, 0.105_719),
                    (8, 0.073_968),
                    (6, 0.051_754),
                    (0, 0.012_403),
                    (9, 0.012_403),
                    (5, 0.006_072),
                    (2, 0.001_455),
                    (7, 0.000_020),
                ],
            ),
            (sampling(1.0, Some(2), None), &[(4, 0.635_724), (1, 0.182_138), (3, 0.182_138)]),
            (
                sampling(1.5, None, Some(0.8)),
                &[(4, 0.392_391), (1, 0.170_532), (3, 0.170_532), (8, 0.144_353), (6, 0.122_192)],
            ),
            (sampling(0.7, Some(6), Some(0.9)), &[(4, 0.688_386), (1, 0.115_427), (3, 0.115_427), (8, 0.080_761)]),
            (sampling(1.0, None, Some(0.3)), &[(4, 1.0)]),
        ];
        for (sampling, expected) in cases {
            let candidates = sampling.candidates(&logits);
            let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
            assert_eq!(candidates.len(), expected.len(), "{sampling:?}");
            for ((id, weight), (expected_id, probability)) in candidates.iter().zip(expected) {
                assert_eq!(id, expected_id, "{sampling:?}");
                assert!((weight / total - probability).abs() < 1e-6, "{sampling:?}: {id} has {}", weight / total);
            }
        }
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        let logits = [1.0, 0.0, 2.0, f32::NEG_INFINITY];
        let mut chooser = Chooser::new(Some(sampling(1.0, None, None)), &[5, 6]);
        let mut counts = [0.0_f64; 4];
        for _ in 0..20_000 {
            counts[chooser.choose(&logits) as usize] += 1.0 / 20_000.0;
        }
        for (count, expected) in counts.iter().zip([0.2447, 0.0900, 0.6652, 0.0]) {
            assert!((count - expected).abs() < 0.01, "{counts:?}");
        }
    }

    #[test]
    fn draws_are_decided_by_seed_and_prompt() {
        let logits: Vec<f32> = (0..50).map(|i| (i % 7) as f32 / 3.0).collect();
        let draws = |seed, prompt: &[u32]| -> Vec<u32> {
            let mut chooser = Chooser::new(Some(Sampling { seed, ..sampling(1.0, None, None) }), prompt);
            (0..20).map(|_| chooser.choose(&logits)).collect()
        };
        assert_eq!(draws(1, &[1, 2]), draws(1, &[1, 2]));
        assert_ne!(draws(1, &[1, 2]), draws(2, &[1, 2]));
        assert_ne!(draws(1, &[1, 2]), draws(1, &[1, 3]));
    }

    proptest! {
        #[test]
        fn some_token_is_always_drawn_and_only_from_the_candidates(
            logits in prop::collection::vec(-20.0_f32..20.0, 1..40),
            temperature in 0.01_f64..5.0,
            top_k in prop::option::of(1_usize..50),
            top_p in prop::option::of(0.01_f64..=1.0),
            seed: u64,
        ) {
            let sampling = Sampling { temperature, top_k, top_p, seed };
            let candidates = sampling.candidates(&logits);
            prop_assert_eq!(candidates[0].0, likeliest(&logits));
            if let Some(k) = top_k {
                let bits: BTreeSet<u32> = logits.iter().map(|x| x.to_bits()).collect();
                let distinct = bits.len() == logits.len();
                prop_assert!(!distinct || candidates.len() <= k);
            }
            let token = Chooser::new(Some(sampling), &[]).choose(&logits);
            prop_assert!(candidates.iter().any(|&(id, _)| id == token));
        }
    }

    #[test]
    fn the_first_of_equal_logits_is_the_likeliest() {
        assert_eq!(likeliest(&[0.0, 2.0, 2.0]), 1);
        assert_eq!(sampling(1.0, Some(1), Some(1.0)).candidates(&[0.0, 3.0, 2.0]), [(1, 1.0)]);
    }
}
