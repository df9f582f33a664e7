//! AdamW's moments in fewer bits.
//!
//! In eight bits they are kept block by block: a block's largest magnitude as `f32`, and of each element the nearest of 256
//! values from 0 to 1 (with signs, from -1 to 1) times it. The values are those of dynamic quantisation (Dettmers et al. 2022,
//! "8-bit Optimizers via Block-wise Quantization", section 2; `create_dynamic_map` of bitsandbytes): for each `e` from 0 to 6,
//! the middles of 2^e (2^(e+1) without signs) equal parts of the range from 0.1 to 1, times 10^(e-6); and 0, and 1. As there, a step is
//! taken by the moments as they are before they are narrowed, blocks are of 256 elements, and tensors of fewer than 4,096
//! are left alone.

use std::sync::LazyLock;

use burn_tensor::bf16;
use rayon::prelude::*;

use super::lanes::vectorised;
use super::optimiser;
use crate::kernels::operands::AdamWStep;

/// Elements of a block of eight-bit moments that share a scale.
const BLOCK: usize = 256;
/// Elements handled by one task: whole blocks.
const TASK: usize = 64 * BLOCK;
/// Tensors of fewer elements keep moments of 32 bits where others have eight.
pub(crate) const LEAST: usize = 4096;

/// The moment of a tensor, kept narrow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Narrow {
    /// Rounded to the nearest of eight bits of mantissa.
    Brain(Vec<bf16>),
    /// One of 256 values for each element, and a scale for each block.
    Bytes {
        /// Which of the values.
        codes: Vec<u8>,
        /// The largest magnitude of each block.
        scales: Vec<f32>,
        /// Whether elements have signs.
        signed: bool,
    },
}

/// The values that eight bits stand for, ascending, and the middles between neighbours.
struct Codes {
    values: [f32; 256],
    middles: [f32; 255],
}

static SIGNED: LazyLock<Codes> = LazyLock::new(|| Codes::new(true));
static UNSIGNED: LazyLock<Codes> = LazyLock::new(|| Codes::new(false));

impl Codes {
    fn new(signed: bool) -> Self {
        let mut values = vec![0.0, 1.0];
        for exponent in 0..7 {
            let parts = 1_u32 << (exponent + u32::from(!signed));
            let end = |i: u32| 0.1 + 0.9 * f64::from(i) / f64::from(parts);
            for i in 0..parts {
                let middle = f64::midpoint(end(i), end(i + 1)) * libm::pow(10.0, f64::from(exponent) - 6.0);
                values.push(middle as f32);
                if signed {
                    values.push(-middle as f32);
                }
            }
        }
        values.sort_by(f32::total_cmp);
        let mut all = [0.0; 256];
        all.copy_from_slice(&values);
        let mut middles = [0.0; 255];
        for (middle, pair) in middles.iter_mut().zip(all.windows(2)) {
            *middle = f32::midpoint(pair[0], pair[1]);
        }
        Self { values: all, middles }
    }

    fn of(signed: bool) -> &'static Self {
        if signed { &SIGNED } else { &UNSIGNED }
    }

    /// The nearest value's place.
    #[inline(always)]
    fn nearest(&self, x: f32) -> u8 {
        // Eight halvings of 256 values: the number of middles below `x`.
        let mut at = 0_usize;
        let mut half = 128;
        while half > 0 {
            if at + half <= 255 && x > self.middles[at + half - 1] {
                at += half;
            }
            half /= 2;
        }
        at as u8
    }
}

impl Narrow {
    /// Zeros in bf16.
    pub(crate) fn brain(count: usize) -> Self {
        Self::Brain(vec![bf16::ZERO; count])
    }

    /// Zeros in eight bits.
    pub(crate) fn bytes(count: usize, signed: bool) -> Self {
        let zero = Codes::of(signed).nearest(0.0);
        Self::Bytes { codes: vec![zero; count], scales: vec![0.0; count.div_ceil(BLOCK)], signed }
    }

    /// The elements.
    pub(crate) fn wide(&self) -> Vec<f32> {
        let count = match self {
            Self::Brain(data) => data.len(),
            Self::Bytes { codes, .. } => codes.len(),
        };
        let mut out = vec![0.0; count];
        match self {
            Self::Brain(data) => out.iter_mut().zip(data).for_each(|(out, x)| *out = x.to_f32()),
            Self::Bytes { codes, scales, signed } => {
                let values = Codes::of(*signed);
                for ((out, codes), &scale) in out.chunks_mut(BLOCK).zip(codes.chunks(BLOCK)).zip(scales) {
                    widen(values, codes, scale, out);
                }
            }
        }
        out
    }

