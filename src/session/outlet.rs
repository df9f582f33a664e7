//! Folders that Retort writes for people and other programs: reports, figures, exported students.
//!
//! A folder has a [`LISTING`] of what Retort wrote there. Only what is in it is ever replaced or removed, and only while it has
//! the bytes it was written with: anything else belongs to somebody, and is an error before anything is written. Afterwards the
//! folder holds what was written last, and whatever others put beside it.
//!
//! A folder that is new appears at once. In one that is there, everything is written under names of its own first, so that a
//! full disk or a killed program leaves what was there; then each file takes its name at once, and the files of an earlier time
//! go last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::{Error, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use retort_fingerprint::Digest;
use serde::{Deserialize, Serialize};

use super::SessionError;
use super::content::{Blob, Content};

/// The file that says what of a folder was written by Retort.
pub(crate) const LISTING: &str = ".retort-wrote.json";

/// The most bytes of a listing that is read.
const LISTING_BYTES_MAX: u64 = 16 << 20;

/// What was written to a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Listing {
    /// The digests that each file may have: that of what was written, and while files are written, of what was there.
    files: BTreeMap<String, BTreeSet<String>>,
}

/// A folder's files.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What a folder is to hold.
pub(crate) struct Contents<'a> {
    /// The files to write.
    pub(crate) files: &'a Files,
    /// Further files, too large for memory.
    pub(crate) blobs: BTreeMap<String, Blob<'a>>,
    /// Files that were written earlier and stay.
    pub(crate) kept: BTreeSet<String>,
    /// Says of a file that others put there why it cannot stay beside these; such a one is an error.
    pub(crate) clashes: fn(&str) -> Option<&'static str>,
    /// Says whether a file without a listing may be one that an earlier version wrote, which kept none.
    pub(crate) adopts: bool,
}

impl<'a> Contents<'a> {
    /// These files and no others.
    pub(crate) fn of(files: &'a Files) -> Self {
        Self { files, blobs: BTreeMap::new(), kept: BTreeSet::new(), clashes: |_| None, adopts: false }
    }

    /// Every file with what it is to hold.
    fn all(&self) -> impl Iterator<Item = (&String, Content<'_>)> {
        let files = self.files.iter().map(|(name, bytes)| (name, Content::Bytes(bytes)));
        files.chain(self.blobs.iter().map(|(name, blob)| (name, Content::Blob(*blob))))
    }

    fn get(&self, name: &str) -> Option<Content<'_>> {
        let blob = || self.blobs.get(name).map(|blob| Content::Blob(*blob));
        self.files.get(name).map(|bytes| Content::Bytes(bytes)).or_else(blob)
    }
}

