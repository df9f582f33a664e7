//! How tokens are drawn.

use retort_model::Sampling;
use retort_stage::params::{Count, PositiveReal, Seed, UnitReal};

retort_stage::params! {
    /// Tokens that are drawn at random. As in transformers, `temperature` comes first, then `top_k`, then `top_p`.
    pub struct SamplingRecipe {
        /// What logits are divided by: below 1 likely tokens become likelier.
        pub temperature: PositiveReal = PositiveReal::of(1.0),
        /// How many of the likeliest tokens may be drawn; all where this is not given.
        pub top_k: Option<Count>,
        /// The probability that the likeliest tokens which may be drawn have together; 1 where this is not given.
        pub top_p: Option<UnitReal>,
        /// Decides, with each question, what is drawn.
        pub seed: Seed,
    }
}

impl SamplingRecipe {
    /// As the model takes it.
    pub(super) fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature.get(),
            top_k: self.top_k.map(Count::get),
            top_p: self.top_p.map(UnitReal::get),
            seed: self.seed.0,
        }
    }
}
