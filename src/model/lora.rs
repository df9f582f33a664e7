//! Low-rank adaptation (Hu et al. 2021): a projection `W` is used as `W + alpha / rank · B·A`, and only `A` and `B` learn.
//!
//! The sum is taken after every step, so that everything that reads the model, evaluation and export too, finds plain
//! weights, and the gradients of `A` and `B` follow from that of the sum by the chain rule.
//!
//! Rows of tokens that are new to the model learn in full, in the embedding and in the head, as with PEFT's
//! `trainable_token_indices`: nothing of low rank could tell the tokens apart that start alike.

use burn::tensor::{Shape, TensorMetadata};

use super::config::Config;
use super::error::RecipeError;
use super::kernels::{Kernels, Real};
use super::tensors::{Init, TensorSpec};
use super::weights::is_vocabulary;

/// The settings of low-rank adaptation. Projections are named as in Hugging Face files, such as `q_proj`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Rows of `A` and columns of `B`.
    pub rank: usize,
    /// Factor on the product, over the rank.
    pub alpha: f64,
    /// The projections that are adapted in every block; those that PEFT adapts by default where this is empty.
    pub targets: Vec<String>,
    /// The tokens that are new, whose rows are trained as well.
    pub rows: Vec<u32>,
}

/// A projection that is adapted: a part of a tensor of the model.
#[derive(Clone, Debug)]
struct Adapter {
    /// The index of the tensor.
    tensor: usize,
    /// The first of its outputs in the tensor.
    first: usize,
    /// Number of its outputs.
    outputs: usize,
}

/// The rows of new tokens in a tensor that has one for each token.
struct NewRows<B: Kernels> {
    /// The index of the tensor.
    tensor: usize,
    /// The rows as they start out.
    start: Real<B>,
}

/// The adapted projections of a network.
pub(super) struct Adaptation<B: Kernels> {
    adapters: Vec<Adapter>,
    /// The new tokens.
    tokens: Vec<u32>,
    /// Their rows, which are learned after what the adapters learn.
    new_rows: Vec<NewRows<B>>,
    /// Whether weights are stored `[in, out]`.
    input_major: bool,
    scale: f32,
    /// The tensors as they were, by index; `None` for those that are not adapted.
    base: Vec<Option<Real<B>>>,
    /// What is learned: `A` `[rank, in]` and `B` `[out, rank]` of each adapter, then the rows of new tokens.
    specs: Vec<TensorSpec>,
}

impl Lora {
    /// Finds what is adapted, and describes `A` and `B` of each under the names that PEFT gives them.
    fn adapters(&self, config: &Config) -> Result<(Vec<Adapter>, Vec<TensorSpec>), RecipeError> {
        let names = config.architecture().names();
        let projections: Vec<&str> = [names.qkv, &[names.attention_out], names.mlp_in, &[names.mlp_out]]
            .concat()
            .into_iter()
            .map(last)
            .collect();
        let defaults: Vec<String> = names.lora.iter().map(ToString::to_string).collect();
        let targets = if self.targets.is_empty() { &defaults } else { &self.targets };
        if let Some(unknown) = targets.iter().find(|target| !projections.contains(&target.as_str())) {
            return Err(RecipeError {
                field: "lora.targets",
                value: format!("`{unknown}`"),
                wanted: format!("among the model's projections: {}", projections.join(", ")),
            });
        }
        let (mut adapters, mut specs) = (Vec::new(), Vec::new());
        for (tensor, spec) in config.tensors().iter().enumerate() {
            let mut first = 0;
            for (name, rows) in &spec.parts {
                let projection = name.strip_suffix(".weight").filter(|_| name.starts_with(names.block));
                if let (Some(projection), &[height, width]) = (projection, spec.shape.as_slice())
                    && targets.iter().any(|target| target == last(projection))
                {
                    let (inputs, outputs) = if config.decoder().input_major { (height, width) } else { (width, *rows) };
                    adapters.push(Adapter { tensor, first, outputs });
                    let matrix = |suffix: &str, shape: [usize; 2], init| TensorSpec {
                        parts: vec![(format!("{projection}.{suffix}.weight"), shape[0])],
                        shape: shape.to_vec(),
                        init,
                        exempt: false,
                        interleaved: 0,
                    };
                    specs.push(matrix("lora_A", [self.rank, inputs], Init::Uniform(1.0 / (inputs as f64).sqrt())));
                    specs.push(matrix("lora_B", [outputs, self.rank], Init::Zero));
                }
                first += rows;
            }
        }
        Ok((adapters, specs))
    }
}

/// The last part of a dotted name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

