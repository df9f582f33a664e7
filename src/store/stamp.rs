//! What the file system says about a file without reading it.

use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file's (device, inode, size, mtime, ctime): as long as it stays the same, the bytes did.
///
/// Mode bits are left out on purpose: nothing may be concluded from them, except that changing them changes the ctime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
    guarded: bool,
}

/// The write permissions of a group and of everybody.
const OTHERS_WRITE: u32 = 0o022;

/// How coarse a file system's clock may be when its stamps carry fractions of a second; Linux ticks every 1 to 10 ms.
const TICK_NS: i128 = 50_000_000;

/// The same when they carry none.
const COARSE_TICK_NS: i128 = 2_000_000_000;

impl Stamp {
    /// The length of the encoding in bytes.
    pub(super) const ENCODED: usize = 40;

    pub(super) fn of(metadata: &Metadata) -> Self {
        let ns = |seconds: i64, fraction: i64| i128::from(seconds) * 1_000_000_000 + i128::from(fraction);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            guarded: is_guarded(metadata),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Tells whether only this user, or the superuser, can write the file.
    ///
    /// Whoever else can write it may do so without its stamp telling: a page of a mapped file is written long before the
    /// file's times say so.
    pub(super) fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// Tells whether both name the same file, whatever happened to it.
    pub(super) fn same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Tells whether a change made at or after `read_ns` would have given the file another stamp.
    ///
    /// A file changed within the tick in which it was read keeps its stamp, so such a stamp proves nothing (the racy
    /// timestamp of version control systems). `slack_ns` is added for inputs that other machines may write.
    pub(super) fn is_settled(&self, read_ns: i128, slack_ns: i128) -> bool {
        let newest = self.modified_ns.max(self.changed_ns);
        let whole_seconds = self.modified_ns % 1_000_000_000 == 0 && self.changed_ns % 1_000_000_000 == 0;
        let tick = if whole_seconds { COARSE_TICK_NS } else { TICK_NS };
        newest + tick.max(slack_ns) < read_ns
    }

    /// The later of mtime and ctime, in milliseconds since 1970.
    pub(super) fn newest_ms(&self) -> u64 {
        u64::try_from(self.modified_ns.max(self.changed_ns) / 1_000_000).unwrap_or(0)
    }

    /// The mtime in milliseconds since 1970.
    pub(super) fn modified_ms(&self) -> u64 {
        u64::try_from(self.modified_ns / 1_000_000).unwrap_or(0)
    }

    /// The name of the file within this machine: device and inode.
    pub(super) fn file_id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.device.to_be_bytes());
        id[8..].copy_from_slice(&self.inode.to_be_bytes());
        id
    }

    /// Packs the stamp for the index. Times are cut to 64 bits, enough until the year 2262.
    pub(super) fn encode(&self) -> [u8; Self::ENCODED] {
        let mut out = [0; Self::ENCODED];
        let fields = [self.device, self.inode, self.bytes, self.modified_ns as u64, self.changed_ns as u64];
        for (slot, field) in out.chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        out
    }
}

/// Tells whether only this user, or the superuser, can write a file or folder.
pub(super) fn is_guarded(metadata: &Metadata) -> bool {
    is_of_ours(metadata) && metadata.mode() & OTHERS_WRITE == 0
}

/// Tells whether this user, or the superuser, owns something.
pub(super) fn is_of_ours(metadata: &Metadata) -> bool {
    [rustix::process::geteuid().as_raw(), 0].contains(&metadata.uid())
}

/// The numbers of file systems in memory, where a file that is written through a mapping keeps its stamp: tmpfs, ramfs and
/// hugetlbfs.
#[cfg(target_os = "linux")]
const SILENT: [u64; 3] = [0x0102_1994, 0x8584_58F6, 0x9584_58F6];

/// Tells whether whoever changes an open file changes its stamp, too. Elsewhere than on Linux all file systems are trusted to.
pub(super) fn stamps_tell(file: &impl AsFd) -> bool {
    #[cfg(target_os = "linux")]
    let tells = rustix::fs::fstatfs(file).is_ok_and(|stat| !SILENT.contains(&u64::from(stat.f_type as u32)));
    #[cfg(not(target_os = "linux"))]
    let (tells, _) = (true, file);
    tells
}

/// Tells the same of the file at a path, links followed.
pub(super) fn stamps_tell_at(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    let tells = rustix::fs::statfs(path).is_ok_and(|stat| !SILENT.contains(&u64::from(stat.f_type as u32)));
    #[cfg(not(target_os = "linux"))]
    let (tells, _) = (true, path);
    tells
}

/// The time of this machine in nanoseconds since 1970.
pub(super) fn now_ns() -> i128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_as_young_as_the_reading_proves_nothing() {
        let stamp =
            |changed_ns| Stamp { device: 1, inode: 2, bytes: 3, modified_ns: 1_500_000_001, changed_ns, guarded: true };
        let read = 9_000_000_001;
        assert!(stamp(1_500_000_001).is_settled(read, 0));
        assert!(!stamp(read).is_settled(read, 0));
        assert!(!stamp(read - 1_000_000).is_settled(read, 0));
        assert!(!stamp(read + 5_000_000_000).is_settled(read, 0), "a clock ahead of ours");
        assert!(!stamp(read - 1_000_000_000).is_settled(read, 2_000_000_000), "within the slack");
    }

    #[test]
    fn whole_seconds_are_taken_for_a_coarse_clock() {
        let (modified_ns, changed_ns) = (7_000_000_000, 8_000_000_000);
        let stamp = Stamp { device: 1, inode: 2, bytes: 3, modified_ns, changed_ns, guarded: true };
        assert!(!stamp.is_settled(9_900_000_000, 0));
        assert!(stamp.is_settled(10_000_000_001, 0));
    }
}
