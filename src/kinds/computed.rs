//! What the models report, as what a stage reports.

use retort_model::{DeviceError, ModelError};
use retort_stage::StageError;

/// A result of the models that becomes a stage's.
pub(crate) trait Computed<T> {
    /// Turns the models' error into a stage's.
    fn computed(self) -> Result<T, StageError>;
}

impl<T> Computed<T> for Result<T, ModelError> {
    fn computed(self) -> Result<T, StageError> {
        self.map_err(|error| match error {
            ModelError::Device(error) => device_failed(&error),
            other => StageError::data(other.to_string()),
        })
    }
}

/// Returns a stage's error for a device's.
pub fn device_failed(error: &DeviceError) -> StageError {
    StageError::Device { why: error.to_string(), hint: error.hint().map(str::to_owned) }
}
