//! Files that are something else than their names say: what stands for a file, or what a file is packed in.

use std::io::{self, Read};
use std::path::Path;

/// How much of a file tells what it is.
const HEAD_BYTES: u64 = 512;

/// What a file is, and what to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// What it is.
    pub what: &'static str,
    /// What to try.
    pub hint: &'static str,
}

#[expect(clippy::unnecessary_wraps, reason = "it is the answer of a table whose other rows have none")]
const fn foreign(what: &'static str, hint: &'static str) -> Option<Foreign> {
    Some(Foreign { what, hint })
}

/// Begins of files that no stage reads.
const MAGIC: [(&[u8], Option<Foreign>); 11] = [
    (
        b"version https://git-lfs.github.com/spec/",
        foreign(
            "a Git LFS pointer, which stands for a file that is not here",
            "`git lfs pull` in its repository fetches it",
        ),
    ),
    (b"\x1f\x8b", foreign("compressed with gzip", "`gunzip` unpacks it")),
    (b"PK\x03\x04", foreign("a zip archive", "`unzip` unpacks it")),
    (b"\x28\xb5\x2f\xfd", foreign("compressed with zstd", "`unzstd` unpacks it")),
    (b"BZh", foreign("compressed with bzip2", "`bunzip2` unpacks it")),
    (b"\xfd7zXZ\0", foreign("compressed with xz", "`unxz` unpacks it")),
    (b"7z\xbc\xaf\x27\x1c", foreign("a 7z archive", "`7z x` unpacks it")),
    (
        b"PAR1",
        foreign(
            "a Parquet file",
            "only `dataset` reads it, with `format: table` or a preset; elsewhere write it as JSON lines",
        ),
    ),
    (b"ARROW1\0\0", foreign("an Arrow file", "write it as JSON lines, as `to_json` of Python's `datasets` does")),
    (b"\xba\x16\x4f\x2f", foreign("a model of fastText", "its vectors are in the `.vec` file beside it")),
    (b"\x80\x04\x95", foreign("a Python pickle", "write it as JSON lines")),
];

/// Says what the beginning of a file gives away; `None` where it may be what it should.
pub fn told(head: &[u8]) -> Option<Foreign> {
    // The length of its header is whatever it is, so safetensors may begin with any bytes.
    if head.get(8) == Some(&b'{') {
        return None;
    }
    let begins = |magic: &[u8]| head.starts_with(magic);
    if let Some((_, found)) = MAGIC.iter().find(|(magic, _)| begins(magic)) {
        return *found;
    }
    let utf16 = head.len() >= 4 && ((begins(b"\xff\xfe") && head[3] == 0) || (begins(b"\xfe\xff") && head[2] == 0));
    if utf16 {
        return foreign("text in UTF-16", "save it as UTF-8");
    }
    let text = head.trim_ascii_start().to_ascii_lowercase();
    let page = text.starts_with(b"<!doctype html") || text.starts_with(b"<html");
    if page {
        foreign("a web page", "the link led to a page about the file; most have another one to the file itself")
    } else {
        None
    }
}

/// Says the same of a file of rows, which may be Parquet.
pub(crate) fn told_of_rows(head: &[u8]) -> Option<Foreign> {
    told(head).filter(|_| !head.starts_with(b"PAR1"))
}

/// Refuses a file whose beginning shows that it is something else.
///
/// # Errors
/// What it is and what to try; or that it cannot be read.
pub fn refuse(path: &Path) -> io::Result<()> {
    let mut head = Vec::new();
    fs_err::File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    told(&head).map_or(Ok(()), |foreign| Err(io::Error::other(said(path, foreign))))
}

/// Says what a file is and what to try.
pub fn said(path: &Path, Foreign { what, hint }: Foreign) -> String {
    format!("`{}` is {what}: {hint}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_instead_is_told_from_its_beginning() {
        let cases: [(&[u8], &str); 14] = [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS pointer"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "gzip"),
            (b"PK\x03\x04\x14\0", "zip"),
            (b"\x28\xb5\x2f\xfd\0", "zstd"),
            (b"BZh91AY", "bzip2"),
            (b"\xfd7zXZ\0\0\x04", "xz"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "7z"),
            (b"PAR1\x15\x04", "Parquet"),
            (b"ARROW1\0\0\xff", "Arrow"),
            (b"\xba\x16\x4f\x2f\x0c\0\0\0", "fastText"),
            (b"\x80\x04\x95\x10\0\0\0\0\0\0\0]", "pickle"),
            (b"\xff\xfe{\0\"\0i\0", "UTF-16"),
            (b"\xfe\xff\0{\0\"\0i", "UTF-16"),
            (b"\n<!DOCTYPE html>\n<html>", "web page"),
        ];
        for (head, what) in cases {
            assert!(told(head).is_some_and(|found| found.what.contains(what)), "{what}");
        }
    }

    #[test]
    fn what_a_stage_reads_is_left_alone() {
        let safetensors = |length: u64| [&length.to_le_bytes()[..], b"{\"a\":{\"dtype\""].concat();
        // Lengths of headers that happen to begin as other files do.
        for length in [0x8b1f, 0xfeff, 0x0403_4b50, 0xfd2f_b528, 120] {
            assert_eq!(told(&safetensors(length)), None, "{length:x}");
        }
        for head in [
            &b"{\"id\":\"q\"}\n"[..],
            b"\xef\xbb\xbf{\"id\":\"q\"}",
            b"[{\"id\":\"q\"}]",
            b"id,rationale\nq,Ice.\n",
            b"3 2\nice \0\0\x80\x3f\0\0\0\0",
            b"ice 0.1 0.2\n",
            b"Question: {{ question }}",
            b"# a comment",
            b"",
            b"B",
        ] {
            assert_eq!(told(head), None, "{}", String::from_utf8_lossy(head));
        }
    }
}
