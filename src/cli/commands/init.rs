//! `retort init`: a first pipeline to change, or one for a table.

use std::path::Path;

use super::super::exit::{Exit, Failure};
use super::super::print;
use crate::text::dataset::table::{Form, guess, rows};

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

/// Looks at a table and writes a pipeline that reads it by a guessed mapping.
pub(super) fn of_table(directory: &Path, file: &Path) -> Result<Exit, Failure> {
    let shown = file.display();
    let unusable = |why: String| Failure::unusable(format!("cannot guess what `{shown}` is about: {why}"));
    // The pipeline stands in another folder than the one in which the file was named.
    let whole = fs_err::canonicalize(file)?;
    let bytes = fs_err::read(&whole)?;
    let read = rows(Form::of(&bytes), bytes).map_err(|error| unusable(error.to_string()))?;
    let stem = file.file_stem().map_or_else(|| "table".into(), |stem| stem.to_string_lossy());
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let name = name.trim_matches('-');
    let name =
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name.to_owned() } else { format!("table-{name}") };
    let hint = "write the mapping yourself: `dataset: { format: table, question: …, answer: …, answers: … }`";
    let text = guess::pipeline(&read, &whole.to_string_lossy(), &name).map_err(|why| unusable(why).hint(hint))?;
    let path = directory.join("pipelines").join(format!("{name}.yaml"));
    if fs_err::symlink_metadata(&path).is_ok() {
        print::note(&format!("`{}` is there already and was left alone", path.display()));
        return Ok(Exit::Success);
    }
    fs_err::create_dir_all(directory.join("pipelines"))?;
    fs_err::write(&path, text)?;
    print::data(&format!("wrote {}", path.display()));
    print::data(&format!("next: retort check {}", path.display()));
    Ok(Exit::Success)
}
