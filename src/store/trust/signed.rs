//! A signature of a record.

use super::{About, PublicKey, SecretKey};
use crate::record::RecordId;

/// A record's signature by one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed {
    key: PublicKey,
    signature: [u8; 64],
}

impl Signed {
    /// Signs a record.
    pub(crate) fn by(signer: &SecretKey, id: RecordId) -> Self {
        Self { key: signer.public(), signature: signer.sign(About::Record, id.digest().as_bytes()) }
    }

    /// Reads a signature of a record; `None` when it is not sound.
    pub(crate) fn verify(id: RecordId, key: &str, signature: &[u8]) -> Option<Self> {
        let (key, signature) = (PublicKey::from_hex(key)?, signature.try_into().ok()?);
        key.verifies(About::Record, id.digest().as_bytes(), &signature).then_some(Self { key, signature })
    }

    /// Reads a signature of a record from digits; `None` when it is not sound.
    pub(crate) fn read(id: RecordId, key: &str, digits: &str) -> Option<Self> {
        let half = |digits: &str| blake3::Hash::from_hex(digits).ok().map(|half| *half.as_bytes());
        let (first, second) = digits.split_at_checked(64)?;
        Self::verify(id, key, &[half(first)?, half(second)?].concat())
    }

    /// Writes the key and the signature as digits.
    pub(crate) fn write(&self) -> (String, String) {
        (self.key.hex(), self.signature.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Returns the key.
    pub(crate) fn key(&self) -> PublicKey {
        self.key
    }

    /// Returns the digits that name the key.
    pub(crate) fn key_name(&self) -> String {
        self.key.hex()
    }

    /// Returns the bytes of the signature.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.signature
    }
}
