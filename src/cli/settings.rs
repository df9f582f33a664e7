//! The settings of this machine: `retort.toml`, the environment and the flags, in rising order of strength.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::{Global, Pipeline};
use super::exit::Failure;
use super::former;
use super::hub;
use super::keys::Keys;
use super::ownership;
use super::print;
use super::reach::Environment;
use super::remotes::{self, Remote};
use crate::plan::Roots;
use crate::session::{self, Remark, Settings, Workspace};
use crate::stage::Reach;
use crate::store::{Surroundings, TrustOptions};

/// The name of the settings file, looked for in the working directory and above.
const FILE: &str = "retort.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cache: Option<PathBuf>,
    device: Option<String>,
    #[serde(default)]
    roots: Roots,
    #[serde(default, alias = "layers")]
    remotes: Vec<Remote>,
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

/// Opens the workspace of a command without a pipeline.
pub(super) fn workspace(global: &Global) -> Result<Workspace, Failure> {
    Ok(telling(gather(global, None, &[])?, global))
}

/// Opens the workspace of a command on a pipeline.
pub(super) fn workspace_of(global: &Global, pipeline: &Pipeline) -> Result<Workspace, Failure> {
    Ok(telling(gather(global, pipeline.device.as_deref(), &pipeline.roots)?, global))
}

/// Reads and checks a pipeline; every error of the file is reported together.
pub(super) fn load(global: &Global, pipeline: &Pipeline) -> Result<session::Pipeline, Failure> {
    Ok(workspace_of(global, pipeline)?.load(&pipeline.file, &pipeline.set)?)
}

fn telling(settings: Settings, global: &Global) -> Workspace {
    let quiet = global.quiet;
    Workspace::new(settings).reaching(Environment).telling(move |remark| {
        if !(quiet && matches!(remark, Remark::OnCpu { .. })) {
            print::note(&remark.to_string());
        }
    })
}

/// Gathers the settings: the file, the environment and the flags, in rising order of strength.
pub(super) fn gather(global: &Global, device: Option<&str>, roots: &[String]) -> Result<Settings, Failure> {
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
    let remotes = remotes::gather(global, file.remotes, &here, &directory, &surroundings())?;
    let trust = trust(&file.trust)?;
    Ok(Settings {
        remotes,
        trust,
        salt: file.trust.salt,
        cache: cache.unwrap_or_else(|| "cache".into()),
        device,
        toolkit: std::env::var_os("CUDA_PATH").map(PathBuf::from),
        roots: all,
        hub: hub::gather(|name| std::env::var_os(name), Environment.way()),
        user: user(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        private: private(|name| std::env::var_os(name)),
    })
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

/// Returns what the environment says about object storage; what is no text says nothing.
pub(super) fn surroundings() -> Surroundings {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    Surroundings::of(std::env::vars_os().filter_map(text))
}

/// Finds the folder of this person's own: `retort` in the folder for caches.
fn private(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("retort"))
}

impl File {
    /// Puts the person's home in the place of `~` at the beginning of paths.
    fn expand(&mut self, home: Option<&Path>) -> Result<(), String> {
        let remotes = self.remotes.iter_mut().filter_map(Remote::path_mut);
        for path in self.cache.iter_mut().chain(self.roots.values_mut()).chain(remotes) {
            let Ok(rest) = path.strip_prefix("~") else {
                if path.as_os_str().as_encoded_bytes().starts_with(b"~") {
                    return Err(format!("cannot expand `{}`: only one's own home, `~/`, is known", path.display()));
                }
                continue;
            };
            let home = home.ok_or_else(|| format!("cannot expand `{}`: `HOME` is not set", path.display()))?;
            *path = home.join(rest);
        }
        Ok(())
    }
}

/// Finds the nearest settings file, and the directory its paths are relative to. One that somebody else may have put there
/// is refused.
fn find(here: &Path) -> Result<(File, PathBuf), Failure> {
    for directory in here.ancestors() {
        let path = directory.join(FILE);
        if path.is_file() {
            let own = "an own `retort.toml` in the working directory, even an empty one, comes first";
            let text = ownership::read(&path, own)?;
            let invalid = |why: String| Failure::invalid(format!("cannot read `{}`: {why}", path.display()));
            let notices = former::settings(&text).map_err(invalid)?;
            let mut file: File = toml::from_str(&text).map_err(|error| invalid(error.to_string()))?;
            notices.iter().for_each(|notice| print::note(&format!("{FILE}: {notice}")));
            let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
            file.expand(home.as_deref()).map_err(invalid)?;
            return Ok((file, directory.to_owned()));
        }
    }
    Ok((File::default(), here.to_owned()))
}

fn user() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home_in_every_path_of_the_settings() {
        let text = "cache = \"~/cache\"\n[roots]\nhome = \"~\"\ndata = \"data/~x\"\n[[remotes]]\npath = \"~/team\"\n";
        let mut file: File = toml::from_str(text).unwrap();
        file.expand(Some(Path::new("/home/ada"))).unwrap();
        assert_eq!(file.cache.as_deref(), Some(Path::new("/home/ada/cache")));
        let roots: Vec<_> = file.roots.values().map(|path| path.display().to_string()).collect();
        assert_eq!(roots, ["data/~x", "/home/ada/"]);
        assert_eq!(file.remotes[0].path_mut().unwrap(), Path::new("/home/ada/team"));
        let refused = |text: &str, home| toml::from_str::<File>(text).unwrap().expand(home).unwrap_err();
        assert!(refused("cache = \"~bob/cache\"", Some(Path::new("/home/ada"))).contains("cannot expand `~bob/cache`"));
        assert!(refused("cache = \"~/cache\"", None).contains("`HOME` is not set"));
    }

    #[test]
    fn every_old_key_is_read_as_the_new_one() {
        for (old, new) in former::SETTINGS {
            // A key renamed later needs a value here that is not its default.
            let text = |key: &str| match new {
                "remotes" => format!("[[{key}]]\npath = \"team\"\n"),
                other => panic!("there is no sample of `{other}`"),
            };
            let [before, now, none] = [text(old), text(new), String::new()]
                .map(|text| format!("{:?}", toml::from_str::<File>(&text).unwrap()));
            assert_eq!(before, now);
            assert_ne!(now, none);
        }
    }

    #[test]
    fn what_is_private_lies_in_the_folder_for_caches() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            assert_eq!(private(value).as_deref(), expected.map(Path::new));
        };
        check(&[("HOME", "/home/ada")], Some("/home/ada/.cache/retort"));
        check(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/var/ada")], Some("/var/ada/retort"));
        check(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "relative")], Some("/home/ada/.cache/retort"));
        check(&[("HOME", "")], None);
        check(&[], None);
    }
}
