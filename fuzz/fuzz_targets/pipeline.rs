//! Any bytes as a pipeline file: read, expanded, rendered, never a panic.
//!
//! What follows a zero byte is given as `--set`, so that the command line is covered as well.

#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use retort::source::{Sources, Style};
use retort::spec::{Language, read};
use retort::stage::{CATALOG, Derivation};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let settings: Vec<_> = parts.next().map(|rest| String::from_utf8_lossy(rest).into_owned()).into_iter().collect();
    let load = |path: &Path| match path.to_str() {
        Some("pipeline.yaml") => Ok(file.to_vec()),
        _ => Err(io::Error::other("includes are not read here")),
    };
    let language = Language { kinds: CATALOG, derivations: Derivation::ALL };
    let mut sources = Sources::default();
    match read(&mut sources, Path::new("pipeline.yaml"), &settings, language, &load) {
        Ok(experiment) => {
            for id in experiment.ids().take(100) {
                let name = experiment.instance(id).name.as_str();
                assert_eq!(experiment.find(name), Some(id), "names are unique");
            }
        }
        Err(errors) => assert!(!errors.render(&sources, Style::Plain).is_empty()),
    }
});
