//! Why an output has no answer that can be read.

/// Why no answer can be read from an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Unreadable {
    /// There is nothing but white space.
    #[error("the output is empty")]
    Empty,
    /// The marker does not occur: the rationale never came to an end, or there is only noise.
    #[error("the output has no marker")]
    NoMarker,
    /// Words stand before the first marker where the label should come first.
    #[error("the output does not begin with the marker")]
    Misplaced,
    /// The marker occurs only once.
    #[error("the output has no closing marker")]
    Unclosed,
    /// Nothing stands between the markers.
    #[error("there is no label between the markers")]
    NoLabel,
    /// What stands between the markers is not one uppercase letter.
    #[error("what stands between the markers is not one letter")]
    NotALetter,
    /// The letter labels no choice of the question.
    #[error("the letter between the markers is no choice of the question")]
    NoChoice,
    /// What stands between the markers is not the name of a class.
    #[error("what stands between the markers is no class of the question")]
    NoClass,
    /// What stands between the markers is not a number, or one of more than 18 digits.
    #[error("what stands between the markers is not a number")]
    NotANumber,
}
