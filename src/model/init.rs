//! Random weights, the same on every machine.

use super::tensors::{Init, TensorSpec};

/// The elements of a tensor at the start, from a seed and the tensor's name, so that no other tensor moves them.
pub(crate) fn initial(spec: &TensorSpec, seed: u64) -> Vec<f32> {
    let count = spec.count();
    match spec.init {
        Init::Zero => vec![0.0; count],
        Init::One => vec![1.0; count],
        Init::Uniform(bound) => {
            let mut random = Random::new("retort 2026 initial weights", seed, spec.name().as_bytes());
            (0..count).map(|_| ((2.0 * random.unit() - 1.0) * bound) as f32).collect()
        }
        Init::Normal(deviation) => {
            let mut random = Random::new("retort 2026 initial weights", seed, spec.name().as_bytes());
            let mut data = Vec::with_capacity(count + 1);
            while data.len() < count {
                let (a, b) = random.normals();
                data.push((a * deviation) as f32);
                data.push((b * deviation) as f32);
            }
            data.truncate(count);
            data
        }
    }
}

/// A stream of random numbers: the extendable output of blake3 over a purpose, a seed and a label.
pub(crate) struct Random {
    stream: blake3::OutputReader,
}

impl Random {
    /// The stream of a purpose (a constant of the program), a seed and a label.
    pub(crate) fn new(purpose: &str, seed: u64, label: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        hasher.update(&seed.to_le_bytes());
        hasher.update(label);
        Self { stream: hasher.finalize_xof() }
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.stream.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A number below `bound`, each equally likely; `bound` must not be zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Values past the last whole multiple of the bound are drawn again.
        let excess = (u64::MAX % bound + 1) % bound;
        loop {
            let bits = self.bits();
            if bits <= u64::MAX - excess {
                return bits % bound;
            }
        }
    }

    /// A number of at least 0 and below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Two independent standard normal numbers (Box and Muller 1958). The functions are those of the `libm` crate, not
    /// the system's, so that every machine gets the same bits.
    fn normals(&mut self) -> (f64, f64) {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        let radius = ((self.bits() >> 11) + 1) as f64 * STEP;
        let angle = (self.bits() >> 11) as f64 * STEP * std::f64::consts::TAU;
        let length = (-2.0 * libm::log(radius)).sqrt();
        (length * libm::cos(angle), length * libm::sin(angle))
    }
}

/// The numbers below `count` in random order.
pub(crate) fn permutation(count: usize, mut random: Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(name: &str, count: usize) -> TensorSpec {
        TensorSpec {
            parts: vec![(name.to_owned(), count)],
            shape: vec![count],
            init: Init::Normal(0.02),
            exempt: false,
            interleaved: 0,
        }
    }

    #[test]
    fn weights_are_pinned() {
        let bits: Vec<u32> = initial(&spec("transformer.wte.weight", 4), 17).iter().map(|x| x.to_bits()).collect();
        expect_test::expect!["[990930163, 3129169850, 1005257695, 3160034099]"].assert_eq(&format!("{bits:?}"));
    }

    #[test]
    fn weights_are_normal() {
        let data = initial(&spec("a", 100_001), 3);
        let mean = data.iter().map(|&x| f64::from(x)).sum::<f64>() / data.len() as f64;
        let variance = data.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / data.len() as f64;
        assert!(mean.abs() < 3e-4 && (variance.sqrt() - 0.02).abs() < 3e-4);
        let beyond = data.iter().filter(|x| x.abs() > 0.04).count() as f64 / data.len() as f64;
        assert!((beyond - 0.0455).abs() < 0.004);
        assert_ne!(data, initial(&spec("a", 100_001), 4));
        assert_ne!(data, initial(&spec("b", 100_001), 3));
    }

    proptest! {
        #[test]
        fn permutations_hold_every_number_once(count in 0_usize..200, seed: u64) {
            let mut order = permutation(count, Random::new("test", seed, b""));
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn draws_stay_below_their_bound(bound in 1_u64.., seed: u64) {
            prop_assert!(Random::new("test", seed, b"").below(bound) < bound);
        }
    }
}
