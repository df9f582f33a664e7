//! `teacher_logits`: what a local model holds likely at each place of the sequences that a student is trained on.
//!
//! The sequences are put together by the very code that `train` calls, from the same fields; the teacher is forced along them,
//! and of each place that carries loss its likeliest tokens are kept, with the probability of all others together. Each sequence
//! is a row of its own.

use retort_artifact::{Placement, Rationales, Split, TaughtSequence, TeacherLogits as Said, TeacherRow};
use retort_fingerprint::{ContentHash, RowKey, Term};
use retort_model::{Budget, Continuation, Device, Example, distributions};
use retort_source::{Node, Value};
use retort_stage::params::{Aside, Count, FromNode, Input, Later, ModelSpec, Scope, Seed};
use retort_stage::{Clash, Context, Flaw, Looked, Slot, Stage, StageError};
use retort_text::prompt;
use retort_text::target::MARKER;
use retort_text::tokenizer::Tokenizer;

use super::bounds::{Begin, End};
use super::chat::{Brackets, Prompt};
use super::divergence::another_tokenizer;
use super::examples::Prepared;
use super::failed::model_failed;
use super::labels::Labels;
use super::missing::Missing;
use super::mixture::Asked;
use super::recipe::TrainRecipe;
use super::sequence::data;
use super::speaker::Speaker;
use super::student::Student;
use super::targets::Target;
use super::train::{Keep, LossOn, MarkerAs, Train};

/// The name of the rows.
const ROWS: &str = "teacher-logits";

/// Sequences that are asked about and kept together.
const TOGETHER: usize = 16;

/// The most bytes of a row, as the store takes them.
const ROW_BYTES_MAX: usize = 16 << 20;

retort_stage::params! {
    /// What a teacher holds likely at each place of the sequences that a student is trained on, for `recipe.divergence` of `train`.
    /// Every field but `model`, `top` and `positions` is that of the `train` stage, and has the same value: share them in a
    /// fragment.
    pub struct Written {
        /// The student, as `train` has it: its tokenizer, chat template and context decide the sequences.
        pub student: ModelSpec<Student>,
        /// The questions; those of the train split are used.
        pub questions: Asked,
        /// Whether questions that a dev or test split has as well are left out, as in `train`.
        pub deduplicate: Later<bool>,
        /// The rationales.
        pub rationales: Option<Input<Rationales>>,
        /// Where the target has its rationale: `none`, `before` the label, `after` it, or `both`.
        pub placement: Option<Placement>,
        /// Several targets a question instead of one `placement`, each a sequence of its own.
        pub targets: Later<Vec<Target>>,
        /// What becomes of questions that have no rationale where the target needs one: it will `fail`, `drop` them, or
        /// `keep` them with their labels alone.
        pub missing: Missing = Missing::Fail,
        /// Whose labels are in the sequences: `gold`, `teacher` or `shuffled`.
        pub labels: Labels = Labels::Gold,
        /// A template for the student's prompts, in Jinja; `chat`, or `{ chat: FILE }`, for its chat template.
        pub prompt: Prompt,
        /// The system message, with `prompt: chat`.
        pub system: Later<String>,
        /// Brackets around a rationale that stands before the label.
        pub think: Later<Brackets>,
        /// A sentence that states the answer, instead of a label between markers.
        pub answer_form: Later<String>,
        /// What stands around the label.
        pub marker: String = MARKER.into(),
        /// Whether the marker is a `token` of its own, which the teacher must then have too, or spelled as `text`.
        pub marker_as: MarkerAs = MarkerAs::Token,
        /// Further tokens that are added to the student's vocabulary, which the teacher must then have too.
        pub add_tokens: Vec<String> = Vec::new(),
        /// The token, or the tokens, before every text; `null` for none.
        pub begin: Begin,
        /// The token that ends a sequence; `null` for none.
        pub end: End,
        /// Which tokens carry loss: those of the `target`, or the whole `sequence`.
        pub loss: LossOn = LossOn::Target,
        /// The most tokens of a sequence; longer ones are cut and counted.
        pub max_length: Count = Count::of(512),
        /// Decides how `labels: shuffled` and the proportions of a mixture are drawn.
        pub seed: Seed,
        /// The teacher: a stage that makes a student (`train`, `pretrained`), the name of a model, `path: …`, or
        /// `{ hub: …, revision: … }`. Its tokenizer is the student's.
        pub model: Speaker,
        /// How many of the likeliest tokens are kept at each place; all others together are one further outcome.
        pub top: Count = Count::of(64),
        /// The most tokens, over all sequences, that run side by side on a device other than the CPU; halved whenever the device
        /// has no memory for them.
        pub positions: Count = Count::of(8_192),
    }
}

