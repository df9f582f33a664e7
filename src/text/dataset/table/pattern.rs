//! A piece of a field's text, found by a pattern.

use std::borrow::Cow;

use fancy_regex::Regex;

/// A regular expression. Of several matches the last counts, since answers stand at the end; of a match its first group, or
/// all of it where it has none.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(written: &str) -> Result<Self, String> {
        let regex = Regex::new(written).map_err(|error| format!("`{written}` is no regular expression: {error}"))?;
        Ok(Self { regex })
    }

    /// Returns the pattern as it was written.
    pub fn written(&self) -> &str {
        self.regex.as_str()
    }

    /// Finds the piece in a text.
    pub(super) fn find(&self, text: &str) -> Option<String> {
        let captures = self.regex.captures_iter(text).flatten().last()?;
        let found = captures.get(1).or_else(|| captures.get(0))?;
        Some(found.as_str().trim().to_owned())
    }

    /// Takes every match out of a text; one that the pattern takes too long to search stays as it is.
    pub(super) fn remove(&self, text: &str) -> String {
        self.regex.try_replacen(text, 0, "").map_or_else(|_| text.to_owned(), Cow::into_owned)
    }
}
