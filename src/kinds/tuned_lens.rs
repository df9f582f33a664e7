//! `tuned_lens`: translators through which each layer of a student can be read.

use std::collections::BTreeMap;

use crate::failed::model_failed;
use retort_artifact::{Checkpoint, Questions, Rationale, Rationales, Split, Translators as Trained, TuningLog};
use retort_fingerprint::{Digest, Draw};
use retort_model::{
    Budget, LensError, LensLimits, LensRequest, Model, Passage, Translators, TuneError, TuneHooks, TuneRecipe,
    TuneState, TuneStep, Tuned, read_layers, resume_tuning, tune,
};
use retort_stage::params::{Count, Input, PositiveReal, Seed, UnitReal};
use retort_stage::{Context, Slot, Stage, StageError};

use super::evaluate::Loaded;
use super::saving::Saving;
use super::sequence::{Sequences, data};
use super::train::LossOn;

retort_stage::params! {
    /// Translators of a tuned lens: for each layer an affine map, trained so that the layer says what the student says at
    /// its end, by the recipe of Belrose et al. (2023): Nesterov momentum, a rate that falls to zero in a straight line,
    /// clipped gradients, decay toward the identity. They learn from the questions of a split with their targets.
    pub struct TunedLens {
        /// The student.
        pub model: Input<Checkpoint>,
        /// The questions whose text they learn from.
        pub questions: Input<Questions>,
        /// The rationales that stand in the targets, as the student was taught; the label alone where none are given.
        pub rationales: Option<Input<Rationales>>,
        /// The split the text is of.
        pub split: Split = Split::Train,
        /// Which tokens they learn from: those of the whole `sequence`, or of the `target`.
        pub loss: LossOn = LossOn::Sequence,
        /// Steps of the optimiser.
        pub steps: Count = Count::of(250),
        /// Tokens that a step learns from; the text is read again and again.
        pub tokens: Count = Count::of(262_144),
        /// The learning rate at the start, times 1 − `momentum`.
        pub lr: PositiveReal = PositiveReal::of(1.0),
        /// What is kept of earlier gradients.
        pub momentum: UnitReal = UnitReal::of(0.9),
        /// The pull toward the identity.
        pub weight_decay: UnitReal = UnitReal::of(1.0e-3),
        /// The largest norm of the gradient over all layers; `null` for none.
        pub max_grad_norm: Option<PositiveReal> = Some(PositiveReal::of(1.0)),
        /// Whether only the biases are learned.
        pub bias_only: bool = false,
        /// The fraction of the text that is kept apart, to measure how far each layer is from the student before and after.
        pub held_out: UnitReal = UnitReal::of(0.05),
        /// The most tokens of a passage; longer ones are cut and counted.
        pub max_length: Count = Count::of(512),
        /// The most tokens, over all passages, that run side by side; halved whenever the device has no memory for them.
        pub positions: Count = Count::of(2_048),
        /// The most logits that are held at once, places times vocabulary, of a layer and of the output together; a block of
        /// 1,024 tokens at one place at least.
        pub logits: Count = Count::of(16_777_216),
        /// Decides the order of the text and what is kept apart.
        pub seed: Seed,
    }
}

impl Stage for TunedLens {
    type Output = Trained;