/// What a teacher holds likely along a student's sequences.
#[derive(Debug, Clone)]
pub struct TeacherLogits {
    written: Written,
    /// A training on the same sequences.
    train: Box<Train>,
}

impl FromNode for TeacherLogits {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let written = Written::from_node(node, scope)?;
        // How it would be trained decides nothing of its sequences, so that a recipe has its defaults.
        let recipe = TrainRecipe::from_node(&Node { value: Value::Map(Vec::new()), span: node.span }, scope)?;
        let of = written.clone();
        let train = Box::new(Train {
            student: of.student,
            questions: of.questions,
            deduplicate: of.deduplicate,
            rationales: of.rationales,
            placement: of.placement,
            targets: of.targets,
            missing: of.missing,
            labels: of.labels,
            prompt: of.prompt,
            system: of.system,
            think: of.think,
            answer_form: of.answer_form,
            marker: of.marker,
            marker_as: of.marker_as,
            add_tokens: of.add_tokens,
            begin: of.begin,
            end: of.end,
            loss: of.loss,
            weights: None,
            max_length: of.max_length,
            keep: Aside(Keep::Best),
            recipe,
            seed: of.seed,
        });
        Some(Self { written, train })
    }

    fn schema() -> serde_json::Value {
        Written::schema()
    }
}

impl ContentHash for TeacherLogits {
    fn term(&self) -> Term {
        let Self { written, train: _ } = self;
        written.term()
    }
}

impl Stage for TeacherLogits {
    type Output = Said;

    const NAME: &'static str = "teacher_logits";
    const REVISION: u32 = 1;
    const ABOUT: &'static str =
        "What a teacher holds likely at each place of the sequences that a student is trained on.";
    const EXAMPLE: &'static str = "\
{ model: large, student: small, questions: questions, rationales: rationales, placement: before, top: 64 }";

    fn foretold(&self) -> Vec<(&'static str, String)> {
        self.train.sequence_settings()
    }

    fn check(&self) -> Result<(), Clash> {
        self.train.check()
    }

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            "model" => Some(Speaker::PARTS.map(str::to_owned).to_vec()),
            _ => self.train.parts(port),
        }
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let mut flaws = self.train.preflight(context, looked);
        let Some(theirs) = self.written.model.look(context).transpose() else { return flaws };
        let Student::Directory(_) = &self.train.student.0 else {
            return flaws.into_iter().chain(Flaw::of("model", theirs.map(drop))).collect();
        };
        if flaws.is_empty() {
            // What is wrong with the student's own files is said above, or of another stage.
            let own = self.train.speech(context, prompt::STUDENT).ok();
            flaws.extend(match (own, theirs) {
                (_, Err(error)) => Some(Flaw::new("model", error)),
                (Some((own, ..)), Ok(theirs)) => Flaw::of("model", self.fit(&own, &theirs)),
                (None, Ok(_)) => None,
            });
        }
        flaws
    }

    fn run(&self, context: &Context<'_>) -> Result<Said, StageError> {
        let train = &self.train;
        let materials = train.materials(context)?;
        let asked = || materials.iter().flat_map(|material| material.questions.split(Split::Train));
        let (tokenizer, base, _) = train.speech(context, prompt::student(asked()))?;
        self.fit(&tokenizer, &self.written.model.tokenizer(context)?)?;
        let (_, of_targets) = train.usages(context, base)?;
        let positions = train.student.0.shape(context)?.map_or(usize::MAX, |config| config.context());
        let prepared = train.examples(context, &of_targets, &tokenizer, &materials, positions)?;
        let sequences = sequences(prepared);
        let room = self.written.model.config(context)?.context();
        if let Some(long) = sequences.iter().find(|sequence| sequence.ids.len() > room) {
            return Err(data(format!(
                "question `{}` has a sequence of {} tokens, and the teacher takes {room}: take a teacher with a longer context, or \
                 lower `max_length` to {room} here and in `train`",
                long.id,
                long.ids.len()
            )));
        }
        let bytes =
            |sequence: &TaughtSequence| (sequence.ids.len() - sequence.from) * 4 * (2 * self.written.top.get() + 1);
        if let Some(large) = sequences.iter().find(|sequence| bytes(sequence) > ROW_BYTES_MAX) {
            return Err(data(format!(
                "question `{}` has {} tokens that carry loss, and with `top: {}` what is kept of them takes {} MiB, more than the {} of \
                 a row: lower `top` or `max_length`",
                large.id,
                large.ids.len() - large.from,
                self.written.top.get(),
                bytes(large) >> 20,
                ROW_BYTES_MAX >> 20,
            )));
        }
        let rows = self.rows(context, &tokenizer, &sequences)?;
        Ok(Said { top: self.written.top.get(), rows, tokenizer: tokenizer.to_json().map_err(data)? })
    }
}

