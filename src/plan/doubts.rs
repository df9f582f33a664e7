//! What may have to be made again: results that are there and whose bytes are lost, which only something undecided would read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::known_reads;
use super::verdict::Verdict;
use super::{Externals, Facts, Found, Read, action};
use retort_spec::{Experiment, InstanceId};

/// What actions are made of.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) externals: &'a Externals,
    pub(super) numerics: &'a str,
    pub(super) results: &'a [Option<Arc<Found>>],
}

/// Marks the hits that are made again if something runs of which that is not known yet, and what those need in turn.
pub(super) fn mark(known: Known<'_>, facts: &dyn Facts, verdicts: &mut [Verdict]) {
    let Known { experiment, externals, numerics, results } = known;
    let is_open = |id: &InstanceId| matches!(verdicts[id.index()], Verdict::Awaits(_) | Verdict::Lacks(_));
    let open = experiment.ids().filter(is_open);
    let mut reads: Vec<(InstanceId, Read)> =
        open.flat_map(|id| known_reads(experiment, id, results).into_iter().map(move |read| (id, read))).collect();
    let mut held = BTreeMap::new();
    let mut doubtful: BTreeMap<InstanceId, BTreeSet<InstanceId>> = BTreeMap::new();
    while let Some((reader, read)) = reads.pop() {
        let id = read.producer;
        if !matches!(verdicts[id.index()], Verdict::Hit(_))
            || *held.entry(read.digest).or_insert_with(|| facts.holds(&read.digest))
        {
            continue;
        }
        let is_first = !doubtful.contains_key(&id);
        doubtful.entry(id).or_default().insert(reader);
        if is_first {
            let action = action(experiment, id, results, externals, numerics);
            reads.extend(action.reads.into_iter().map(|read| (reader, read)));
        }
    }
    for (id, readers) in doubtful {
        if let Verdict::Hit(found) = &verdicts[id.index()] {
            verdicts[id.index()] = Verdict::Doubtful(Arc::clone(found), readers.into_iter().collect());
        }
    }
}
