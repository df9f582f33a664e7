//! Where each word of a file stands.

use std::hash::{DefaultHasher, Hasher};

use rayon::prelude::*;

use super::{Format, Row, Vectors, VectorsError};

/// Text is split for parallel reading into pieces of about so many bytes.
const PIECE_BYTES: usize = 4 << 20;

/// A header that promises more is none.
const DIMENSION_MAX: usize = 1 << 20;

impl<'a> Vectors<'a> {
    /// Reads where each word stands; where no format is given, it is told from the first two lines.
    pub fn index(bytes: &'a [u8], format: Option<Format>) -> Result<Self, VectorsError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let format = format.unwrap_or_else(|| detect(bytes));
        let (dimension, rows) = match format {
            Format::Word2vec => {
                let Header { promised, dimension, bytes: head } = header(bytes)?;
                (dimension, binary(bytes, head, promised, dimension)?)
            }
            Format::Word2vecText => {
                let Header { promised, dimension, bytes: head } = header(bytes)?;
                let rows = text(bytes, head, dimension, 2)?;
                match rows.len() {
                    found if found < promised => return Err(VectorsError::CutShort { promised, found }),
                    found if found > promised => return Err(VectorsError::TooLong { promised }),
                    _ => (dimension, rows),
                }
            }
            Format::Glove => {
                let dimension = spaces(trimmed(first_line(bytes)));
                (dimension, text(bytes, 0, dimension, 1)?)
            }
        };
        if rows.is_empty() || dimension == 0 {
            return Err(VectorsError::Empty);
        }
        let by_hash = by_hash(bytes, &rows);
        let repeated = repeated(bytes, &rows, &by_hash);
        Ok(Self { bytes, format, dimension, rows, by_hash, repeated })
    }

    /// Finds the row of a word.
    pub(super) fn row(&self, word: &str) -> Option<usize> {
        let hash = hash(word.as_bytes());
        let from = self.by_hash.partition_point(|(other, _)| *other < hash);
        // Of equal hashes the earlier row comes first, and so does the first of a word that is repeated.
        let same = self.by_hash[from..].iter().take_while(|(other, _)| *other == hash);
        same.map(|(_, row)| *row as usize).find(|row| &self.bytes[self.rows[*row].word()] == word.as_bytes())
    }

    /// Returns how many words come again after their first place, and the first of them; the first place counts.
    pub fn repeated(&self) -> Option<(usize, String)> {
        self.repeated.first().map(|row| (self.repeated.len(), self.word(*row as usize)))
    }

    /// Says whether the word of a row has come before.
    pub(super) fn is_repeated(&self, row: usize) -> bool {
        self.repeated.binary_search(&(row as u32)).is_ok()
    }
}

/// Returns the rows whose words have come before, in rising order.
fn repeated(bytes: &[u8], rows: &[Row], by_hash: &[(u64, u32)]) -> Vec<u32> {
    let word = |row: u32| &bytes[rows[row as usize].word()];
    let mut repeated: Vec<u32> = by_hash
        .chunk_by(|one, other| one.0 == other.0)
        .filter(|same| same.len() > 1)
        .flat_map(|same| {
            let again = |at: &usize| same[..*at].iter().any(|earlier| word(earlier.1) == word(same[*at].1));
            (1..same.len()).filter(again).map(|at| same[at].1).collect::<Vec<u32>>()
        })
        .collect();
    repeated.sort_unstable();
    repeated
}

/// A first line of `count dimension`.
struct Header {
    promised: usize,
    dimension: usize,
    /// How long it is, with its line feed.
    bytes: usize,
}

fn first_line(bytes: &[u8]) -> &[u8] {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A line without the white space behind its last number, which word2vec.c and fastText write.
fn trimmed(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).map_or(0, |last| last + 1);
    &line[..end]
}

fn numbers_of(line: &[u8]) -> Option<(usize, usize)> {
    let mut fields = str::from_utf8(line).ok()?.split_ascii_whitespace();
    let numbers = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    fields.next().is_none().then_some(numbers)
}

fn header(bytes: &[u8]) -> Result<Header, VectorsError> {
    // A header is short; a binary file without one need not be looked through for a line feed.
    let line = first_line(&bytes[..bytes.len().min(1024)]);
    let found = || VectorsError::Header { found: String::from_utf8_lossy(line).chars().take(60).collect() };
    let (promised, dimension) =
        numbers_of(line).filter(|(_, dimension)| *dimension <= DIMENSION_MAX).ok_or_else(found)?;
    let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
    Ok(Header { promised, dimension, bytes: end })
}

