//! The tensors that follow from a decoder's description: their names in files, their shapes and their roles.

use super::decoder::{Decoder, HeadNorms, Norms, Sublayers};

/// The names of an architecture's tensors in Hugging Face files. Projections are named without `.weight` and `.bias`;
/// what an architecture does not have is empty.
pub(crate) struct Names {
    /// The first part of all names but the head's, which a file of the bare model lacks.
    pub(crate) base: &'static str,
    /// The token embedding.
    pub(crate) embedding: &'static str,
    /// The position embedding.
    pub(crate) positions: &'static str,
    /// The projections from the token embedding to the stream and back.
    pub(crate) project: [&'static str; 2],
    /// What stands before a block's number.
    pub(crate) block: &'static str,
    /// The norm of what attention reads, or of the stream behind it.
    pub(crate) norm1: &'static str,
    /// The norm of what attention adds.
    pub(crate) added1: &'static str,
    /// The norm of what the MLP reads, or of the stream behind it.
    pub(crate) norm2: &'static str,
    /// The norm of what the MLP adds.
    pub(crate) added2: &'static str,
    /// Queries, keys and values: one tensor, or three that are stacked.
    pub(crate) qkv: &'static [&'static str],
    /// The norms of queries and keys.
    pub(crate) head_norms: [&'static str; 2],
    /// From the heads back to the stream.
    pub(crate) attention_out: &'static str,
    /// Into the MLP: one tensor, or gate and up, stacked.
    pub(crate) mlp_in: &'static [&'static str],
    /// Out of the MLP.
    pub(crate) mlp_out: &'static str,
    /// The last norm.
    pub(crate) norm: &'static str,
    /// The output head.
    pub(crate) head: &'static str,
    /// The projections that PEFT adapts by default.
    pub(crate) lora: &'static [&'static str],
    /// The ends of names that published files have beside the weights.
    pub(crate) ignored: &'static [&'static str],
}

/// One tensor of a model: what the model holds as one, and a file as one or several stacked along the first dimension.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorSpec {
    /// Its parts in a Hugging Face file, each with its number of rows.
    pub(crate) parts: Vec<(String, usize)>,
    /// The shape of all parts together.
    pub(crate) shape: Vec<usize>,
    /// How it starts out.
    pub(crate) init: Init,
    /// Whether the Hugging Face Trainer's default exempts it from weight decay: biases and normalisation.
    pub(crate) exempt: bool,
    /// Number of heads whose queries, keys and values a file has side by side, where the model has all queries first, then
    /// all keys, then all values; 0 where both have the same order.
    pub(crate) interleaved: usize,
}

impl TensorSpec {
    /// Its name: that of its first part.
    pub(crate) fn name(&self) -> &str {
        &self.parts[0].0
    }

    /// Number of elements.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// How a tensor starts out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Init {
    /// All zero.
    Zero,
    /// All one.
    One,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Evenly between this bound and its negative.
    Uniform(f64),
}

/// The weights of a decoder, or one `T` for each of them.
pub(crate) struct Weights<T> {
    /// `[vocab, embedding]`.
    pub(crate) token_embedding: T,
    /// `[d_model, embedding]`.
    pub(crate) project_in: Option<Affine<T>>,
    /// `[positions, d_model]`.
    pub(crate) position_embedding: Option<T>,
    /// The blocks in their order.
    pub(crate) blocks: Vec<Block<T>>,
    /// The norm after the last block.
    pub(crate) norm: Option<Affine<T>>,
    /// `[embedding, d_model]`.
    pub(crate) project_out: Option<Affine<T>>,
    /// `[vocab, embedding]`, where it is not the token embedding.
    head: Option<T>,
    /// `[vocab]`.
    pub(crate) head_bias: Option<T>,
}

