//! What the trainings of a plan take up, for a person: and whether they fit on the device.

use std::path::Path;

use super::print::bytes;
use crate::session::Outlay;
use crate::stage::Memory;

/// Says it to a person: the disk, and on a device its memory.
pub(super) fn text(outlay: &Outlay, cuda: Option<usize>) -> String {
    let Outlay { trainings, disk_bytes, kept_bytes, largest, memory } = outlay;
    let mut out = format!(
        "disk: {trainings} training{} {} of weights, of which {} stay\n",
        if *trainings == 1 { " writes" } else { "s write" },
        bytes(*disk_bytes),
        bytes(*kept_bytes)
    );
    let Some(index) = cuda else { return out };
    let Memory { weights_bytes, gradients_bytes, moments_bytes, best_bytes, activations_bytes } = *memory;
    out += &format!(
        "memory: `{largest}` needs at most {} of the device: weights {}, gradients {}, moments {}, best weights {}, \
         activations {}\n",
        bytes(memory.total_bytes()),
        bytes(weights_bytes),
        bytes(gradients_bytes),
        bytes(moments_bytes),
        bytes(best_bytes),
        bytes(activations_bytes)
    );
    if let Some(there) = device_bytes(index) {
        let fixed = memory.total_bytes() - activations_bytes;
        if fixed > there {
            out += &format!(
                "warning: the device has {}, which is less than its weights take in training: use a smaller student, \
                 `recipe.lora`, or a larger device\n",
                bytes(there)
            );
        } else if memory.total_bytes() > there {
            out += &format!(
                "warning: the device has {}, which is too little for a batch of the longest sequences: lower \
                 `recipe.batch` and raise `recipe.accumulate`, or lower `max_length`\n",
                bytes(there)
            );
        }
    }
    out
}

/// Memory of devices by the name that the driver gives them, in units of 10⁹ bytes, where the name does not say it.
const MEMORIES: [(&str, u64); 9] = [
    ("H200", 141),
    ("GH200", 96),
    ("H100", 80),
    ("A100", 40),
    ("A10", 24),
    ("L40S", 48),
    ("L4", 24),
    ("RTX 4090", 24),
    ("RTX 3090", 24),
];

/// The memory of a device; `None` where it is not known.
fn device_bytes(index: usize) -> Option<u64> {
    // The driver lists its devices by their place on the bus, as it numbers them by default.
    let folder = Path::new("/proc/driver/nvidia/gpus");
    let mut places: Vec<_> = fs_err::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    places.sort();
    bytes_of(&fs_err::read_to_string(places.get(index)?.join("information")).ok()?)
}

fn bytes_of(about: &str) -> Option<u64> {
    let model = about.lines().find_map(|line| line.strip_prefix("Model:"))?.trim();
    let said = model.split([' ', '-']).find_map(|word| word.strip_suffix("GB")?.parse::<u64>().ok());
    let known = || MEMORIES.iter().find(|(name, _)| model.contains(name)).map(|(_, gigabytes)| *gigabytes);
    said.or_else(known).map(|gigabytes| gigabytes * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_s_name_says_its_memory() {
        let of = |model: &str| bytes_of(&format!("Model: \t\t {model}\nIRQ: 1\n")).map(|bytes| bytes / 1_000_000_000);
        assert_eq!(of("NVIDIA A100-SXM4-80GB"), Some(80));
        assert_eq!(of("NVIDIA A100-PCIE-40GB"), Some(40));
        assert_eq!(of("NVIDIA H100 80GB HBM3"), Some(80));
        assert_eq!(of("NVIDIA H200"), Some(141));
        assert_eq!(of("NVIDIA L4"), Some(24));
        assert_eq!(of("Something else"), None);
    }
}
