//! What a stage's body refers to: other stages, and what stands outside the experiment.

use retort_artifact::ArtifactKind;
use retort_hub::HubModel;
use retort_source::Span;

/// A reference to a stage that was met while reading a stage's body.
#[derive(Debug, Clone)]
pub struct EdgeRef {
    /// The field it stands in, such as `steps[0].keep_top.attributions`.
    pub port: String,
    /// The name of the stage it refers to.
    pub stage: String,
    /// Where the name stands.
    pub span: Span,
    /// What must come along the edge.
    pub kind: ArtifactKind,
    /// Whether all instances of the stage come along it rather than one.
    pub gathers: bool,
}

/// Something outside the experiment.
#[derive(Debug, Clone)]
pub struct ExternalRef {
    /// The field it stands in.
    pub port: String,
    /// What it is, as it was written.
    pub source: ExternalSource,
    /// Where it was written.
    pub span: Span,
}

/// What stands outside the experiment, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalSource {
    /// One file, by its path.
    File(String),
    /// A model's directory, by its path; the files of it that are the model count.
    ModelFolder(String),
    /// The same for a model that is talked to; the files that say how count, too.
    ChatModelFolder(String),
    /// A model on the hub; the same files count.
    Hub(HubModel),
}

impl std::fmt::Display for ExternalSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) | Self::ModelFolder(path) | Self::ChatModelFolder(path) => f.write_str(path),
            Self::Hub(model) => model.fmt(f),
        }
    }
}
