//! The one list of kinds.

use retort_stage::Kind;

use super::{
    Agreement, Dataset, Elicit, Evaluate, Lens, Pretrained, Report, TeacherLogits, TokenScores, Tokenizer, Train,
    Transform, TunedLens,
};
use crate::catalog::Catalog;

/// Every kind of stage.
pub(crate) static KINDS: Catalog<Kind> = Catalog::of(|| {
    vec![
        Kind::of::<Dataset>(),
        Kind::of::<Elicit>(),
        Kind::of::<Transform>(),
        Kind::of::<Tokenizer>(),
        Kind::of::<Train>(),
        Kind::of::<Pretrained>(),
        Kind::of::<TeacherLogits>(),
        Kind::of::<TokenScores>(),
        Kind::of::<Agreement>(),
        Kind::of::<TunedLens>(),
        Kind::of::<Lens>(),
        Kind::of::<Evaluate>(),
        Kind::of::<Report>(),
    ]
});

/// Returns every kind of stage that pipelines may use in this process.
pub fn kinds() -> &'static [Kind] {
    KINDS.all()
}
