//! How a student learns from a teacher's distributions, as a recipe writes it, and how these come to its sequences.

use std::collections::BTreeMap;
use std::sync::Arc;

use retort_artifact::TeacherLogits;
use retort_fingerprint::ContentHash;
use retort_model::{self as model, Distributions, DivergenceKind, Example};
use retort_stage::params::{Input, PositiveReal, UnitReal};
use retort_stage::{Coming, Context, Misfit, StageError};
use retort_text::tokenizer::Tokenizer;

use super::labels::Labels;
use super::sequence::data;
use super::train::Train;

/// The port of the teacher's distributions.
pub(super) const PORT: &str = "recipe.divergence.teacher";

retort_stage::params! {
    /// A divergence from a teacher's distributions in the loss: (1 − weight) · cross-entropy + weight · temperature² ·
    /// divergence, for each token that carries loss.
    pub struct DivergenceRecipe {
        /// The stage of kind `teacher_logits` that has the teacher's distributions for these very sequences.
        pub teacher: Input<TeacherLogits>,
        /// Which divergence: `forward`, KL(teacher ‖ student); `reverse`, KL(student ‖ teacher); or `jsd`, Jensen-Shannon,
        /// halfway between the two.
        pub kind: DivergenceKind = DivergenceKind::Forward,
        /// How much of the loss is the divergence, from 0 to 1; the rest is cross-entropy. With 0 the teacher has no part in the
        /// training.
        pub weight: UnitReal = UnitReal::of(0.5),
        /// The temperature of both distributions, a number above 0: probabilities are raised to the power 1/temperature and
        /// normalised again. The tokens that the teacher's stage does not list count as one outcome, on both sides.
        pub temperature: PositiveReal = PositiveReal::of(1.0),
    }
}

impl DivergenceRecipe {
    /// What it comes to in training; `None` where it weighs nothing.
    pub(super) fn setting(&self) -> Option<model::Divergence> {
        let Self { teacher: _, kind, weight, temperature } = self;
        let (weight, temperature) = (weight.get(), temperature.get());
        (weight > 0.0).then_some(model::Divergence { kind: *kind, weight, temperature })
    }
}

/// What a teacher says of sequences.
pub(super) struct Lessons {
    /// By the tokens and the first that it speaks of.
    said: BTreeMap<(Vec<u32>, usize), Arc<Distributions>>,
    /// A sequence of each question.
    known: BTreeMap<String, (Vec<u32>, usize)>,
}

impl Train {
    /// The divergence, where it weighs anything.
    pub(super) fn divergence(&self) -> Option<&DivergenceRecipe> {
        self.recipe.divergence.get().filter(|divergence| divergence.setting().is_some())
    }

    /// Says what decides how sequences are put together, by field, as far as the parameters alone decide it.
    pub(super) fn sequence_settings(&self) -> Vec<(&'static str, String)> {
        let seed = (self.labels == Labels::Shuffled).then_some(self.seed);
        [
            ("placement", self.placement.term()),
            ("targets", self.targets.term()),
            ("labels", self.labels.term()),
            ("prompt", self.prompt.term()),
            ("system", self.system.term()),
            ("think", self.think.term()),
            ("answer_form", self.answer_form.term()),
            ("marker", self.marker.term()),
            ("marker_as", self.marker_as.term()),
            ("add_tokens", self.add_tokens.term()),
            ("begin", self.begin.term()),
            ("end", self.end.term()),
            ("loss", self.loss.term()),
            ("seed", seed.term()),
        ]
        .map(|(field, term)| (field, format!("{term:?}")))
        .to_vec()
    }

    /// Lists the fields by which a teacher's sequences are known to be others.
    pub(super) fn other_sequences(&self, coming: &[Coming]) -> Vec<Misfit> {
        let Some(teacher) = coming.iter().find(|coming| coming.port == PORT).filter(|_| self.divergence().is_some())
        else {
            return Vec::new();
        };
        let own = self.sequence_settings();
        let differs = |(field, said): &&(&str, String)| teacher.told(field).is_some_and(|told| told != said);
        let fields: Vec<String> = own.iter().filter(differs).map(|(field, _)| format!("`{field}`")).collect();
        if fields.is_empty() {
            return Vec::new();
        }
        let made_by = if teacher.made_by.is_empty() { "the teacher's stage" } else { &teacher.made_by };
        vec![Misfit {
            field: PORT.into(),
            message: format!(
                "`{made_by}` has other sequences than this stage trains on: {} differs",
                fields.join(", ")
            ),
            hint: Some("give both stages the same fields, for example from one fragment with `use`".into()),
        }]
    }

