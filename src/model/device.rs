//! Where a model computes: the CPU, or a CUDA device if everything it needs is there.
//!
//! Opening a CUDA device without a driver panics deep inside Burn, on another thread. So the driver and the toolkit are
//! looked for first, and the first computation runs on a thread whose panic becomes an error.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[cfg(any(test, feature = "cuda"))]
use burn_dispatch::DispatchDevice;

/// The name of the CPU.
const CPU: &str = "cpu";

/// The device a person asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device if one can be opened, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| DeviceError::Unknown { text: text.to_owned() }),
        }
    }
}

/// Why a device cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The name of the device is none that is known.
    #[error("cannot use device `{text}`: it is none of `auto`, `cpu`, `cuda`, `cuda:<index>`")]
    Unknown {
        /// What was asked for.
        text: String,
    },
    /// The program was built without CUDA.
    #[error("cannot open device `cuda:{index}`: this program was built without CUDA support")]
    NotBuilt {
        /// The device asked for.
        index: usize,
    },
    /// There is no NVIDIA driver.
    #[error("cannot open device `cuda:{index}`: the driver library `libcuda.so.1` is not on this machine")]
    NoDriver {
        /// The device asked for.
        index: usize,
    },
    /// There is no such device.
    #[error("cannot open device `cuda:{index}`: the driver knows {count} devices, numbered from 0")]
    NoSuchDevice {
        /// The device asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The toolkit that compiles kernels is missing or incomplete.
    #[error("cannot open device `cuda:{index}`: `{missing}` is missing below the CUDA toolkit `{toolkit}`")]
    NoToolkit {
        /// The device asked for.
        index: usize,
        /// Where the toolkit was looked for.
        toolkit: String,
        /// What is missing there.
        missing: String,
    },
    /// The device is there, but the first computation on it failed.
    #[error("cannot open device `cuda:{index}`: the first computation failed: {reason}")]
    Broken {
        /// The device asked for.
        index: usize,
        /// What the driver said.
        reason: String,
    },
    /// There is no memory left.
    #[error("cannot go on on device `{device}`: it is out of memory: {reason}")]
    OutOfMemory {
        /// The device.
        device: String,
        /// What the driver said.
        reason: String,
    },
    /// The device stopped answering.
    #[error("cannot read from device `{device}`: {reason}")]
    Lost {
        /// The device.
        device: String,
        /// What the driver said.
        reason: String,
    },
}

impl DeviceError {
    /// The error of an open device that failed with these words. The backend has no type for what went wrong that would
    /// come through all its layers, so the words have to do.
    pub(crate) fn failed(device: &str, reason: &str) -> Self {
        const MEMORY: [&str; 4] = ["out of memory", "out-of-memory", "out_of_memory", "can't allocate buffer"];
        let lowered = reason.to_lowercase();
        let device = device.to_owned();
        // What follows are notes and backtraces for those who work on the backend.
        let lines: Vec<&str> = reason
            .lines()
            .map(str::trim)
            .take_while(|line| *line != "Backtrace")
            .filter(|line| !line.is_empty())
            .collect();
        let reason = lines.join(" ");
        if MEMORY.iter().any(|words| lowered.contains(words)) {
            Self::OutOfMemory { device, reason }
        } else {
            Self::Lost { device, reason }
        }
    }

    /// What to try.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unknown { .. } => None,
            Self::NotBuilt { .. } => {
                Some("build it with `cargo build --release --features cuda`, or use `--device cpu`")
            }
            Self::NoDriver { .. } => Some("install the NVIDIA driver, or use `--device cpu`"),
            Self::NoSuchDevice { .. } => Some("choose a lower index, or use `--device auto`"),
            Self::NoToolkit { .. } => {
                Some("install the CUDA toolkit 12.8 or later and point CUDA_PATH at it, or use `--device cpu`")
            }
            Self::OutOfMemory { .. } => Some(
                "lower `batch` (and raise `accumulate` by as much), shorten `max_length`, adapt with `lora`, or use \
                 another device",
            ),
            Self::Broken { .. } | Self::Lost { .. } => {
                Some("see whether `nvidia-smi` lists the device and what else uses it, or use `--device cpu`")
            }
        }
    }
}

/// A device that is open.
#[derive(Clone, Debug)]
pub struct Device {
    place: Place,
    fallback: Option<DeviceError>,
}

