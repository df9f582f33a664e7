//! The one list of kinds.

use retort_stage::Kind;

use super::{Agreement, Attribute, Dataset, Elicit, Evaluate, Lens, Report, Tokenizer, Train, Transform, TunedLens};

/// Every kind of stage.
pub static CATALOG: &[Kind] = &[
    Kind::of::<Dataset>(),
    Kind::of::<Elicit>(),
    Kind::of::<Transform>(),
    Kind::of::<Tokenizer>(),
    Kind::of::<Train>(),
    Kind::of::<Attribute>(),
    Kind::of::<Agreement>(),
    Kind::of::<TunedLens>(),
    Kind::of::<Lens>(),
    Kind::of::<Evaluate>(),
    Kind::of::<Report>(),
];

/// Finds a kind by the key that names it.
pub fn kind_named(name: &str) -> Option<&'static Kind> {
    CATALOG.iter().find(|kind| kind.name == name)
}
