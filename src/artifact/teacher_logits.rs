//! What a teacher holds likely at each place of the sequences that a student is trained on.

use serde::{Deserialize, Serialize};

use super::codec::{RowFormat, bytes_of};
use super::{Artifact, ArtifactKind, CodecError, Part, Parts};

const ROWS: RowFormat = RowFormat { name: "teacher-sequences", version: 1 };
const FORMAT: &str = "teacher-logits";

/// A sequence that a student is trained on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaughtSequence {
    /// The question's identifier.
    pub id: String,
    /// The number of its rationale among those of the question; `None` where it is trained on its label alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u32>,
    /// The name of its target, where there are several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The index of the first token that the teacher speaks of.
    pub from: usize,
    /// Its tokens.
    pub ids: Vec<u32>,
}

/// A sequence, and what the teacher says of its tokens from [`from`](TaughtSequence::from) on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TeacherRow {
    /// The sequence.
    pub sequence: TaughtSequence,
    /// The likeliest tokens at each place, the likeliest first: `[places, top]`.
    pub top_ids: Vec<u32>,
    /// The logarithms of their probabilities, in nats, and behind those of each place that of all other tokens together, which is negative
    /// infinity where there are none: `[places, top + 1]`.
    pub logs: Vec<f32>,
}

impl TeacherRow {
    /// Writes what the teacher says as bytes: the tokens of a place and the logarithms, place by place, each number in four bytes,
    /// the lowest first.
    pub fn to_bytes(&self, top: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 * (self.top_ids.len() + self.logs.len()));
        for (ids, logs) in self.top_ids.chunks(top).zip(self.logs.chunks(top + 1)) {
            ids.iter().for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
            logs.iter().for_each(|log| out.extend_from_slice(&log.to_le_bytes()));
        }
        out
    }

    /// Reads what the teacher says of a sequence; `None` where the bytes are not as many as its tokens ask for, or hold what is
    /// no number.
    pub fn from_bytes(sequence: TaughtSequence, top: usize, bytes: &[u8]) -> Option<Self> {
        let places = sequence.ids.len().checked_sub(sequence.from)?;
        let place = 4 * (2 * top + 1);
        if Some(bytes.len()) != places.checked_mul(place) || top == 0 {
            return None;
        }
        let (mut top_ids, mut logs) = (Vec::with_capacity(places * top), Vec::with_capacity(places * (top + 1)));
        for bytes in bytes.chunks(place) {
            let (ids, numbers) = bytes.split_at(4 * top);
            top_ids.extend(ids.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)));
            logs.extend(numbers.as_chunks().0.iter().map(|log| f32::from_le_bytes(*log)));
        }
        let sound = |(at, log): (usize, &f32)| log.is_finite() || (at % (top + 1) == top && *log == f32::NEG_INFINITY);
        logs.iter().enumerate().all(sound).then_some(Self { sequence, top_ids, logs })
    }
}

/// What a teacher says of sequences, in their order. Parts: `logits`, `rows` (the sequences) and `tokenizer`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TeacherLogits {
    /// How many tokens of each place there are.
    pub top: usize,
    /// The sequences with what is said of them.
    pub rows: Vec<TeacherRow>,
    /// The tokenizer that teacher and student fraction, as `tokenizer.json`.
    pub tokenizer: Vec<u8>,
}

/// The first line of the part `logits`.
#[derive(Serialize, Deserialize)]
struct Header {
    retort: String,
    version: u32,
    top: usize,
}

impl Artifact for TeacherLogits {
    const KIND: ArtifactKind = ArtifactKind::TeacherLogits;