    const NAME: &'static str = "tuned_lens";
    const REVISION: u32 = 3;
    const ABOUT: &'static str = "Translators through which each layer of a student can be read.";
    const EXAMPLE: &'static str = "{ model: tuned, questions: questions, rationales: rationales, tokens: 4096 }";

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            "model" => Some(Checkpoint::MODEL_PARTS.map(str::to_owned).to_vec()),
            "questions" => Some(vec![self.split.name().to_owned()]),
            _ => None,
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<Trained, StageError> {
        let loaded = Loaded::from(context, &self.model)?;
        let mut log = TuningLog {
            student: context.parts(&self.model)?.get("weights").map(Digest::hex).unwrap_or_default(),
            bias_only: self.bias_only,
            ..TuningLog::default()
        };
        let mut text = self.text(context, &loaded, &mut log)?;
        Draw::new(self.seed.0, &["tuned_lens", "held out"]).shuffle(&mut text);
        let apart = (text.len() as f64 * self.held_out.get()).ceil() as usize;
        let apart = text.split_off(text.len() - apart.min(text.len().saturating_sub(1)));
        (log.passages, log.held_out) = (text.len(), apart.len());
        let limits = LensLimits { budget: Budget::of(self.positions.get()), logits_max: self.logits.get() };
        log.before = before(context, &loaded, &apart, &limits)?;
        let partial = context.partial();
        let saved = partial.open(STATE)?;
        let mut hooks = Hooks { context, saving: Saving::new(partial, STATE) };
        let (model, recipe) = (&loaded.model, self.recipe());
        let tuned = match saved {
            Some(state) => match resume_tuning(model, &text, &recipe, &limits, state, &mut hooks) {
                Err(TuneError::State(error)) => {
                    context.warn(format!("the saved state is of no use, so tuning begins anew: {error}"));
                    tune(model, &text, &recipe, &limits, &mut hooks)
                }
                other => other,
            },
            None => tune(model, &text, &recipe, &limits, &mut hooks),
        };
        let Tuned { translators, steps } = tuned.map_err(|error| match error {
            TuneError::Stopped { .. } => StageError::Stopped,
            TuneError::Model(error) => model_failed(error),
            other => data(other),
        })?;
        log.divergences = steps.iter().map(|step| step.divergence as f32).collect();
        log.learning_rates = steps.iter().map(|step| step.lr as f32).collect();
        log.grad_norms = steps.iter().map(|step| step.grad_norm as f32).collect();
        log.after = divergences(context, &loaded.model, &apart, Some(&translators), &limits)?;
        Ok(Trained { weights: context.store_part(|out| translators.write(out))?, log })
    }
}

/// The name of the saved state of tuning.
const STATE: &str = "tuning";
/// The name under which is saved how far each layer was from the student before.
const BEFORE: &str = "before";

/// What tuning tells and saves on the way.
struct Hooks<'a> {
    context: &'a Context<'a>,
    saving: Saving,
}

impl TuneHooks for Hooks<'_> {
    fn seen(&mut self, step: &TuneStep) -> bool {
        let at = step.step as u64;
        self.context.progress(at, step.steps_total as u64, "steps");
        self.context.measure("divergence", at, step.divergence);
        self.context.measure("learning rate", at, step.lr);
        self.context.measure("gradient norm", at, step.grad_norm);
        !self.context.stopping()
    }

    fn save_due(&mut self) -> bool {
        self.saving.due()
    }

    fn save(&mut self, state: &TuneState<'_>) -> std::io::Result<()> {
        self.saving.save(|out| state.write_to(out))
    }
}

impl TunedLens {
    fn recipe(&self) -> TuneRecipe {
        TuneRecipe {
            steps: self.steps.get(),
            tokens: self.tokens.get(),
            lr: self.lr.get(),
            momentum: self.momentum.get(),
            weight_decay: self.weight_decay.get(),
            max_grad_norm: self.max_grad_norm.map(PositiveReal::get),
            bias_only: self.bias_only,
            seed: self.seed.0,
        }
    }

