//! Safetensors files: named tensors behind a JSON header, read one tensor at a time and written so that equal tensors
//! give equal bytes.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use burn_tensor::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensorError, TensorInfo};
use serde_json::{Map, Value, json};

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read the weights file `{file}`: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no safetensors file.
    #[error("cannot read the weights file `{file}`: {source}; it is cut short or is no safetensors file")]
    Format {
        /// The file.
        file: String,
        /// What the parser found.
        source: SafeTensorError,
    },
    /// The file is shorter or longer than its header says.
    #[error(
        "cannot read the weights file `{file}`: it has {found} bytes where its header promises {expected}; it is cut short or damaged"
    )]
    Length {
        /// The file.
        file: String,
        /// Bytes that the header promises.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Two files hold one tensor.
    #[error("cannot use the weights files: tensor `{tensor}` is in `{first}` and in `{second}`")]
    Twice {
        /// The tensor.
        tensor: String,
        /// A file that has it.
        first: String,
        /// Another.
        second: String,
    },
    /// The tensors are not those of the model's configuration.
    #[error("cannot use the weights of `{file}`: {}", join(problems))]
    Misfit {
        /// The file, or the first of several.
        file: String,
        /// Every tensor that does not fit.
        problems: Vec<Misfit>,
    },
}

/// A tensor that does not fit the configuration. Shapes are as stored.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Misfit {
    /// No file has it.
    #[error("tensor `{tensor}` is missing, it should have shape {expected:?}")]
    Missing {
        /// Its name.
        tensor: String,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// The configuration has no place for it.
    #[error("tensor `{tensor}` of shape {found:?} has no place in the model")]
    Extra {
        /// Its name.
        tensor: String,
        /// The shape it has.
        found: Vec<usize>,
    },
    /// It has another shape.
    #[error("tensor `{tensor}` has shape {found:?}, the configuration wants {expected:?}")]
    Shape {
        /// Its name.
        tensor: String,
        /// The shape it should have.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },
    /// Its elements are of a type that is not read.
    #[error("tensor `{tensor}` holds {found}, only F64, F32, F16 and BF16 are read")]
    Dtype {
        /// Its name.
        tensor: String,
        /// The type of its elements.
        found: String,
    },
}

/// Joins the problems of a file, the first few of them.
fn join(problems: &[Misfit]) -> String {
    const SHOWN: usize = 6;
    let mut parts: Vec<String> = problems.iter().take(SHOWN).map(ToString::to_string).collect();
    if problems.len() > SHOWN {
        parts.push(format!("and {} more", problems.len() - SHOWN));
    }
    parts.join("; ")
}

/// Bytes that can be read from any place: a file, or memory.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// One safetensors file and its name for errors.
pub struct WeightsFile<'a> {
    name: String,
    source: Box<dyn Source + 'a>,
}

impl<'a> WeightsFile<'a> {
    /// A file that is open, or bytes behind a cursor.
    pub fn new(name: impl Into<String>, source: impl Source + 'a) -> Self {
        Self { name: name.into(), source: Box::new(source) }
    }
}

/// Several safetensors files as one.
pub(crate) struct Archive<'a> {
    files: Vec<Opened<'a>>,
    /// File and header of each tensor.
    tensors: BTreeMap<String, (usize, TensorInfo)>,
}

struct Opened<'a> {
    file: WeightsFile<'a>,
    /// Where its tensors begin.
    data: u64,
    metadata: Metadata,
}

impl<'a> Archive<'a> {
    /// Reads the headers.
    pub(crate) fn open(files: Vec<WeightsFile<'a>>) -> Result<Self, WeightsError> {
        let files = files.into_iter().map(Opened::new).collect::<Result<Vec<_>, _>>()?;
        let mut tensors = BTreeMap::new();
        for (i, opened) in files.iter().enumerate() {
            for (name, info) in opened.metadata.tensors() {
                if let Some((other, _)) = tensors.insert(name.clone(), (i, info.clone())) {
                    let name_of = |i: usize| files[i].file.name.clone();
                    return Err(WeightsError::Twice { tensor: name, first: name_of(other), second: name_of(i) });
                }
            }
        }
        Ok(Self { files, tensors })
    }

