//! Replacement by a pattern.

use std::borrow::Cow;

use regex::{Captures, Regex};

/// A pattern and what takes the place of its matches. It takes time linear in the text, whatever the pattern.
#[derive(Debug, Clone)]
pub struct Replacement {
    pattern: Regex,
    with: String,
}

/// A pattern, or a text for it, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplacementError {
    /// The pattern is no regular expression.
    #[error("cannot read `{pattern}` as a pattern: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What the parser said.
        why: String,
    },
    /// The text names a group that the pattern does not have.
    #[error("cannot write `{name}`: the pattern has no group of that name, it has {known}; a dollar sign is `$$`")]
    Group {
        /// The group, as the text has it.
        name: String,
        /// The groups that there are.
        known: String,
    },
}

impl Replacement {
    /// Reads a pattern in the syntax of the `regex` crate, and a text in which `$1` or `${name}` stands for a group and
    /// `$$` for `$`.
    ///
    /// # Errors
    /// A pattern that cannot be read, or a group that it does not have.
    pub fn new(pattern: &str, with: &str) -> Result<Self, ReplacementError> {
        let regex = Regex::new(pattern).map_err(|error| {
            let why = match error {
                // The first lines draw the pattern, the last says what is wrong with it.
                regex::Error::Syntax(drawn) => {
                    let last = drawn.lines().last().unwrap_or_default();
                    last.strip_prefix("error: ").unwrap_or(last).to_owned()
                }
                regex::Error::CompiledTooBig(_) => "it takes too much memory; repeat less".to_owned(),
                other => other.to_string(),
            };
            ReplacementError::Pattern { pattern: pattern.to_owned(), why }
        })?;
        for group in groups(with) {
            let known = match group.parse::<usize>() {
                Ok(index) => index < regex.captures_len(),
                Err(_) => regex.capture_names().flatten().any(|name| name == group),
            };
            if !known {
                let names = regex.capture_names().enumerate();
                let names = names.map(|(index, name)| format!("`{}`", name.unwrap_or(&index.to_string())));
                let known = names.collect::<Vec<_>>().join(", ");
                return Err(ReplacementError::Group { name: format!("${group}"), known });
            }
        }
        Ok(Self { pattern: regex, with: with.to_owned() })
    }

    /// Replaces every match; returns the text and how many there were.
    pub fn replaced(&self, text: &str) -> (String, usize) {
        let mut count = 0;
        let with = |captures: &Captures<'_>| {
            count += 1;
            let mut out = String::new();
            captures.expand(&self.with, &mut out);
            out
        };
        let text = match self.pattern.replace_all(text, with) {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => text,
        };
        (text, count)
    }
}

/// Returns the groups that a text names, as the `regex` crate reads it: after `$` as many letters, digits and `_` as there
/// are, or what stands in braces.
fn groups(with: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), with);
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            found.push(name);
            rest = after;
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.extend((end > 0).then_some(&rest[..end]));
            rest = &rest[end..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn replaced(pattern: &str, with: &str, text: &str) -> (String, usize) {
        Replacement::new(pattern, with).unwrap().replaced(text)
    }

    fn refuse(pattern: &str, with: &str, expected: &Expect) {
        expected.assert_eq(&Replacement::new(pattern, with).unwrap_err().to_string());
    }

    #[test]
    fn matches_are_replaced_and_counted() {
        let text = "Ice is 12 m, mud 3.";
        assert_eq!(replaced("[0-9]+", "#", text), ("Ice is # m, mud #.".into(), 2));
        assert_eq!(
            replaced(r"(\w+) is (?P<n>\d+)", "${n} for $1, at $$1", text),
            ("12 for Ice, at $1 m, mud 3.".into(), 1)
        );
        assert_eq!(replaced("(?i)ICE|mud", "", text), (" is 12 m,  3.".into(), 2));
        assert_eq!(replaced("snow", "x", text), (text.into(), 0));
        assert_eq!(replaced("^", "- ", "é"), ("- é".into(), 1));
        assert_eq!(replaced("é", "e", ""), (String::new(), 0));
    }

    #[test]
    fn what_cannot_be_used_is_said_in_one_line() {
        refuse("(ice", "x", &expect!["cannot read `(ice` as a pattern: unclosed group"]);
        refuse(
            "a{9999}{9999}",
            "x",
            &expect!["cannot read `a{9999}{9999}` as a pattern: it takes too much memory; repeat less"],
        );
        refuse(r"(a)\1", "x", &expect![[r"cannot read `(a)\1` as a pattern: backreferences are not supported"]]);
        refuse(
            "(?=a)",
            "x",
            &expect![
                "cannot read `(?=a)` as a pattern: look-around, including look-ahead and look-behind, is not supported"
            ],
        );
        refuse(
            "(a)(?<b>c)",
            "$2$1x",
            &expect![
                "cannot write `$1x`: the pattern has no group of that name, it has `0`, `1`, `b`; a dollar sign is `$$`"
            ],
        );
        refuse(
            "a",
            "costs $5",
            &expect!["cannot write `$5`: the pattern has no group of that name, it has `0`; a dollar sign is `$$`"],
        );
        refuse(
            "a",
            "${b}",
            &expect!["cannot write `$b`: the pattern has no group of that name, it has `0`; a dollar sign is `$$`"],
        );
        assert!(Replacement::new("(?<b>a)", "$ $. $$ ${b}s $b ${0}").is_ok());
    }

    proptest! {
        #[test]
        fn what_is_not_matched_stays(text in "(?s)[a-cé \n]{0,20}", pattern in prop::sample::select(vec!["a", "b+", "(c)|a", "é?", "^", "$"])) {
            // Each match taken for itself changes nothing, and is counted once.
            let (same, count) = replaced(pattern, "$0", &text);
            prop_assert_eq!(same, &text[..]);
            prop_assert_eq!(count, Regex::new(pattern).unwrap().find_iter(&text).count());
            let (gone, _) = replaced(pattern, "", &text);
            let mut rest = text.chars();
            prop_assert!(gone.chars().all(|c| rest.any(|other| other == c)));
        }

        #[test]
        fn no_text_makes_it_panic(pattern in "\\PC{0,8}", with in "\\PC{0,8}", text in "(?s).*") {
            if let Ok(replacement) = Replacement::new(&pattern, &with) {
                replacement.replaced(&text);
            }
        }
    }
}
