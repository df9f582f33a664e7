//! Packs: rows in the order of their keys behind a key table, in one immutable file named by its bytes.
//!
//! An eight-byte mark, the number of rows, for each row its key, offset and length, the blake3 of all this, then each row's
//! payload with its checksum. Where whoever sealed it has a key there follow a voucher for each row, which says to them alone that
//! the row is theirs, should the pack be damaged; and their signature of all this and the kind of the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use fs_err::File;

use super::salvage::{self, Found};
use super::table::{ENTRY_BYTES, HEAD_BYTES, TABLE_CHECK_BYTES, entry};
use super::{CHECK_BYTES, PACK, PACK_BYTES_MAX, Place, RowHash, check, journal};
use crate::disk::{self, Opened};
use crate::files::Files;
use crate::layout::Component;
use crate::trust::{About, PublicKey, SecretKey, TRAILER_BYTES, Trailer};
use crate::wire::Fields;
use retort_fingerprint::{Digest, RowKey};

const MARK: &[u8; 8] = b"RTRTPCK1";

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

/// Writes a pack durably into a folder, signed where there is a key to sign it with; returns its name and key table.
pub(super) fn write(
    files: &Files,
    kind: &Component,
    signer: Option<&SecretKey>,
    rows: &BTreeMap<RowKey, Vec<u8>>,
) -> io::Result<(Digest, KeyTable)> {
    let folder = files.layout.rows_of(kind);
    let (mut bytes, table) = encode(rows);
    if let Some(signer) = signer {
        for (key, payload) in rows {
            bytes.extend_from_slice(&journal::voucher_of(signer, kind, key, payload));
        }
        let trailer = Trailer::sign(signer, About::Rows, &signed(kind, &bytes));
        bytes.extend_from_slice(&trailer);
    }
    let digest = Digest::of(&bytes);
    let temp = files.temp()?;
    let mut file = disk::create_new(temp.path(), disk::FROZEN)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    temp.persist(&folder.join(format!("{digest}{PACK}")))?;
    disk::sync_folder(&folder)?;
    Ok((digest, table))
}

/// What is signed of a pack: the kind of its rows and the digest of its bytes up to the signature.
fn signed(kind: &Component, content: &[u8]) -> Vec<u8> {
    [Digest::of(kind.as_str().as_bytes()).as_bytes(), Digest::of(content).as_bytes()].map(|part| &part[..]).concat()
}

/// Returns who signed the bytes of a whole pack.
pub(crate) fn signer(kind: &Component, bytes: &[u8]) -> Option<PublicKey> {
    let (content, trailer) = Trailer::split(bytes);
    trailer?.signer(About::Rows, &signed(kind, content))
}

/// Returns what may be vouchers in a pack, damaged or not. A voucher is worth something to whoever can make it themselves, so
/// that other bytes among these do no harm.
pub(super) fn vouchers(bytes: &[u8]) -> BTreeSet<RowHash> {
    let end = bytes.len().saturating_sub(TRAILER_BYTES);
    let rows_max = bytes.len() / (ENTRY_BYTES as usize + CHECK_BYTES);
    bytes[..end]
        .rchunks_exact(size_of::<RowHash>())
        .take(rows_max)
        .map(|chunk| chunk.try_into().unwrap_or_default())
        .collect()
}

/// A pack that was read as a whole.
pub(super) struct Pack {
    pub(super) bytes: Vec<u8>,
    /// The sound rows in it.
    pub(super) rows: Found,
    /// Who signed it.
    pub(super) signer: Option<PublicKey>,
    /// What is wrong with it; it is signed by nobody then.
    pub(super) damage: Option<String>,
}

/// Reads a pack as a whole; `None` when it is gone.
pub(super) fn read(path: &Path, kind: &Component, name: &Digest) -> io::Result<Option<Pack>> {
    let Some((bytes, _)) = disk::read_small(path, PACK_BYTES_MAX)? else { return Ok(None) };
    let table = read_table(&bytes);
    let (mut rows, lost) = match &table {
        Ok(table) => salvage::by_table(&bytes, table),
        Err(_) => salvage::without_table(&bytes),
    };
    let damage = match table {
        Err(why) => Some(why),
        Ok(_) if lost > 0 => Some(format!("{lost} of its rows are damaged")),
        Ok(_) if Digest::of(&bytes) != *name => Some("its bytes are not those of its name".to_owned()),
        Ok(_) => None,
    };
    rows.sort_by_key(|(_, place, _)| place.offset);
    let signer = if damage.is_none() { signer(kind, &bytes) } else { None };
    Ok(Some(Pack { bytes, rows, signer, damage }))
}

/// Reads a pack's key table.
///
/// # Errors
/// What is wrong with it, when it is not a whole table of a pack.
pub(super) fn read_table(bytes: &[u8]) -> Result<KeyTable, String> {
    let head = bytes.get(..HEAD_BYTES as usize).ok_or("it is shorter than a pack")?;
    let count = head.strip_prefix(MARK).and_then(|count| Fields::new(count).u64()).ok_or("it is not a pack")?;
    let end = count.checked_mul(ENTRY_BYTES).and_then(|bytes| bytes.checked_add(HEAD_BYTES));
    let end = end.filter(|&end| end < bytes.len() as u64).ok_or("its key table is longer than the file")? as usize;
    let said = bytes.get(end..end + TABLE_CHECK_BYTES as usize).ok_or("its key table is longer than the file")?;
    if Digest::of(&bytes[..end]).as_bytes() != said {
        return Err("its key table is damaged".to_owned());
    }
    let mut fields = Fields::new(&bytes[HEAD_BYTES as usize..end]);
    let mut rows = KeyTable::with_capacity(count as usize);
    while let Some(row) = entry(&mut fields) {
        rows.push(row);
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
pub(crate) fn inspect(path: &Path, kind: &Component) -> Result<u64, String> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(PACK));
    let name: Digest = name.and_then(|name| name.parse().ok()).ok_or("its name is not a digest")?;
    let pack = read(path, kind, &name).map_err(|error| error.to_string())?.ok_or("it is not there")?;
    pack.damage.map_or(Ok(pack.rows.len() as u64), Err)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::salvage::tests::rows;
    use super::*;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = File::from_parts(tempfile::tempfile().unwrap(), "pack");
        file.write_all(bytes).unwrap();
        file
    }

    proptest! {
        #[test]
        fn a_pack_gives_back_every_row(rows in rows()) {
            let (bytes, table) = encode(&rows);
            let file = file_of(&bytes);
            prop_assert_eq!(&read_table(&bytes).unwrap(), &table);
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
            if let Ok(read) = read_table(&bytes) {
                prop_assert_eq!(&read, &table);
            }
            for (key, place) in table {
                let read = journal::read(&file, &key, place).unwrap();
                prop_assert!(read.is_none() || read.as_ref() == rows.get(&key));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_table(&bytes);
            let marked = [&MARK[..], &bytes].concat();
            let _ = read_table(&marked);
            let _ = salvage::without_table(&bytes);
            let _ = salvage::without_table(&marked);
        }
    }
}
