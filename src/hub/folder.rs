//! Which files of a directory are a model.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde::Deserialize;

/// The file that says what a model is.
pub const CONFIG: &str = "config.json";
/// The file that holds its tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// The chat template of a model that was taught to answer, in a file of its own.
pub const CHAT_TEMPLATE: &str = "chat_template.jinja";
/// What names special tokens, and may hold the chat template.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// What says, among other things, which tokens end an answer.
pub const GENERATION: &str = "generation_config.json";
/// The files that say how a model's sequences end, which not every model has.
const COMPANIONS: [&str; 2] = [GENERATION, TOKENIZER_CONFIG];
/// The same, of a model that is talked to or not.
pub(super) fn companions(chat: bool) -> impl Iterator<Item = &'static str> {
    COMPANIONS.into_iter().chain(chat.then_some(CHAT_TEMPLATE))
}

/// The weights in one file.
const WEIGHTS: &str = "model.safetensors";
/// What names the files of weights in several.
const INDEX: &str = "model.safetensors.index.json";

/// What a directory of an adapter alone has.
const ADAPTER: &str = "adapter_config.json";

/// Why a directory is no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// The directory or its index cannot be read.
    #[error("{why}")]
    Unreadable {
        /// What went wrong, naming the file.
        why: String,
    },
    /// A file that every model has is missing.
    #[error("it has no `{name}`")]
    Missing {
        /// The file.
        name: &'static str,
    },
    /// It holds what adapts a model, and not the model.
    #[error("it holds an adapter (`{ADAPTER}`) and no model")]
    Adapter,
    /// There are no weights that could be read.
    #[error("it has neither `{WEIGHTS}` nor `{INDEX}`{}", .other.as_ref().map_or(String::new(), |name| format!(", only `{name}`")))]
    NoWeights {
        /// Weights in another format that are there instead.
        other: Option<String>,
    },
    /// The index cannot be read.
    #[error("cannot read `{INDEX}`: {why}")]
    Index {
        /// What is wrong with it.
        why: String,
    },
    /// The index names something that is not a file of weights beside it.
    #[error("`{INDEX}` names `{name}`, which is not the plain name of a safetensors file")]
    Shard {
        /// What it names.
        name: String,
    },
    /// A file that is read whole is larger than any of its kind.
    #[error("its `{name}` has {bytes} bytes, and at most {bytes_max} are read")]
    TooLarge {
        /// The file.
        name: &'static str,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        bytes_max: u64,
    },
    /// A dataset's repository has no files of rows.
    #[error("it has no files of data{}", .script.as_ref().map_or(String::new(), |name| format!(", only the loading script `{name}`, which is not run")))]
    NoData {
        /// A loading script that is there instead.
        script: Option<String>,
    },
    /// A dataset's repository has no such configuration.
    #[error("it has no configuration `{config}`; there are: {known}")]
    NoConfig {
        /// The configuration.
        config: String,
        /// Those that there are.
        known: String,
    },
    /// A dataset's repository has no such split.
    #[error("it has no split `{split}`; there are: {known}")]
    NoSplit {
        /// The split.
        split: String,
        /// Those that there are.
        known: String,
    },
    /// Several configurations have the split, and none was named.
    #[error("several configurations have such a split: {known}")]
    SeveralConfigs {
        /// The configurations.
        known: String,
    },
    /// A part of a split is not there.
    #[error("it has no `{name}`, which the names of its other files promise")]
    MissingPart {
        /// The part.
        name: String,
    },
    /// What a dataset's `README.md` declares cannot be used.
    #[error("cannot use what its `README.md` declares: {why}")]
    Declared {
        /// What is wrong with it.
        why: String,
    },
    /// A dataset's `README.md` declares files of which there are none.
    #[error("no file of it fits `{pattern}`, which its `README.md` declares")]
    NoFiles {
        /// How the files are declared.
        pattern: String,
    },
    /// A file of a split is of a form that is not read.
    #[error("its `{name}` is not written in a way that is read")]
    Unread {
        /// The file.
        name: String,
    },
    /// The index names a file that is not there.
    #[error("it has no `{name}`, which `{INDEX}` names")]
    MissingShard {
        /// The file.
        name: String,
    },
}

