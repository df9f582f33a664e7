//! Scores of a rationale's tokens that were computed elsewhere, as JSON lines or one JSON array.
//!
//! A row is `{"id", "tokens"}` and may add `"sample"`, from 0, and `"text"`, the rationale that was scored. A token is
//! `{"span": [start, end], "score"}` by its place in the text, or `{"token", "score"}` by what it is. Tokens come in the order
//! of the text. Those by place may leave out what they like; those by what they are must follow each other with nothing but
//! white space between, up to where they end. The signs that tokenizers write for white space (`Ġ`, `Ċ`, `▁`) and before
//! pieces of words (`##`) are passed over.

use std::collections::BTreeMap;

use super::lines::{self, Fields};
use super::{DatasetError, Problem, array, strict};
use crate::annotation::{Unit, places_of};
use retort_artifact::TokenScore;

const FORMAT: &str = "scores of a rationale";

/// The scores of one rationale.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredText {
    /// The question's identifier.
    pub id: String,
    /// The rationale's sample number.
    pub sample: u32,
    /// The text that was scored, where the file has it.
    pub text: Option<String>,
    /// Where the row begins in the file.
    pub line: usize,
    tokens: Vec<(Place, f64)>,
}

/// Where a token is.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    Span(usize, usize),
    Token(String),
}

/// Scores that do not fit their text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoresError {
    /// Another text was scored.
    #[error("another text was scored, `{text}`")]
    OtherText {
        /// The text, cut to 60 characters.
        text: String,
    },
    /// A span is not of the text, or does not come after the one before it.
    #[error("token {index} spans the {unit} {start} to {end} of a text that has {length}: {why}")]
    Span {
        /// Which token, from 0.
        index: usize,
        /// The first place.
        start: usize,
        /// The one after the last.
        end: usize,
        /// How long the text is.
        length: usize,
        /// What is counted.
        unit: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A token is not what follows in the text.
    #[error("token {index} is `{token}`, and the text goes on with `{found}`; give the `span` of each token instead")]
    Token {
        /// Which token, from 0.
        index: usize,
        /// The token.
        token: String,
        /// What the text has there, cut to 20 characters.
        found: String,
    },
}

