//! How to train: the settings of the Hugging Face Trainer, under its meanings.

use super::error::RecipeError;
use super::kernels::Precision;
use super::lora::Lora;
use super::weighing::Ramp;

/// The settings of a training run. [`Recipe::default`] has the Trainer's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The highest learning rate.
    pub lr: f64,
    /// Examples in one batch.
    pub batch: usize,
    /// Batches whose gradients make one step. The loss of a step is the mean over the targets of all of them.
    pub accumulate: usize,
    /// How long to train.
    pub length: Length,
    /// Steps over which the learning rate rises from zero.
    pub warmup_steps: u64,
    /// The fraction of all steps over which it does, rounded up, where `warmup_steps` is zero.
    pub warmup_ratio: f64,
    /// What the learning rate does after the warm-up.
    pub schedule: Schedule,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Which weights decay.
    pub decay: Decay,
    /// Decay of AdamW's first moment.
    pub beta1: f64,
    /// Decay of AdamW's second moment.
    pub beta2: f64,
    /// Term in AdamW's denominator.
    pub epsilon: f64,
    /// The largest norm of the gradient over all weights; `None` leaves the gradient as it is.
    pub max_grad_norm: Option<f64>,
    /// Steps from one evaluation to the next; `None` never evaluates, and the last weights are the result.
    pub eval_every: Option<u64>,
    /// Evaluations in a row without an improvement above `threshold` after which training stops; `None` goes on.
    pub patience: Option<u32>,
    /// The improvement that must be exceeded for `patience` to begin anew.
    pub threshold: f64,
    /// The fraction that is dropped at every site, instead of the fractions of the model's configuration.
    pub dropout: Option<f64>,
    /// Whether the examples of a step are of like length, and the first step has the longest.
    pub group_by_length: bool,
    /// The precision of matrix products. Weights, sums and all else are in `f32`.
    pub precision: Precision,
    /// Adapts the weights by matrices of low rank, which alone learn, instead of the weights.
    pub lora: Option<Lora>,
    /// The factor on the weights of the tokens that say so; 1 where this is not given.
    pub ramp: Option<Ramp>,
    /// The seed of the order of examples, of dropout and of adaptation.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            lr: 5e-5,
            batch: 8,
            accumulate: 1,
            length: Length::Epochs(3.0),
            warmup_steps: 0,
            warmup_ratio: 0.0,
            schedule: Schedule::Linear,
            weight_decay: 0.0,
            decay: Decay::Matrices,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            max_grad_norm: Some(1.0),
            eval_every: None,
            patience: None,
            threshold: 0.0,
            dropout: None,
            group_by_length: false,
            precision: Precision::F32,
            lora: None,
            ramp: None,
            seed: 42,
        }
    }
}

/// How long to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// This many passes over the examples, rounded up to whole steps.
    Epochs(f64),
    /// This many steps.
    Steps(u64),
}

/// What the learning rate does after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Falls in a line to zero at the end.
    Linear,
    /// Stays.
    Constant,
    /// Falls along half a cosine to zero at the end (Loshchilov and Hutter 2017).
    Cosine,
}

retort_fingerprint::words!(Schedule { Linear = "linear", Constant = "constant", Cosine = "cosine" });

/// Which weights decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// All but biases and normalisation, as in the Trainer.
    Matrices,
    /// All, as in PyTorch's AdamW left to itself.
    All,
}

retort_fingerprint::words!(Decay { Matrices = "matrices", All = "all" });

