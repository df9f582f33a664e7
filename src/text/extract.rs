//! Answers out of free text: by patterns of one's own, or leniently.
//!
//! | kind | read leniently from an output |
//! |---|---|
//! | choice | the letter that the text [states](crate::statement); else the last letter of a choice that stands alone or in brackets (`A` and `I` only with punctuation beside them, or alone in a line); else the one choice whose words occur |
//! | class | the class that the text states; else the class named last |
//! | number | the number that stands last, as `flexible-extract` of lm-evaluation-harness has it |
//! | text | the text that is stated; else the last line that is not blank |
//!
//! Patterns are regular expressions of the crate `fancy-regex`, which knows look-around and backreferences.

use std::fmt::Write as _;

use fancy_regex::Regex;
use retort_artifact::{Answer, Choice, Question};

use crate::answer::{Expected, Number};
use crate::statement::stated;

/// Regular expressions, the first of which that matches gives the answer.
#[derive(Debug, Clone)]
pub struct Patterns(Vec<Regex>);

/// Which of several matches of a pattern counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The first.
    First,
    /// The last.
    Last,
}

impl Patterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// What is wrong with the first that is no regular expression, or that has nothing in it.
    pub fn parse(written: &[String]) -> Result<Self, String> {
        let parse = |written: &String| {
            if written.is_empty() {
                return Err("an empty pattern matches everywhere and finds nothing".to_owned());
            }
            Regex::new(written).map_err(|error| format!("`{written}` is not a regular expression: {error}"))
        };
        written.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the piece of a text that the patterns are after: of the match the first group that is not empty, or all of it
    /// where the pattern has no groups. White space at its ends is taken off; a blank piece is none. A pattern that takes too
    /// long on a text finds nothing there.
    pub fn find<'t>(&self, text: &'t str, pick: Pick) -> Option<&'t str> {
        self.0.iter().find_map(|regex| {
            let mut matches = regex.captures_iter(text);
            let found = match pick {
                Pick::First => matches.next()?.ok()?,
                Pick::Last => matches.collect::<Result<Vec<_>, _>>().ok()?.pop()?,
            };
            let groups = (1..found.len()).filter_map(|group| found.get(group));
            let group = if found.len() > 1 {
                groups.into_iter().find(|group| !group.as_str().is_empty())
            } else {
                found.get(0)
            };
            group.map(|group| group.as_str().trim()).filter(|piece| !piece.is_empty())
        })
    }

    /// Writes them as they were written, one behind the other.
    pub fn written(&self) -> String {
        let mut out = String::new();
        for regex in &self.0 {
            let separator = if out.is_empty() { "" } else { ", " };
            let _ = write!(out, "{separator}`{}`", regex.as_str());
        }
        out
    }
}

/// Reads an answer out of a text leniently, as the [module](self) says.
pub fn lenient(text: &str, question: &Question) -> Option<Answer> {
    match Expected::from(question) {
        Expected::Number => {
            let (place, _) = Number::find(text).pop()?;
            Some(Answer::Number(text[place].to_owned()))
        }
        Expected::Choice(choices) => {
            stated(text, question).or_else(|| lone_letter(text, choices)).or_else(|| only_words(text, choices))
        }
        Expected::Class(names) => stated(text, question).or_else(|| last_named(text, names)),
        Expected::Text | Expected::Exact => stated(text, question).or_else(|| {
            let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
            Some(Answer::Text(line.to_owned()))
        }),
    }
}

/// The last letter of a choice that stands by itself.
fn lone_letter(text: &str, choices: &[Choice]) -> Option<Answer> {
    text.lines().rev().find_map(|line| {
        let alone = line.split_whitespace().count() == 1;
        line.split_whitespace().rev().find_map(|word| {
            let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
            let mut letters = bare.chars();
            let letter = letters.next().filter(|_| letters.next().is_none())?;
            let choice = choices.iter().find(|choice| choice.label.letter() == letter)?;
            // `A` and `I` are words as well.
            let is_word = ['A', 'I'].contains(&letter) && bare.len() == word.len() && !alone;
            (!is_word).then_some(Answer::Choice(choice.label))
        })
    })
}

/// The choice whose words occur, where they are those of one alone.
fn only_words(text: &str, choices: &[Choice]) -> Option<Answer> {
    let lower = text.to_lowercase();
    let occurs = |choice: &&Choice| {
        let words = choice.text.trim().to_lowercase();
        !words.is_empty() && !places(&lower, &words).is_empty()
    };
    let mut found = choices.iter().filter(occurs);
    let first = found.next()?;
    found.next().is_none().then_some(Answer::Choice(first.label))
}

/// The class that is named last; of names that end at one place, the longest.
fn last_named(text: &str, names: &[String]) -> Option<Answer> {
    let lower = text.to_lowercase();
    let end = |name: &&String| {
        let name = name.to_lowercase();
        places(&lower, &name).last().map(|at| (at + name.len(), name.len()))
    };
    let best = names.iter().filter(|name| end(name).is_some()).max_by_key(|name| end(name))?;
    Some(Answer::Class(best.clone()))
}

