//! Parts of a model that do not learn.

use std::ops::RangeInclusive;

use super::config::Config;
use super::error::RecipeError;
use super::tensors::Affine;

/// What of a model stays as it is: it has no gradients, no moments and no decay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freeze {
    /// Whether the embeddings do: of tokens, and of positions where there are any.
    pub embeddings: bool,
    /// The layers that do, counted from 0, as ranges with both ends.
    pub layers: Vec<RangeInclusive<usize>>,
    /// Whether the output head does; only where it is not the token embedding.
    pub head: bool,
}

impl Freeze {
    /// For each tensor of a model, whether it stays as it is.
    pub(crate) fn of(&self, config: &Config) -> Result<Vec<bool>, RecipeError> {
        let Self { embeddings, layers, head } = self;
        let count = config.tensors().len();
        let mut next = 0..count;
        let weights = config.build(&mut |_| next.next().unwrap_or(count));
        if let Some(range) = layers.iter().find(|range| range.is_empty() || *range.end() >= config.layers()) {
            return Err(RecipeError {
                field: "freeze.layers",
                value: format!("{}-{}", range.start(), range.end()),
                wanted: format!("a range within 0-{}, the layers of the model", config.layers().saturating_sub(1)),
            });
        }
        let mut frozen = vec![false; count];
        let mut set = |i: usize| frozen[i] = true;
        let both = |affine: &Option<Affine<usize>>, set: &mut dyn FnMut(usize)| {
            affine.iter().for_each(|affine| {
                set(affine.weight);
                affine.bias.iter().for_each(|&i| set(i));
            });
        };
        if *embeddings {
            set(weights.token_embedding);
            weights.position_embedding.iter().for_each(|&i| set(i));
            both(&weights.project_in, &mut set);
        }
        for (layer, block) in weights.blocks.iter().enumerate() {
            if layers.iter().any(|range| range.contains(&layer)) {
                block.map(&mut |&i| set(i));
            }
        }
        if *head {
            let Some(table) = weights.head else {
                return Err(RecipeError {
                    field: "freeze.head",
                    value: "true".to_owned(),
                    wanted: "absent: the output head of this model is the token embedding, which `freeze.embeddings` freezes"
                        .to_owned(),
                });
            };
            set(table);
            weights.head_bias.iter().for_each(|&i| set(i));
            both(&weights.project_out, &mut set);
        }
        if frozen.iter().all(|&frozen| frozen) {
            return Err(RecipeError {
                field: "freeze",
                value: "everything".to_owned(),
                wanted: "less: nothing of the model would learn".to_owned(),
            });
        }
        Ok(frozen)
    }
}