/// Makes a folder hold these files, leaving alone those that have the same bytes already, so that a run of hits touches
/// nothing. Returns how many were written.
///
/// Folders above `folder` are made where they lack, from `below` on only as folders: a link among them is not followed.
pub(crate) fn write(below: &Path, folder: &Path, contents: &Contents<'_>) -> Result<usize, SessionError> {
    if folder.as_os_str().is_empty() {
        return Err(SessionError::invalid("an empty path names no directory").with_hint("`.` is the working directory"));
    }
    require_folders(below, folder)?;
    let listing = read_listing(folder)?;
    let there = entries(folder)?;
    check(folder, contents, &listing, &there)?;
    let changed: Vec<(&String, Content<'_>)> =
        contents.all().filter(|(name, content)| !content.is_in(&folder.join(name))).collect();
    let stale: Vec<&String> = listing
        .files
        .keys()
        .filter(|name| contents.get(name).is_none() && !contents.kept.contains(*name))
        .filter(|name| is_ours(folder, name, &listing))
        .collect();
    let settled = settled(contents, &listing);
    if changed.is_empty() && stale.is_empty() && settled.files == listing.files {
        return Ok(0);
    }
    if there.is_empty() {
        at_once(folder, contents, &settled)?;
        return Ok(changed.len());
    }
    // Whoever is killed from here on leaves files that are still known to be ours.
    let mut both = settled.files.clone();
    for (name, digests) in &listing.files {
        both.entry(name.clone()).or_default().extend(digests.iter().cloned());
    }
    let halves =
        changed.iter().map(|(name, content)| Half::write(folder, name, *content)).collect::<Result<Vec<_>, _>>()?;
    write_listing(folder, &Listing { files: both })?;
    for half in halves {
        half.place()?;
    }
    for name in &stale {
        fs::remove_file(folder.join(name))?;
    }
    write_listing(folder, &settled)?;
    Ok(changed.len())
}

/// Writes one file that a person named, which is not there yet or is one that `ours` takes for Retort's. What is no plain file,
/// such as a pipe or a device, is written into.
pub(crate) fn write_file(path: &Path, bytes: &[u8], ours: impl FnOnce(&[u8]) -> bool) -> Result<(), SessionError> {
    let stands = fs::symlink_metadata(path).ok();
    let follows = fs::metadata(path).ok();
    if follows.as_ref().is_some_and(|meta| !meta.is_file() && !meta.is_dir()) {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        file.write_all(bytes)?;
        return Ok(file.flush()?);
    }
    if let Some(meta) = stands {
        let head = read_plain(path, 4096).ok().flatten();
        if !meta.is_file() || !head.is_some_and(|head| head.is_empty() || ours(&head)) {
            return Err(not_ours(path, &meta));
        }
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or_else(|| SessionError::invalid(format!("`{}` names no file", path.display())))?;
    Half::write(folder, &name.to_string_lossy(), Content::Bytes(bytes))?.place()?;
    Ok(())
}

/// Reads a plain file, up to so many bytes; `None` where there is none, or something else.
pub(crate) fn read_plain(path: &Path, bytes_max: u64) -> std::io::Result<Option<Vec<u8>>> {
    if !fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file()) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Says whether a plain file has exactly these bytes.
pub(crate) fn holds(path: &Path, bytes: &[u8]) -> bool {
    Content::Bytes(bytes).is_in(path)
}

/// Makes the folders that lack, and refuses whatever else stands in the place of one below `below`.
fn require_folders(below: &Path, folder: &Path) -> Result<(), SessionError> {
    let inner = folder.strip_prefix(below).unwrap_or(Path::new(""));
    let mut at = below.to_owned();
    let mut places = vec![(at.clone(), true)];
    for part in inner.components() {
        at.push(part);
        places.push((at.clone(), false));
    }
    for (place, follows) in places {
        let meta = if follows { fs::metadata(&place) } else { fs::symlink_metadata(&place) };
        match meta {
            Ok(meta) if meta.is_dir() => {}
            Ok(meta) => return Err(not_a_folder(&place, &meta)),
            Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(&place).is_err() => {}
            Err(error) => return Err(error.into()),
        }
    }
    // The last one may appear with its files in it.
    Ok(folder
        .parent()
        .map_or(Ok(()), |parent| if parent.as_os_str().is_empty() { Ok(()) } else { fs::create_dir_all(parent) })?)
}

/// Lists what is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<BTreeMap<String, Metadata>, SessionError> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        other => other?,
    };
    let mut found = BTreeMap::new();
    for entry in listed {
        let entry = entry?;
        found.insert(entry.file_name().to_string_lossy().into_owned(), fs::symlink_metadata(entry.path())?);
    }
    Ok(found)
}

/// Refuses to write where something of somebody else's would be lost, or would change what is written.
fn check(
    folder: &Path,
    contents: &Contents<'_>,
    listing: &Listing,
    there: &BTreeMap<String, Metadata>,
) -> Result<(), SessionError> {
    for (name, meta) in there {
        let path = folder.join(name);
        let ours = meta.is_file() && is_ours(folder, name, listing);
        match contents.get(name) {
            Some(content) => {
                let adopted = contents.adopts && meta.is_file() && !listing.files.contains_key(name);
                if !ours && !adopted && !content.is_in(&path) {
                    return Err(not_ours(&path, meta));
                }
            }
            None if ours || contents.kept.contains(name) => {}
            None => {
                if let Some(why) = (contents.clashes)(name) {
                    let said = format!("`{}` is in the way: {why}, and Retort did not write it", path.display());
                    return Err(SessionError::unusable(said).with_hint("name another directory, or move it away"));
                }
            }
        }
    }
    Ok(())
}

/// Says whether a file has bytes that Retort wrote.
fn is_ours(folder: &Path, name: &str, listing: &Listing) -> bool {
    let Some(digests) = listing.files.get(name) else { return false };
    let path = folder.join(name);
    let plain = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
    let digest = || fs::File::open(&path).and_then(|mut file| Digest::of_reader(&mut file));
    plain && digest().is_ok_and(|(digest, _)| digests.contains(&digest.to_string()))
}