/// The sequences of examples.
fn sequences(prepared: Prepared) -> Vec<TaughtSequence> {
    let Prepared { examples, questions, samples, log } = prepared;
    let named = |example: &Example| example.task.map_or(String::new(), |task| log.targets[task.index].name.clone());
    let of = |((example, id), sample): ((Example, String), Option<u32>)| TaughtSequence {
        id,
        sample,
        target: named(&example),
        from: example.loss_from.max(1),
        ids: example.ids,
    };
    examples.into_iter().zip(questions).zip(samples).map(of).collect()
}

impl TeacherLogits {
    /// Checks that the teacher has the student's tokenizer, and that there are as many tokens as are asked for.
    fn fit(&self, own: &Tokenizer, theirs: &Tokenizer) -> Result<(), StageError> {
        if let Some(why) = own.difference("the student's", "the teacher's", theirs).map_err(data)? {
            return Err(data(another_tokenizer(&why)));
        }
        let (top, size) = (self.written.top.get(), own.size());
        if top > size {
            let why =
                format!("`top: {top}` is more than the {size} tokens of the vocabulary: lower it to {size} or less");
            return Err(data(why));
        }
        Ok(())
    }

    /// Finds what the teacher says of each sequence; what nobody asked before is asked, and kept as soon as it is there.
    fn rows(
        &self,
        context: &Context<'_>,
        tokenizer: &Tokenizer,
        sequences: &[TaughtSequence],
    ) -> Result<Vec<TeacherRow>, StageError> {
        let rows = context.rows(ROWS)?;
        let top = self.written.top.get();
        let teacher = self.written.model.row_term(context)?;
        let numerics = context.device::<Device>()?.numerics();
        let key = |sequence: &TaughtSequence| {
            RowKey::of(&Term::record([
                ("teacher", teacher.clone()),
                ("numerics", Term::Text(numerics.into())),
                ("ids", sequence.ids.term()),
                ("from", sequence.from.term()),
                ("top", top.term()),
                ("tokens", tokenizer.size().term()),
                ("revision", Self::REVISION.term()),
            ]))
        };
        let keys: Vec<RowKey> = sequences.iter().map(key).collect();
        let mut found: Vec<Option<TeacherRow>> = Vec::with_capacity(sequences.len());
        for (key, sequence) in keys.iter().zip(sequences) {
            let known = rows.get(key)?;
            found.push(known.and_then(|bytes| TeacherRow::from_bytes(sequence.clone(), top, &bytes)));
        }
        let open: Vec<usize> = (0..sequences.len()).filter(|index| found[*index].is_none()).collect();
        if open.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        let model = self.written.model.load(context, tokenizer)?;
        let budget = Budget::of(self.written.positions.get());
        let mut done = sequences.len() - open.len();
        context.progress(done as u64, sequences.len() as u64, "sequences");
        for some in open.chunks(TOGETHER) {
            if context.stopping() {
                rows.flush()?;
                return Err(StageError::Stopped);
            }
            let asked: Vec<Continuation<'_>> = some
                .iter()
                .map(|&index| Continuation { ids: &sequences[index].ids, from: sequences[index].from })
                .collect();
            let said = distributions(&model, &asked, top, tokenizer.size(), &budget).map_err(model_failed)?;
            for (&index, said) in some.iter().zip(said) {
                let sequence = sequences[index].clone();
                let id = sequence.id.clone();
                let row = TeacherRow { sequence, top_ids: said.ids().to_vec(), logs: said.logs().to_vec() };
                let bytes = row.to_bytes(top);
                // What would not be read again is no result.
                let row = TeacherRow::from_bytes(row.sequence, top, &bytes).ok_or_else(|| {
                    data(format!(
                        "the teacher's probabilities for question `{id}` are NaN: did its training diverge? See `retort show` of \
                         its stage"
                    ))
                })?;
                rows.put(keys[index], &bytes)?;
                found[index] = Some(row);
            }
            done += some.len();
            context.progress(done as u64, sequences.len() as u64, "sequences");
        }
        rows.flush()?;
        Ok(found.into_iter().flatten().collect())
    }
}
