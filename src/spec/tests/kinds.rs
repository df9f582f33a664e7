//! Kinds that look like the real ones and do nothing.

#![expect(unreachable_pub, reason = "parameters are declared `pub`, here within tests")]

use retort_artifact::{Attributions, Checkpoint, Questions, Rationales, ReportFiles, Scores};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node};
use retort_stage::params::{Count, External, FromNode, Gather, Input, ModelSpec, PositiveReal, Scope, Seed};
use retort_stage::{Context, Derivation, Kind, Stage, StageError};

/// A fraction of something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction(f64);

impl FromNode for Fraction {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let fraction = f64::from_node(node, scope)?;
        if (0.0..=1.0).contains(&fraction) {
            return Some(Self(fraction));
        }
        let message = format!("`{}` cannot be {}", scope.path(), node.describe());
        scope.fail(Diagnostic::at(node.span, message).label("expected a number from 0 to 1"))
    }

    fn schema() -> serde_json::Value {
        f64::schema()
    }
}

impl ContentHash for Fraction {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// Where the rationale stands.
#[derive(Debug, Clone, Copy)]
pub enum Placement {
    /// Nowhere.
    None,
    /// Before the label.
    Before,
    /// After the label.
    After,
}

retort_stage::words!(Placement { None = "none", Before = "before", After = "after" });

retort_stage::params! {
    /// Questions.
    pub struct Dataset {
        /// How many.
        #[was = "count"]
        pub size: Count = Count::of(10),
        /// A file.
        pub train: Option<External>,
    }
}

retort_stage::params! {
    /// Rationales from a teacher.
    pub struct Elicit {
        /// Which questions.
        pub questions: Input<Questions>,
        /// What is said before each question.
        pub prompt: Option<String>,
    }
}

retort_stage::params! {
    /// Masks words.
    pub struct Mask {
        /// The fraction of words.
        pub fraction: Fraction,
    }
}

retort_stage::params! {
    /// Keeps what matters.
    pub struct KeepTop {
        /// The scores.
        pub attributions: Input<Attributions>,
        /// How many tokens.
        pub tokens: Count = Count::of(5),
    }
}

retort_stage::variants! {
    /// A step.
    pub enum Step {
        /// Masks words.
        Mask(Mask) = "mask",
        /// Keeps what matters.
        KeepTop(KeepTop) = "keep_top",
    }
}

retort_stage::params! {
    /// Other rationales.
    pub struct Transform {
        /// Which rationales.
        pub rationales: Input<Rationales>,
        /// What is done to them.
        pub steps: Vec<Step>,
    }
}

retort_stage::params! {
    /// A model in a folder.
    pub struct Model {
        /// The folder.
        pub path: External,
    }
}

retort_stage::params! {
    /// How it is trained.
    pub struct Recipe {
        /// The learning rate.
        pub lr: PositiveReal = PositiveReal::of(3e-5),
        /// Examples a step.
        pub batch: Count = Count::of(8),
    }
}

retort_stage::params! {
    /// A student.
    pub struct Train {
        /// Which model.
        pub student: ModelSpec<Model>,
        /// Which questions.
        pub questions: Input<Questions>,
        /// Which rationales.
        pub rationales: Option<Input<Rationales>>,
        /// Where they stand.
        pub placement: Placement = Placement::After,
        /// How it is trained.
        pub recipe: Recipe,
        /// The seed.
        pub seed: Seed,
    }
}

retort_stage::params! {
    /// What mattered.
    pub struct Attribute {
        /// Which student.
        pub model: Input<Checkpoint>,
        /// Which rationales.
        pub rationales: Input<Rationales>,
    }
}

retort_stage::params! {
    /// Answers.
    pub struct Evaluate {
        /// Which student.
        pub model: Input<Checkpoint>,
        /// Which questions.
        pub questions: Input<Questions>,
    }
}

retort_stage::params! {
    /// A table.
    pub struct Report {
        /// Which scores.
        pub scores: Gather<Scores>,
        /// What it is called.
        pub title: Option<String>,
    }
}

macro_rules! stages {
    ($( $name:ident = $key:literal gives $output:ty, $example:literal; )*) => {
        $(
            impl Stage for $name {
                type Output = $output;
                const NAME: &'static str = $key;
                const REVISION: u32 = 1;
                const ABOUT: &'static str = concat!("The kind ", $key, ".");
                const EXAMPLE: &'static str = $example;

                fn run(&self, _context: &Context<'_>) -> Result<Self::Output, StageError> {
                    Err(StageError::data("demo kinds do not run"))
                }
            }
        )*

        /// The demo kinds.
        pub(super) static KINDS: &[Kind] = &[$( Kind::of::<$name>() ),*];
    };
}

stages! {
    Dataset = "dataset" gives Questions, "size: 100";
    Elicit = "elicit" gives Rationales, "questions: questions";
    Transform = "transform" gives Rationales, "{ rationales: rationales, steps: [{ mask: { fraction: 0.4 } }] }";
    Train = "train" gives Checkpoint, "{ student: { path: gpt2 }, questions: questions, recipe: {} }";
    Attribute = "attribute" gives Attributions, "{ model: tuned, rationales: rationales }";
    Evaluate = "evaluate" gives Scores, "{ model: tuned, questions: questions }";
    Report = "report" gives ReportFiles, "{ scores: [scores] }";
}

/// The derived kinds.
pub(super) static DERIVATIONS: &[Derivation] = &[Derivation {
    name: "retrain",
    base: "train",
    like: "like",
    replaces: &["rationales"],
    about: "Repeats a recipe with other rationales.",
}];
