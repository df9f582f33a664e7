//! Training curves as TensorBoard reads them: an event file is a TFRecord of `Event` messages in protocol buffers' form.
//!
//! A record is the length of its data in 8 bytes, a checksum of these, the data and its checksum, little-endian. Of the
//! messages only what holds a number by step is written: `Event { 1: wall_time, 2: step, 3: file_version, 5: Summary }`
//! and `Summary { 1: Value { 1: tag, 2: simple_value } }`. The tags are those of the Hugging Face Trainer, so that curves of
//! both lie in the same charts.

use retort_artifact::TrainingLog;

/// When a training began and how long it took, in seconds; its steps are taken for equally long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Seconds since 1970.
    pub from: f64,
    /// Seconds.
    pub took: f64,
}

/// Writes the curves of a training as an event file.
pub fn event_file(log: &TrainingLog, span: Span) -> Vec<u8> {
    let steps = log.losses.len().max(1) as f64;
    let at = |step: u64| span.from + span.took * step as f64 / steps;
    let mut out = Vec::new();
    record(&mut out, &event(span.from, 0, |message| text(message, 3, "brain.Event:2")));
    let by_step = [
        ("train/loss", &log.losses),
        ("train/learning_rate", &log.learning_rates),
        ("train/grad_norm", &log.grad_norms),
    ];
    for (tag, values) in by_step {
        for (step, value) in (1..).zip(values) {
            record(&mut out, &scalar(at(step), step, tag, *value));
        }
    }
    for target in &log.targets {
        for (step, loss) in (1..).zip(&target.losses) {
            if let Some(loss) = loss {
                record(&mut out, &scalar(at(step), step, &format!("train/loss/{}", target.name), *loss));
            }
        }
    }
    for evaluation in &log.evaluations {
        let accuracy = evaluation.accuracy as f32;
        record(&mut out, &scalar(at(evaluation.step), evaluation.step, "eval/accuracy", accuracy));
    }
    out
}

fn scalar(wall_time: f64, step: u64, tag: &str, value: f32) -> Vec<u8> {
    let mut of_tag = Vec::new();
    text(&mut of_tag, 1, tag);
    of_tag.push(2 << 3 | FOUR_BYTES);
    of_tag.extend(value.to_le_bytes());
    let mut summary = Vec::new();
    bytes(&mut summary, 1, &of_tag);
    event(wall_time, step, |message| bytes(message, 5, &summary))
}

/// The wire types of protocol buffers.
const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const LENGTH: u8 = 2;
const FOUR_BYTES: u8 = 5;

fn event(wall_time: f64, step: u64, what: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = vec![1 << 3 | EIGHT_BYTES];
    message.extend(wall_time.to_le_bytes());
    message.push(2 << 3 | VARINT);
    varint(&mut message, step);
    what(&mut message);
    message
}

fn text(message: &mut Vec<u8>, field: u8, text: &str) {
    bytes(message, field, text.as_bytes());
}

fn bytes(message: &mut Vec<u8>, field: u8, content: &[u8]) {
    message.push(field << 3 | LENGTH);
    varint(message, content.len() as u64);
    message.extend(content);
}

fn varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

fn record(out: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked(data).to_le_bytes());
}

/// The checksum, turned so that one of data that holds checksums is no less good.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's cyclic redundancy check (RFC 3720, appendix B.4).
fn crc32c(data: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut sum = u32::MAX;
    for byte in data {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::Evaluation;

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRC algorithms.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_number_of_seven_bits_a_byte() {
        let written = |number| {
            let mut out = Vec::new();
            varint(&mut out, number);
            out
        };
        assert_eq!(written(0), [0]);
        assert_eq!(written(300), [0xac, 0x02]);
        assert_eq!(written(u64::MAX).len(), 10);
    }

    /// Splits a file into its records, checking every checksum.
    fn records(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !file.is_empty() {
            let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
            assert_eq!(u32::from_le_bytes(file[8..12].try_into().unwrap()), masked(&file[..8]));
            let data = &file[12..12 + length];
            assert_eq!(u32::from_le_bytes(file[12 + length..16 + length].try_into().unwrap()), masked(data));
            found.push(data.to_vec());
            file = &file[16 + length..];
        }
        found
    }

    #[test]
    fn every_value_is_a_record() {
        let log = TrainingLog {
            losses: vec![2.0, f32::NAN],
            learning_rates: vec![0.1, 0.05],
            grad_norms: vec![1.0, 1.5],
            evaluations: vec![Evaluation { step: 2, accuracy: 0.5 }],
            ..TrainingLog::default()
        };
        let found = records(&event_file(&log, Span { from: 1000.0, took: 10.0 }));
        assert_eq!(found.len(), 1 + 3 * 2 + 1);
        assert!(found[0].ends_with(b"brain.Event:2"));
        let last = found.last().unwrap();
        // Seconds since 1970, the step, and a summary of one value with its tag.
        assert_eq!(last[1..9], 1010.0f64.to_le_bytes());
        assert_eq!(last[9..11], [2 << 3, 2]);
        assert!(last.windows(13).any(|part| part == b"eval/accuracy"));
        assert!(last.ends_with(&0.5f32.to_le_bytes()));
        assert_eq!(records(&event_file(&TrainingLog::default(), Span { from: 0.0, took: 0.0 })).len(), 1);
    }
}