impl FolderError {
    /// Returns what to try.
    pub fn hint(&self) -> String {
        match self {
            Self::NoWeights { other: Some(_) } => {
                "only safetensors are read; in Python, `AutoModelForCausalLM.from_pretrained(OLD)\
                 .save_pretrained(NEW, safe_serialization=True)` converts"
                    .into()
            }
            Self::Adapter => {
                "merge the adapter into its model: in Python, `AutoPeftModelForCausalLM.from_pretrained(OLD)\
                 .merge_and_unload().save_pretrained(NEW)`"
                    .into()
            }
            Self::NoData { script: Some(_) } => {
                "`revision: refs/convert/parquet` names the hub's own conversion, where it has one; else write the rows as JSON \
                 lines with Python's `datasets`, and name the file"
                    .into()
            }
            Self::Declared { .. } | Self::NoFiles { .. } => {
                "take another `revision`, such as `refs/convert/parquet`, or download the files and name them".into()
            }
            Self::NoData { script: None } | Self::Unread { .. } => "files of data end in .parquet, .jsonl, .json, .csv or .tsv".into(),
            Self::NoConfig { .. } | Self::SeveralConfigs { .. } => "name one of them as `config`".into(),
            Self::NoSplit { .. } => "name one of them in place of the split, such as `dev: validation`".into(),
            Self::MissingPart { .. } => "the repository is not whole: take another `revision`".into(),
            _ => format!("a model is `{CONFIG}`, `{TOKENIZER}`, and `{WEIGHTS}` or `{INDEX}` with the files it names"),
        }
    }
}

/// The most bytes of the files that are read whole. Those of models that exist are far from it.
const BYTES_MAX: [(&str, u64); 6] = [
    (CONFIG, 16 << 20),
    (TOKENIZER, 1 << 30),
    (CHAT_TEMPLATE, 16 << 20),
    (TOKENIZER_CONFIG, 256 << 20),
    (GENERATION, 16 << 20),
    (INDEX, 256 << 20),
];

/// Reads a file whole, unless it is no plain file or larger than so many bytes.
pub(super) fn read_small(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let meta = fs_err::metadata(path)?;
    if !meta.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("`{}` is not a regular file", path.display())));
    }
    let mut bytes = Vec::new();
    if meta.len() <= bytes_max {
        fs_err::File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > bytes_max || meta.len() > bytes_max {
        let said = format!("`{}` has {} bytes, and at most {bytes_max} are read", path.display(), meta.len());
        return Err(io::Error::new(ErrorKind::InvalidData, said));
    }
    Ok(bytes)
}

/// Refuses files that are read whole and are larger than any of their kind.
fn require_sizes(folder: &Path, names: &[String]) -> Result<(), FolderError> {
    for (name, bytes_max) in BYTES_MAX.into_iter().filter(|(name, _)| names.iter().any(|other| other == name)) {
        let bytes = fs_err::metadata(folder.join(name)).map_err(unreadable)?.len();
        if bytes > bytes_max {
            return Err(FolderError::TooLarge { name, bytes, bytes_max });
        }
    }
    Ok(())
}

/// Reads the index of a directory.
fn read_in(folder: &Path) -> impl FnOnce(&str) -> Result<Vec<u8>, FolderError> {
    let folder = folder.to_owned();
    move |name| {
        let bytes_max = BYTES_MAX.iter().find(|(other, _)| *other == name).map_or(0, |(_, most)| *most);
        read_small(&folder.join(name), bytes_max).map_err(unreadable)
    }
}

/// Says whether a file of a model directory holds weights.
pub fn is_weights(name: &str) -> bool {
    name.ends_with(".safetensors")
}

/// Returns the files of a directory that are the model: configuration, tokenizer, those of its companions that are there,
/// then the weights in the order of their names. A link to nothing is no file.
pub fn files_in(folder: &Path) -> Result<Vec<String>, FolderError> {
    let files = model_files(&names_in(folder)?, read_in(folder))?;
    require_sizes(folder, &files)?;
    Ok(files)
}

/// Returns the files of a directory that are a model to talk to: the model, and those of the files that say how it is talked
/// to which are there.
pub fn chat_files_in(folder: &Path) -> Result<Vec<String>, FolderError> {
    let files = chat_model_files(&names_in(folder)?, read_in(folder))?;
    require_sizes(folder, &files)?;
    Ok(files)
}

/// As [`model_files`], with the chat template where there is one.
pub(super) fn chat_model_files<E: From<FolderError>>(
    names: &BTreeSet<String>,
    read: impl FnOnce(&str) -> Result<Vec<u8>, E>,
) -> Result<Vec<String>, E> {
    let model = model_files(names, read)?;
    Ok(model.into_iter().chain(names.get(CHAT_TEMPLATE).cloned()).collect())
}

