//! The three identities, each its own type so that they cannot be swapped.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use super::term::Term;

/// A string that is not 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{text}` as a digest: expected 64 lowercase hexadecimal digits")]
pub struct ParseDigestError {
    /// What was given, cut to 80 characters.
    pub text: String,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes that already are such an identity.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Returns the 64 hexadecimal digits.
            pub fn hex(&self) -> String {
                blake3::Hash::from_bytes(self.0).to_hex().to_string()
            }

            /// Returns the first ten hexadecimal digits, enough for a person to tell two apart.
            pub fn short(&self) -> String {
                let mut hex = self.hex();
                hex.truncate(10);
                hex
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseDigestError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                match blake3::Hash::from_hex(text) {
                    Ok(hash) if lower => Ok(Self(*hash.as_bytes())),
                    _ => Err(ParseDigestError { text: text.chars().take(80).collect() }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type! {
    /// Names bytes: the blake3 hash of exactly those bytes.
    Digest
}
id_type! {
    /// Names an action: the hash of a [`KeyManifest`](super::KeyManifest). Equal fingerprints may share a result.
    Fingerprint
}
id_type! {
    /// Names what one row's result depends on, within a kind of row.
    RowKey
}

impl Digest {
    /// Hashes bytes held in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Hashes a stream to its end with a fixed buffer, and returns the digest and the number of bytes read.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut hasher = StreamDigest::default();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(n) => hasher.update(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl RowKey {
    /// Hashes a term under the domain of row keys.
    pub fn of(term: &Term) -> Self {
        Self(term.hash_in("retort 2026 row key v1"))
    }
}

impl Fingerprint {
    /// Hashes a term under the domain of fingerprints.
    pub(super) fn of(term: &Term) -> Self {
        Self(term.hash_in("retort 2026 fingerprint v1"))
    }
}

/// Hashes bytes as they pass by, for writers that store and name in one go.
#[derive(Debug, Default)]
pub struct StreamDigest {
    hasher: blake3::Hasher,
    bytes: u64,
}

impl StreamDigest {
    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Returns the digest of all bytes taken, and their number.
    pub fn finish(&self) -> (Digest, u64) {
        (Digest(*self.hasher.finalize().as_bytes()), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_refuses_what_is_not_hex() {
        let digest = Digest::of(b"retort");
        assert_eq!(digest.hex().parse::<Digest>(), Ok(digest));
        for bad in ["", "ab", &digest.hex().to_uppercase(), &format!("{digest}0"), "zz"] {
            assert!(bad.parse::<Digest>().is_err(), "`{bad}` was read as a digest");
        }
    }

    #[test]
    fn stream_equals_whole() {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        assert_eq!(Digest::of_reader(&bytes[..]).unwrap(), (Digest::of(&bytes), 300_000));
    }
}