    /// Reads what the teacher says, and checks that it has the student's tokenizer; `None` where no teacher has a part in the
    /// training.
    pub(super) fn lessons(&self, context: &Context<'_>, tokenizer: &Tokenizer) -> Result<Option<Lessons>, StageError> {
        let Some(divergence) = self.divergence() else { return Ok(None) };
        let TeacherLogits { top, rows, tokenizer: theirs } = context.read(&divergence.teacher)?;
        let theirs = Tokenizer::from_json(&theirs).map_err(data)?;
        if let Some(why) = tokenizer.difference("the student's", "the teacher's", &theirs).map_err(data)? {
            return Err(data(format!("`recipe.divergence`: {}", another_tokenizer(&why))));
        }
        let mut lessons = Lessons { said: BTreeMap::new(), known: BTreeMap::new() };
        for row in rows {
            let sequence = row.sequence;
            let said = Distributions::new(top, row.top_ids, row.logs)
                .ok_or_else(|| data(format!("what the teacher says of question `{}` is not whole", sequence.id)))?;
            let key = (sequence.ids, sequence.from);
            lessons.known.entry(sequence.id).or_insert_with(|| key.clone());
            lessons.said.insert(key, Arc::new(said));
        }
        Ok(Some(lessons))
    }
}

impl Lessons {
    /// Gives each example what the teacher says of it. `made_of` has the question of each.
    pub(super) fn give(
        &self,
        examples: &mut [Example],
        made_of: &[String],
        tokenizer: &Tokenizer,
    ) -> Result<(), StageError> {
        for (example, question) in examples.iter_mut().zip(made_of) {
            let key = (std::mem::take(&mut example.ids), example.loss_from.max(1));
            let said = self.said.get(&key);
            example.teacher = Some(said.ok_or_else(|| self.lacking(question, &key, tokenizer))?.clone());
            example.ids = key.0;
        }
        Ok(())
    }

    fn lacking(&self, question: &str, (ids, from): &(Vec<u32>, usize), tokenizer: &Tokenizer) -> StageError {
        let Some((theirs, their_from)) = self.known.get(question) else {
            return data(format!(
                "`recipe.divergence`: the teacher was not asked about question `{question}`: give both stages the same \
                 `questions`, `rationales` and `missing`"
            ));
        };
        let hint = "give both stages the same fields, for example from one fragment with `use`";
        let common = ids.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        if common == ids.len() && common == theirs.len() {
            return data(format!(
                "question `{question}`: the student learns from token {from} of its sequence on, and the teacher speaks of those \
                 from {their_from} on: {hint}"
            ));
        }
        let shown = |ids: &[u32]| match &ids[common..ids.len().min(common + 8)] {
            [] => "its end".to_owned(),
            some => format!("`{}`", tokenizer.decode(some).unwrap_or_default().replace('\n', "\\n")),
        };
        data(format!(
            "question `{question}`: the teacher was shown another sequence than the student is trained on: behind the first {common} \
             tokens it had {}, and the student has {}: {hint}",
            shown(theirs),
            shown(ids),
        ))
    }
}

/// What is said of a teacher with another tokenizer; `why` says in what they differ.
pub(super) fn another_tokenizer(why: &str) -> String {
    format!(
        "teacher and student must have one tokenizer, and {why}: take a teacher of the same family, or one that is trained with the \
         student's `student`, `marker` and `add_tokens`; `marker_as: text` or an `answer_form` adds no token to the vocabulary"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_text::tokenizer::train_bpe;

    #[test]
    fn sequences_are_found_by_their_tokens_and_what_is_lacking_is_named() {
        let tokenizer = train_bpe(["a b c d e f"], 262, &[]).unwrap();
        let ids = |text: &str| tokenizer.ids(text).unwrap();
        let said =
            |positions: usize| Arc::new(Distributions::new(1, vec![3; positions], vec![-1.0; 2 * positions]).unwrap());
        let (one, two) = ((ids("a b c"), 2), (ids("a b d"), 2));
        let lessons = Lessons {
            said: [(one.clone(), said(one.0.len() - 2)), (two.clone(), said(two.0.len() - 2))].into(),
            known: [("x".to_owned(), one)].into(),
        };
        let example = |text: &str, loss_from| {
            let ids = ids(text);
            Example { ids, loss_from, weights: None, task: None, teacher: None }
        };
        let give = |example: Example, question: &str| {
            let mut examples = [example];
            lessons.give(&mut examples, &[question.to_owned()], &tokenizer).map_err(|error| error.to_string())?;
            let [example] = examples;
            Ok::<_, String>((tokenizer.decode(&example.ids).unwrap(), example.teacher.unwrap().positions()))
        };
        // Whatever question a sequence is of, what is said of it is the same.
        assert_eq!(give(example("a b d", 2), "y"), Ok(("a b d".to_owned(), ids("a b d").len() - 2)));
        assert!(give(example("a b e", 2), "y").unwrap_err().contains("was not asked about question `y`"));
        let other = give(example("a b e", 2), "x").unwrap_err();
        assert!(other.contains("question `x`") && other.contains("c`") && other.contains("e`"), "{other}");
        assert!(give(example("a b c", 1), "x").unwrap_err().contains("from token 1 of its sequence"));
        assert!(give(example("a b", 1), "x").unwrap_err().contains("its end"));
    }
}
