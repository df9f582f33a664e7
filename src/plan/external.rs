//! Files outside the experiment: where they are, and what they hold. Nothing is fetched from here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use retort_fingerprint::Digest;
use retort_hub::{Absent, FolderError, HubCache, HubModel, chat_files_in, files_in};
use retort_source::{Diagnostic, Diagnostics, nearest};
use retort_spec::{Experiment, Instance};
use retort_stage::params::{ExternalRef, ExternalSource};
use retort_store::Store;

/// Directories that stand for the first component of a path, such as `data`, so that no pipeline names a place that only
/// one machine has.
pub type Roots = BTreeMap<String, PathBuf>;

/// The files behind everything outside the experiment.
#[derive(Debug, Default)]
pub struct Externals {
    found: BTreeMap<Located, Files>,
    lacking: BTreeMap<Located, Diagnostic>,
    roots: Roots,
    env: BTreeMap<String, Option<String>>,
}

/// One thing outside the experiment, wherever and however often it is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Located {
    File(PathBuf),
    ModelFolder(PathBuf),
    ChatModelFolder(PathBuf),
    Hub(HubModel),
}

/// What was found at a place.
#[derive(Debug)]
struct Files {
    /// Name within the directory (or `file`), place and digest.
    files: Vec<(String, PathBuf, Digest)>,
    /// Which state of which repository it is, where it is from the hub.
    origin: Option<String>,
}

/// External files that cannot be used, each at the place where it was named.
#[derive(Debug, thiserror::Error)]
#[error("the experiment names files that cannot be used")]
pub struct ExternalsError(pub Diagnostics);

impl Externals {
    /// Finds and hashes every external file of an experiment; a file that was hashed before and did not change since is
    /// not read again. What cannot be used is [lacking](Self::lacking).
    pub fn survey(experiment: &Experiment, needed: &[bool], roots: &Roots, hub: &HubCache, store: &Store) -> Self {
        let (mut found, mut lacking) = (BTreeMap::new(), BTreeMap::new());
        let instances = experiment.instances.iter().zip(needed).filter(|(_, needed)| **needed);
        for external in instances.flat_map(|(instance, _)| instance.bound.externals()) {
            let located = locate(&external.source, experiment.folder(external.span), roots);
            if found.contains_key(&located) || lacking.contains_key(&located) {
                continue;
            }
            match files_of(external, &located, roots, hub, store) {
                Ok(files) => {
                    found.insert(located, files);
                }
                Err(diagnostic) => {
                    lacking.insert(located, diagnostic);
                }
            }
        }
        Self { found, lacking, roots: roots.clone(), env: BTreeMap::new() }
    }

    /// As [`survey`](Self::survey), where nothing may be lacking.
    pub fn resolve(
        experiment: &Experiment,
        needed: &[bool],
        roots: &Roots,
        hub: &HubCache,
        store: &Store,
    ) -> Result<Self, ExternalsError> {
        let surveyed = Self::survey(experiment, needed, roots, hub, store);
        surveyed.complain(|_| true).map_or(Ok(surveyed), Err)
    }

    /// Adds what else is declared to decide results, such as a salt; it enters every key.
    #[must_use]
    pub fn with_env(self, env: BTreeMap<String, Option<String>>) -> Self {
        Self { env, ..self }
    }

    /// Returns what else is declared to decide results.
    pub fn env(&self) -> &BTreeMap<String, Option<String>> {
        &self.env
    }

    /// Returns what of an instance's files cannot be used, as it was written.
    pub fn lacking(&self, experiment: &Experiment, instance: &Instance) -> Vec<String> {
        if self.lacking.is_empty() {
            return Vec::new();
        }
        let lacks = |external: &&ExternalRef| self.lacking.contains_key(&self.locate(experiment, external));
        let mut lacking: Vec<String> =
            instance.bound.externals().iter().filter(lacks).map(|external| external.source.to_string()).collect();
        lacking.dedup();
        lacking
    }

    /// Returns the error of what is lacking, but for models that a run would fetch; `None` where there is none.
    pub fn unusable(&self) -> Option<ExternalsError> {
        self.complain(|located| !matches!(located, Located::Hub(_)))
    }

    fn complain(&self, about: impl Fn(&Located) -> bool) -> Option<ExternalsError> {
        let mut diagnostics = Diagnostics::default();
        self.lacking
            .iter()
            .filter(|(located, _)| about(located))
            .for_each(|(_, wrong)| diagnostics.push(wrong.clone()));
        (!diagnostics.is_empty()).then_some(ExternalsError(diagnostics))
    }

    /// Returns the files behind something outside the experiment.
    pub fn files(&self, experiment: &Experiment, external: &ExternalRef) -> &[(String, PathBuf, Digest)] {
        self.found(experiment, external).map_or(&[], |found| found.files.as_slice())
    }

    /// Returns which commit of which repository stands behind a model from the hub, as `owner/name@commit`.
    pub fn origin(&self, experiment: &Experiment, external: &ExternalRef) -> Option<&str> {
        self.found(experiment, external)?.origin.as_deref()
    }

    fn found(&self, experiment: &Experiment, external: &ExternalRef) -> Option<&Files> {
        self.found.get(&self.locate(experiment, external))
    }

    fn locate(&self, experiment: &Experiment, external: &ExternalRef) -> Located {
        locate(&external.source, experiment.folder(external.span), &self.roots)
    }
}

