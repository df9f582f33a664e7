//! The document as it was written: the file that is run and those it includes, section by section.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::limit::enough;
use super::{Loader, name};
use retort_source::{Diagnostic, Diagnostics, FileId, Key, Node, Sources, Span, Value, read_yaml};

/// The version of the language.
const VERSION: i64 = 1;
/// The most files one experiment may include.
const MAX_FILES: usize = 256;

const KEYS: &[&str] = &["retort", "experiment", "seed", "include", "axes", "models", "fragments", "stages"];
/// What only the file that is run may say.
const MAIN_KEYS: &[&str] = &["experiment", "seed"];

/// The sections of the file that is run and of all it includes; included ones come first.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The file that is run.
    pub(super) path: PathBuf,
    /// The name of the experiment.
    pub(super) name: String,
    /// The seed, 0 where none is given.
    pub(super) seed: u64,
    /// Where the seed is given.
    pub(super) seed_span: Option<Span>,
    /// Axes by name.
    pub(super) axes: Vec<(Key, Node)>,
    /// Models by name.
    pub(super) models: Vec<(Key, Node)>,
    /// Fragments by name.
    pub(super) fragments: Vec<(Key, Node)>,
    /// Stages by name.
    pub(super) stages: Vec<(Key, Node)>,
    /// The folder of each file, to which paths in it are relative.
    pub(super) folders: BTreeMap<FileId, PathBuf>,
}

