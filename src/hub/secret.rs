//! Keys that let their owner in, and are never shown.

use std::fmt;

/// What stands where a key was struck out.
const STRUCK: &str = "[key]";

/// A key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Reads a key; `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(text.to_owned()))
    }

    /// Returns the key as the header that carries it.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Strikes the key out of a text that may repeat it.
    pub fn strike(&self, text: String) -> String {
        if text.contains(&self.0) { text.replace(&self.0, STRUCK) } else { text }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_neither_shown_nor_repeated() {
        let secret = Secret::parse(" sk-123\n").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.strike("the key sk-123 is wrong".into()), "the key [key] is wrong");
        assert_eq!(secret.bearer(), "Bearer sk-123");
        for unsound in ["", " ", "a b", "a\nb", "é"] {
            assert!(Secret::parse(unsound).is_none(), "{unsound}");
        }
    }
}
