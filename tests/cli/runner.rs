//! Runs the program as a person does, in a directory of its own, and reads what it says and keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The name of the pipeline file in a project.
pub(crate) const FILE: &str = "pipeline.yaml";

/// A working directory with a pipeline and a cache.
pub(crate) struct Project {
    folder: TempDir,
    cache: PathBuf,
}

impl Project {
    /// Makes a directory with this pipeline.
    pub(crate) fn new(pipeline: &str) -> Self {
        let folder = TempDir::with_prefix("retort-").unwrap();
        let cache = folder.path().join("cache");
        let project = Self { folder, cache };
        project.write(FILE, pipeline);
        project
    }

    /// Puts the cache elsewhere.
    pub(crate) fn with_cache(mut self, cache: &Path) -> Self {
        cache.clone_into(&mut self.cache);
        self
    }

    /// Returns the cache.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// Returns the path of a file below the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the working directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// Replaces a piece of the pipeline, which must be there.
    pub(crate) fn edit(&self, before: &str, after: &str) {
        let text = fs_err::read_to_string(self.path(FILE)).unwrap();
        assert!(text.contains(before), "the pipeline has no `{before}`");
        self.write(FILE, &text.replace(before, after));
    }

    /// Prepares a command. It computes on the CPU and sees nothing of the settings of whoever runs the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retort"));
        for (name, _) in std::env::vars_os() {
            if ["RETORT_", "HF_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.env("HF_HOME", self.path("hf")).env("NO_PROXY", "*").env("XDG_CACHE_HOME", self.path("home/cache"));
        command.args(arguments).arg("--cache").arg(&self.cache).current_dir(self.folder.path());
        command.env("USER", "tester").env("NO_COLOR", "1").env("RETORT_DEVICE", "cpu").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Runs the pipeline, which must succeed, and returns what happened.
    pub(crate) fn make(&self) -> Events {
        self.make_with(&[])
    }

    /// Runs the pipeline with further arguments, which must succeed, and returns what happened.
    pub(crate) fn make_with(&self, arguments: &[&str]) -> Events {
        let output = self.run(&[&["run", FILE, "--progress", "json"], arguments].concat()).code(0);
        Events::read(&output.stdout)
    }

    /// Returns what `plan` says of each instance: its name, `hit`, `run` or `awaits`, and its fingerprint.
    pub(crate) fn plan(&self) -> Vec<(String, String, Option<String>)> {
        let plan = self.run(&["plan", FILE, "--json"]).code(0).json();
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let line = |line: &Json| {
            (text(&line["instance"]).unwrap(), text(&line["verdict"]).unwrap(), text(&line["fingerprint"]))
        };
        plan["instances"].as_array().unwrap().iter().map(line).collect()
    }

    /// Returns the instances that the plan does not call hits.
    pub(crate) fn stale(&self) -> BTreeSet<String> {
        self.plan().into_iter().filter(|(_, verdict, _)| verdict != "hit").map(|(name, ..)| name).collect()
    }

    /// Returns the digest of every part of every instance, all of which must be there.
    pub(crate) fn digests(&self) -> Digests {
        let parts = |(name, verdict, fingerprint): (String, String, Option<String>)| {
            assert_eq!(verdict, "hit", "{name} has no result");
            let record = self.records(&fingerprint.unwrap()).pop().unwrap();
            let record: Json = serde_json::from_slice(&fs_err::read(record).unwrap()).unwrap();
            let part = |(part, blob): (&String, &Json)| (part.clone(), blob["digest"].as_str().unwrap().to_owned());
            (name, record["outputs"].as_object().unwrap().iter().map(part).collect())
        };
        self.plan().into_iter().map(parts).collect()
    }

    /// Returns the records on a fingerprint that have the bytes of their name.
    pub(crate) fn records(&self, fingerprint: &str) -> Vec<PathBuf> {
        let folder = self.cache.join("actions/v1").join(&fingerprint[..2]).join(fingerprint);
        let sound = |path: &PathBuf| path.ends_with(blake3::hash(&fs_err::read(path).unwrap()).to_hex().as_str());
        files(&folder).into_iter().filter(sound).collect()
    }

    /// Returns the only record for an instance.
    pub(crate) fn record_of(&self, instance: &str) -> PathBuf {
        let plan = self.plan();
        let (.., fingerprint) = plan.iter().find(|(name, ..)| name == instance).unwrap();
        let records = self.records(fingerprint.as_ref().unwrap());
        assert_eq!(records.len(), 1, "{records:?}");
        records[0].clone()
    }

    /// Returns the file of a blob.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.cache.join("objects/v1").join(&digest[..2]).join(digest)
    }

    /// Says of every file below a directory when it was changed.
    pub(crate) fn mtimes(&self, name: &str) -> BTreeMap<PathBuf, std::time::SystemTime> {
        let changed = |path: PathBuf| (path.clone(), fs_err::metadata(path).unwrap().modified().unwrap());
        files(&self.path(name)).into_iter().map(changed).collect()
    }

    /// Checks that `cache verify` finds nothing wrong.
    pub(crate) fn assert_clean(&self) {
        let output = self.run(&["cache", "verify"]);
        assert_eq!(output.code, Some(0), "{output}");
        assert!(output.stdout.ends_with("clean\n"), "{output}");
    }

    /// Replaces what differs from run to run and from machine to machine.
    pub(crate) fn redact(&self, text: &str) -> String {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let text =
            text.replace(&self.folder.path().display().to_string(), "<dir>").replace(&format!("@{host}"), "@<host>");
        let words = words(&text);
        let next = words.iter().skip(1).copied().chain([""]);
        words.iter().zip(next).map(|(word, next)| redacted(word, next)).collect()
    }
}

/// The digest of each part of each instance, by name.
pub(crate) type Digests = BTreeMap<String, BTreeMap<String, String>>;

/// Returns every file below a directory, in the order of their paths; none where there is no such directory.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn words(text: &str) -> Vec<&str> {
    text.split_inclusive([' ', '\n', ',', '(', ')', ';', '"', '`']).collect()
}

