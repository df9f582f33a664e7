//! From the bytes of an answer to the JSON in it: compression, character sets, event streams, and small damage.

use std::io::Read;

use serde_json::{Map, Value as Json};

/// What the headers of an answer say of its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wrapping<'a> {
    /// How they are compressed, though nothing asked for it.
    pub(super) encoding: &'a str,
    /// What they are.
    pub(super) content_type: &'a str,
}

/// Undoes what servers and proxies between do to the text of an answer. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn text(bytes: Vec<u8>, wrapping: Wrapping<'_>, bytes_max: u64) -> Result<String, String> {
    let encoding = wrapping.encoding.trim().to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        // Some proxies compress and do not say so.
        _ if bytes.starts_with(&[0x1f, 0x8b]) => inflate(flate2::read::MultiGzDecoder::new(&bytes[..]), bytes_max)?,
        "" | "identity" | "none" | "utf-8" | "gzip" | "x-gzip" => bytes,
        "deflate" => inflate(flate2::read::ZlibDecoder::new(&bytes[..]), bytes_max)
            .or_else(|_| inflate(flate2::read::DeflateDecoder::new(&bytes[..]), bytes_max))?,
        other => return Err(format!("it is compressed as `{other}`, which nothing asked for and Retort cannot undo")),
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let kind = wrapping.content_type.to_ascii_lowercase();
            let latin = ["iso-8859-1", "latin1", "latin-1", "us-ascii"].iter().any(|name| kind.contains(name));
            if latin {
                error.as_bytes().iter().copied().map(char::from).collect()
            } else {
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        }
    };
    Ok(if let Some(bare) = text.strip_prefix('\u{feff}') { bare.to_owned() } else { text })
}

fn inflate(reader: impl Read, bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = reader.take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("its compressed bytes are damaged: {error}"))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it is larger than {} MiB", bytes_max >> 20));
    }
    Ok(bytes)
}

/// Reads the JSON of an answer, alone, behind comments, or in the events of a stream.
pub(super) fn json(text: &str) -> Result<Json, String> {
    let begins = text.trim_start();
    if ["data:", "event:", "id:", "retry:"].iter().any(|field| begins.starts_with(field)) {
        return stream(begins);
    }
    // Comments keep a connection alive; the JSON follows them, or the events of a stream do.
    if begins.starts_with(':') {
        let rest = begins.lines().skip_while(|line| line.trim().is_empty() || line.starts_with(':'));
        return json(&rest.collect::<Vec<_>>().join("\n"));
    }
    let value = one(text)?;
    Ok(unwrapped(value))
}

/// Reads one value. What follows it may only say that a stream is over.
fn one(text: &str) -> Result<Json, String> {
    let read = |text: &str| {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
        let value = values.next().unwrap_or_else(|| serde_json::from_str(text));
        let rest = text[values.byte_offset().min(text.len())..].trim().to_owned();
        value.map(|value| (value, rest))
    };
    let (value, rest) = match read(text) {
        Ok(read) => read,
        // A character cut in two by the server is no reason to lose the others.
        Err(error) if text.contains("\\u") => read(&pair_surrogates(text)).map_err(|_| error.to_string())?,
        Err(error) => return Err(error.to_string()),
    };
    let over = rest.strip_prefix("data:").map_or(rest.as_str(), str::trim);
    if over.is_empty() || over == "[DONE]" { Ok(value) } else { Err("more follows behind the answer".into()) }
}

/// Puts U+FFFD for each half of a character outside the basic plane whose other half is missing.
fn pair_surrogates(text: &str) -> String {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6).filter(|escape| escape.starts_with("\\u"))?;
        u32::from_str_radix(&digits[2..], 16).ok()
    };
    let (mut mended, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(found) = text[at..].find('\\') {
        mended.push_str(&text[at..at + found]);
        at += found;
        let length = match unit(at) {
            Some(0xd800..0xdc00) if matches!(unit(at + 6), Some(0xdc00..0xe000)) => 12,
            Some(0xd800..0xe000) => {
                mended.push_str("\\ufffd");
                at += 6;
                continue;
            }
            Some(_) => 6,
            // Another escape, whose second character may be a backslash.
            None => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&text[at..at + length]);
        at += length;
    }
    mended + &text[at..]
}

