//! How a stage's parameters are declared once and read, hashed and described from that one declaration.
//!
//! [`params!`](macro@crate::params) declares a struct whose fields are read from a mapping, with their defaults;
//! [`variants!`](crate::variants) declares an enum that is written as one key (`mask: {…}`), and
//! [`words!`](crate::words) one that is written as a word (`after`). Each declaration gives [`FromNode`] (read it, with
//! every error at its place), [`ContentHash`] (what enters the key, defaults resolved)
//! and a JSON Schema for editors.
//!
//! A field of type [`Input`], [`Gather`] or [`External`] is an edge: reading it notes the reference in the [`Scope`], and
//! the key takes the content that stands behind it instead of its name.

mod aside;
mod declare;
mod edge;
mod fields;
mod hub;
mod later;
mod reach;
mod reference;
mod scalar;
mod shown;
mod word;

pub use aside::Aside;
pub use edge::{External, Gather, Input};
pub use fields::{Fields, field_name, tagged};
pub use later::Later;
pub use reach::{KEY_HINT, VariableName, unshown};
pub use reference::{EdgeRef, ExternalRef, ExternalSource};
pub use scalar::{Count, ModelSpec, PositiveReal, Seed, UnitReal};
pub use shown::shown;
pub use word::Word;

use std::collections::BTreeMap;
use std::marker::PhantomData;

#[cfg(doc)]
use retort_fingerprint::ContentHash;
use retort_source::{Diagnostic, Diagnostics, Node};

/// What a value is read within: the names it may refer to, and what was found on the way.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The experiment's seed, the default of every `seed` field.
    pub seed: u64,
    /// The declared models by name.
    pub models: &'a BTreeMap<String, Node>,
    /// Where errors go.
    pub diagnostics: &'a mut Diagnostics,
    /// Edges to other stages that were read.
    pub edges: Vec<EdgeRef>,
    /// Files, directories and models outside the experiment that were read.
    pub externals: Vec<ExternalRef>,
    /// The fields of the stage's body whose whole value comes from an axis.
    pub varied: Vec<String>,
    path: String,
}

impl<'a> Scope<'a> {
    /// Starts at the root of a stage's body.
    pub fn new(seed: u64, models: &'a BTreeMap<String, Node>, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            seed,
            models,
            diagnostics,
            edges: Vec::new(),
            externals: Vec::new(),
            varied: Vec::new(),
            path: String::new(),
        }
    }

    /// Reports an error and returns nothing, so that `return scope.fail(…)` reads well.
    pub fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }

    /// Returns the path of the field being read, such as `steps[0].mask.fraction`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads a nested value under a path segment: `name` or `[index]`.
    pub fn within<T>(&mut self, segment: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 && !segment.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(segment);
        let value = read(self);
        self.path.truncate(length);
        value
    }
}

/// Marks the implementations of [`FromNode`] for what holds another value, which is read by `By`.
#[derive(Debug)]
pub struct Within<By>(PhantomData<By>);

/// A value that can be read from a tree, and described to an editor.
///
/// `By` tells implementations apart where one covers many types: enums of plain words are read by [`Word`], whichever crate
/// declares them, and lists and optional values by [`Within`]. Types that implement the trait themselves leave it out.
pub trait FromNode<By = ()>: Sized {
    /// Reads the value; `None` means that an error was reported.
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self>;

    /// Returns the value of a field that was left out and declares no default; `None` makes the field required.
    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        None
    }

    /// Returns the JSON Schema of the value.
    fn schema() -> serde_json::Value;

    /// Returns the value as a pipeline file would write it, where that is not [what enters the key](ContentHash::term).
    fn written(&self) -> Option<serde_json::Value> {
        None
    }
}