/// Turns what was written into a place.
fn locate(source: &ExternalSource, base: &Path, roots: &Roots) -> Located {
    match source {
        ExternalSource::File(path) => Located::File(below(path, base, roots)),
        ExternalSource::ModelFolder(path) => Located::ModelFolder(below(path, base, roots)),
        ExternalSource::ChatModelFolder(path) => Located::ChatModelFolder(below(path, base, roots)),
        ExternalSource::Hub(model) => Located::Hub(model.clone()),
    }
}

/// Turns a path as it was written into one below a root if its first component names one, else below `base`.
fn below(path: &str, base: &Path, roots: &Roots) -> PathBuf {
    let mut components = Path::new(path).components();
    let first = components.next().map(|first| first.as_os_str().to_string_lossy().into_owned());
    match first.and_then(|first| roots.get(&first)) {
        Some(root) => root.join(components.as_path()),
        None => base.join(path),
    }
}

fn files_of(
    external: &ExternalRef,
    located: &Located,
    roots: &Roots,
    hub: &HubCache,
    store: &Store,
) -> Result<Files, Diagnostic> {
    let cannot = |why: String| Diagnostic::at(external.span, format!("cannot use `{}`: {why}", external.source));
    let local = |files: Result<Vec<_>, Unusable>, path: &Path| match files {
        Ok(files) => Ok(Files { files, origin: None }),
        Err(Unusable { why, hint }) => Err(cannot(why)
            .label(format!("looked for `{}`", path.display()))
            .hint_if(hint.or_else(|| root_hint(&external.source.to_string(), roots)))),
    };
    match located {
        Located::File(path) => local(one_file(path, store), path),
        Located::ModelFolder(path) => local(model_folder(path, files_in, store), path),
        Located::ChatModelFolder(path) => local(model_folder(path, chat_files_in, store), path),
        Located::Hub(model) => {
            let looked = format!("looked for `{}`", hub.folder(model).display());
            let absent = |absent: Absent| {
                let why = format!("it is not in the hub's cache: {absent}");
                cannot(why).label(looked.clone()).hint_if(Some("`retort run` fetches it".to_owned()))
            };
            let snapshot = hub.find(model).map_err(absent)?;
            let files = all_hashed(&snapshot.folder, &snapshot.files, store);
            let files = files.map_err(|Unusable { why, hint }| cannot(why).label(looked.clone()).hint_if(hint))?;
            Ok(Files { files, origin: Some(format!("{}@{}", model.id.as_str(), snapshot.commit)) })
        }
    }
}

/// Why files cannot be used.
struct Unusable {
    why: String,
    /// What to try; `None` where the path may be wrong.
    hint: Option<String>,
}

impl Unusable {
    fn because(why: impl std::fmt::Display) -> Self {
        Self { why: why.to_string(), hint: None }
    }
}

impl From<FolderError> for Unusable {
    fn from(error: FolderError) -> Self {
        Self { why: error.to_string(), hint: Some(error.hint()) }
    }
}

fn one_file(path: &Path, store: &Store) -> Result<Vec<(String, PathBuf, Digest)>, Unusable> {
    match fs_err::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(vec![hashed("file", path.to_owned(), store)?]),
        Ok(_) => Err(Unusable::because("it is not a file")),
        Err(_) => Err(Unusable::because("there is no such file")),
    }
}

fn model_folder(
    folder: &Path,
    files_in: fn(&Path) -> Result<Vec<String>, FolderError>,
    store: &Store,
) -> Result<Vec<(String, PathBuf, Digest)>, Unusable> {
    if !folder.is_dir() {
        return Err(Unusable::because("there is no such directory"));
    }
    all_hashed(folder, &files_in(folder)?, store)
}

fn all_hashed(folder: &Path, names: &[String], store: &Store) -> Result<Vec<(String, PathBuf, Digest)>, Unusable> {
    names.iter().map(|name| hashed(name, folder.join(name), store)).collect()
}

fn hashed(name: &str, path: PathBuf, store: &Store) -> Result<(String, PathBuf, Digest), Unusable> {
    let blob = store.file_digest(&path).map_err(Unusable::because)?;
    Ok((name.to_owned(), path, blob.digest))
}

/// Says how a relative path is meant to be found on this machine; `None` where a root or the path itself says it.
fn root_hint(path: &str, roots: &Roots) -> Option<String> {
    let first = path.split('/').next().unwrap_or_default();
    if roots.contains_key(first) || Path::new(path).is_absolute() {
        return None;
    }
    let suggestion =
        nearest(first, roots.keys().map(String::as_str)).map(|near| format!("; is the root `{near}` meant?"));
    Some(format!(
        "paths are relative to the pipeline file; `--root {first}=DIR`, or `{first} = \"DIR\"` below `[roots]` in \
         retort.toml, says where `{first}` is on this machine{}",
        suggestion.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_replaces_the_first_component() {
        let roots = Roots::from([("data".into(), PathBuf::from("/shared/sets"))]);
        let base = Path::new("/home/me/pipelines");
        assert_eq!(below("data/quarel/dev.jsonl", base, &roots), Path::new("/shared/sets/quarel/dev.jsonl"));
        assert_eq!(below("prompts/quarel.jinja", base, &roots), Path::new("/home/me/pipelines/prompts/quarel.jinja"));
        assert_eq!(below("/abs/file", base, &roots), Path::new("/abs/file"));
        assert_eq!(below("database/x", base, &roots), Path::new("/home/me/pipelines/database/x"));
    }
}
