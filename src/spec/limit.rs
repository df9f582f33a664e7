//! What is too much: errors to report, and instances to have.

use super::{MAX_ERRORS, MAX_INSTANCES};
use retort_source::{Diagnostic, Diagnostics, Span};

/// Says whether so many errors were found that looking for more is of no use.
pub(super) fn enough(diagnostics: &Diagnostics) -> bool {
    diagnostics.len() > MAX_ERRORS
}

/// Says that a stage multiplies beyond the limit.
pub(super) fn too_many(name: Span) -> Diagnostic {
    let message = format!("the experiment multiplies to more than {} thousand instances", MAX_INSTANCES / 1000);
    let hint = "axes multiply each other in every stage that mentions them or refers to such a stage; take some away";
    Diagnostic::at(name, message).label("the limit is passed here").hint(hint)
}
