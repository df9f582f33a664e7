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

    /// Finds the piece in a text; one of nothing but white space is none.
    ///
    /// # Errors
    /// Why the text cannot be searched to its end, as where the pattern takes too many steps.
    pub(super) fn find(&self, text: &str) -> Result<Option<String>, String> {
        let mut last = None;
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|error| error.to_string())?;
            let found = captures.get(1).or_else(|| captures.get(0)).map_or("", |found| found.as_str().trim());
            if !found.is_empty() {
                last = Some(found.to_owned());
            }
        }
        Ok(last)
    }

    /// Takes every match out of a text.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(super) fn remove(&self, text: &str) -> Result<String, String> {
        self.regex.try_replacen(text, 0, "").map(Cow::into_owned).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_match_that_holds_something_counts() {
        for (pattern, text, expected) in [
            ("([0-9]*)", "it is 12.", Some("12")),
            ("#### ([0-9]*)", "#### $18", None),
            ("[0-9]+", "1 or 2", Some("2")),
            ("x", "y", None),
        ] {
            let found = Pattern::parse(pattern).unwrap().find(text).unwrap();
            assert_eq!(found.as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn a_search_that_takes_too_many_steps_is_an_error_and_no_end() {
        let pattern = Pattern::parse(r"(?<!x)(?:(?:a|a|aa)+b(?=c)|(\d+))").unwrap();
        let text = format!("first 7 then {}! final 9", "a".repeat(60));
        assert!(pattern.find(&text).is_err());
        assert!(pattern.remove(&text).is_err());
        assert_eq!(pattern.find("first 7 final 9").unwrap().as_deref(), Some("9"));
    }
}
