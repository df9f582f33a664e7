//! Keys and how they are written: `ed25519:` and 64 hexadecimal digits for a public key.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

/// The beginning of a public key's text.
const PREFIX: &str = "ed25519:";

/// What a signature is about, so that it can be taken for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A record, by its digest.
    Record,
    /// A pack of rows, by its kind and the digest of what stands before the signature.
    Rows,
    /// Saved work, by its action, its name and the digest of its content.
    Saved,
}

impl About {
    /// The bytes that stand before what is signed.
    const fn domain(self) -> &'static [u8] {
        match self {
            Self::Record => b"retort 2026 claim signature v1\0",
            Self::Rows => b"retort 2026 row pack signature v1\0",
            Self::Saved => b"retort 2026 saved work signature v1\0",
        }
    }
}

/// From a secret key comes another with which its owner knows their own journals again.
const JOURNALS: &str = "retort 2026 rows of a journal v1";

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read a key: expected {expected}")]
pub struct KeyError {
    /// What a key looks like.
    expected: &'static str,
}

/// The key by which a person's signatures are known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// The key with which a person signs. It is shown nowhere and forgotten when it is dropped.
pub struct SecretKey(SigningKey);

impl PublicKey {
    /// Returns the digits that name its signatures.
    pub(crate) fn hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// Reads the digits that name its signatures.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let bytes = *blake3::Hash::from_hex(text).ok()?.as_bytes();
        // Not every 32 bytes are a point of the curve, and of weak ones many signatures would be.
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())?;
        (Self(key.to_bytes()).hex() == text).then_some(Self(bytes))
    }

    /// Returns the key's bytes.
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Tells whether a signature was made with the key's secret half.
    pub(super) fn verifies(self, about: About, signed: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(&message(about, signed), &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = KeyError { expected: "`ed25519:` and the 64 digits of a public key" };
        text.strip_prefix(PREFIX).and_then(Self::from_hex).ok_or(error)
    }
}

impl SecretKey {
    /// Makes the key of 32 bytes of chance.
    pub fn from_chance(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// Reads the key from its file's text.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = blake3::Hash::from_hex(text.trim());
        let error = KeyError { expected: "the 64 digits of a secret key" };
        bytes.map(|bytes| Self::from_chance(bytes.as_bytes())).map_err(|_| error)
    }

    /// Writes the key's file.
    pub fn to_text(&self) -> String {
        format!("{}\n", blake3::Hash::from_bytes(self.0.to_bytes()).to_hex())
    }

    /// Returns the half that others are given.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs something.
    pub(super) fn sign(&self, about: About, signed: &[u8]) -> [u8; 64] {
        self.0.sign(&message(about, signed)).to_bytes()
    }

    /// Returns what only the owner of the key can say of a row.
    pub(crate) fn vouch(&self, row: &[u8]) -> [u8; 32] {
        let key = blake3::derive_key(JOURNALS, &self.0.to_bytes());
        *blake3::keyed_hash(&key, row).as_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

fn message(about: About, signed: &[u8]) -> Vec<u8> {
    [about.domain(), signed].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_signature_is_of_one_thing_and_one_key(
            chance: [u8; 32], other: [u8; 32], record: [u8; 32], at in 0usize..64, bit in 0u8..8,
        ) {
            let key = SecretKey::from_chance(&chance);
            let signature = key.sign(About::Record, &record);
            prop_assert!(key.public().verifies(About::Record, &record, &signature));
            prop_assert!(!key.public().verifies(About::Rows, &record, &signature));
            prop_assert!(!key.public().verifies(About::Saved, &record, &signature));
            prop_assume!(other != chance && other != record);
            prop_assert!(!SecretKey::from_chance(&other).public().verifies(About::Record, &record, &signature));
            prop_assert!(!key.public().verifies(About::Record, &other, &signature));
            let mut forged = signature;
            forged[at] ^= 1 << bit;
            prop_assert!(!key.public().verifies(About::Record, &record, &forged));
            prop_assert_ne!(key.vouch(&record), SecretKey::from_chance(&other).vouch(&record));
        }

        #[test]
        fn keys_survive_their_text(chance: [u8; 32]) {
            let key = SecretKey::from_chance(&chance);
            prop_assert_eq!(SecretKey::from_text(&key.to_text()).unwrap().public(), key.public());
            prop_assert_eq!(key.public().to_string().parse(), Ok(key.public()));
            let shown = format!("{key:?}");
            prop_assert!(!shown.contains(key.to_text().trim()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,80}") {
            let _ = text.parse::<PublicKey>();
            let _ = SecretKey::from_text(&text);
        }
    }

    #[test]
    fn weak_and_malformed_keys_are_refused() {
        let zero = format!("ed25519:{}", "0".repeat(64));
        let one = format!("ed25519:01{}", "0".repeat(62));
        for text in ["", "ed25519:", "ed25519:ab", &zero, &one, &"f".repeat(64)] {
            assert!(text.parse::<PublicKey>().is_err(), "`{text}`");
        }
    }
}
