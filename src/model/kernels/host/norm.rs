//! Layer normalisation (Ba, Kiros and Hinton 2016), RMS normalisation (Zhang and Sennrich 2019) and their gradients.

use rayon::prelude::*;

use super::lanes::{sum_by, sum_pair_by, vectorised};

/// Rows handled by one task; partial sums over rows are added in the order of these blocks.
const BLOCK: usize = 64;

/// What the backward pass needs of one row: its mean and the reciprocal of its standard deviation.
pub(crate) const STATS: usize = 2;

/// How rows are normalised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// Term under the root.
    pub epsilon: f32,
    /// Whether the mean is taken away first: layer norm does, RMS norm does not, and has no bias.
    pub centred: bool,
    /// What is added to the gain.
    pub offset: f32,
}

/// Normalises each row of `x` `[rows, width]` into `y`, scales by `gain` and shifts by `bias`; fills `stats` `[rows, 2]`.
pub(crate) fn normalise(
    x: &[f32],
    gain: &[f32],
    bias: Option<&[f32]>,
    normal: Normal,
    y: &mut [f32],
    stats: &mut [f32],
) {
    let width = gain.len();
    y.par_chunks_mut(BLOCK * width).zip(stats.par_chunks_mut(BLOCK * STATS)).zip(x.par_chunks(BLOCK * width)).for_each(
        |((y, stats), x)| {
            vectorised(
                #[inline(always)]
                || {
                    for ((y, stat), x) in
                        y.chunks_exact_mut(width).zip(stats.chunks_exact_mut(STATS)).zip(x.chunks_exact(width))
                    {
                        let mean = if normal.centred { sum_by(x, |v| v) / width as f32 } else { 0.0 };
                        let variance = sum_by(x, |v| (v - mean) * (v - mean)) / width as f32;
                        let scale = 1.0 / (variance + normal.epsilon).sqrt();
                        for ((y, &x), &gain) in y.iter_mut().zip(x).zip(gain) {
                            *y = (x - mean) * scale * (gain + normal.offset);
                        }
                        if let Some(bias) = bias {
                            for (y, &bias) in y.iter_mut().zip(bias) {
                                *y += bias;
                            }
                        }
                        stat[0] = mean;
                        stat[1] = scale;
                    }
                },
            );
        },
    );
}

/// The gradients of the gain and of the bias, `[width]` each.
pub(crate) struct Affine {
    /// The gradient of the gain.
    pub(crate) gain: Vec<f32>,
    /// The gradient of the bias.
    pub(crate) bias: Vec<f32>,
}

/// Turns `grad` `[rows, width]`, the gradient of the output, into the gradient of the input, in place, and returns the
/// gradients of gain and bias where `affine` asks for them.
pub(crate) fn normalise_backward(
    grad: &mut [f32],
    x: &[f32],
    stats: &[f32],
    gain: &[f32],
    normal: Normal,
    affine: bool,
) -> Option<Affine> {
    let width = gain.len();
    let partial: Vec<Affine> = grad
        .par_chunks_mut(BLOCK * width)
        .zip(stats.par_chunks(BLOCK * STATS))
        .zip(x.par_chunks(BLOCK * width))
        .map(|((grad, stats), x)| {
            let mut sums = Affine { gain: vec![0.0; width], bias: vec![0.0; width] };
            vectorised(
                #[inline(always)]
                || {
                    for ((grad, stat), x) in
                        grad.chunks_exact_mut(width).zip(stats.chunks_exact(STATS)).zip(x.chunks_exact(width))
                    {
                        backward_row(grad, x, [stat[0], stat[1]], gain, normal, affine.then_some(&mut sums));
                    }
                },
            );
            sums
        })
        .collect();
    affine.then(|| {
        let mut total = Affine { gain: vec![0.0; width], bias: vec![0.0; width] };
        for part in &partial {
            add(&mut total.gain, &part.gain);
            add(&mut total.bias, &part.bias);
        }
        total
    })
}

#[inline(always)]
fn backward_row(
    grad: &mut [f32],
    x: &[f32],
    [mean, scale]: [f32; 2],
    gain: &[f32],
    normal: Normal,
    sums: Option<&mut Affine>,
) {
    let width = gain.len() as f32;
    if let Some(sums) = sums {
        for (((sum_gain, sum_bias), &g), &x) in sums.gain.iter_mut().zip(&mut sums.bias).zip(&*grad).zip(x) {
            *sum_gain += g * ((x - mean) * scale);
            *sum_bias += g;
        }
    }
    for (g, &gain) in grad.iter_mut().zip(gain) {
        *g *= gain + normal.offset;
    }
    let mean_grad = if normal.centred { sum_by(grad, |g| g) / width } else { 0.0 };
    let mean_product = sum_pair_by(grad, x, |g, x| g * ((x - mean) * scale)) / width;
    for (g, &x) in grad.iter_mut().zip(x) {
        *g = scale * (*g - mean_grad - (x - mean) * scale * mean_product);
    }
}

fn add(total: &mut [f32], part: &[f32]) {
    for (total, part) in total.iter_mut().zip(part) {
        *total += part;
    }
}
