//! The configurations that a dataset's repository declares in the head of its `README.md`, as Python's `datasets` reads them.
//!
//! ```yaml
//! configs:
//! - config_name: main
//!   default: true
//!   data_dir: main                  # what the paths are below
//!   data_files:                     # or one path, or a list of paths, which are the split `train`
//!   - split: train
//!     path: train-*                 # a path, a pattern, a directory, or a list of such
//! ```
//!
//! What is declared decides alone; a repository that declares nothing, and a configuration without `data_files`, are read by
//! the names of their files.

use std::collections::BTreeSet;

use glob::{MatchOptions, Pattern};
use retort_source::{Node, Sources, Value, read_yaml};

use super::data::{self, HubData};
use super::folder::FolderError;

/// The file with the head.
pub(super) const README: &str = "README.md";
/// The most bytes of it that are read.
pub(super) const README_BYTES_MAX: u64 = 8 << 20;

/// A configuration as it is declared.
#[derive(Debug, PartialEq, Eq)]
struct Config {
    name: String,
    is_default: bool,
    directory: String,
    /// The splits with their patterns; `None` where the names of the files decide.
    splits: Option<Vec<(String, Vec<String>)>>,
}

/// Returns the files of a split, by what the repository's `README.md` declares, or else by their names.
///
/// # Errors
/// What the repository has instead, or what is wrong with the head.
pub(super) fn split_files(
    names: &BTreeSet<String>,
    data: &HubData,
    readme: Option<&[u8]>,
) -> Result<Vec<String>, FolderError> {
    let declared = readme.map(declared).transpose()?.unwrap_or_default();
    if declared.is_empty() {
        return data::data_files(names, data);
    }
    let config = chosen(&declared, data)?;
    let Some(splits) = &config.splits else {
        let below = |name: &&String| config.directory.is_empty() || name.starts_with(&config.directory);
        let names = names.iter().filter(below).cloned().collect();
        return data::data_files(&names, &HubData { config: None, split: data.split.clone() });
    };
    let Some((_, patterns)) = splits.iter().find(|(split, _)| *split == data.split) else {
        let known: Vec<&str> = splits.iter().map(|(split, _)| split.as_str()).collect();
        return Err(FolderError::NoSplit { split: data.split.clone(), known: known.join(", ") });
    };
    let mut files: Vec<String> = Vec::new();
    for pattern in patterns {
        for name in matching(names, &format!("{}{}", config.directory, pattern.trim_start_matches("./")))? {
            if !files.contains(&name) {
                files.push(name);
            }
        }
    }
    data::whole(files)
}

/// Chooses the configuration that is named, or else the default one, or the only one that has the split.
fn chosen<'c>(declared: &'c [Config], data: &HubData) -> Result<&'c Config, FolderError> {
    let list = |of: Vec<&Config>| of.iter().map(|config| config.name.clone()).collect::<Vec<_>>().join(", ");
    if let Some(name) = &data.config {
        return declared
            .iter()
            .find(|config| config.name == *name)
            .ok_or_else(|| FolderError::NoConfig { config: name.clone(), known: list(declared.iter().collect()) });
    }
    if let [only] = declared {
        return Ok(only);
    }
    let default = declared.iter().find(|config| config.is_default);
    if let Some(default) = default.or_else(|| declared.iter().find(|config| config.name == "default")) {
        return Ok(default);
    }
    let has = |config: &&Config| {
        config.splits.as_ref().is_none_or(|splits| splits.iter().any(|(split, _)| *split == data.split))
    };
    let having: Vec<&Config> = declared.iter().filter(has).collect();
    match having[..] {
        [only] => Ok(only),
        [] => {
            let splits =
                declared.iter().flat_map(|config| config.splits.iter().flatten().map(|(split, _)| split.clone()));
            let known = splits.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
            Err(FolderError::NoSplit { split: data.split.clone(), known })
        }
        _ => Err(FolderError::SeveralConfigs { known: list(having) }),
    }
}

