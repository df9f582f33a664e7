//! The caches behind the cache, as `retort.toml` and the flags name them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::args::Global;
use super::exit::Failure;
use crate::store::{AddressError, Bucket, ObjectsAt, RemoteAt, RemoteOptions, Surroundings, Writes};

/// One of `[[remotes]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remote {
    /// A directory.
    path: Option<PathBuf>,
    /// A bucket of object storage.
    url: Option<String>,
    name: Option<String>,
    write: Option<Writes>,
    timeout_s: Option<f64>,
    endpoint: Option<String>,
    region: Option<String>,
    allow_http: Option<bool>,
    path_style: Option<bool>,
}

impl Remote {
    /// Returns the directory's path, to be put right.
    pub(super) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        self.path.as_mut()
    }
}

/// How long a remote may take to answer, in seconds.
const TIMEOUT_S: f64 = 10.0;

/// Puts the remotes together: those of the flags, or those of the settings file where no flag names any.
pub(super) fn gather(
    global: &Global,
    declared: Vec<Remote>,
    here: &Path,
    directory: &Path,
    surroundings: &Surroundings,
) -> Result<Vec<RemoteOptions>, Failure> {
    let mut remotes = Vec::new();
    if global.no_remotes {
        return Ok(remotes);
    }
    if global.remotes.is_empty() {
        for remote in declared {
            remotes.push(options(remote, directory, surroundings)?);
        }
    } else {
        for text in &global.remotes {
            remotes.push(options(typed(text)?, here, surroundings)?);
        }
    }
    for (index, remote) in remotes.iter().enumerate() {
        if remotes[..index].iter().any(|other| other.name == remote.name) {
            let failure = Failure::invalid(format!("two remotes are named `{}`", remote.name));
            return Err(failure.hint("give one of them another `name` in retort.toml"));
        }
    }
    Ok(remotes)
}

/// Describes the bucket of an address that is typed, as the settings declare it or else as the environment says; with how
/// long it may take to answer.
pub(super) fn bucket(
    address: &str,
    declared: &[RemoteOptions],
    surroundings: &Surroundings,
) -> Result<(ObjectsAt, Duration), Failure> {
    let bucket: Bucket = address.parse().map_err(|error| refused(&error))?;
    let known = declared.iter().find_map(|remote| match &remote.at {
        RemoteAt::Objects(at) if at.bucket == bucket => Some((at.clone(), remote.timeout)),
        _ => None,
    });
    Ok(known.unwrap_or_else(|| (ObjectsAt::new(bucket, surroundings.clone()), Duration::from_secs_f64(TIMEOUT_S))))
}

/// Reads a remote as it is typed: `DIR` or `DIR=WHEN`, or an address in a directory's place.
fn typed(text: &str) -> Result<Remote, Failure> {
    let (place, write) = match text.rsplit_once('=') {
        None => (text, Writes::OnPush),
        Some((place, "never")) => (place, Writes::Never),
        Some((place, "on-push")) => (place, Writes::OnPush),
        Some((place, "on-success")) => (place, Writes::OnSuccess),
        Some((_, other)) => {
            let failure = Failure::invalid(format!("cannot read `--remote {text}`: `{other}` says no time"));
            return Err(failure.hint("results go there `never`, `on-push` or `on-success`"));
        }
    };
    if place.is_empty() {
        return Err(Failure::invalid(format!("cannot read `--remote {text}`: expected DIR or DIR=WHEN")));
    }
    let remote = Remote { write: Some(write), ..Remote::default() };
    Ok(if Bucket::is_meant(place) {
        Remote { url: Some(place.to_owned()), ..remote }
    } else {
        Remote { path: Some(place.into()), ..remote }
    })
}

fn options(remote: Remote, base: &Path, surroundings: &Surroundings) -> Result<RemoteOptions, Failure> {
    let Remote { path, url, name, write, timeout_s, endpoint, region, allow_http, path_style } = remote;
    let of_s3 = [endpoint.is_some(), region.is_some(), path_style.is_some()];
    let (at, last, shown) = match (path, url) {
        (Some(path), None) => {
            let shown = path.display().to_string();
            if Bucket::is_meant(&shown) {
                let failure = Failure::invalid("a remote's `path` is an address".to_owned());
                return Err(failure.hint("say `url` in the place of `path`"));
            }
            if of_s3.contains(&true) || allow_http.is_some() {
                let failure =
                    Failure::invalid(format!("the remote `{shown}` is a directory, and no server leads there"));
                return Err(failure.hint("`endpoint`, `region`, `allow_http` and `path_style` belong to a `url`"));
            }
            let last = path.file_name().map_or_else(|| shown.clone(), |last| last.to_string_lossy().into_owned());
            (RemoteAt::Directory(base.join(&path)), last, shown)
        }
        (None, Some(url)) => {
            let bucket: Bucket = url.parse().map_err(|error| refused(&error))?;
            if of_s3.contains(&true) && !bucket.speaks_s3() {
                let failure = Failure::invalid(format!("cannot say of `{bucket}` by which server it is reached"));
                return Err(failure.hint("`endpoint`, `region` and `path_style` are for `s3://`"));
            }
            let (last, shown) = (bucket.last_part().to_owned(), bucket.to_string());
            let surroundings = surroundings.clone();
            let at = ObjectsAt { bucket, endpoint, region, allow_http, path_style, surroundings };
            (RemoteAt::Objects(at), last, shown)
        }
        (None, None) | (Some(_), Some(_)) => {
            let failure =
                Failure::invalid("a remote of `retort.toml` has not exactly one of `path` and `url`".to_owned());
            return Err(failure.hint("`path` names a directory, `url` a bucket such as `s3://bucket/prefix`"));
        }
    };
    let seconds = timeout_s.unwrap_or(TIMEOUT_S);
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero());
    let timeout = timeout.ok_or_else(|| {
        Failure::invalid(format!("cannot use `timeout_s = {seconds}` of the remote `{shown}`"))
            .hint("it is a number of seconds above 0")
    })?;
    Ok(RemoteOptions { name: name.unwrap_or(last), at, writes: write.unwrap_or(Writes::OnPush), timeout })
}

fn refused(error: &AddressError) -> Failure {
    Failure::invalid(error.to_string()).hint(error.hint())
}