/// The place of the tensors.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// The CPU, by the fused operations.
    Cpu,
    /// What Burn dispatches to: a CUDA device, or in tests the CPU.
    #[cfg(any(test, feature = "cuda"))]
    Dispatched(DispatchDevice),
}

impl Device {
    /// The CPU, which is always there.
    pub fn cpu() -> Self {
        Self { place: Place::Cpu, fallback: None }
    }

    /// Opens the device of `choice`. `toolkit` is the value of `CUDA_PATH`, which the CUDA backend itself reads as well;
    /// without it the toolkit is looked for in `/usr/local/cuda`. [`DeviceChoice::Auto`] never fails: where it falls back
    /// to the CPU, [`fallback`](Self::fallback) says why.
    pub fn open(choice: DeviceChoice, toolkit: Option<&Path>) -> Result<Self, DeviceError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::cpu()),
            DeviceChoice::Cuda(index) => open_cuda(index, toolkit),
            DeviceChoice::Auto => {
                Ok(open_cuda(0, toolkit).unwrap_or_else(|reason| Self { place: Place::Cpu, fallback: Some(reason) }))
            }
        }
    }

    /// Why [`DeviceChoice::Auto`] chose the CPU.
    pub fn fallback(&self) -> Option<&DeviceError> {
        self.fallback.as_ref()
    }

    /// The numerics class: backend family and element type. Results are comparable bit for bit only within a class, and
    /// only where the class says that it is deterministic: `cpu-f32` is, for one machine.
    pub fn numerics(&self) -> &'static str {
        match self.place {
            Place::Cpu => "cpu-f32",
            #[cfg(any(test, feature = "cuda"))]
            Place::Dispatched(_) => "cuda-f32",
        }
    }

    /// Whether the same work gives the same bits again.
    pub fn deterministic(&self) -> bool {
        self.place == Place::Cpu
    }

    /// The operations of CUDA, on the CPU.
    #[cfg(test)]
    pub(crate) fn dispatched_cpu() -> Self {
        Self { place: Place::Dispatched(DispatchDevice::Flex(burn_flex::FlexDevice)), fallback: None }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The index of a CUDA device, as the driver numbers them.
    pub fn cuda_index(&self) -> Option<usize> {
        match &self.place {
            #[cfg(feature = "cuda")]
            Place::Dispatched(DispatchDevice::Cuda(device)) => Some(device.index),
            #[cfg(any(test, feature = "cuda"))]
            Place::Dispatched(_) => None,
            Place::Cpu => None,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.cuda_index()) {
            (Place::Cpu, _) => f.write_str(CPU),
            #[cfg(any(test, feature = "cuda"))]
            (Place::Dispatched(_), Some(index)) => write!(f, "cuda:{index}"),
            #[cfg(any(test, feature = "cuda"))]
            (Place::Dispatched(device), None) => write!(f, "{device:?}"),
        }
    }
}

fn open_cuda(index: usize, toolkit: Option<&Path>) -> Result<Device, DeviceError> {
    if !driver_present() {
        return Err(DeviceError::NoDriver { index });
    }
    if cfg!(not(feature = "cuda")) {
        return Err(DeviceError::NotBuilt { index });
    }
    if let Some(count) = device_count().filter(|&count| index >= count) {
        return Err(DeviceError::NoSuchDevice { index, count });
    }
    let toolkit = toolkit.unwrap_or(Path::new("/usr/local/cuda"));
    if let Some(missing) = missing_from(toolkit) {
        return Err(DeviceError::NoToolkit { index, toolkit: toolkit.display().to_string(), missing });
    }
    probe(index)
}

/// Computes something on a device before anything relies on it.
#[cfg(feature = "cuda")]
fn probe(index: usize) -> Result<Device, DeviceError> {
    use burn_cuda::CudaDevice;
    use burn_dispatch::Dispatch;
    use burn_tensor::Tensor;

    let device = DispatchDevice::Cuda(CudaDevice::new(index));
    let first = device.clone();
    let sum = std::thread::spawn(move || Tensor::<Dispatch, 1>::ones([8], &first).sum().try_into_data());
    let broken = |reason: String| DeviceError::Broken { index, reason };
    match sum.join() {
        Ok(Ok(_)) => Ok(Device { place: Place::Dispatched(device), fallback: None }),
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(panic) => Err(broken(words_of(panic))),
    }
}

#[cfg(not(feature = "cuda"))]
fn probe(index: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { index })
}

