//! Files and places in them.

use std::path::{Path, PathBuf};

/// Which file of [`Sources`] a span points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A place in a file: byte offsets `[start, end)` of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The files that were read, each with the path a person knows it by.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

impl Sources {
    /// Adds a file, or a text under a name such as `--set`.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        self.files.push(File { path: path.into(), text, line_starts });
        FileId(u32::try_from(self.files.len() - 1).expect("fewer than 2³² files"))
    }

    /// Returns the path a file was added under.
    pub fn path(&self, file: FileId) -> &Path {
        &self.file(file).path
    }

    /// Returns the text of a file.
    pub fn text(&self, file: FileId) -> &str {
        &self.file(file).text
    }

    /// Returns the line and column of a span's start, both from 1, the column in characters.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let file = self.file(span.file);
        let line = file.line_starts.partition_point(|&start| start <= span.start);
        let line_start = file.line_starts[line - 1];
        let upto = file.text.get(line_start..span.start).unwrap_or_default();
        (line, upto.chars().count() + 1)
    }

    /// Writes a place as `path:line`, or names the option that the text is from.
    pub fn location(&self, span: Span) -> String {
        let path = self.path(span.file).to_string_lossy();
        if path.starts_with("--") {
            return path.into_owned();
        }
        format!("{}:{}", self.path(span.file).display(), self.line_column(span).0)
    }

    fn file(&self, file: FileId) -> &File {
        &self.files[file.0 as usize]
    }
}

impl Span {
    /// Returns the smallest span that covers both, which must be of one file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}