/// Reads a file and what it includes; `None` when a file could not be read, so that names would be missing.
pub(super) fn read_document(
    sources: &mut Sources,
    path: &Path,
    load: Loader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Document> {
    let document = Document { path: path.to_owned(), ..Document::default() };
    let mut reader = Reader {
        sources,
        load,
        diagnostics,
        document,
        trail: Vec::new(),
        seen: BTreeSet::new(),
        names: BTreeMap::new(),
        complete: true,
    };
    reader.file(&plain(path), path, None);
    reader.complete.then_some(reader.document)
}

struct Reader<'a> {
    sources: &'a mut Sources,
    load: Loader<'a>,
    diagnostics: &'a mut Diagnostics,
    document: Document,
    /// The files that are being read, each included by the one before.
    trail: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
    /// Where each (section, name) was declared.
    names: BTreeMap<(&'static str, String), Span>,
    complete: bool,
}

impl Reader<'_> {
    /// Reads a file under its plain path, which tells files apart, and the path a person knows it by.
    fn file(&mut self, plain_path: &Path, path: &Path, from: Option<Span>) {
        let root = match (self.load)(path) {
            Ok(bytes) => read_yaml(self.sources, path, &bytes),
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                let unread = Diagnostic { span: from, ..Diagnostic::of(message) };
                self.complete = false;
                return self.diagnostics.push(unread);
            }
        };
        let root = match root {
            Ok(root) => root,
            Err(errors) => {
                self.complete = false;
                return errors.sorted().into_iter().for_each(|error| self.diagnostics.push(error.clone()));
            }
        };
        self.seen.insert(plain_path.to_owned());
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        self.document.folders.insert(root.span.file, folder.clone());
        if !matches!(root.value, Value::Map(_)) {
            self.complete = false;
            let wrong = Diagnostic::at(root.span, format!("an experiment file cannot be {}", root.describe()));
            return self.diagnostics.push(wrong.label(format!("expected a mapping of: {}", KEYS.join(", "))));
        }
        let main = from.is_none();
        self.head(&root, main);
        if let Some(include) = root.get("include") {
            self.trail.push(path.to_owned());
            self.includes(include, &folder);
            self.trail.pop();
        }
        self.sections(root);
    }

    /// Reads what a file says about itself.
    fn head(&mut self, root: &Node, main: bool) {
        for (key, _) in root.entries() {
            if enough(self.diagnostics) {
                break;
            }
            if !KEYS.contains(&key.text.as_str()) {
                let unknown = Diagnostic::at(key.span, format!("unknown key `{}`", key.text));
                let near = name::near(&key.text, KEYS.iter().copied());
                self.diagnostics.push(unknown.label(format!("known: {}", KEYS.join(", "))).hint_if(near));
            } else if !main && MAIN_KEYS.contains(&key.text.as_str()) {
                let misplaced = Diagnostic::at(key.span, format!("an included file cannot set `{}`", key.text));
                self.diagnostics.push(misplaced.label("this belongs into the file that is run"));
            }
        }
        match root.get("retort") {
            Some(Node { value: Value::Int(VERSION), .. }) => {}
            Some(version) => {
                let message = format!("`retort` cannot be {}", version.describe());
                self.diagnostics.push(Diagnostic::at(version.span, message).label("this program reads version 1"));
            }
            None if main => {
                self.missing(root, "retort", "begin the file with `retort: 1`, the version of the language");
            }
            None => {}
        }
        if main {
            self.experiment(root);
            self.seed(root);
        }
    }

    fn experiment(&mut self, root: &Node) {
        let Some(node) = root.get("experiment") else {
            return self.missing(
                root,
                "experiment",
                "add `experiment: its-name`; an included file cannot be run alone",
            );
        };
        let Some(text) = node.text() else {
            let message = format!("`experiment` cannot be {}", node.describe());
            return self.diagnostics.push(Diagnostic::at(node.span, message).label("expected a name"));
        };
        let key = Key { text: text.to_owned(), span: node.span };
        if let Some(wrong) = name::wrong("an experiment", &key) {
            self.diagnostics.push(wrong);
        }
        self.document.name = key.text;
    }

    fn seed(&mut self, root: &Node) {
        match root.get("seed") {
            None => {}
            Some(node) => match seed(node) {
                Ok(seed) => (self.document.seed, self.document.seed_span) = (seed, Some(node.span)),
                Err(wrong) => self.diagnostics.push(wrong),
            },
        }
    }

    fn missing(&mut self, root: &Node, key: &str, hint: &str) {
        let start = Span { end: root.span.start, ..root.span };
        self.diagnostics.push(Diagnostic::at(start, format!("missing key `{key}`")).hint(hint));
    }

    fn includes(&mut self, include: &Node, folder: &Path) {
        let Value::List(items) = &include.value else {
            let message = format!("`include` cannot be {}", include.describe());
            return self.diagnostics.push(Diagnostic::at(include.span, message).label("expected a list of paths"));
        };
        for item in items {
            let Some(written) = item.text() else {
                let message = format!("`include` cannot hold {}", item.describe());
                self.diagnostics.push(Diagnostic::at(item.span, message).label("expected a path"));
                continue;
            };
            let path = plain(&folder.join(written));
            if let Some(start) = self.trail.iter().position(|open| plain(open) == path) {
                let trail = self.trail[start..].iter().chain(std::iter::once(&path));
                let shown: Vec<_> = trail.map(|path| format!("`{}`", path.display())).collect();
                let message = format!("files include each other: {}", shown.join(" → "));
                self.diagnostics.push(Diagnostic::at(item.span, message));
                self.complete = false;
            } else if self.seen.len() >= MAX_FILES {
                self.diagnostics.push(Diagnostic::at(item.span, format!("more than {MAX_FILES} files are included")));
                self.complete = false;
                return;
            } else if !self.seen.contains(&path) {
                self.file(&path, &path, Some(item.span));
            }
        }
    }

    fn sections(&mut self, root: Node) {
        let Value::Map(entries) = root.value else { return };
        for (key, node) in entries {
            let (section, what) = match key.text.as_str() {
                "axes" => ("axes", "an axis"),
                "models" => ("models", "a model"),
                "fragments" => ("fragments", "a fragment"),
                "stages" => ("stages", "a stage"),
                _ => continue,
            };
            let entries = match node.value {
                Value::Map(entries) => entries,
                Value::Null => continue,
                _ => {
                    let message = format!("`{section}` cannot be {}", node.describe());
                    self.diagnostics
                        .push(Diagnostic::at(node.span, message).label(format!("expected the names of {section}")));
                    continue;
                }
            };
            for (name, node) in entries {
                self.declare(section, what, name, node);
            }
        }
    }

    fn declare(&mut self, section: &'static str, what: &str, name: Key, node: Node) {
        if let Some(wrong) = name::wrong(what, &name).filter(|_| !enough(self.diagnostics)) {
            self.diagnostics.push(wrong);
        }
        let place = (section, name.text.clone());
        if let Some(first) = self.names.get(&place) {
            let clash = Diagnostic::at(name.span, format!("{what} called `{}` is declared twice", name.text));
            let first = format!("first declared at {}", self.sources.location(*first));
            return self.diagnostics.push(clash.label(first).hint("rename one of them"));
        }
        self.names.insert(place, name.span);
        match section {
            "axes" => self.document.axes.push((name, node)),
            "models" => self.document.models.push((name, node)),
            "fragments" => self.document.fragments.push((name, node)),
            _ => self.document.stages.push((name, node)),
        }
    }
}

/// Reads a seed; the error says what it cannot be.
pub(super) fn seed(node: &Node) -> Result<u64, Diagnostic> {
    match node.value {
        Value::Int(seed) if seed >= 0 => Ok(seed.cast_unsigned()),
        _ => {
            let wrong = Diagnostic::at(node.span, format!("`seed` cannot be {}", node.describe()));
            Err(wrong.label("expected a whole number, 0 or more"))
        }
    }
}

/// Takes `.` and `..` out of a path without looking at the disk.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}