    /// Replaces the elements.
    pub(crate) fn set(&mut self, wide: &[f32]) {
        match self {
            Self::Brain(data) => data.iter_mut().zip(wide).for_each(|(x, &wide)| *x = bf16::from_f32(wide)),
            Self::Bytes { codes, scales, signed } => {
                let values = Codes::of(*signed);
                for ((wide, codes), scale) in wide.chunks(BLOCK).zip(codes.chunks_mut(BLOCK)).zip(scales) {
                    *scale = narrow(values, wide, codes);
                }
            }
        }
    }

    /// What is saved of it as a tensor: the elements, or the places of their values.
    pub(crate) fn saved(&self) -> Vec<f32> {
        match self {
            Self::Brain(_) => self.wide(),
            Self::Bytes { codes, .. } => codes.iter().map(|&code| f32::from(code)).collect(),
        }
    }

    /// The scales of its blocks; none where it has none.
    pub(crate) fn scales(&self) -> &[f32] {
        match self {
            Self::Brain(_) => &[],
            Self::Bytes { scales, .. } => scales,
        }
    }

    /// Takes back what [`saved`](Self::saved) gave.
    pub(crate) fn restore(&mut self, saved: &[f32]) {
        match self {
            Self::Brain(_) => self.set(saved),
            Self::Bytes { codes, .. } => codes.iter_mut().zip(saved).for_each(|(code, &saved)| *code = saved as u8),
        }
    }

    /// Takes back what [`scales`](Self::scales) gave.
    pub(crate) fn restore_scales(&mut self, saved: &[f32]) {
        if let Self::Bytes { scales, .. } = self {
            scales.copy_from_slice(saved);
        }
    }
}

fn widen(values: &Codes, codes: &[u8], scale: f32, out: &mut [f32]) {
    for (out, &code) in out.iter_mut().zip(codes) {
        *out = values.values[usize::from(code)] * scale;
    }
}

/// Narrows a block and returns its scale.
fn narrow(values: &Codes, wide: &[f32], codes: &mut [u8]) -> f32 {
    let scale = wide.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let divisor = if scale > 0.0 { scale } else { 1.0 };
    for (code, &wide) in codes.iter_mut().zip(wide) {
        *code = values.nearest(wide / divisor);
    }
    scale
}

/// One step of AdamW on a tensor whose moments are kept narrow; both alike.
pub(crate) fn adamw(weight: &mut [f32], grad: &[f32], first: &mut Narrow, second: &mut Narrow, step: &AdamWStep) {
    match (first, second) {
        (Narrow::Brain(first), Narrow::Brain(second)) => {
            let moments = first.par_chunks_mut(TASK).zip(second.par_chunks_mut(TASK));
            weight.par_chunks_mut(TASK).zip(grad.par_chunks(TASK)).zip(moments).for_each(
                |((weight, grad), (first, second))| {
                    let wide = |narrow: &[bf16]| narrow.iter().map(|x| x.to_f32()).collect::<Vec<f32>>();
                    let (mut m, mut v) = (wide(first), wide(second));
                    vectorised(
                        #[inline(always)]
                        || optimiser::adamw_block(weight, grad, &mut m, &mut v, step),
                    );
                    first.iter_mut().zip(m).for_each(|(x, m)| *x = bf16::from_f32(m));
                    second.iter_mut().zip(v).for_each(|(x, v)| *x = bf16::from_f32(v));
                },
            );
        }
        (
            Narrow::Bytes { codes: first, scales: first_scales, .. },
            Narrow::Bytes { codes: second, scales: second_scales, .. },
        ) => {
            let (signed, unsigned) = (Codes::of(true), Codes::of(false));
            let moments = first.par_chunks_mut(BLOCK).zip(second.par_chunks_mut(BLOCK));
            let scales = first_scales.par_iter_mut().zip(second_scales.par_iter_mut());
            weight
                .par_chunks_mut(BLOCK)
                .zip(grad.par_chunks(BLOCK))
                .zip(moments.zip(scales))
                .with_min_len(64)
                .for_each(|((weight, grad), ((first, second), (first_scale, second_scale)))| {
                    let (mut m, mut v) = ([0.0; BLOCK], [0.0; BLOCK]);
                    let (m, v) = (&mut m[..weight.len()], &mut v[..weight.len()]);
                    widen(signed, first, *first_scale, m);
                    widen(unsigned, second, *second_scale, v);
                    vectorised(
                        #[inline(always)]
                        || optimiser::adamw_block(weight, grad, m, v, step),
                    );
                    *first_scale = narrow(signed, m, first);
                    *second_scale = narrow(unsigned, v, second);
                });
        }
        // Both moments of a tensor are made alike.
        _ => {}
    }
}
