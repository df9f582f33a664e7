//! Journals: an eight-byte mark, then records of length, key, payload and checksum.

use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err::File;

use super::{CHECK_BYTES, Place, ROW_BYTES_MAX, check};
use crate::disk::{self, Locked, Locking, Opened};
use crate::wire::Fields;
use retort_fingerprint::RowKey;

const MARK: &[u8; 8] = b"RTRTROW1";

/// Bytes before a record's payload: its length and its key.
const HEAD_BYTES: u64 = 4 + 32;

/// Rows that may be lost when the power fails, unless somebody flushes.
const UNSYNCED_MAX: u32 = 1000;

/// The same, in time.
const UNSYNCED_FOR: Duration = Duration::from_secs(1);

/// A journal open for appending; it is locked for as long as its owner lives.
pub(super) struct Journal {
    file: Locked,
    end: u64,
    unsynced: u32,
    synced_at: Instant,
}

impl Journal {
    /// Starts a journal; `None` when another process took it for one left behind, which it then removes.
    pub(super) fn create(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match Locked::try_new(disk::create_new(path, disk::GROWING)?) {
            Locking::Taken(file) => file,
            Locking::Unsupported(file) => Locked::pretend(file),
            Locking::Busy(_) => return Ok(None),
        };
        if !path.exists() {
            return Ok(None);
        }
        file.write_all(MARK)?;
        Ok(Some(Self { file, end: MARK.len() as u64, unsynced: 0, synced_at: Instant::now() }))
    }

    /// Appends a row in one write, and makes the last rows durable when they are many or old.
    ///
    /// # Errors
    /// Those of writing; the journal then ends where it ended before.
    pub(super) fn append(&mut self, key: &RowKey, payload: &[u8]) -> io::Result<Place> {
        let record = encode(key, payload);
        let mut written = self.file.write_all(&record);
        if written.is_ok() {
            self.unsynced += 1;
            if self.unsynced >= UNSYNCED_MAX || self.synced_at.elapsed() >= UNSYNCED_FOR {
                written = self.sync();
            }
        }
        if let Err(error) = written {
            self.file.set_len(self.end)?;
            io::Seek::seek(&mut *self.file, io::SeekFrom::Start(self.end))?;
            return Err(error);
        }
        let place = Place { offset: self.end + HEAD_BYTES, bytes: payload.len() as u32 };
        self.end += record.len() as u64;
        Ok(place)
    }

    /// Makes every row durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced > 0 {
            self.file.sync_data()?;
        }
        self.unsynced = 0;
        self.synced_at = Instant::now();
        Ok(())
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn bytes(&self) -> u64 {
        self.end
    }
}

/// Reads a payload back, with its checksum; `None` when it is not what was written.
pub(super) fn read(file: &File, key: &RowKey, place: Place) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; place.bytes as usize + CHECK_BYTES];
    match file.file().read_exact_at(&mut bytes, place.offset) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let payload_bytes = place.bytes as usize;
    let is_whole = bytes[payload_bytes..] == check(key, &bytes[..payload_bytes]);
    bytes.truncate(payload_bytes);
    Ok(is_whole.then_some(bytes))
}

fn encode(key: &RowKey, payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(payload.len() + 44);
    record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    record.extend_from_slice(key.as_bytes());
    record.extend_from_slice(payload);
    record.extend_from_slice(&check(key, payload));
    record
}

/// How the bytes behind the last good record look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// There are none.
    Clean,
    /// A record that was not written to its end: what a killed process or a power failure leaves.
    Torn,
    /// A whole record whose checksum is wrong, or something that is no journal.
    Damaged,
}

/// The good records of a stretch of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) rows: Vec<(RowKey, Place)>,
    /// Where the next scan begins.
    pub(super) end: u64,
    pub(super) tail: Tail,
}

/// Reads the records from a place that an earlier scan returned, or from zero.
pub(super) fn scan(file: &File, from: u64) -> io::Result<Scan> {
    let bytes = file.metadata()?.len();
    let mut stretch = vec![0; bytes.saturating_sub(from) as usize];
    match file.file().read_exact_at(&mut stretch, from) {
        Ok(()) => Ok(scan_bytes(&stretch, from)),
        // It was cut meanwhile, as a writer does whose disk is full; the next scan sees it whole again.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Ok(Scan { rows: Vec::new(), end: from, tail: Tail::Torn })
        }
        Err(error) => Err(error),
    }
}

