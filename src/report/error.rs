//! What keeps a report from being made.

use super::label::{list, nearest};
use crate::stats::StatsError;

/// A report that cannot be made of its input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to report on.
    #[error("cannot report: no arm was scored")]
    NoArms,
    /// The specification names an axis that no arm has.
    #[error(
        "cannot report: `{field}` names the axis `{axis}`, which no arm has; {}{}",
        known_axes(known),
        nearest(axis, known)
    )]
    UnknownAxis {
        /// The specification's field.
        field: &'static str,
        /// The axis it names.
        axis: String,
        /// The axes there are.
        known: Vec<String>,
    },
    /// The specification puts one axis in two places.
    #[error("cannot report: the axis `{axis}` is named by `{first}` and again by `{second}`; name it once")]
    AxisTwice {
        /// The axis.
        axis: String,
        /// The field that names it first.
        first: &'static str,
        /// The field that names it again.
        second: &'static str,
    },
    /// The baseline names an axis that is averaged over.
    #[error("cannot report: `baseline` names the axis `{axis}`, which is averaged over")]
    BaselineAveraged {
        /// The axis.
        axis: String,
    },
    /// The baseline's values match no arm.
    #[error("cannot report: `baseline` asks for `{selector}`, which no arm is; there are {}", list(arms))]
    NoBaseline {
        /// What the baseline asks for.
        selector: String,
        /// The arms there are.
        arms: Vec<String>,
    },
    /// Several arms serve equally well as the baseline of one.
    #[error(
        "cannot report: `baseline` leaves open which arm `{arm}` is compared with: {}; name a further axis in `baseline`",
        list(candidates)
    )]
    AmbiguousBaseline {
        /// The arm that is to be compared.
        arm: String,
        /// The arms that would serve.
        candidates: Vec<String>,
    },
    /// Two arms have the same stage and axis values.
    #[error("cannot report: two arms are both `{arm}`")]
    ArmTwice {
        /// The arm.
        arm: String,
    },
    /// An outcome with no choices, whose chance is unknown.
    #[error("cannot report: in the arm `{arm}`, question `{question}` has no choices, so that chance is unknown")]
    NoChoices {
        /// The arm.
        arm: String,
        /// The question's identifier.
        question: String,
    },
    /// Outcomes that no statistic can be made of.
    #[error("cannot report on the arm `{arm}`: {source}")]
    Stats {
        /// The arm.
        arm: String,
        /// Why not.
        source: StatsError,
    },
    /// A question that is to have a grid, and that no lens read.
    #[error(
        "cannot report: no lens has read the question `{question}`, which is to have a grid; leave it out of `questions`"
    )]
    NotRead {
        /// The question's identifier.
        question: String,
    },
    /// A file of a report that does not hold what it should.
    #[error("cannot read the tables of a report from `{file}`: {why}")]
    Unreadable {
        /// The file.
        file: &'static str,
        /// Why not.
        why: String,
    },
}

fn known_axes(known: &[String]) -> String {
    if known.is_empty() { "there is no axis".to_owned() } else { format!("the axes are {}", list(known)) }
}
