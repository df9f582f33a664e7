//! What a run would find in its first second, looked for before it is run: models, templates, data and addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::inquiry::Silent;
use super::print;
use super::reach::Environment;
use super::session::{Devices, Ground, Session};
use crate::fingerprint::KeyManifest;
use crate::plan::{Plan, Verdict};
use crate::source::{Diagnostic, Diagnostics, Style};
use crate::spec::InstanceId;
use crate::stage::{Context, Flaw, Looked, Order, Stop};
use crate::store::Store;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What no run gets past.
    pub(super) flaws: Diagnostics,
    /// What is so on this machine alone, such as a key that its environment lacks.
    pub(super) here: Diagnostics,
    /// The instances that no run gets past.
    pub(super) doomed: Vec<InstanceId>,
}

/// Looks at every instance that a run would not find cached and whose files are here.
pub(super) fn look(session: &Session, plan: &Plan, ground: &Ground, store: &Store, devices: &Devices) -> Found {
    let (mut found, looked, stop) = (Found::default(), Looked::default(), Stop::new());
    let mut known: BTreeMap<*const (), bool> = BTreeMap::new();
    for (index, verdict) in plan.verdicts.iter().enumerate() {
        if !matches!(verdict, Verdict::Run(_) | Verdict::Remake(..) | Verdict::Awaits(_) | Verdict::Doubtful(..)) {
            continue;
        }
        let id = InstanceId::at(index);
        let instance = session.experiment.instance(id);
        // Instances of the same parameters share them.
        if let Some(doomed) = known.get(&Arc::as_ptr(&instance.bound).cast::<()>()) {
            found.doomed.extend(doomed.then_some(id));
            continue;
        }
        let order = order(session, ground, id);
        let context = Context::new(&order, store, devices, &Environment, &Silent, &stop);
        let flaws = instance.bound.preflight(&context, &looked);
        let doomed = flaws.iter().any(|flaw| !flaw.here);
        known.insert(Arc::as_ptr(&instance.bound).cast::<()>(), doomed);
        found.doomed.extend(doomed.then_some(id));
        for Flaw { field, why, here } in flaws {
            let span = session.experiment.place(id, &field).unwrap_or(session.experiment.stage_of(id).span);
            let diagnostic = Diagnostic::at(span, why).label(format!("`{}` would fail", instance.name));
            if here { found.here.push(diagnostic) } else { found.flaws.push(diagnostic) }
        }
    }
    found
}

/// The order of an instance as far as it is known: the files outside the experiment, and nothing of other stages.
fn order(session: &Session, ground: &Ground, id: InstanceId) -> Order {
    let bound = &session.experiment.instance(id).bound;
    let manifest = KeyManifest {
        kind: bound.kind().name.to_owned(),
        revision: bound.kind().revision,
        params: bound.params(),
        inputs: Vec::new(),
        env: BTreeMap::new(),
        numerics: None,
    };
    let files = |external: &crate::stage::params::ExternalRef| {
        (external.port.clone(), ground.externals.files(&session.experiment, external).to_vec())
    };
    let externals = bound.externals().iter().map(files).collect();
    Order { fingerprint: manifest.fingerprint(), inputs: BTreeMap::new(), externals }
}

impl Found {
    /// The failure of a check, with what is so on this machine alone; `None` where nothing is wrong.
    pub(super) fn failure(mut self, session: &Session) -> Option<Failure> {
        for diagnostic in self.here.sorted() {
            self.flaws.push(diagnostic.clone());
        }
        failure(session, &self.flaws)
    }

    /// Tells what is wrong on this machine alone.
    pub(super) fn tell_here(&self) {
        self.here.sorted().into_iter().for_each(|diagnostic| print::note(&diagnostic.message));
    }

    /// The failure of a run that would ask a teacher for what nothing could be made of.
    pub(super) fn wasted(&self, session: &Session, plan: &Plan) -> Option<Failure> {
        let needed = session.graph.needed_by(self.doomed.iter().copied());
        let doomed: BTreeSet<InstanceId> = self.doomed.iter().copied().collect();
        let asked = plan.verdicts.iter().enumerate().map(|(index, verdict)| (InstanceId::at(index), verdict)).find(
            |(id, verdict)| {
                let runs = matches!(
                    verdict,
                    Verdict::Run(_) | Verdict::Remake(..) | Verdict::Awaits(_) | Verdict::Doubtful(..)
                );
                runs && needed[id.index()] && !doomed.contains(id) && session.experiment.instance(*id).bound.asks()
            },
        );
        let (asked, _) = asked?;
        let failure = failure(session, &self.flaws)?;
        let name = session.name(asked);
        let hint = format!("nothing was run: `{name}` would ask a teacher first; name other stages to run those alone");
        Some(failure.hint(hint))
    }
}

fn failure(session: &Session, flaws: &Diagnostics) -> Option<Failure> {
    let style = if print::colour() { Style::Colour } else { Style::Plain };
    let message = || flaws.render(&session.sources, style);
    (!flaws.is_empty()).then(|| Failure { exit: Exit::Unusable, message: message(), hint: None })
}
