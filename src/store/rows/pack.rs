//! Packs: rows in the order of their keys behind a key table, in one immutable file named by its bytes.
//!
//! An eight-byte mark, the number of rows, for each row its key, offset and length, the blake3 of all this, and then
//! each row's payload with its checksum.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use fs_err::File;

use super::{CHECK_BYTES, PACK, Place, check};
use crate::disk::{self, Opened};
use crate::open::Core;
use crate::wire::Fields;
use retort_fingerprint::{Digest, RowKey};

const MARK: &[u8; 8] = b"RTRTPCK1";
const HEAD_BYTES: u64 = 16;
const ENTRY_BYTES: u64 = 32 + 8 + 4;
const TABLE_CHECK_BYTES: u64 = 32;

/// The rows of a pack and their places.
pub(super) type KeyTable = Vec<(RowKey, Place)>;

/// Packs rows; returns the file's bytes and its key table.
pub(super) fn encode(rows: &BTreeMap<RowKey, Vec<u8>>) -> (Vec<u8>, KeyTable) {
    let mut offset = HEAD_BYTES + ENTRY_BYTES * rows.len() as u64 + TABLE_CHECK_BYTES;
    let mut table = KeyTable::with_capacity(rows.len());
    let mut bytes = MARK.to_vec();
    bytes.extend_from_slice(&(rows.len() as u64).to_le_bytes());
    for (key, payload) in rows {
        let place = Place { offset, bytes: payload.len() as u32 };
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&place.offset.to_le_bytes());
        bytes.extend_from_slice(&place.bytes.to_le_bytes());
        table.push((*key, place));
        offset += (payload.len() + CHECK_BYTES) as u64;
    }
    bytes.extend_from_slice(Digest::of(&bytes).as_bytes());
    for (key, payload) in rows {
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&check(key, payload));
    }
    (bytes, table)
}

/// Writes a pack durably into a folder and returns its name and key table.
pub(super) fn write(core: &Core, folder: &Path, rows: &BTreeMap<RowKey, Vec<u8>>) -> io::Result<(Digest, KeyTable)> {
    let (bytes, table) = encode(rows);
    let digest = Digest::of(&bytes);
    let temp = core.temp()?;
    let mut file = disk::create_new(temp.path(), disk::FROZEN)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    temp.persist(&folder.join(format!("{digest}{PACK}")))?;
    disk::sync_folder(folder)?;
    Ok((digest, table))
}

/// Reads a pack's key table.
///
/// # Errors
/// What is wrong with it, when it is not a whole table of a pack.
pub(super) fn read_table(file: &File) -> Result<KeyTable, String> {
    let text = |error: io::Error| error.to_string();
    let file_bytes = file.metadata().map_err(text)?.len();
    let mut head = vec![0; HEAD_BYTES as usize];
    file.file().read_exact_at(&mut head, 0).map_err(text)?;
    let count = head.strip_prefix(MARK).and_then(|count| Fields::new(count).u64()).ok_or("it is not a pack")?;
    let table_bytes = count.checked_mul(ENTRY_BYTES).filter(|&bytes| bytes < file_bytes);
    let table_bytes = table_bytes.ok_or("its key table is longer than the file")?;
    let mut table = vec![0; (table_bytes + TABLE_CHECK_BYTES) as usize];
    file.file().read_exact_at(&mut table, HEAD_BYTES).map_err(text)?;
    let (entries, said) = table.split_at(table_bytes as usize);
    if Digest::of(&[&head, entries].concat()).as_bytes() != said {
        return Err("its key table is damaged".to_owned());
    }
    let mut fields = Fields::new(entries);
    let mut rows = KeyTable::with_capacity(count as usize);
    while let (Some(key), Some(offset), Some(bytes)) = (fields.array(), fields.u64(), fields.u32()) {
        rows.push((RowKey::from_bytes(key), Place { offset, bytes }));
    }
    Ok(rows)
}

/// Opens a pack; `None` when it is gone or not a regular file.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    match disk::open_plain(path)? {
        Opened::Regular(file, _) => Ok(Some(file)),
        Opened::Absent | Opened::Odd => Ok(None),
    }
}

/// Reads a pack through; returns its number of rows, or what is wrong with it.
pub(crate) fn inspect(path: &Path) -> Result<u64, String> {
    let text = |error: io::Error| error.to_string();
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(PACK));
    let name: Digest = name.and_then(|name| name.parse().ok()).ok_or("its name is not a digest")?;
    let file = open(path).map_err(text)?.ok_or("it is not a regular file")?;
    let table = read_table(&file)?;
    let (digest, _) = Digest::of_reader(&file).map_err(text)?;
    if digest != name {
        return Err("its bytes are not those of its name".to_owned());
    }
    Ok(table.len() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::journal;
    use super::*;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = File::from_parts(tempfile::tempfile().unwrap(), "pack");
        file.write_all(bytes).unwrap();
        file
    }

    fn rows() -> impl Strategy<Value = BTreeMap<RowKey, Vec<u8>>> {
        let key = any::<[u8; 32]>().prop_map(RowKey::from_bytes);
        prop::collection::btree_map(key, prop::collection::vec(any::<u8>(), 0..30), 0..8)
    }

    proptest! {
        #[test]
        fn a_pack_gives_back_every_row(rows in rows()) {
            let (bytes, table) = encode(&rows);
            let file = file_of(&bytes);
            prop_assert_eq!(&read_table(&file).unwrap(), &table);
            prop_assert!(table.is_sorted_by_key(|(key, _)| *key));
            for (key, place) in table {
                prop_assert_eq!(journal::read(&file, &key, place).unwrap(), rows.get(&key).cloned());
            }
        }

        #[test]
        fn a_flipped_bit_or_a_cut_never_gives_a_wrong_row(
            rows in rows(), at in any::<prop::sample::Index>(), bit in 0u8..8, cut: bool,
        ) {
            let (mut bytes, table) = encode(&rows);
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << bit;
            }
            let file = file_of(&bytes);
            if let Ok(read) = read_table(&file) {
                prop_assert_eq!(&read, &table);
            }
            for (key, place) in table {
                let read = journal::read(&file, &key, place).unwrap();
                prop_assert!(read.is_none() || read.as_ref() == rows.get(&key));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_table(&file_of(&bytes));
            let _ = read_table(&file_of(&[&MARK[..], &bytes].concat()));
        }
    }
}
