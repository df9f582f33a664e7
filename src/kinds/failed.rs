//! What the models report, as what a stage reports.

use retort_model::{DeviceError, ModelError};
use retort_stage::StageError;

/// Returns a stage's error for a model's.
pub(crate) fn model_failed(error: ModelError) -> StageError {
    match error {
        ModelError::Device(error) => device_failed(&error),
        other => StageError::data(other.to_string()),
    }
}

/// Returns a stage's error for a device's.
pub fn device_failed(error: &DeviceError) -> StageError {
    StageError::Device { why: error.to_string(), hint: error.hint().map(str::to_owned) }
}
