//! Static word vectors, and the words nearest to a word in them.
//!
//! | format | a file is |
//! |---|---|
//! | [`Format::Word2vec`] | a line `count dimension`, then each word, a space and its numbers as 4-byte floats, little-endian; a line feed may stand between words |
//! | [`Format::Word2vecText`] | a line `count dimension`, then a line for each word with its numbers as text |
//! | [`Format::Glove`] | such lines alone; the first one says the dimension |
//!
//! [`Vectors`] takes the bytes of a file, which may be mapped into memory: it notes where each word stands and keeps no
//! copy of a number. Everything that can be wrong with a file is an error: one cut short, a line with too few or too many
//! numbers, a number that is none. Of a word that comes twice the first place counts, as for gensim, and
//! [`Vectors::repeated`] tells of it. The mark that Windows puts before text is passed over.
//!
//! In text, fields are parted by single spaces, and white space may stand behind the last one, as word2vec.c and fastText
//! write it. GloVe's largest file has words with spaces within (`. . .`); so a line's last
//! fields are its numbers and all before them is the word, unless the word would end in a number.

mod index;
mod nearest;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use nearest::Neighbour;

/// How a file of vectors is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// word2vec's binary format.
    Word2vec,
    /// word2vec's text format, with a header.
    Word2vecText,
    /// GloVe's text format, without one.
    Glove,
}

retort_fingerprint::words!(Format { Word2vec = "word2vec", Word2vecText = "word2vec_text", Glove = "glove" });

/// A file of vectors that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VectorsError {
    /// The file has no word.
    #[error("it has no word vectors")]
    Empty,
    /// The first line is no header.
    #[error(
        "its first line is `{found}`, where word2vec's formats have `count dimension`; is it in the format `glove`?"
    )]
    Header {
        /// The line, cut to 60 characters.
        found: String,
    },
    /// The file ends before all is there.
    #[error("it is cut short: its first line promises {promised} words, and it ends after {found}")]
    CutShort {
        /// How many words the header promises.
        promised: usize,
        /// How many are there, each with all of its numbers.
        found: usize,
    },
    /// The file goes on after the last word.
    #[error("its first line promises {promised} words, and it goes on after them")]
    TooLong {
        /// How many words the header promises.
        promised: usize,
    },
    /// A vector has another dimension than the file.
    #[error("line {line} has {found} numbers, and the file has {dimension} dimensions")]
    Dimension {
        /// The line, counted from 1.
        line: usize,
        /// How many numbers it has.
        found: usize,
        /// How many it should have.
        dimension: usize,
    },
    /// Something that should be a number is none.
    #[error("{place} has `{found}` where a finite number should be")]
    Number {
        /// Which line or word, such as `line 3`.
        place: String,
        /// What stands there.
        found: String,
    },
}

/// The vectors of a file, by word.
#[derive(Debug)]
pub struct Vectors<'a> {
    bytes: &'a [u8],
    format: Format,
    dimension: usize,
    rows: Vec<Row>,
    /// A hash of each word and its row, in the order of the hashes.
    by_hash: Vec<(u64, u32)>,
    /// Rows whose words have come before, in rising order.
    repeated: Vec<u32>,
}

/// Where a word stands; its numbers follow after one space.
#[derive(Debug, Clone, Copy)]
struct Row {
    start: usize,
    word_bytes: u32,
    /// In text, the bytes of the whole line.
    line_bytes: u32,
}

impl Row {
    fn word(self) -> Range<usize> {
        self.start..self.start + self.word_bytes as usize
    }
}

impl Vectors<'_> {
    /// Returns how many words there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Says whether there is no word; never so for a file that was read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns how many numbers a vector has.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Returns the format, detected or declared.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the word of a row; bytes that are not UTF-8 become `�`.
    fn word(&self, row: usize) -> String {
        String::from_utf8_lossy(&self.bytes[self.rows[row].word()]).into_owned()
    }

    /// Reads the numbers of a row.
    fn read(&self, row: usize, into: &mut [f32]) -> Result<(), VectorsError> {
        let at = self.rows[row];
        let from = at.word().end + 1;
        let bad = |found: String| VectorsError::Number { place: self.place(row), found };
        if self.format == Format::Word2vec {
            let numbers = self.bytes[from..from + 4 * self.dimension].chunks_exact(4);
            for (number, bytes) in into.iter_mut().zip(numbers) {
                *number = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        } else {
            let fields = self.bytes[from..at.start + at.line_bytes as usize].split(|&byte| byte == b' ');
            for (number, field) in into.iter_mut().zip(fields) {
                let read = str::from_utf8(field).ok().and_then(|field| field.parse().ok());
                *number = read.ok_or_else(|| bad(String::from_utf8_lossy(field).into_owned()))?;
            }
        }
        match into.iter().find(|number| !number.is_finite()) {
            Some(number) => Err(bad(number.to_string())),
            None => Ok(()),
        }
    }

    /// Names a row for messages: by its line in text, by its word otherwise.
    fn place(&self, row: usize) -> String {
        match self.format {
            Format::Word2vec => format!("the vector of `{}`", self.word(row)),
            Format::Word2vecText => format!("line {}", row + 2),
            Format::Glove => format!("line {}", row + 1),
        }
    }
}
