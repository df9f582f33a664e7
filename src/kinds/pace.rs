//! How fast a training goes.

use std::time::{Duration, Instant};

use retort_model::StepReport;
use retort_stage::Context;

/// How fast training goes between two looks at the clock; evaluations do not count.
pub(super) struct Pace {
    since: Instant,
    tokens: u64,
    flops: f64,
}

impl Pace {
    /// How often it is told.
    const EVERY: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self { since: Instant::now(), tokens: 0, flops: 0.0 }
    }

    /// Counts a step, and reports the pace when it is time. `peak` is the device's FLOP/s, where it is known.
    pub(super) fn step(&mut self, context: &Context<'_>, report: &StepReport, peak: Option<f64>) {
        self.tokens += report.tokens;
        self.flops += report.flops;
        let passed = self.since.elapsed();
        if passed < Self::EVERY && report.step != report.steps_total {
            return;
        }
        let per_second = |amount: f64| amount / passed.as_secs_f64().max(1e-9);
        context.measure("tokens/s", report.step, per_second(self.tokens as f64));
        context.measure("GFLOP/s", report.step, per_second(self.flops) / 1e9);
        if let Some(peak) = peak {
            context.measure("share of peak", report.step, per_second(self.flops) / peak);
        }
        *self = Self::new();
    }
}
