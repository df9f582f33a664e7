//! Where everything lies under the cache's root.
//!
//! Paths are made of typed identities and [`Component`]s only, so no name from outside can leave its folder.

use std::path::{Path, PathBuf};

use retort_fingerprint::{Digest, Fingerprint};

/// A name made safe as one component of a path: one-to-one, never empty, never `.` or `..`, at most 120 bytes.
///
/// Letters, digits, `-`, `_` and inner dots stay; every other byte becomes `%` and two hexadecimal digits. A name that
/// would get too long is cut and ends in its own digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Component(String);

impl Component {
    const LENGTH_MAX: usize = 120;

    pub(super) fn of(name: &str) -> Self {
        let mut text = String::with_capacity(name.len());
        for (index, byte) in name.bytes().enumerate() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && index > 0) {
                text.push(char::from(byte));
            } else {
                let [high, low] = [byte >> 4, byte & 15].map(|half| char::from(b"0123456789abcdef"[usize::from(half)]));
                text.extend(['%', high, low]);
            }
        }
        if text.is_empty() {
            text.push('%');
        }
        if text.len() > Self::LENGTH_MAX {
            text.truncate(Self::LENGTH_MAX - 65);
            text = format!("{text}%{}", Digest::of(name.as_bytes()));
        }
        Self(text)
    }

    /// Takes a name that was read elsewhere, if it is one that [`of`](Self::of) gives.
    pub(super) fn read(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'%');
        let fits = !name.is_empty() && name.len() <= Self::LENGTH_MAX && !name.starts_with('.');
        (fits && name.bytes().all(plain)).then(|| Self(name.to_owned()))
    }

    /// Takes a name that was read from one of the cache's own folders.
    pub(super) fn listed(name: &str) -> Self {
        Self(name.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for Component {
    fn as_ref(&self) -> &Path {
        self.0.as_ref()
    }
}

/// The folders of one cache.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

/// A part of the cache that is counted and swept on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Area {
    Objects,
    Actions,
    /// One record of each action under the action's name; only in a cache that a group shares.
    Heads,
    Signatures,
    /// A mark for each blob that is not kept on purpose.
    Evicted,
    Rows,
    Partial,
    Runs,
    Roots,
    Leases,
    Tmp,
    Trash,
    Index,
}

impl Area {
    pub(super) const ALL: [Self; 13] = [
        Self::Objects,
        Self::Actions,
        Self::Heads,
        Self::Signatures,
        Self::Evicted,
        Self::Rows,
        Self::Partial,
        Self::Runs,
        Self::Roots,
        Self::Leases,
        Self::Tmp,
        Self::Trash,
        Self::Index,
    ];

    /// The version of a layout stands in its folder's name, so that an older program never misreads a newer one.
    const fn folder(self) -> &'static str {
        match self {
            Self::Objects => "objects/v1",
            Self::Actions => "actions/v1",
            Self::Heads => "heads/v1",
            Self::Signatures => "signatures/v1",
            Self::Evicted => "evicted/v1",
            Self::Rows => "rows/v1",
            Self::Partial => "partial/v1",
            Self::Runs => "runs/v1",
            Self::Roots => "roots",
            Self::Leases => "leases",
            Self::Tmp => "tmp",
            Self::Trash => "trash",
            Self::Index => "index",
        }
    }
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn area(&self, area: Area) -> PathBuf {
        self.root.join(area.folder())
    }

    /// The file that tells backup programs to pass by, and Retort that this is a cache.
    pub(super) fn tag(&self) -> PathBuf {
        self.root.join("CACHEDIR.TAG")
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.sharded(Area::Objects, &digest.hex())
    }

    pub(super) fn evicted(&self, digest: &Digest) -> PathBuf {
        self.sharded(Area::Evicted, &digest.hex())
    }

    pub(super) fn records_of(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.sharded(Area::Actions, &fingerprint.hex())
    }

    pub(super) fn record(&self, fingerprint: &Fingerprint, record: &Digest) -> PathBuf {
        let mut path = self.records_of(fingerprint);
        path.push(record.hex());
        path
    }

    pub(super) fn head(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.sharded(Area::Heads, &fingerprint.hex())
    }

    pub(super) fn signatures_of(&self, record: &Digest) -> PathBuf {
        self.sharded(Area::Signatures, &record.hex())
    }

    /// A key is named by its hexadecimal digits.
    pub(super) fn signature(&self, record: &Digest, key: &str) -> PathBuf {
        self.signatures_of(record).join(Component::of(key))
    }

    pub(super) fn run(&self, run: &str) -> PathBuf {
        self.area(Area::Runs).join(Component::of(run))
    }

    pub(super) fn rows_of(&self, kind: &Component) -> PathBuf {
        self.area(Area::Rows).join(kind)
    }

    /// Returns the kind of rows that a folder is for.
    pub(super) fn kind_of(&self, folder: &Path) -> Option<Component> {
        let name = folder.file_name()?.to_str()?;
        (folder.parent()? == self.area(Area::Rows)).then(|| Component::listed(name))
    }

    pub(super) fn partial_of(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.area(Area::Partial).join(fingerprint.hex())
    }

    pub(super) fn lease(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.area(Area::Leases).join(fingerprint.hex())
    }

    pub(super) fn roots_of(&self, user: &str) -> PathBuf {
        self.area(Area::Roots).join(Component::of(user))
    }

    pub(super) fn quarantine(&self) -> PathBuf {
        self.area(Area::Trash).join("quarantine")
    }

    fn sharded(&self, area: Area, hex: &str) -> PathBuf {
        let folder = area.folder();
        let mut path = PathBuf::with_capacity(self.root.as_os_str().len() + folder.len() + 2 * hex.len() + 6);
        path.push(&self.root);
        path.push(folder);
        path.push(&hex[..2]);
        path.push(hex);
        path
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_names_stay_and_dangerous_ones_are_defused() {
        let shown: Vec<String> =
            ["jane.doe", "", "..", ".hidden", "a/b", "é", "x\0"].map(|name| Component::of(name).0).to_vec();
        assert_eq!(shown, ["jane.doe", "%", "%2e.", "%2ehidden", "a%2fb", "%c3%a9", "x%00"]);
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_read() {
        for name in ["", ".", "..", "../x", "a/b", "/", "x\0", "é", &"x".repeat(121)] {
            assert_eq!(Component::read(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_one_component_of_its_own(one in ".{0,60}", other in ".{0,60}") {
            let (a, b) = (Component::of(&one), Component::of(&other));
            prop_assert_eq!(one == other, a == b);
            prop_assert!(a.0.len() <= 120);
            prop_assert_eq!(Path::new(&a.0).components().count(), 1);
            prop_assert!(matches!(Path::new(&a.0).components().next(), Some(std::path::Component::Normal(_))));
            prop_assert_eq!(Component::read(&a.0), Some(a));
        }
    }
}
