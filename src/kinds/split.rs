//! `split`: a dataset of one file, divided into train, dev and test; and `deduplicate`, which keeps the three apart.

use serde_json::Value as Json;

use retort_artifact::{Questions, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::params::{FromNode, Scope, Seed, UnitReal};
use retort_stage::{Context, StageError};
use retort_text::dataset::overlap::{Overlap, apart, overlap};
use retort_text::dataset::split::{Dealt, Division};

/// Raised whenever the same division puts other questions into a split.
const REVISION: u32 = 1;

retort_stage::params! {
    /// Which fractions of the train split are held out, where there is no file for them.
    pub struct DivideFields {
        /// The fraction that becomes the dev split, between 0 and 1.
        pub dev: Option<UnitReal>,
        /// The fraction that becomes the test split, between 0 and 1.
        pub test: Option<UnitReal>,
        /// How: `random`, by each question's identifier alone, so that further rows move no other; or `stratified`, with each
        /// answer in the same fractions.
        pub by: Dealt = Dealt::Random,
        /// Decides what goes where; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

/// Which fractions of the train split are held out.
#[derive(Debug, Clone)]
pub struct Divide(DivideFields);

impl FromNode for Divide {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let fields = DivideFields::from_node(node, scope)?;
        let part = |part: Option<UnitReal>| part.map_or(0.0, UnitReal::get);
        let held_out = part(fields.dev) + part(fields.test);
        if held_out <= 0.0 || held_out >= 1.0 {
            let wrong = format!("`{}` holds out {held_out} of the questions", scope.path());
            let label = "expected fractions such as `{ test: 0.1 }`, which together leave some to train on";
            return scope.fail(Diagnostic::at(node.span, wrong).label(label));
        }
        Some(Self(fields))
    }

    fn schema() -> Json {
        DivideFields::schema()
    }
}

impl ContentHash for Divide {
    fn term(&self) -> Term {
        Term::record([("fields", self.0.term()), ("revision", REVISION.term())])
    }
}

impl Divide {
    /// Says which splits it makes.
    fn makes(&self) -> impl Iterator<Item = Split> {
        let DivideFields { dev, test, .. } = &self.0;
        [(Split::Dev, dev), (Split::Test, test)].into_iter().filter(|(_, part)| part.is_some()).map(|(split, _)| split)
    }

    /// Refuses a dataset that names a file for a split which is to be made; `node` is its body.
    pub(super) fn check(&self, node: &Node, scope: &mut Scope<'_>) -> Option<()> {
        let given = self.makes().find_map(|split| {
            let file = node.get(split.name()).filter(|file| file.value != Value::Null)?;
            Some((split, file))
        });
        match given {
            Some((split, file)) => {
                let wrong =
                    format!("`split` makes the {split} split out of the train split, so `{split}` cannot be given too");
                scope.fail(Diagnostic::at(file.span, wrong).hint("leave one of the two out"))
            }
            None => Some(()),
        }
    }

    /// Divides the train split.
    pub(super) fn apply(&self, context: &Context<'_>, mut questions: Questions) -> Result<Questions, StageError> {
        if let Some(split) = self.makes().find(|split| !questions.split(*split).is_empty()) {
            return Err(StageError::data(format!(
                "`split` makes the {split} split out of the train split, and the dataset has one of its own with {} questions",
                questions.split(split).len()
            )));
        }
        let all = questions.splits.remove(&Split::Train).unwrap_or_default();
        if all.is_empty() {
            return Err(StageError::data(
                "`split` divides the train split, and the dataset has none: name a file as `train`",
            ));
        }
        let (count, fields) = (all.len(), &self.0);
        let part = |part: Option<UnitReal>| part.map_or(0.0, UnitReal::get);
        let division = Division { dev: part(fields.dev), test: part(fields.test), by: fields.by, seed: fields.seed.0 };
        let mut divided = division.of(all);
        for split in self.makes().chain([Split::Train]) {
            if divided.split(split).is_empty() {
                context.warn(format!("of {count} questions, `split` leaves none for the {split} split"));
            }
        }
        // A split that has a file of its own, and is not made, stays.
        divided.splits.extend(questions.splits.into_iter().filter(|(_, rows)| !rows.is_empty()));
        Ok(divided)
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

/// Warns of questions of the train split that are held out as well.
pub(super) fn warn_of_overlap(context: &Context<'_>, questions: &Questions) {
    let Overlap { dev, test } = overlap(questions);
    let all = questions.split(Split::Train).len();
    let told = match (test, dev) {
        (0, 0) => return,
        (test, 0) => format!("{test} of {all} questions of the train split are in the test split as well"),
        (0, dev) => format!("{dev} of {all} questions of the train split are in the dev split as well"),
        (test, dev) => {
            format!(
                "of {all} questions of the train split, {test} are in the test split as well and {dev} in the dev split"
            )
        }
    };
    context.warn(format!("{told}; `deduplicate: true` leaves them out of training"));
}