fn not_ours(path: &Path, meta: &Metadata) -> SessionError {
    let what = if meta.is_symlink() {
        "it is a link, and nothing is written through it"
    } else if meta.is_file() {
        "Retort did not write it, or it was changed since"
    } else {
        "it is not a file"
    };
    SessionError::unusable(format!("`{}` is there already and is not overwritten: {what}", path.display()))
        .with_hint("name another directory, or move it away")
}

fn not_a_folder(path: &Path, meta: &Metadata) -> SessionError {
    let what = if meta.is_symlink() { "a link, and nothing is written through it" } else { "not a directory" };
    SessionError::unusable(format!("cannot write below `{}`: it is {what}", path.display()))
        .with_hint("name another directory, or move it away")
}

/// The listing of a folder that is written.
fn settled(contents: &Contents<'_>, listing: &Listing) -> Listing {
    let written = contents.all().map(|(name, content)| (name.clone(), BTreeSet::from([content.digest().to_string()])));
    let kept = listing.files.iter().filter(|(name, _)| contents.kept.contains(*name));
    Listing { files: kept.map(|(name, of)| (name.clone(), of.clone())).chain(written).collect() }
}

/// Says whether a folder has a listing of what Retort wrote there, which can be read.
pub(crate) fn is_recorded(folder: &Path) -> bool {
    read_listing(folder).is_ok_and(|listing| !listing.files.is_empty())
}

fn read_listing(folder: &Path) -> Result<Listing, SessionError> {
    let path = folder.join(LISTING);
    let Some(bytes) = read_plain(&path, LISTING_BYTES_MAX)? else { return Ok(Listing::default()) };
    // A listing that cannot be read says of nothing that it is ours.
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

fn write_listing(folder: &Path, listing: &Listing) -> Result<(), SessionError> {
    let mut bytes = serde_json::to_vec_pretty(listing).expect("names and digests encode as JSON");
    bytes.push(b'\n');
    let path = folder.join(LISTING);
    if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_file()) {
        return Err(not_ours(&path, &fs::symlink_metadata(&path)?));
    }
    Ok(Half::write(folder, LISTING, Content::Bytes(&bytes))?.place()?)
}

/// Writes a folder under another name and gives it its own when it is whole.
fn at_once(folder: &Path, contents: &Contents<'_>, listing: &Listing) -> Result<(), SessionError> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    // `.` and the like have no name to take; what is in them is written file by file.
    let Some(name) = name else {
        let halves =
            contents.all().map(|(name, content)| Half::write(folder, name, content)).collect::<Result<Vec<_>, _>>()?;
        write_listing(folder, listing)?;
        return Ok(halves.into_iter().try_for_each(Half::place)?);
    };
    let half = Unfinished(folder.with_file_name(format!(".{name}.{}.part", std::process::id())));
    let _ = fs::remove_dir_all(&half.0);
    fs::create_dir(&half.0)?;
    for (name, content) in contents.all() {
        content.write_to(&mut fs::File::create(half.0.join(name))?)?;
    }
    write_listing(&half.0, listing)?;
    // An empty folder, or a link to one that a person named, keeps its own mode and place.
    match fs::symlink_metadata(folder) {
        Ok(_) => {
            for name in contents.all().map(|(name, _)| name.as_str()).chain([LISTING]) {
                fs::rename(half.0.join(name), folder.join(name))?;
            }
        }
        Err(_) => match fs::rename(&half.0, folder) {
            // Another run has made the folder meanwhile; it wrote the same report.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
            other => other?,
        },
    }
    Ok(())
}

/// A folder that goes away when it is not finished.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file that is whole and has not got its name yet.
struct Half {
    part: PathBuf,
    path: PathBuf,
    placed: bool,
}

impl Half {
    fn write(folder: &Path, name: &str, content: Content<'_>) -> Result<Self, SessionError> {
        // Several runs may write one folder at a time, each its own halves.
        let part = folder.join(format!(".{}.{}.part", name.trim_start_matches('.'), std::process::id()));
        let one = Self { part, path: folder.join(name), placed: false };
        // A link or pipe that stands under the name is not written through.
        let _ = fs::remove_file(&one.part);
        content.write_to(&mut fs::OpenOptions::new().write(true).create_new(true).open(&one.part)?)?;
        Ok(one)
    }

