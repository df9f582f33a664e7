//! Rotary position embedding (Su et al. 2021): the angles by which queries and keys are rotated.

/// How the angles follow from positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// The base of the frequencies.
    pub theta: f64,
    /// The fraction of a head's columns that is rotated, above 0 and at most 1.
    pub fraction: f64,
    /// How the frequencies are changed for longer contexts.
    pub scaling: RotaryScaling,
}

/// How frequencies are changed so that a model takes longer sequences than it was first trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum RotaryScaling {
    /// As they are up to the model's context, beyond which no sequence goes here (NTK-aware scaling as transformers'
    /// `dynamic`).
    Dynamic {
        /// The factor, which would count beyond.
        factor: f64,
    },
    /// Low ones are divided by a factor, high ones stay, those between are mixed by their place; cosines and sines are
    /// scaled (Peng et al. 2023).
    Yarn {
        /// The factor.
        factor: f64,
        /// The factor on cosines and sines.
        attention_factor: f64,
        /// Turns over the original context from which on frequencies stay.
        beta_fast: f64,
        /// Turns over the original context below which frequencies are divided.
        beta_slow: f64,
        /// The context the model was first trained on.
        original_context: usize,
        /// Whether the mixed range is widened to whole places.
        truncate: bool,
    },
    /// They are not.
    None,
    /// Each is divided by this factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Each is divided by a factor of its own; cosines and sines are scaled (Ding et al. 2024). Sequences longer than the
    /// original context have other factors, and none are taken here.
    LongRope {
        /// The factor on cosines and sines.
        attention_factor: f64,
        /// The factors up to the original context.
        short_factor: Vec<f64>,
        /// The factors beyond it.
        long_factor: Vec<f64>,
        /// The context the model was first trained on.
        original_context: usize,
    },
    /// Low ones are divided by a factor, high ones stay, those between are mixed (Llama 3.1).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Frequencies with fewer turns over the original context than this count as low.
        low_freq_factor: f64,
        /// Frequencies with more turns over the original context than this count as high.
        high_freq_factor: f64,
        /// The context the model was first trained on.
        original_context: usize,
    },
}

impl Rotary {
    /// Number of pairs of columns that are rotated in a head of `width` columns.
    pub(crate) fn pairs(&self, width: usize) -> usize {
        (width as f64 * self.fraction) as usize / 2
    }

    /// The longest sequence whose angles are known here, where there is such a bound besides the context.
    pub(crate) fn longest(&self) -> Option<usize> {
        match self.scaling {
            RotaryScaling::LongRope { original_context, .. } => Some(original_context),
            _ => None,
        }
    }

    /// The angle per position of each pair, in radians.
    fn frequencies(&self, width: usize) -> Vec<f32> {
        let pairs = self.pairs(width);
        (0..pairs)
            .map(|i| {
                let base = 1.0 / libm::pow(self.theta, i as f64 / pairs as f64);
                match &self.scaling {
                    RotaryScaling::LongRope { short_factor, .. } => (base / short_factor[i]) as f32,
                    &RotaryScaling::Yarn { factor, beta_fast, beta_slow, original_context, truncate, .. } => {
                        // The place, among the columns, of a frequency with so many turns over the original context.
                        let place = |turns: f64| {
                            let ratio = original_context as f64 / (turns * std::f64::consts::TAU);
                            2.0 * pairs as f64 * libm::log(ratio) / (2.0 * libm::log(self.theta))
                        };
                        let (low, high) = (place(beta_fast), place(beta_slow));
                        let (low, high) = if truncate { (low.floor(), high.ceil()) } else { (low, high) };
                        let (low, mut high) = (low.max(0.0), high.min(2.0 * pairs as f64 - 1.0));
                        if low.to_bits() == high.to_bits() {
                            high += 0.001;
                        }
                        let divided = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
                        (base / factor * divided + base * (1.0 - divided)) as f32
                    }
                    other => other.apply(base as f32),
                }
            })
            .collect()
    }

    /// The cosines and sines of each pair at each of `positions`, `[positions, pairs]` both.
    pub(crate) fn table(&self, width: usize, positions: &[u32]) -> (Vec<f32>, Vec<f32>) {
        let frequencies = self.frequencies(width);
        let scale = match self.scaling {
            RotaryScaling::Yarn { attention_factor, .. } | RotaryScaling::LongRope { attention_factor, .. } => {
                attention_factor as f32
            }
            _ => 1.0,
        };
        positions
            .iter()
            .flat_map(|&position| frequencies.iter().map(move |frequency| position as f32 * frequency))
            .map(|angle| (libm::cos(f64::from(angle)) as f32 * scale, libm::sin(f64::from(angle)) as f32 * scale))
            .unzip()
    }
}

