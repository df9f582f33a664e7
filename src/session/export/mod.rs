//! Results as files for other programs: an instance's parts under the names that others expect; and what many instances
//! gave, as one table or as curves.

mod companions;
mod outcomes;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use retort_artifact::{Artifact, ArtifactKind, Checkpoint, Translators};
use retort_fingerprint::Digest;
use retort_plan::{Found, Verdict};
use retort_report::tensorboard::{Span, event_file};
use retort_report::{Curve, CurveKind, curve_svg};
use retort_spec::InstanceId;

use self::companions::companions;
use super::content::Blob;
use super::outlet::{self, Contents};
use super::report::folder_name;
use super::{Demand, Session, SessionError, pictures};

/// What a stage's or a pipeline's instances gave.
#[derive(Debug)]
pub struct Current {
    /// The instances that have a current result, with it.
    pub found: Vec<(InstanceId, Arc<Found>)>,
    /// The names of those that have none.
    pub stale: Vec<String>,
}

/// The outcome of every question of several instances, as one table.
#[derive(Debug)]
pub struct Outcomes {
    /// The table as CSV: a line for each instance and question.
    pub csv: Vec<u8>,
    /// How many lines it has besides its heading.
    pub rows: usize,
}

impl Outcomes {
    /// Writes the table to a file, which is not there yet, or is such a table itself.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where something else is there.
    pub fn write(&self, file: &Path) -> Result<(), SessionError> {
        outlet::write_file(file, &self.csv, outcomes::is_table)
    }
}

/// Files that were written into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// How many files the folder has of them.
    pub files: usize,
    /// How many of these were not there before, or were others.
    pub written: usize,
}

impl Session {
    /// Finds the current results of the instances that make a kind of artifact: of those that a target means, or of all.
    ///
    /// # Errors
    /// [`SessionError::Invalid`] where no instance makes it; [`SessionError::Unusable`] where none has a current result.
    pub fn current_of(&self, target: Option<&str>, kind: ArtifactKind) -> Result<Current, SessionError> {
        let pipeline = &self.pipeline;
        let asked: Vec<InstanceId> = match target {
            Some(target) => pipeline.matching(target)?,
            None => pipeline.experiment.ids().collect(),
        };
        let makes = |id: &InstanceId| pipeline.experiment.instance(*id).bound.kind().output == kind;
        let asked: Vec<InstanceId> = asked.into_iter().filter(makes).collect();
        if asked.is_empty() {
            let of = target.map_or_else(|| "the pipeline".to_owned(), |target| format!("`{target}`"));
            return Err(SessionError::invalid(format!("{of} has no instance that makes {kind}")));
        }
        let selection = target.map_or_else(|| Ok(pipeline.all()), |target| pipeline.select(&[target]))?;
        let planned = self.plan(selection.unnamed(), Demand::Device)?;
        let mut current = Current { found: Vec::new(), stale: Vec::new() };
        for id in asked {
            match planned.verdict(id) {
                Verdict::Hit(result) | Verdict::Doubtful(result, _) => current.found.push((id, Arc::clone(result))),
                _ => current.stale.push(self.name(id)),
            }
        }
        if current.found.is_empty() {
            let message = format!("the cache has no current result for {}", current.stale_names());
            return Err(SessionError::unusable(message).with_hint(Current::HINT));
        }
        Ok(current)
    }

    /// Puts the outcome of every question of every instance into one table.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where bytes of a result cannot be had.
    pub fn outcomes(&self, current: &Current) -> Result<Outcomes, SessionError> {
        let mut all = Vec::new();
        for (id, found) in &current.found {
            all.push((self.made(*id, found)?, self.times(found)?));
        }
        let rows = all.iter().map(|(made, _): &outcomes::Scored| made.artifact.rows.len()).sum();
        Ok(Outcomes { csv: outcomes::csv(&all)?, rows })
    }

    /// Writes the curves of every training, each into a folder of its own below `directory`, as TensorBoard reads them.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where a log cannot be had, or a folder has files of somebody else that would be read with it.
    pub fn write_curves(&self, current: &Current, directory: &Path) -> Result<(), SessionError> {
        for (id, found) in &current.found {
            let log = self.training_log(*id, found)?;
            let from_ms = self.store.record(&found.fingerprint)?.map_or(0, |(_, record)| record.started_at_ms);
            let span = Span { from: from_ms as f64 / 1000.0, took: found.took_ms as f64 / 1000.0 };
            let name = format!("events.out.tfevents.{:010}.retort", from_ms / 1000);
            let files = BTreeMap::from([(name, event_file(&log, span))]);
            let folder = directory.join(folder_name(&self.name(*id)));
            // What is beside it in the folder would be drawn as a curve of the same training.
            let clashes = |name: &str| name.contains("tfevents").then_some("it has the curves of another training");
            outlet::write(directory, &folder, &Contents { clashes, ..Contents::of(&files) })?;
        }
        Ok(())
    }

