//! A signature at the end of the file that it is about: a public key, 64 bytes of signature, and an eight-byte mark.
//!
//! What is named or checked by the digest of its bytes still is; a program that knows no trailers reads past it.

use super::{About, PublicKey, SecretKey};

const MARK: &[u8; 8] = b"RTRTSGN1";

/// The length of a trailer in bytes.
pub(crate) const TRAILER_BYTES: usize = 32 + 64 + MARK.len();

/// A signature as a file has it; whether it is sound is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    key: [u8; 32],
    signature: [u8; 64],
}

impl Trailer {
    /// Signs something and returns the trailer's bytes.
    pub(crate) fn sign(signer: &SecretKey, about: About, signed: &[u8]) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..32].copy_from_slice(signer.public().as_bytes());
        bytes[32..96].copy_from_slice(&signer.sign(about, signed));
        bytes[96..].copy_from_slice(MARK);
        bytes
    }

    /// Splits a file into what it holds and its trailer, where it has one.
    pub(crate) fn split(bytes: &[u8]) -> (&[u8], Option<Self>) {
        let found = bytes.strip_suffix(MARK).and_then(|rest| {
            let (content, trailer) = rest.split_at_checked(rest.len().checked_sub(96)?)?;
            let (key, signature) = (trailer[..32].try_into().ok()?, trailer[32..].try_into().ok()?);
            Some((content, Self { key, signature }))
        });
        found.map_or((bytes, None), |(content, trailer)| (content, Some(trailer)))
    }

    /// Returns whose sound signature of something it is; `None` when it is none.
    pub(crate) fn signer(&self, about: About, signed: &[u8]) -> Option<PublicKey> {
        let key = PublicKey::from_hex(&blake3::Hash::from_bytes(self.key).to_hex())?;
        key.verifies(about, signed, &self.signature).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_trailer_is_split_off_and_a_changed_one_is_nobody_s(
            chance: [u8; 32], content in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..96, bit in 0u8..8,
        ) {
            let key = SecretKey::from_chance(&chance);
            let mut bytes = [&content[..], &Trailer::sign(&key, About::Saved, &content)].concat();
            let (found, trailer) = Trailer::split(&bytes);
            prop_assert_eq!(found, &content[..]);
            let trailer = trailer.unwrap();
            prop_assert_eq!(trailer.signer(About::Saved, &content), Some(key.public()));
            prop_assert_eq!(trailer.signer(About::Rows, &content), None);
            prop_assert_eq!(trailer.signer(About::Saved, &[&content[..], b"x"].concat()), None);
            bytes[content.len() + at] ^= 1 << bit;
            let (found, trailer) = Trailer::split(&bytes);
            prop_assert_eq!(found, &content[..]);
            prop_assert_eq!(trailer.unwrap().signer(About::Saved, &content), None);
        }

        #[test]
        fn any_bytes_are_split_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Trailer::split(&bytes);
            bytes.extend_from_slice(MARK);
            if let (_, Some(trailer)) = Trailer::split(&bytes) {
                prop_assert_eq!(trailer.signer(About::Rows, b""), None);
            }
        }
    }
}
