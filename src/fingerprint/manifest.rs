//! The readable pre-image of a fingerprint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, Fingerprint, Term};

/// Everything that decides an instance's result, in a form a person can read and compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyManifest {
    /// The stage's kind, such as `transform`.
    pub kind: String,
    /// The kind's revision: raised when the same action gives other bytes.
    pub revision: u32,
    /// Every parameter, defaults resolved; references to stages are left out, since inputs stand for them.
    pub params: Term,
    /// Each part of each input that is read.
    pub inputs: Vec<InputKey>,
    /// Declared environment variables and their values; absent ones are `None`.
    pub env: BTreeMap<String, Option<String>>,
    /// The numerics class of a device stage, such as `cpu-f32`; `None` elsewhere.
    pub numerics: Option<String>,
}

/// One part of one input: which port it enters by, and what its bytes are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InputKey {
    /// The field the input was named in, such as `steps[0].keep_top.attributions`; gathered ones add their coordinates.
    pub port: String,
    /// The part of the artifact, such as `train`.
    pub part: String,
    /// The digest of that part's bytes.
    pub digest: Digest,
}

/// One field in which two manifests differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The place: `kind`, `revision`, `params.fraction`, `inputs.rationales.rows`, `env.HOME` or `numerics`.
    pub path: String,
    /// What it was; `None` where it was absent.
    pub before: Option<String>,
    /// What it is; `None` where it is absent.
    pub after: Option<String>,
}

impl KeyManifest {
    /// Returns the name of this action.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.term())
    }

    /// Lists the fields in which `self` (earlier) and `other` (later) differ, in a stable order.
    pub fn changes(&self, other: &Self) -> Vec<KeyChange> {
        let (old, new) = (self.term(), other.term());
        let text = |term: Option<&Term>| term.map(ToString::to_string);
        old.differences(&new)
            .into_iter()
            .map(|(path, before, after)| KeyChange { path, before: text(before), after: text(after) })
            .collect()
    }

    fn term(&self) -> Term {
        let Self { kind, revision, params, inputs, env, numerics } = self;
        let text = |value: &String| Term::Text(value.clone());
        let mut ports: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for InputKey { port, part, digest } in inputs {
            ports.entry(port.clone().into()).or_default().insert(part.clone().into(), Term::Digest(*digest));
        }
        let env = env.iter().map(|(name, value)| (name.clone().into(), value.as_ref().map_or(Term::None, text)));
        Term::record([
            ("kind", text(kind)),
            ("revision", Term::Int(i64::from(*revision))),
            ("params", params.clone()),
            ("inputs", Term::Record(ports.into_iter().map(|(port, parts)| (port, Term::Record(parts))).collect())),
            ("env", Term::Record(env.collect())),
            ("numerics", numerics.as_ref().map_or(Term::None, text)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(inputs: &[(&str, &str, &[u8])]) -> KeyManifest {
        let input = |(port, part, bytes): &(&str, &str, &[u8])| InputKey {
            port: (*port).into(),
            part: (*part).into(),
            digest: Digest::of(bytes),
        };
        KeyManifest {
            kind: "agree".into(),
            revision: 1,
            params: Term::record([("fraction", Term::Float(0.4))]),
            inputs: inputs.iter().map(input).collect(),
            env: BTreeMap::new(),
            numerics: None,
        }
    }

    #[test]
    fn swapped_inputs_have_another_fingerprint() {
        let one = manifest(&[("left", "rows", b"a"), ("right", "rows", b"b")]);
        let other = manifest(&[("left", "rows", b"b"), ("right", "rows", b"a")]);
        assert_ne!(one.fingerprint(), other.fingerprint());
    }

    #[test]
    fn the_order_in_which_inputs_are_listed_does_not_matter() {
        let one = manifest(&[("left", "rows", b"a"), ("right", "rows", b"b")]);
        let other = manifest(&[("right", "rows", b"b"), ("left", "rows", b"a")]);
        assert_eq!(one.fingerprint(), other.fingerprint());
    }

    #[test]
    fn every_field_matters() {
        let base = manifest(&[("left", "rows", b"a")]);
        let mut others = vec![base.clone(); 7];
        others[0].kind = "other".into();
        others[1].revision = 2;
        others[2].params = Term::record([("fraction", Term::Float(0.5))]);
        others[3].inputs[0].part = "train".into();
        others[4].env.insert("MODE".into(), None);
        others[5].env.insert("MODE".into(), Some("fast".into()));
        others[6].numerics = Some("cpu-f32".into());
        let mut seen: Vec<_> = others.iter().map(KeyManifest::fingerprint).collect();
        seen.push(base.fingerprint());
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 8);
    }

    #[test]
    fn changes_name_the_field() {
        let old = manifest(&[("left", "rows", b"a")]);
        let mut new = old.clone();
        new.params = Term::record([("fraction", Term::Float(0.5))]);
        assert_eq!(
            old.changes(&new),
            [KeyChange { path: "params.fraction".into(), before: Some("0.4".into()), after: Some("0.5".into()) }]
        );
    }
}