    /// Writes the curves of one training as figures into a folder, each with a picture of it, and returns the names of the
    /// figures.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where the log cannot be had, or something in the folder belongs to somebody else.
    pub fn write_figures(&self, id: InstanceId, found: &Found, directory: &Path) -> Result<Vec<String>, SessionError> {
        let (log, name) = (self.training_log(id, found)?, self.name(id));
        let curve = [Curve { panel: &name, label: "", log: &log }];
        let mut files = BTreeMap::new();
        for (file, title, kind) in [
            ("loss.svg", "Training loss", CurveKind::Loss),
            ("dev-accuracy.svg", "Accuracy on the dev split", CurveKind::DevAccuracy),
        ] {
            files.extend(curve_svg(title, kind, &curve).map(|drawn| (file.to_owned(), drawn.into_bytes())));
        }
        let figures: Vec<String> = files.keys().cloned().collect();
        let files = pictures::beside(files, directory, self.pipeline.workspace());
        let contents = Contents { kept: pictures::names(&files), ..Contents::of(&files) };
        outlet::write(directory, directory, &contents)?;
        Ok(figures)
    }

    /// Writes the files of one instance to a folder, under the names that their readers expect: for a checkpoint that is
    /// Hugging Face's layout. `step` takes the weights of the evaluation after that step, of a training that keeps them.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where bytes cannot be had, weights of the step were not kept, or something in the folder
    /// belongs to somebody else.
    pub fn export(
        &self,
        id: InstanceId,
        found: &Found,
        step: Option<u64>,
        directory: &Path,
    ) -> Result<Exported, SessionError> {
        let kind = self.pipeline.experiment.instance(id).bound.kind().output;
        let mut parts = found.parts.clone();
        parts.retain(|part, _| Checkpoint::step_of(part).is_none());
        if let Some(step) = step {
            parts.insert(Checkpoint::WEIGHTS.to_owned(), weights_after(step, found, &self.name(id))?);
        }
        let found = Found { parts, ..Found::clone(found) };
        self.require(id, &found, found.parts.keys().map(String::as_str))?;
        let stored = match kind {
            ArtifactKind::Checkpoint => Checkpoint::STORED,
            ArtifactKind::Translators => Translators::STORED,
            _ => &[],
        };
        let (mut files, mut blobs) = (BTreeMap::new(), BTreeMap::new());
        for (part, digest) in &found.parts {
            if stored.contains(&part.as_str()) {
                blobs.insert(kind.file_name(part), Blob { store: &self.store, digest: *digest });
            } else {
                files.insert(kind.file_name(part), self.store.read(digest)?);
            }
        }
        if kind == ArtifactKind::Checkpoint {
            files.extend(companions(&files)?);
        }
        if kind == ArtifactKind::Report {
            files = pictures::beside(files, directory, self.pipeline.workspace());
        }
        let count = files.len() + blobs.len();
        let mut contents = Contents { blobs, kept: pictures::names(&files), ..Contents::of(&files) };
        if kind == ArtifactKind::Checkpoint {
            contents.clashes = read_with_a_student;
        }
        let written = outlet::write(directory, directory, &contents)?;
        Ok(Exported { files: count, written })
    }
}

impl Current {
    /// What to try where results are missing.
    pub const HINT: &str = "`retort run` makes them; `retort explain` says why they are stale";

    /// Names those that have no result, the first few of them.
    pub fn stale_names(&self) -> String {
        let Self { stale, .. } = self;
        let more = if stale.len() > 4 { format!(" and {} more", stale.len() - 4) } else { String::new() };
        format!("{}{more}", stale.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", "))
    }
}

/// Returns the blob of the weights that were evaluated after a step.
fn weights_after(step: u64, found: &Found, name: &str) -> Result<Digest, SessionError> {
    if let Some(digest) = found.parts.get(&Checkpoint::step_part(step)) {
        return Ok(*digest);
    }
    let mut steps: Vec<u64> = found.parts.keys().filter_map(|part| Checkpoint::step_of(part)).collect();
    steps.sort_unstable();
    let hint = match &steps[..] {
        [] => "`keep: full` in its stage, before it is trained, keeps those of each evaluation".to_owned(),
        steps => format!("kept are those of {}", steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    };
    Err(SessionError::unusable(format!("`{name}` has kept no weights of step {step}")).with_hint(hint))
}

/// Says of a file that would lie beside an exported student why it would make another of it.
fn read_with_a_student(name: &str) -> Option<&'static str> {
    const WEIGHTS: [&str; 6] = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".gguf"];
    const WORDS: [&str; 7] = [
        "added_tokens.json",
        "chat_template.jinja",
        "merges.txt",
        "special_tokens_map.json",
        "tokenizer.model",
        "vocab.json",
        "vocab.txt",
    ];
    if WEIGHTS.iter().any(|ending| name.ends_with(ending)) || name.starts_with("adapter_") {
        Some("it has weights of another student")
    } else if WORDS.contains(&name) {
        Some("it is read with a student's tokenizer")
    } else {
        None
    }
}
