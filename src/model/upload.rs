//! Tensors out of their elements.

use burn_tensor::TensorData;
use burn_tensor::backend::Backend;

use super::kernels::Real;

/// A tensor on a device from its elements.
pub(super) fn upload<B: Backend>(data: Vec<f32>, shape: &[usize], device: &B::Device) -> Real<B> {
    B::float_from_data(TensorData::new(data, shape.to_vec()), device)
}
