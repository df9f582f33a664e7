//! Safetensors files: named tensors behind a JSON header, written so that equal tensors give equal bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use burn::tensor::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde_json::{Map, Value, json};

use super::config::TensorSpec;

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read the weights file: {0}")]
    Read(#[from] io::Error),
    /// The file is cut short or is no safetensors file.
    #[error("cannot read the weights file `{file}`: {source}; the file is cut short or is no safetensors file")]
    Format {
        /// The file.
        file: String,
        /// What the parser found.
        source: SafeTensorError,
    },
    /// The tensors are not those of the model's configuration.
    #[error("cannot use the weights file `{file}`: {}", join(problems))]
    Misfit {
        /// The file.
        file: String,
        /// Every tensor that does not fit.
        problems: Vec<Misfit>,
    },
}

/// A tensor that does not fit the configuration. Shapes are as stored.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Misfit {
    /// The file lacks it.
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
    #[error("tensor `{tensor}` holds {found}, only F32, F16 and BF16 are read")]
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

/// Reads the tensors of `specs`, in their order, from the bytes of a safetensors file; `file` names it in errors.
///
/// A name may lack its `transformer.` prefix, as in the files first published. The causal masks which those hold beside
/// the weights are passed over, and so is an output head that repeats the token embedding.
pub(crate) fn read(specs: &[TensorSpec], bytes: &[u8], file: &str) -> Result<Vec<Vec<f32>>, WeightsError> {
    let archive =
        SafeTensors::deserialize(bytes).map_err(|source| WeightsError::Format { file: file.to_owned(), source })?;
    let mut found: BTreeMap<String, TensorView<'_>> =
        archive.tensors().into_iter().map(|(name, view)| (full_name(&name), view)).collect();
    let mut problems = Vec::new();
    let mut tensors = Vec::with_capacity(specs.len());
    for spec in specs {
        let tensor = spec.name.clone();
        match found.remove(&full_name(&spec.name)) {
            None => problems.push(Misfit::Missing { tensor, expected: spec.shape.clone() }),
            Some(view) if view.shape() != spec.shape => {
                let (expected, found) = (spec.shape.clone(), view.shape().to_vec());
                problems.push(Misfit::Shape { tensor, expected, found });
            }
            Some(view) => match elements(&view) {
                Some(data) => tensors.push(data),
                None => problems.push(Misfit::Dtype { tensor, found: format!("{:?}", view.dtype()) }),
            },
        }
    }
    problems.extend(
        found
            .into_iter()
            .filter(|(name, _)| !passed_over(name))
            .map(|(tensor, view)| Misfit::Extra { tensor, found: view.shape().to_vec() }),
    );
    if problems.is_empty() { Ok(tensors) } else { Err(WeightsError::Misfit { file: file.to_owned(), problems }) }
}

fn full_name(name: &str) -> String {
    if name.starts_with("transformer.") || name.starts_with("lm_head.") {
        name.to_owned()
    } else {
        format!("transformer.{name}")
    }
}

fn passed_over(name: &str) -> bool {
    name == "lm_head.weight" || name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")
}

/// The elements of a tensor as `f32`; `None` if they are of another kind.
pub(crate) fn elements(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    match view.dtype() {
        Dtype::F32 => Some(data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Dtype::F16 => Some(data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()),
        Dtype::BF16 => Some(data.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect()),
        _ => None,
    }
}

/// A tensor to be written: its name and shape.
pub(crate) struct Entry {
    /// The name.
    pub(crate) name: String,
    /// The shape.
    pub(crate) shape: Vec<usize>,
}

/// Writes `entries` sorted by name as `f32`; `data` gives the elements of the entry at an index, one tensor at a time.
pub(crate) fn write<E: From<io::Error>>(
    out: &mut dyn Write,
    metadata: &BTreeMap<String, String>,
    entries: &[Entry],
    mut data: impl FnMut(usize) -> Result<Vec<f32>, E>,
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
    for &i in &order {
        let mut bytes = Vec::new();
        for chunk in data(i)?.chunks(1 << 16) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|x| x.to_le_bytes()));
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::model::config::Init;

    fn spec(name: &str, shape: &[usize]) -> TensorSpec {
        TensorSpec { name: name.to_owned(), shape: shape.to_vec(), init: Init::Zero, exempt: false }
    }

    fn file(entries: &[(&str, &[usize])]) -> Vec<u8> {
        let entries: Vec<Entry> =
            entries.iter().map(|(name, shape)| Entry { name: (*name).to_owned(), shape: shape.to_vec() }).collect();
        let mut out = Vec::new();
        write::<io::Error>(&mut out, &BTreeMap::new(), &entries, |i| {
            Ok((0..entries[i].shape.iter().product()).map(|n| n as f32 + 0.5).collect())
        })
        .expect("writing to memory");
        out
    }

    #[test]
    fn what_is_written_is_read_in_any_order() {
        let one = file(&[("transformer.b", &[2]), ("transformer.a", &[1, 3])]);
        let two = file(&[("transformer.a", &[1, 3]), ("transformer.b", &[2])]);
        assert_eq!(one, two);
        let specs = [spec("transformer.b", &[2]), spec("transformer.a", &[1, 3])];
        assert_eq!(read(&specs, &one, "x").expect("fits"), vec![vec![0.5, 1.5], vec![0.5, 1.5, 2.5]]);
    }

    #[test]
    fn half_precision_is_read() {
        let data = [f16::from_f32(1.5).to_le_bytes(), f16::from_f32(-2.0).to_le_bytes()].concat();
        let view = TensorView::new(Dtype::F16, vec![2], &data).expect("valid");
        assert_eq!(elements(&view), Some(vec![1.5, -2.0]));
        let data = [bf16::from_f32(1.5).to_le_bytes(), bf16::from_f32(-2.0).to_le_bytes()].concat();
        let view = TensorView::new(Dtype::BF16, vec![2], &data).expect("valid");
        assert_eq!(elements(&view), Some(vec![1.5, -2.0]));
    }

    #[test]
    fn every_misfit_is_named_with_both_shapes() {
        let bytes = file(&[("wte.weight", &[3, 2]), ("h.0.attn.bias", &[1]), ("odd", &[4])]);
        let specs = [spec("transformer.wte.weight", &[5, 2]), spec("transformer.ln_f.bias", &[2])];
        let error = read(&specs, &bytes, "student/model.safetensors").expect_err("does not fit");
        expect!["cannot use the weights file `student/model.safetensors`: tensor `transformer.wte.weight` has shape [3, 2], the configuration wants [5, 2]; tensor `transformer.ln_f.bias` is missing, it should have shape [2]; tensor `transformer.odd` of shape [4] has no place in the model"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let bytes = file(&[("transformer.a", &[3])]);
        for end in 0..bytes.len() {
            assert!(read(&[spec("transformer.a", &[3])], &bytes[..end], "x").is_err(), "cut at {end}");
        }
    }
}