fn bare(word: &str) -> &str {
    word.trim_end_matches([' ', '\n', ',', '(', ')', ';', '"', '`'])
}

/// Replaces a word that is a digest, a run or a time, or a number before a unit of time.
fn redacted(word: &str, next: &str) -> String {
    let unit = bare(next);
    let bare = bare(word);
    let rest = &word[bare.len()..];
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parts: Vec<&str> = bare.split('-').collect();
    if bare.len() >= 12 && hex(bare) {
        format!("<digest>{rest}")
    } else if parts.iter().map(|part| part.len()).eq([8, 6, 3, 6]) && parts.iter().all(|part| hex(part)) {
        format!("<run>{rest}")
    } else if bare.starts_with('[') && bare.ends_with(']') && bare.split(':').count() == 3 {
        format!("[<time>]{rest}")
    } else if number(bare) && ["ms", "s", "min", "h"].contains(&unit) {
        format!("<n>{rest}")
    } else {
        word.to_owned()
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Runs a command.
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self}");
        self
    }

    /// Checks that stderr says something.
    #[track_caller]
    pub(crate) fn says(self, expected: &str) -> Self {
        assert!(self.stderr.contains(expected), "`{expected}` is not said:\n{self}");
        self
    }

    /// Checks that it did not do what was asked, whatever the code.
    #[track_caller]
    pub(crate) fn fails(self) -> Self {
        assert!(self.code.is_some_and(|code| code != 0), "it should fail:\n{self}");
        self
    }

    /// Checks that stdout shows something.
    #[track_caller]
    pub(crate) fn shows(self, expected: &str) -> Self {
        assert!(self.stdout.contains(expected), "`{expected}` is not shown:\n{self}");
        self
    }

    /// Reads stdout as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{self}"))
    }
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The events of a run, as `--progress json` tells them.
#[derive(Debug)]
pub(crate) struct Events(pub(crate) Vec<Json>);

impl Events {
    /// Reads one event a line.
    pub(crate) fn read(lines: &str) -> Self {
        Self(
            lines
                .lines()
                .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
                .collect(),
        )
    }

    /// Returns the instances that an event was told of, as often as it was.
    pub(crate) fn instances(&self, event: &str) -> Vec<String> {
        let told = self.0.iter().filter(|told| told["event"] == event);
        told.map(|told| told["instance"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the instances that ran to their end.
    pub(crate) fn ran(&self) -> BTreeSet<String> {
        self.instances("finished").into_iter().collect()
    }

    /// Returns the steps, rows or questions an instance reported, in order.
    pub(crate) fn progress(&self, instance: &str) -> Vec<u64> {
        let of = |told: &&Json| told["instance"] == instance && told["note"]["note"] == "progress";
        self.0.iter().filter(of).map(|told| told["note"]["done"].as_u64().unwrap()).collect()
    }
}
