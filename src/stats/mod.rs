//! Intervals and paired tests: pure functions over right and wrong answers ([`Responses`]) and over selections of words
//! ([`Overlap`]).
//!
//! The unit of sampling is the question. Replicates, which are trainings that differ in their seed alone, answer the
//! same questions, so that their answers are averaged per question and never counted as further questions.
//!
//! | quantity | interval or test | source |
//! |---|---|---|
//! | accuracy, one replicate | Wilson score | Wilson (1927); Agresti & Coull (1998) |
//! | accuracy, several replicates | percentile bootstrap over questions × replicates | Owen (2007), "The pigeonhole bootstrap" |
//! | accuracy minus chance | the accuracy's interval, moved by the questions' mean chance | chance is known, not estimated |
//! | difference of two arms | paired percentile bootstrap over questions (and each arm's replicates) | Efron & Tibshirani (1993), §13.3 |
//! | the same where no resample varies | adjusted Wald for paired proportions | Bonett & Price (2012) |
//! | precision, recall, F1, Jaccard of two selections | percentile bootstrap over questions, of ratios of sums | Efron & Tibshirani (1993), §13.3 |
//! | the same where no resample varies | Wilson score, for as many questions | as above |
//! | earliest layer, layer by which a share is there, differences of both | percentile bootstrap over questions × replicates | as above |
//! | whether two arms differ | exact McNemar, two-sided | McNemar (1947); the sign test over questions that differ |
//!
//! Every function that needs at least one question returns `None` without one, so that no figure here is ever NaN.

mod bootstrap;
mod compare;
mod earliest;
mod normal;
mod overlap;
mod responses;
mod sign;
mod wilson;

pub use bootstrap::Bootstrap;
pub use compare::{Comparison, accuracy, against_chance, difference};
pub use earliest::{DepthDifference, DepthSummary, Depths, Ranged, depths, earliest};
pub use normal::Level;
pub use overlap::{Agreed, Overlap, Stratum, agreement};
pub use responses::{Response, Responses};
pub use sign::sign_test;
pub use wilson::wilson;

/// A confidence interval; `low` is never above `high` and neither is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Wilson's score interval for a share.
    Wilson,
    /// The percentile bootstrap over questions and replicates.
    Bootstrap,
    /// Bonett and Price's adjusted Wald interval for a difference of paired shares.
    BonettPrice,
}

impl Method {
    /// Returns the name that tables and CSV files carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wilson => "wilson",
            Self::Bootstrap => "bootstrap",
            Self::BonettPrice => "bonett-price",
        }
    }
}

/// A value with its interval, in the value's unit: a share from 0 to 1, or a difference of shares from −1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value that was observed.
    pub value: f64,
    /// Where the true value may lie.
    pub interval: Interval,
    /// How the interval was made.
    pub method: Method,
}

/// Numbers that no statistic can be made of.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// A confidence level outside (0, 1).
    #[error("`{0}` is no confidence level: expected a number above 0 and below 1, such as 0.95")]
    Level(f64),
    /// A question with another number of answers than the first one.
    #[error(
        "cannot average question `{question}`: it has {found} answers where one for each of {expected} replicates is expected"
    )]
    Ragged {
        /// The question's identifier.
        question: String,
        /// How many answers it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A question that stands there twice.
    #[error("cannot count question `{question}`: it was answered twice by one replicate")]
    Repeated {
        /// The question's identifier.
        question: String,
    },
    /// A chance outside (0, 1].
    #[error(
        "cannot compare question `{question}` with chance: its chance is `{chance}`, expected above 0 and at most 1"
    )]
    Chance {
        /// The question's identifier.
        question: String,
        /// What was given.
        chance: f64,
    },
}
