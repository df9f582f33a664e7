//! Journals: an eight-byte mark, then entries of length, key, payload and checksum.
//!
//! Where the writer has a key, a second entry follows each row: its *voucher*, which only the owner of the key can make. So
//! a process that seals a journal left behind knows which rows it may sign.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err::File;

use super::salvage::{RECORD_HEAD_BYTES, next_record, record_at};
use super::{CHECK_BYTES, Place, ROW_BYTES_MAX, RowHash, check, hash};
use crate::disk::{self, Locked, Locking, Opened};
use crate::files::Files;
use crate::layout::Component;
use crate::trust::SecretKey;
use crate::wire::Fields;
use retort_fingerprint::{Digest, RowKey};

const MARK: &[u8; 8] = b"RTRTROW1";

/// The rows of a journal and their places.
pub(super) type Rows = BTreeMap<RowKey, Place>;

/// Whose voucher an entry is follows from its key.
const VOUCHER: &[u8] = b"retort 2026 voucher of a row v1";

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

    /// Appends a row, with its voucher where it has one, in one write, and makes the last rows durable when they are many or old.
    ///
    /// # Errors
    /// Those of writing; the journal then ends where it ended before.
    pub(super) fn append(&mut self, key: &RowKey, payload: &[u8], voucher: Option<RowHash>) -> io::Result<Place> {
        let mut entry = encode(key, payload);
        if let Some(voucher) = voucher {
            entry.extend(encode(&voucher_key(key), &voucher));
        }
        let mut written = self.file.write_all(&entry);
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
        let place = Place { offset: self.end + RECORD_HEAD_BYTES as u64, bytes: payload.len() as u32 };
        self.end += entry.len() as u64;
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

/// Reads a row back that has a digest; `None` when it is another.
pub(super) fn read_exactly(file: &File, key: &RowKey, place: Place, known: &RowHash) -> io::Result<Option<Vec<u8>>> {
    Ok(read(file, key, place)?.filter(|payload| hash(key, payload) == *known))
}

/// Returns what the owner of this store's key says of a row; `None` without a key.
pub(super) fn voucher(files: &Files, kind: &Component, key: &RowKey, payload: &[u8]) -> Option<RowHash> {
    Some(voucher_of(files.trust.signer()?, kind, key, payload))
}

/// Returns what the owner of a key says of a row.
pub(super) fn voucher_of(signer: &SecretKey, kind: &Component, key: &RowKey, payload: &[u8]) -> RowHash {
    let row = [Digest::of(kind.as_str().as_bytes()).as_bytes(), &hash(key, payload)].map(|part| &part[..]).concat();
    signer.vouch(&row)
}

/// Tells whether a journal holds this store's own voucher of a row.
pub(super) fn is_vouched(
    files: &Files,
    kind: &Component,
    file: &File,
    rows: &Rows,
    key: &RowKey,
    payload: &[u8],
) -> io::Result<bool> {
    let Some(own) = voucher(files, kind, key, payload) else { return Ok(false) };
    let key = voucher_key(key);
    let Some(place) = rows.get(&key) else { return Ok(false) };
    Ok(read(file, &key, *place)?.is_some_and(|found| found == own))
}

/// Leaves out the vouchers.
pub(super) fn without_vouchers(rows: &Rows) -> impl Iterator<Item = (&RowKey, &Place)> {
    let vouchers: std::collections::BTreeSet<RowKey> = rows.keys().map(voucher_key).collect();
    rows.iter().filter(move |(key, _)| !vouchers.contains(*key))
}

fn voucher_key(key: &RowKey) -> RowKey {
    RowKey::from_bytes(*Digest::of(&[VOUCHER, key.as_bytes()].concat()).as_bytes())
}

fn encode(key: &RowKey, payload: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(payload.len() + 44);
    entry.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    entry.extend_from_slice(key.as_bytes());
    entry.extend_from_slice(payload);
    entry.extend_from_slice(&check(key, payload));
    entry
}

/// The good entries of a stretch of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) rows: Vec<(RowKey, Place)>,
    /// Where the next scan begins: behind the last good entry.
    pub(super) end: u64,
    /// Where the first entry lies that is damaged. One that was not written to its end, as a killed process or a power
    /// failure leaves the last, is not.
    pub(super) damaged: Option<u64>,
}

