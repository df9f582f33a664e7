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

    /// Strikes the key out of a text that may repeat it, as it is or as JSON writes it.
    pub fn strike(&self, text: String) -> String {
        let quoted = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        let slashed = quoted.replace('/', "\\/");
        let forms = [&self.0, &quoted, &slashed];
        forms.into_iter().fold(text, |text, form| if text.contains(form) { text.replace(form, STRUCK) } else { text })
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
