//! What the learning rate does from step to step.

use super::error::RecipeError;

/// What the learning rate does after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Falls in a line to the end.
    Linear,
    /// Stays.
    Constant,
    /// Falls along half a cosine to the end (Loshchilov and Hutter 2017).
    Cosine,
    /// Stays, and falls over the last steps (Hu et al. 2024, "MiniCPM").
    WarmupStableDecay,
}

retort_fingerprint::words!(Schedule {
    Linear = "linear",
    Constant = "constant",
    Cosine = "cosine",
    WarmupStableDecay = "warmup_stable_decay",
});

/// The curve along which the learning rate of [`Schedule::WarmupStableDecay`] falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecayType {
    /// A line.
    Linear,
    /// Half a cosine.
    Cosine,
    /// One less the root of the fraction of steps.
    OneMinusRoot,
}

retort_fingerprint::words!(DecayType { Linear = "linear", Cosine = "cosine", OneMinusRoot = "1-sqrt" });

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Falling {
    /// What is left of the highest at the end.
    pub min_lr_ratio: f64,
    /// The last steps, over which it falls, of [`Schedule::WarmupStableDecay`].
    pub decay_steps: Option<u64>,
    /// The fraction of all steps that these are, rounded up, where their number is not given.
    pub decay_ratio: Option<f64>,
    /// The curve; half a cosine where this is not given.
    pub decay_type: Option<DecayType>,
}

impl Falling {
    /// Whether it goes with a schedule.
    pub(super) fn check(&self, schedule: Schedule) -> Result<(), RecipeError> {
        let Self { min_lr_ratio, decay_steps, decay_ratio, decay_type } = self;
        let fail = |field, value: String, wanted: &str| Err(RecipeError { field, value, wanted: wanted.to_owned() });
        if !(0.0..=1.0).contains(min_lr_ratio) {
            return fail("min_lr_ratio", min_lr_ratio.to_string(), "from 0 to 1");
        }
        if *min_lr_ratio > 0.0 && schedule == Schedule::Constant {
            return fail("min_lr_ratio", min_lr_ratio.to_string(), "absent with `schedule: constant`");
        }
        let given = [
            ("decay_steps", decay_steps.map(|steps| steps.to_string())),
            ("decay_ratio", decay_ratio.map(|ratio| ratio.to_string())),
            ("decay_type", decay_type.map(|kind| format!("{kind:?}"))),
        ];
        if schedule == Schedule::WarmupStableDecay {
            if let (Some(_), Some(ratio)) = (decay_steps, decay_ratio) {
                return fail("decay_ratio", ratio.to_string(), "absent where `decay_steps` is given");
            }
            if let Some(ratio) = decay_ratio.filter(|ratio| !(0.0..=1.0).contains(ratio)) {
                return fail("decay_ratio", ratio.to_string(), "from 0 to 1");
            }
            if decay_steps.is_none() && decay_ratio.is_none() {
                let wanted =
                    "with `decay_steps` or `decay_ratio`: over how many of the last steps the learning rate falls";
                return fail("schedule", "warmup_stable_decay".to_owned(), wanted);
            }
        } else if let Some((field, Some(value))) = given.into_iter().find(|(_, value)| value.is_some()) {
            return fail(field, value, "absent without `schedule: warmup_stable_decay`");
        }
        Ok(())
    }

    /// Steps over which the learning rate falls at the end, of [`Schedule::WarmupStableDecay`].
    pub(super) fn steps(&self, total: u64) -> u64 {
        let fraction = || self.decay_ratio.map_or(0, |ratio| (ratio * total as f64).ceil() as u64);
        self.decay_steps.unwrap_or_else(fraction)
    }
}

