//! What a student is trained on: one dataset, or several with their own rationales, in proportions.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use retort_artifact::{MixedDataset, Question, Questions, Rationales, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::params::{Count, FromNode, Input, PositiveReal, Scope};
use retort_stage::{Clash, Context, StageError};
use retort_text::dataset::mixture::{counts, drawn};
use retort_text::dataset::overlap::Words;

use super::sequence::data;
use super::train::Train;

retort_stage::params! {
    /// One of several datasets that a student is trained on.
    pub struct Mixed {
        /// The questions.
        pub questions: Input<Questions>,
        /// Their rationales, where a target needs them.
        pub rationales: Option<Input<Rationales>>,
        /// How much of the mixture is of this dataset, beside the others: `2` and `1` make two thirds and one third. Questions
        /// are drawn by the stage's seed, without replacement, until a dataset is exhausted. Where no dataset has a
        /// proportion, all questions of each are taken.
        pub proportion: Option<PositiveReal>,
    }
}

/// The questions that a student is trained on.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Those of one dataset.
    One(Input<Questions>),
    /// Those of several.
    Several(Vec<Mixed>),
}

impl FromNode for Asked {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                let wrong = Diagnostic::at(node.span, format!("`{}` names no dataset", scope.path()));
                scope.fail(wrong.label("expected the name of a stage, or a list of `{ questions: …, proportion: … }`"))
            }
            Value::List(_) => Vec::from_node(node, scope).map(Self::Several),
            _ => Input::from_node(node, scope).map(Self::One),
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            Input::<Questions>::schema(),
            { "type": "array", "items": Mixed::schema(), "minItems": 1 },
        ] })
    }
}

impl ContentHash for Asked {
    fn term(&self) -> Term {
        match self {
            Self::One(input) => input.term(),
            Self::Several(datasets) => Term::variant("mixture", datasets.term()),
        }
    }
}

/// A dataset as it was read for training.
pub(super) struct Material {
    pub(super) questions: Questions,
    pub(super) rationales: Rationales,
}

impl Train {
    /// Says what is wrong with several datasets.
    pub(super) fn check_datasets(&self) -> Result<(), Clash> {
        let clash = |field, why: String, hint: &str| Err(Clash { field, why, hint: hint.into() });
        let Asked::Several(datasets) = &self.questions else { return Ok(()) };
        if self.rationales.is_some() {
            let why = "of several datasets, each has its own rationales".to_owned();
            return clash("rationales", why, "name them under `questions`, beside the questions they belong to");
        }
        if self.weights.as_ref().is_some_and(|weights| weights.tokens.is_some()) {
            let why = "`weights.tokens` has the attributions of one dataset's rationales".to_owned();
            return clash("weights", why, "leave it out, or train on one dataset");
        }
        if let Some(lacking) = datasets.iter().position(|dataset| dataset.rationales.is_none()).filter(|_| self.reads())
        {
            let why = format!("`questions[{lacking}]` has no `rationales`, which a target needs");
            return clash("questions", why, "name the stage that gives them");
        }
        let given = datasets.iter().filter(|dataset| dataset.proportion.is_some()).count();
        if given > 0 && given < datasets.len() {
            let lacking = datasets.iter().position(|dataset| dataset.proportion.is_none()).unwrap_or(0);
            let why = format!("`questions[{lacking}]` has no `proportion`, and others have one");
            return clash("questions", why, "give each a proportion, or none");
        }
        Ok(())
    }

    /// Says whether any rationales are named.
    pub(super) fn has_rationales(&self) -> bool {
        match &self.questions {
            Asked::One(_) => self.rationales.is_some(),
            Asked::Several(datasets) => datasets.iter().any(|dataset| dataset.rationales.is_some()),
        }
    }

    /// Reads the questions of every dataset, and their rationales where a target needs them.
    pub(super) fn materials(&self, context: &Context<'_>) -> Result<Vec<Material>, StageError> {
        let reads = self.reads();
        let read = |questions: &Input<Questions>, rationales: Option<&Input<Rationales>>| {
            let rationales = rationales.filter(|_| reads).map(|input| context.read(input)).transpose()?;
            Ok(Material { questions: context.read(questions)?, rationales: rationales.unwrap_or_default() })
        };
        let mut materials = match &self.questions {
            Asked::One(questions) => vec![read(questions, self.rationales.as_ref())?],
            Asked::Several(datasets) => datasets
                .iter()
                .map(|dataset| read(&dataset.questions, dataset.rationales.as_ref()))
                .collect::<Result<_, StageError>>()?,
        };
        if self.deduplicate.get() == Some(&true) {
            self.deduplicated(context, &mut materials)?;
        }
        Ok(materials)
    }

