//! The one list of operations.

use super::operation::Form;
use crate::catalog::Catalog;

/// Every operation that a step may name.
pub(crate) static OPERATIONS: Catalog<Form> = Catalog::of(|| {
    vec![
        Form::of::<super::mask::Mask>(),
        Form::of::<super::shuffle::Shuffle>(),
        Form::of::<super::truncate::Truncate>(),
        Form::of::<super::fill::Fill>(),
        Form::of::<super::keep_top::KeepTop>(),
        Form::of::<super::keep_words::KeepWords>(),
        Form::of::<super::neighbours::Neighbours>(),
        Form::of::<super::swap::Swap>(),
        Form::of::<super::strip_label::StripLabel>(),
        Form::of::<super::wrong::Wrong>(),
        Form::of::<super::sample::Sample>(),
        Form::of::<super::filter::Filter>(),
        Form::of::<super::trim::Trim>(),
        Form::of::<super::reverse::Reverse>(),
        Form::of::<super::insert::Insert>(),
        Form::of::<super::corrupt::Corrupt>(),
        Form::of::<super::keep::Keep>(),
        Form::of::<super::replace::Replace>(),
        Form::of::<super::join::Join>(),
    ]
});
