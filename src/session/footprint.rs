//! What the trainings of a plan take up on disk and on the device.

use std::collections::BTreeMap;

use retort_fingerprint::{KeyManifest, Term};
use retort_plan::Verdict;
use retort_stage::params::ExternalRef;
use retort_stage::{Context, Footprint, Job, Memory, Slot, Stop};
use serde::Serialize;

use super::inquiry::Silent;
use super::{Planned, Session};

/// What the trainings that a plan has still to do take up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlay {
    /// How many there are whose model is known.
    pub trainings: usize,
    /// Bytes on disk while something still reads them.
    pub disk_bytes: u64,
    /// Bytes on disk that stay.
    pub kept_bytes: u64,
    /// The training that needs the most of the device's memory.
    pub largest: String,
    /// What that needs.
    pub memory: Memory,
}

impl Session {
    /// Sums up the trainings that are still to be done; `None` where there are none, or no model is here yet.
    pub fn outlay(&self, planned: &Planned) -> Option<Outlay> {
        let mut outlay: Option<Outlay> = None;
        let (experiment, ground) = (&self.pipeline.experiment, &planned.ground);
        // No result has this action.
        let nobodys = KeyManifest {
            kind: "footprint".to_owned(),
            revision: 0,
            params: Term::None,
            inputs: Vec::new(),
            env: BTreeMap::new(),
            numerics: None,
        };
        for (id, verdict) in planned.verdicts() {
            let bound = &experiment.instance(id).bound;
            if bound.slot() != Slot::Device {
                continue;
            }
            let job = match verdict {
                Verdict::Run(action) | Verdict::Remake(action, _) => action.job.clone(),
                // What has not come yet has no part in it: the files outside the experiment say enough.
                Verdict::Awaits(_) | Verdict::Doubtful(..) => {
                    let files = |external: &ExternalRef| {
                        (external.port.clone(), ground.externals.files(experiment, external).to_vec())
                    };
                    let externals = bound.externals().iter().map(files).collect();
                    Job { fingerprint: nobodys.fingerprint(), inputs: BTreeMap::new(), externals }
                }
                Verdict::Left | Verdict::Hit(_) | Verdict::SameAs(_) | Verdict::Lacks(_) => continue,
            };
            let (stop, reach) = (Stop::new(), self.pipeline.workspace().reach());
            let context = Context::new(&job, &self.store, &*self.devices, reach, &Silent, &stop);
            // What is wrong with a model's files is for the run to say, which names it with all else.
            let Ok(Some(Footprint { disk_bytes, kept_bytes, memory })) = bound.footprint(&context) else { continue };
            let sum = outlay.get_or_insert_with(|| Outlay {
                trainings: 0,
                disk_bytes: 0,
                kept_bytes: 0,
                largest: self.name(id),
                memory,
            });
            sum.trainings += 1;
            sum.disk_bytes = sum.disk_bytes.saturating_add(disk_bytes);
            sum.kept_bytes = sum.kept_bytes.saturating_add(kept_bytes);
            if memory.total_bytes() > sum.memory.total_bytes() {
                (sum.largest, sum.memory) = (self.name(id), memory);
            }
        }
        outlay
    }
}
