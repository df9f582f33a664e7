//! How much arithmetic training is, and how much a device can do at most.

use super::config::Config;
use super::device::Device;
use super::kernels::Precision;

/// Floating-point operations of one training step over sequences of these lengths, forward and backward: six for each
/// weight and token, and for attention twelve for each layer, column and pair of positions (Chowdhery et al. 2022,
/// appendix B). Padding, and what is computed twice, do not count.
pub(super) fn of_step(config: &Config, lens: impl Iterator<Item = usize>) -> f64 {
    let decoder = config.decoder();
    let weights = config.parameter_count() as f64;
    let attention = (decoder.layers * decoder.heads * decoder.head_width) as f64;
    lens.map(|len| len as f64).map(|len| 6.0 * weights * len + 12.0 * attention * len * len).sum()
}

/// The operations per second that a device is sold with, dense, for products in this precision; `None` where it is not
/// known, as for any CPU.
pub fn peak_flops(device: &Device, precision: Precision) -> Option<f64> {
    let index = device.cuda_index()?;
    // The driver lists its devices by their place on the bus, as it numbers them by default.
    let mut places: Vec<_> =
        fs_err::read_dir("/proc/driver/nvidia/gpus").ok()?.flatten().map(|entry| entry.path()).collect();
    places.sort();
    let about = fs_err::read_to_string(places.get(index)?.join("information")).ok()?;
    peak_of(&about, precision)
}

/// Peaks in units of 10¹² per second: name, `f32` without tensor cores, `bf16`. From the makers' data sheets.
const PEAKS: &[(&str, f64, f64)] = &[
    ("H100 PCIe", 51.0, 756.0),
    ("H100", 67.0, 989.0),
    ("H200", 67.0, 989.0),
    ("GH200", 67.0, 989.0),
    ("A100", 19.5, 312.0),
    ("A10G", 31.2, 70.0),
    ("A10", 31.2, 125.0),
    ("L40S", 91.6, 362.0),
    ("L4", 30.3, 121.0),
    ("RTX 4090", 82.6, 165.2),
    ("RTX 3090", 35.6, 71.0),
];

fn peak_of(about: &str, precision: Precision) -> Option<f64> {
    let model = about.lines().find_map(|line| line.strip_prefix("Model:"))?.trim();
    let (_, f32, bf16) = PEAKS.iter().find(|(name, ..)| model.contains(name))?;
    Some(1e12 * if precision == Precision::Bf16 { bf16 } else { f32 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Size};

    #[test]
    fn a_step_costs_six_operations_a_weight_and_token_and_those_of_attention() {
        let size = Size { vocab_size: 10, context: 8, d_model: 4, layers: 2, heads: 2, kv_heads: None };
        let config = Config::new(Architecture::Llama, size);
        let weights = config.parameter_count() as f64;
        let flops = of_step(&config, [3, 5].into_iter());
        assert!((flops - (6.0 * weights * 8.0 + 12.0 * 8.0 * 34.0)).abs() < 1e-6);
    }

    #[test]
    fn peaks_are_known_by_the_name_that_the_driver_gives() {
        let about = |model: &str| format!("Model: \t\t {model}\nIRQ:   \t\t 1\n");
        let peak = |model: &str| peak_of(&about(model), Precision::Bf16).map(|peak| (peak / 1e12).round() as u32);
        assert_eq!(peak("NVIDIA H100 80GB HBM3"), Some(989));
        assert_eq!(peak("NVIDIA H100 PCIe"), Some(756));
        assert_eq!(peak("NVIDIA A10G"), Some(70));
        assert_eq!(peak("Something else"), None);
    }
}
