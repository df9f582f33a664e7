//! The settings of this machine: `retort.toml`, the environment and the flags, in rising order of strength.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::{Global, Pipeline};
use super::exit::Failure;
use super::hub::HubSettings;
use crate::model::DeviceChoice;
use crate::plan::Roots;

/// The name of the settings file, looked for in the working directory and above.
const FILE: &str = "retort.toml";

/// What a pipeline file must not say, because it differs between machines.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The directory of the cache.
    pub(super) cache: PathBuf,
    /// Where to compute.
    pub(super) device: DeviceChoice,
    /// The CUDA toolkit, where the environment names one.
    pub(super) toolkit: Option<PathBuf>,
    /// Where the first components of paths are.
    pub(super) roots: Roots,
    /// How the hub is reached.
    pub(super) hub: HubSettings,
    /// Who is running this.
    pub(super) user: String,
    /// On which machine.
    pub(super) host: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cache: Option<PathBuf>,
    device: Option<String>,
    #[serde(default)]
    roots: Roots,
}

impl Settings {
    /// Gathers the settings for a command without a pipeline.
    pub(super) fn global(global: &Global) -> Result<Self, Failure> {
        Self::gather(global, None, &[])
    }

    /// Gathers the settings for a command on a pipeline.
    pub(super) fn of(global: &Global, pipeline: &Pipeline) -> Result<Self, Failure> {
        Self::gather(global, pipeline.device.as_deref(), &pipeline.roots)
    }

    fn gather(global: &Global, device: Option<&str>, roots: &[String]) -> Result<Self, Failure> {
        let here = std::env::current_dir()?;
        let (file, directory) = find(&here)?;
        let mut all: Roots = file.roots.into_iter().map(|(name, path)| (name, directory.join(path))).collect();
        for root in roots {
            let (name, path) = root
                .split_once('=')
                .filter(|(name, path)| !name.is_empty() && !path.is_empty())
                .ok_or_else(|| Failure::invalid(format!("cannot read `--root {root}`: expected NAME=DIR")))?;
            all.insert(name.to_owned(), here.join(path));
        }
        let device = device.map(str::to_owned).or(file.device).unwrap_or_else(|| "auto".into());
        let device = device.parse().map_err(Failure::invalid)?;
        let cache = global.cache.clone().or_else(|| file.cache.map(|path| directory.join(path)));
        Ok(Self {
            cache: cache.unwrap_or_else(|| "cache".into()),
            device,
            toolkit: std::env::var_os("CUDA_PATH").map(PathBuf::from),
            roots: all,
            hub: HubSettings::gather(|name| std::env::var_os(name)).with_proxy(ureq::Proxy::try_from_env()),
            user: user(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        })
    }
}

/// Finds the nearest settings file, and the directory its paths are relative to.
fn find(here: &Path) -> Result<(File, PathBuf), Failure> {
    for directory in here.ancestors() {
        let path = directory.join(FILE);
        if path.is_file() {
            let text = fs_err::read_to_string(&path)?;
            let file = toml::from_str(&text)
                .map_err(|error| Failure::invalid(format!("cannot read `{}`: {error}", path.display())))?;
            return Ok((file, directory.to_owned()));
        }
    }
    Ok((File::default(), here.to_owned()))
}

fn user() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}