/// Reads the entries from a place that an earlier scan returned, or from zero.
pub(super) fn scan(file: &File, from: u64) -> io::Result<Scan> {
    let bytes = file.metadata()?.len();
    let mut stretch = vec![0; bytes.saturating_sub(from) as usize];
    match file.file().read_exact_at(&mut stretch, from) {
        Ok(()) => Ok(scan_bytes(&stretch, from)),
        // It was cut meanwhile, as a writer does whose disk is full; the next scan sees it whole again.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Ok(Scan { rows: Vec::new(), end: from, damaged: None })
        }
        Err(error) => Err(error),
    }
}

fn scan_bytes(bytes: &[u8], from: u64) -> Scan {
    let mut scan = Scan { rows: Vec::new(), end: from, damaged: None };
    let mut at = 0;
    if from == 0 {
        if bytes.len() < MARK.len() {
            return scan;
        }
        at = MARK.len();
        if bytes.starts_with(MARK) {
            scan.end = at as u64;
        } else {
            scan.damaged = Some(0);
        }
    }
    while at < bytes.len() {
        if let Some((key, place, next)) = record_at(bytes, at) {
            scan.rows.push((key, Place { offset: from + place.offset, ..place }));
            at = next;
            scan.end = from + at as u64;
            continue;
        }
        let next = next_record(bytes, at);
        if next.is_some() || !is_torn(&bytes[at..]) {
            scan.damaged.get_or_insert(from + at as u64);
        }
        at = next.unwrap_or(bytes.len());
    }
    scan
}

/// Tells whether the last entry of a journal was not written to its end.
fn is_torn(rest: &[u8]) -> bool {
    let length = Fields::new(rest).u32().map_or(0, |length| length as usize);
    // A file system may have given a file its new length but not yet its bytes when the power failed.
    let is_short = length <= ROW_BYTES_MAX && rest.len() < RECORD_HEAD_BYTES + CHECK_BYTES + length;
    is_short || rest.iter().take(RECORD_HEAD_BYTES).all(|&byte| byte == 0)
}

/// Reads a journal through; returns its number of rows and what is wrong with it, a torn end not being wrong.
pub(crate) fn inspect(path: &Path) -> Result<u64, String> {
    match disk::open_plain(path).map_err(|error| error.to_string())? {
        Opened::Absent => Ok(0),
        Opened::Odd => Err("it is not a regular file".to_owned()),
        Opened::Regular(file, _) => {
            let scan = scan(&file, 0).map_err(|error| error.to_string())?;
            let rows: Rows = scan.rows.into_iter().collect();
            match scan.damaged {
                Some(damaged) => Err(format!("the entry at byte {damaged} is damaged")),
                None => Ok(without_vouchers(&rows).count() as u64),
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
                let last = ends[..whole].last().copied();
                prop_assert_eq!(scan.end, last.unwrap_or(if length < MARK.len() { 0 } else { MARK.len() as u64 }));
                prop_assert_eq!(scan.damaged, None);
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
        fn a_flipped_bit_costs_its_own_row_and_no_other(
            rows in rows(), at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let (mut bytes, ends) = journal(&rows);
            let whole = scan_bytes(&bytes, 0).rows;
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let after = scan_bytes(&bytes, 0);
            let hit = ends.iter().position(|&end| (at as u64) < end).filter(|_| at >= MARK.len());
            let expected: Vec<_> =
                whole.iter().enumerate().filter(|(index, _)| Some(*index) != hit).map(|(_, row)| *row).collect();
            prop_assert_eq!(after.rows, expected);
            // A length that reaches beyond the end, in the last entry, looks like one that was not written to its end.
            let is_last = hit.is_some_and(|hit| hit + 1 == rows.len());
            prop_assert!(after.damaged.is_some() || is_last);
        }

        #[test]
        fn records_behind_a_damaged_stretch_are_found(
            rows in rows(), junk in prop::collection::vec(any::<u8>(), 1..200), before in any::<prop::sample::Index>(),
        ) {
            let (bytes, ends) = journal(&rows);
            let whole = scan_bytes(&bytes, 0).rows;
            let before = before.index(rows.len() + 1);
            let at = if before == 0 { MARK.len() } else { ends[before - 1] as usize };
            let damaged = [&bytes[..at], &junk, &bytes[at..]].concat();
            let keys = |rows: &[(RowKey, Place)]| rows.iter().map(|(key, _)| *key).collect::<Vec<_>>();
            prop_assert_eq!(keys(&scan_bytes(&damaged, 0).rows), keys(&whole));
        }

        #[test]
        fn any_bytes_are_scanned_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = scan_bytes(&bytes, 0);
            let _ = scan_bytes(&bytes, 8);
        }
    }
}