/// Takes an answer out of what a gateway wraps it in.
fn unwrapped(value: Json) -> Json {
    match value {
        Json::Array(mut items) if items.len() == 1 && items[0].get("choices").is_some() => items.remove(0),
        Json::Object(mut fields) if !fields.contains_key("choices") => {
            let wrapped = |field: &&str| fields.get(*field).is_some_and(|inner| inner.get("choices").is_some());
            let field = ["data", "result", "response", "body"].into_iter().find(wrapped);
            field.and_then(|field| fields.remove(field)).unwrap_or(Json::Object(fields))
        }
        other => other,
    }
}

/// Puts the events of a stream together as the answer they would have been.
fn stream(text: &str) -> Result<Json, String> {
    let (mut whole, mut choice, mut message) = (Map::new(), Map::new(), Map::new());
    let mut over = false;
    for event in events(text) {
        if event.trim() == "[DONE]" {
            over = true;
            continue;
        }
        let Json::Object(mut fields) = unwrapped(one(&event)?) else {
            return Err("an event of its stream is no object".into());
        };
        if fields.get("error").is_some_and(|error| !error.is_null())
            || fields.get("object") == Some(&Json::from("error"))
        {
            return Ok(Json::Object(fields));
        }
        let choices = fields.remove("choices");
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
            whole.insert(name, value);
        }
        let Some(Json::Array(choices)) = choices else { continue };
        let first = choices.into_iter().find(|choice| choice.get("index").and_then(Json::as_u64).unwrap_or(0) == 0);
        let Some(Json::Object(mut first)) = first else { continue };
        // Some put the whole answer into one event.
        for field in ["delta", "message"] {
            if let Some(Json::Object(said)) = first.remove(field) {
                for (name, value) in said {
                    append(&mut message, name, value);
                }
            }
        }
        if let Some(text) = first.remove("text") {
            append(&mut choice, "text".into(), text);
        }
        for (name, value) in first.into_iter().filter(|(_, value)| !value.is_null()) {
            over |= name == "finish_reason";
            choice.insert(name, value);
        }
    }
    if !over {
        return Err("its stream broke off".into());
    }
    if !message.is_empty() {
        choice.insert("message".into(), Json::Object(message));
    }
    whole.insert("choices".into(), Json::Array(vec![Json::Object(choice)]));
    Ok(Json::Object(whole))
}

/// Appends text to text and lists to lists.
fn append(to: &mut Map<String, Json>, name: String, value: Json) {
    match (to.get_mut(&name), value) {
        (_, Json::Null) => {}
        (Some(Json::String(before)), Json::String(more)) if name != "role" => before.push_str(&more),
        (Some(Json::Array(before)), Json::Array(more)) => before.extend(more),
        (_, value) => {
            to.insert(name, value);
        }
    }
}

