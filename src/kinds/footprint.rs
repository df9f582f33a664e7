//! What a training is expected to take up, reckoned from its model's shape and its recipe.

use retort_model::Config;

use super::recipe::TrainRecipe;
use super::train::{Keep, Train};
use retort_stage::{Context, Footprint, Memory, StageError};

/// Bytes of one number.
const NUMBER: u64 = 4;

impl Train {
    /// Reckons what the training takes up; `None` where its model is not here yet.
    pub(super) fn reckoned(&self, context: &Context<'_>) -> Result<Option<Footprint>, StageError> {
        let Some(config) = self.student.0.shape(context)? else { return Ok(None) };
        let evaluated = self.recipe.eval_every.is_some();
        let weights = NUMBER * config.parameter_count();
        // How many evaluations there are depends on the questions, so that those of `keep: full` count once.
        let copies = if self.keep.0 == Keep::Full { 2 } else { 1 };
        Ok(Some(Footprint {
            disk_bytes: weights * copies,
            kept_bytes: if self.keep.0 == Keep::None { 0 } else { weights * copies },
            memory: memory(&config, &self.recipe, self.max_length.get().min(config.context()), evaluated),
        }))
    }
}

fn memory(config: &Config, recipe: &TrainRecipe, length: usize, evaluated: bool) -> Memory {
    let weights = NUMBER * config.parameter_count();
    // What is adapted is held as it was as well, and its whole gradient is made; what learns is little beside it.
    let (gradients, moments, best) = match recipe.lora {
        Some(_) => (2 * weights, 0, 0),
        None => (weights, 2 * weights, if evaluated { weights } else { 0 }),
    };
    Memory {
        weights_bytes: weights,
        gradients_bytes: gradients,
        moments_bytes: moments,
        best_bytes: best,
        activations_bytes: activations(config, recipe.batch.get() as u64, length as u64),
    }
}

/// The numbers that a backward pass needs of a batch of sequences, all as long as they may be: in each block both norms, the
/// projections, attention with its probabilities, and the hidden layer; and the logits with their gradient.
fn activations(config: &Config, batch: u64, length: u64) -> u64 {
    let decoder = config.decoder();
    let (width, heads) = (decoder.d_model as u64, decoder.heads as u64);
    let queries = heads * decoder.head_width as u64;
    let keys_and_values = 2 * (decoder.kv_heads * decoder.head_width) as u64;
    let hidden = decoder.mlp_width as u64 * if decoder.gated { 3 } else { 2 };
    let block = 4 * width + 2 * queries + keys_and_values + heads * length + hidden;
    let token = decoder.layers as u64 * block + 2 * width + 2 * decoder.vocab_size as u64;
    NUMBER * batch * length * token
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_model::{Architecture, Size};

    #[test]
    fn a_training_of_gpt2_xl_takes_what_it_is_known_to_take() {
        let size = Size { vocab_size: 50_257, context: 1024, d_model: 1600, layers: 48, heads: 25, kv_heads: None };
        let config = Config::new(Architecture::Gpt2, size);
        let gigabytes = |bytes: u64| (bytes + 500_000_000) / 1_000_000_000;
        let weights = NUMBER * config.parameter_count();
        assert_eq!(gigabytes(weights), 6);
        let activations = activations(&config, 4, 768);
        assert_eq!(gigabytes(activations), 28);
        // Twice the sequences take twice as much, and longer ones more than that, for attention.
        assert_eq!(super::activations(&config, 8, 768), 2 * activations);
        assert!(super::activations(&config, 4, 1536) > 2 * activations);
    }
}