    /// What the header of the first file says beside the tensors.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.files.first()?.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// The names of all tensors with their shapes.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, (_, info))| (name.as_str(), info.shape.as_slice()))
    }

    /// The shape of a tensor and the type of its elements.
    pub(crate) fn describe(&self, tensor: &str) -> Option<(&[usize], Dtype)> {
        self.tensors.get(tensor).map(|(_, info)| (info.shape.as_slice(), info.dtype))
    }

    /// Adds the elements of a tensor to `out` as `f32`; its type must be one that [`reads`] knows.
    pub(crate) fn read(&mut self, tensor: &str, out: &mut Vec<f32>) -> Result<(), WeightsError> {
        let Some((file, info)) = self.tensors.get(tensor) else { return Ok(()) };
        out.reserve_exact(info.shape.iter().product());
        let opened = &mut self.files[*file];
        opened.copy(info, |some| out.extend_from_slice(some))
    }

    /// Whether two tensors hold the same, element by element, whatever they are stored as.
    pub(crate) fn same(&mut self, one: &str, other: &str) -> Result<bool, WeightsError> {
        match (self.describe(one), self.describe(other)) {
            (Some((a, _)), Some((b, _))) if a == b => {}
            _ => return Ok(false),
        }
        let mut digests = [one, other].map(|name| (name, blake3::Hasher::new()));
        for (name, hasher) in &mut digests {
            let Some((file, info)) = self.tensors.get(*name) else { return Ok(false) };
            self.files[*file].copy(info, |some| {
                // Zero has two signs and one value.
                let bytes: Vec<u8> = some.iter().flat_map(|x| (x + 0.0).to_le_bytes()).collect();
                hasher.update(&bytes);
            })?;
        }
        Ok(digests[0].1.finalize() == digests[1].1.finalize())
    }

    /// The name of the first file.
    pub(crate) fn name(&self) -> String {
        self.files.first().map(|opened| opened.file.name.clone()).unwrap_or_default()
    }
}

impl<'a> Opened<'a> {
    fn new(mut file: WeightsFile<'a>) -> Result<Self, WeightsError> {
        /// More than any header has.
        const HEADER_MAX: u64 = 100 << 20;
        let name = file.name.clone();
        let failed = |source| WeightsError::Read { file: name.clone(), source };
        let bad = |source| WeightsError::Format { file: name.clone(), source };
        let found = file.source.seek(SeekFrom::End(0)).map_err(failed)?;
        file.source.rewind().map_err(failed)?;
        let mut length = [0; 8];
        if found < 8 {
            return Err(bad(SafeTensorError::HeaderTooSmall));
        }
        file.source.read_exact(&mut length).map_err(failed)?;
        let header = u64::from_le_bytes(length);
        if header > HEADER_MAX {
            return Err(bad(SafeTensorError::HeaderTooLarge));
        }
        if header > found - 8 {
            return Err(bad(SafeTensorError::InvalidHeaderLength));
        }
        let mut bytes = vec![0; header as usize];
        file.source.read_exact(&mut bytes).map_err(failed)?;
        let metadata: Metadata = serde_json::from_slice(&bytes)
            .map_err(|error| bad(SafeTensorError::InvalidHeaderDeserialization(error)))?;
        let data = 8 + header;
        let expected = data + metadata.data_len() as u64;
        if expected != found {
            return Err(WeightsError::Length { file: name, expected, found });
        }
        Ok(Self { file, data, metadata })
    }

    /// Gives the elements of a tensor as `f32`, some at a time.
    fn copy(&mut self, info: &TensorInfo, give: impl FnMut(&[f32])) -> Result<(), WeightsError> {
        let (from, to) = info.data_offsets;
        copy(&mut *self.file.source, self.data + from as u64, to - from, info.dtype, give)
            .map_err(|source| WeightsError::Read { file: self.file.name.clone(), source })
    }
}

/// Whether elements of this type are read.
pub(crate) fn reads(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

/// Gives `len` bytes of elements from `at` on, through buffers that are small beside a tensor.
fn copy(source: &mut dyn Source, at: u64, len: usize, dtype: Dtype, mut give: impl FnMut(&[f32])) -> io::Result<()> {
    const BUFFER: usize = 1 << 18;
    source.seek(SeekFrom::Start(at))?;
    let (mut buffer, mut out) = (vec![0; BUFFER.min(len)], Vec::new());
    let mut left = len;
    while left > 0 {
        let part = left.min(BUFFER);
        let bytes = &mut buffer[..part];
        source.read_exact(bytes)?;
        out.clear();
        match dtype {
            Dtype::F16 => out.extend(bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32())),
            Dtype::BF16 => out.extend(bytes.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32())),
            Dtype::F64 => out.extend(bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32)),
            _ => out.extend(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes))),
        }
        give(&out);
        left -= part;
    }
    Ok(())
}

