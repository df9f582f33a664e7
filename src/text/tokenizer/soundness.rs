//! What a `tokenizer.json` may not ask for: chance, and text that grows without bound.

use serde_json::Value as Json;
use tokenizers::models::ModelWrapper;

/// The most bytes that a text may become before it is cut into tokens, or when tokens are put together.
pub(super) const TEXT_BYTES_MAX: u128 = 256 << 20;

/// Says what of a tokenizer's model draws lots, so that the same text would give other tokens each time.
pub(super) fn chance(model: &ModelWrapper) -> Option<String> {
    match model {
        ModelWrapper::BPE(model) => model.dropout.filter(|fraction| *fraction > 0.0).map(|fraction| {
            format!("its model has `dropout` {fraction}: the same text would be cut into other tokens each time. Set it to `null`")
        }),
        ModelWrapper::Unigram(_) | ModelWrapper::WordPiece(_) | ModelWrapper::WordLevel(_) => None,
    }
}

/// How long a text can become: `times` its length in bytes, and `more` besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    times: u128,
    more: u128,
}

impl Growth {
    /// A text that stays as it is.
    pub(super) const NONE: Self = Self { times: 1, more: 0 };

    /// Reads it off a normalizer or decoder, as `tokenizer.json` has it.
    pub(super) fn of(part: &Json) -> Self {
        let text = |name: &str| part.get(name).and_then(Json::as_str).unwrap_or_default().len() as u128;
        match part.get("type").and_then(Json::as_str).unwrap_or_default() {
            "Sequence" => {
                let parts = part.get("normalizers").or_else(|| part.get("decoders")).and_then(Json::as_array);
                parts.into_iter().flatten().fold(Self::NONE, |all, next| all.then(Self::of(next)))
            }
            "Replace" => {
                let content = text("content");
                let literal = part.pointer("/pattern/String").and_then(Json::as_str).map_or(0, str::len) as u128;
                match literal {
                    // Nothing may be found between any two bytes, and at both ends.
                    0 => Self { times: content.saturating_add(1), more: content },
                    literal => Self { times: content.div_ceil(literal).max(1), more: 0 },
                }
            }
            "Prepend" => Self { times: 1, more: text("prepend") },
            "Precompiled" => Self { times: longest_replacement(part).max(1), more: 0 },
            // A character becomes some others at most: U+FDFA, of three bytes, becomes 33 of them in compatibility forms.
            "NFKC" | "NFKD" | "NFC" | "NFD" => Self { times: 12, more: 0 },
            "BertNormalizer" | "Lowercase" | "ByteLevel" => Self { times: 3, more: 0 },
            _ => Self::NONE,
        }
    }

    /// Returns the growth of one after the other.
    fn then(self, next: Self) -> Self {
        Self {
            times: self.times.saturating_mul(next.times),
            more: self.more.saturating_mul(next.times).saturating_add(next.more),
        }
    }

    /// Says whether a text of so many bytes is sure to stay within bounds.
    pub(super) fn allows(self, bytes: usize) -> bool {
        (bytes as u128).saturating_mul(self.times).saturating_add(self.more) <= TEXT_BYTES_MAX
    }
}

/// Returns the length of the longest text that SentencePiece's table puts in a character's place: the table is base64 of the
/// length of a trie, the trie, and the texts, each ended by a zero byte.
fn longest_replacement(part: &Json) -> u128 {
    let table = part.get("precompiled_charsmap").and_then(Json::as_str).unwrap_or_default();
    let bytes = base64(table);
    let trie = bytes.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    let texts = bytes.get(trie.saturating_add(4)..).unwrap_or(&bytes);
    texts.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0) as u128
}

/// Decodes base64 and passes over what is none.
fn base64(text: &str) -> Vec<u8> {
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(part: &Json, times: u128, more: u128) {
        assert_eq!(Growth::of(part), Growth { times, more }, "{part}");
    }

    #[test]
    fn growth_is_never_thought_too_small() {
        let replace =
            |pattern: Json, content: &str| json!({ "type": "Replace", "pattern": pattern, "content": content });
        check(&json!(null), 1, 0);
        check(&replace(json!({ "String": " " }), "▁"), 3, 0);
        check(&replace(json!({ "String": "abcd" }), "x"), 1, 0);
        check(&replace(json!({ "String": "abc" }), "wxyz"), 2, 0);
        check(&replace(json!({ "Regex": "a*" }), "xy"), 3, 2);
        check(&replace(json!({ "String": "" }), "xy"), 3, 2);
        check(&json!({ "type": "Prepend", "prepend": "▁" }), 1, 3);
        let ten = replace(json!({ "String": "a" }), "aaaaaaaaaa");
        check(
            &json!({ "type": "Sequence", "normalizers": [{ "type": "Prepend", "prepend": "aa" }, ten, ten] }),
            100,
            200,
        );
        let bomb = json!({ "type": "Sequence", "normalizers": vec![ten.clone(); 80] });
        assert!(!Growth::of(&bomb).allows(1));
        assert!(Growth::of(&ten).allows(1 << 20) && !Growth::of(&ten).allows(1 << 26));
        // A trie of four bytes, then `abc` and `de`.
        let table = "BAAAAAAAAABhYmMAZGUA";
        assert_eq!(base64(table), b"\x04\0\0\0\0\0\0\0abc\0de\0");
        check(&json!({ "type": "Precompiled", "precompiled_charsmap": table }), 3, 0);
    }
}
