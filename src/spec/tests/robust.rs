//! Nothing that is read makes the room panic or run on.

use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::LANGUAGE;
use crate::read;
use retort_source::{Sources, Style};

/// A document that uses most of the language.
const SEED: &str = "retort: 1
experiment: x
seed: 17
include: [shared.yaml]
axes:
  student: [gpt2, phi]
  run: { replicates: 2 }
  f: { range: [0.1, 0.3, 0.1] }
  pair: { zip: { a: [1, 2], b: [r, masked] } }
models: { gpt2: { path: m }, phi: &phi { path: m } }
fragments: { slow: { lr: 0.1, batch: \"${a}\" } }
stages:
  q: { dataset: { size: 3 } }
  r: { elicit: { questions: q } }
  masked: { over: { k: [1, 2] }, transform: { rationales: r, steps: [{ mask: { fraction: \"${f}\" } }] } }
  tuned:
    where: [{ run: 0 }, { f: [0.1, null] }]
    except: { student: gpt2, k: 2 }
    train: { student: \"${student}\", questions: q, rationales: \"${b}\", recipe: { use: slow }, seed: \"${run}\" }
  why: { attribute: { model: tuned, rationales: r } }
  again: { retrain: { like: tuned, rationales: r } }
  s: { evaluate: { model: again, questions: q } }
  t: { report: { scores: [s], title: \"of ${student}\" } }
";

const SHARED: &str = "axes: { other: [1] }\n";

/// Reads bytes, and renders the errors, which must end either way.
fn survive(bytes: &[u8], settings: &[String]) -> bool {
    let mut sources = Sources::default();
    let load = |path: &Path| match path.to_str() {
        Some("x.yaml") => Ok(bytes.to_vec()),
        Some("shared.yaml") => Ok(SHARED.as_bytes().to_vec()),
        _ => Err(io::Error::other("no such file")),
    };
    match read(&mut sources, Path::new("x.yaml"), settings, LANGUAGE, &load) {
        Ok(experiment) => {
            for id in experiment.ids().take(10) {
                assert_eq!(experiment.find(experiment.instance(id).name.as_str()), Some(id));
                for path in ["params.steps[0].mask.fraction", "student.path", "", "[9]..["] {
                    experiment.span_of(id, path);
                }
            }
            true
        }
        Err(errors) => {
            assert!(!errors.render(&sources, Style::Plain).is_empty());
            false
        }
    }
}

#[test]
fn the_document_that_is_mutated_is_sound() {
    assert!(survive(SEED.as_bytes(), &[]));
}

/// Stretches of the document, cut at the characters that mean something.
fn stretches() -> Vec<String> {
    let mut stretches = vec![String::new()];
    for character in SEED.chars() {
        if "{}[],:\n\"$ &".contains(character) {
            stretches.extend([character.to_string(), String::new()]);
        } else if let Some(last) = stretches.last_mut() {
            last.push(character);
        }
    }
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

proptest! {
    #[test]
    fn parse_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survive(&bytes, &[]);
    }

    #[test]
    fn bytes_put_into_a_document_never_panic(at in 0..SEED.len(), bytes in proptest::collection::vec(any::<u8>(), 0..9)) {
        let mut text = SEED.as_bytes().to_vec();
        let end = (at + bytes.len()).min(text.len());
        text.splice(at..end, bytes);
        survive(&text, &[]);
    }

    #[test]
    fn shuffled_documents_never_panic(moves in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8), 0..12)) {
        let mut parts = stretches();
        for (from, to, how) in moves {
            let (from, to) = (from.index(parts.len()), to.index(parts.len()));
            match how {
                0 => parts.swap(from, to),
                1 => parts[to] = parts[from].clone(),
                _ => { parts.remove(to); }
            }
        }
        survive(parts.concat().as_bytes(), &[]);
    }

    #[test]
    fn settings_never_panic(settings in proptest::collection::vec("(student|run|f|a|b|k|seed|x)?=?[a-z0-9,.\"'{}\\[\\] :&*]{0,12}", 0..4)) {
        survive(SEED.as_bytes(), &settings);
    }
}
