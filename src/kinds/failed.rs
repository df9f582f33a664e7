//! What the models report, as what a stage reports.

use retort_model::{DeviceError, ModelError, WeightsError};
use retort_stage::StageError;
use retort_store::StoreError;

/// Returns a stage's error for a model's.
pub(crate) fn model_failed(error: ModelError) -> StageError {
    match error {
        ModelError::Device(error) => device_failed(&error),
        ModelError::Weights(error) => weights_failed(error),
        ModelError::Io(error) => error.into(),
        other => StageError::data(other.to_string()),
    }
}

/// Returns a stage's error for one of weights. Where the store says that they are lost, making them again helps.
pub(crate) fn weights_failed(error: WeightsError) -> StageError {
    let WeightsError::Read { file, source } = error else { return StageError::data(error.to_string()) };
    match source.downcast::<StoreError>() {
        Ok(lost) => lost.into(),
        Err(source) => StageError::data(WeightsError::Read { file, source }.to_string()),
    }
}

/// Returns a stage's error for a device's.
pub fn device_failed(error: &DeviceError) -> StageError {
    StageError::Device { why: error.to_string(), hint: error.hint().map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use retort_fingerprint::Digest;

    #[test]
    fn weights_that_are_lost_while_they_are_read_are_known_to_be() {
        let digest = Digest::of(b"weights");
        let read = |source| ModelError::Weights(WeightsError::Read { file: "model.safetensors".into(), source });
        let lost = model_failed(read(io::Error::other(StoreError::Missing { digest })));
        assert!(matches!(lost, StageError::Store(error) if error.lost_blob() == Some(digest)));
        let other = model_failed(read(io::Error::other("the cable is out")));
        assert!(matches!(&other, StageError::Data { why } if why.contains("the cable is out")), "{other}");
    }
}