fn scan_bytes(bytes: &[u8], from: u64) -> Scan {
    let mut scan = Scan { rows: Vec::new(), end: from, tail: Tail::Clean };
    let mut fields = Fields::new(bytes);
    if from == 0 {
        match fields.take(MARK.len()) {
            Some(mark) if mark == MARK => scan.end = MARK.len() as u64,
            Some(_) => scan.tail = Tail::Damaged,
            None => scan.tail = Tail::Torn,
        }
    }
    while scan.tail == Tail::Clean && !fields.is_empty() {
        scan.tail = match record(&mut fields) {
            Some((key, payload, true)) => {
                let place = Place { offset: scan.end + HEAD_BYTES, bytes: payload.len() as u32 };
                scan.rows.push((key, place));
                scan.end = place.offset + payload.len() as u64 + CHECK_BYTES as u64;
                Tail::Clean
            }
            // A file system may have given a file its new length but not yet its bytes when the power failed.
            Some((key, payload, false)) if key.as_bytes() == &[0; 32] && payload.is_empty() => Tail::Torn,
            Some(_) => Tail::Damaged,
            None => Tail::Torn,
        };
    }
    scan
}

fn record<'a>(fields: &mut Fields<'a>) -> Option<(RowKey, &'a [u8], bool)> {
    let length = fields.u32()? as usize;
    let key = RowKey::from_bytes(fields.array()?);
    if length > ROW_BYTES_MAX {
        return Some((key, &[1], false));
    }
    let payload = fields.take(length)?;
    let is_whole = fields.take(CHECK_BYTES)? == check(&key, payload);
    Some((key, payload, is_whole))
}

/// Reads a journal through; returns its number of rows and what is wrong with it, a torn end not being wrong.
pub(crate) fn inspect(path: &Path) -> Result<u64, String> {
    match disk::open_plain(path).map_err(|error| error.to_string())? {
        Opened::Absent => Ok(0),
        Opened::Odd => Err("it is not a regular file".to_owned()),
        Opened::Regular(file, _) => {
            let scan = scan(&file, 0).map_err(|error| error.to_string())?;
            match scan.tail {
                Tail::Damaged => Err(format!("the record at byte {} is damaged", scan.end)),
                Tail::Clean | Tail::Torn => Ok(scan.rows.len() as u64),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn journal(rows: &[(RowKey, Vec<u8>)]) -> (Vec<u8>, Vec<u64>) {
        let mut bytes = MARK.to_vec();
        let mut ends = Vec::new();
        for (key, payload) in rows {
            bytes.extend(encode(key, payload));
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    }

    fn rows() -> impl Strategy<Value = Vec<(RowKey, Vec<u8>)>> {
        let row = (any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..40));
        prop::collection::vec(row.prop_map(|(key, payload)| (RowKey::from_bytes(key), payload)), 0..8)
    }

    proptest! {
        #[test]
        fn a_journal_torn_at_any_byte_keeps_the_whole_records_before_it(rows in rows()) {
            let (bytes, ends) = journal(&rows);
            for length in 0..=bytes.len() {
                let scan = scan_bytes(&bytes[..length], 0);
                let whole = ends.iter().filter(|&&end| end <= length as u64).count();
                let kept: Vec<_> = scan.rows.iter().map(|(key, _)| *key).collect();
                let expected: Vec<_> = rows[..whole].iter().map(|(key, _)| *key).collect();
                prop_assert_eq!(kept, expected);
                let at_an_end = length == MARK.len() || ends.contains(&(length as u64));
                prop_assert_eq!(scan.tail == Tail::Clean, at_an_end);
                prop_assert!(scan.tail != Tail::Damaged);
            }
        }

        #[test]
        fn a_scan_in_two_steps_finds_what_one_finds(rows in rows(), cut in 0usize..400) {
            let (bytes, _) = journal(&rows);
            let first = scan_bytes(&bytes[..cut.min(bytes.len())], 0);
            let second = scan_bytes(&bytes[first.end as usize..], first.end);
            let all = [first.rows, second.rows].concat();
            prop_assert_eq!(all, scan_bytes(&bytes, 0).rows);
        }

        #[test]
        fn a_flipped_bit_never_changes_a_row(rows in rows(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let (mut bytes, _) = journal(&rows);
            let whole = scan_bytes(&bytes, 0).rows;
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let after = scan_bytes(&bytes, 0).rows;
            prop_assert!(after.len() < whole.len() || rows.is_empty());
            prop_assert!(whole.starts_with(&after));
        }

        #[test]
        fn any_bytes_are_scanned_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = scan_bytes(&bytes, 0);
            let _ = scan_bytes(&bytes, 8);
        }
    }
}