    /// Takes out of the train split of each dataset what the dev or the test split of any of them has, with its rationales, and
    /// says how many these are.
    fn deduplicated(&self, context: &Context<'_>, materials: &mut [Material]) -> Result<(), StageError> {
        let held_out = Words::of(materials.iter().flat_map(|material| {
            [Split::Dev, Split::Test].into_iter().flat_map(|split| material.questions.split(split))
        }));
        for (index, Material { questions, rationales }) in materials.iter_mut().enumerate() {
            let Some(train) = questions.splits.get_mut(&Split::Train) else { continue };
            let (before, mut gone) = (train.len(), BTreeSet::new());
            train.retain(|question| {
                let stays = !held_out.has(question);
                if !stays {
                    gone.insert(question.id.clone());
                }
                stays
            });
            if gone.is_empty() {
                continue;
            }
            let told = format!(
                "{} of {before} questions of the train split are held out in a dev or a test split",
                gone.len()
            );
            if train.is_empty() {
                return Err(self.of_dataset(index, data(format!("{told}, which leaves none to train on"))));
            }
            rationales.rows.retain(|row| !gone.contains(&row.id));
            let told = self.of_dataset(index, data(format!("{told}, and are left out")));
            context.warn(told.to_string());
        }
        Ok(())
    }

    /// Says of which of several datasets an error is.
    pub(super) fn of_dataset(&self, index: usize, error: StageError) -> StageError {
        match &self.questions {
            Asked::One(_) => error,
            Asked::Several(_) => data(format!("`questions[{index}]`: {error}")),
        }
    }

    /// Returns the dev questions with a known answer: the first `eval_questions` of each dataset.
    pub(super) fn dev<'q>(&self, materials: &'q [Material]) -> Vec<&'q Question> {
        let known = |material: &'q Material| {
            let known = material.questions.split(Split::Dev).iter().filter(|question| question.answer.is_some());
            known.take(self.recipe.eval_questions.map_or(usize::MAX, Count::get))
        };
        materials.iter().flat_map(known).collect()
    }

    /// Says for each dataset which of its questions are trained on. `usable` has, for each dataset, the questions that could be,
    /// by index and identifier.
    pub(super) fn mixed(
        &self,
        usable: &[Vec<(usize, &str)>],
    ) -> Result<(Vec<Vec<usize>>, Vec<MixedDataset>), StageError> {
        let all = |of: &Vec<(usize, &str)>| of.iter().map(|(index, _)| *index).collect::<Vec<_>>();
        let Asked::Several(datasets) = &self.questions else {
            return Ok((usable.iter().map(all).collect(), Vec::new()));
        };
        let proportions: Option<Vec<f64>> =
            datasets.iter().map(|dataset| dataset.proportion.map(PositiveReal::get)).collect();
        let sizes: Vec<usize> = usable.iter().map(Vec::len).collect();
        let taken = proportions.as_ref().map_or_else(|| sizes.clone(), |proportions| counts(&sizes, proportions));
        if let Some(empty) = taken.iter().position(|count| *count == 0) {
            let of = format!("`questions[{empty}]` has {} questions to train on", sizes[empty]);
            return Err(data(match sizes[empty] {
                0 => format!("{of}: leave the dataset out, or give its rationales"),
                _ => format!("{of}, and its proportion beside the smallest dataset leaves none of them: raise it"),
            }));
        }
        let choose = |(of, count): (&Vec<(usize, &str)>, &usize)| {
            let ids: Vec<&str> = of.iter().map(|(_, id)| *id).collect();
            drawn(&ids, *count, self.seed.0).into_iter().map(|place| of[place].0).collect()
        };
        let mixed = |(questions, trained): (&usize, &usize)| MixedDataset { questions: *questions, trained: *trained };
        Ok((usable.iter().zip(&taken).map(choose).collect(), sizes.iter().zip(&taken).map(mixed).collect()))
    }
}
