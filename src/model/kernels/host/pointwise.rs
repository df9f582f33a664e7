//! Element-wise passes that follow a matrix product, each over memory once.

use rayon::prelude::*;

use super::lanes::{logistic, vectorised};

/// Elements handled by one task.
const BLOCK: usize = 16 * 1024;

/// Adds `bias` `[width]` to every row of `y`, and `residual` (same shape as `y`), where they are there.
pub(crate) fn add_bias(y: &mut [f32], width: usize, bias: Option<&[f32]>, residual: Option<&[f32]>) {
    let block = rows_of(width) * width;
    if let Some(bias) = bias {
        y.par_chunks_mut(block).for_each(|y| {
            vectorised(
                #[inline(always)]
                || {
                    for y in y.chunks_exact_mut(width) {
                        for (y, &bias) in y.iter_mut().zip(bias) {
                            *y += bias;
                        }
                    }
                },
            );
        });
    }
    if let Some(residual) = residual {
        y.par_chunks_mut(block).zip(residual.par_chunks(block)).for_each(|(y, residual)| {
            vectorised(
                #[inline(always)]
                || {
                    for (y, &residual) in y.iter_mut().zip(residual) {
                        *y += residual;
                    }
                },
            );
        });
    }
}

/// The activation of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// GELU in its tanh form (Hendrycks and Gimpel 2016).
    GeluTanh,
    /// GELU by the error function.
    Gelu,
    /// `x · logistic(x)` (Elfwing, Uchibe and Doya 2018).
    Silu,
    /// `max(x, 0)`.
    Relu,
}

/// Calls a function with the activation's value and derivative at a point as its last argument, so that each has loops of its own.
macro_rules! by_activation {
    ($activation:expr, $function:ident($($argument:expr),*)) => {
        match $activation {
            Activation::GeluTanh => $function($($argument),*, gelu_tanh_at),
            Activation::Gelu => $function($($argument),*, gelu_at),
            Activation::Silu => $function($($argument),*, silu_at),
            Activation::Relu => $function($($argument),*, relu_at),
        }
    };
}

/// `activation(gate) · up` of `x` `[rows, 2 · inner]`, gates left, ups right, into `y` `[rows, inner]`.
pub(crate) fn gated(x: &[f32], inner: usize, activation: Activation, y: &mut [f32]) {
    by_activation!(activation, gated_by(x, inner, y));
}

fn gated_by(x: &[f32], inner: usize, y: &mut [f32], at: impl Fn(f32) -> (f32, f32) + Copy + Send + Sync) {
    let rows = rows_of(inner);
    y.par_chunks_mut(rows * inner).zip(x.par_chunks(2 * rows * inner)).for_each(|(y, x)| {
        vectorised(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(inner).zip(x.chunks_exact(2 * inner)) {
                    let (gates, ups) = x.split_at(inner);
                    for ((y, &gate), &up) in y.iter_mut().zip(gates).zip(ups) {
                        *y = at(gate).0 * up;
                    }
                }
            },
        );
    });
}

/// The gradient of [`gated`]: from `grad` `[rows, inner]` and the input `x`, fills `grad_x` `[rows, 2 · inner]`.
pub(crate) fn gated_backward(grad: &[f32], x: &[f32], inner: usize, activation: Activation, grad_x: &mut [f32]) {
    by_activation!(activation, gated_backward_by(grad, x, inner, grad_x));
}

fn gated_backward_by(
    grad: &[f32],
    x: &[f32],
    inner: usize,
    grad_x: &mut [f32],
    at: impl Fn(f32) -> (f32, f32) + Copy + Send + Sync,
) {
    let rows = rows_of(inner);
    let inputs = x.par_chunks(2 * rows * inner).zip(grad.par_chunks(rows * inner));
    grad_x.par_chunks_mut(2 * rows * inner).zip(inputs).for_each(|(grad_x, (x, grad))| {
        vectorised(
            #[inline(always)]
            || {
                let all = grad_x.chunks_exact_mut(2 * inner).zip(x.chunks_exact(2 * inner));
                for ((grad_x, x), grad) in all.zip(grad.chunks_exact(inner)) {
                    let (grad_gates, grad_ups) = grad_x.split_at_mut(inner);
                    let (gates, ups) = x.split_at(inner);
                    let outputs = grad_gates.iter_mut().zip(grad_ups);
                    for (((grad_gate, grad_up), (&gate, &up)), &grad) in outputs.zip(gates.iter().zip(ups)).zip(grad) {
                        let (value, derivative) = at(gate);
                        *grad_gate = grad * up * derivative;
                        *grad_up = grad * value;
                    }
                }
            },
        );
    });
}