/// Returns the files that a path, a pattern or a directory names, in the order of their names.
fn matching(names: &BTreeSet<String>, path: &str) -> Result<Vec<String>, FolderError> {
    const OPTIONS: MatchOptions =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let path = path.trim_end_matches('/');
    let found: Vec<&String> = if names.contains(path) {
        names.get(path).into_iter().collect()
    } else {
        let pattern = Pattern::new(path)
            .map_err(|error| FolderError::Declared { why: format!("its pattern `{path}` cannot be read: {error}") })?;
        let of = |name: &&String| pattern.matches_with(name, OPTIONS) || name.starts_with(&format!("{path}/"));
        names.iter().filter(of).collect()
    };
    let rows: Vec<String> = found.iter().filter(|name| data::holds_rows(name)).map(|name| (*name).clone()).collect();
    match (rows.is_empty(), found.first()) {
        (false, _) => Ok(rows),
        (true, Some(name)) => Err(FolderError::Unread { name: (*name).clone() }),
        (true, None) => Err(FolderError::NoFiles { pattern: path.to_owned() }),
    }
}

/// Reads the configurations out of the head; none where it declares none.
fn declared(readme: &[u8]) -> Result<Vec<Config>, FolderError> {
    let wrong = |why: String| FolderError::Declared { why };
    let text = String::from_utf8_lossy(readme);
    let Some(block) = block(&text) else { return Ok(Vec::new()) };
    let read = read_yaml(&mut Sources::default(), README, block.as_bytes()).map_err(|all| {
        let first = all.sorted().first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
        wrong(format!("its `configs` are no YAML that can be read: {first}"))
    })?;
    let Some(Node { value: Value::List(entries), .. }) = read.get("configs") else {
        return Err(wrong("its `configs` are no list".into()));
    };
    entries.iter().map(|entry| config(entry).map_err(wrong)).collect()
}

/// Cuts `configs` out of the head: nothing else there is of interest, and much of it may be unusual.
fn block(readme: &str) -> Option<String> {
    let mut lines = readme.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let head: Vec<&str> = lines.take_while(|line| line.trim_end() != "---").collect();
    let begin = head.iter().position(|line| line.starts_with("configs:"))?;
    let inside = |line: &&&str| line.is_empty() || line.starts_with([' ', '-', '#']);
    let rest = head[begin + 1..].iter().take_while(inside);
    Some(std::iter::once(&head[begin]).chain(rest).copied().collect::<Vec<_>>().join("\n") + "\n")
}

fn config(entry: &Node) -> Result<Config, String> {
    let text = |name: &str| entry.get(name).and_then(Node::scalar);
    let name = text("config_name").unwrap_or_else(|| "default".into());
    let directory = match text("data_dir").as_deref().map(|directory| directory.trim_matches('/')) {
        None | Some("" | ".") => String::new(),
        Some(directory) => format!("{}/", directory.trim_start_matches("./")),
    };
    let splits = entry.get("data_files").map(|files| splits(files, &name)).transpose()?;
    Ok(Config { is_default: text("default").as_deref() == Some("true"), name, directory, splits })
}

/// Reads `data_files`: splits with their paths, or paths alone.
fn splits(files: &Node, config: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let wrong =
        || format!("the `data_files` of its configuration `{config}` are neither paths nor splits with their `path`");
    if let Some(paths) = paths(files) {
        return Ok(vec![("train".into(), paths)]);
    }
    match &files.value {
        Value::List(entries) => entries
            .iter()
            .map(|entry| {
                let split = entry.get("split").and_then(Node::scalar).unwrap_or_else(|| "train".into());
                Ok((split, entry.get("path").and_then(paths).ok_or_else(wrong)?))
            })
            .collect(),
        Value::Map(entries) => {
            entries.iter().map(|(split, at)| Ok((split.text.clone(), paths(at).ok_or_else(wrong)?))).collect()
        }
        _ => Err(wrong()),
    }
}

