//! What a plan says of every instance.

use std::sync::Arc;

use super::action::{Action, Found};
use retort_spec::InstanceId;

/// What the plan says of one instance.
#[derive(Debug)]
pub enum Verdict {
    /// It is no part of this plan.
    Left,
    /// Its result is there.
    Hit(Arc<Found>),
    /// It runs.
    Run(Box<Action>),
    /// Its result is there but its bytes are not, and something that runs needs them, or somebody who named it.
    Remake(Box<Action>, Arc<Found>),
    /// Its result is there but its bytes are not; it is made again if one of these, which may run, turns out to need them.
    Doubtful(Arc<Found>, Vec<InstanceId>),
    /// It has the same action as this instance, which runs, and takes its result.
    SameAs(InstanceId),
    /// It may run or be a hit, depending on what these produce.
    Awaits(Vec<InstanceId>),
    /// It may run or be a hit, depending on what these files hold, which are not here.
    Lacks(Vec<String>),
}

/// What is expected to happen, instance by instance.
#[derive(Debug)]
pub struct Plan {
    /// One verdict for each instance of the experiment.
    pub verdicts: Vec<Verdict>,
}

/// How many instances got each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Hits.
    pub hits: usize,
    /// Runs, those that make lost bytes again among them.
    pub runs: usize,
    /// Instances that take the result of one that runs.
    pub same: usize,
    /// Instances of which it is not known yet whether they run.
    pub awaits: usize,
    /// Instances whose files are not here.
    pub lacks: usize,
}

impl Plan {
    /// Counts the verdicts.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for verdict in &self.verdicts {
            match verdict {
                Verdict::Left => {}
                Verdict::Hit(_) => counts.hits += 1,
                Verdict::Run(_) | Verdict::Remake(..) => counts.runs += 1,
                Verdict::SameAs(_) => counts.same += 1,
                Verdict::Awaits(_) | Verdict::Doubtful(..) => counts.awaits += 1,
                Verdict::Lacks(_) => counts.lacks += 1,
            }
        }
        counts
    }
}