/// What a panic said.
fn words_of(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(message) => (*message).to_owned(),
            Err(_) => "the driver gave no reason".to_owned(),
        },
    }
}

/// Computes on an open device; where the backend panics because its device failed, that is an error like any other.
pub(crate) fn guarded<T, E: From<DeviceError>>(device: &str, compute: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    if device == CPU {
        // The CPU does not fail: a panic there is a mistake in this program, and goes on up.
        return compute();
    }
    catch_unwind(AssertUnwindSafe(compute))
        .unwrap_or_else(|panic| Err(DeviceError::failed(device, &words_of(panic)).into()))
}

/// Whether the loader would find the driver: in its own list or in one of the usual directories.
fn driver_present() -> bool {
    const NAME: &str = "libcuda.so.1";
    let listed = fs_err::read("/etc/ld.so.cache")
        .is_ok_and(|cache| cache.windows(NAME.len()).any(|window| window == NAME.as_bytes()));
    listed
        || [
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
            "/usr/lib/wsl/lib",
            "/usr/local/nvidia/lib64",
            "/run/opengl-driver/lib",
        ]
        .iter()
        .any(|directory| Path::new(directory).join(NAME).exists())
}

/// The number of devices, where the driver lists them in the file system.
fn device_count() -> Option<usize> {
    Some(fs_err::read_dir("/proc/driver/nvidia/gpus").ok()?.flatten().count())
}

/// The first thing that run-time compilation needs and that is not below `toolkit`.
fn missing_from(toolkit: &Path) -> Option<String> {
    let headers = [PathBuf::from("include/cuda_runtime.h"), PathBuf::from("include/cuda_fp16.h")];
    if let Some(header) = headers.iter().find(|header| !toolkit.join(header).exists()) {
        return Some(header.display().to_string());
    }
    let compiler = ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"].iter().any(|directory| {
        fs_err::read_dir(toolkit.join(directory)).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libnvrtc.so"))
        })
    });
    let elsewhere =
        fs_err::read("/etc/ld.so.cache").is_ok_and(|cache| cache.windows(11).any(|window| window == b"libnvrtc.so"));
    (!compiler && !elsewhere).then(|| "lib64/libnvrtc.so".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_parse_and_print() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:0", DeviceChoice::Cuda(0)),
            ("cuda:3", DeviceChoice::Cuda(3)),
        ] {
            assert_eq!(text.parse::<DeviceChoice>(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceChoice>(), Ok(DeviceChoice::Cuda(0)));
        assert!("cuda:x".parse::<DeviceChoice>().is_err());
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }

    #[test]
    fn auto_always_opens_something_and_says_why_it_fell_back() {
        let device = Device::open(DeviceChoice::Auto, None).expect("auto never fails");
        assert_eq!(device.numerics() == "cpu-f32", device.fallback().is_some());
    }

    #[test]
    fn a_toolkit_without_headers_is_named() {
        let empty = tempfile::tempdir().expect("temporary directory");
        assert_eq!(missing_from(empty.path()).as_deref(), Some("include/cuda_runtime.h"));
    }

    #[test]
    fn failures_of_an_open_device_are_told_apart_by_their_words() {
        let memory =
            "An error happened during execution\nCaused by:\n  can't allocate buffer of size: 99\nBacktrace\n 0: x";
        let error = guarded("cuda:1", || -> Result<(), DeviceError> { panic!("{memory}") }).expect_err("panics");
        expect_test::expect!["cannot go on on device `cuda:1`: it is out of memory: An error happened during execution Caused by: can't allocate buffer of size: 99"]
            .assert_eq(&error.to_string());
        assert!(error.hint().is_some_and(|hint| hint.contains("`batch`")));
        let lost = DeviceError::failed("cuda:0", "CUDA_ERROR_LAUNCH_FAILED");
        assert_eq!(lost.to_string(), "cannot read from device `cuda:0`: CUDA_ERROR_LAUNCH_FAILED");
        assert_eq!(guarded("cuda:0", || Ok::<_, DeviceError>(7)), Ok(7));
    }

    #[test]
    fn errors_say_what_to_try() {
        let error = DeviceError::NoDriver { index: 1 };
        assert_eq!(
            error.to_string(),
            "cannot open device `cuda:1`: the driver library `libcuda.so.1` is not on this machine"
        );
        assert!(error.hint().is_some());
    }
}