/// The weights of one block.
pub(crate) struct Block<T> {
    /// Before attention, or before both sublayers where they share it; behind it where norms are there.
    pub(crate) norm1: Option<Affine<T>>,
    /// Queries, keys and values, stacked.
    pub(crate) qkv: Affine<T>,
    /// The gains of queries and keys.
    pub(crate) head_norms: Option<[T; 2]>,
    /// From the heads back to the stream.
    pub(crate) attention_out: Affine<T>,
    /// Of what attention adds.
    pub(crate) added1: Option<Affine<T>>,
    /// Before the MLP; behind it where norms are there.
    pub(crate) norm2: Option<Affine<T>>,
    /// Into the MLP; gate and up, stacked, where it is gated.
    pub(crate) mlp_in: Affine<T>,
    /// Out of the MLP.
    pub(crate) mlp_out: Affine<T>,
    /// Of what the MLP adds.
    pub(crate) added2: Option<Affine<T>>,
}

/// A matrix or gain, and the bias where there is one.
pub(crate) struct Affine<T> {
    /// The matrix of a projection or the gain of a norm.
    pub(crate) weight: T,
    /// The bias.
    pub(crate) bias: Option<T>,
}

impl<T> Weights<T> {
    /// The table whose rows give the logits.
    pub(crate) fn head(&self) -> &T {
        self.head.as_ref().unwrap_or(&self.token_embedding)
    }
}

impl Decoder {
    /// Builds the weights from whatever `make` gives for each tensor, in a fixed order.
    pub(crate) fn build<T>(&self, names: &Names, make: &mut impl FnMut(TensorSpec) -> T) -> Weights<T> {
        let mut maker = Maker { decoder: self, make };
        let normal = Init::Normal(self.initializer_range);
        let (width, embedded) = (self.d_model, self.embedding_width);
        let project = |maker: &mut Maker<'_, _>, name: &str, [outputs, inputs]: [usize; 2]| {
            let parts = [(name.to_owned(), outputs)];
            self.projected().then(|| maker.projection(&parts, inputs, normal, false))
        };
        let token_embedding = maker.table(names.embedding, [self.vocab_size, embedded]);
        let project_in = project(&mut maker, names.project[0], [width, embedded]);
        let positions = self.context + self.positions_from;
        let position_embedding = self.rotary.is_none().then(|| maker.table(names.positions, [positions, width]));
        let blocks = (0..self.layers).map(|layer| maker.block(names, layer)).collect();
        let norm = self.final_norm.then(|| maker.norm(names.norm));
        let project_out = project(&mut maker, names.project[1], [embedded, width]);
        let head = format!("{}.weight", names.head);
        let head = (!self.tied).then(|| maker.table(&head, [self.vocab_size, embedded]));
        let head_bias =
            self.biases.head.then(|| maker.vector(format!("{}.bias", names.head), self.vocab_size, Init::Zero));
        Weights { token_embedding, project_in, position_embedding, blocks, norm, project_out, head, head_bias }
    }
}

/// Makes tensors of a decoder by their kind.
struct Maker<'a, F> {
    decoder: &'a Decoder,
    make: &'a mut F,
}

