//! How a dataset format is written, and the adapter through which the stage sees it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::revised::revised;
use retort_artifact::Questions;
use retort_fingerprint::{ContentHash, Term};
use retort_source::Node;
use retort_stage::params::{FromNode, Scope};
use retort_stage::{Context, StageError};

/// The name under which a format's revision enters the key; with a space in it, no field is called that.
const REVISION: &str = "format revision";

/// A way in which questions are written, as its author writes it: fields that know how to be read.
pub trait DatasetFormat: FromNode + ContentHash + fmt::Debug + Send + Sync + 'static {
    /// The word that names it in the field `format`.
    const NAME: &'static str;

    /// Raised whenever the same files and fields give other questions: it enters the key.
    const REVISION: u32;

    /// One line for editors.
    const ABOUT: &'static str;

    /// The further fields that every question has for templates, where they are known without reading.
    fn fields(&self) -> Option<Vec<String>> {
        None
    }

    /// Reads the questions of every split.
    ///
    /// # Errors
    /// [`StageError::Data`] names the file and the line of what cannot be read.
    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError>;
}

/// A format with its fields read.
pub(crate) trait BoundFormat: fmt::Debug + Send + Sync {
    fn term(&self) -> Term;
    fn fields(&self) -> Option<Vec<String>>;
    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError>;
}

impl<F: DatasetFormat> BoundFormat for F {
    fn term(&self) -> Term {
        revised(ContentHash::term(self), "fields", REVISION, F::REVISION)
    }

    fn fields(&self) -> Option<Vec<String>> {
        DatasetFormat::fields(self)
    }

    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        DatasetFormat::read(self, context)
    }
}

/// What was read below the field `format`, under the name it has in the key.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) name: &'static str,
    pub(super) format: Arc<dyn BoundFormat>,
}

/// A format in the list.
#[derive(Debug)]
pub struct FormatEntry {
    /// The word that names it.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Its revision.
    pub revision: u32,
    /// Reads the fields beside `format`, whose word it is given.
    pub(super) bind: fn(&'static str, &Node, &mut Scope<'_>) -> Option<Bound>,
    /// The ways in which the fields may be written, for the word it is given.
    pub(super) schemas: fn(&'static str) -> Vec<Json>,
}

impl FormatEntry {
    /// Makes the list's entry for an author's format.
    pub const fn of<F: DatasetFormat>() -> Self {
        Self { name: F::NAME, about: F::ABOUT, revision: F::REVISION, bind: bind::<F>, schemas: |_| vec![F::schema()] }
    }
}

fn bind<F: DatasetFormat>(_word: &'static str, node: &Node, scope: &mut Scope<'_>) -> Option<Bound> {
    Some(Bound { name: F::NAME, format: Arc::new(F::from_node(node, scope)?) })
}
