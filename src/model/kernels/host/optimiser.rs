//! AdamW and the norm of a gradient.

use rayon::prelude::*;

use super::lanes::{sum_by, vectorised};
use crate::kernels::operands::AdamWStep;

/// Elements handled by one task.
const BLOCK: usize = 16 * 1024;

/// The sum of the squares of `x`.
pub(crate) fn sum_squares(x: &[f32]) -> f64 {
    let partial: Vec<f64> = x
        .par_chunks(BLOCK)
        .map(|x| {
            f64::from(vectorised(
                #[inline(always)]
                || sum_by(x, |v| v * v),
            ))
        })
        .collect();
    partial.iter().sum()
}

/// One step of AdamW (Loshchilov and Hutter 2019), in the order of operations of PyTorch.
pub(crate) fn adamw(weight: &mut [f32], grad: &[f32], first: &mut [f32], second: &mut [f32], step: &AdamWStep) {
    weight
        .par_chunks_mut(BLOCK)
        .zip(grad.par_chunks(BLOCK))
        .zip(first.par_chunks_mut(BLOCK))
        .zip(second.par_chunks_mut(BLOCK))
        .for_each(|(((weight, grad), first), second)| {
            vectorised(
                #[inline(always)]
                || adamw_block(weight, grad, first, second, step),
            );
        });
}

/// As [`adamw`], on this thread.
#[inline(always)]
pub(super) fn adamw_block(weight: &mut [f32], grad: &[f32], first: &mut [f32], second: &mut [f32], step: &AdamWStep) {
    let AdamWStep { lr, decay, beta1, beta2, epsilon, correction1, correction2, grad_scale } = *step;
    let keep = 1.0 - lr * decay;
    let size = lr / correction1;
    let root2 = correction2.sqrt();
    for (((weight, &grad), first), second) in weight.iter_mut().zip(grad).zip(first.iter_mut()).zip(second.iter_mut()) {
        let grad = grad * grad_scale;
        *first = (grad - *first).mul_add(1.0 - beta1, *first);
        *second = (grad * grad).mul_add(1.0 - beta2, beta2 * *second);
        let denominator = second.sqrt() / root2 + epsilon;
        *weight = (*weight * keep) - size * (*first / denominator);
    }
}
