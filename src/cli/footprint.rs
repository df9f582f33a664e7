//! What the trainings of a plan take up on disk and on the device, and whether they fit.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::print::bytes;
use super::reach::Environment;
use super::session::{Devices, Ground, Session};
use crate::event::Note;
use crate::fingerprint::{KeyManifest, Term};
use crate::plan::{Plan, Verdict};
use crate::spec::InstanceId;
use crate::stage::params::ExternalRef;
use crate::stage::{Context, Feed, Footprint, Memory, Order, Slot, Stop};
use crate::store::Store;

/// Nobody listens.
struct Silent;

impl Feed for Silent {
    fn note(&self, _note: Note) {}
}

/// What the trainings that a plan has still to do take up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Outlay {
    /// How many there are whose model is known.
    pub(super) trainings: usize,
    /// Bytes on disk while something still reads them.
    pub(super) disk_bytes: u64,
    /// Bytes on disk that stay.
    pub(super) kept_bytes: u64,
    /// The training that needs the most of the device's memory.
    pub(super) largest: String,
    /// What that needs.
    pub(super) memory: Memory,
}

/// Sums up the trainings that are still to be done; `None` where there are none, or no model is here yet.
pub(super) fn of(session: &Session, plan: &Plan, ground: &Ground, store: &Store, devices: &Devices) -> Option<Outlay> {
    let mut outlay: Option<Outlay> = None;
    // No result has this recipe.
    let nobodys = KeyManifest {
        kind: "footprint".to_owned(),
        revision: 0,
        params: Term::None,
        inputs: Vec::new(),
        env: BTreeMap::new(),
        numerics: None,
    };
    for (index, verdict) in plan.verdicts.iter().enumerate() {
        let id = InstanceId::at(index);
        let bound = &session.experiment.instance(id).bound;
        if bound.slot() != Slot::Device {
            continue;
        }
        let order = match verdict {
            Verdict::Run(recipe) | Verdict::Remake(recipe, _) => recipe.order.clone(),
            // What has not come yet has no part in it: the files outside the experiment say enough.
            Verdict::Awaits(_) | Verdict::Doubtful(..) => {
                let files = |external: &ExternalRef| {
                    (external.port.clone(), ground.externals.files(&session.experiment, external).to_vec())
                };
                let externals = bound.externals().iter().map(files).collect();
                Order { fingerprint: nobodys.fingerprint(), inputs: BTreeMap::new(), externals }
            }
            Verdict::Left | Verdict::Hit(_) | Verdict::Shares(_) | Verdict::Lacks(_) => continue,
        };
        let stop = Stop::new();
        let context = Context::new(&order, store, devices, &Environment, &Silent, &stop);
        // What is wrong with a model's files is for the run to say, which names it with all else.
        let Ok(Some(Footprint { disk_bytes, kept_bytes, memory })) = bound.footprint(&context) else { continue };
        let sum = outlay.get_or_insert_with(|| Outlay {
            trainings: 0,
            disk_bytes: 0,
            kept_bytes: 0,
            largest: session.name(id),
            memory,
        });
        sum.trainings += 1;
        sum.disk_bytes = sum.disk_bytes.saturating_add(disk_bytes);
        sum.kept_bytes = sum.kept_bytes.saturating_add(kept_bytes);
        if memory.total_bytes() > sum.memory.total_bytes() {
            (sum.largest, sum.memory) = (session.name(id), memory);
        }
    }
    outlay
}

impl Outlay {
    /// Says it to a person: the disk, and on a device its memory.
    pub(super) fn text(&self, cuda: Option<usize>) -> String {
        let Self { trainings, disk_bytes, kept_bytes, largest, memory } = self;
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
