//! Intervals and paired tests: pure functions over right and wrong answers ([`Responses`]), over selections of words
//! ([`Overlap`]) and over probabilities of answers ([`Forecast`]).
//!
//! The unit of sampling is the question. Replicates, which are trainings that differ in their seed alone, answer the
//! same questions, so that their answers are averaged per question and never counted as further questions.
//!
//! | quantity | interval or test | source |
//! |---|---|---|
//! | accuracy, one replicate | Wilson score | Wilson (1927); Agresti & Coull (1998) |
//! | accuracy, several samples of a replicate | Wilson score, with the error over the questions' proportions | as below |
//! | accuracy, several replicates | Wilson score, with the error over questions and trainings | Banerjee (1961); Kott & Carr (1997), for samples that are not simple |
//! | accuracy minus chance | the accuracy's interval, moved by the questions' mean chance | chance is known, not estimated |
//! | difference of two arms, one replicate each | paired percentile bootstrap over questions | Efron & Tibshirani (1993), §13.3 |
//! | the same where no resample varies | adjusted Wald for paired proportions | Bonett & Price (2012) |
//! | difference of two arms, several replicates or samples | the interval of the t test below | as there |
//! | precision, recall, F1, Jaccard of two selections | percentile bootstrap over questions, of ratios of sums | Efron & Tibshirani (1993), §13.3 |
//! | the same where no resample varies | Wilson score, for as many questions | as above |
//! | whether two arms differ, one replicate each | exact McNemar, two-sided | McNemar (1947); the sign test over questions that differ |
//! | the same, several replicates in both | t test with the error over questions and trainings | two crossed random factors; Satterthwaite (1946) |
//! | the same, several replicates in one | the same, with a quantile for each component | Banerjee (1961) |
//! | the same, trainings taken as given | exact paired permutation | Fisher (1935); all signs, by convolution |
//! | whether they differ by less than a margin | two one-sided tests: score tests, or t tests as above | Schuirmann (1987); Tango (1998) |
//! | whether one exceeds the other by a margin | the same one-sided tests | as above |
//! | many tests at once | step-down correction | Holm (1979) |
//! | size of a difference | Cohen's h; odds of the discordant questions | Cohen (1988); Clopper & Pearson (1934) |
//! | smallest difference that would be found | exact power of McNemar's test | the binomial, twice |
//! | earliest layer, layer by which a proportion is there, differences of both, one replicate each | percentile bootstrap over questions | Efron & Tibshirani (1993) |
//! | the same, several replicates | t, with the bootstrap's variance over questions and that of the trainings | Banerjee (1961) |
//! | differences of many pairs of students in these | percentile bootstrap whose intervals hold together; Bonferroni's where there are several replicates | Mandel & Betensky (2008) |
//! | calibration | expected calibration error; Brier score with a bootstrap over questions, or t as above | Guo et al. (2017); Brier (1950) |
//!
//! Intervals over several replicates are held against simulated experiments: of those that promise 95 %, at least 94 % hold the
//! truth over two, three and five trainings that differ by up to 8 points, and what is assumed stands there (`coverage.rs`).
//!
//! Questions that only one of two arms answered are left out of a comparison and counted ([`Pairs::unpaired`]). A single
//! replicate tells nothing of how trainings vary: what is then said holds for these trainings.
//!
//! Every function that needs at least one question returns `None` without one, so that no figure here is ever NaN.

mod beta;
mod bootstrap;
mod calibration;
mod compare;
mod components;
#[cfg(test)]
mod coverage;
mod crossed;
mod earliest;
mod effect;
mod equivalence;
mod exceeding;
mod holm;
mod normal;
mod overlap;
mod pairs;
mod permutation;
mod power;
mod responses;
mod sign;
mod simultaneous;
mod student;
mod tango;
mod wilson;

pub use bootstrap::Bootstrap;
pub use calibration::{Bin, Calibration, Forecast, calibration};
pub use compare::{Comparison, Test, accuracy, against_chance, compare, difference};
pub use crossed::Crossed;
pub use earliest::{DepthDifference, DepthFindings, DepthPairs, DepthSummary, Depths, Ranged, depths, earliest};
pub use effect::{Odds, cohen_h, odds};
pub use equivalence::{Closeness, Equivalence, Margin, equivalence};
pub use exceeding::{Exceeding, exceeding};
pub use holm::holm;
pub use normal::Level;
pub use overlap::{Agreed, Overlap, Stratum, agreement};
pub use pairs::Pairs;
pub use permutation::permutation_test;
pub use power::{Design, Power, detectable};
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
    /// Wilson's score interval for a proportion.
    Wilson,
    /// The percentile bootstrap over questions.
    Bootstrap,
    /// Bonett and Price's adjusted Wald interval for a difference of paired proportions.
    BonettPrice,
    /// Tango's score interval for a difference of paired proportions.
    Tango,
    /// Student's t with the error over questions and trainings.
    Crossed,
    /// Wilson's score interval with the error over questions and trainings.
    CrossedWilson,
}

impl Method {
    /// Returns the name that tables and CSV files carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wilson => "wilson",
            Self::Bootstrap => "bootstrap",
            Self::BonettPrice => "bonett-price",
            Self::Tango => "tango",
            Self::Crossed => "crossed-t",
            Self::CrossedWilson => "crossed-wilson",
        }
    }
}

/// A value with its interval, in the value's unit: a proportion from 0 to 1, or a difference of proportions from −1 to 1.
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
    /// Two arms that were asked different questions.
    #[error("cannot compare two arms: they were scored on {first} and {second} questions, none of which is the same")]
    NothingShared {
        /// How many the first was scored on.
        first: usize,
        /// How many the second was scored on.
        second: usize,
    },
    /// A margin outside (0, 1).
    #[error("`{0}` is no margin: expected a fraction above 0 and below 1, such as 0.02 for two points")]
    Margin(f64),
    /// A power outside (0, 1).
    #[error("`{0}` is no power: expected a number above 0 and below 1, such as 0.8")]
    Power(f64),
    /// What should be a probability and is none.
    #[error("`{value}` is no {what}: expected a number from 0 to 1")]
    Probability {
        /// What it should be.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// Probabilities of a question's choices that cannot be calibrated.
    #[error("cannot calibrate question `{question}`: {why}")]
    Forecast {
        /// The question's identifier.
        question: String,
        /// What is wrong with them.
        why: String,
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