impl<T, F: FnMut(TensorSpec) -> T> Maker<'_, F> {
    fn block(&mut self, names: &Names, layer: usize) -> Block<T> {
        let decoder = self.decoder;
        let normal = Init::Normal(decoder.initializer_range);
        // Radford et al. 2019, section 2.3.
        let residual = if decoder.residual_init {
            Init::Normal(decoder.initializer_range / (2.0 * decoder.layers as f64).sqrt())
        } else {
            normal
        };
        let (width, biases, heads) = (decoder.d_model, decoder.biases, decoder.attention(layer));
        let qkv_rows: &[usize] = match names.qkv.len() {
            1 => &[heads.qkv_width()],
            _ => &[heads.query_width(), heads.kv_width(), heads.kv_width()],
        };
        let mlp_rows: &[usize] = match (decoder.gated, names.mlp_in.len()) {
            (false, _) => &[decoder.mlp_width],
            (true, 1) => &[2 * decoder.mlp_width],
            (true, _) => &[decoder.mlp_width; 2],
        };
        let gain_width = |all: usize| if decoder.head_norms == HeadNorms::All { all } else { heads.width };
        let name = |part: &str| format!("{}{layer}.{part}", names.block);
        let named = |parts: &[&str], rows: &[usize]| -> Vec<(String, usize)> {
            parts.iter().zip(rows).map(|(part, &rows)| (name(part), rows)).collect()
        };
        let (before, added) = (decoder.norms != Norms::Output, decoder.norms.added());
        let interleaved = if decoder.interleaved { heads.count } else { 0 };
        Block {
            norm1: before.then(|| self.norm(&name(names.norm1))),
            qkv: self.mixed_projection(&named(names.qkv, qkv_rows), width, normal, biases.qkv, interleaved),
            head_norms: (decoder.head_norms != HeadNorms::None).then(|| {
                let [queries, keys] = names.head_norms.map(name);
                [
                    self.gain(format!("{queries}.weight"), gain_width(heads.query_width())),
                    self.gain(format!("{keys}.weight"), gain_width(heads.kv_width())),
                ]
            }),
            attention_out: self.projection(
                &named(&[names.attention_out], &[width]),
                heads.query_width(),
                residual,
                biases.attention_out,
            ),
            added1: added.then(|| self.norm(&name(names.added1))),
            norm2: (before && decoder.sublayers != Sublayers::ParallelOneNorm).then(|| self.norm(&name(names.norm2))),
            mlp_in: self.projection(&named(names.mlp_in, mlp_rows), width, normal, biases.mlp),
            mlp_out: self.projection(&named(&[names.mlp_out], &[width]), decoder.mlp_width, residual, biases.mlp),
            added2: added.then(|| self.norm(&name(names.added2))),
        }
    }

    fn table(&mut self, name: &str, [rows, width]: [usize; 2]) -> T {
        let init = Init::Normal(self.decoder.initializer_range);
        let parts = vec![(name.to_owned(), rows)];
        (self.make)(TensorSpec { parts, shape: vec![rows, width], init, exempt: false, interleaved: 0 })
    }

    fn vector(&mut self, name: String, count: usize, init: Init) -> T {
        let parts = vec![(name, count)];
        (self.make)(TensorSpec { parts, shape: vec![count], init, exempt: true, interleaved: 0 })
    }

    /// The gain of a norm; one to which one is added starts at zero.
    fn gain(&mut self, name: String, width: usize) -> T {
        let init = if self.decoder.normal.offset == 0.0 { Init::One } else { Init::Zero };
        self.vector(name, width, init)
    }

    fn norm(&mut self, name: &str) -> Affine<T> {
        let width = self.decoder.d_model;
        let weight = self.gain(format!("{name}.weight"), width);
        let bias = self.decoder.normal.centred.then(|| self.vector(format!("{name}.bias"), width, Init::Zero));
        Affine { weight, bias }
    }

    /// A projection whose outputs are those of `parts`, each with its number of outputs.
    fn projection(&mut self, parts: &[(String, usize)], inputs: usize, init: Init, bias: bool) -> Affine<T> {
        self.mixed_projection(parts, inputs, init, bias, 0)
    }

    /// As [`projection`](Self::projection), in a file of which the outputs of so many heads are interleaved.
    fn mixed_projection(
        &mut self,
        parts: &[(String, usize)],
        inputs: usize,
        init: Init,
        bias: bool,
        interleaved: usize,
    ) -> Affine<T> {
        let outputs = parts.iter().map(|(_, rows)| rows).sum();
        let of =
            |suffix: &str| parts.iter().map(|(name, rows)| (format!("{name}.{suffix}"), *rows)).collect::<Vec<_>>();
        let (shape, stacked) = if self.decoder.input_major {
            // Only a single part can be stored this way: outputs of several would interleave.
            (vec![inputs, outputs], vec![(format!("{}.weight", parts[0].0), inputs)])
        } else {
            (vec![outputs, inputs], of("weight"))
        };
        let weight = (self.make)(TensorSpec { parts: stacked, shape, init, exempt: false, interleaved });
        let bias = bias.then(|| {
            let spec =
                TensorSpec { parts: of("bias"), shape: vec![outputs], init: Init::Zero, exempt: true, interleaved };
            (self.make)(spec)
        });
        Affine { weight, bias }
    }
}