/// A tensor to be written: its name and shape.
pub(crate) struct Entry {
    /// The name.
    pub(crate) name: String,
    /// The shape.
    pub(crate) shape: Vec<usize>,
}

/// Takes some of the elements of a tensor, which follow those that it took before.
pub(crate) type Give<'a, E> = dyn FnMut(&[f32]) -> Result<(), E> + 'a;

/// Writes `entries` sorted by name as `f32`; `data` gives the elements of the entry at an index, some at a time.
pub(crate) fn write<E: From<io::Error>>(
    out: &mut dyn Write,
    metadata: &BTreeMap<String, String>,
    entries: &[Entry],
    mut data: impl FnMut(usize, &mut Give<'_, E>) -> Result<(), E>,
) -> Result<(), E> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&a, &b| entries[a].name.cmp(&entries[b].name));
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut at = 0;
    for &i in &order {
        let Entry { name, shape } = &entries[i];
        let end = at + 4 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [at, end]}));
        at = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    let mut bytes = Vec::new();
    for &i in &order {
        data(i, &mut |some| {
            for chunk in some.chunks(1 << 16) {
                bytes.clear();
                bytes.extend(chunk.iter().flat_map(|x| x.to_le_bytes()));
                out.write_all(&bytes)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use safetensors::tensor::TensorView;

    use super::*;

    fn file(entries: &[(&str, &[usize])]) -> Vec<u8> {
        let entries: Vec<Entry> =
            entries.iter().map(|(name, shape)| Entry { name: (*name).to_owned(), shape: shape.to_vec() }).collect();
        let mut out = Vec::new();
        write::<io::Error>(&mut out, &BTreeMap::new(), &entries, |i, give| {
            (0..entries[i].shape.iter().product()).try_for_each(|n: usize| give(&[n as f32 + 0.5]))
        })
        .expect("writing to memory");
        out
    }

    fn open(bytes: &[u8]) -> Result<Archive<'_>, WeightsError> {
        Archive::open(vec![WeightsFile::new("x", Cursor::new(bytes))])
    }

    fn elements(archive: &mut Archive<'_>, tensor: &str) -> Vec<f32> {
        let mut out = Vec::new();
        archive.read(tensor, &mut out).expect("readable");
        out
    }

    #[test]
    fn what_is_written_is_read_in_any_order() {
        let one = file(&[("b", &[2]), ("a", &[1, 3])]);
        assert_eq!(one, file(&[("a", &[1, 3]), ("b", &[2])]));
        let mut archive = open(&one).expect("opens");
        assert_eq!(elements(&mut archive, "a"), [0.5, 1.5, 2.5]);
        assert_eq!(elements(&mut archive, "b"), [0.5, 1.5]);
    }

    #[test]
    fn other_precisions_are_read() {
        let halves = [f16::from_f32(1.5).to_le_bytes(), f16::from_f32(-2.0).to_le_bytes()].concat();
        let brains = [bf16::from_f32(1.5).to_le_bytes(), bf16::from_f32(-2.0).to_le_bytes()].concat();
        let doubles = [1.5_f64.to_le_bytes(), (-2.0_f64).to_le_bytes()].concat();
        for (dtype, data) in [(Dtype::F16, halves), (Dtype::BF16, brains), (Dtype::F64, doubles)] {
            let view = TensorView::new(dtype, vec![2], &data).expect("valid");
            let bytes = safetensors::serialize([("a", view)], None).expect("serialises");
            assert_eq!(elements(&mut open(&bytes).expect("opens"), "a"), [1.5, -2.0]);
        }
    }

    #[test]
    fn a_file_cut_anywhere_or_with_more_behind_is_an_error() {
        let mut bytes = file(&[("a", &[3])]);
        for end in 0..bytes.len() {
            assert!(open(&bytes[..end]).is_err(), "cut at {end}");
        }
        bytes.push(0);
        assert!(open(&bytes).is_err());
    }

    #[test]
    fn a_tensor_in_two_files_is_an_error() {
        let bytes = file(&[("a", &[3])]);
        let files = ["one", "two"].map(|name| WeightsFile::new(name, Cursor::new(&bytes)));
        let error = Archive::open(files.into()).err().expect("twice");
        assert_eq!(error.to_string(), "cannot use the weights files: tensor `a` is in `one` and in `two`");
    }
}
