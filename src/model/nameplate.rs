//! What a device is called by whoever made it: for people, never for keys.

use super::Device;
use super::device::Place;

impl Device {
    /// Describes the device as far as the system tells: `cuda:0, NVIDIA H100 80GB HBM3`, or the processor's name.
    pub fn described(&self) -> String {
        let (file, field) = match self.place() {
            Place::Cpu => ("/proc/cpuinfo", "model name"),
            #[cfg(any(test, feature = "cuda"))]
            Place::Dispatched(_) => return gpus().map_or_else(|| self.to_string(), |gpus| format!("{self}, {gpus}")),
        };
        let name = fs_err::read_to_string(file).ok().and_then(|text| value_of(&text, field));
        name.map_or_else(|| self.to_string(), |name| format!("{self}, {name}"))
    }
}

/// The models of all CUDA devices, each once: which of them has which index, the file system does not tell.
#[cfg(any(test, feature = "cuda"))]
fn gpus() -> Option<String> {
    let folders = fs_err::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let model = |folder: std::io::Result<fs_err::DirEntry>| {
        value_of(&fs_err::read_to_string(folder.ok()?.path().join("information")).ok()?, "Model")
    };
    let mut models: Vec<String> = folders.filter_map(model).collect();
    models.sort();
    models.dedup();
    (!models.is_empty()).then(|| models.join(" or "))
}

/// Reads the first value of a field out of lines such as `Model: NVIDIA H100`.
fn value_of(text: &str, field: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == field).then(|| value.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_and_its_spaces_are_closed_up() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC   7B13\nmodel name\t: other\n";
        assert_eq!(value_of(text, "model name").as_deref(), Some("AMD EPYC 7B13"));
        assert_eq!(value_of(text, "Model"), None);
        assert!(Device::cpu().described().starts_with("cpu"));
    }
}