/// Returns the data of each event.
fn events(text: &str) -> Vec<String> {
    let (mut events, mut data) = (Vec::new(), Vec::<&str>::new());
    for line in text.lines().chain([""]) {
        if let Some(more) = line.strip_prefix("data:") {
            // Some servers leave out the empty line between events.
            if data.len() == 1 && serde_json::from_str::<serde::de::IgnoredAny>(data[0]).is_ok() {
                events.push(data.remove(0).to_owned());
            }
            data.push(more.strip_prefix(' ').unwrap_or(more));
        } else if line.trim().is_empty() && !data.is_empty() {
            events.push(std::mem::take(&mut data).join("\n"));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const MAX: u64 = 1 << 20;

    fn read(bytes: &[u8], encoding: &str, content_type: &str) -> Result<String, String> {
        text(bytes.to_vec(), Wrapping { encoding, content_type }, MAX)
    }

    #[test]
    fn bytes_become_text() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"{}").unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(b"{}").unwrap();
        let zlib = zlib.finish().unwrap();
        let cases: [(&[u8], &str, &str, &str); 9] = [
            (b"{}", "", "", "{}"),
            (b"\xef\xbb\xbf{}", "", "", "{}"),
            (&gzip, "gzip", "application/json", "{}"),
            (&gzip, "", "", "{}"),
            (&zlib, "deflate", "", "{}"),
            (b"{}", "gzip", "", "{}"),
            (b"caf\xe9", "", "application/json; charset=ISO-8859-1", "café"),
            (b"caf\xe9", "", "application/json", "caf\u{fffd}"),
            ("é".as_bytes(), "", "text/plain; charset=latin1", "é"),
        ];
        for (bytes, encoding, kind, expected) in cases {
            assert_eq!(read(bytes, encoding, kind).as_deref(), Ok(expected), "{encoding} {kind}");
        }
        assert!(read(b"x", "br", "").unwrap_err().contains("`br`"));
        assert!(read(&gzip[..12], "gzip", "").unwrap_err().contains("damaged"));
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bomb.write_all(&vec![b' '; MAX as usize + 2]).unwrap();
        assert!(read(&bomb.finish().unwrap(), "gzip", "").unwrap_err().contains("larger than 1 MiB"));
    }

    #[test]
    fn the_frames_that_servers_put_around_an_answer() {
        let plain = json!({ "choices": [{ "message": { "content": "Ice" } }] });
        let text = plain.to_string();
        for framed in [
            text.clone(),
            format!("\n   \n{text}\n"),
            format!(": PROCESSING\n\n: PROCESSING\n\n{text}"),
            format!("{text}data: [DONE]\n\n"),
            format!("{text}\n\ndata: [DONE]"),
            format!("[{text}]"),
            format!("{{\"data\":{text}}}"),
        ] {
            assert_eq!(json(&framed), Ok(plain.clone()), "{framed}");
        }
        for broken in ["", "<html>", "{\"choices\":[", &format!("{text}{text}"), &format!("{text} oh")] {
            assert!(json(broken).is_err(), "{broken}");
        }
        assert_eq!(json("{\"a\":\"\\ud83dx\\\\ud83d\"}"), Ok(json!({ "a": "\u{fffd}x\\ud83d" })));
        assert_eq!(json("{\"a\":\"\\ud83d\\ude00\\udc00\"}"), Ok(json!({ "a": "😀\u{fffd}" })));
    }

    #[test]
    fn a_stream_is_put_together() {
        let begin = "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Ice\"}}]}\n\n";
        let more = "data: {\"choices\":[{\"delta\":{\"content\":\" melts\",\"reasoning_content\":\"hm\"}}],\"usage\":null}\n\n";
        let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
        let done = "data: [DONE]\n\n";
        let whole = json(&[": hi\n\n", begin, more, end, usage, done].concat()).unwrap();
        let message = json!({ "role": "assistant", "content": "Ice melts", "reasoning_content": "hm" });
        let expected = json!({
            "model": "m", "usage": { "prompt_tokens": 3 },
            "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        });
        assert_eq!(whole, expected);
        // Without empty lines, with events that are named, and with line ends of another kind.
        let dense = [begin, more, end, usage, done].concat().replace("\n\n", "\n");
        assert_eq!(json(&dense).unwrap(), whole);
        assert_eq!(json(&[begin, more, end, usage].concat().replace('\n', "\r\n")).unwrap(), whole);
        assert_eq!(json(&format!("event: message\n{begin}{more}{end}{usage}")).unwrap(), whole);
        assert_eq!(json(&[begin, more].concat()), Err("its stream broke off".into()));
        let failed = json(&format!("{begin}data: {{\"error\":{{\"message\":\"no\"}}}}\n\n")).unwrap();
        assert_eq!(failed["error"]["message"], "no");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(
            text in "(data: |: |\\{\"choices\":\\[|\\{\"delta\":\\{\"content\":\"a\"\\}\\}|\\]\\}|\\[DONE\\]|\\\\ud83d|\n|é){0,12}",
        ) {
            let _ = json(&text);
        }

        #[test]
        fn whole_characters_are_left_alone(value in ".{0,20}") {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(pair_surrogates(&text), text);
        }
    }
}
