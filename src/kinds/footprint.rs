//! What a training is expected to take up, reckoned from its model's shape and its recipe.

use retort_model::{Config, Device, LargestBatch, TrainingMemory};

use super::train::{Keep, Train};
use retort_stage::{Context, Footprint, Memory, StageError};

/// Bytes of one number.
const NUMBER: u64 = 4;

impl Train {
    /// Reckons what the training takes up; `None` where its model is not here yet.
    pub(super) fn reckoned(&self, context: &Context<'_>) -> Result<Option<Footprint>, StageError> {
        let Some(config) = self.student.0.shape(context)? else { return Ok(None) };
        let weights = NUMBER * config.parameter_count();
        // How many evaluations there are depends on the questions, so that those of `keep: full` count once.
        let copies = if self.keep.0 == Keep::Full { 2 } else { 1 };
        let on_cuda = context.device::<Device>().is_ok_and(|device| device.cuda_index().is_some());
        Ok(Some(Footprint {
            disk_bytes: weights * copies,
            kept_bytes: if self.keep.0 == Keep::None { 0 } else { weights * copies },
            memory: self.memory(&config, on_cuda),
        }))
    }

    /// Reckons the device's memory. Of a recipe that does not go with the model, which its run names, nothing is said.
    fn memory(&self, config: &Config, on_cuda: bool) -> Memory {
        let length = self.max_length.get().min(config.context()) as u64;
        // How long prompts are is not known, so that all of a sequence may be target. Several targets are as many sequences.
        let targets = self.targets.get().map_or(1, Vec::len).max(1) as u64;
        let batch = LargestBatch { sequences: self.recipe.batch.get() as u64 * targets, length, carrying: length };
        let reckoned = TrainingMemory::of(config, &self.settings(), batch, on_cuda).unwrap_or_default();
        let TrainingMemory { weights, gradients, moments, best, activations } = reckoned;
        Memory {
            weights_bytes: weights,
            gradients_bytes: gradients,
            moments_bytes: moments,
            best_bytes: best,
            activations_bytes: activations,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_model::{Architecture, Checkpointing, Recipe, Size};

    #[test]
    fn a_training_of_gpt2_xl_takes_what_it_is_known_to_take() {
        let size = Size { vocab_size: 50_257, context: 1024, d_model: 1600, layers: 48, heads: 25, kv_heads: None };
        let config = Config::new(Architecture::Gpt2, size);
        let gigabytes = |bytes: u64| (bytes + 500_000_000) / 1_000_000_000;
        let of = |sequences, length, recipe: &Recipe, on_cuda| {
            let batch = LargestBatch { sequences, length, carrying: length };
            TrainingMemory::of(&config, recipe, batch, on_cuda).expect("a sound recipe")
        };
        let recipe = Recipe { batch: 4, ..Recipe::default() };
        let on_cuda = of(4, 768, &recipe, true);
        assert_eq!([on_cuda.weights, on_cuda.gradients, on_cuda.moments].map(gigabytes), [6, 6, 12]);
        // Twice the sequences take twice as much, and longer ones more than that on CUDA, for attention.
        let kept = |memory: TrainingMemory| memory.activations + memory.gradients;
        assert!(kept(of(8, 768, &recipe, true)) > kept(on_cuda) * 19 / 10);
        assert!(kept(of(4, 1536, &recipe, true)) > kept(of(8, 768, &recipe, true)));
        let on_cpu = |length, recipe| kept(of(4, length, recipe, false));
        assert!(on_cpu(1024, &recipe) < 2 * on_cpu(512, &recipe));
        let blocks = Recipe { checkpointing: Checkpointing::Blocks, ..recipe.clone() };
        assert!(on_cpu(1024, &blocks) * 2 < on_cpu(1024, &recipe));
    }
}