impl<B: Kernels> Adaptation<B> {
    /// Prepares to adapt the tensors `values` of a network.
    pub(super) fn new(lora: &Lora, config: &Config, values: &[Real<B>]) -> Result<Self, RecipeError> {
        let (adapters, mut specs) = lora.adapters(config)?;
        if let Some(beyond) = lora.rows.iter().find(|row| **row as usize >= config.vocab_size()) {
            return Err(RecipeError {
                field: "lora.rows",
                value: beyond.to_string(),
                wanted: format!("below the vocabulary's size {}", config.vocab_size()),
            });
        }
        let mut new_rows = Vec::new();
        for (tensor, spec) in config.tensors().iter().enumerate() {
            if is_vocabulary(spec) && !lora.rows.is_empty() {
                let rows = lora.rows.len();
                let shape = std::iter::once(rows).chain(spec.shape.iter().skip(1).copied()).collect();
                let parts = vec![(format!("{}.new_rows", spec.name()), rows)];
                specs.push(TensorSpec { parts, shape, init: Init::Zero, exempt: spec.exempt, interleaved: 0 });
                new_rows.push(NewRows { tensor, start: taken::<B>(&values[tensor], &lora.rows) });
            }
        }
        let adapted = |i: usize| adapters.iter().any(|adapter| adapter.tensor == i);
        let base = values.iter().enumerate().map(|(i, value)| adapted(i).then(|| value.clone())).collect();
        let scale = (lora.alpha / lora.rank as f64) as f32;
        Ok(Self {
            adapters,
            tokens: lora.rows.clone(),
            new_rows,
            input_major: config.decoder().input_major,
            scale,
            base,
            specs,
        })
    }

    /// What is learned.
    pub(super) fn specs(&self) -> &[TensorSpec] {
        &self.specs
    }

    /// What is learned, as it starts out; `make` places what is drawn from a seed.
    pub(super) fn start(&self, make: impl Fn(&TensorSpec) -> Real<B>) -> Vec<Real<B>> {
        let drawn = self.specs.iter().take(2 * self.adapters.len()).map(make);
        drawn.chain(self.new_rows.iter().map(|rows| rows.start.clone())).collect()
    }

    /// Whether tensor `i` of the network is adapted, or has rows that are.
    pub(super) fn adapts(&self, i: usize) -> bool {
        self.base[i].is_some() || self.new_rows.iter().any(|rows| rows.tensor == i)
    }

    /// Sets the adapted tensors of a network from what is learned.
    pub(super) fn merge(&self, learned: &[Real<B>], values: &mut [Real<B>]) {
        for (value, base) in values.iter_mut().zip(&self.base) {
            if let Some(base) = base {
                *value = base.clone();
            }
        }
        for (adapter, pair) in self.adapters.iter().zip(learned.chunks_exact(2)) {
            let delta = B::float_mul_scalar(B::float_matmul(pair[1].clone(), pair[0].clone()), self.scale.into());
            let value = &mut values[adapter.tensor];
            let part = self.part(adapter, value);
            let sum = B::float_add(part, delta);
            *value = self.with_part(adapter, value, sum);
        }
        for (NewRows { tensor, start: _ }, rows) in self.new_rows.iter().zip(&learned[2 * self.adapters.len()..]) {
            // The table is taken out, so that its rows change where they are.
            let mut table = std::mem::replace(&mut values[*tensor], rows.clone());
            for (i, &token) in self.tokens.iter().enumerate() {
                let row = B::float_slice(rows.clone(), &one_row(i, &rows.shape()));
                let place = one_row(token as usize, &table.shape());
                table = B::float_slice_assign(table, &place, row);
            }
            values[*tensor] = table;
        }
    }

    /// The gradients of what is learned, from those of the network's tensors.
    pub(super) fn gradients(&self, learned: &[Real<B>], grads: &[Option<Real<B>>]) -> Vec<Option<Real<B>>> {
        let pairs = self.adapters.iter().zip(learned.chunks_exact(2));
        let new_rows =
            (self.new_rows.iter()).map(|rows| grads[rows.tensor].as_ref().map(|grad| taken::<B>(grad, &self.tokens)));
        pairs
            .flat_map(|(adapter, pair)| {
                let Some(grad) = &grads[adapter.tensor] else { return [None, None] };
                let grad = B::float_mul_scalar(self.part(adapter, grad), self.scale.into());
                let [a, b] = [0, 1].map(|i| B::float_transpose(pair[i].clone()));
                [Some(B::float_matmul(b, grad.clone())), Some(B::float_matmul(grad, a))]
            })
            .chain(new_rows)
            .collect()
    }

    /// The part `[out, in]` of a tensor that an adapter adapts.
    fn part(&self, adapter: &Adapter, value: &Real<B>) -> Real<B> {
        if self.input_major {
            return B::float_transpose(value.clone());
        }
        B::float_slice(value.clone(), &rows(adapter, &value.shape()))
    }

    /// The tensor with that part replaced.
    fn with_part(&self, adapter: &Adapter, value: &Real<B>, part: Real<B>) -> Real<B> {
        if self.input_major {
            return B::float_transpose(part);
        }
        B::float_slice_assign(value.clone(), &rows(adapter, &value.shape()), part)
    }
}

/// The rows of some tokens of a tensor that has one for each.
fn taken<B: Kernels>(table: &Real<B>, tokens: &[u32]) -> Real<B> {
    let row = |&token: &u32| B::float_slice(table.clone(), &one_row(token as usize, &table.shape()));
    B::float_cat(tokens.iter().map(row).collect(), 0)
}

fn one_row(row: usize, shape: &Shape) -> Vec<burn::tensor::Slice> {
    let rest = (1..shape.num_dims()).map(|dimension| (0..shape[dimension]).into());
    std::iter::once((row..row + 1).into()).chain(rest).collect()
}

fn rows(adapter: &Adapter, shape: &Shape) -> [burn::tensor::Slice; 2] {
    [(adapter.first..adapter.first + adapter.outputs).into(), (0..shape[1]).into()]
}