/// Tells the format from the first two lines: whether the first is a header, and whether the second has its numbers as text.
fn detect(bytes: &[u8]) -> Format {
    let Ok(Header { dimension, bytes: head, .. }) = header(bytes) else { return Format::Glove };
    // A number is seldom longer than 24 letters, and a word than 1,024.
    let second = &bytes[head..bytes.len().min(head + 1024 + 24 * dimension)];
    let line = trimmed(first_line(second));
    let mut fields = line.rsplit(|&byte| byte == b' ').take(dimension);
    let number = |field: &[u8]| str::from_utf8(field).is_ok_and(|field| field.parse::<f32>().is_ok());
    if spaces(line) >= dimension && fields.all(number) { Format::Word2vecText } else { Format::Word2vec }
}

fn binary(bytes: &[u8], head: usize, promised: usize, dimension: usize) -> Result<Vec<Row>, VectorsError> {
    let mut rows = Vec::with_capacity(promised.min(bytes.len() / (4 * dimension.max(1))));
    let mut at = head;
    for found in 0..promised {
        at += usize::from(bytes.get(at) == Some(&b'\n'));
        let cut = || VectorsError::CutShort { promised, found };
        let word_bytes = bytes[at..].iter().position(|&byte| byte == b' ').ok_or_else(cut)?;
        let row = Row { start: at, word_bytes: word_bytes as u32, line_bytes: 0 };
        at = row.word().end + 1 + 4 * dimension;
        if at > bytes.len() {
            return Err(cut());
        }
        rows.push(row);
    }
    if bytes[at..].trim_ascii().is_empty() { Ok(rows) } else { Err(VectorsError::TooLong { promised }) }
}

/// Reads the lines from `head` on; `first` is the number of the first of them.
fn text(bytes: &[u8], head: usize, dimension: usize, first: usize) -> Result<Vec<Row>, VectorsError> {
    let mut cuts = vec![head];
    while let Some(&last) = cuts.last().filter(|&&last| last < bytes.len()) {
        let near = (last + PIECE_BYTES).min(bytes.len());
        let rest = bytes[near..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| near + end + 1);
        cuts.push(rest);
    }
    let pieces: Vec<Piece> = cuts.par_windows(2).map(|cut| piece(bytes, cut[0], cut[1], dimension)).collect();
    let mut rows = Vec::with_capacity(pieces.iter().map(|piece| piece.rows.len()).sum());
    for Piece { rows: read, wrong } in pieces {
        rows.extend(read);
        if let Some(found) = wrong {
            return Err(VectorsError::Dimension { line: rows.len() + first, found, dimension });
        }
    }
    Ok(rows)
}

/// Some lines, up to the first that has another number of numbers.
struct Piece {
    rows: Vec<Row>,
    wrong: Option<usize>,
}

fn piece(bytes: &[u8], from: usize, to: usize, dimension: usize) -> Piece {
    let mut piece = Piece { rows: Vec::new(), wrong: None };
    let mut start = from;
    while start < to && piece.wrong.is_none() {
        let end = bytes[start..to].iter().position(|&byte| byte == b'\n').map_or(to, |end| start + end);
        let line = &bytes[start..end];
        let line = trimmed(line);
        if line.is_empty() && bytes[end..].trim_ascii().is_empty() {
            break;
        }
        match word_bytes(line, dimension) {
            Ok(word) => {
                piece.rows.push(Row { start, word_bytes: word as u32, line_bytes: line.len() as u32 });
            }
            Err(found) => piece.wrong = Some(found),
        }
        start = end + 1;
    }
    piece
}

/// Returns how long the word of a line is, or how many numbers the line has where these are too few or too many.
fn word_bytes(line: &[u8], dimension: usize) -> Result<usize, usize> {
    let spaces = spaces(line);
    if spaces < dimension {
        return Err(spaces);
    }
    let numbers: usize = line.rsplit(|&byte| byte == b' ').take(dimension).map(|field| field.len() + 1).sum();
    let word = &line[..line.len() - numbers];
    let number = |field: &&[u8]| str::from_utf8(field).is_ok_and(|field| field.parse::<f32>().is_ok());
    let more = word.rsplit(|&byte| byte == b' ').take_while(number).count();
    if spaces > dimension && more > 0 {
        // The first field is the word, even where it is a number.
        return Err(dimension + more.min(spaces - dimension));
    }
    Ok(word.len())
}

fn spaces(line: &[u8]) -> usize {
    line.split(|&byte| byte == b' ').count() - 1
}

fn hash(word: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(word);
    hasher.finish()
}

fn by_hash(bytes: &[u8], rows: &[Row]) -> Vec<(u64, u32)> {
    let mut by_hash: Vec<(u64, u32)> =
        rows.par_iter().enumerate().map(|(index, row)| (hash(&bytes[row.word()]), index as u32)).collect();
    by_hash.par_sort_unstable();
    by_hash
}
