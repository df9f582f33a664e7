//! The letter of a choice that a teacher states: `So the correct option is (b).`

use retort_artifact::{Choice, Label};

use super::pieces::{Piece, pieces};

/// What an answer is called, alone or behind an adjective.
const NOUNS: &[&str] = &["answer", "answers"];
const RANKED: &[&str] = &["correct", "right", "best", "final", "correctly"];
const RANKED_NOUNS: &[&str] = &["option", "choice", "one", "alternative", "letter", "label", "solution", "response"];

/// Words that may stand between the noun and its verb.
const BETWEEN: &[&str] = &[
    "to",
    "the",
    "this",
    "that",
    "question",
    "problem",
    "choice",
    "option",
    "letter",
    "here",
    "then",
    "therefore",
    "thus",
    "hence",
    "above",
    "given",
    "of",
    "i",
    "choose",
    "my",
    "for",
];

/// Words that may stand between the verb and the label.
const BEFORE: &[&str] = &[
    "option",
    "choice",
    "letter",
    "label",
    "answer",
    "alternative",
    "the",
    "therefore",
    "thus",
    "then",
    "hence",
    "clearly",
    "obviously",
    "definitely",
    "certainly",
    "indeed",
    "simply",
    "most",
    "likely",
    "in",
    "fact",
    "actually",
    "surely",
    "probably",
    "correct",
    "text",
    "mathrm",
    "textbf",
    "mathbf",
];

/// The most words and brackets before a label.
const BEFORE_MAX: usize = 12;

/// The most words and marks of a clause that are looked at.
const CLAUSE_MAX: usize = 100;

/// Words that make a clause say nothing of what the answer is, or the contrary.
const HEDGES: &[&str] = &[
    "not",
    "cannot",
    "never",
    "nobody",
    "neither",
    "hardly",
    "unlikely",
    "doubt",
    "wrong",
    "incorrect",
    "false",
    "mistaken",
    "mistake",
    "misleading",
    "if",
    "whether",
    "unless",
    "might",
    "may",
    "could",
    "thought",
    "assume",
    "assumed",
    "assuming",
    "assumption",
    "suppose",
    "supposing",
    "imagine",
    "someone",
    "somebody",
    "says",
    "said",
    "claim",
    "claims",
    "claimed",
    "argue",
    "argues",
    "believes",
    "believed",
    "tempted",
    "tempting",
    "wonder",
    "pretend",
    "initially",
    "first",
    "seemed",
    "reject",
    "deny",
    "hypothesis",
    "expected",
    "naively",
    "naive",
    "intuition",
    "intuitively",
];

/// Where a clause ends, besides punctuation.
const TURNS: &[&str] =
    &["but", "so", "therefore", "then", "hence", "thus", "because", "since", "conclude", "conclusion"];

/// Words that may follow a bare `A` which is the label and not the article.
const AFTER_A: &[&str] =
    &["because", "since", "as", "for", "due", "given", "so", "hence", "and", "or", "which", "that", "is", "not"];

/// Words that take back what stands before them.
const UNDONE: &[&str] = &["wrong", "incorrect", "false", "mistaken", "untrue", "impossible"];

/// How a sentence begins that takes back the one before it.
const RETRACTIONS: &[&str] = &["no", "wait", "hmm", "hm", "oops", "sorry", "correction", "nope"];

/// What one statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stated {
    Is(char),
    /// Denied, asked, reported or supposed.
    IsNot(char),
    /// Several, or none that can be named.
    Open,
}

/// Reads the label that a text states in the end, where it labels one of the choices.
pub fn stated_label(text: &str, choices: &[Choice]) -> Option<Label> {
    let mut pieces = pieces(text);
    // A model that did not stop goes on with a question of its own, and answers that.
    let another = |triple: &[Piece]| matches!(triple, [Piece::Line, Piece::Word(word), Piece::Mark(':')] if matches!(word.lower(), "question" | "q"));
    let end = pieces.windows(3).position(another).unwrap_or(pieces.len());
    pieces.truncate(end);
    let letter = Reader { pieces: &pieces, choices }.decide()?;
    choices.iter().map(|choice| choice.label).find(|label| label.letter() == letter)
}

