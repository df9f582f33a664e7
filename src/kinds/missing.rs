//! What becomes of what lacks a rationale where one is needed.

/// What to do where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The stage fails, and says how many there are and which.
    Fail,
    /// The question is left out.
    Drop,
    /// The question stays without: it is trained on the label alone, or has an empty rationale.
    Keep,
}

retort_stage::words!(Missing { Fail = "fail", Drop = "drop", Keep = "keep" });
