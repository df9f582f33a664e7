//! Files outside the experiment: where they are, and what they hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::fingerprint::Digest;
use crate::source::{Diagnostic, Diagnostics, nearest};
use crate::spec::Experiment;
use crate::stage::params::{ExternalRef, ExternalShape};
use crate::store::Store;

/// Directories that stand for the first component of a path, such as `data`, so that no pipeline names a place that only
/// one machine has.
pub type Roots = BTreeMap<String, PathBuf>;

/// The files behind each external path: name within the directory (or `file`), place and digest.
#[derive(Debug, Default)]
pub struct Externals {
    found: BTreeMap<PathBuf, Vec<(String, PathBuf, Digest)>>,
    roots: Roots,
}

/// External files that cannot be used, each at the place where it was named.
#[derive(Debug, thiserror::Error)]
#[error("the experiment names files that cannot be used")]
pub struct ExternalsError(pub Diagnostics);

impl Externals {
    /// Finds and hashes every external file of an experiment; a file that was hashed before and did not change since is
    /// not read again.
    pub fn resolve(
        experiment: &Experiment,
        needed: &[bool],
        roots: &Roots,
        store: &Store,
    ) -> Result<Self, ExternalsError> {
        let mut found = BTreeMap::new();
        let mut diagnostics = Diagnostics::default();
        let instances = experiment.instances.iter().zip(needed).filter(|(_, needed)| **needed);
        for external in instances.flat_map(|(instance, _)| instance.bound.externals()) {
            let place = place(&external.path, experiment.folder(external.span), roots);
            if found.contains_key(&place) {
                continue;
            }
            match files_of(external, &place, roots, store) {
                Ok(files) => {
                    found.insert(place, files);
                }
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        if diagnostics.is_empty() { Ok(Self { found, roots: roots.clone() }) } else { Err(ExternalsError(diagnostics)) }
    }

    /// Returns the files behind an external path of the experiment.
    pub fn files(&self, experiment: &Experiment, external: &ExternalRef) -> &[(String, PathBuf, Digest)] {
        let place = place(&external.path, experiment.folder(external.span), &self.roots);
        self.found.get(&place).map_or(&[], Vec::as_slice)
    }
}

/// Turns a path as it was written into a place: below a root if its first component names one, else below `base`.
fn place(path: &str, base: &Path, roots: &Roots) -> PathBuf {
    let mut components = Path::new(path).components();
    let first = components.next().map(|first| first.as_os_str().to_string_lossy().into_owned());
    match first.and_then(|first| roots.get(&first)) {
        Some(root) => root.join(components.as_path()),
        None => base.join(path),
    }
}

fn files_of(
    external: &ExternalRef,
    place: &Path,
    roots: &Roots,
    store: &Store,
) -> Result<Vec<(String, PathBuf, Digest)>, Diagnostic> {
    let fail = |why: String| {
        let first = external.path.split('/').next().unwrap_or_default();
        let rooted = roots.contains_key(first) || Path::new(&external.path).is_absolute();
        let suggestion =
            nearest(first, roots.keys().map(String::as_str)).map(|near| format!("; is the root `{near}` meant?"));
        let hint = format!(
            "paths are relative to the pipeline file; `--root {first}=DIR`, or `{first} = \"DIR\"` below `[roots]` in \
             retort.toml, says where `{first}` is on this machine{}",
            suggestion.unwrap_or_default()
        );
        Diagnostic::at(external.span, format!("cannot use `{}`: {why}", external.path))
            .label(format!("looked for `{}`", place.display()))
            .hint_if((!rooted).then_some(hint))
    };
    let hash = |name: String, path: PathBuf| {
        let blob = store.file_digest(&path).map_err(|error| fail(error.to_string()))?;
        Ok((name, path, blob.digest))
    };
    let ExternalShape::Directory(patterns) = external.shape else {
        return match fs_err::metadata(place) {
            Ok(meta) if meta.is_file() => Ok(vec![hash("file".into(), place.to_owned())?]),
            Ok(_) => Err(fail("it is not a file".into())),
            Err(_) => Err(fail("there is no such file".into())),
        };
    };
    let entries = fs_err::read_dir(place).map_err(|_| fail("there is no such directory".into()))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| patterns.iter().any(|pattern| matches(pattern, name)));
    names.sort();
    if names.is_empty() {
        return Err(fail(format!("the directory holds none of {}", patterns.join(", "))));
    }
    names.into_iter().map(|name| hash(name.clone(), place.join(name))).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_prefix('*').map_or(pattern == name, |ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_replaces_the_first_component() {
        let roots = Roots::from([("data".into(), PathBuf::from("/shared/sets"))]);
        let base = Path::new("/home/me/pipelines");
        assert_eq!(place("data/quarel/dev.jsonl", base, &roots), Path::new("/shared/sets/quarel/dev.jsonl"));
        assert_eq!(place("prompts/quarel.jinja", base, &roots), Path::new("/home/me/pipelines/prompts/quarel.jinja"));
        assert_eq!(place("/abs/file", base, &roots), Path::new("/abs/file"));
        assert_eq!(place("database/x", base, &roots), Path::new("/home/me/pipelines/database/x"));
    }

    #[test]
    fn patterns_match_names_and_endings() {
        assert!(matches("config.json", "config.json"));
        assert!(matches("*.safetensors", "model-00001-of-2.safetensors"));
        assert!(!matches("config.json", "my-config.json"));
    }
}
