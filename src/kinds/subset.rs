//! Fewer questions of a dataset, and none that two splits share.

use serde_json::Value as Json;

use retort_artifact::{Questions, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node};
use retort_stage::Context;
use retort_stage::params::{Count, FromNode, Scope, Seed, UnitReal};
use retort_text::Fraction;
use retort_text::dataset::subset::{Pick, Size, apart, subset};

/// Raised whenever the same choice keeps other questions.
const REVISION: u32 = 1;

retort_stage::params! {
    /// Which questions of each split stay: so many, or a fraction.
    pub struct SubsetFields {
        /// How many of the train split.
        pub train: Option<Count>,
        /// How many of the dev split.
        pub dev: Option<Count>,
        /// How many of the test split.
        pub test: Option<Count>,
        /// The fraction of each split for which no number is given, from 0 to 1.
        #[was = "share"]
        pub fraction: Option<UnitReal>,
        /// Which: the `first`, some at `random`, or `stratified`, at random with each answer as frequent as it is
        /// among all.
        pub by: Pick = Pick::Random,
        /// Decides what is random; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

/// Which questions of each split stay.
#[derive(Debug, Clone)]
pub struct Subset(SubsetFields);

impl FromNode for Subset {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let fields = SubsetFields::from_node(node, scope)?;
        let SubsetFields { train, dev, test, fraction, .. } = &fields;
        if train.is_none() && dev.is_none() && test.is_none() && fraction.is_none() {
            let wrong = format!("`{}` needs a number of questions or a fraction", scope.path());
            return scope
                .fail(Diagnostic::at(node.span, wrong).label("such as `{ train: 500 }` or `{ fraction: 0.1 }`"));
        }
        Some(Self(fields))
    }

    fn schema() -> Json {
        SubsetFields::schema()
    }
}

impl ContentHash for Subset {
    fn term(&self) -> Term {
        Term::record([("fields", self.0.term()), ("revision", REVISION.term())])
    }
}

impl Subset {
    /// Keeps what it names.
    pub(super) fn apply(&self, questions: Questions) -> Questions {
        let SubsetFields { train, dev, test, fraction, by, seed } = &self.0;
        let given = |split: Split| match split {
            Split::Train => train,
            Split::Dev => dev,
            Split::Test => test,
        };
        let fraction = fraction.and_then(|fraction| Fraction::try_from(fraction.get()).ok()).map(Size::Fraction);
        let kept = |(split, rows)| match given(split).map(|count| Size::Count(count.get())).or(fraction) {
            Some(size) => (split, subset(rows, split, size, *by, seed.0)),
            None => (split, rows),
        };
        Questions { splits: questions.splits.into_iter().map(kept).collect() }
    }
}

/// Takes out of the train split what the others have, and says how many these are.
pub(super) fn deduplicated(context: &Context<'_>, mut questions: Questions) -> Questions {
    let before = questions.split(Split::Train).len();
    let gone = apart(&mut questions);
    if gone > 0 {
        context.warn(format!(
            "{gone} of {before} questions of the train split are in the dev or the test split as well, and are left out"
        ));
    }
    questions
}
