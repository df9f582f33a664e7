//! How the tensors of weights files become those of a model, and back.

use std::collections::BTreeSet;
use std::ops::Range;

use super::architecture::Architecture;
use super::archive::{Archive, Entry, Misfit, WeightsError, reads};
use super::config::Config;
use super::tensors::{Names, TensorSpec};

/// The configuration as the files have it: where it says that the output head is the token embedding, and the files hold
/// another one, the head is its own, as transformers loads it.
pub(crate) fn agreed(config: &Config, archive: &mut Archive<'_>) -> Result<Config, WeightsError> {
    let names = config.architecture().names();
    let head = format!("{}.weight", names.head);
    if !config.decoder().tied || archive.describe(&head).is_none() {
        return Ok(config.clone());
    }
    let bare = names.embedding.strip_prefix(names.base).unwrap_or(names.embedding);
    let embedding = if archive.describe(names.embedding).is_some() { names.embedding } else { bare };
    Ok(if archive.same(&head, embedding)? { config.clone() } else { config.untied() })
}

/// Takes every tensor of `config` from `archive`, in their order, and gives it to `take`; nothing is read before all of
/// them are known to fit. Those that have a row for each token have room for as many as `tokens`.
///
/// A name may lack the base model's prefix, as in files of the model without its head. What published files hold beside
/// the weights is passed over, and so is the output head where it is the token embedding once more.
pub(crate) fn read(
    config: &Config,
    archive: &mut Archive<'_>,
    tokens: usize,
    mut take: impl FnMut(Vec<f32>),
) -> Result<(), WeightsError> {
    let names = config.architecture().names();
    let specs = config.tensors();
    let bare = archive.describe(names.embedding).is_none();
    let stored =
        |name: &str| if bare { name.strip_prefix(names.base).unwrap_or(name).to_owned() } else { name.to_owned() };
    let problems = misfits(config.decoder().tied, names, &specs, archive, stored);
    if !problems.is_empty() {
        return Err(WeightsError::Misfit { file: archive.name(), problems });
    }
    for spec in &specs {
        let more = if is_vocabulary(spec) { tokens.saturating_sub(spec.shape[0]) } else { 0 };
        let mut data = Vec::with_capacity(spec.count() / spec.shape[0].max(1) * (spec.shape[0] + more));
        for (name, _) in &spec.parts {
            archive.read(&stored(name), &mut data)?;
        }
        if spec.interleaved > 0 {
            data = in_order(spec, &data);
        }
        take(data);
    }
    Ok(())
}

fn misfits(
    tied: bool,
    names: &Names,
    specs: &[TensorSpec],
    archive: &Archive<'_>,
    stored: impl Fn(&str) -> String,
) -> Vec<Misfit> {
    let mut problems = Vec::new();
    let mut placed = BTreeSet::new();
    for spec in specs {
        for (tensor, shape) in parts(spec) {
            let name = stored(&tensor);
            match archive.describe(&name) {
                None => problems.push(Misfit::Missing { tensor, expected: shape }),
                Some((found, _)) if found != shape => {
                    problems.push(Misfit::Shape { tensor, expected: shape, found: found.to_vec() });
                }
                Some((_, dtype)) if !reads(dtype) => {
                    problems.push(Misfit::Dtype { tensor, found: format!("{dtype:?}") });
                }
                Some(_) => {}
            }
            placed.insert(name);
        }
    }
    let passed_over = |name: &str| {
        (tied && name == format!("{}.weight", names.head)) || names.ignored.iter().any(|ending| name.ends_with(ending))
    };
    let extra = archive.shapes().filter(|(name, _)| !placed.contains(*name) && !passed_over(name));
    problems.extend(extra.map(|(name, shape)| Misfit::Extra { tensor: name.to_owned(), found: shape.to_vec() }));
    problems
}

/// The parts of a tensor as a file has them: name and shape.
fn parts(spec: &TensorSpec) -> impl Iterator<Item = (String, Vec<usize>)> {
    spec.parts.iter().map(|(name, rows)| {
        let shape = std::iter::once(*rows).chain(spec.shape.iter().skip(1).copied()).collect();
        (name.clone(), shape)
    })
}

/// The rows of a model's tensor in the order in which a file has them, in runs.
fn runs(spec: &TensorSpec) -> Vec<Range<usize>> {
    let rows = spec.shape[0];
    if spec.interleaved == 0 {
        return std::iter::once(0..rows).collect();
    }
    let (third, width) = (rows / 3, rows / 3 / spec.interleaved);
    let run = |head: usize, part: usize| part * third + head * width..part * third + (head + 1) * width;
    (0..spec.interleaved).flat_map(|head| (0..3).map(move |part| run(head, part))).collect()
}