impl Recipe {
    /// Whether every setting makes sense.
    pub fn check(&self) -> Result<(), RecipeError> {
        let fail = |field, value: String, wanted: &str| Err(RecipeError { field, value, wanted: wanted.to_owned() });
        let not_negative = |x: f64| x.is_finite() && x >= 0.0;
        for (field, value) in [
            ("lr", self.lr),
            ("weight_decay", self.weight_decay),
            ("threshold", self.threshold),
            ("epsilon", self.epsilon),
        ] {
            if !not_negative(value) {
                return fail(field, value.to_string(), "a number of at least 0");
            }
        }
        for (field, value) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&value) {
                return fail(field, value.to_string(), "at least 0 and below 1");
            }
        }
        if !(0.0..1.0).contains(&self.warmup_ratio) {
            return fail("warmup_ratio", self.warmup_ratio.to_string(), "at least 0 and below 1");
        }
        if self.warmup_steps > 0 && self.warmup_ratio > 0.0 {
            return fail("warmup_ratio", self.warmup_ratio.to_string(), "absent where `warmup_steps` is given");
        }
        if let Some(rate) = self.dropout.filter(|rate| !(0.0..1.0).contains(rate)) {
            return fail("dropout", rate.to_string(), "at least 0 and below 1");
        }
        if let Some(lora) = &self.lora {
            if lora.rank == 0 {
                return fail("lora.rank", lora.rank.to_string(), "at least 1");
            }
            if !(lora.alpha.is_finite() && lora.alpha > 0.0) {
                return fail("lora.alpha", lora.alpha.to_string(), "a number above 0");
            }
        }
        if let Some(Ramp { from, to, over }) = &self.ramp {
            for (field, value) in [("ramp.from", *from), ("ramp.to", *to)] {
                if !not_negative(value) {
                    return fail(field, value.to_string(), "a number of at least 0");
                }
            }
            if !(0.0..=1.0).contains(over) {
                return fail("ramp.over", over.to_string(), "from 0 to 1");
            }
        }
        for (field, value) in [("batch", self.batch), ("accumulate", self.accumulate)] {
            if value == 0 {
                return fail(field, value.to_string(), "at least 1");
            }
        }
        if let Some(norm) = self.max_grad_norm.filter(|norm| !(norm.is_finite() && *norm > 0.0)) {
            return fail("max_grad_norm", norm.to_string(), "a number above 0");
        }
        if self.eval_every == Some(0) {
            return fail("eval_every", "0".to_owned(), "at least 1");
        }
        match (self.patience, self.eval_every) {
            (Some(0), _) => return fail("patience", "0".to_owned(), "at least 1"),
            (Some(patience), None) => {
                return fail("patience", patience.to_string(), "absent where `eval_every` is absent");
            }
            _ => {}
        }
        match self.length {
            Length::Epochs(epochs) if !(epochs.is_finite() && epochs > 0.0) => {
                fail("epochs", epochs.to_string(), "a number above 0")
            }
            Length::Steps(0) => fail("steps", "0".to_owned(), "at least 1"),
            _ => Ok(()),
        }
    }

    /// Steps in one pass over `examples` examples; the last one may be short.
    pub fn steps_per_epoch(&self, examples: usize) -> u64 {
        examples.div_ceil(self.batch).div_ceil(self.accumulate) as u64
    }

    /// Steps of the whole run.
    pub fn steps_total(&self, examples: usize) -> u64 {
        match self.length {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => (epochs * self.steps_per_epoch(examples) as f64).ceil() as u64,
        }
    }

    /// The learning rate of the step after `done` steps of `total`.
    pub fn learning_rate(&self, done: u64, total: u64) -> f64 {
        let warmup = match self.warmup_steps {
            0 => (self.warmup_ratio * total as f64).ceil() as u64,
            steps => steps,
        };
        let left = total.saturating_sub(done) as f64 / total.saturating_sub(warmup).max(1) as f64;
        let factor = if done < warmup {
            done as f64 / warmup as f64
        } else {
            match self.schedule {
                Schedule::Constant => 1.0,
                Schedule::Linear => left,
                Schedule::Cosine => 0.5 * (1.0 + libm::cos(std::f64::consts::PI * (1.0 - left))),
            }
        };
        self.lr * factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_as_the_trainer_counts_them() {
        let recipe = Recipe { batch: 4, accumulate: 2, length: Length::Epochs(2.5), ..Recipe::default() };
        assert_eq!(recipe.steps_per_epoch(17), 3);
        assert_eq!(recipe.steps_total(17), 8);
        assert_eq!(Recipe { length: Length::Steps(5), ..recipe }.steps_total(17), 5);
    }

    #[test]
    fn the_learning_rate_rises_and_falls() {
        let recipe = Recipe { lr: 1.0, warmup_steps: 2, ..Recipe::default() };
        let rates: Vec<f64> = (0..6).map(|done| recipe.learning_rate(done, 6)).collect();
        assert_eq!(rates, [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]);
        let cosine = Recipe { schedule: Schedule::Cosine, warmup_steps: 0, warmup_ratio: 0.3, ..recipe.clone() };
        let rates: Vec<f64> = (0..6).map(|done| (cosine.learning_rate(done, 6) * 1e4).round()).collect();
        assert_eq!(rates, [0.0, 5000.0, 10000.0, 8536.0, 5000.0, 1464.0]);
        let constant = Recipe { schedule: Schedule::Constant, ..recipe };
        assert_eq!(constant.learning_rate(5, 6).to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn senseless_settings_are_named() {
        let check = |recipe: Recipe| recipe.check().expect_err("senseless").to_string();
        assert_eq!(
            check(Recipe { batch: 0, ..Recipe::default() }),
            "cannot train with `batch` = 0: it must be at least 1"
        );
        assert_eq!(
            check(Recipe { patience: Some(3), ..Recipe::default() }),
            "cannot train with `patience` = 3: it must be absent where `eval_every` is absent"
        );
        assert_eq!(
            check(Recipe { lr: f64::NAN, ..Recipe::default() }),
            "cannot train with `lr` = NaN: it must be a number of at least 0"
        );
        let ramp = |from, to, over| Recipe { ramp: Some(Ramp { from, to, over }), ..Recipe::default() };
        assert_eq!(check(ramp(1.0, -1.0, 0.5)), "cannot train with `ramp.to` = -1: it must be a number of at least 0");
        assert_eq!(check(ramp(1.0, 0.0, 1.5)), "cannot train with `ramp.over` = 1.5: it must be from 0 to 1");
        assert_eq!(Recipe::default().check(), Ok(()));
    }
}
