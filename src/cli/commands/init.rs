//! `retort init`: a first pipeline to change.

use std::path::Path;

use super::super::exit::{Exit, Failure};
use super::super::print;

const PIPELINE: &str = include_str!("../../../pipelines/quickstart.yaml");

const SETTINGS: &str = "\
# What differs between machines; nothing here changes a result. Paths are relative to this file.
# cache = \"cache\"
# device = \"auto\"          # auto, cpu, cuda or cuda:N

[roots]
# data = \"/shared/data\"    # where the first component of a path such as data/quarel/train.jsonl is
";

/// Writes a pipeline and settings; nothing that is there already is touched.
pub(super) fn init(directory: &Path) -> Result<Exit, Failure> {
    let files = [("pipelines/quickstart.yaml", PIPELINE), ("retort.toml", SETTINGS), (".gitignore", "/cache\n/out\n")];
    let mut written = 0;
    for (name, text) in files {
        let path = directory.join(name);
        // A link to nothing is there as well.
        if fs_err::symlink_metadata(&path).is_ok() {
            print::note(&format!("`{}` is there already and was left alone", path.display()));
            continue;
        }
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(&path, text)?;
        print::data(&format!("wrote {}", path.display()));
        written += 1;
    }
    if written > 0 {
        let pipeline = directory.join("pipelines/quickstart.yaml");
        print::data(&format!("next: retort run {}", pipeline.display()));
    }
    Ok(Exit::Success)
}
