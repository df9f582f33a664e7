//! The keys of the person who runs this: what they sign with, whom they trust, and which keys count for nothing.
//!
//! They are three files in one folder: `signing.key`, readable by its owner alone, and `trusted` and `revoked`, a key and a
//! name in each line.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err::os::unix::fs::OpenOptionsExt;

use super::exit::Failure;
use super::ownership;
use crate::store::{PublicKey, SecretKey, TrustOptions};

/// A person's keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    folder: PathBuf,
}

/// Keys and whose they are.
pub(super) type Named = BTreeMap<PublicKey, String>;

impl Keys {
    /// Finds the folder: `RETORT_KEYS`, or `retort` in the folder for settings.
    pub(super) fn find(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let settings = || {
            let home = || path("HOME").map(|home| home.join(".config"));
            Some(path("XDG_CONFIG_HOME").or_else(home)?.join("retort"))
        };
        Self { folder: path("RETORT_KEYS").or_else(settings).unwrap_or_else(|| "retort-keys".into()) }
    }

    /// Reads everything; what is not there is empty.
    pub(super) fn read(&self) -> Result<TrustOptions, Failure> {
        let revoked = self.named("revoked")?.into_keys().collect();
        Ok(TrustOptions { signer: self.signer()?, trusted: self.named("trusted")?, revoked, require: false })
    }

    /// Makes the key to sign with; `None` when there is one already.
    pub(super) fn make(&self) -> Result<Option<PublicKey>, Failure> {
        let mut chance = [0; 32];
        fs_err::File::open("/dev/urandom")?.read_exact(&mut chance)?;
        let key = SecretKey::from_chance(&chance);
        fs_err::create_dir_all(&self.folder)?;
        let mut options = fs_err::OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(self.signing_path()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            made => made?.write_all(key.to_text().as_bytes())?,
        }
        Ok(Some(key.public()))
    }

    /// Trusts a key.
    pub(super) fn trust(&self, key: PublicKey, name: &str) -> Result<(), Failure> {
        self.add("trusted", key, name)
    }

    /// Revokes a key.
    pub(super) fn revoke(&self, key: PublicKey, name: &str) -> Result<(), Failure> {
        self.add("revoked", key, name)
    }

    /// Returns where the key to sign with is, or would be.
    pub(super) fn signing_path(&self) -> PathBuf {
        self.folder.join("signing.key")
    }

    fn signer(&self) -> Result<Option<Arc<SecretKey>>, Failure> {
        let path = self.signing_path();
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        let mode = fs_err::metadata(&path)?.permissions().mode();
        if mode & 0o077 != 0 {
            let failure = Failure::unusable(format!("others can read the key `{}`", path.display()));
            return Err(
                failure.hint(format!("`chmod 600 {}`, and make another if anyone may have read it", path.display()))
            );
        }
        let key = SecretKey::from_text(&text)
            .map_err(|error| Failure::unusable(format!("cannot use `{}`: {error}", path.display())))?;
        Ok(Some(Arc::new(key)))
    }

    fn named(&self, file: &str) -> Result<Named, Failure> {
        let path = self.folder.join(file);
        let text = read_if_there(&path)?.unwrap_or_default();
        let mut named = Named::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (key, name) = parse(line).map_err(|why| {
                Failure::unusable(format!("cannot read `{}`, line {}: {why}", path.display(), index + 1))
            })?;
            named.insert(key, name);
        }
        Ok(named)
    }

    fn add(&self, file: &str, key: PublicKey, name: &str) -> Result<(), Failure> {
        fs_err::create_dir_all(&self.folder)?;
        let mut options = fs_err::OpenOptions::new();
        let mut file = options.append(true).create(true).open(self.folder.join(file))?;
        Ok(file.write_all(format!("{key} {name}\n").as_bytes())?)
    }
}

/// Reads a key and whose it is: `ed25519:… name`.
pub(super) fn parse(text: &str) -> Result<(PublicKey, String), String> {
    let (key, name) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    Ok((key.parse().map_err(|error: crate::store::KeyError| error.to_string())?, name.trim().to_owned()))
}

fn read_if_there(path: &Path) -> Result<Option<String>, Failure> {
    if !path.try_exists()? {
        return Ok(None);
    }
    ownership::read(path, "set `RETORT_KEYS` to a folder of your own").map(Some)
}
