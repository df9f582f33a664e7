//! Trust: who signed a record, and whose records are used.
//!
//! A signature is a small file beside the records, made with ed25519 over the record's name, which is the digest of all it
//! says: action, outputs, producer. So a signature says nothing of any other record, and a record may be signed by several:
//! its producer, and whoever ran it again and got the same.
//!
//! Where trust is required, a record without a signature of a trusted key is seen and said to be there, but not used, be it in
//! a remote or in the cache itself. A key that was revoked counts for nothing, whoever trusts it.
//!
//! What else can become a result is signed in its own file ([`Trailer`]): packs of rows, one signature each, and saved work.

mod key;
mod signed;
mod trailer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use key::About;
pub use key::{KeyError, PublicKey, SecretKey};
pub(super) use signed::Signed;
pub(super) use trailer::{TRAILER_BYTES, Trailer};

use super::RecordId;
use super::notice::Notice;

/// Whom a person trusts, and with what they sign.
#[derive(Debug, Clone, Default)]
pub struct TrustOptions {
    /// The key that signs what is made here; it is trusted as well.
    pub signer: Option<Arc<SecretKey>>,
    /// The keys of others, and whose they are.
    pub trusted: BTreeMap<PublicKey, String>,
    /// Keys that count for nothing.
    pub revoked: BTreeSet<PublicKey>,
    /// Only records that a trusted key has signed are used.
    pub require: bool,
}

impl TrustOptions {
    /// Returns the keys that count.
    fn keys(&self) -> BTreeSet<PublicKey> {
        let own = self.signer.as_ref().map(|signer| signer.public());
        self.trusted.keys().copied().chain(own).filter(|key| !self.revoked.contains(key)).collect()
    }
}

/// Records that were seen and not used.
#[derive(Debug, Default)]
struct Unused {
    records: BTreeSet<RecordId>,
    first: Option<String>,
}

/// What an opened store knows of trust.
#[derive(Debug, Default)]
pub(super) struct Trust {
    signer: Option<Arc<SecretKey>>,
    keys: BTreeSet<PublicKey>,
    pub(super) require: bool,
    /// Which records were seen and not used since this was last told, and who made the first.
    unused: Mutex<Unused>,
}

impl Trust {
    pub(super) fn new(options: &TrustOptions) -> Self {
        let signer = options.signer.clone().filter(|signer| !options.revoked.contains(&signer.public()));
        Self { signer, keys: options.keys(), require: options.require, ..Self::default() }
    }

    /// Tells whether a record with these sound signatures may be used.
    pub(super) fn accepts(&self, signatures: &[Signed]) -> bool {
        !self.require || signatures.iter().any(|signed| self.keys.contains(&signed.key()))
    }

    /// Returns the key that signs what is made here.
    pub(super) fn signer(&self) -> Option<&SecretKey> {
        self.signer.as_deref()
    }

    /// Returns the keys that count.
    pub(super) fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// Tells whether a key counts.
    pub(super) fn counts(&self, key: &PublicKey) -> bool {
        self.keys.contains(key)
    }

    /// Names the set of the keys that count, so that what was concluded under another is not taken for this one's.
    pub(super) fn key_set(&self) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        self.keys.iter().for_each(|key| {
            hasher.update(key.as_bytes());
        });
        let mut name = [0; 8];
        name.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        name
    }

    /// Returns the names of the keys that count.
    pub(super) fn key_names(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(|key| key.hex())
    }

    /// Notes that a record was seen and not used.
    pub(super) fn passed_by(&self, id: RecordId, producer: &super::Producer) {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        unused.records.insert(id);
        unused.first.get_or_insert_with(|| format!("{}@{}", producer.user, producer.host));
    }

    /// Takes what is to be told of records that were not used.
    pub(super) fn take_notice(&self) -> Option<Notice> {
        let Unused { records, first } =
            std::mem::take(&mut *self.unused.lock().unwrap_or_else(PoisonError::into_inner));
        first.map(|by| Notice::Untrusted { records: records.len() as u64, by })
    }
}
