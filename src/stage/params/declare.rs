//! The three declaring macros.

/// Declares a struct of parameters that is read from a mapping.
///
/// A field with `= default` may be left out; so may one whose type has a value for absence, such as `Option`.
#[macro_export]
macro_rules! params {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $( $(#[doc = $field_doc:literal])* pub $field:ident : $type:ty $(= $default:expr)? ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name { $( $(#[doc = $field_doc])* pub $field: $type ),* }

        impl $crate::stage::params::FromNode for $name {
            fn from_node(
                node: &$crate::source::Node,
                scope: &mut $crate::stage::params::Scope<'_>,
            ) -> Option<Self> {
                let mut fields = $crate::stage::params::Fields::open(node, &[$($crate::stage::params::field_name(stringify!($field))),*], scope)?;
                $( let $field = $crate::params!(@read fields, $field, $type $(, $default)?); )*
                fields.close()?;
                Some(Self { $( $field: $field? ),* })
            }

            fn schema() -> serde_json::Value {
                $crate::stage::params::Fields::schema(
                    concat!($($doc, "\n"),*),
                    vec![$( (
                        $crate::stage::params::field_name(stringify!($field)),
                        concat!($($field_doc, "\n"),*),
                        <$type as $crate::stage::params::FromNode>::schema(),
                        $crate::params!(@default $($default)?),
                    ) ),*],
                )
            }
        }

        impl $crate::fingerprint::ContentHash for $name {
            fn term(&self) -> $crate::fingerprint::Term {
                let Self { $($field),* } = self;
                $crate::fingerprint::Term::record([
                    $( ($crate::stage::params::field_name(stringify!($field)), $crate::fingerprint::ContentHash::term($field)) ),*
                ])
            }
        }
    };
    (@read $fields:ident, $field:ident, $type:ty) => {
        $fields.required::<$type>($crate::stage::params::field_name(stringify!($field)))
    };
    (@read $fields:ident, $field:ident, $type:ty, $default:expr) => {
        $fields.optional::<$type>($crate::stage::params::field_name(stringify!($field)), || $default)
    };
    (@default) => { None };
    (@default $default:expr) => { Some(stringify!($default)) };
}

/// Declares an enum that is written as a mapping of one key, which names the form.
#[macro_export]
macro_rules! variants {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $form_doc:literal])* $form:ident($type:ty) = $key:literal ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub enum $name { $( $(#[doc = $form_doc])* $form($type) ),* }

        impl $crate::stage::params::FromNode for $name {
            fn from_node(
                node: &$crate::source::Node,
                scope: &mut $crate::stage::params::Scope<'_>,
            ) -> Option<Self> {
                let (key, body) = $crate::stage::params::tagged(node, &[$($key),*], scope)?;
                match key {
                    $( $key => scope
                        .within($key, |scope| <$type as $crate::stage::params::FromNode>::from_node(body, scope))
                        .map(Self::$form), )*
                    _ => None,
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({
                    "description": concat!($($doc, "\n"),*).trim(),
                    "oneOf": [$( {
                        "type": "object",
                        "description": concat!($($form_doc, "\n"),*).trim(),
                        "properties": { $key: <$type as $crate::stage::params::FromNode>::schema() },
                        "required": [$key],
                        "additionalProperties": false
                    } ),*]
                })
            }
        }

        impl $crate::fingerprint::ContentHash for $name {
            fn term(&self) -> $crate::fingerprint::Term {
                match self {
                    $( Self::$form(of) => $crate::fingerprint::Term::variant(
                        $key, $crate::fingerprint::ContentHash::term(of),
                    ) ),*
                }
            }
        }
    };
}

/// Says how an enum of plain words is written: `words!(Placement { None = "none", Before = "before" })`. A type that says
/// by itself how it enters a key is only read: `words!(read Level { Word = "word" })`.
#[macro_export]
macro_rules! words {
    ($name:ty { $( $form:ident = $word:literal ),* $(,)? }) => {
        $crate::words!(read $name { $($form = $word),* });

        impl $crate::fingerprint::ContentHash for $name {
            fn term(&self) -> $crate::fingerprint::Term {
                let word = match self { $( <$name>::$form => $word ),* };
                $crate::fingerprint::Term::variant(word, $crate::fingerprint::Term::None)
            }
        }
    };
    (read $name:ty { $( $form:ident = $word:literal ),* $(,)? }) => {
        impl $crate::stage::params::FromNode for $name {
            fn from_node(
                node: &$crate::source::Node,
                scope: &mut $crate::stage::params::Scope<'_>,
            ) -> Option<Self> {
                match node.text() {
                    $( Some($word) => Some(<$name>::$form), )*
                    _ => {
                        let known = [$($word),*];
                        let near = node.text().and_then(|text| $crate::source::nearest(text, known));
                        scope.fail(
                            $crate::source::Diagnostic::at(
                                node.span,
                                format!("`{}` cannot be {}", scope.path(), node.describe()),
                            )
                            .label(format!("expected one of: {}", known.join(", ")))
                            .hint_if(near.map(|word| format!("did you mean `{word}`?"))),
                        )
                    }
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "anyOf": [
                    { "enum": [$($word),*] },
                    { "type": "string", "pattern": r"^\$\{[^}]+\}$" }
                ] })
            }
        }
    };
}