/// Returns the files of weights of a directory, in the order of their names, whether or not it has a tokenizer.
pub fn weights_in(folder: &Path) -> Result<BTreeSet<String>, FolderError> {
    weights_files(&names_in(folder)?, read_in(folder))
}

/// Returns the names of all files below a directory, as paths from it.
pub(super) fn names_below(folder: &Path) -> Result<BTreeSet<String>, FolderError> {
    let (mut names, mut open) = (BTreeSet::new(), vec![String::new()]);
    while let Some(below) = open.pop() {
        for entry in fs_err::read_dir(folder.join(&below)).map_err(unreadable)?.flatten() {
            let own = entry.file_name().to_string_lossy().into_owned();
            let name = if below.is_empty() { own } else { format!("{below}/{own}") };
            if entry.path().is_dir() {
                open.push(name);
            } else if entry.path().is_file() {
                names.insert(name);
            }
        }
    }
    Ok(names)
}

fn names_in(folder: &Path) -> Result<BTreeSet<String>, FolderError> {
    let entries = fs_err::read_dir(folder).map_err(unreadable)?;
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    Ok(files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn unreadable(error: std::io::Error) -> FolderError {
    FolderError::Unreadable { why: error.to_string() }
}

/// Returns the files that are the model, among the `names` a directory has: configuration, tokenizer, [`COMPANIONS`] that
/// are there, then the weights in the order of their names.
///
/// One file of weights wins over an index, as in transformers. The index is not among them: it only says which files of
/// weights are, and each of those says itself which tensors it has. Other files (`README.md`, `vocab.json`, …) are not
/// read, so they are not part of what a model is.
pub(super) fn model_files<E: From<FolderError>>(
    names: &BTreeSet<String>,
    read: impl FnOnce(&str) -> Result<Vec<u8>, E>,
) -> Result<Vec<String>, E> {
    refuse_adapter(names)?;
    for name in [CONFIG, TOKENIZER] {
        if !names.contains(name) {
            return Err(FolderError::Missing { name }.into());
        }
    }
    let weights = weights_files(names, read)?;
    let companions = COMPANIONS.into_iter().filter(|name| names.contains(*name));
    Ok([CONFIG, TOKENIZER].into_iter().chain(companions).map(str::to_owned).chain(weights).collect())
}

fn weights_files<E: From<FolderError>>(
    names: &BTreeSet<String>,
    read: impl FnOnce(&str) -> Result<Vec<u8>, E>,
) -> Result<BTreeSet<String>, E> {
    refuse_adapter(names)?;
    if names.contains(WEIGHTS) {
        return Ok(BTreeSet::from([WEIGHTS.to_owned()]));
    }
    if !names.contains(INDEX) {
        return Err(FolderError::NoWeights { other: other_weights(names) }.into());
    }
    let shards = shards(&read(INDEX)?)?;
    match shards.difference(names).next() {
        Some(name) => Err(FolderError::MissingShard { name: name.clone() }.into()),
        None => Ok(shards),
    }
}

/// Refuses a directory that has an adapter and no weights of its own.
fn refuse_adapter(names: &BTreeSet<String>) -> Result<(), FolderError> {
    let has = |name: &str| names.contains(name);
    if has(ADAPTER) && !has(WEIGHTS) && !has(INDEX) { Err(FolderError::Adapter) } else { Ok(()) }
}

/// Reads the names of files of weights from an index.
fn shards(index: &[u8]) -> Result<BTreeSet<String>, FolderError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let index: Index = serde_json::from_slice(index).map_err(|error| FolderError::Index { why: error.to_string() })?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    if names.is_empty() {
        return Err(FolderError::Index { why: "it names no files".into() });
    }
    let plain = |name: &str| {
        let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
        letters && !name.starts_with('.') && is_weights(name)
    };
    match names.iter().find(|name| !plain(name)) {
        Some(name) => Err(FolderError::Shard { name: name.clone() }),
        None => Ok(names),
    }
}

/// Finds weights in a format that is not read.
fn other_weights(names: &BTreeSet<String>) -> Option<String> {
    let endings = [".bin", ".bin.index.json", ".pt", ".pth", ".h5", ".msgpack", ".gguf"];
    names.iter().find(|name| endings.iter().any(|ending| name.ends_with(ending))).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], index: &str, expected: Result<&[&str], &str>) {
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = model_files(&names, |name| {
            assert_eq!(name, INDEX);
            Ok::<_, FolderError>(index.as_bytes().to_vec())
        });
        let found = found.map_err(|error| error.to_string());
        let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(str::to_owned), "{names:?}");
    }

    const TWO: &str =
        r#"{"metadata":{},"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors","c":"m-2.safetensors"}}"#;

    #[test]
    fn the_files_of_a_model() {
        let both = [CONFIG, TOKENIZER, "README.md", WEIGHTS, INDEX, CHAT_TEMPLATE];
        check(&both, "not read", Ok(&[CONFIG, TOKENIZER, WEIGHTS]));
        let companions = [CONFIG, TOKENIZER, WEIGHTS, TOKENIZER_CONFIG, GENERATION];
        check(&companions, "not read", Ok(&[CONFIG, TOKENIZER, GENERATION, TOKENIZER_CONFIG, WEIGHTS]));
        let sharded = [CONFIG, TOKENIZER, INDEX, "m-1.safetensors", "m-2.safetensors", "m-3.safetensors"];
        check(&sharded, TWO, Ok(&[CONFIG, TOKENIZER, "m-1.safetensors", "m-2.safetensors"]));
    }

    #[test]
    fn what_is_missing_is_named() {
        check(&[TOKENIZER, WEIGHTS], "", Err("it has no `config.json`"));
        check(&[CONFIG, WEIGHTS], "", Err("it has no `tokenizer.json`"));
        let neither = "it has neither `model.safetensors` nor `model.safetensors.index.json`";
        check(&[CONFIG, TOKENIZER], "", Err(neither));
        let adapter = "it holds an adapter (`adapter_config.json`) and no model";
        check(&[ADAPTER, "adapter_model.safetensors", "README.md"], "", Err(adapter));
        check(&[CONFIG, TOKENIZER, ADAPTER, "adapter_model.safetensors"], "", Err(adapter));
        check(&[CONFIG, TOKENIZER, ADAPTER, WEIGHTS], "", Ok(&[CONFIG, TOKENIZER, WEIGHTS]));
        check(&[CONFIG, TOKENIZER, "pytorch_model.bin"], "", Err(&format!("{neither}, only `pytorch_model.bin`")));
        let missing = "it has no `m-1.safetensors`, which `model.safetensors.index.json` names";
        check(&[CONFIG, TOKENIZER, INDEX, "m-2.safetensors"], TWO, Err(missing));
    }

    #[test]
    fn an_index_names_only_files_of_weights_beside_it() {
        for name in
            ["../m.safetensors", "/etc/m.safetensors", "a/m.safetensors", ".m.safetensors", "m.bin", "m?.safetensors"]
        {
            let index = format!(r#"{{"weight_map":{{"a":"{name}"}}}}"#);
            let said = format!(
                "`model.safetensors.index.json` names `{name}`, which is not the plain name of a safetensors file"
            );
            check(&[CONFIG, TOKENIZER, INDEX], &index, Err(&said));
        }
        let empty = "cannot read `model.safetensors.index.json`: it names no files";
        check(&[CONFIG, TOKENIZER, INDEX], r#"{"weight_map":{}}"#, Err(empty));
        let cut = "cannot read `model.safetensors.index.json`: EOF while parsing an object at line 1 column 1";
        check(&[CONFIG, TOKENIZER, INDEX], "{", Err(cut));
    }

    #[test]
    fn files_larger_than_any_of_their_kind_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let sparse =
            |name: &str, bytes: u64| fs_err::File::create(folder.path().join(name)).unwrap().set_len(bytes).unwrap();
        for name in [CONFIG, TOKENIZER, INDEX] {
            sparse(name, 10);
        }
        sparse(INDEX, 1 << 40);
        let said = files_in(folder.path()).unwrap_err().to_string();
        assert!(said.contains("has 1099511627776 bytes"), "{said}");
        sparse(WEIGHTS, 1 << 40);
        assert!(files_in(folder.path()).is_ok(), "weights may be of any size");
        sparse(TOKENIZER, 1 << 40);
        assert_eq!(
            files_in(folder.path()).unwrap_err().to_string(),
            "its `tokenizer.json` has 1099511627776 bytes, and at most 1073741824 are read"
        );
        assert!(read_small(Path::new("/dev/zero"), 10).is_err());
    }

    #[test]
    fn other_formats_are_told_how_to_convert() {
        let error = FolderError::NoWeights { other: Some("pytorch_model.bin".into()) };
        assert!(error.hint().contains("safe_serialization=True"));
        assert!(FolderError::NoWeights { other: None }.hint().contains("model.safetensors"));
    }
}
