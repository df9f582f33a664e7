//! What the room does, shown with kinds of its own.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations so")]

mod axes;
mod errors;
mod errors_axes;
mod errors_references;
mod expansion;
mod fragments;
mod kinds;
mod robust;
mod schemas;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use expect_test::Expect;

use super::{Experiment, InstanceId, Language, read};
use retort_source::{Diagnostics, Sources, Style};

/// The demo kinds as a language.
pub(super) const LANGUAGE: Language = Language { kinds: kinds::KINDS, derivations: kinds::DERIVATIONS };

/// Files by path, the first of which is run.
pub(super) type Files<'a> = &'a [(&'a str, &'a str)];

/// Reads an experiment out of files in memory.
pub(super) fn read_files(files: Files<'_>, settings: &[&str]) -> (Sources, Result<Experiment, Diagnostics>) {
    let by_path: BTreeMap<_, _> = files.iter().copied().collect();
    let load = |path: &Path| {
        let found = path.to_str().and_then(|path| by_path.get(path));
        found.map(|text| text.as_bytes().to_vec()).ok_or_else(|| io::Error::other("no such file"))
    };
    let mut sources = Sources::default();
    let settings: Vec<_> = settings.iter().map(ToString::to_string).collect();
    let result = read(&mut sources, Path::new(files[0].0), &settings, LANGUAGE, &load);
    (sources, result)
}

/// Puts sections that every experiment needs before others.
pub(super) fn document(rest: &str) -> String {
    format!("retort: 1\nexperiment: demo\nseed: 17\n{rest}")
}

/// Reads an experiment that must be sound.
pub(super) fn experiment(rest: &str, settings: &[&str]) -> Experiment {
    let (sources, result) = read_files(&[("x.yaml", &document(rest))], settings);
    result.unwrap_or_else(|errors| panic!("{}", errors.render(&sources, Style::Plain)))
}

/// Checks the errors of files.
pub(super) fn check_files(files: Files<'_>, settings: &[&str], expected: &Expect) {
    let (sources, result) = read_files(files, settings);
    expected.assert_eq(&result.expect_err("the file is wrong").render(&sources, Style::Plain));
}

/// Checks the errors of one document.
pub(super) fn check_errors(rest: &str, expected: &Expect) {
    check_files(&[("x.yaml", &document(rest))], &[], expected);
}

/// Checks the instances of one document, one a line with what comes to their ports.
pub(super) fn check_instances(rest: &str, expected: &Expect) {
    expected.assert_eq(&show(&experiment(rest, &[])));
}

/// Writes every instance with its inputs.
pub(super) fn show(experiment: &Experiment) -> String {
    let names = |ids: &[InstanceId]| {
        ids.iter().map(|id| experiment.instance(*id).name.to_string()).collect::<Vec<_>>().join(" + ")
    };
    let mut lines = Vec::new();
    for instance in &experiment.instances {
        let inputs = instance.inputs.iter().map(|(port, ids)| format!(" {port} <- {}", names(ids)));
        lines.push(format!("{}:{}", instance.name, inputs.collect::<Vec<_>>().join(";")));
    }
    lines.join("\n")
}

/// Lists the names of a stage's instances.
pub(super) fn names(experiment: &Experiment, stage: &str) -> Vec<String> {
    experiment.instances_of(stage).map(|id| experiment.instance(id).name.to_string()).collect()
}