/// Reads one path or a list of paths.
fn paths(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::List(entries) => entries.iter().map(|entry| entry.text().map(str::to_owned)).collect(),
        _ => node.text().map(|path| vec![path.to_owned()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GSM8K: &str = "---
language:
- en
dataset_info:
- config_name: main
  features:
  - {name: question, dtype: string}
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train-*
  - split: test
    path: main/test-*
- config_name: socratic
  data_files:
  - split: train
    path: socratic/train-*
task_categories:
- text-generation
---

# GSM8K
configs: of the text
";

    const OTHERS: &str = "---
configs:
  - config_name: all
    default: true
    data_files: [\"**/*.jsonl\"]
  - config_name: one
    data_files: rows/one.csv
  - config_name: two
    data_dir: rows
    data_files:
      - {split: train_sft, path: [one.csv, ./two.tsv]}
      - {split: zipped, path: zipped.csv.gz}
      - {split: gone, path: gone-*}
      - {split: odd, path: '[a'}
  - config_name: named
    data_dir: named
  - config_name: mapped
    data_files: {dev: rows/two.tsv, dir: named/}
---
";

    fn check(readme: &str, names: &[&str], config: Option<&str>, split: &str, expected: Result<&[&str], &str>) {
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let data = HubData { config: config.map(str::to_owned), split: split.to_owned() };
        let found = split_files(&names, &data, Some(readme.as_bytes())).map_err(|error| error.to_string());
        let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(str::to_owned), "{config:?} {split}");
    }

    #[test]
    fn what_is_declared_decides_which_files_are_a_split() {
        let gsm = [
            "README.md",
            "main/train-00000-of-00002.parquet",
            "main/train-00001-of-00002.parquet",
            "main/train-notes.md",
            "main/test-00000-of-00001.parquet",
            "socratic/train-00000-of-00001.parquet",
            "train.jsonl",
        ];
        let main: Result<&[&str], &str> = Ok(&gsm[1..3]);
        check(GSM8K, &gsm, Some("main"), "train", main);
        check(GSM8K, &gsm, None, "test", Ok(&[gsm[4]]));
        check(GSM8K, &gsm, None, "train", Err("several configurations have such a split: main, socratic"));
        check(GSM8K, &gsm, None, "dev", Err("it has no split `dev`; there are: test, train"));
        check(GSM8K, &gsm, Some("main"), "dev", Err("it has no split `dev`; there are: train, test"));
        check(GSM8K, &gsm, Some("mian"), "dev", Err("it has no configuration `mian`; there are: main, socratic"));
        let cut = ["main/train-00000-of-00002.parquet"];
        let lacks = "it has no `main/train-00001-of-00002`, which the names of its other files promise";
        check(GSM8K, &cut, Some("main"), "train", Err(lacks));
    }

    #[test]
    fn every_way_of_declaring_files_is_read() {
        let names = [
            "a.jsonl",
            "deep/b.jsonl",
            "named/dev.csv",
            "named/train.csv",
            "rows/one.csv",
            "rows/two.tsv",
            "rows/zipped.csv.gz",
        ];
        for (config, split, expected) in [
            (None, "train", Ok(&["a.jsonl", "deep/b.jsonl"][..])),
            (Some("one"), "train", Ok(&["rows/one.csv"])),
            (Some("two"), "train_sft", Ok(&["rows/one.csv", "rows/two.tsv"])),
            (Some("two"), "zipped", Err("its `rows/zipped.csv.gz` is not written in a way that is read")),
            (Some("two"), "gone", Err("no file of it fits `rows/gone-*`, which its `README.md` declares")),
            (
                Some("two"),
                "odd",
                Err(
                    "cannot use what its `README.md` declares: its pattern `rows/[a` cannot be read: Pattern syntax error near position 5: invalid range pattern",
                ),
            ),
            (Some("named"), "dev", Ok(&["named/dev.csv"])),
            (Some("mapped"), "dev", Ok(&["rows/two.tsv"])),
            (Some("mapped"), "dir", Ok(&["named/dev.csv", "named/train.csv"])),
        ] {
            check(OTHERS, &names, config, split, expected);
        }
    }

    #[test]
    fn a_head_that_declares_nothing_leaves_it_to_the_names() {
        for readme in
            ["", "# Data", "---\nlicense: mit\n---\nconfigs:\n- x", "---\nlicense: mit", "no\n---\nconfigs: 1\n---"]
        {
            check(readme, &["data/train.csv"], None, "train", Ok(&["data/train.csv"]));
        }
        let unsound = "cannot use what its `README.md` declares: its `configs` are no list";
        check("---\nconfigs: 1\n---\n", &["train.csv"], None, "train", Err(unsound));
        let neither = "cannot use what its `README.md` declares: the `data_files` of its configuration `default` are neither paths nor splits with their `path`";
        check("---\nconfigs:\n- data_files: [{split: train}]\n---\n", &["train.csv"], None, "train", Err(neither));
    }
}
