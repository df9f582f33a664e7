//! The plan: for every instance, a hit, a run or a wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Decision, Externals, Facts, Found, Need, Recipe, decide, recipe};
use retort_fingerprint::Fingerprint;
use retort_graph::InstanceGraph;
use retort_spec::{Experiment, InstanceId};
use retort_store::StoreError;

/// What the plan says of one instance.
#[derive(Debug)]
pub enum Verdict {
    /// It is no part of this plan.
    Left,
    /// Its result is there.
    Hit(Arc<Found>),
    /// It runs.
    Run(Box<Recipe>),
    /// Its result is there but its bytes are not, and something that runs needs them, or somebody who named it.
    Remake(Box<Recipe>, Arc<Found>),
    /// It has the same recipe as this instance, which runs, and takes its result.
    Shares(InstanceId),
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
    pub shares: usize,
    /// Waits.
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
                Verdict::Shares(_) => counts.shares += 1,
                Verdict::Awaits(_) => counts.awaits += 1,
                Verdict::Lacks(_) => counts.lacks += 1,
            }
        }
        counts
    }
}

/// Predicts what a run would do with the instances marked in `wanted`; of those in `named` the bytes are to be there in the
/// end.
pub fn predict(
    experiment: &Experiment,
    graph: &InstanceGraph,
    wanted: &[bool],
    named: &[bool],
    externals: &Externals,
    numerics: &str,
    facts: &dyn Facts,
) -> Result<Plan, StoreError> {
    if facts.is_far() {
        look_ahead(experiment, graph, wanted, externals, numerics, facts)?;
    }
    let mut results: Vec<Option<Arc<Found>>> = vec![None; graph.len()];
    let mut verdicts = Vec::with_capacity(graph.len());
    let mut remake = Vec::new();
    let mut running = BTreeMap::new();
    for id in (0..graph.len()).map(InstanceId::at) {
        if !wanted[id.index()] {
            verdicts.push(Verdict::Left);
            continue;
        }
        let lacking = externals.lacking(experiment, experiment.instance(id));
        if !lacking.is_empty() {
            verdicts.push(Verdict::Lacks(lacking));
            continue;
        }
        let unknown: Vec<_> = graph.producers(id).into_iter().filter(|p| results[p.index()].is_none()).collect();
        if !unknown.is_empty() {
            verdicts.push(Verdict::Awaits(unknown));
            continue;
        }
        let recipe = recipe(experiment, id, &results, externals, numerics);
        verdicts.push(match decide(experiment, id, &recipe, facts, Need::of(experiment, id, named[id.index()]))? {
            Decision::Hit(found) => {
                let found = Arc::new(found);
                results[id.index()] = Some(Arc::clone(&found));
                Verdict::Hit(found)
            }
            Decision::Run(Some(found)) => {
                let found = Arc::new(found);
                results[id.index()] = Some(Arc::clone(&found));
                Verdict::Remake(Box::new(recipe), found)
            }
            Decision::Run(None) => {
                let first = *running.entry(recipe.order.fingerprint).or_insert(id);
                if first == id { Verdict::Run(Box::new(recipe)) } else { Verdict::Shares(first) }
            }
            Decision::Remake(gone) => {
                remake.extend(gone);
                Verdict::Run(Box::new(recipe))
            }
        });
    }
    while let Some(id) = remake.pop() {
        let Verdict::Hit(found) = &verdicts[id.index()] else { continue };
        let found = Arc::clone(found);
        let recipe = recipe(experiment, id, &results, externals, numerics);
        if let Decision::Remake(gone) = decide(experiment, id, &recipe, facts, Need::Remake)? {
            remake.extend(gone);
        }
        verdicts[id.index()] = Verdict::Remake(Box::new(recipe), found);
    }
    Ok(Plan { verdicts })
}

/// Looks for the result of every instance whose inputs are known, in waves: what one finds may make the next ones known.
fn look_ahead(
    experiment: &Experiment,
    graph: &InstanceGraph,
    wanted: &[bool],
    externals: &Externals,
    numerics: &str,
    facts: &dyn Facts,
) -> Result<(), StoreError> {
    let mut results: Vec<Option<Arc<Found>>> = vec![None; graph.len()];
    let mut left: Vec<InstanceId> = (0..graph.len())
        .map(InstanceId::at)
        .filter(|id| wanted[id.index()] && externals.lacking(experiment, experiment.instance(*id)).is_empty())
        .collect();
    loop {
        let is_known = |id: &InstanceId| graph.producers(*id).into_iter().all(|from| results[from.index()].is_some());
        let (wave, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_known);
        if wave.is_empty() {
            return Ok(());
        }
        let key = |id: &InstanceId| recipe(experiment, *id, &results, externals, numerics).order.fingerprint;
        let mut fingerprints: Vec<Fingerprint> = wave.iter().map(key).collect();
        let of_each = fingerprints.clone();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        let found: BTreeMap<Fingerprint, Option<Arc<Found>>> = fingerprints
            .iter()
            .copied()
            .zip(facts.look_ahead(&fingerprints)?)
            .map(|(of, found)| (of, found.map(Arc::new)))
            .collect();
        for (id, of) in wave.iter().zip(of_each) {
            results[id.index()] = found.get(&of).cloned().flatten();
        }
        left = rest;
    }
}
