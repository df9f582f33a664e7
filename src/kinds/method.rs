//! How an attribution method of a program's own is written, and how a pipeline names it: `method: { occlusion: {…} }`.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::catalog::Catalog;
use crate::revised::revised;
use retort_fingerprint::{ContentHash, Term};
use retort_model::{Budget, Model, Request};
use retort_source::Node;
use retort_stage::StageError;
use retort_stage::params::{FromNode, Scope};

/// The name under which a method's revision enters the key; with a space in it, no parameter is called that.
const REVISION: &str = "method revision";

/// A way of scoring tokens, as its author writes it: parameters that know how to score.
pub trait AttributionMethod: FromNode + ContentHash + fmt::Debug + Send + Sync + 'static {
    /// The key that names it in the field `method`.
    const NAME: &'static str;

    /// Raised whenever the same parameters give other scores: it enters the keys of stages and of rows.
    const REVISION: u32;

    /// One line for editors.
    const ABOUT: &'static str;

    /// How many sequences it runs for a request that asks for the scores of `scored` tokens; requests are batched by it.
    fn passes(&self, scored: usize) -> usize {
        scored + 1
    }

    /// Scores the tokens that each request asks for: one finite number for each, in their order. `budget` is the most
    /// tokens that may run side by side.
    ///
    /// # Errors
    /// [`StageError::Data`] names what cannot be scored.
    fn score(&self, model: &Model, requests: &[Request<'_>], budget: &Budget) -> Result<Vec<Vec<f64>>, StageError>;
}

/// A method with its parameters read.
pub(super) trait BoundMethod: fmt::Debug + Send + Sync {
    fn term(&self) -> Term;
    fn passes(&self, scored: usize) -> usize;
    fn score(&self, model: &Model, requests: &[Request<'_>], budget: &Budget) -> Result<Vec<Vec<f64>>, StageError>;
}

impl<M: AttributionMethod> BoundMethod for M {
    fn term(&self) -> Term {
        revised(ContentHash::term(self), "parameters", REVISION, M::REVISION)
    }

    fn passes(&self, scored: usize) -> usize {
        AttributionMethod::passes(self, scored)
    }

    fn score(&self, model: &Model, requests: &[Request<'_>], budget: &Budget) -> Result<Vec<Vec<f64>>, StageError> {
        AttributionMethod::score(self, model, requests, budget)
    }
}

/// A method in the list of those that a program adds.
#[derive(Debug)]
pub struct MethodEntry {
    /// The key that names it.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    pub(super) bind: fn(&Node, &mut Scope<'_>) -> Option<Arc<dyn BoundMethod>>,
    pub(super) schema: fn() -> Json,
}

impl MethodEntry {
    /// Makes the list's entry for an author's method.
    pub const fn of<M: AttributionMethod>() -> Self {
        Self { name: M::NAME, about: M::ABOUT, bind: bind::<M>, schema: M::schema }
    }
}

fn bind<M: AttributionMethod>(node: &Node, scope: &mut Scope<'_>) -> Option<Arc<dyn BoundMethod>> {
    Some(Arc::new(M::from_node(node, scope)?))
}

/// The methods that a program adds; those that Retort brings are words.
pub(crate) static METHODS: Catalog<MethodEntry> = Catalog::of(Vec::new);
