//! Enums of plain words: how each is written, in one place.

/// An enum whose every form is one word, in pipeline files and in keys alike; [`words!`](crate::words) implements it.
pub trait Words: Sized + 'static {
    /// Every form with its word, in the order in which they are listed for people.
    const WORDS: &'static [(Self, &'static str)];

    /// Returns the word of this form.
    fn word(&self) -> &'static str;

    /// Returns the form that a word names.
    fn of_word(word: &str) -> Option<&'static Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(form, _)| form)
    }
}

/// Says how an enum of plain words is written, beside the enum: `words!(Placement { Before = "before", After = "after" })`.
/// The same words enter keys, so changing one changes keys.
#[macro_export]
macro_rules! words {
    ($name:ty { $( $form:ident = $word:literal ),* $(,)? }) => {
        impl $crate::Words for $name {
            const WORDS: &'static [(Self, &'static str)] = &[$( (<$name>::$form, $word) ),*];

            fn word(&self) -> &'static str {
                match self { $( <$name>::$form => $word ),* }
            }
        }

        impl $crate::ContentHash for $name {
            fn term(&self) -> $crate::Term {
                $crate::Term::variant($crate::Words::word(self), $crate::Term::None)
            }
        }
    };
}