/// Reads a whole file.
///
/// # Errors
/// The first line that is not of this form, or scores a rationale that was scored before.
pub fn read(bytes: &[u8]) -> Result<Vec<ScoredText>, DatasetError> {
    let wrong = |line, problem| DatasetError { format: FORMAT, line, problem };
    let (mut rows, mut seen) = (Vec::new(), BTreeMap::new());
    for (number, line) in array::rows(bytes).map_err(|(line, problem)| wrong(line, problem))? {
        let text = lines::text(line).map_err(|problem| wrong(number, problem))?;
        if text.trim().is_empty() {
            continue;
        }
        let value = strict::json(text).map_err(|error| wrong(number, Problem::Json { why: error.to_string() }))?;
        let row = lines::row(&value, |fields| scored(fields, number)).map_err(|problem| wrong(number, problem))?;
        if let Some(first) = seen.insert((row.id.clone(), row.sample), number) {
            let id = format!("{}` with the sample `{}", row.id, row.sample);
            return Err(wrong(number, Problem::Duplicate { id, first }));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn scored(fields: &Fields<'_>, line: usize) -> Result<ScoredText, Problem> {
    let tokens = fields.field("tokens", "a list of tokens with their scores")?.items()?;
    let token = |token: &Fields<'_>| {
        let score = token.field("score", "a number")?;
        let score = score.value().as_f64().ok_or_else(|| score.unexpected("a number".into()))?;
        let place = match (token.optional("span"), token.optional("token")) {
            (Some(span), None) => {
                let pair = "a start and an end, as `[0, 3]`";
                let [start, end] = &span.items()?[..] else { return Err(span.unexpected(pair.into())) };
                Place::Span(start.number()? as usize, end.number()? as usize)
            }
            (None, Some(token)) => {
                Place::Token(token.text().ok_or_else(|| token.unexpected("text".into()))?.to_owned())
            }
            _ => return Err(token.unexpected("either `span` or `token`, and `score`".into())),
        };
        Ok((place, score))
    };
    Ok(ScoredText {
        id: fields.id("id")?,
        sample: fields.optional("sample").map(|sample| sample.number()).transpose()?.unwrap_or(0),
        text: match fields.optional("text") {
            Some(text) => Some(text.text().ok_or_else(|| text.unexpected("text".into()))?.to_owned()),
            None => None,
        },
        line,
        tokens: tokens.iter().map(token).collect::<Result<_, Problem>>()?,
    })
}

impl ScoredText {
    /// Finds the tokens in a rationale, in bytes. Spans are counted in `unit`, in the text that the row has or else in the
    /// rationale; the two may differ in white space at their ends.
    ///
    /// # Errors
    /// The first token that is not in the text, or another text.
    pub fn placed(&self, text: &str, unit: Unit) -> Result<Vec<TokenScore>, ScoresError> {
        let own = self.text.as_deref().unwrap_or(text);
        if own.trim() != text.trim() {
            return Err(ScoresError::OtherText { text: own.chars().take(60).collect() });
        }
        let indent = |text: &str| text.len() - text.trim_start().len();
        let places = places_of(own, unit);
        let (mut found, mut at) = (Vec::with_capacity(self.tokens.len()), 0);
        for (index, (place, score)) in self.tokens.iter().enumerate() {
            let (start, end) = match place {
                Place::Span(start, end) => {
                    let (start, end, length) = (*start, *end, places.len() - 1);
                    let wrong = |why| ScoresError::Span { index, start, end, length, unit: unit.name(), why };
                    if start >= end || end > length {
                        return Err(wrong("it has no such place"));
                    }
                    match (places[start], places[end]) {
                        (Some(start), _) if start < at => return Err(wrong("it begins before the one before it ends")),
                        (Some(start), Some(end)) => (start, end),
                        _ => return Err(wrong("that cuts a character in two; what are the spans counted in?")),
                    }
                }
                Place::Token(token) => {
                    let bare = token.trim_start_matches(['Ġ', 'Ċ', '▁']).trim();
                    let skipped = own[at..].len() - own[at..].trim_start().len();
                    let rest = &own[at + skipped..];
                    let piece = bare.strip_prefix("##").unwrap_or(bare);
                    // A sign that the text itself has is no sign of the tokenizer's.
                    let known = [token.trim(), bare, piece].into_iter().find(|known| rest.starts_with(*known));
                    let Some(known) = known else {
                        let found = rest.chars().take(20).collect();
                        return Err(ScoresError::Token { index, token: token.clone(), found });
                    };
                    if known.is_empty() {
                        // White space alone.
                        continue;
                    }
                    (at + skipped, at + skipped + known.len())
                }
            };
            at = end;
            let moved = |at: usize| (at + indent(text)).saturating_sub(indent(own)).min(text.len());
            let span = (moved(start), moved(end));
            // A place within the white space around the text that was scored may be none of the rationale's.
            if span.0 < span.1 && text.get(span.0..span.1).is_some() {
                found.push(TokenScore { span, score: *score });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "Ice is smoöth 😀, so fast.";

    fn placed(tokens: &str, unit: Unit) -> Result<String, String> {
        let file = format!("{{\"id\":\"q\",\"tokens\":{}}}", tokens.replace('\n', " "));
        let row = read(file.as_bytes()).map_err(|why| why.to_string())?.remove(0);
        let found = row.placed(TEXT, unit).map_err(|why| why.to_string())?;
        let one = |token: TokenScore| format!("{}={}", &TEXT[token.span.0..token.span.1], token.score);
        Ok(found.into_iter().map(one).collect::<Vec<_>>().join(" | "))
    }

    #[track_caller]
    fn check(tokens: &str, unit: Unit, expected: &Expect) {
        expected.assert_eq(&placed(tokens, unit).unwrap_or_else(|why| format!("error: {why}")));
    }

    #[test]
    fn tokens_are_found_by_place_and_by_what_they_are() {
        let spans = r#"[{"span":[0,3],"score":1},{"span":[7,13],"score":-0.5},{"span":[17,19],"score":2}]"#;
        check(spans, Unit::Characters, &expect!["Ice=1 | smoöth=-0.5 | so=2"]);
        check(&spans.replace("[17,19]", "[18,20]"), Unit::Utf16, &expect!["Ice=1 | smoöth=-0.5 | so=2"]);
        check(
            &spans.replace("7,13", "7,14").replace("17,19", "21,23"),
            Unit::Bytes,
            &expect!["Ice=1 | smoöth=-0.5 | so=2"],
        );
        check(
            r###"[{"token":"Ice","score":1},{"token":" is","score":2},{"token":"Ġsmoöth","score":3},{"token":"▁😀","score":4},
                {"token":",","score":5},{"token":"Ċ","score":9},{"token":"s","score":6},{"token":"##o","score":7}]"###,
            Unit::Characters,
            &expect!["Ice=1 | is=2 | smoöth=3 | 😀=4 | ,=5 | s=6 | o=7"],
        );
        check("[]", Unit::Characters, &expect![""]);
    }

    #[test]
    fn tokens_that_are_not_there_are_refused() {
        let span = |span: &str| format!(r#"[{{"span":[0,3],"score":1}},{{"span":{span},"score":1}}]"#);
        check(
            &span("[7,99]"),
            Unit::Characters,
            &expect!["error: token 1 spans the characters 7 to 99 of a text that has 25: it has no such place"],
        );
        check(
            &span("[7,7]"),
            Unit::Characters,
            &expect!["error: token 1 spans the characters 7 to 7 of a text that has 25: it has no such place"],
        );
        check(
            &span("[2,5]"),
            Unit::Characters,
            &expect![
                "error: token 1 spans the characters 2 to 5 of a text that has 25: it begins before the one before it ends"
            ],
        );
        check(
            &span("[7,11]"),
            Unit::Bytes,
            &expect![
                "error: token 1 spans the bytes 7 to 11 of a text that has 29: that cuts a character in two; what are the spans counted in?"
            ],
        );
        check(
            &span("[1]"),
            Unit::Bytes,
            &expect![
                "error: cannot read line 1 as scores of a rationale: the field `tokens[1].span` is `[1]`, expected a start and an end, as `[0, 3]`"
            ],
        );
        check(
            r#"[{"token":"Ice","score":1},{"token":"smoöth","score":3}]"#,
            Unit::Characters,
            &expect![
                "error: token 1 is `smoöth`, and the text goes on with `is smoöth 😀, so fast`; give the `span` of each token instead"
            ],
        );
        check(
            r#"[{"token":"Ice"}]"#,
            Unit::Bytes,
            &expect![
                "error: cannot read line 1 as scores of a rationale: the field `tokens[0].score` is missing, expected a number"
            ],
        );
        check(
            r#"[{"token":"Ice","score":"1"}]"#,
            Unit::Bytes,
            &expect![
                "error: cannot read line 1 as scores of a rationale: the field `tokens[0].score` is `1`, expected a number"
            ],
        );
        check(
            r#"[{"token":"Ice","span":[0,3],"score":1}]"#,
            Unit::Bytes,
            &expect![[
                r#"error: cannot read line 1 as scores of a rationale: the field `tokens[0]` is `{"score":1,"span":[0,3],"token":"Ice"}`, expected either `span` or `token`, and `score`"#
            ]],
        );
    }

    #[test]
    fn rows_are_told_apart_and_may_say_their_text() {
        let twice =
            b"{\"id\":\"q\",\"tokens\":[]}\n\n{\"id\":\"q\",\"sample\":1,\"tokens\":[]}\n{\"id\":\"q\",\"tokens\":[]}";
        expect!["cannot read line 4 as scores of a rationale: the field `id` is `q` with the sample `0`, which line 1 has already; each line needs another identifier"]
            .assert_eq(&read(twice).unwrap_err().to_string());
        let row =
            read(br#"[{"id":"q","text":"  Ice.\n","tokens":[{"span":[0,1],"score":9},{"span":[2,5],"score":1}]}]"#)
                .unwrap()
                .remove(0);
        let found = row.placed("Ice.", Unit::Characters).unwrap();
        assert_eq!(found, [TokenScore { span: (0, 3), score: 1.0 }]);
        let found = row.placed("\n Ice. ", Unit::Characters).unwrap();
        assert_eq!(found.last(), Some(&TokenScore { span: (2, 5), score: 1.0 }));
        expect!["another text was scored, `  Ice.\n`"]
            .assert_eq(&row.placed("Ice!", Unit::Characters).unwrap_err().to_string());
    }

    proptest! {
        #[test]
        fn words_are_found_where_they_stand(words in prop::collection::vec("[a-zé😀]{1,4}", 0..8), gap in "[ \n]{1,3}") {
            let text = words.join(&gap);
            let token = |word: &String| serde_json::json!({ "token": word, "score": 1.5 });
            let tokens: Vec<_> = words.iter().map(token).collect();
            let file = serde_json::json!({ "id": "q", "tokens": tokens }).to_string();
            let found = read(file.as_bytes()).unwrap()[0].placed(&text, Unit::Characters).unwrap();
            let places: Vec<&str> = found.iter().map(|token| &text[token.span.0..token.span.1]).collect();
            prop_assert_eq!(places, words);
        }

        #[test]
        fn no_bytes_make_it_panic(text in "(?s).{0,9}", own in "(?s).{0,9}", from in 0usize..9, to in 0usize..9, token in "\\PC{0,3}") {
            for unit in [Unit::Characters, Unit::Utf16, Unit::Bytes] {
                let tokens = serde_json::json!([{ "span": [from, to], "score": 1 }, { "token": token, "score": 1 }]);
                for own in [Some(&own), Some(&text), None] {
                    let file = serde_json::json!({ "id": "q", "text": own, "tokens": tokens }).to_string();
                    let row = read(file.as_bytes()).unwrap().remove(0);
                    for found in row.placed(&text, unit).iter().flatten() {
                        prop_assert!(text.get(found.span.0..found.span.1).is_some_and(|piece| !piece.is_empty()));
                    }
                }
            }
        }
    }
}
