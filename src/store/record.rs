//! A record: who made which outputs from which action. Its file is immutable and named by its bytes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::BlobRef;
use super::wire::{Fields, put_text};
use retort_fingerprint::{Digest, Fingerprint, KeyManifest};

/// Names a record: the digest of its file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(pub(super) Digest);

impl RecordId {
    /// Returns the digest of the record's file.
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who made something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Producer {
    /// The person.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The program and its version.
    pub program: String,
}

/// The statement that an action gave these outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The action; its fingerprint is the record's.
    pub manifest: KeyManifest,
    /// Each part of the artifact by name.
    pub outputs: BTreeMap<String, BlobRef>,
    /// Who made it.
    pub producer: Producer,
    /// When the work began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// Whatever else is worth saying, such as the device.
    pub notes: BTreeMap<String, String>,
}

/// What a hit needs to know of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSummary {
    /// Which record.
    pub id: RecordId,
    /// Each part of the artifact by name.
    pub outputs: BTreeMap<String, BlobRef>,
    /// Who made it.
    pub producer: Producer,
    /// When the work began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// The remote it was found in just now; `None` for one that was here.
    pub from: Option<String>,
}

/// The form of the file, version 1, in which a record is called a claim: compact JSON with the fields in this order and maps in
/// the order of their keys.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileV1 {
    claim: u32,
    fingerprint: Fingerprint,
    outputs: BTreeMap<String, OutputV1>,
    producer: Producer,
    started_at_ms: u64,
    took_ms: u64,
    notes: BTreeMap<String, String>,
    manifest: KeyManifest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputV1 {
    digest: Digest,
    bytes: u64,
}

const VERSION: u32 = 1;

/// A larger file is no record.
pub(super) const RECORD_BYTES_MAX: u64 = 64 * 1024 * 1024;

impl Record {
    /// Returns the fingerprint of its action.
    pub fn fingerprint(&self) -> Fingerprint {
        self.manifest.fingerprint()
    }

    pub(super) fn summary(&self, id: RecordId) -> RecordSummary {
        let Self { manifest: _, outputs, producer, started_at_ms, took_ms, notes: _ } = self.clone();
        RecordSummary { id, outputs, producer, started_at_ms, took_ms, from: None }
    }

    /// Writes the record's file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { manifest, outputs, producer, started_at_ms, took_ms, notes } = self.clone();
        let output = |(part, blob): (String, BlobRef)| (part, OutputV1 { digest: blob.digest, bytes: blob.bytes });
        let file = FileV1 {
            claim: VERSION,
            fingerprint: manifest.fingerprint(),
            outputs: outputs.into_iter().map(output).collect(),
            producer,
            started_at_ms,
            took_ms,
            notes,
            manifest,
        };
        serde_json::to_vec(&file).expect("a record has only text keys and writes to memory")
    }

    /// Reads a record's file, and says why when it is not the record `id` of `fingerprint`.
    pub(super) fn decode(bytes: &[u8], id: RecordId, fingerprint: &Fingerprint) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            claim: u32,
        }
        if bytes.is_empty() {
            return Err("it is empty".to_owned());
        }
        if Digest::of(bytes) != id.0 {
            return Err("its bytes are not those of its name".to_owned());
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if version.claim != VERSION {
            return Err(format!("its version is {}, this program reads {VERSION}", version.claim));
        }
        let file: FileV1 = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let FileV1 { claim: _, fingerprint: said, outputs, producer, started_at_ms, took_ms, notes, manifest } = file;
        if said != *fingerprint || manifest.fingerprint() != *fingerprint {
            return Err(format!("it is about {}, not about {}", said.short(), fingerprint.short()));
        }
        let output =
            |(part, output): (String, OutputV1)| (part, BlobRef { digest: output.digest, bytes: output.bytes });
        let outputs = outputs.into_iter().map(output).collect();
        Ok(Self { manifest, outputs, producer, started_at_ms, took_ms, notes })
    }
}

impl RecordSummary {
    /// Packs the summary for the index.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        // What comes from the index was here.
        let Self { id, outputs, producer: Producer { user, host, program }, started_at_ms, took_ms, from: _ } = self;
        out.extend_from_slice(id.0.as_bytes());
        out.extend_from_slice(&started_at_ms.to_le_bytes());
        out.extend_from_slice(&took_ms.to_le_bytes());
        for text in [user, host, program] {
            put_text(out, text);
        }
        for (part, blob) in outputs {
            put_text(out, part);
            out.extend_from_slice(blob.digest.as_bytes());
            out.extend_from_slice(&blob.bytes.to_le_bytes());
        }
    }

    /// Unpacks a summary that ends with the slice.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let id = RecordId(fields.digest()?);
        let (started_at_ms, took_ms) = (fields.u64()?, fields.u64()?);
        let producer = Producer { user: fields.text()?, host: fields.text()?, program: fields.text()? };
        let mut outputs = BTreeMap::new();
        while !fields.is_empty() {
            outputs.insert(fields.text()?, BlobRef { digest: fields.digest()?, bytes: fields.u64()? });
        }
        Some(Self { id, outputs, producer, started_at_ms, took_ms, from: None })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use retort_fingerprint::Term;

    fn records() -> impl Strategy<Value = Record> {
        let blob = (any::<[u8; 32]>(), any::<u64>())
            .prop_map(|(digest, bytes)| BlobRef { digest: Digest::from_bytes(digest), bytes });
        let outputs = prop::collection::btree_map(".{0,8}", blob, 0..4);
        let notes = prop::collection::btree_map(".{0,8}", ".{0,8}", 0..3);
        (outputs, notes, any::<(u64, u64)>(), ".{0,8}", ".{0,8}", -1e9..1e9f64).prop_map(
            |(outputs, notes, (started_at_ms, took_ms), user, host, fraction)| Record {
                manifest: KeyManifest {
                    kind: "transform".into(),
                    revision: 3,
                    params: Term::record([("fraction", Term::Float(fraction))]),
                    inputs: Vec::new(),
                    env: BTreeMap::new(),
                    numerics: None,
                },
                outputs,
                producer: Producer { user, host, program: "retort 0".into() },
                started_at_ms,
                took_ms,
                notes,
            },
        )
    }

    proptest! {
        #[test]
        fn a_record_survives_its_file_and_no_shortened_file_is_one(record in records()) {
            let bytes = record.encode();
            let (id, fingerprint) = (RecordId(Digest::of(&bytes)), record.fingerprint());
            prop_assert_eq!(Record::decode(&bytes, id, &fingerprint), Ok(record));
            for length in 0..bytes.len() {
                let cut = &bytes[..length];
                prop_assert!(Record::decode(cut, id, &fingerprint).is_err());
                prop_assert!(Record::decode(cut, RecordId(Digest::of(cut)), &fingerprint).is_err());
            }
        }

        #[test]
        fn a_summary_survives_the_index(record in records()) {
            let summary = record.summary(RecordId(Digest::of(b"id")));
            let mut bytes = Vec::new();
            summary.encode(&mut bytes);
            prop_assert_eq!(RecordSummary::decode(&bytes), Some(summary));
        }

        #[test]
        fn index_entries_of_any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = RecordSummary::decode(&bytes);
        }
    }

    #[test]
    fn a_record_of_another_version_is_refused_by_name() {
        let bytes = br#"{"claim":2,"something":"new"}"#;
        let why = Record::decode(bytes, RecordId(Digest::of(bytes)), &Fingerprint::from_bytes([0; 32])).unwrap_err();
        assert_eq!(why, "its version is 2, this program reads 1");
    }
}
