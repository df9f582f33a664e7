//! A text as words, marks and ends of lines, without what only decorates it.

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Letters and digits with the apostrophes and hyphens within them, as written and in lower case.
    Word(Word),
    /// Any other character that says something.
    Mark(char),
    /// The end of one line or several.
    Line,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    written: String,
    lower: String,
}

impl Word {
    /// Returns it in lower case.
    pub(super) fn lower(&self) -> &str {
        &self.lower
    }

    /// Returns its characters as written.
    pub(super) fn chars(&self) -> std::str::Chars<'_> {
        self.written.chars()
    }
}

impl Piece {
    /// Returns a word in lower case.
    pub(super) fn lower(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word.lower()),
            Self::Mark(_) | Self::Line => None,
        }
    }
}

/// Cuts a text into pieces. Emphasis, quotation marks, dollar signs, tags of HTML and backslashes are left out, and letters
/// of full width are read as plain ones.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let characters: Vec<char> = text.chars().map(narrow).collect();
    let (mut pieces, mut at) = (Vec::new(), 0);
    while let Some(&c) = characters.get(at) {
        if let Some(end) = tag_end(&characters, at) {
            at = end;
        } else if c.is_alphanumeric() {
            let end = word_end(&characters, at);
            let written: String = characters[at..end].iter().collect();
            let lower = written.to_lowercase().replace('’', "'");
            pieces.push(Piece::Word(Word { written, lower }));
            at = end;
        } else {
            if c == '\n' {
                if pieces.last() != Some(&Piece::Line) {
                    pieces.push(Piece::Line);
                }
            } else if !c.is_whitespace() && !"*_`\"'“”„‘’«»$\\#>|".contains(c) {
                pieces.push(Piece::Mark(if "–—".contains(c) { '—' } else { c }));
            }
            at += 1;
        }
    }
    while pieces.last() == Some(&Piece::Line) {
        pieces.pop();
    }
    let begins = pieces.iter().position(|piece| *piece != Piece::Line).unwrap_or(pieces.len());
    pieces.split_off(begins)
}

fn narrow(c: char) -> char {
    match c {
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' | '（' | '）' | '：' => {
            char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
        }
        _ => c,
    }
}

fn word_end(characters: &[char], from: usize) -> usize {
    let mut end = from;
    while let Some(&c) = characters.get(end) {
        let inner = "'’-".contains(c) && characters.get(end + 1).is_some_and(|next| next.is_alphanumeric());
        if !c.is_alphanumeric() && !inner {
            break;
        }
        end += 1;
    }
    end
}

/// Returns the end of a tag of HTML that begins here.
fn tag_end(characters: &[char], from: usize) -> Option<usize> {
    if characters[from] != '<' {
        return None;
    }
    let inner = characters[from + 1..].iter().take(12).position(|c| *c == '>')?;
    let sound =
        characters[from + 1..from + 1 + inner].iter().all(|c| c.is_ascii_alphanumeric() || *c == '/' || *c == ' ');
    (sound && inner > 0).then_some(from + inner + 2)
}
