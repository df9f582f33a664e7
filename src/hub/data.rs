//! Which files of a dataset's repository are one split of one configuration, by their names.
//!
//! | name | configuration | split |
//! |---|---|---|
//! | `main/train-00000-of-00001.parquet` | `main` | `train` |
//! | `data/test.jsonl`, `test.csv` | none | `test` |
//! | `plain_text/validation/0000.parquet` | `plain_text` | `validation` |
//!
//! | `train/part-1.jsonl`, `my_train_rows.csv` | none | `train` |
//! | `rows.csv`, where no name has a word for a split | none | `train` |
//!
//! The third is how the hub's own conversion lays a dataset out, in the branch `refs/convert/parquet`. `dev`, `val`, `valid`
//! and `validation` are one word, and so are `training` and `train`, `testing`, `eval`, `evaluation` and `test`: a file that
//! has another of them is found where none has the very name. A repository's programs are not run.

use std::collections::BTreeSet;
use std::path::Path;

use super::folder::FolderError;

/// One split of one configuration of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HubData {
    /// The configuration, where the dataset has several.
    pub config: Option<String>,
    /// The split, as the repository calls it.
    pub split: String,
}

impl HubData {
    /// Says whether a name of a configuration or split is one that may stand in the name of a file.
    pub fn is_name(text: &str) -> bool {
        let plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.+".contains(letter));
        plain && !text.is_empty() && !text.starts_with('.')
    }

    /// Names the file that lists what was fetched.
    pub(super) fn list_name(&self) -> String {
        format!("{}--{}", self.config.as_deref().unwrap_or("default"), self.split)
    }
}

/// What tables are written in, those first that are taken where there are several.
const ENDINGS: [&str; 5] = ["parquet", "jsonl", "json", "csv", "tsv"];

/// A file that may hold rows.
struct Named<'a> {
    name: &'a str,
    ending: usize,
    /// The directories, those aside that only say that there is data or which split it is.
    config: Vec<&'a str>,
    split: &'a str,
    /// The split by a word within its name or that of a directory, as [`word`] writes it.
    word: Option<&'static str>,
}

/// Returns the usual word for a split that a word means.
fn word(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "train" | "training" => Some("train"),
        "dev" | "val" | "valid" | "validation" => Some("validation"),
        "test" | "testing" | "eval" | "evaluation" => Some("test"),
        _ => None,
    }
}

/// Says whether a file of this name may hold rows.
pub(super) fn holds_rows(name: &str) -> bool {
    named(name).is_some()
}

/// Reads what a name says; `None` of a file that holds no rows or is not plainly named.
fn named(name: &str) -> Option<Named<'_>> {
    let mut parts: Vec<&str> = name.split('/').collect();
    if !parts.iter().all(|part| HubData::is_name(part)) {
        return None;
    }
    let file = parts.pop()?;
    let (stem, ending) = file.rsplit_once('.')?;
    let ending = ENDINGS.iter().position(|known| *known == ending)?;
    let numbered = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
    let split = if numbered { parts.pop().unwrap_or_default() } else { stem.split('-').next()? };
    let mut within = split.split(|letter: char| !letter.is_ascii_alphabetic()).filter_map(word);
    let mut meant = within.next().or_else(|| stem.split(|letter: char| !letter.is_ascii_alphabetic()).find_map(word));
    if meant.is_none()
        && let Some(at) = parts.iter().rposition(|part| word(part).is_some())
    {
        meant = word(parts.remove(at));
    }
    let config = parts.into_iter().filter(|part| *part != "data").collect();
    Some(Named { name, ending, config, split, word: meant })
}

/// Returns the files of a split, in the order of their names.
///
/// # Errors
/// What the repository has instead.
pub(super) fn data_files(names: &BTreeSet<String>, data: &HubData) -> Result<Vec<String>, FolderError> {
    let all: Vec<Named<'_>> = names.iter().filter_map(|name| named(name)).collect();
    if all.is_empty() {
        let script = names.iter().find(|name| Path::new(name).extension() == Some("py".as_ref())).cloned();
        return Err(FolderError::NoData { script });
    }
    let list = |of: BTreeSet<String>| of.into_iter().collect::<Vec<_>>().join(", ");
    let in_config: Vec<&Named<'_>> = match &data.config {
        Some(config) => {
            let found: Vec<_> = all.iter().filter(|file| file.config.iter().any(|part| part == config)).collect();
            let nameless = found.is_empty() && config == "default" && all.iter().all(|file| file.config.is_empty());
            if found.is_empty() && !nameless {
                let known =
                    list(all.iter().filter(|file| !file.config.is_empty()).map(|file| file.config.join("/")).collect());
                return Err(FolderError::NoConfig { config: config.clone(), known });
            }
            if nameless { all.iter().collect() } else { found }
        }
        None => all.iter().collect(),
    };
    let mut of_split: Vec<&&Named<'_>> = in_config.iter().filter(|file| file.split == data.split).collect();
    if of_split.is_empty() {
        // Files whose names say nothing of splits are there to train on.
        let nameless = data.split == "train" && in_config.iter().all(|file| file.word.is_none());
        let meant = word(&data.split);
        let fits = |file: &&&Named<'_>| nameless || (meant.is_some() && file.word == meant);
        of_split = in_config.iter().filter(fits).collect();
    }
    let Some(ending) = of_split.iter().map(|file| file.ending).min() else {
        let known = list(in_config.iter().map(|file| file.split.to_owned()).collect());
        return Err(FolderError::NoSplit { split: data.split.clone(), known });
    };
    let chosen: Vec<&&&Named<'_>> = of_split.iter().filter(|file| file.ending == ending).collect();
    let configs: BTreeSet<String> = chosen.iter().map(|file| file.config.join("/")).collect();
    if configs.len() > 1 {
        return Err(FolderError::SeveralConfigs { known: list(configs) });
    }
    whole(chosen.into_iter().map(|file| file.name.to_owned()).collect())
}

