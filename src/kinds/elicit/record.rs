//! How an answer is written into the cache of rows.
//!
//! | version | bytes |
//! |---|---|
//! | 1 | JSON: the words and the thoughts as they were read when the answer came |
//! | 2 | a mark, then packed JSON: the body as it arrived, or the words of a model on this machine |
//!
//! What a body says is read out of it again whenever a row is looked up, so that another field of it can become the rationale
//! without asking again. Rows of version 1 are read as they are. Bytes of any other kind are no row.

use retort_teacher::{Answer, Api, packed, unpacked};

use super::row::Row;

/// What a row of version 2 begins with; no JSON does.
const MARK: &[u8; 4] = b"RTA\x02";

/// The most bytes that a row may come to when it is unpacked.
const BYTES_MAX: u64 = 128 << 20;

/// Writes a row.
pub(super) fn encode(row: &Row) -> Result<Vec<u8>, serde_json::Error> {
    let bare = row.body.is_some().then(|| Row {
        text: String::new(),
        reasoning: None,
        finish: None,
        refusal: None,
        tool: false,
        model: None,
        prompt_tokens: None,
        answer_tokens: None,
        server: row.server.clone(),
        latency_ms: row.latency_ms,
        limit: row.limit,
        body: row.body.clone(),
    });
    Ok([MARK, packed(&serde_json::to_vec(bare.as_ref().unwrap_or(row))?).as_slice()].concat())
}

/// Reads a row of any version, whose body came in this protocol; `None` for what is no row.
pub(super) fn decode(bytes: &[u8], api: Api) -> Option<Row> {
    let Some(rest) = bytes.strip_prefix(MARK) else {
        let told: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        // A record of a row that failed is JSON as well, and has no words.
        return told.get("text")?.is_string().then(|| serde_json::from_value(told).ok())?;
    };
    let row: Row = serde_json::from_slice(&unpacked(rest, BYTES_MAX)?).ok()?;
    let Some(body) = &row.body else { return Some(row) };
    let answer = Answer::of_body(api, body).ok()?;
    let Row { server, latency_ms, limit, .. } = row;
    Some(Row { server, latency_ms, body: None, ..Row::of(answer, limit, "") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RationaleFrom;
    use super::super::row::{Flaw, Reading};
    use super::*;

    const BODY: &str = r#"{"model":"m","choices":[{"message":{"content":"B","reasoning_content":"Is it A?"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;

    fn came() -> Row {
        let answer = Answer { latency_ms: 7, ..Answer::of_body(Api::Chat, BODY).unwrap() };
        Row::of(answer, 64, "http://a")
    }

    fn read(row: &Row, from: RationaleFrom) -> Result<String, Flaw> {
        row.words(Reading { refusals: &[], from, names: &[] }).map(|words| words.rationale)
    }

    #[test]
    fn a_row_is_its_body() {
        let bytes = encode(&came()).unwrap();
        let back = decode(&bytes, Api::Chat).unwrap();
        assert_eq!(back, Row { body: None, ..came() });
        for (from, expected) in [
            (RationaleFrom::Content, Ok("B")),
            (RationaleFrom::Reasoning, Ok("Is it A?")),
            (RationaleFrom::All, Ok("Is it A?\n\nB")),
            (RationaleFrom::Think, Err(Flaw::Untagged)),
        ] {
            assert_eq!(read(&back, from), expected.map(str::to_owned), "{from:?}");
        }
        // It says nothing in another protocol.
        assert_eq!(decode(&bytes, Api::Ollama), None);
        // Nothing is kept twice.
        let kept = String::from_utf8(unpacked(&bytes[4..], 1 << 20).unwrap()).unwrap();
        assert_eq!(kept.matches("Is it A?").count(), 1, "{kept}");
    }

    #[test]
    fn a_row_without_a_body_is_its_words() {
        let row = Row { body: None, text: "<think>a</think>B".into(), reasoning: None, ..came() };
        assert_eq!(decode(&encode(&row).unwrap(), Api::Chat), Some(row));
    }

    #[test]
    fn rows_of_before_are_read_and_nothing_else_is() {
        let old = br#"{"text":"a","reasoning":"hm","finish":"MAX_TOKENS","latency_ms":3,"limit":64}"#;
        let row = decode(old, Api::Chat).unwrap();
        assert_eq!((row.reasoning.as_deref(), read(&row, RationaleFrom::Content)), (Some("hm"), Err(Flaw::CutOff)));
        let mut later = encode(&came()).unwrap();
        later[3] += 1;
        for bytes in [&b"{\"failed\":\"HTTP 400\"}"[..], b"", b"RTA", b"RTA\x02", b"RTA\x02{}", b"7", &later] {
            assert_eq!(decode(bytes, Api::Chat), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), marked: bool) {
            let bytes = if marked { [MARK, bytes.as_slice()].concat() } else { bytes };
            let _ = decode(&bytes, Api::Chat);
        }
    }
}
