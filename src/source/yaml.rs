//! Reading YAML into a tree that keeps every place, within limits that no file can exceed.
//!
//! Scalars follow the core schema of YAML 1.2: `yes` and `no` are text, what stands in quotes is text. Anchors and
//! aliases work, but what they expand to is counted; merge keys (`<<`) are refused.

mod build;
mod scalar;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use saphyr_parser::{Event, Parser};

use self::build::{Builder, Halt};
use super::span::FileId;
use super::{Diagnostic, Diagnostics, Node, Sources, Span};

/// The most bytes a file may hold; whoever reads one for [`read_yaml`] need not read further than one byte more.
pub const MAX_BYTES: usize = 2 << 20;

/// Reads the one document of a file, and adds the file to the sources.
///
/// # Errors
///
/// Reports a file that is too large, empty, not UTF-8 or not YAML, more than one document, keys that are not text or
/// come twice, and values that are nested too deeply or, with their aliases expanded, too many.
pub fn read_yaml(sources: &mut Sources, path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Node, Diagnostics> {
    let path = path.into();
    if bytes.len() > MAX_BYTES {
        let message = format!("cannot read `{}`: it holds more than {} MiB", path.display(), MAX_BYTES >> 20);
        let large = Diagnostic::of(message);
        return Err(only(large.hint("keep data in files of its own, and name them in the experiment file")));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(only(not_utf8(sources, path, bytes, error.valid_up_to()))),
    };
    let file = sources.add(path, text);
    if let Some((start, unprintable)) = text.char_indices().find(|(_, character)| !printable(*character)) {
        let span = Span { file, start, end: start + unprintable.len_utf8() };
        let message = format!("YAML does not allow the character U+{:04X}", u32::from(unprintable));
        return Err(only(Diagnostic::at(span, message)));
    }
    read_document(text, file)
}

fn read_document(text: &str, file: FileId) -> Result<Node, Diagnostics> {
    let mut builder = Builder::new(text, file);
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = match next {
            Ok(found) => found,
            Err(error) => {
                builder.syntax(*error.marker(), error.info());
                break;
            }
        };
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                let second = Diagnostic::at(builder.span(span), "a second document begins here");
                builder.fail(second.label("expected one document").hint("put it in a file of its own"));
                break;
            }
        }
        if let Err(Halt) = builder.event(event, span) {
            break;
        }
    }
    builder.finish()
}

fn not_utf8(sources: &mut Sources, path: PathBuf, bytes: &[u8], offset: usize) -> Diagnostic {
    let message = format!("`{}` is not UTF-8: byte 0x{:02x} at offset {offset}", path.display(), bytes[offset]);
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16; save it as UTF-8",
        _ => "save it as UTF-8",
    };
    // What stands before the first bad byte keeps its offsets; the byte itself becomes the replacement character.
    let file = sources.add(path, String::from_utf8_lossy(bytes));
    let end = offset + char::REPLACEMENT_CHARACTER.len_utf8();
    Diagnostic::at(Span { file, start: offset, end }, message).hint(hint)
}

/// The printable characters of YAML 1.2, section 5.1.
fn printable(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

fn only(diagnostic: Diagnostic) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(diagnostic);
    diagnostics
}
