//! Keys that let their owner in, and are never shown.

use std::fmt;

/// What stands where a key was struck out.
const STRUCK: &str = "[key]";

/// How the keys of well-known services begin.
const FORMS: [&str; 17] = [
    "sk-",
    "sk_",
    "hf_",
    "gsk_",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xai-",
    "xoxb-",
    "xoxp-",
    "nvapi-",
    "pplx-",
    "r8_",
    "AIza",
    "AKIA",
    "eyJ",
];

/// A key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes any text that is not to be shown.
    pub fn of(text: String) -> Self {
        Self(text)
    }

    /// Reads a key; `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text.to_owned()).key().ok()
    }

    /// Reads the value of a header; `None` for what cannot be one.
    pub fn text(text: &str) -> Option<Self> {
        Self::of(text.to_owned()).header().ok()
    }

    /// Returns it as a key: one word.
    ///
    /// # Errors
    /// Says why it cannot be one.
    pub fn key(&self) -> Result<Self, &'static str> {
        let text = self.0.trim();
        if text.to_ascii_lowercase().starts_with("bearer ") {
            return Err("it begins with `Bearer`, which is sent before the key anyway");
        }
        if text.contains(char::is_whitespace) {
            return Err("it has white space in it, and a key is one word");
        }
        self.header()
    }

    /// Returns it as the value of a header: one line.
    ///
    /// # Errors
    /// Says why it cannot be one.
    pub fn header(&self) -> Result<Self, &'static str> {
        let text = self.0.trim();
        if text.is_empty() {
            return Err("it is empty");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err("it has characters in it that a header cannot carry");
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the text itself, for whoever sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the key as the header that carries it.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Strikes the key out of a text that may repeat it, as it is or as JSON writes it.
    pub fn strike(&self, text: String) -> String {
        let quoted = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        let slashed = quoted.replace('/', "\\/");
        let forms = [&self.0, &quoted, &slashed];
        let strike = |text: String, form: &String| {
            if !form.is_empty() && text.contains(form) { text.replace(form, STRUCK) } else { text }
        };
        forms.into_iter().fold(text, strike)
    }

    /// Says whether a word looks like a key that some service gives out, so that it is refused where a name is meant, and
    /// never shown. Words that people choose themselves do not look so.
    pub fn is_meant(word: &str) -> bool {
        let word = word.trim();
        if word.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
            return true;
        }
        let rest = FORMS.iter().find_map(|form| word.strip_prefix(form));
        rest.is_some_and(|rest| {
            let key = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte));
            key && rest.len() >= 12 && rest.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        })
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
        let odd = Secret::parse("a\"b\\c/d").unwrap();
        assert_eq!(odd.strike(r#"a"b\c/d {"said":"a\"b\\c/d"} a\"b\\c\/d"#.into()), r#"[key] {"said":"[key]"} [key]"#);
        assert_eq!(
            Secret::of("Bearer a".into()).key(),
            Err("it begins with `Bearer`, which is sent before the key anyway")
        );
        assert_eq!(Secret::text(" my lab ").map(|text| text.reveal().to_owned()), Some("my lab".to_owned()));
        assert!(Secret::text("a\nb").is_none());
    }

    #[test]
    fn a_key_is_told_from_a_name() {
        for key in ["sk-SECRET-abcdef123456", "hf_abcdefABCDEF0123456789", "Bearer abc", " AKIAIOSFODNN7EXAMPLE"] {
            assert!(Secret::is_meant(key), "{key}");
        }
        for name in
            ["OPENAI_API_KEY", "sk-", "skip_special_tokens", "sk-learn-of-the-lab", "hf_home", "eyJ", "bearer", ""]
        {
            assert!(!Secret::is_meant(name), "{name}");
        }
    }
}