    /// Puts the text together, and counts what had to be left out or cut.
    fn text(&self, context: &Context<'_>, loaded: &Loaded, log: &mut TuningLog) -> Result<Vec<Passage>, StageError> {
        let questions = context.read(&self.questions)?;
        let rationales = self.rationales.as_ref().map(|input| context.read(input)).transpose()?;
        let mut by_id: BTreeMap<&str, Vec<&Rationale>> = BTreeMap::new();
        for row in rationales.iter().flat_map(|rationales| &rationales.rows) {
            by_id.entry(&row.id).or_default().push(row);
        }
        let sequences = Sequences::new(&loaded.checkpoint.usage, &loaded.tokenizer)?;
        let most = self.max_length.get().min(loaded.model.config().context());
        let mut text = Vec::new();
        for question in questions.split(self.split) {
            let Some(label) = &question.answer else { continue };
            let written: Vec<&str> = match (&rationales, by_id.get(question.id.as_str())) {
                (Some(_), Some(rows)) => rows.iter().map(|row| row.text.as_str()).collect(),
                (Some(_), None) => Vec::new(),
                (None, _) => vec![""],
            };
            log.without_rationale += usize::from(written.is_empty());
            for rationale in written {
                let sequence = sequences.with_target(question, label, rationale)?;
                let from = match self.loss {
                    LossOn::Sequence => 0,
                    LossOn::Target => sequence.target_from.saturating_sub(1),
                };
                let mut ids = sequence.ids;
                log.truncated += usize::from(ids.len() > most);
                ids.truncate(most);
                text.extend((from < ids.len()).then_some(Passage { ids, from }));
            }
        }
        if text.is_empty() {
            return Err(data(format!(
                "cannot tune a lens: split `{}` has no question with a known answer{} whose target fits into {most} tokens",
                self.split,
                if rationales.is_some() { " and a rationale" } else { "" },
            )));
        }
        if log.without_rationale > 0 {
            context.warn(format!("{} questions have no rationale and are left out", log.without_rationale));
        }
        if log.truncated > 0 {
            context.warn(format!("{} passages were cut to {most} tokens", log.truncated));
        }
        Ok(text)
    }
}

/// How far each layer is from the student on what is kept apart, measured once however often tuning is stopped.
fn before(
    context: &Context<'_>,
    loaded: &Loaded,
    apart: &[Passage],
    limits: &LensLimits,
) -> Result<Vec<f64>, StageError> {
    let partial = context.partial();
    let saved = partial.load(BEFORE)?.and_then(|bytes| serde_json::from_slice::<Vec<f64>>(&bytes).ok());
    if let Some(saved) = saved {
        return Ok(saved);
    }
    let found = divergences(context, &loaded.model, apart, None, limits)?;
    if found.iter().all(|divergence| divergence.is_finite()) {
        partial.save(BEFORE, |out| Ok(serde_json::to_writer(out, &found)?))?;
    }
    Ok(found)
}

/// How far each layer but the last is from the student, in nats, averaged over the places of some text; nothing without any.
fn divergences(
    context: &Context<'_>,
    model: &Model,
    text: &[Passage],
    translators: Option<&Translators>,
    limits: &LensLimits,
) -> Result<Vec<f64>, StageError> {
    let layers: Vec<usize> = (0..model.config().layers()).collect();
    let targets = vec![0; text.iter().map(|passage| passage.ids.len()).max().unwrap_or(0)];
    let (mut sums, mut places) = (vec![0.0; layers.len()], 0_usize);
    for passages in text.chunks(16) {
        if context.stopping() {
            return Err(StageError::Stopped);
        }
        let read = |passage: &Passage| passage.from..passage.ids.len();
        let requests: Vec<LensRequest<'_>> = (passages.iter())
            .map(|one| LensRequest { ids: &one.ids, read: read(one), targets: &targets[..read(one).len()] })
            .collect();
        let grids = read_layers(model, &requests, &layers, translators, limits).map_err(|error| match error {
            LensError::Model(error) => model_failed(error),
            other => data(other),
        })?;
        for grid in grids {
            places += grid.first().map_or(0, Vec::len);
            for (sum, layer) in sums.iter_mut().zip(&grid) {
                *sum += layer.iter().map(|reading| f64::from(reading.divergence)).sum::<f64>();
            }
        }
    }
    Ok(if places == 0 { Vec::new() } else { sums.into_iter().map(|sum| sum / places as f64).collect() })
}
