//! How bodies of answers are made small for keeping: zlib, as in the answers of servers.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// Makes bytes smaller.
pub fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// Undoes [`packed`]; `None` for what is damaged, or larger than so many bytes.
pub fn unpacked(bytes: &[u8], bytes_max: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    ZlibDecoder::new(bytes).take(bytes_max + 1).read_to_end(&mut out).ok()?;
    (out.len() as u64 <= bytes_max).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn damage_and_bombs_are_refused() {
        let small = packed(&vec![b'a'; 10_000]);
        assert!(small.len() < 100);
        assert_eq!(unpacked(&small, 10_000).map(|bytes| bytes.len()), Some(10_000));
        assert_eq!(unpacked(&small, 9_999), None);
        assert_eq!(unpacked(&small[..small.len() - 1], 10_000), None);
        assert_eq!(unpacked(b"{}", 10_000), None);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(unpacked(&packed(&bytes), 300), Some(bytes));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = unpacked(&bytes, 1000);
        }
    }
}
