//! The plan: for every instance, a hit, a run or a wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::doubts::{self, Known};
use super::verdict::{Plan, Verdict};
use super::{Action, Decision, Externals, Facts, Found, Makers, Need, Read, action, decide};
use retort_fingerprint::{Digest, Fingerprint};
use retort_graph::InstanceGraph;
use retort_spec::{Experiment, InstanceId};
use retort_store::StoreError;

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
    let mut lacking = Vec::new();
    // Of several instances with one action the first runs, and the others take its result.
    let mut running = BTreeMap::new();
    for id in (0..graph.len()).map(InstanceId::at) {
        if !wanted[id.index()] {
            verdicts.push(Verdict::Left);
            continue;
        }
        let files = externals.lacking(experiment, experiment.instance(id));
        if !files.is_empty() {
            verdicts.push(Verdict::Lacks(files));
            continue;
        }
        let unknown: Vec<_> = graph.producers(id).into_iter().filter(|p| results[p.index()].is_none()).collect();
        if !unknown.is_empty() {
            verdicts.push(Verdict::Awaits(unknown));
            continue;
        }
        let action = action(experiment, id, &results, externals, numerics);
        verdicts.push(match decide(&action, facts, &Need::of(experiment, id, named[id.index()]))? {
            Decision::Hit(found) => {
                let found = Arc::new(found);
                results[id.index()] = Some(Arc::clone(&found));
                Verdict::Hit(found)
            }
            Decision::Run { before, lacks } => {
                let before = before.map(Arc::new);
                results[id.index()].clone_from(&before);
                let first = *running.entry(action.job.fingerprint).or_insert(id);
                match before {
                    Some(found) => {
                        // Of others with the action the first will have made the bytes when they are looked at.
                        if first == id {
                            let (action, found) = (Box::new(action), Arc::clone(&found));
                            lacking.push(Lacking::Again(Asked { id, action, found, whole: true, waits: false, lacks }));
                        }
                        Verdict::Hit(found)
                    }
                    None if first == id => {
                        lacking.push(Lacking::Anew(id, lacks));
                        Verdict::Run(Box::new(action))
                    }
                    None => Verdict::SameAs(first),
                }
            }
        });
    }
    let known = Known { experiment, externals, numerics, results: &results };
    let mut remaking = Remaking {
        known,
        facts,
        verdicts: &mut verdicts,
        running,
        makers: Makers::default(),
        parts: BTreeMap::new(),
        made: BTreeSet::new(),
    };
    for lacking in lacking {
        match lacking {
            Lacking::Anew(id, lacks) => {
                for read in &lacks {
                    let asked = remaking.ask(id, read)?;
                    remaking.follow(asked)?;
                }
            }
            Lacking::Again(asked) => remaking.follow(Some(asked))?,
        }
    }
    let made = std::mem::take(&mut remaking.made);
    doubts::mark(known, &After { facts, made: &made }, &mut verdicts);
    Ok(Plan { verdicts })
}

/// What runs, and what it reads that cannot be had.
enum Lacking {
    /// For the first time.
    Anew(InstanceId, Vec<Read>),
    /// Its bytes are asked for and gone.
    Again(Asked),
}

/// Finds out which hits are made again because something that runs reads their bytes and these cannot be had.
struct Remaking<'a> {
    known: Known<'a>,
    facts: &'a dyn Facts,
    verdicts: &'a mut [Verdict],
    /// The actions that run, each with the instance that runs it.
    running: BTreeMap<Fingerprint, InstanceId>,
    makers: Makers,
    /// The parts that are asked of each.
    parts: BTreeMap<InstanceId, BTreeSet<String>>,
    /// What is there again because of them.
    made: BTreeSet<Digest>,
}

/// An instance whose bytes are asked for and gone.
struct Asked {
    id: InstanceId,
    action: Box<Action>,
    found: Arc<Found>,
    /// Whether all of them are asked for.
    whole: bool,
    /// Whether others are made again before it.
    waits: bool,
    /// What it still has to ask for.
    lacks: Vec<Read>,
}

impl Remaking<'_> {
    /// Follows what a producer lacks to whoever makes it, and from there what that lacks, each before those that wait for it.
    fn follow(&mut self, first: Option<Asked>) -> Result<(), StoreError> {
        let mut stack: Vec<Asked> = first.into_iter().collect();
        while let Some(last) = stack.last_mut() {
            let id = last.id;
            if let Some(read) = last.lacks.pop() {
                last.waits = true;
                let further = self.ask(id, &read)?;
                stack.extend(further);
            } else if let Some(asked) = stack.pop() {
                self.settle(asked);
            }
        }
        Ok(())
    }

    /// Asks the maker of some bytes for them; `None` where it runs anyway, or has them.
    fn ask(&mut self, reader: InstanceId, read: &Read) -> Result<Option<Asked>, StoreError> {
        let id = self.makers.maker(reader, read);
        let Verdict::Hit(found) = &self.verdicts[id.index()] else { return Ok(None) };
        if id != read.producer {
            return Ok(None);
        }
        self.parts.entry(id).or_default().insert(read.part.clone());
        let found = Arc::clone(found);
        let Known { experiment, externals, numerics, results } = self.known;
        let action = Box::new(action(experiment, id, results, externals, numerics));
        if self.running.contains_key(&action.job.fingerprint) {
            return Ok(None);
        }
        Ok(match decide(&action, &self.after(), &self.need(id))? {
            Decision::Hit(_) => None,
            Decision::Run { lacks, .. } => {
                self.running.insert(action.job.fingerprint, id);
                self.makers.makes(id, found.parts.values());
                Some(Asked { id, action, found, whole: false, waits: false, lacks })
            }
        })
    }

    /// Says that a producer runs, unless what it waited for has brought its bytes back.
    fn settle(&mut self, asked: Asked) {
        let Asked { id, action, found, whole, waits, lacks: _ } = asked;
        self.makers.made(id);
        let need = if whole { Need::Bytes } else { self.need(id) };
        if waits && need.is_met(&found, &self.after()) {
            self.running.remove(&action.job.fingerprint);
            return;
        }
        self.made.extend(found.parts.values());
        self.verdicts[id.index()] = Verdict::Remake(action, found);
    }

    fn need(&self, id: InstanceId) -> Need {
        Need::Parts(Arc::new(self.parts.get(&id).cloned().unwrap_or_default()))
    }

    fn after(&self) -> After<'_> {
        After { facts: self.facts, made: &self.made }
    }
}

/// The facts as they will be when what is made again so far has been made.
struct After<'a> {
    facts: &'a dyn Facts,
    made: &'a BTreeSet<Digest>,
}

impl Facts for After<'_> {
    fn result(&self, fingerprint: &Fingerprint) -> Result<Option<Found>, StoreError> {
        self.facts.result(fingerprint)
    }

    fn holds(&self, digest: &Digest) -> bool {
        self.made.contains(digest) || self.facts.holds(digest)
    }
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
        let key = |id: &InstanceId| action(experiment, *id, &results, externals, numerics).job.fingerprint;
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