/// The elements of a tensor that a file has interleaved, in the order of the model.
fn in_order(spec: &TensorSpec, stored: &[f32]) -> Vec<f32> {
    let width = spec.count() / spec.shape[0];
    let (mut data, mut rest) = (vec![0.0; stored.len()], stored);
    for run in runs(spec) {
        let (some, others) = rest.split_at(run.len() * width);
        data[run.start * width..run.end * width].copy_from_slice(some);
        rest = others;
    }
    data
}

/// Where the rows of an entry of a file are in the model: the index of the tensor, and runs of its rows.
pub(crate) type Place = (usize, Vec<Range<usize>>);

/// What a file of all tensors has, and for each entry its place.
pub(crate) fn entries(config: &Config) -> (Vec<Entry>, Vec<Place>) {
    let mut entries = Vec::new();
    let mut places = Vec::new();
    for (i, spec) in config.tensors().iter().enumerate() {
        let mut before = 0;
        for (name, shape) in parts(spec) {
            let whole = std::iter::once(before..before + shape[0]).collect();
            places.push((i, if spec.interleaved > 0 { runs(spec) } else { whole }));
            before += shape[0];
            entries.push(Entry { name, shape });
        }
    }
    (entries, places)
}

/// Adds rows for new tokens to a tensor that has one for each token: the mean of the rows that are there, as
/// transformers starts them but for its noise (Hewitt 2021).
pub(crate) fn grow(spec: &TensorSpec, vocab_from: usize, vocab_to: usize, data: &mut Vec<f32>) {
    if spec.shape[0] != vocab_from || !is_vocabulary(spec) || vocab_to <= vocab_from {
        return;
    }
    let width = spec.count() / vocab_from;
    let mut mean = vec![0.0_f64; width];
    for row in data.chunks_exact(width) {
        for (mean, &x) in mean.iter_mut().zip(row) {
            *mean += f64::from(x);
        }
    }
    data.reserve_exact((vocab_to - vocab_from) * width);
    for _ in vocab_from..vocab_to {
        data.extend(mean.iter().map(|sum| (sum / vocab_from as f64) as f32));
    }
}

