//! The words by which a pipeline says what carries loss and which weights stay.

/// Which tokens carry loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossOn {
    /// Those of the target.
    Target,
    /// Those of the question as well.
    Sequence,
}

retort_stage::words!(LossOn { Target = "target", Sequence = "sequence" });

/// Which weights are kept once everything that reads them is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those of every evaluation.
    Full,
    /// The best, or the last where nothing was evaluated.
    Best,
    /// None: they are made again when something stale needs them.
    None,
}

retort_stage::words!(Keep { Full = "full", Best = "best", None = "none" });
