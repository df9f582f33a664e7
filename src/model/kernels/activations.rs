//! Activations and their gradients as compositions of Burn's operations.

use burn_tensor::backend::Backend;
use burn_tensor::{Tensor, activation};

use super::Activation;

/// GELU in its tanh form, and its gradient.
fn gelu_tanh<B: Backend>(h: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    const SCALE: f32 = 0.797_884_6;
    const CUBIC: f32 = 0.044_715;
    let square = h.clone() * h.clone();
    let gate = activation::sigmoid(h.clone() * (square.clone() * CUBIC + 1.0) * (2.0 * SCALE));
    let du = (square * (3.0 * CUBIC) + 1.0) * (2.0 * SCALE);
    let bend = gate.clone() * (gate.clone().neg() + 1.0);
    (h.clone() * gate.clone(), gate + h * bend * du)
}

/// GELU by the error function, and its gradient.
fn gelu<B: Backend>(h: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    const DENSITY: f32 = 0.398_942_3;
    let cdf = ((h.clone() * std::f32::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
    let density = (h.clone() * h.clone() * -0.5).exp() * DENSITY;
    (h.clone() * cdf.clone(), cdf + h * density)
}

/// `x · logistic(x)`, and its gradient.
fn silu<B: Backend>(h: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let gate = activation::sigmoid(h.clone());
    let gradient = gate.clone() * (h.clone() * (gate.clone().neg() + 1.0) + 1.0);
    (h * gate, gradient)
}

/// An activation, and its gradient.
pub(super) fn activate<B: Backend>(h: Tensor<B, 2>, activation: Activation) -> (Tensor<B, 2>, Tensor<B, 2>) {
    match activation {
        Activation::GeluTanh => gelu_tanh(h),
        Activation::Gelu => gelu(h),
        Activation::Silu => silu(h),
        Activation::Relu => {
            let gradient = h.clone().greater_elem(0.0).float();
            (h * gradient.clone(), gradient)
        }
    }
}