/// Replaces each `h` by `activation(h + bias)` and, where `derivative` has a place for it, keeps the derivative, so that the
/// backward pass is one multiplication.
pub(crate) fn activated(h: &mut [f32], bias: &[f32], derivative: Option<&mut [f32]>, activation: Activation) {
    by_activation!(activation, activated_by(h, bias, derivative));
}

fn activated_by(
    h: &mut [f32],
    bias: &[f32],
    derivative: Option<&mut [f32]>,
    at: impl Fn(f32) -> (f32, f32) + Copy + Send + Sync,
) {
    let width = bias.len();
    let block = rows_of(width) * width;
    match derivative {
        None => h.par_chunks_mut(block).for_each(|h| {
            vectorised(
                #[inline(always)]
                || {
                    for h in h.chunks_exact_mut(width) {
                        for (h, &bias) in h.iter_mut().zip(bias) {
                            *h = at(*h + bias).0;
                        }
                    }
                },
            );
        }),
        Some(derivative) => {
            h.par_chunks_mut(block).zip(derivative.par_chunks_mut(block)).for_each(|(h, derivative)| {
                vectorised(
                    #[inline(always)]
                    || {
                        for (h, derivative) in h.chunks_exact_mut(width).zip(derivative.chunks_exact_mut(width)) {
                            for ((h, derivative), &bias) in h.iter_mut().zip(derivative).zip(bias) {
                                (*h, *derivative) = at(*h + bias);
                            }
                        }
                    },
                );
            });
        }
    }
}

/// `x · logistic(x)` and its derivative.
#[inline(always)]
fn silu_at(x: f32) -> (f32, f32) {
    let gate = logistic(x);
    (x * gate, gate * x.mul_add(1.0 - gate, 1.0))
}

/// `max(x, 0)` and its derivative, which PyTorch has as 0 where `x` is 0.
#[inline(always)]
fn relu_at(x: f32) -> (f32, f32) {
    if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) }
}

/// `x · Φ(x)`, with the distribution of the standard normal, and its derivative.
#[inline(always)]
fn gelu_at(x: f32) -> (f32, f32) {
    const DENSITY: f32 = 0.398_942_3;
    let cdf = 0.5 * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
    (x * cdf, (x * DENSITY).mul_add(libm::expf(-0.5 * x * x), cdf))
}

/// `x / (1 + exp(-2u))` with `u = √(2/π) (x + 0.044715 x³)`, which equals `x (1 + tanh u) / 2`, and its derivative.
#[inline(always)]
fn gelu_tanh_at(x: f32) -> (f32, f32) {
    const SCALE: f32 = 0.797_884_6;
    const CUBIC: f32 = 0.044_715;
    let square = x * x;
    let u = SCALE * x * square.mul_add(CUBIC, 1.0);
    let du = SCALE * square.mul_add(3.0 * CUBIC, 1.0);
    let gate = logistic(2.0 * u);
    (x * gate, (2.0 * x * gate * (1.0 - gate)).mul_add(du, gate))
}

/// Multiplies `y` by `x` element by element.
pub(crate) fn multiply(y: &mut [f32], x: &[f32]) {
    y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| {
        vectorised(
            #[inline(always)]
            || {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y *= x;
                }
            },
        );
    });
}

/// Sums the rows of `x` `[rows, width]`.
pub(crate) fn sum_rows(x: &[f32], width: usize) -> Vec<f32> {
    let partial: Vec<Vec<f32>> = x
        .par_chunks(rows_of(width) * width)
        .map(|x| {
            let mut total = vec![0.0_f32; width];
            vectorised(
                #[inline(always)]
                || {
                    for x in x.chunks_exact(width) {
                        for (total, &x) in total.iter_mut().zip(x) {
                            *total += x;
                        }
                    }
                },
            );
            total
        })
        .collect();
    let mut total = vec![0.0_f32; width];
    for part in &partial {
        for (total, part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
    total
}

fn rows_of(width: usize) -> usize {
    (BLOCK / width.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_goes_by_the_error_function() {
        // By `torch.nn.functional.gelu` and its gradient, in double precision.
        for (x, value, derivative) in
            [(1.0, 0.841_344_8, 1.083_315_5), (-0.5, -0.154_268_77, 0.132_504_88), (3.0, 2.995_950_3, 1.011_945_7)]
        {
            let found = gelu_at(x);
            assert!((found.0 - value).abs() < 1e-6 && (found.1 - derivative).abs() < 1e-6, "{x}: {found:?}");
        }
        assert_eq!(gelu_at(0.0), (0.0, 0.5));
        assert!(gelu_at(-40.0).0.abs() < 1e-30 && (gelu_at(40.0).0 - 40.0).abs() < 1e-6);
    }
}