    fn encode(&self) -> Parts {
        let Self { top, rows, tokenizer } = self;
        let header = Header { retort: FORMAT.to_owned(), version: 1, top: *top };
        let mut logits = serde_json::to_vec(&header).expect("plain structs encode as JSON");
        logits.push(b'\n');
        rows.iter().for_each(|row| logits.extend(row.to_bytes(*top)));
        let sequences: Vec<&TaughtSequence> = rows.iter().map(|row| &row.sequence).collect();
        Parts::from([
            ("logits".to_owned(), Part::Bytes(logits)),
            ("rows".to_owned(), ROWS.encode(&sequences)),
            ("tokenizer".to_owned(), Part::Bytes(tokenizer.clone())),
        ])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let bytes = bytes_of(parts, FORMAT, "logits")?;
        let end = bytes.iter().take(200).position(|byte| *byte == b'\n').unwrap_or(0);
        let header = serde_json::from_slice::<Header>(&bytes[..end]).ok();
        let header = header.filter(|header| header.retort == FORMAT && header.version == 1 && header.top > 0);
        let Some(Header { top, .. }) = header else {
            let found = String::from_utf8_lossy(&bytes[..end.min(80)]).into_owned();
            let expected = format!("{{\"retort\":\"{FORMAT}\",\"version\":1,\"top\":…}}");
            return Err(CodecError::Header { format: FORMAT, found, expected });
        };
        let mut rest = &bytes[end + 1..];
        let mut rows = Vec::new();
        for (index, sequence) in ROWS.part::<TaughtSequence>(parts, "rows")?.into_iter().enumerate() {
            let wrong = |why: &str| CodecError::Row { format: FORMAT, line: index + 1, why: why.to_owned() };
            let places = sequence.ids.len().checked_sub(sequence.from).ok_or_else(|| wrong("it speaks of no token"))?;
            let size = places.saturating_mul(4 * (2 * top + 1));
            let (bytes, others) = rest.split_at_checked(size).ok_or_else(|| wrong("the part is cut off"))?;
            rest = others;
            let row = TeacherRow::from_bytes(sequence, top, bytes);
            rows.push(row.ok_or_else(|| wrong("a logarithm is no number"))?);
        }
        if !rest.is_empty() {
            let why = format!("{} bytes belong to no sequence", rest.len());
            return Err(CodecError::Row { format: FORMAT, line: rows.len() + 1, why });
        }
        Ok(Self { top, rows, tokenizer: bytes_of(parts, FORMAT, "tokenizer")?.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits() -> TeacherLogits {
        let row = |id: &str, ids: &[u32], sample| TeacherRow {
            sequence: TaughtSequence { id: id.into(), sample, target: String::new(), from: 1, ids: ids.into() },
            top_ids: (1..ids.len() as u32).flat_map(|at| [at, 9]).collect(),
            logs: (1..ids.len()).flat_map(|_| [-0.5, -1.5, f32::NEG_INFINITY]).collect(),
        };
        let rows = vec![row("a", &[7, 8, 10], Some(0)), row("b", &[10, 300], None)];
        TeacherLogits { top: 2, rows, tokenizer: b"{}".to_vec() }
    }

    #[test]
    fn what_a_teacher_says_survives_its_codec() {
        let found = logits();
        let parts = found.encode();
        assert_eq!(TeacherLogits::decode(&parts).unwrap(), found);
        assert_eq!(TeacherLogits::decode(&parts).unwrap().encode(), parts);
        let empty = TeacherLogits { rows: Vec::new(), ..found };
        assert_eq!(TeacherLogits::decode(&empty.encode()).unwrap(), empty);
    }

    #[test]
    fn what_is_no_such_artifact_is_refused() {
        let parts = logits().encode();
        let bytes = parts["logits"].bytes().unwrap().to_vec();
        let with = |bytes: Vec<u8>| {
            let mut parts = parts.clone();
            parts.insert("logits".into(), Part::Bytes(bytes));
            TeacherLogits::decode(&parts).unwrap_err().to_string()
        };
        assert!(with(bytes[..bytes.len() - 1].to_vec()).ends_with("line 2: the part is cut off"));
        assert!(with([bytes.as_slice(), &[0; 3]].concat()).ends_with("line 3: 3 bytes belong to no sequence"));
        assert!(with(b"nonsense".to_vec()).contains("its header is"));
        let at = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1 + 8;
        let mut nan = bytes.clone();
        nan[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(with(nan).ends_with("line 1: a logarithm is no number"));
        for part in ["logits", "rows", "tokenizer"] {
            let mut parts = parts.clone();
            parts.remove(part);
            assert!(TeacherLogits::decode(&parts).unwrap_err().to_string().contains(part));
        }
        // Four bytes are never taken for more than the sequence has.
        assert_eq!(TeacherRow::from_bytes(TaughtSequence { from: 3, ..TaughtSequence::default() }, 2, &[]), None);
    }
}