    fn place(mut self) -> Result<(), Error> {
        fs::rename(&self.part, &self.path)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn files(of: &[(&str, &str)]) -> Files {
        of.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn put(folder: &Path, of: &[(&str, &str)]) -> Result<usize, String> {
        let files = files(of);
        let clashes = |name: &str| name.ends_with(".safetensors").then_some("it is a student's weights");
        let contents = Contents { clashes, ..Contents::of(&files) };
        write(folder, folder, &contents).map_err(|failure| failure.to_string())
    }

    fn held(folder: &Path) -> Vec<(String, String)> {
        let there = entries(folder).map_err(|failure| failure.to_string()).unwrap();
        let names = there.into_keys().filter(|name| name != LISTING);
        names.map(|name| (name.clone(), fs::read_to_string(folder.join(&name)).unwrap())).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_others_wrote_stays_and_what_is_stale_goes() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        assert_eq!(put(&folder, &[("one", "1"), ("two", "2")]), Ok(2));
        assert_eq!(put(&folder, &[("one", "1"), ("two", "2")]), Ok(0));
        fs::write(folder.join("mine"), "M").unwrap();
        assert_eq!(put(&folder, &[("one", "3")]), Ok(1));
        assert_eq!(held(&folder), pairs(&[("mine", "M"), ("one", "3")]));
        // What a person changed is theirs.
        fs::write(folder.join("one"), "edited").unwrap();
        let said = put(&folder, &[("one", "4"), ("two", "5")]).unwrap_err();
        assert!(said.contains("a/b/one` is there already and is not overwritten"), "{said}");
        assert_eq!(put(&folder, &[("two", "5")]), Ok(1), "and stays, without being in the way");
        assert_eq!(held(&folder), pairs(&[("mine", "M"), ("one", "edited"), ("two", "5")]));
        // Unless it is what would be written anyway.
        assert_eq!(put(&folder, &[("one", "edited")]), Ok(0));
        fs::write(folder.join("model-00001.safetensors"), "W").unwrap();
        assert!(put(&folder, &[("one", "6")]).unwrap_err().contains("it is a student's weights"));
        let left = entries(&folder).map_err(|failure| failure.to_string()).unwrap();
        assert!(!left.keys().any(|name| name.contains(".part")), "{left:?}");
    }

    type Stand = fn(&Path, &Path);

    #[test]
    fn whatever_stands_in_the_way_is_refused_before_anything_is_written() {
        let root = tempfile::tempdir().unwrap();
        let victim = root.path().join("victim");
        fs::write(&victim, "V").unwrap();
        let stands: [Stand; 4] = [
            |at, victim| symlink(victim, at).unwrap(),
            |at, _| symlink("nowhere", at).unwrap(),
            |at, _| fs::create_dir(at).unwrap(),
            |at, _| rustix::fs::mkfifoat(rustix::fs::CWD, at, rustix::fs::Mode::RWXU).unwrap(),
        ];
        for (index, stand) in stands.into_iter().enumerate() {
            let folder = root.path().join(format!("file{index}"));
            fs::create_dir(&folder).unwrap();
            stand(&folder.join("one"), &victim);
            put(&folder, &[("one", "1"), ("a", "2")]).unwrap_err();
            assert!(!folder.join("a").exists() && !folder.join(LISTING).exists());
            // In the place of a folder, and of the listing.
            let below = root.path().join(format!("folder{index}"));
            fs::create_dir(&below).unwrap();
            if index != 2 {
                stand(&below.join("out"), &victim);
                let files = files(&[("one", "1")]);
                assert!(write(&below, &below.join("out/x"), &Contents::of(&files)).is_err(), "{index}");
                assert!(write(&below, &below.join("out"), &Contents::of(&files)).is_err(), "{index}");
            }
            let of_listing = root.path().join(format!("listing{index}"));
            fs::create_dir(&of_listing).unwrap();
            stand(&of_listing.join(LISTING), &victim);
            put(&of_listing, &[("one", "1")]).unwrap_err();
            assert_eq!(fs::read_to_string(&victim).unwrap(), "V");
        }
    }

    #[test]
    fn a_single_file_is_replaced_only_where_it_is_ours() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new/t.csv");
        let ours = |head: &[u8]| head.starts_with(b"head");
        let put = |path: &Path| write_file(path, b"head\n1\n", ours).map_err(|failure| failure.to_string());
        put(&path).unwrap();
        put(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(put(&path).unwrap_err().contains("is not overwritten"));
        let link = root.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(put(&link).is_err() && put(root.path()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        put(Path::new("/dev/null")).unwrap();
        if Path::new("/dev/full").exists() {
            put(Path::new("/dev/full")).unwrap_err();
        }
    }
}
