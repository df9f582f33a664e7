//! What a run would find in its first second, looked for before it is run: models, templates, data and addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use retort_fingerprint::KeyManifest;
use retort_plan::Verdict;
use retort_source::{Diagnostic, Diagnostics};
use retort_spec::InstanceId;
use retort_stage::params::ExternalRef;
use retort_stage::{Context, Flaw, Job, Looked, Stop};

use super::heard::Heard;
use super::{Ground, Pipeline, Planned, Session, SessionError};

/// What a run would find wrong in its first second.
#[derive(Debug, Default)]
pub struct Preflight {
    /// What no run gets past.
    pub flaws: Diagnostics,
    /// What is so on this machine alone, such as a key that its environment lacks.
    pub here: Diagnostics,
    /// The instances that no run gets past.
    pub doomed: Vec<InstanceId>,
    /// What a run would warn of, each with the name of an instance.
    pub warnings: Vec<String>,
}

impl Session {
    /// Looks at every instance that a run would not find cached and whose files are here.
    pub fn preflight(&self, planned: &Planned) -> Preflight {
        let (mut found, looked, stop) = (Preflight::default(), Looked::default(), Stop::new());
        let mut known: BTreeMap<*const (), bool> = BTreeMap::new();
        let experiment = &self.pipeline.experiment;
        for (id, verdict) in planned.verdicts() {
            if !may_run(verdict) {
                continue;
            }
            let instance = experiment.instance(id);
            // Instances of the same parameters share them.
            if let Some(doomed) = known.get(&Arc::as_ptr(&instance.bound).cast::<()>()) {
                found.doomed.extend(doomed.then_some(id));
                continue;
            }
            let job = job(&self.pipeline, &planned.ground, id);
            let reach = self.pipeline.workspace().reach();
            let heard = Heard::default();
            let context = Context::new(&job, &self.store, &*self.devices, reach, &heard, &stop);
            let producers = instance.inputs.iter().flat_map(|(_, producers)| producers);
            looked.turn_to(producers.flat_map(|producer| experiment.instance(*producer).bound.foretold()).collect());
            let flaws = instance.bound.preflight(&context, &looked);
            found
                .warnings
                .extend(heard.warnings().into_iter().map(|warning| format!("`{}`: {warning}", instance.name)));
            let doomed = flaws.iter().any(|flaw| !flaw.here);
            known.insert(Arc::as_ptr(&instance.bound).cast::<()>(), doomed);
            found.doomed.extend(doomed.then_some(id));
            for Flaw { field, why, here } in flaws {
                let span = experiment.span_of(id, &field).unwrap_or(experiment.stage_of(id).span);
                let diagnostic = Diagnostic::at(span, why).label(format!("`{}` would fail", instance.name));
                if here { found.here.push(diagnostic) } else { found.flaws.push(diagnostic) }
            }
        }
        found
    }
}

fn may_run(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Run(_) | Verdict::Remake(..) | Verdict::Awaits(_) | Verdict::Doubtful(..))
}

/// The job of an instance as far as it is known: the files outside the experiment, and nothing of other stages.
pub(crate) fn job(pipeline: &Pipeline, ground: &Ground, id: InstanceId) -> Job {
    let bound = &pipeline.experiment.instance(id).bound;
    let manifest = KeyManifest {
        kind: bound.kind().name.to_owned(),
        revision: bound.kind().revision,
        params: bound.params(),
        inputs: Vec::new(),
        env: BTreeMap::new(),
        numerics: None,
    };
    let files = |external: &ExternalRef| {
        (external.port.clone(), ground.externals.files(&pipeline.experiment, external).to_vec())
    };
    let externals = bound.externals().iter().map(files).collect();
    Job { fingerprint: manifest.fingerprint(), inputs: BTreeMap::new(), externals }
}

impl Preflight {
    /// Returns what no run gets past as an error; `None` where nothing is wrong.
    pub fn flaw(self, pipeline: &Pipeline) -> Option<SessionError> {
        (!self.flaws.is_empty()).then(|| pipeline.unusable(self.flaws))
    }

    /// As [`flaw`](Self::flaw), with what is so on this machine alone.
    pub fn flaw_or_lack(mut self, pipeline: &Pipeline) -> Option<SessionError> {
        for diagnostic in self.here.sorted() {
            self.flaws.push(diagnostic.clone());
        }
        self.flaw(pipeline)
    }

    /// Returns the error of a run that would ask a teacher for what nothing could be made of.
    pub fn waste(self, session: &Session, planned: &Planned) -> Option<SessionError> {
        let pipeline = &session.pipeline;
        let needed = pipeline.graph.needed_by(self.doomed.iter().copied());
        let doomed: BTreeSet<InstanceId> = self.doomed.iter().copied().collect();
        let asks = |id: &InstanceId| pipeline.experiment.instance(*id).bound.asks();
        let (asked, _) = planned
            .verdicts()
            .find(|(id, verdict)| may_run(verdict) && needed[id.index()] && !doomed.contains(id) && asks(id))?;
        let name = session.name(asked);
        let hint = format!("nothing was run: `{name}` would ask a teacher first; name other stages to run those alone");
        Some(self.flaw(pipeline)?.with_hint(hint))
    }
}
