//! AdamW with narrow moments for any backend: a tensor's moments go to the device and come back.

use burn_tensor::backend::Backend;
use burn_tensor::{Tensor, TensorData, TensorMetadata, TensorPrimitive};

use super::Real;
use super::host::moments::Narrow;

/// `step` is that of whole moments: it is given the weight and both moments, and gives them back.
pub(super) fn adamw<B: Backend>(
    weight: Real<B>,
    first: &mut Narrow,
    second: &mut Narrow,
    step: impl FnOnce(Real<B>, Real<B>, Real<B>) -> (Real<B>, Real<B>, Real<B>),
) -> Real<B> {
    let (shape, device) = (weight.shape(), B::float_device(&weight));
    let wide = |narrow: &Narrow| {
        let data = TensorData::new(narrow.wide(), shape.clone());
        B::float_from_data(data, &device)
    };
    let (weight, made_first, made_second) = step(weight, wide(first), wide(second));
    for (narrow, made) in [(first, made_first), (second, made_second)] {
        narrow.set(&read::<B>(made));
    }
    weight
}

fn read<B: Backend>(x: Real<B>) -> Vec<f32> {
    let count = x.shape().num_elements();
    let flat = B::float_reshape(x, [count].into());
    Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(flat)).into_data().iter::<f32>().collect()
}
