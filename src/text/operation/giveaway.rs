//! Sentences that give the answer away.
//!
//! A sentence does so where the letter of a choice stands in it as the answer. Letters are uppercase and by themselves,
//! in brackets or not; of all other words the case does not matter, and punctuation is passed over:
//!
//! | rule | such as |
//! |---|---|
//! | `answer`, `correct`, `right` or `best`, words that lead on, a letter | `The answer is therefore (B) because …`, `Answer: B` |
//! | `choice`, `option`, `label` or `it`, words that lead on with a verb among them, a letter | `My choice would be B`, `so it must be B` |
//! | a letter, words that lead on with a verb among them, one of the words of the first rule | `Option B is the best.` |
//! | `choose`, `select` or `pick` in any form, words that lead on, a letter | `so we pick option B` |
//! | nothing but a letter, perhaps after `so`, `option`, `answer` or their like | `Therefore, (B).`, `Choice B.`, `Ans - C` |
//! | whatever a label is read out of ([`stated`](crate::statement::stated)) | `\boxed{B}`, `The answer is b.` |
//!
//! Words that lead on are articles, forms of `be`, and a few like `therefore` or `most likely`. What merely speaks of a
//! choice stays: `Option A is too slow`, `B is not correct`. Where the words of the right choice are given, a sentence that
//! has them, one after the other and whatever their case, goes as well. So does a heading such as `### Answer` above such a
//! sentence, and the words of a choice behind its letter, as in `The answer is B. ice`. Where reasons stay, `The answer is B because ice is
//! smooth.` becomes `ice is smooth.`, unless the reason gives the answer away by itself.

use std::ops::Range;

use crate::{statement, words};
use retort_artifact::Choice;

const ANSWERS: &[&str] = &["answer", "ans", "correct", "right", "best"];
/// The words of a heading above an answer.
const HEADING: &[&str] = &["the", "final", "correct", "answer", "ans", "solution"];
const NAMES: &[&str] = &["choice", "option", "label", "it"];
const VERBS: &[&str] = &["is", "are", "was", "be", "must", "would", "should", "will"];
const CHOOSING: &[&str] = &[
    "choose",
    "chooses",
    "chose",
    "chosen",
    "choosing",
    "select",
    "selects",
    "selected",
    "selecting",
    "pick",
    "picks",
    "picked",
    "picking",
];
const SO: &[&str] = &["so", "thus", "hence", "therefore", "then"];
const LEADING: &[&str] = &[
    "the",
    "a",
    "an",
    "one",
    "only",
    "most",
    "likely",
    "probably",
    "clearly",
    "obviously",
    "definitely",
    "logical",
    "to",
    "letter",
    "here",
    "for",
    "this",
    "question",
    "my",
    "our",
    "has",
    "have",
];

/// What counts as giving the answer away.
#[derive(Debug, Clone, Copy)]
pub struct Giveaways<'a> {
    /// The choices; their words may be empty where nobody knows them.
    pub choices: &'a [Choice],
    /// The words of the right choice, where they count too.
    pub right: Option<&'a str>,
    /// Whether what follows `because` in a sentence that names the letter stays, as a sentence of its own.
    pub reasons: bool,
}

