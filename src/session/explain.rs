//! Why instances are stale: the field that changed, its place in the file, and the first ancestor that diverged.

use retort_plan::{Verdict, divergence, gone};
use retort_spec::InstanceId;
use serde::Serialize;

use super::{Planned, Session, SessionError, StoredHistory};

/// The explanation of one instance.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The instance's name.
    pub instance: String,
    /// How it stands, in words that follow its name.
    pub state: String,
    /// The fields that differ from what it is compared with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// The earlier instance that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<String>,
    /// How long making it took the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_took_ms: Option<u64>,
    /// The instances that it waits for, where these are stale themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because_of: Vec<Explained>,
}

/// One field that differs.
#[derive(Debug, Clone, Serialize)]
pub struct FieldChange {
    /// The field, from `stages` on.
    pub field: String,
    /// What it was; `None` where it was not there.
    pub before: Option<String>,
    /// What it is; `None` where it is not there.
    pub after: Option<String>,
    /// Its place in the file, as `file:line:column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl Session {
    /// Reads what the experiment was run as before.
    pub fn history(&self) -> Result<StoredHistory<'_>, SessionError> {
        Ok(StoredHistory::read(&self.store, &self.pipeline.experiment.name)?)
    }

    /// Explains how an instance stands: why it is stale, or that it is not.
    pub fn explain(&self, planned: &Planned, history: &StoredHistory<'_>, id: InstanceId) -> Explained {
        let experiment = &self.pipeline.experiment;
        let (stage, name) = (&experiment.stage_of(id).name, self.name(id));
        let mut one = Explained {
            instance: name.clone(),
            state: String::new(),
            changes: Vec::new(),
            compared_with: None,
            last_took_ms: None,
            because_of: Vec::new(),
        };
        match planned.verdict(id) {
            Verdict::Left => one.state = "not asked for".into(),
            Verdict::Hit(found) => {
                let by = self.made_elsewhere(found).map_or_else(String::new, |by| format!(", made by {by}"));
                one.state = format!("is cached{by}");
                one.last_took_ms = Some(found.took_ms);
            }
            Verdict::Remake(_, found) => {
                one.state = format!("must be made again: {}", gone(found, &*self.store));
                one.last_took_ms = Some(found.took_ms);
            }
            Verdict::Doubtful(found, readers) => {
                let readers = readers.iter().map(|id| self.name(*id)).collect::<Vec<_>>().join(" or ");
                one.state = format!("is made again if {readers} runs: {}", gone(found, &*self.store));
                one.last_took_ms = Some(found.took_ms);
            }
            Verdict::SameAs(first) => {
                one.state = format!("takes the result of {}, which has the same key", self.name(*first));
            }
            Verdict::Lacks(files) => one.state = format!("lacks {}", files.join(", ")),
            Verdict::Awaits(on) => {
                one.state = "waits for what comes before it".into();
                one.last_took_ms = history.last_cost(&name);
                let causes = first_causes(planned, on).into_iter();
                one.because_of = causes.map(|cause| self.explain(planned, history, cause)).collect();
            }
            Verdict::Run(action) => match divergence(experiment, id, &action.manifest, history) {
                None => one.state = "is new: nothing like it was run before".into(),
                Some(found) => {
                    one.state = "is stale".into();
                    one.last_took_ms = Some(found.took_ms);
                    one.compared_with = Some(found.from.name.clone());
                    one.changes = found
                        .changes
                        .into_iter()
                        .map(|change| FieldChange {
                            field: format!("stages.{stage}.{}", change.path.trim_start_matches("params.")),
                            before: change.before,
                            after: change.after,
                            at: experiment.span_of(id, &change.path).map(|span| self.pipeline.sources.location(span)),
                        })
                        .collect();
                    if one.changes.is_empty() {
                        one.state =
                            "is stale: the same action ran before, but its result is gone or was never finished".into();
                    }
                }
            },
        }
        one
    }
}

/// The first ancestors that diverged, not everything in between.
fn first_causes(planned: &Planned, on: &[InstanceId]) -> Vec<InstanceId> {
    let mut roots = on.to_vec();
    while let Some(position) = roots.iter().position(|id| matches!(planned.verdict(*id), Verdict::Awaits(_))) {
        if let Verdict::Awaits(further) = planned.verdict(roots.swap_remove(position)) {
            roots.extend(further);
        }
    }
    roots.sort_unstable();
    roots.dedup();
    roots
}
