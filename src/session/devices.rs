//! The device of a session, opened when it is first needed.

use std::any::Any;
use std::sync::{Once, OnceLock};

use retort_kinds::device_failed;
use retort_model::{Device, DeviceChoice, DeviceError};
use retort_stage::{DeviceSlot, StageError};

use super::{Remark, Workspace};

/// The device of a session, opened when it is first needed.
#[derive(Debug)]
pub struct Devices {
    workspace: Workspace,
    opened: OnceLock<Result<Device, DeviceError>>,
    told: Once,
}

impl Workspace {
    /// Returns the device of these settings, which is opened when it is first needed.
    pub fn devices(&self) -> Devices {
        Devices { workspace: self.clone(), opened: OnceLock::new(), told: Once::new() }
    }
}

impl Devices {
    /// Returns the numerics class that keys take.
    ///
    /// # Errors
    /// [`DeviceError`] where the device cannot be opened.
    pub fn numerics(&self) -> Result<&'static str, DeviceError> {
        self.open().map(Device::numerics)
    }

    /// Returns the index of the CUDA device; `None` where the CPU computes, or nothing was opened.
    pub fn cuda(&self) -> Option<usize> {
        let opened = self.opened.get()?.as_ref().ok()?;
        match opened.to_string().parse() {
            Ok(DeviceChoice::Cuda(index)) => Some(index),
            _ => None,
        }
    }

    fn open(&self) -> Result<&Device, DeviceError> {
        let settings = &self.workspace.settings;
        let open = || Device::open(settings.device, settings.toolkit.as_deref());
        self.opened.get_or_init(open).as_ref().map_err(Clone::clone)
    }
}

impl DeviceSlot for Devices {
    fn device(&self) -> Result<&(dyn Any + Send + Sync), StageError> {
        let device = self.open().map_err(|error| device_failed(&error))?;
        // Said when something computes, not whenever the numerics class is needed.
        if let Some(why) = device.fallback() {
            self.told.call_once(|| self.workspace.tell(&Remark::OnCpu { why: why.to_string() }));
        }
        Ok(device)
    }

    fn described(&self) -> Option<String> {
        self.open().ok().map(Device::described)
    }
}
