//! The three declaring macros.

/// Declares a struct of parameters that is read from a mapping.
///
/// A field with `= default` may be left out; so may one whose type has a value for absence, such as `Option`. A field with
/// `#[was = "old"]` had that name in the version before: it is still read, with a notice. A field of type
/// [`Later`](crate::params::Later) enters the key only where it is given.
#[macro_export]
macro_rules! params {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])* $(#[was = $was:literal])?
                pub $field:ident : $type:ty $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name { $( $(#[doc = $field_doc])* pub $field: $type ),* }

        impl $crate::params::FromNode for $name {
            fn from_node(
                node: &$crate::declared::source::Node,
                scope: &mut $crate::params::Scope<'_>,
            ) -> Option<Self> {
                let names = [$($crate::params::field_name(stringify!($field))),*];
                let renamed: &[(&'static str, &'static str)] = &$crate::params!(@renamed $($field $($was)?),*);
                let mut fields = $crate::params::Fields::open_renamed(node, &names, renamed, scope)?;
                $( let $field = $crate::params!(@read fields, $field, $type $(, $default)?); )*
                fields.close()?;
                Some(Self { $( $field: $field? ),* })
            }

            fn schema() -> $crate::declared::serde_json::Value {
                let schema = $crate::params::Fields::schema(
                    concat!($($doc, "\n"),*),
                    vec![$( (
                        $crate::params::field_name(stringify!($field)),
                        concat!($($field_doc, "\n"),*),
                        <$type as $crate::params::FromNode<_>>::schema(),
                        $crate::params!(@default $type $(, $default)?),
                    ) ),*],
                );
                $crate::params::Fields::with_renamed(schema, &$crate::params!(@renamed $($field $($was)?),*))
            }

            fn written(&self) -> Option<$crate::declared::serde_json::Value> {
                let Self { $($field),* } = self;
                let fields: Vec<(&str, $crate::declared::serde_json::Value)> =
                    vec![$( ($crate::params::field_name(stringify!($field)), $crate::params::shown($field)) ),*];
                Some(fields.into_iter().collect())
            }
        }

        impl $crate::declared::fingerprint::ContentHash for $name {
            fn term(&self) -> $crate::declared::fingerprint::Term {
                let Self { $($field),* } = self;
                $crate::declared::fingerprint::Term::present([
                    $( ($crate::params::field_name(stringify!($field)), $crate::declared::fingerprint::ContentHash::field($field)) ),*
                ])
            }
        }
    };
    (@read $fields:ident, $field:ident, $type:ty) => {
        $fields.required::<$type, _>($crate::params::field_name(stringify!($field)))
    };
    (@read $fields:ident, $field:ident, $type:ty, $default:expr) => {
        $fields.optional::<$type, _>($crate::params::field_name(stringify!($field)), || $default)
    };
    (@renamed $($field:ident $($was:literal)?),*) => {
        [$( $( ($was, $crate::params::field_name(stringify!($field))), )? )*]
    };
    (@default $type:ty) => { None };
    (@default $type:ty, $default:expr) => {{
        let default: $type = $default;
        Some($crate::params::shown(&default))
    }};
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

        impl $crate::params::FromNode for $name {
            fn from_node(
                node: &$crate::declared::source::Node,
                scope: &mut $crate::params::Scope<'_>,
            ) -> Option<Self> {
                let (key, body) = $crate::params::tagged(node, &[$($key),*], scope)?;
                match key {
                    $( $key => scope
                        .within($key, |scope| <$type as $crate::params::FromNode<_>>::from_node(body, scope))
                        .map(Self::$form), )*
                    _ => None,
                }
            }

            fn schema() -> $crate::declared::serde_json::Value {
                $crate::declared::serde_json::json!({
                    "description": concat!($($doc, "\n"),*).trim(),
                    "oneOf": [$( {
                        "type": "object",
                        "description": concat!($($form_doc, "\n"),*).trim(),
                        "properties": { $key: <$type as $crate::params::FromNode<_>>::schema() },
                        "required": [$key],
                        "additionalProperties": false
                    } ),*]
                })
            }
        }

        impl $crate::declared::fingerprint::ContentHash for $name {
            fn term(&self) -> $crate::declared::fingerprint::Term {
                match self {
                    $( Self::$form(of) => $crate::declared::fingerprint::Term::variant(
                        $key, $crate::declared::fingerprint::ContentHash::term(of),
                    ) ),*
                }
            }
        }
    };
}

/// Says how an enum of plain words is written: `words!(Placement { None = "none", Before = "before" })`.
#[macro_export]
macro_rules! words {
    ($name:ty { $( $form:ident = $word:literal ),* $(,)? }) => {
        $crate::declared::fingerprint::words!($name { $($form = $word),* });
    };
}