/// Passes on files whose names do not say that there are more.
pub(super) fn whole(files: Vec<String>) -> Result<Vec<String>, FolderError> {
    match lacking(&files) {
        Some(name) => Err(FolderError::MissingPart { name }),
        None => Ok(files),
    }
}

/// Returns a part that is not there of files that say how many there are, such as `train-00000-of-00002.parquet`.
fn lacking(files: &[String]) -> Option<String> {
    let numbers = |name: &str| -> Option<(String, usize, usize, String)> {
        let (before, after) = name.rsplit_once("-of-")?;
        let (head, part) = before.rsplit_once('-')?;
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        Some((head.to_owned(), part.parse().ok()?, after[..digits].parse().ok()?, after[digits..].to_owned()))
    };
    let (head, _, all, _) = numbers(files.first()?)?;
    let there: BTreeSet<usize> = files.iter().filter_map(|name| Some(numbers(name)?.1)).collect();
    (0..all.min(100_000)).find(|part| !there.contains(part)).map(|part| format!("{head}-{part:05}-of-{all:05}"))
}

/// Returns the files of a snapshot that another program fetched, where their names show that all of them are there.
pub(super) fn surely_whole(files: &[String]) -> bool {
    files.iter().all(|name| name.contains("-of-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_found_by_its_name_and_what_is_there_instead_is_told() {
        let gsm = [
            "README.md",
            "main/train-00000-of-00001.parquet",
            "main/test-00000-of-00001.parquet",
            "socratic/train-00000-of-00001.parquet",
        ];
        let flat = ["data/train.jsonl", "data/train.csv", "test.csv", "data/train-extra.txt"];
        let converted =
            ["plain_text/train/0000.parquet", "plain_text/train/0001.parquet", "plain_text/validation/0000.parquet"];
        let cut = ["train-00000-of-00002.parquet"];
        let words = [
            "my_train_rows.csv",
            "val.csv",
            "sets/test/part-1.jsonl",
            "sets/test/part-2.jsonl",
            "train_sft-00000-of-00001.csv",
        ];
        let nameless = ["README.md", "a.csv", "b.csv", "notes.txt"];
        let script = ["README.md", "piqa.py"];
        for (names, config, split, expected) in [
            (&gsm[..], Some("main"), "train", Ok(&["main/train-00000-of-00001.parquet"][..])),
            (&gsm, None, "test", Ok(&["main/test-00000-of-00001.parquet"])),
            (&gsm, None, "train", Err("several configurations have such a split: main, socratic")),
            (&gsm, Some("mian"), "train", Err("it has no configuration `mian`; there are: main, socratic")),
            (&gsm, Some("main"), "dev", Err("it has no split `dev`; there are: test, train")),
            (&flat, None, "train", Ok(&["data/train.jsonl"])),
            (&flat, Some("default"), "test", Ok(&["test.csv"])),
            (
                &converted,
                Some("plain_text"),
                "train",
                Ok(&["plain_text/train/0000.parquet", "plain_text/train/0001.parquet"]),
            ),
            (&cut, None, "train", Err("it has no `train-00001-of-00002`, which the names of its other files promise")),
            (
                &script,
                None,
                "train",
                Err("it has no files of data, only the loading script `piqa.py`, which is not run"),
            ),
            (&words, None, "validation", Ok(&["val.csv"])),
            (&words, None, "dev", Ok(&["val.csv"])),
            (&words, None, "train_sft", Ok(&["train_sft-00000-of-00001.csv"])),
            (&words[..4], None, "train", Ok(&["my_train_rows.csv"])),
            (&words, Some("sets"), "test", Ok(&["sets/test/part-1.jsonl", "sets/test/part-2.jsonl"])),
            (&words, None, "evaluation", Ok(&["sets/test/part-1.jsonl", "sets/test/part-2.jsonl"])),
            (&nameless, None, "train", Ok(&["a.csv", "b.csv"])),
            (&nameless, None, "test", Err("it has no split `test`; there are: a, b")),
            (&["a/../train.jsonl", ".x/train.csv"], None, "train", Err("it has no files of data")),
        ] {
            let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let data = HubData { config: config.map(str::to_owned), split: split.to_owned() };
            let found = data_files(&names, &data).map_err(|error| error.to_string());
            let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            assert_eq!(found, expected.map_err(str::to_owned), "{config:?} {split}");
        }
    }
}
