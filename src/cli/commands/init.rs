//! `retort init`: a first pipeline to change, or one for a table.

use std::path::{Component, Path, PathBuf};

use super::super::exit::{Exit, Failure};
use super::super::print;
use crate::artifact::Split;
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
    let bytes = fs_err::read(file)?;
    let read = rows(Form::of(&bytes), bytes).map_err(|error| unusable(error.to_string()))?;
    let stem = file.file_stem().map_or_else(|| "table".into(), |stem| stem.to_string_lossy());
    let name: String = dataset_of(file, &stem)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    let name =
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name.to_owned() } else { format!("table-{name}") };
    let hint = "write the mapping yourself: `dataset: { format: table, question: …, answer: …, answers: … }`";
    let folder = directory.join("pipelines");
    let named = seen_from(file, &folder)?;
    let text = guess::pipeline(&read, &named, split_of(&stem), &name).map_err(|why| unusable(why).hint(hint))?;
    let path = folder.join(format!("{name}.yaml"));
    if fs_err::symlink_metadata(&path).is_ok() {
        print::note(&format!("`{}` is there already and was left alone", path.display()));
        return Ok(Exit::Success);
    }
    fs_err::create_dir_all(&folder)?;
    fs_err::write(&path, text)?;
    print::data(&format!("wrote {}", path.display()));
    print::data(&format!("next: retort show {} questions", path.display()));
    Ok(Exit::Success)
}

/// How files of the splits are called.
const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 2] = ["test", "testing"];
const DEV: [&str; 4] = ["dev", "val", "valid", "validation"];
/// Folders that hold data of any kind.
const ANY: [&str; 8] = ["data", "dataset", "datasets", "raw", "main", "default", "plain_text", "corpus"];

fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Returns the name of the dataset that a file is of: its own, unless that only says which split it is and which part of it; then
/// that of the nearest folder that says more.
fn dataset_of(file: &Path, stem: &str) -> String {
    let says_split = |word: &String| {
        let word = word.as_str();
        TRAIN.contains(&word) || TEST.contains(&word) || DEV.contains(&word) || word == "of"
    };
    let part = |word: &String| says_split(word) || word.chars().all(|c| c.is_ascii_digit());
    if !words_of(stem).iter().all(part) {
        return stem.to_owned();
    }
    let whole = std::path::absolute(file).map_or_else(|_| file.to_owned(), |path| plain(&path));
    let folders = whole.parent().into_iter().flat_map(Path::ancestors).filter_map(Path::file_name);
    let mut names = folders.map(|name| name.to_string_lossy().into_owned());
    names.find(|name| !ANY.contains(&name.to_lowercase().as_str())).unwrap_or_else(|| stem.to_owned())
}

/// Returns the split that a file is by its name; what says nothing is there to train on.
fn split_of(stem: &str) -> Split {
    let words = words_of(stem);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    if has(&TRAIN) {
        Split::Train
    } else if has(&TEST) {
        Split::Test
    } else if has(&DEV) {
        Split::Dev
    } else {
        Split::Train
    }
}

/// Writes a file's path as a pipeline in a folder names it: an absolute one as it was given, a relative one from there.
fn seen_from(file: &Path, folder: &Path) -> Result<String, Failure> {
    if file.is_absolute() {
        return Ok(file.to_string_lossy().into_owned());
    }
    let (file, folder) = (plain(&std::path::absolute(file)?), plain(&std::path::absolute(folder)?));
    let shared = file.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(shared).map(|_| "..".into());
    let down = file.components().skip(shared).map(|part| part.as_os_str().to_string_lossy());
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}

/// Resolves `..` by the words of a path.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_from_the_folder_of_the_pipeline() {
        for (file, folder, named) in [
            ("data/x.jsonl", "./pipelines", "../data/x.jsonl"),
            ("./x.jsonl", "pipelines", "../x.jsonl"),
            ("data/x.jsonl", "lab/pipelines", "../../data/x.jsonl"),
            ("lab/x.jsonl", "lab/pipelines", "../x.jsonl"),
            ("a/../x.jsonl", "lab/../pipelines", "../x.jsonl"),
            ("pipelines/x.jsonl", "pipelines", "x.jsonl"),
            ("/data/../x.jsonl", "pipelines", "/data/../x.jsonl"),
        ] {
            assert_eq!(seen_from(Path::new(file), Path::new(folder)).unwrap(), named, "{file} from {folder}");
        }
    }

    #[test]
    fn a_file_that_is_called_after_its_split_has_the_name_of_its_folder() {
        for (file, name) in [
            ("/lab/svamp/train.jsonl", "svamp"),
            ("/lab/svamp/data/test-00000-of-00001.parquet", "svamp"),
            ("/lab/gsm8k/main/train-00000-of-00001.parquet", "gsm8k"),
            ("/lab/quarel/../csqa/dev.jsonl", "csqa"),
            ("/lab/esnli_dev.csv", "esnli_dev"),
            ("/lab/ARC-Challenge-Test.jsonl", "ARC-Challenge-Test"),
            ("/data/train.jsonl", "train"),
        ] {
            let stem = Path::new(file).file_stem().unwrap().to_string_lossy();
            assert_eq!(dataset_of(Path::new(file), &stem), name, "{file}");
        }
    }

    #[test]
    fn a_file_is_the_split_that_its_name_says() {
        for (stem, split) in [
            ("train-00000-of-00001", Split::Train),
            ("SVAMP", Split::Train),
            ("esnli_dev", Split::Dev),
            ("ARC-Challenge-Test", Split::Test),
            ("train_test", Split::Train),
            ("latest", Split::Train),
        ] {
            assert_eq!(split_of(stem), split, "{stem}");
        }
    }
}
