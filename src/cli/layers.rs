//! The caches behind the cache, as `retort.toml` and the flags name them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::args::Global;
use super::exit::Failure;
use crate::store::{AddressError, Bucket, LayerAt, LayerOptions, ObjectsAt, Surroundings, Writes};

/// One of `[[layers]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
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

impl Layer {
    /// The directory, where it is one.
    pub(super) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        self.path.as_mut()
    }
}

/// How long a layer may take to answer, in seconds.
const TIMEOUT_S: f64 = 10.0;

/// Puts the layers together: those of the flags, or those of the settings file where no flag names any.
pub(super) fn gather(
    global: &Global,
    declared: Vec<Layer>,
    here: &Path,
    directory: &Path,
    surroundings: &Surroundings,
) -> Result<Vec<LayerOptions>, Failure> {
    let mut layers = Vec::new();
    if global.no_layers {
        return Ok(layers);
    }
    if global.layers.is_empty() {
        for layer in declared {
            layers.push(options(layer, directory, surroundings)?);
        }
    } else {
        for text in &global.layers {
            layers.push(options(typed(text)?, here, surroundings)?);
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

/// Describes the bucket of an address that is typed, as the settings declare it or else as the environment says; with how
/// long it may take to answer.
pub(super) fn bucket(
    address: &str,
    declared: &[LayerOptions],
    surroundings: &Surroundings,
) -> Result<(ObjectsAt, Duration), Failure> {
    let bucket: Bucket = address.parse().map_err(|error| refused(&error))?;
    let known = declared.iter().find_map(|layer| match &layer.at {
        LayerAt::Objects(at) if at.bucket == bucket => Some((at.clone(), layer.timeout)),
        _ => None,
    });
    Ok(known.unwrap_or_else(|| (ObjectsAt::new(bucket, surroundings.clone()), Duration::from_secs_f64(TIMEOUT_S))))
}

/// Reads a layer as it is typed: `DIR` or `DIR=WHEN`, or an address in a directory's place.
fn typed(text: &str) -> Result<Layer, Failure> {
    let (place, write) = match text.rsplit_once('=') {
        None => (text, Writes::OnPush),
        Some((place, "never")) => (place, Writes::Never),
        Some((place, "on-push")) => (place, Writes::OnPush),
        Some((place, "on-success")) => (place, Writes::OnSuccess),
        Some((_, other)) => {
            let failure = Failure::invalid(format!("cannot read `--layer {text}`: `{other}` says no time"));
            return Err(failure.hint("results go there `never`, `on-push` or `on-success`"));
        }
    };
    if place.is_empty() {
        return Err(Failure::invalid(format!("cannot read `--layer {text}`: expected DIR or DIR=WHEN")));
    }
    let layer = Layer { write: Some(write), ..Layer::default() };
    Ok(if Bucket::is_meant(place) {
        Layer { url: Some(place.to_owned()), ..layer }
    } else {
        Layer { path: Some(place.into()), ..layer }
    })
}

fn options(layer: Layer, base: &Path, surroundings: &Surroundings) -> Result<LayerOptions, Failure> {
    let Layer { path, url, name, write, timeout_s, endpoint, region, allow_http, path_style } = layer;
    let of_s3 = [endpoint.is_some(), region.is_some(), path_style.is_some()];
    let (at, last, shown) = match (path, url) {
        (Some(path), None) => {
            let shown = path.display().to_string();
            if Bucket::is_meant(&shown) {
                let failure = Failure::invalid("a layer's `path` is an address".to_owned());
                return Err(failure.hint("say `url` in the place of `path`"));
            }
            if of_s3.contains(&true) || allow_http.is_some() {
                let failure =
                    Failure::invalid(format!("the layer `{shown}` is a directory, and no server leads there"));
                return Err(failure.hint("`endpoint`, `region`, `allow_http` and `path_style` belong to a `url`"));
            }
            let last = path.file_name().map_or_else(|| shown.clone(), |last| last.to_string_lossy().into_owned());
            (LayerAt::Directory(base.join(&path)), last, shown)
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
            (LayerAt::Objects(at), last, shown)
        }
        (None, None) | (Some(_), Some(_)) => {
            let failure =
                Failure::invalid("a layer of `retort.toml` has not exactly one of `path` and `url`".to_owned());
            return Err(failure.hint("`path` names a directory, `url` a bucket such as `s3://bucket/prefix`"));
        }
    };
    let seconds = timeout_s.unwrap_or(TIMEOUT_S);
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero());
    let timeout = timeout.ok_or_else(|| {
        Failure::invalid(format!("cannot use `timeout_s = {seconds}` of the layer `{shown}`"))
            .hint("it is a number of seconds above 0")
    })?;
    Ok(LayerOptions { name: name.unwrap_or(last), at, writes: write.unwrap_or(Writes::OnPush), timeout })
}

fn refused(error: &AddressError) -> Failure {
    Failure::invalid(error.to_string()).hint(error.hint())
}
