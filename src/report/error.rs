//! What keeps a report from being made.

use super::ARM_AXIS;
use super::label::{list, nearest};
use retort_stats::StatsError;

/// A report that cannot be made of its input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to report on.
    #[error("cannot report: no arm was scored")]
    NoArms,
    /// A field lays out arms where none was scored.
    #[error(
        "cannot report: `{field}` is about what students answered, and nothing was scored; add `scores` or leave it out"
    )]
    NothingScored {
        /// The field.
        field: String,
    },
    /// The specification names an axis that no arm has.
    #[error(
        "cannot report: `{field}` names the axis `{axis}`, which no arm has; {}{}",
        known_axes(known),
        nearest(axis, known)
    )]
    UnknownAxis {
        /// The specification's field.
        field: String,
        /// The axis it names.
        axis: String,
        /// The axes there are.
        known: Vec<String>,
    },
    /// A selector asks for a value that no arm has.
    #[error(
        "cannot report: `{field}` asks for `{axis}={value}`, which no arm has; the values of `{axis}` are {}{}",
        list(known),
        nearest(value, known)
    )]
    UnknownValue {
        /// The specification's field.
        field: String,
        /// The axis.
        axis: String,
        /// The value.
        value: String,
        /// The values there are.
        known: Vec<String>,
    },
    /// The specification puts one axis in two places.
    #[error("cannot report: the axis `{axis}` is named by `{first}` and again by `{second}`; name it once")]
    AxisTwice {
        /// The axis.
        axis: String,
        /// The field that names it first.
        first: String,
        /// The field that names it again.
        second: String,
    },
    /// A selector names an axis that is averaged over.
    #[error("cannot report: `{field}` names the axis `{axis}`, which is averaged over")]
    Averaged {
        /// The specification's field.
        field: String,
        /// The axis.
        axis: String,
    },
    /// A selector matches no arm.
    #[error("cannot report: `{field}` asks for `{selector}`, which no arm is; there are {}", list(arms))]
    NoArm {
        /// The specification's field.
        field: String,
        /// What was asked for.
        selector: String,
        /// The arms.
        arms: Vec<String>,
    },
    /// A selector matches several arms that are equally like another.
    #[error(
        "cannot report: `{field}` leaves open which arm `{arm}` is compared with: {}; name a further axis in it",
        list(candidates)
    )]
    Ambiguous {
        /// The specification's field.
        field: String,
        /// The arm that is to be compared.
        arm: String,
        /// The arms that would serve.
        candidates: Vec<String>,
    },
    /// The two sides of a hypothesis have no arms that belong together.
    #[error(
        "cannot report: no arm of `{field}` has a counterpart: {} on one side, {} on the other, and each pair differs in \
         an axis that the hypothesis does not name",
        list(left),
        list(right)
    )]
    NoPair {
        /// The specification's field.
        field: String,
        /// The arms of the one side.
        left: Vec<String>,
        /// The arms of the other.
        right: Vec<String>,
    },
    /// A hypothesis holds an arm against itself.
    #[error("cannot report: `{field}` holds `{arm}` against itself; both sides of the hypothesis mean it")]
    Itself {
        /// The specification's field.
        field: String,
        /// The arm.
        arm: String,
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
    /// Values to set beside the measured ones that cannot be read.
    #[error("cannot report beside `{name}`: {why}")]
    Beside {
        /// Whose values they are.
        name: String,
        /// Why not.
        why: String,
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

impl ReportError {
    /// Returns the path of the field that is wrong, such as `hypotheses[1].more.placement`; empty where it is none.
    pub fn field(&self) -> String {
        match self {
            Self::UnknownAxis { field, axis, .. }
            | Self::UnknownValue { field, axis, .. }
            | Self::Averaged { field, axis } => format!("{field}.{axis}"),
            Self::AxisTwice { second, .. } => second.clone(),
            Self::NothingScored { field }
            | Self::NoArm { field, .. }
            | Self::Ambiguous { field, .. }
            | Self::NoPair { field, .. }
            | Self::Itself { field, .. } => field.clone(),
            _ => String::new(),
        }
    }
}

fn known_axes(known: &[String]) -> String {
    match known {
        [] => "there is no axis".to_owned(),
        // What tells stages apart is no axis of theirs.
        [only] if only == ARM_AXIS => "its arms have no axes".to_owned(),
        _ => format!("the axes are {}", list(known)),
    }
}
