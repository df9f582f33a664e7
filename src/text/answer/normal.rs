//! Texts as SQuAD's evaluation normalises them before it compares: lower case, no punctuation, no articles, single spaces.

const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// Normalises a text. One of which nothing would be left, as of `A` or `?`, is only trimmed and put into lower case.
pub fn normalized(text: &str) -> String {
    let lower = text.to_lowercase();
    let bare: String = lower.chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let mut out = String::new();
    let mut rest = bare.as_str();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c: char| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let run = &rest[..end];
        out.push_str(if ARTICLES.contains(&run) { " " } else { run });
        rest = &rest[end..];
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    if words.is_empty() { lower.trim().to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `normalize_answer` of SQuAD's `evaluate-v1.1.py` gives these, the last three aside, of which it leaves nothing.
    #[test]
    fn texts_are_normalised_as_squad_does() {
        for (text, expected) in [
            ("The  Eiffel Tower.", "eiffel tower"),
            ("an apple, a day", "apple day"),
            ("U.S.A.", "usa"),
            ("Beyoncé's", "beyoncés"),
            ("theatre", "theatre"),
            ("“the end”", "“ end”"),
            ("the-a", "thea"),
            ("1,000", "1000"),
            ("x_y", "xy"),
            ("A", "a"),
            ("?", "?"),
            (" The ", "the"),
        ] {
            assert_eq!(normalized(text), expected, "{text}");
        }
    }
}