impl Giveaways<'_> {
    /// Leaves out the sentences that give the answer away; returns what is left and how many sentences are gone or cut.
    pub fn strip(&self, text: &str) -> (String, usize) {
        let sentences = words::sentences(text);
        let goes = self.which_go(text, &sentences);
        without(text, &sentences, &goes, |sentence| self.reason(sentence))
    }

    /// Says of each sentence whether it gives the answer away, or belongs to one that does.
    fn which_go(&self, text: &str, sentences: &[Range<usize>]) -> Vec<bool> {
        let words = |index: usize| &text[sentences[index].clone()];
        let mut goes: Vec<bool> = (0..sentences.len()).map(|index| self.gives_away(words(index))).collect();
        for index in 1..sentences.len() {
            let behind = &text[sentences[index - 1].end..sentences[index].start];
            if goes[index - 1] && !behind.contains('\n') && self.completes(words(index - 1), words(index)) {
                goes[index] = true;
            }
            if goes[index] && is_heading(words(index - 1)) {
                goes[index - 1] = true;
            }
        }
        goes
    }

    fn gives_away(&self, sentence: &str) -> bool {
        self.has_right(sentence)
            || names_answer(sentence, self.choices)
            || statement::stated_label(sentence, self.choices).is_some()
    }

    /// Says whether a sentence is the words of the choice whose letter ends the one before it.
    fn completes(&self, before: &str, sentence: &str) -> bool {
        let letter = words::words(before).pop().map(|last| &before[last]);
        let choice = self.choices.iter().find(|choice| letter == Some(choice.label.to_string().as_str()));
        let text = choice.map(|choice| words::lower(&choice.text)).filter(|text| !text.is_empty());
        text.is_some_and(|text| text == words::lower(sentence))
    }

    fn has_right(&self, sentence: &str) -> bool {
        self.right.is_some_and(|right| words::has_phrase(sentence, right))
    }

    /// Returns what follows the first `because` of a sentence, if that leaves the answer open.
    fn reason<'s>(&self, sentence: &'s str) -> Option<&'s str> {
        let because = |range: &std::ops::Range<usize>| sentence[range.clone()].eq_ignore_ascii_case("because");
        let because = words::words(sentence).into_iter().filter(|_| self.reasons).find(because)?;
        let reason = sentence[because.end..].trim_start();
        let open = reason.contains(char::is_alphanumeric) && !self.gives_away(reason);
        open.then_some(reason)
    }
}

/// Returns a text without the sentences that go, each of which may leave a piece of it in its place, and how many go.
pub(super) fn without<'t>(
    text: &'t str,
    sentences: &[Range<usize>],
    goes: &[bool],
    left: impl Fn(&'t str) -> Option<&'t str>,
) -> (String, usize) {
    let (mut out, mut at, mut gone) = (String::new(), 0, 0);
    for (sentence, goes) in sentences.iter().zip(goes) {
        if *goes {
            gone += 1;
            if let Some(piece) = left(&text[sentence.clone()]) {
                out.push_str(&text[at..sentence.start]);
                out.push_str(piece);
            }
        } else {
            out.push_str(&text[at..sentence.end]);
        }
        at = sentence.end;
    }
    if gone == 0 { (text.to_owned(), 0) } else { (out.trim().to_owned(), gone) }
}

/// Says whether a line is a heading such as `### Final answer`.
pub(super) fn is_heading(line: &str) -> bool {
    let words = words::lower(line);
    words.iter().any(|word| matches!(word.as_str(), "answer" | "ans" | "solution"))
        && words.iter().all(|word| HEADING.contains(&word.as_str()))
}

/// A word of a sentence: in lower case, and whether it is the letter of a choice.
struct Piece {
    word: String,
    is_label: bool,
}

impl Piece {
    fn any_of(&self, lists: &[&[&str]]) -> bool {
        !self.is_label && lists.iter().any(|list| list.contains(&self.word.as_str()))
    }

    fn leads_on(&self) -> bool {
        self.any_of(&[ANSWERS, NAMES, VERBS, SO, LEADING])
    }
}

fn names_answer(sentence: &str, choices: &[Choice]) -> bool {
    let is_label = |word: &str| choices.iter().any(|choice| choice.label.to_string() == word);
    let pieces: Vec<Piece> = sentence
        .split(|c: char| !c.is_alphanumeric() && !"'’-_".contains(c))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(|word| Piece { word: word.to_lowercase(), is_label: is_label(word) })
        .collect();
    let alone =
        pieces.iter().filter(|piece| !piece.any_of(&[SO, NAMES, ANSWERS])).map(|piece| piece.is_label).eq([true]);
    alone || (0..pieces.len()).any(|at| begins_answer(&pieces[at..]))
}

/// Says whether the answer is named from the first of some words on.
fn begins_answer(pieces: &[Piece]) -> bool {
    let (first, rest) = (&pieces[0], &pieces[1..]);
    let leading = rest.iter().take_while(|piece| piece.leads_on()).count();
    let (between, next) = (&rest[..leading], rest.get(leading));
    let with_verb = between.iter().any(|piece| piece.any_of(&[VERBS]));
    if first.is_label {
        let verb = between.iter().position(|piece| piece.any_of(&[VERBS]));
        return verb.is_some_and(|verb| between[verb..].iter().any(|piece| piece.any_of(&[ANSWERS])));
    }
    let ends_in_label = next.is_some_and(|piece| piece.is_label);
    let may_begin = first.any_of(&[ANSWERS, CHOOSING]) || (first.any_of(&[NAMES]) && with_verb);
    may_begin && ends_in_label
}
