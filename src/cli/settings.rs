//! The settings of this machine: `retort.toml`, the environment and the flags, in rising order of strength.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::args::{Global, Pipeline};
use super::exit::Failure;
use super::hub::HubSettings;
use super::keys::Keys;
use crate::model::DeviceChoice;
use crate::plan::Roots;
use crate::store::{LayerOptions, TrustOptions, Writes};

/// The name of the settings file, looked for in the working directory and above.
const FILE: &str = "retort.toml";

/// What a pipeline file must not say, because it differs between machines.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The directory of the cache.
    pub(super) cache: PathBuf,
    /// The caches behind it.
    pub(super) layers: Vec<LayerOptions>,
    /// Whom to trust.
    pub(super) trust: TrustOptions,
    /// What disowns every earlier result.
    salt: Option<String>,
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
    #[serde(default)]
    layers: Vec<Layer>,
    #[serde(default)]
    trust: Trust,
}

/// `[trust]`: what a team agrees on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Trust {
    /// Only signed results are used.
    require: bool,
    /// Keys and whose they are.
    keys: Vec<String>,
    /// Keys that count for nothing.
    revoked: Vec<String>,
    /// Enters every key, so that another one disowns everything before it.
    salt: Option<String>,
}

/// One of `[[layers]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    path: PathBuf,
    name: Option<String>,
    #[serde(default = "on_push")]
    write: Writes,
    timeout_s: Option<f64>,
}

fn on_push() -> Writes {
    Writes::OnPush
}

/// How long a layer may take to answer, in seconds.
const TIMEOUT_S: f64 = 10.0;

impl Settings {
    /// Gathers the settings for a command without a pipeline.
    pub(super) fn global(global: &Global) -> Result<Self, Failure> {
        Self::gather(global, None, &[])
    }

    /// Gathers the settings for a command on a pipeline.
    pub(super) fn of(global: &Global, pipeline: &Pipeline) -> Result<Self, Failure> {
        Self::gather(global, pipeline.device.as_deref(), &pipeline.roots)
    }

    /// Returns what of these settings enters every key.
    pub(super) fn env(&self) -> BTreeMap<String, Option<String>> {
        self.salt.iter().map(|salt| ("salt".to_owned(), Some(salt.clone()))).collect()
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
        let layers = layers(global, file.layers, &here, &directory)?;
        let trust = trust(&file.trust)?;
        Ok(Self {
            layers,
            trust,
            salt: file.trust.salt,
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

/// Puts together whom to trust: the person's own keys, and those of the settings file.
fn trust(declared: &Trust) -> Result<TrustOptions, Failure> {
    let mut trust = Keys::find(|name| std::env::var_os(name)).read()?;
    trust.require = declared.require;
    let read = |text: &String| {
        super::keys::parse(text)
            .map_err(|why| Failure::invalid(format!("cannot read the key `{text}` below `[trust]` in `{FILE}`: {why}")))
    };
    for text in &declared.keys {
        let (key, name) = read(text)?;
        trust.trusted.insert(key, name);
    }
    for text in &declared.revoked {
        trust.revoked.insert(read(text)?.0);
    }
    Ok(trust)
}

/// Puts the layers together: those of the flags, or those of the settings file where no flag names any.
fn layers(global: &Global, declared: Vec<Layer>, here: &Path, directory: &Path) -> Result<Vec<LayerOptions>, Failure> {
    let mut layers = Vec::new();
    if global.no_layers {
        return Ok(layers);
    }
    if global.layers.is_empty() {
        for layer in declared {
            layers.push(layer_options(layer, directory)?);
        }
    } else {
        for text in &global.layers {
            layers.push(layer_options(typed(text)?, here)?);
        }
    }
    for (index, layer) in layers.iter().enumerate() {
        if layers[..index].iter().any(|other| other.name == layer.name) {
            let failure = Failure::invalid(format!("two layers are named `{}`", layer.name));
            return Err(failure.hint("give one of them another `name` in retort.toml"));
        }
    }
    Ok(layers)
}

/// Reads a layer as it is typed: `DIR` or `DIR=WHEN`.
fn typed(text: &str) -> Result<Layer, Failure> {
    let (path, write) = match text.rsplit_once('=') {
        None => (text, Writes::OnPush),
        Some((path, "never")) => (path, Writes::Never),
        Some((path, "on-push")) => (path, Writes::OnPush),
        Some((path, "on-success")) => (path, Writes::OnSuccess),
        Some((_, other)) => {
            let failure = Failure::invalid(format!("cannot read `--layer {text}`: `{other}` says no time"));
            return Err(failure.hint("results go there `never`, `on-push` or `on-success`"));
        }
    };
    if path.is_empty() {
        return Err(Failure::invalid(format!("cannot read `--layer {text}`: expected DIR or DIR=WHEN")));
    }
    Ok(Layer { path: path.into(), name: None, write, timeout_s: None })
}

fn layer_options(layer: Layer, base: &Path) -> Result<LayerOptions, Failure> {
    let Layer { path, name, write, timeout_s } = layer;
    let seconds = timeout_s.unwrap_or(TIMEOUT_S);
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero());
    let timeout = timeout.ok_or_else(|| {
        Failure::invalid(format!("cannot use `timeout_s = {seconds}` of the layer `{}`", path.display()))
            .hint("it is a number of seconds above 0")
    })?;
    let last =
        || path.file_name().map_or_else(|| path.display().to_string(), |last| last.to_string_lossy().into_owned());
    Ok(LayerOptions { name: name.unwrap_or_else(last), root: base.join(&path), writes: write, timeout })
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
