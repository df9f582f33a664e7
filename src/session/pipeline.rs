//! A pipeline that was read and checked, and what targets mean in it.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use retort_graph::InstanceGraph;
use retort_source::{Diagnostics, Sources, nearest};
use retort_spec::{Experiment, InstanceId, read};

use super::error::Faults;
use super::{Remark, SessionError, Workspace};

/// A pipeline that was read and checked: its experiment, whose every instance is known, and its graph.
///
/// ```
/// use retort_session::{Settings, Workspace};
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("pipeline.yaml");
/// std::fs::write(&file, "
/// retort: 1
/// experiment: tiny
/// axes: { size: [2, 4] }
/// stages:
///   questions:
///     dataset: { format: synthetic, train: \"${size}\" }
/// ")?;
/// let workspace = Workspace::new(Settings::new(folder.path().join("cache")));
/// let pipeline = workspace.load(&file, &["size=2,3,4".to_owned()])?;
/// assert_eq!(pipeline.graph.len(), 3);
/// let id = pipeline.only("questions[size=3]")?;
/// assert_eq!(pipeline.name(id), "questions[size=3]");
/// assert!(pipeline.select(&["question"]).unwrap_err().hint().unwrap().contains("did you mean `questions`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pipeline {
    /// The experiment.
    pub experiment: Experiment,
    /// Who produces what for whom.
    pub graph: InstanceGraph,
    /// The text that places in it point into.
    pub sources: Arc<Sources>,
    pub(crate) workspace: Workspace,
}

/// The instances that are meant, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Those that are to be there in the end, with all that they need.
    pub wanted: Vec<bool>,
    /// Those whose bytes are to be there in the end; of the others it is enough that their results are known.
    pub named: Vec<bool>,
}

impl Selection {
    /// Asks for no bytes that nothing reads.
    #[must_use]
    pub fn unnamed(self) -> Self {
        Self { named: vec![false; self.wanted.len()], ..self }
    }

    /// Lists the wanted instances.
    pub fn ids(&self) -> impl Iterator<Item = InstanceId> + '_ {
        self.wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(index, _)| InstanceId::at(index))
    }
}

impl Workspace {
    /// Reads and checks a pipeline. Each of `settings` replaces the values of an axis, or the seed, as `--set` does:
    /// `fraction=0.4,0.5`.
    ///
    /// # Errors
    /// [`SessionError::Pipeline`] with everything that is wrong with the file, each error at its place.
    pub fn load(&self, file: impl AsRef<Path>, settings: &[String]) -> Result<Pipeline, SessionError> {
        Pipeline::load(self.clone(), file.as_ref(), settings)
    }
}

impl Pipeline {
    fn load(workspace: Workspace, file: &Path, settings: &[String]) -> Result<Self, SessionError> {
        let mut sources = Sources::default();
        // The pipeline itself may come through a pipe; what it names may not, for nobody may ever write there.
        let loader = |path: &Path| {
            if path != file && fs_err::metadata(path)?.file_type().is_fifo() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe and not a file"));
            }
            read_limited(path)
        };
        let loaded = read(&mut sources, file, settings, workspace.language(), &loader);
        let sources = Arc::new(sources);
        let experiment = loaded.map_err(|diagnostics| {
            let counted_in = Some(file.to_owned());
            let sources = Arc::clone(&sources);
            SessionError::Pipeline(Box::new(Faults { diagnostics, sources, hint: None, counted_in }))
        })?;
        for notice in &experiment.notices {
            let place = notice.span.map_or_else(String::new, |span| format!("{}: ", sources.location(span)));
            let hint = notice.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
            workspace.tell(&Remark::Pipeline { said: format!("{place}{}{hint}", notice.message) });
        }
        let graph = InstanceGraph::new(&experiment);
        Ok(Self { experiment, graph, sources, workspace })
    }

    /// Returns the workspace it was loaded in.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Returns the instances that targets mean, with all they need; everything when there is no target. Of the instances
    /// that targets mean themselves the bytes are to be there in the end.
    pub fn select(&self, targets: &[impl AsRef<str>]) -> Result<Selection, SessionError> {
        if targets.is_empty() {
            return Ok(self.all());
        }
        let mut found: Vec<InstanceId> = Vec::new();
        for target in targets {
            found.extend(self.matching(target.as_ref())?);
        }
        let mut named = vec![false; self.graph.len()];
        found.iter().for_each(|id| named[id.index()] = true);
        Ok(Selection { wanted: self.graph.needed_by(found), named })
    }

    /// Returns every instance.
    pub fn all(&self) -> Selection {
        Selection { wanted: vec![true; self.graph.len()], named: vec![false; self.graph.len()] }
    }

    /// Returns one instance with all it needs; its bytes are not asked for.
    pub fn needed_by(&self, id: InstanceId) -> Selection {
        Selection { wanted: self.graph.needed_by([id]), named: vec![false; self.graph.len()] }
    }

    /// Returns the instances of a stage, the instance of a name, or those of a stage with some of their coordinates:
    /// `tuned[run=0]` means every `tuned` whose run is 0.
    pub fn matching(&self, target: &str) -> Result<Vec<InstanceId>, SessionError> {
        let (stage, rest) = target.split_once('[').unwrap_or((target, ""));
        let wanted: Vec<&str> = rest.trim_end_matches(']').split(',').filter(|part| !part.is_empty()).collect();
        let fits = |id: &InstanceId| {
            let instance = self.experiment.instance(*id);
            let coords: Vec<String> = instance.coords.iter().map(|at| format!("{}={}", at.axis, at.value)).collect();
            instance.name.as_str() == target
                || (self.experiment.stage_of(*id).name == stage
                    && wanted.iter().all(|part| coords.iter().any(|coord| coord == part)))
        };
        let found: Vec<_> = self.experiment.ids().filter(fits).collect();
        if found.is_empty() {
            let names = self.experiment.stages.iter().map(|stage| stage.name.as_str());
            let near = nearest(stage, names.clone());
            let known = names.collect::<Vec<_>>().join(", ");
            let hint =
                near.map_or(format!("stages: {known}"), |near| format!("did you mean `{near}`? stages: {known}"));
            return Err(SessionError::invalid(format!("no instance matches `{target}`")).with_hint(hint));
        }
        Ok(found)
    }

    /// Returns the one instance that a target means.
    pub fn only(&self, target: &str) -> Result<InstanceId, SessionError> {
        match self.matching(target)?[..] {
            [one] => Ok(one),
            ref several => {
                let names: Vec<_> = several.iter().take(8).map(|id| format!("  {}", self.name(*id))).collect();
                let more = if several.len() > 8 { "\n  …" } else { "" };
                let message = format!("`{target}` means {} instances, and one is needed", several.len());
                Err(SessionError::invalid(message).with_hint(format!("name one of:\n{}{more}", names.join("\n"))))
            }
        }
    }

    /// Returns the name of an instance.
    pub fn name(&self, id: InstanceId) -> String {
        self.experiment.instance(id).name.to_string()
    }

    /// Makes the error of things that the pipeline names and that cannot be used, each shown at its place.
    pub(crate) fn unusable(&self, diagnostics: Diagnostics) -> SessionError {
        let sources = Arc::clone(&self.sources);
        SessionError::Resources(Box::new(Faults { diagnostics, sources, hint: None, counted_in: None }))
    }
}

/// Reads a file, but no more of it than a pipeline may have: a larger one is refused by its size, not by exhaustion.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs_err::File::open(path)?.take(retort_source::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