impl RotaryScaling {
    fn apply(&self, frequency: f32) -> f32 {
        match *self {
            // The last two go by the place of a frequency as well.
            Self::None | Self::Dynamic { .. } | Self::Yarn { .. } | Self::LongRope { .. } => frequency,
            Self::Linear { factor } => frequency / factor as f32,
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                let turns = original_context as f64 * f64::from(frequency) / std::f64::consts::TAU;
                let high = ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
                ((1.0 - high) * f64::from(frequency) / factor + high * f64::from(frequency)) as f32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_fall_from_one_radian_a_position() {
        let rotary = Rotary { theta: 10_000.0, fraction: 0.5, scaling: RotaryScaling::None };
        assert_eq!(rotary.frequencies(16), vec![1.0, 0.1, 0.01, 0.001]);
        let (cosines, sines) = rotary.table(16, &[0, 3]);
        assert_eq!((&cosines[..4], &sines[..4]), (&[1.0; 4][..], &[0.0; 4][..]));
        assert!((cosines[4] - 3.0_f32.cos()).abs() < 1e-6 && (sines[5] - 0.3_f32.sin()).abs() < 1e-6);
    }

    #[test]
    fn yarn_divides_low_frequencies_and_keeps_high_ones() {
        let scaling = RotaryScaling::Yarn {
            factor: 4.0,
            attention_factor: 1.25,
            beta_fast: 32.0,
            beta_slow: 1.0,
            original_context: 4096,
            truncate: true,
        };
        let rotary = Rotary { theta: 10_000.0, fraction: 1.0, scaling };
        let plain = Rotary { scaling: RotaryScaling::None, ..rotary.clone() };
        let ratios: Vec<f32> =
            rotary.frequencies(64).iter().zip(plain.frequencies(64)).map(|(yarn, plain)| yarn / plain).collect();
        assert!((ratios[0] - 1.0).abs() < 1e-6 && (ratios[31] - 0.25).abs() < 1e-6, "{ratios:?}");
        assert!(ratios.windows(2).all(|pair| pair[0] >= pair[1] - 1e-6), "{ratios:?}");
        // At 16 pairs: from place 10 on to 23 of 64 columns the two are mixed.
        assert!((ratios[16] - (1.0 - 0.75 * 6.0 / 13.0)).abs() < 1e-5, "{ratios:?}");
        let (cosines, sines) = rotary.table(64, &[0]);
        assert!(cosines.iter().all(|x| x.to_bits() == 1.25_f32.to_bits()) && sines.iter().all(|x| *x == 0.0));
    }

    #[test]
    fn yarn_is_that_of_transformers() {
        let yarn = |factor, original_context, beta_fast, beta_slow, truncate| RotaryScaling::Yarn {
            factor,
            attention_factor: 1.0,
            beta_fast,
            beta_slow,
            original_context,
            truncate,
        };
        // Of `ROPE_INIT_FUNCTIONS["yarn"]` of transformers 5.24.
        for (scaling, width, expected) in [
            (
                yarn(4.0, 32, 32.0, 1.0, true),
                16,
                vec![1.0, 0.197_642_36, 0.025, 0.007_905_695, 0.002_5, 0.000_790_569_5, 0.000_25, 0.000_079_056_95],
            ),
            (
                yarn(8.0, 4096, 16.0, 2.0, false),
                32,
                vec![
                    1.0,
                    0.562_341_33,
                    0.316_227_76,
                    0.177_827_94,
                    0.1,
                    0.056_234_13,
                    0.031_622_78,
                    0.015_371_677,
                    0.006_221_889,
                    0.002_136_7,
                    0.000_435_575_6,
                    0.000_222_284_93,
                    0.000_125,
                    0.000_070_292_66,
                    0.000_039_528_473,
                    0.000_022_228_493,
                ],
            ),
        ] {
            let found = Rotary { theta: 10_000.0, fraction: 1.0, scaling }.frequencies(width);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found / expected - 1.0_f32).abs() < 1e-6, "{found} {expected}");
            }
        }
    }

    #[test]
    fn a_dynamic_factor_changes_nothing_within_the_context() {
        let plain = Rotary { theta: 10_000.0, fraction: 1.0, scaling: RotaryScaling::None };
        let dynamic = Rotary { scaling: RotaryScaling::Dynamic { factor: 4.0 }, ..plain.clone() };
        assert_eq!(dynamic.table(16, &[0, 7]), plain.table(16, &[0, 7]));
    }

    #[test]
    fn longrope_divides_each_frequency_and_ends_at_the_original_context() {
        let scaling = RotaryScaling::LongRope {
            attention_factor: 1.5,
            short_factor: vec![1.0, 2.0],
            long_factor: vec![3.0, 4.0],
            original_context: 64,
        };
        let rotary = Rotary { theta: 10_000.0, fraction: 0.5, scaling };
        assert_eq!(rotary.frequencies(8), vec![1.0, 0.005]);
        assert_eq!(rotary.longest(), Some(64));
        let (cosines, sines) = rotary.table(8, &[0]);
        assert!(cosines.iter().all(|x| x.to_bits() == 1.5_f32.to_bits()) && sines.iter().all(|x| *x == 0.0));
    }

    #[test]
    fn llama3_scales_low_frequencies_only() {
        let scaling =
            RotaryScaling::Llama3 { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 8192 };
        // More than four turns, fewer than one, and the middle of the mixed range.
        assert_eq!(scaling.apply(1.0).to_bits(), 1.0_f32.to_bits());
        let slow = std::f32::consts::TAU / 8192.0 * 0.5;
        assert!((scaling.apply(slow) / slow - 0.125).abs() < 1e-6);
        let middle = std::f32::consts::TAU / 8192.0 * 2.5;
        assert!((scaling.apply(middle) / middle - 0.5625).abs() < 1e-6);
    }
}
