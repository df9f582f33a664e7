//! What a run would do, instance by instance, and the stages as they would be drawn.

use std::collections::BTreeMap;

use retort_event::Why;
use retort_graph::{Drawing, DrawnStage, Shade};
use retort_plan::{Counts, Verdict, gone, why};
use retort_stage::Estimate;
use serde::Serialize;

use super::{Outlay, Planned, Session, SessionError};

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct Forecast {
    /// The experiment's name.
    pub experiment: String,
    /// How many instances got each verdict.
    pub counts: Counts,
    /// What the trainings that are still to be done take up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<Outlay>,
    /// What would become of each instance that is meant.
    pub instances: Vec<Prospect>,
}

/// What would become of one instance.
#[derive(Debug, Clone, Serialize)]
pub struct Prospect {
    /// The instance's name.
    pub instance: String,
    /// `hit`, `run`, `shares`, `awaits` or `lacks`.
    pub verdict: &'static str,
    /// Its fingerprint, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// The instances that it waits for, or whose result it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<String>,
    /// The files that are not here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// What it is expected to ask of a teacher, where it asks one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asks: Option<Estimate>,
    /// The command after which that can be said, where it asks one and its questions are yet to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asks_after: Option<String>,
}

impl Session {
    /// Says what a run would do; why for the first `most` instances that run, since that reads what was run before.
    pub fn forecast(&self, planned: &Planned, most: usize) -> Result<Forecast, SessionError> {
        Ok(Forecast {
            experiment: self.pipeline.experiment.name.clone(),
            counts: planned.plan.counts(),
            instances: self.prospects(planned, most)?,
            takes: self.outlay(planned),
        })
    }

    fn prospects(&self, planned: &Planned, most: usize) -> Result<Vec<Prospect>, SessionError> {
        let (mut history, mut explained) = (None, 0);
        let mut prospects = Vec::new();
        for (id, verdict) in planned.verdicts() {
            let mut one = Prospect {
                instance: self.name(id),
                verdict: "hit",
                fingerprint: None,
                why: None,
                awaits: Vec::new(),
                lacks: Vec::new(),
                asks: None,
                asks_after: None,
            };
            match verdict {
                Verdict::Left => continue,
                Verdict::Hit(found) => one.fingerprint = Some(found.fingerprint.hex()),
                Verdict::Run(action) => {
                    if history.is_none() {
                        history = Some(self.history()?);
                    }
                    let history = history.as_ref().expect("just read");
                    one.verdict = "run";
                    one.fingerprint = Some(action.job.fingerprint.hex());
                    // What is asked is written in its inputs; those that are lost are made again first.
                    if action.reads.iter().all(|read| self.store.holds(&read.digest)) {
                        one.asks = self.inquiry(planned, id)?.map(|inquiry| inquiry.estimate);
                    }
                    if explained < most {
                        one.why = Some(why(&self.pipeline.experiment, id, &action.manifest, history));
                        explained += 1;
                    }
                }
                Verdict::Remake(action, found) => {
                    one.verdict = "run";
                    one.fingerprint = Some(action.job.fingerprint.hex());
                    one.why = Some(gone(found, &*self.store));
                }
                // Whether it is made again is decided by what would read it.
                Verdict::Doubtful(found, readers) => {
                    one.verdict = "awaits";
                    one.fingerprint = Some(found.fingerprint.hex());
                    one.why = Some(gone(found, &*self.store));
                    one.awaits = readers.iter().map(|id| self.name(*id)).collect();
                }
                Verdict::SameAs(first) => {
                    one.verdict = "same";
                    one.awaits = vec![self.name(*first)];
                }
                Verdict::Awaits(on) => {
                    one.verdict = "awaits";
                    let asks = self.pipeline.experiment.instance(id).bound.asks();
                    one.asks_after = on.first().filter(|_| asks).map(|id| self.command_for(&self.name(*id)));
                    one.awaits = on.iter().map(|id| self.name(*id)).collect();
                }
                Verdict::Lacks(files) => {
                    one.verdict = "lacks";
                    one.lacks.clone_from(files);
                }
            }
            prospects.push(one);
        }
        Ok(prospects)
    }

    /// Draws the stages, shaded by what would run.
    pub fn drawing(&self, planned: &Planned) -> Drawing {
        let (experiment, graph) = (&self.pipeline.experiment, &self.pipeline.graph);
        let mut index: BTreeMap<&str, usize> = BTreeMap::new();
        let mut drawing = Drawing::default();
        for (id, verdict) in planned.verdicts() {
            let stage = experiment.stage_of(id);
            let at = *index.entry(&stage.name).or_insert_with(|| {
                drawing.stages.push(DrawnStage {
                    name: stage.name.clone(),
                    kind: stage.word.to_owned(),
                    instances: 0,
                    shade: Shade::Hit,
                });
                drawing.stages.len() - 1
            });
            let shade = match verdict {
                Verdict::Hit(_) | Verdict::Left => Shade::Hit,
                Verdict::Awaits(_) | Verdict::Doubtful(..) | Verdict::Lacks(_) => Shade::Awaits,
                Verdict::Run(_) | Verdict::Remake(..) | Verdict::SameAs(_) => Shade::Runs,
            };
            drawing.stages[at].instances += 1;
            drawing.stages[at].shade = drawing.stages[at].shade.max(shade);
            let producers = graph.producers(id);
            drawing.edges.extend(producers.iter().map(|p| (index[experiment.stage_of(*p).name.as_str()], at)));
        }
        drawing.edges.sort_unstable();
        drawing.edges.dedup();
        drawing
    }
}
