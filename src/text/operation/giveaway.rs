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
//! | nothing but a letter after `so`, `thus` or their like | `Therefore, (B).` |
//!
//! Words that lead on are articles, forms of `be`, and a few like `therefore` or `most likely`. What merely speaks of a
//! choice stays: `Option A is too slow`, `B is not correct`. Where the words of the right choice are given, a sentence that
//! has them, one after the other and whatever their case, goes as well. Where reasons stay, `The answer is B because ice is
//! smooth.` becomes `ice is smooth.`, unless the reason gives the answer away by itself.

use crate::words;
use retort_artifact::Label;

const ANSWERS: &[&str] = &["answer", "correct", "right", "best"];
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
    /// The letters of the choices.
    pub labels: &'a [Label],
    /// The words of the right choice, where they count too.
    pub right: Option<&'a str>,
    /// Whether what follows `because` in a sentence that names the letter stays, as a sentence of its own.
    pub reasons: bool,
}

impl Giveaways<'_> {
    /// Leaves out the sentences that give the answer away; returns what is left and how many sentences are gone or cut.
    pub fn strip(&self, text: &str) -> (String, usize) {
        let (mut out, mut at, mut gone) = (String::new(), 0, 0);
        for sentence in words::sentences(text) {
            let words = &text[sentence.clone()];
            if !self.has_right(words) && !names_answer(words, self.labels) {
                out.push_str(&text[at..sentence.end]);
            } else {
                gone += 1;
                if let Some(reason) = self.reason(words) {
                    out.push_str(&text[at..sentence.start]);
                    out.push_str(reason);
                }
            }
            at = sentence.end;
        }
        if gone == 0 { (text.to_owned(), 0) } else { (out.trim().to_owned(), gone) }
    }

    fn has_right(&self, sentence: &str) -> bool {
        let lower = |text: &str| -> Vec<String> {
            words::words(text).into_iter().map(|range| text[range].to_lowercase()).collect()
        };
        let right = self.right.map(lower).filter(|right| !right.is_empty());
        right.is_some_and(|right| lower(sentence).windows(right.len()).any(|window| window == right))
    }

    /// Returns what follows the first `because` of a sentence, if that leaves the answer open.
    fn reason<'s>(&self, sentence: &'s str) -> Option<&'s str> {
        let because = |range: &std::ops::Range<usize>| sentence[range.clone()].eq_ignore_ascii_case("because");
        let because = words::words(sentence).into_iter().filter(|_| self.reasons).find(because)?;
        let reason = sentence[because.end..].trim_start();
        let open =
            reason.contains(char::is_alphanumeric) && !self.has_right(reason) && !names_answer(reason, self.labels);
        open.then_some(reason)
    }
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

fn names_answer(sentence: &str, labels: &[Label]) -> bool {
    let pieces: Vec<Piece> = sentence
        .split(|c: char| !c.is_alphanumeric() && !"'’-_".contains(c))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(|word| Piece { word: word.to_lowercase(), is_label: labels.iter().any(|label| label.to_string() == word) })
        .collect();
    let alone = pieces.iter().filter(|piece| !piece.any_of(&[SO])).map(|piece| piece.is_label).eq([true]);
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