/// Whether a tensor has a row for each token.
pub(crate) fn is_vocabulary(spec: &TensorSpec) -> bool {
    Architecture::ALL.iter().map(|architecture| architecture.names()).any(|names| {
        let of_head = spec.name().strip_prefix(names.head).is_some_and(|rest| rest.starts_with('.'));
        of_head || names.embedding == spec.name()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{self, Cursor};

    use expect_test::expect;

    use super::*;
    use crate::architecture::Size;
    use crate::archive::{self, WeightsFile};

    fn config(architecture: Architecture) -> Config {
        let size = Size { vocab_size: 6, context: 8, d_model: 4, layers: 1, heads: 2, kv_heads: None };
        Config::new(architecture, size)
    }

    /// A file of all tensors, changed by `change`; each element says which tensor it belongs to.
    fn file(config: &Config, change: impl Fn(&mut Vec<Entry>)) -> Vec<u8> {
        let (mut entries, _) = entries(config);
        change(&mut entries);
        let mut out = Vec::new();
        archive::write::<io::Error>(&mut out, &BTreeMap::new(), &entries, |i, give| {
            give(&vec![i as f32; entries[i].shape.iter().product()])
        })
        .expect("writing to memory");
        out
    }

    fn load(config: &Config, bytes: &[u8]) -> Result<Vec<Vec<f32>>, WeightsError> {
        let mut archive = Archive::open(vec![WeightsFile::new("student/model.safetensors", Cursor::new(bytes))])?;
        let mut tensors = Vec::new();
        read(config, &mut archive, 0, |data| tensors.push(data))?;
        Ok(tensors)
    }

    #[test]
    fn files_of_every_architecture_are_read_with_and_without_the_base_prefix() {
        for architecture in Architecture::ALL {
            let config = config(architecture);
            let base = architecture.names().base;
            let whole = load(&config, &file(&config, |_| {})).expect("fits");
            let bare = file(&config, |entries| {
                for entry in entries {
                    if let Some(name) = entry.name.strip_prefix(base) {
                        entry.name = name.to_owned();
                    }
                }
            });
            assert_eq!(load(&config, &bare).expect("fits"), whole);
            for (spec, data) in config.tensors().iter().zip(&whole) {
                assert_eq!(data.len(), spec.count());
            }
        }
    }

    #[test]
    fn stacked_tensors_lie_one_after_the_other() {
        let config = config(Architecture::Llama);
        let tensors = load(&config, &file(&config, |_| {})).expect("fits");
        let stacked = config.tensors().iter().position(|spec| spec.parts.len() == 3).expect("queries, keys, values");
        let first = tensors[stacked][0];
        let expected: Vec<f32> = [first, first + 1.0, first + 2.0].iter().flat_map(|&x| vec![x; 16]).collect();
        assert_eq!(tensors[stacked], expected);
    }

    #[test]
    fn interleaved_heads_are_put_in_order_and_written_as_they_were() {
        let config = config(Architecture::GptNeox);
        let spec =
            config.tensors().into_iter().find(|spec| spec.interleaved > 0 && spec.shape.len() == 1).expect("biases");
        // Two heads of two columns: queries, keys and values of the first, then of the second.
        let stored: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let data = in_order(&spec, &stored);
        assert_eq!(data, [0.0, 1.0, 6.0, 7.0, 2.0, 3.0, 8.0, 9.0, 4.0, 5.0, 10.0, 11.0]);
        let written: Vec<f32> = runs(&spec).into_iter().flat_map(|run| data[run].to_vec()).collect();
        assert_eq!(written, stored);
    }

    #[test]
    fn a_head_that_is_not_the_embedding_is_kept_whatever_the_configuration_says() {
        for (architecture, base) in [(Architecture::Gpt2, "transformer."), (Architecture::Gemma, "model.")] {
            let config = config(architecture);
            assert!(config.decoder().tied);
            let with_head = |shape: [usize; 2], element: f32, bare: bool| {
                let (mut entries, _) = entries(&config);
                entries.push(Entry { name: "lm_head.weight".into(), shape: shape.to_vec() });
                let last = entries.len() - 1;
                if bare {
                    for entry in &mut entries {
                        entry.name = entry.name.strip_prefix(base).unwrap_or(&entry.name).to_owned();
                    }
                }
                let mut out = Vec::new();
                archive::write::<io::Error>(&mut out, &BTreeMap::new(), &entries, |i, give| {
                    give(&vec![if i == last { element } else { i as f32 }; entries[i].shape.iter().product()])
                })
                .expect("writing to memory");
                out
            };
            let agreed = |bytes: &[u8]| {
                let mut archive = Archive::open(vec![WeightsFile::new("x", Cursor::new(bytes))]).expect("opens");
                agreed(&config, &mut archive).expect("readable")
            };
            for bare in [false, true] {
                // The embedding is the first tensor, so that its elements are 0.
                assert_eq!(agreed(&with_head([6, 4], 0.0, bare)), config, "the same once more");
                assert_eq!(agreed(&with_head([6, 4], -0.0, bare)), config, "the same once more");
                let other = with_head([6, 4], 7.0, bare);
                let own = agreed(&other);
                assert!(!own.decoder().tied);
                assert_eq!(load(&own, &other).expect("fits").last(), Some(&vec![7.0; 24]));
            }
            let odd = with_head([5, 4], 7.0, false);
            let error = load(&agreed(&odd), &odd).expect_err("does not fit").to_string();
            assert!(error.contains("`lm_head.weight` has shape [5, 4], the configuration wants [6, 4]"), "{error}");
            assert_eq!(agreed(&file(&config, |_| {})), config);
        }
    }

    #[test]
    fn every_misfit_is_named_with_both_shapes() {
        let config = config(Architecture::Gpt2);
        let bytes = file(&config, |entries| {
            entries.retain(|entry| !entry.name.contains("ln_f.bias"));
            entries[0].shape = vec![5, 4];
            for (name, shape) in [("transformer.odd", 3), ("transformer.h.0.attn.bias", 1)] {
                entries.push(Entry { name: name.to_owned(), shape: vec![shape] });
            }
        });
        let error = load(&config, &bytes).expect_err("does not fit");
        expect!["cannot use the weights of `student/model.safetensors`: tensor `transformer.wte.weight` has shape [5, 4], the configuration wants [6, 4]; tensor `transformer.ln_f.bias` is missing, it should have shape [4]; tensor `transformer.odd` of shape [3] has no place in the model"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn new_tokens_start_as_the_mean() {
        let config = config(Architecture::Phi);
        for spec in config.tensors() {
            let mut data: Vec<f32> = (0..spec.count()).map(|i| i as f32).collect();
            let before = data.clone();
            grow(&spec, 6, 8, &mut data);
            let grown = match spec.name() {
                "model.embed_tokens.weight" | "lm_head.weight" => [10.0, 11.0, 12.0, 13.0].repeat(2),
                "lm_head.bias" => vec![2.5; 2],
                _ => Vec::new(),
            };
            assert_eq!(data, [before, grown].concat(), "{}", spec.name());
        }
    }
}