/// Where a text stands in another as whole words.
fn places(text: &str, words: &str) -> Vec<usize> {
    let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let whole =
        |at: &usize| !within(text[..*at].chars().next_back()) && !within(text[*at + words.len()..].chars().next());
    if words.is_empty() { Vec::new() } else { text.match_indices(words).map(|(at, _)| at).filter(whole).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::{Answers, Label};

    fn patterns(written: &[&str]) -> Patterns {
        Patterns::parse(&written.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn question(answers: Answers, choices: &[&str]) -> Question {
        let choice = |(index, text): (usize, &&str)| Choice { label: Label::at(index).unwrap(), text: (*text).into() };
        Question { answers, choices: choices.iter().enumerate().map(choice).collect(), ..Question::default() }
    }

    /// What `RegexFilter` of lm-evaluation-harness 0.4.13 gives with `group_select` 0 and -1.
    #[test]
    fn patterns_find_what_those_of_the_harness_do() {
        let strict = patterns(&[r"#### (\-?[0-9\.\,]+)"]);
        let flexible = patterns(&["(-?[$0-9.,]{2,})|(-?[0-9]+)"]);
        for (text, first, last) in [
            ("So 9 * 2 = <<9*2=18>>18.\n#### 18", Some("18"), Some("18")),
            ("#### 1,000 and then #### 5.", Some("1,000"), Some("5.")),
            ("the answer is $5.00.", None, Some("$5.00.")),
            ("#### -3", Some("-3"), Some("-3")),
            ("7 apples", None, Some("7")),
            ("and so on...", None, Some("...")),
            ("####18", None, Some("18")),
            ("none", None, None),
            ("", None, None),
        ] {
            assert_eq!(strict.find(text, Pick::First), first, "{text}");
            assert_eq!(flexible.find(text, Pick::Last), last, "{text}");
        }
    }

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let several = patterns(&[r"answer is \(?([A-D])\)?", "(?i)option ([a-d])", r"\b[A-D]\b(?!')"]);
        assert_eq!(several.find("option c, or the answer is (B)", Pick::First), Some("B"));
        assert_eq!(several.find("Option c.", Pick::First), Some("c"));
        assert_eq!(several.find("A's or B", Pick::First), Some("B"), "look-ahead");
        assert_eq!(several.find("so D then C", Pick::Last), Some("C"), "a pattern without groups is taken whole");
        assert_eq!(patterns(&["x(y?)"]).find("x", Pick::First), None, "an empty group is nothing");
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        let refused = |pattern: &str| Patterns::parse(&["ok".to_owned(), pattern.to_owned()]).unwrap_err();
        assert!(
            refused("(unclosed").starts_with("`(unclosed` is not a regular expression: "),
            "{}",
            refused("(unclosed")
        );
        assert!(refused("").contains("an empty pattern"));
        assert_eq!(patterns(&["a", "b"]).written(), "`a`, `b`");
    }

    #[test]
    fn what_is_read_leniently() {
        let choices = question(Answers::Choice, &["snow", "smooth ice", "fire"]);
        let classes = question(Answers::Class(vec!["yes".into(), "no".into(), "not sure".into()]), &[]);
        let (number, text) = (question(Answers::Number, &[]), question(Answers::Text, &[]));
        let choice = |index| Answer::at(index);
        let class = |name: &str| Some(Answer::Class(name.into()));
        let number_is = |written: &str| Some(Answer::Number(written.into()));
        let text_is = |written: &str| Some(Answer::Text(written.into()));
        let table: &[(&Question, &str, Option<Answer>)] = &[
            (&choices, "The answer is B.", choice(1)),
            (&choices, "B", choice(1)),
            (&choices, "(C) because it burns", choice(2)),
            (&choices, "I would take option C: it is warm", choice(2)),
            (&choices, "A dog would like B", choice(1)),
            (&choices, "A dog barks", None),
            (&choices, "so\nA\nis it", choice(0)),
            (&choices, "It is fire that burns", choice(2)),
            (&choices, "fire melts snow", None),
            (&choices, "firemen", None),
            (&choices, "D", None),
            (&choices, "", None),
            (&classes, "Yes, I think so.", class("yes")),
            (&classes, "not yes but no", class("no")),
            (&classes, "I am not sure", class("not sure")),
            (&classes, "nobody knows", None),
            (&number, "3 + 4 = 7 apples", number_is("7")),
            (&number, "It costs $1,000.", number_is("$1,000")),
            (&number, "none at all", None),
            (&text, "Let me think.\nAda Lovelace\n", text_is("Ada Lovelace")),
            (&text, "  \n", None),
        ];
        for (question, output, expected) in table {
            assert_eq!(lenient(output, question), *expected, "{output}");
        }
    }
}
