//! Default values as an editor and the reference show them.

use serde_json::{Value, json};

use super::FromNode;
use retort_fingerprint::{ContentHash, Term};

/// Returns a value as a pipeline file would write it: as its type says, or else as it enters the key.
pub fn shown<T: FromNode<By> + ContentHash, By>(value: &T) -> Value {
    value.written().unwrap_or_else(|| of_term(&value.term()))
}

fn of_term(term: &Term) -> Value {
    match term {
        Term::None | Term::Digest(_) => Value::Null,
        Term::Bool(value) => json!(value),
        Term::Int(value) => json!(value),
        Term::Float(value) => json!(value),
        Term::Text(text) => json!(text),
        Term::List(items) => items.iter().map(of_term).collect(),
        Term::Record(fields) => {
            Value::Object(fields.iter().map(|(name, term)| (name.to_string(), of_term(term))).collect())
        }
        Term::Variant(name, of) if **of == Term::None => json!(name),
        Term::Variant(name, of) => json!({ (name.to_string()): of_term(of) }),
    }
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro declares public structs")]
mod tests {
    use super::*;
    use crate::params::{Aside, Count, PositiveReal, Seed};

    crate::params! {
        /// A mapping with defaults.
        pub struct Inner {
            /// A fraction.
            pub part: f64 = 0.25,
            /// A switch.
            pub on: bool = false,
        }
    }

    crate::params! {
        /// A kind.
        pub struct Outer {
            /// Required.
            pub name: String,
            /// A number.
            pub lr: PositiveReal = PositiveReal::of(5e-5),
            /// Not in the key.
            pub jobs: Aside<Count> = Aside(Count::of(3)),
            /// A mapping that is not in the key.
            pub inner: Aside<Inner> = Aside(Inner { part: 0.5, on: true }),
            /// Optional.
            pub limit: Option<Count>,
            /// The experiment's.
            pub seed: Seed,
            /// A list.
            pub words: Vec<String> = vec!["a".into()],
        }
    }

    #[test]
    fn a_schema_has_the_default_of_every_field_that_may_be_left_out() {
        let schema = Outer::schema();
        assert_eq!(schema["required"], json!(["name"]));
        let default = |name: &str| schema["properties"][name].get("default").cloned();
        assert_eq!(default("name"), None);
        assert_eq!(default("lr"), Some(json!(5e-5)));
        assert_eq!(default("jobs"), Some(json!(3)));
        assert_eq!(default("inner"), Some(json!({ "part": 0.5, "on": true })));
        assert_eq!(default("limit"), Some(Value::Null));
        assert_eq!(default("seed"), None);
        assert_eq!(schema["properties"]["seed"]["$comment"], "Default: the experiment's `seed`.");
        assert_eq!(default("words"), Some(json!(["a"])));
    }
}