impl Schedule {
    /// What the highest learning rate is multiplied by in the step after `done` steps of `total`, as transformers has it: its
    /// `get_wsd_schedule`, and its cosine with a smallest rate, after which a line is treated as well.
    pub(super) fn factor(self, done: u64, total: u64, warmup: u64, falling: &Falling) -> f64 {
        let least = falling.min_lr_ratio;
        // Left as it is where nothing remains, so that no bit changes.
        let raised = |factor: f64| if least > 0.0 { factor * (1.0 - least) + least } else { factor };
        let risen = done as f64 / warmup as f64;
        if self == Self::WarmupStableDecay {
            let steps = falling.steps(total);
            let from = total.saturating_sub(steps).max(warmup);
            return match done {
                done if done < warmup => raised(risen),
                done if done < from => 1.0,
                done if done < total => {
                    let progress = (done - from) as f64 / steps.max(1) as f64;
                    raised(match falling.decay_type.unwrap_or(DecayType::Cosine) {
                        DecayType::Linear => 1.0 - progress,
                        DecayType::Cosine => 0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress)),
                        DecayType::OneMinusRoot => 1.0 - progress.sqrt(),
                    })
                }
                _ => least,
            };
        }
        if done < warmup {
            return risen;
        }
        let left = total.saturating_sub(done) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self {
            Self::Constant | Self::WarmupStableDecay => 1.0,
            Self::Linear => raised(left),
            Self::Cosine => raised(0.5 * (1.0 + libm::cos(std::f64::consts::PI * (1.0 - left)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    /// The learning rates of all steps, to four decimals.
    fn check(schedule: Schedule, warmup: u64, falling: Falling, expected: &[f64]) {
        let recipe = Recipe { lr: 1.0, schedule, warmup_steps: warmup, falling, ..Recipe::default() };
        let total = expected.len() as u64 - 1;
        assert_eq!((recipe.check(), recipe.check_steps(total)), (Ok(()), Ok(())));
        for (done, expected) in (0..).zip(expected) {
            let found = recipe.learning_rate(done, total);
            assert!((found - expected).abs() < 1e-12, "{schedule:?} {falling:?} after {done}: {found}, not {expected}");
        }
    }

    #[test]
    fn schedules_are_those_of_transformers() {
        // get_wsd_schedule(o, 2, 4, num_training_steps=10, decay_type=…, min_lr_ratio=0.1) of transformers 5.24
        let falling = |decay_type| Falling {
            min_lr_ratio: 0.1,
            decay_steps: Some(4),
            decay_ratio: None,
            decay_type: Some(decay_type),
        };
        for (decay_type, last) in [
            (DecayType::Linear, [0.775, 0.55, 0.325, 0.1]),
            (DecayType::Cosine, [0.868_198_051_533_946_4, 0.55, 0.231_801_948_466_053_65, 0.1]),
            (DecayType::OneMinusRoot, [0.55, 0.363_603_896_932_107_15, 0.220_577_136_594_005_27, 0.1]),
        ] {
            let expected: Vec<f64> = [0.1, 0.55, 1.0, 1.0, 1.0, 1.0, 1.0].into_iter().chain(last).collect();
            check(Schedule::WarmupStableDecay, 2, falling(decay_type), &expected);
        }
        let half = Falling { decay_ratio: Some(0.5), decay_type: Some(DecayType::Linear), ..Falling::default() };
        check(Schedule::WarmupStableDecay, 0, half, &[1.0, 1.0, 1.0, 1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0]);
        // get_cosine_with_min_lr_schedule_with_warmup(o, 2, 8, min_lr_rate=0.2)
        let least = Falling { min_lr_ratio: 0.2, ..Falling::default() };
        let expected = [
            0.0,
            0.5,
            1.0,
            0.946_410_161_513_775_7,
            0.8,
            0.600_000_000_000_000_1,
            0.400_000_000_000_000_13,
            0.253_589_838_486_224_5,
            0.2,
        ];
        check(Schedule::Cosine, 2, least, &expected);
        check(Schedule::Linear, 0, least, &[1.0, 0.8, 0.6, 0.4, 0.2]);
    }

    #[test]
    fn settings_that_do_not_go_together_are_named() {
        let error =
            |schedule, falling| Recipe { schedule, falling, ..Recipe::default() }.check().expect_err("no").to_string();
        let none = Falling::default();
        assert_eq!(
            error(Schedule::WarmupStableDecay, none),
            "cannot train with `schedule` = warmup_stable_decay: it must be with `decay_steps` or `decay_ratio`: over how many \
             of the last steps the learning rate falls"
        );
        assert_eq!(
            error(Schedule::Cosine, Falling { decay_steps: Some(3), ..none }),
            "cannot train with `decay_steps` = 3: it must be absent without `schedule: warmup_stable_decay`"
        );
        assert_eq!(
            error(Schedule::Constant, Falling { min_lr_ratio: 0.1, ..none }),
            "cannot train with `min_lr_ratio` = 0.1: it must be absent with `schedule: constant`"
        );
        assert_eq!(
            error(Schedule::Linear, Falling { min_lr_ratio: 1.5, ..none }),
            "cannot train with `min_lr_ratio` = 1.5: it must be from 0 to 1"
        );
        let long = Falling { decay_steps: Some(8), ..none };
        let recipe =
            Recipe { schedule: Schedule::WarmupStableDecay, falling: long, warmup_steps: 3, ..Recipe::default() };
        assert_eq!(
            recipe.check_steps(10).expect_err("too long").to_string(),
            "cannot train with `decay_steps` = 8: it must be at most 7, as there are 10 steps and 3 of warm-up"
        );
    }
}
