//! The one list of operations, and those that a program of its own adds to it.

use std::sync::OnceLock;

use super::operation::Form;

/// Every operation that a step may name.
pub static OPERATIONS: &[Form] = &[
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
];

static ADDED: OnceLock<&'static [Form]> = OnceLock::new();

/// Adds operations to the list: for a program that is this one with a few more. It can be done once, before any pipeline is
/// read.
///
/// # Panics
/// When it is done again, or a name is taken: both are mistakes of the program.
pub fn add_operations(forms: &'static [Form]) {
    for (index, form) in forms.iter().enumerate() {
        let taken = OPERATIONS.iter().chain(&forms[..index]).any(|other| other.name == form.name);
        assert!(!taken, "the operation `{}` is there already", form.name);
    }
    assert!(ADDED.set(forms).is_ok(), "operations were added already");
}

/// Returns every operation that a step may name, those that were added behind the others.
pub(super) fn operations() -> impl Iterator<Item = &'static Form> {
    OPERATIONS.iter().chain(ADDED.get().into_iter().copied().flatten())
}
