//! The readable form of what is hashed, and its encoding.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

/// A typed value as it enters a key: readable, comparable, and encoded as the [room's page](super) says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Term {
    /// Nothing was given and nothing is the meaning.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Text, hashed as its UTF-8 bytes.
    Text(String),
    /// Bytes held elsewhere, by their digest.
    Digest(Digest),
    /// Several values whose order matters.
    List(Vec<Term>),
    /// Named values; the order they were declared in does not matter.
    Record(BTreeMap<Cow<'static, str>, Term>),
    /// One of several forms, by name.
    Variant(Cow<'static, str>, Box<Term>),
}

/// Says which part of a value decides a result.
///
/// Implementations destructure `Self`, so that a new field does not compile until someone decides whether it counts.
pub trait ContentHash {
    /// Returns the value as it enters a key.
    fn term(&self) -> Term;

    /// Returns the value as a field of a record; `None` leaves the field out. Only a field that was added later does that,
    /// where it is not given: whatever is written without it then keeps the key that it had before.
    fn field(&self) -> Option<Term> {
        Some(self.term())
    }
}

impl Term {
    /// Makes a record out of (name, value) pairs.
    pub fn record<const N: usize>(fields: [(&'static str, Term); N]) -> Self {
        Self::Record(fields.into_iter().map(|(name, term)| (Cow::Borrowed(name), term)).collect())
    }

    /// Makes a record of fields some of which may not be there.
    pub fn present<const N: usize>(fields: [(&'static str, Option<Term>); N]) -> Self {
        let present = |(name, term): (&'static str, Option<Term>)| Some((Cow::Borrowed(name), term?));
        Self::Record(fields.into_iter().filter_map(present).collect())
    }

    /// Makes a form of the given name.
    pub fn variant(name: &'static str, of: Term) -> Self {
        Self::Variant(Cow::Borrowed(name), Box::new(of))
    }

    /// Hashes the encoding under a domain of its own.
    pub(super) fn hash_in(&self, context: &'static str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        let mut bytes = Vec::with_capacity(512);
        self.encode(&mut bytes);
        hasher.update(&bytes);
        *hasher.finalize().as_bytes()
    }

    /// Appends the encoding, version 1.
    pub fn encode(&self, out: &mut Vec<u8>) {
        fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(bytes);
        }
        match self {
            Self::None => out.push(0),
            Self::Bool(value) => out.extend_from_slice(&[1, u8::from(*value)]),
            Self::Int(value) => {
                out.push(2);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Self::Float(value) => {
                out.push(3);
                let canonical = if value.is_nan() { f64::NAN } else { *value + 0.0 };
                let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { canonical.to_bits() };
                out.extend_from_slice(&bits.to_le_bytes());
            }
            Self::Text(text) => {
                out.push(4);
                sized(out, text.as_bytes());
            }
            Self::Digest(digest) => {
                out.push(5);
                out.extend_from_slice(digest.as_bytes());
            }
            Self::List(items) => {
                out.push(6);
                out.extend_from_slice(&(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| item.encode(out));
            }
            Self::Record(fields) => {
                out.push(7);
                out.extend_from_slice(&(fields.len() as u64).to_le_bytes());
                for (name, term) in fields {
                    sized(out, name.as_bytes());
                    term.encode(out);
                }
            }
            Self::Variant(name, term) => {
                out.push(8);
                sized(out, name.as_bytes());
                term.encode(out);
            }
        }
    }

    /// Lists every place at which two terms differ, as (path, before, after); a path is empty at the root.
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<(String, Option<&'a Self>, Option<&'a Self>)> {
        let mut found = Vec::new();
        compare(Some(self), Some(other), String::new(), &mut found);
        found
    }
}

type Difference<'a> = (String, Option<&'a Term>, Option<&'a Term>);

fn compare<'a>(before: Option<&'a Term>, after: Option<&'a Term>, path: String, found: &mut Vec<Difference<'a>>) {
    match (before, after) {
        (Some(Term::Record(old)), Some(Term::Record(new))) => {
            let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                let at = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                compare(old.get(name), new.get(name), at, found);
            }
        }
        (Some(Term::List(old)), Some(Term::List(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(Some(old), Some(new), format!("{path}[{index}]"), found);
            }
        }
        (Some(Term::Variant(old_name, old)), Some(Term::Variant(new_name, new))) if old_name == new_name => {
            let at = if path.is_empty() { old_name.to_string() } else { format!("{path}.{old_name}") };
            compare(Some(old), Some(new), at, found);
        }
        (before, after) if before == after => {}
        (before, after) => found.push((path, before, after)),
    }
}

/// Writes a term for a person: `0.4`, `"word"`, `[1, 2]`, `{n: 3}`, `mask {…}`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) if text.chars().count() > 60 => {
                write!(f, "{:?}…", text.chars().take(60).collect::<String>())
            }
            Self::Text(text) => f.write_str(text),
            Self::Digest(digest) => f.write_str(&digest.short()),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Record(fields) => {
                f.write_str("{")?;
                for (index, (name, term)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {term}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Self::Variant(name, term) if **term == Self::None => f.write_str(name),
            Self::Variant(name, term) => write!(f, "{name} {term}"),
        }
    }
}

macro_rules! term_of_int {
    ($($int:ty),*) => { $(
        impl ContentHash for $int {
            fn term(&self) -> Term { Term::Int(i64::from(*self)) }
        }
    )* };
}
term_of_int!(u8, u16, u32, i32, i64);

impl ContentHash for u64 {
    /// Seeds and counts up to 2⁶³ keep their value; larger ones wrap, which stays one-to-one.
    fn term(&self) -> Term {
        Term::Int(self.cast_signed())
    }
}

impl ContentHash for usize {
    fn term(&self) -> Term {
        (*self as u64).term()
    }
}

impl ContentHash for bool {
    fn term(&self) -> Term {
        Term::Bool(*self)
    }
}

impl ContentHash for f64 {
    fn term(&self) -> Term {
        Term::Float(*self)
    }
}

impl ContentHash for str {
    fn term(&self) -> Term {
        Term::Text(self.to_owned())
    }
}

impl ContentHash for String {
    fn term(&self) -> Term {
        Term::Text(self.clone())
    }
}

impl ContentHash for Digest {
    fn term(&self) -> Term {
        Term::Digest(*self)
    }
}

impl<T: ContentHash> ContentHash for Option<T> {
    fn term(&self) -> Term {
        self.as_ref().map_or(Term::None, ContentHash::term)
    }
}

impl<T: ContentHash> ContentHash for Vec<T> {
    fn term(&self) -> Term {
        self.as_slice().term()
    }
}

impl<T: ContentHash> ContentHash for [T] {
    fn term(&self) -> Term {
        Term::List(self.iter().map(ContentHash::term).collect())
    }
}

impl<A: ContentHash, B: ContentHash> ContentHash for (A, B) {
    fn term(&self) -> Term {
        Term::List(vec![self.0.term(), self.1.term()])
    }
}

impl<T: ContentHash + ?Sized> ContentHash for &T {
    fn term(&self) -> Term {
        (**self).term()
    }
}

impl<T: ContentHash> ContentHash for BTreeMap<String, T> {
    fn term(&self) -> Term {
        Term::Record(self.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.term())).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms() -> impl Strategy<Value = Term> {
        let leaf = prop_oneof![
            Just(Term::None),
            any::<bool>().prop_map(Term::Bool),
            any::<i64>().prop_map(Term::Int),
            any::<f64>().prop_filter("one NaN", |f| !f.is_nan()).prop_map(|f| Term::Float(f + 0.0)),
            ".{0,6}".prop_map(Term::Text),
            any::<[u8; 32]>().prop_map(|b| Term::Digest(Digest::from_bytes(b))),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Term::List),
                prop::collection::btree_map("[a-c]{0,2}".prop_map(Cow::Owned), inner.clone(), 0..5)
                    .prop_map(Term::Record),
                ("[a-c]{0,2}", inner).prop_map(|(n, t)| Term::Variant(Cow::Owned(n), Box::new(t))),
            ]
        })
    }

    fn encoded(term: &Term) -> Vec<u8> {
        let mut out = Vec::new();
        term.encode(&mut out);
        out
    }

    proptest! {
        #[test]
        fn different_terms_have_different_encodings(a in terms(), b in terms()) {
            prop_assert_eq!(a == b, encoded(&a) == encoded(&b));
        }

        #[test]
        fn no_encoding_is_a_prefix_of_another(a in terms(), b in terms()) {
            prop_assume!(a != b);
            prop_assert!(!encoded(&a).starts_with(&encoded(&b)));
        }

        #[test]
        fn json_keeps_a_term(a in terms()) {
            let text = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(serde_json::from_str::<Term>(&text).unwrap(), a);
        }

        #[test]
        fn differences_are_found_exactly_where_terms_differ(a in terms(), b in terms()) {
            prop_assert_eq!(a.differences(&b).is_empty(), a == b);
        }
    }

    #[test]
    fn floats_that_are_equal_share_a_key() {
        assert_eq!(encoded(&Term::Float(0.0)), encoded(&Term::Float(-0.0)));
        assert_eq!(encoded(&Term::Float(f64::NAN)), encoded(&Term::Float(-f64::NAN)));
        assert_ne!(encoded(&Term::Float(1.0)), encoded(&Term::Int(1)));
    }

    #[test]
    fn the_encoding_is_pinned() {
        let term = Term::record([
            ("level", Term::variant("word", Term::None)),
            ("fraction", Term::Float(0.4)),
            ("list", Term::List(vec![Term::Int(-1), Term::Text("é".into()), Term::Bool(true)])),
        ]);
        expect_test::expect!["9173e3837ba8ebfdd7cf42b1f5fe95d6db22c09cc7ed91af3cdb1054e3056a97"]
            .assert_eq(&super::super::RowKey::of(&term).hex());
    }
}