struct Reader<'a> {
    pieces: &'a [Piece],
    choices: &'a [Choice],
}

/// A label as it stands in the text.
struct Found {
    letter: char,
    /// The piece behind it and what encloses it.
    end: usize,
    enclosed: bool,
}

impl Reader<'_> {
    fn decide(&self) -> Option<char> {
        if let Some(found) = self.label(0)
            && self.pieces[found.end..].iter().all(|piece| matches!(piece, Piece::Mark('.' | '!') | Piece::Line))
        {
            return Some(found.letter);
        }
        let statements: Vec<(usize, Stated)> = (0..self.pieces.len()).filter_map(|at| self.statement(at)).collect();
        let last = statements.iter().rposition(|(_, stated)| matches!(stated, Stated::Is(_)))?;
        let (end, Stated::Is(letter)) = statements[last] else { return None };
        let undone = |(_, stated): &(usize, Stated)| match stated {
            Stated::Open => true,
            Stated::IsNot(other) => *other == letter,
            Stated::Is(_) => false,
        };
        let taken_back = statements[last + 1..].iter().any(undone) || self.taken_back(end, letter);
        (!taken_back).then_some(letter)
    }

    /// Reads the statement that begins at a piece, and where it ends.
    fn statement(&self, at: usize) -> Option<(usize, Stated)> {
        if self.word(at) == Some("boxed") {
            return self.boxed(at + 1);
        }
        if let Some(stated) = self.called_correct(at) {
            return Some(stated);
        }
        let noun = self.word(at)?;
        let ranked = at > 0 && self.word(at - 1).is_some_and(|word| RANKED.contains(&word));
        let is_answer = NOUNS.contains(&noun) || (ranked && RANKED_NOUNS.contains(&noun));
        if !is_answer {
            return None;
        }
        let (mut next, denies) = self.verb(at + 1)?;
        while matches!(self.pieces.get(next), Some(Piece::Line | Piece::Mark(':' | '=' | '-' | '—'))) {
            next += 1;
        }
        if let Some(not @ ("not" | "either" | "neither" | "both" | "never")) = self.word(next) {
            let denied = self.label(next + 1).filter(|_| not == "not").map(|found| Stated::IsNot(found.letter));
            return Some((next, denied.unwrap_or(Stated::Open)));
        }
        let found = self.label(next)?;
        if !found.enclosed && !self.stands_alone(&found) {
            return None;
        }
        let denied = denies || self.hedged(at) || self.asks(found.end) || self.is_undone(&found);
        Some((found.end, self.stated(&found, denied)))
    }

    fn stated(&self, found: &Found, denied: bool) -> Stated {
        if self.goes_on(found) {
            Stated::Open
        } else if denied {
            Stated::IsNot(found.letter)
        } else {
            Stated::Is(found.letter)
        }
    }

    /// Finds the verb behind what an answer is called: the piece behind it, and whether it denies.
    fn verb(&self, from: usize) -> Option<(usize, bool)> {
        for at in from..from + 8 {
            match (self.pieces.get(at)?, self.word(at)) {
                (Piece::Mark(':' | '=' | '-' | '—' | '→' | '⇒'), _)
                | (_, Some("is" | "are" | "remains" | "becomes")) => {
                    return Some((at + 1, false));
                }
                (_, Some("isn't" | "aren't")) => return Some((at + 1, true)),
                (_, Some("would" | "must" | "should" | "will" | "can")) => {
                    let only = usize::from(self.word(at + 1) == Some("only"));
                    return (self.word(at + 1 + only) == Some("be")).then_some((at + 2 + only, false));
                }
                (Piece::Mark(',' | '(' | ')'), _) => {}
                (_, Some(word)) if BETWEEN.contains(&word) => {}
                _ => return None,
            }
        }
        None
    }

    /// Reads a label with what may stand before it and around it.
    fn label(&self, mut at: usize) -> Option<Found> {
        let (mut called, first) = (false, at);
        let word = loop {
            if at > first + BEFORE_MAX {
                return None;
            }
            match self.pieces.get(at)? {
                Piece::Mark('(' | '[' | '{') => {}
                Piece::Mark(':' | '.') | Piece::Line if called => {}
                Piece::Mark(_) | Piece::Line => return None,
                Piece::Word(word) if BEFORE.contains(&word.lower()) => called = true,
                Piece::Word(word) => break word,
            }
            at += 1;
        };
        let mut letters = word.chars();
        let letter = letters.next().filter(char::is_ascii_alphabetic)?;
        if letters.next().is_some() {
            return None;
        }
        let mut end = at + 1;
        while matches!(self.pieces.get(end), Some(Piece::Mark(')' | ']' | '}'))) {
            end += 1;
        }
        let enclosed = end > at + 1;
        // A small letter by itself may be the article.
        let small = letter.is_ascii_lowercase() && !enclosed && (matches!(letter, 'a' | 'i') || !self.ends(end));
        (!small).then_some(Found { letter: letter.to_ascii_uppercase(), end, enclosed })
    }

    /// Reads what stands in a box.
    fn boxed(&self, at: usize) -> Option<(usize, Stated)> {
        let found = self.label(at)?;
        let whole = found.enclosed || matches!(self.pieces.get(found.end), Some(Piece::Mark(':' | '.' | '-' | '—')));
        let stated = if whole { self.stated(&found, self.hedged(at)) } else { Stated::Open };
        Some((found.end, stated))
    }

    /// Reads `(B) is the correct answer`.
    fn called_correct(&self, at: usize) -> Option<(usize, Stated)> {
        // Read from its beginning, and once.
        let inner = at > 0
            && (matches!(self.pieces[at - 1], Piece::Mark('(' | '[' | '{'))
                || self.word(at - 1).is_some_and(|word| BEFORE.contains(&word)));
        let found = self.label(at).filter(|_| !inner)?;
        let named = matches!(self.word(at), Some("option" | "choice" | "answer" | "alternative"));
        // An `A` behind a word may be a name's, as in `vitamin A is right`.
        let begins =
            at == 0 || self.word(at - 1).map_or(self.pieces[at - 1] != Piece::Mark('('), |word| TURNS.contains(&word));
        if !found.enclosed && !named && found.letter == 'A' && !begins
            || !matches!(self.word(found.end)?, "is" | "must" | "would")
        {
            return None;
        }
        let mut end = found.end + 1;
        while matches!(
            self.word(end),
            Some("be" | "the" | "clearly" | "therefore" | "thus" | "most" | "indeed" | "only")
        ) {
            end += 1;
        }
        let correct = matches!(self.word(end)?, "correct" | "right" | "answer" | "best");
        end += 1;
        while matches!(self.word(end), Some("answer" | "option" | "choice" | "one" | "alternative" | "here")) {
            end += 1;
        }
        let ends = self.ends(end) || matches!(self.word(end), Some("because" | "since" | "as" | "and" | "for" | "to"));
        if !correct || !ends {
            return None;
        }
        let several = at > 0 && self.joins(at - 1);
        let stated = if several { Stated::Open } else { self.stated(&found, self.hedged(at) || self.asks(end)) };
        Some((end, stated))
    }

    /// Says whether a bare letter is a label: an `A` may be the article.
    fn stands_alone(&self, found: &Found) -> bool {
        let Some(word) = self.word(found.end) else { return true };
        let of_choice = |choice: &Choice| {
            let text = choice.text.to_lowercase();
            choice.label.letter() == found.letter && text.split_whitespace().next() == Some(word)
        };
        !matches!(found.letter, 'A' | 'I') || AFTER_A.contains(&word) || self.choices.iter().any(of_choice)
    }

    /// Says whether the clause up to a piece denies, supposes or reports what follows.
    fn hedged(&self, at: usize) -> bool {
        let clause = self.pieces[..at].iter().rev().take(CLAUSE_MAX).take_while(|piece| match piece {
            Piece::Word(word) => !TURNS.contains(&word.lower()),
            Piece::Mark(mark) => !",;:.!?—".contains(*mark),
            Piece::Line => false,
        });
        clause.filter_map(Piece::lower).any(|word| HEDGES.contains(&word) || word.ends_with("n't"))
    }

    /// Says whether the sentence ends as a question.
    fn asks(&self, at: usize) -> bool {
        let mut rest = self.pieces[at.min(self.pieces.len())..].iter().take(CLAUSE_MAX);
        rest.find(|piece| matches!(piece, Piece::Mark('.' | '!' | '?') | Piece::Line)) == Some(&Piece::Mark('?'))
    }

    /// Says whether other labels follow as further answers.
    fn goes_on(&self, found: &Found) -> bool {
        let Found { letter, end, enclosed: _ } = *found;
        let listed = self.pieces.get(end) == Some(&Piece::Mark(','));
        let joined = self.joins(end) || (listed && self.joins(end + 1));
        if !joined {
            let next = self.label(end + 1).filter(|next| listed && (next.enclosed || self.stands_alone(next)));
            return next.is_some_and(|next| next.letter != letter);
        }
        let from = end + 1 + usize::from(listed);
        let other = |at: usize| self.label(at).filter(|other| other.enclosed || self.stands_alone(other));
        (from..from + 4).any(|at| {
            matches!(self.word(at), Some("both" | "neither" | "none" | "all"))
                || other(at).is_some_and(|other| other.letter != letter)
        })
    }

    /// Says whether the rest of the clause says that a label is wrong.
    fn is_undone(&self, found: &Found) -> bool {
        for at in found.end..found.end + 8 {
            match (self.pieces.get(at), self.word(at)) {
                (None | Some(Piece::Line | Piece::Mark('.' | '!' | ';')), _)
                | (_, Some("because" | "since" | "as" | "for" | "due" | "given")) => return false,
                // `B, not A`
                (_, Some("not")) if self.label(at + 1).is_some_and(|other| other.letter != found.letter) => {
                    return false;
                }
                (_, Some(word)) if word == "not" || UNDONE.contains(&word) || word.ends_with("n't") => return true,
                _ => {}
            }
        }
        false
    }

    /// Says whether something further on takes a statement back, or states another label in its own way.
    fn taken_back(&self, end: usize, letter: char) -> bool {
        let is_choice = |found: &Found| self.choices.iter().any(|choice| choice.label.letter() == found.letter);
        (end..self.pieces.len()).any(|at| {
            let begins = matches!(self.pieces[at], Piece::Mark('.' | '!' | '?' | ';' | '—') | Piece::Line);
            if begins && self.word(at + 1).is_some_and(|word| RETRACTIONS.contains(&word)) {
                return true;
            }
            if let Some(found) = self.label(at).filter(|found| found.letter == letter)
                && matches!(self.word(found.end), Some("is"))
                && self.word(found.end + 1).is_some_and(|word| word == "not" || UNDONE.contains(&word))
            {
                return true;
            }
            let it_is = self.word(at) == Some("is")
                && at > end
                && matches!(self.word(at - 1), Some("it" | "that" | "this" | "which"));
            let states = matches!(
                self.word(at),
                Some("it's" | "that's" | "so" | "therefore" | "thus" | "hence" | "choose" | "pick")
            );
            if !it_is && !states {
                return false;
            }
            if self.word(at + 1).is_some_and(|word| UNDONE.contains(&word)) {
                return true;
            }
            let comma = usize::from(self.pieces.get(at + 1) == Some(&Piece::Mark(',')));
            let other = self.label(at + 1 + comma).filter(|other| other.enclosed || self.ends(other.end));
            other.is_some_and(|other| other.letter != letter && is_choice(&other))
        })
    }

    /// Says whether a piece joins two labels.
    fn joins(&self, at: usize) -> bool {
        matches!(self.pieces.get(at), Some(Piece::Mark('/' | '&')))
            || matches!(self.word(at), Some("or" | "and" | "nor"))
    }

    /// Says whether a clause ends at a piece.
    fn ends(&self, at: usize) -> bool {
        matches!(self.pieces.get(at), None | Some(Piece::Line | Piece::Mark('.' | ',' | '!' | ';' | ':' | '?')))
    }

    /// Returns a word in lower case.
    fn word(&self, at: usize) -> Option<&str> {
        self.pieces.get(at)?.lower()
    }
}
