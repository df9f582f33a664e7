//! A small trainer for byte-level byte-pair encoding (Sennrich et al., 2016; Radford et al., 2019).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::{Tokenizer, TokenizerError};

/// A pair that is seen only once is not worth a token.
const LEAST_COUNT: u64 = 2;

type Pair = (u32, u32);

/// Trains a byte-level BPE tokenizer of at most `vocab_size` tokens: the 256 bytes first, then one for each merge, then
/// the special tokens in their order, which no merge reaches into. It has fewer tokens where the texts have no more
/// pairs that occur twice.
///
/// Of the pairs that occur most often the one with the smallest ids is merged first.
pub fn train_bpe<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    vocab_size: usize,
    special: &[&str],
) -> Result<Tokenizer, TokenizerError> {
    let mut vocabulary = Vocabulary::of_bytes();
    let bytes = vocabulary.tokenizer(special)?;
    let least = bytes.size();
    if vocab_size < least {
        return Err(TokenizerError::Vocabulary { asked: vocab_size, least });
    }
    let room = vocab_size - (least - vocabulary.tokens.len());
    let mut counts: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
    for text in texts {
        for word in words(&bytes, text, vocabulary.tokens.len())? {
            *counts.entry(word).or_default() += 1;
        }
    }
    let mut merging = Merging::new(counts);
    while vocabulary.tokens.len() < room {
        let Some(pair) = merging.best() else { break };
        let merged = vocabulary.merge(pair);
        merging.merge(pair, merged);
    }
    vocabulary.tokenizer(special)
}

/// Splits a text into the pieces that merges stay within, each as the ids of its bytes, special tokens left out.
fn words(bytes: &Tokenizer, text: &str, alphabet: usize) -> Result<Vec<Vec<u32>>, TokenizerError> {
    let encoding = bytes
        .inner()
        .encode(text, false)
        .map_err(|error| TokenizerError::Encode { text: text.chars().take(60).collect(), why: error.to_string() })?;
    let mut words: Vec<Vec<u32>> = Vec::new();
    let mut last = None;
    for (&id, &word) in encoding.get_ids().iter().zip(encoding.get_word_ids()) {
        if (id as usize) >= alphabet {
            last = None;
            continue;
        }
        match words.last_mut().filter(|_| last == Some(word)) {
            Some(open) => open.push(id),
            None => words.push(vec![id]),
        }
        last = Some(word);
    }
    Ok(words)
}

/// The tokens so far, and the merges that made them.
struct Vocabulary {
    tokens: Vec<String>,
    ids: BTreeMap<String, u32>,
    merges: Vec<Pair>,
}

impl Vocabulary {
    /// The 256 letters that stand for bytes, in the order of GPT-2's vocabulary.
    fn of_bytes() -> Self {
        let letters: BTreeSet<char> = ByteLevel::alphabet().into_iter().collect();
        let tokens: Vec<String> = letters.into_iter().map(String::from).collect();
        let ids = (0..).zip(&tokens).map(|(id, token)| (token.clone(), id)).collect();
        Self { tokens, ids, merges: Vec::new() }
    }

    /// Notes a merge and returns the id of what it makes, which another merge may have made before.
    fn merge(&mut self, pair: Pair) -> u32 {
        let merged = format!("{}{}", self.tokens[pair.0 as usize], self.tokens[pair.1 as usize]);
        self.merges.push(pair);
        let next = self.tokens.len() as u32;
        let id = *self.ids.entry(merged.clone()).or_insert(next);
        if id == next {
            self.tokens.push(merged);
        }
        id
    }

    fn tokenizer(&self, special: &[&str]) -> Result<Tokenizer, TokenizerError> {
        let why = |error: tokenizers::Error| TokenizerError::Write { why: error.to_string() };
        let spell = |id: u32| self.tokens[id as usize].clone();
        let merges = self.merges.iter().map(|&(left, right)| (spell(left), spell(right))).collect();
        let ids: tokenizers::models::bpe::Vocab = self.ids.iter().map(|(token, id)| (token.clone(), *id)).collect();
        let model = BPE::builder().vocab_and_merges(ids, merges).build().map_err(why)?;
        let mut inner = tokenizers::Tokenizer::new(model);
        // The settings of GPT-2's own file.
        inner.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
        inner.with_post_processor(Some(ByteLevel::new(true, false, true)));
        inner.with_decoder(Some(ByteLevel::new(true, true, true)));
        let mut tokenizer = Tokenizer::new(inner);
        tokenizer.add_special(special)?;
        Ok(tokenizer)
    }
}

/// The corpus while it is merged: every different piece once, with its count.
struct Merging {
    words: Vec<(Vec<u32>, u64)>,
    pairs: BTreeMap<Pair, Seen>,
    /// Pairs by count; an entry is stale when the pair's count has moved on since.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

/// How often a pair occurs, and in which pieces it does or once did.
#[derive(Default)]
struct Seen {
    count: u64,
    places: BTreeSet<usize>,
}

impl Merging {
    fn new(counts: BTreeMap<Vec<u32>, u64>) -> Self {
        let mut merging =
            Self { words: counts.into_iter().collect(), pairs: BTreeMap::new(), queue: BinaryHeap::new() };
        for place in 0..merging.words.len() {
            merging.count(place);
        }
        let queue = merging.pairs.iter().map(|(pair, seen)| (seen.count, Reverse(*pair)));
        merging.queue = queue.collect();
        merging
    }

    /// Adds the pairs of a piece to the counts.
    fn count(&mut self, place: usize) {
        let (word, count) = &self.words[place];
        for pair in word.windows(2) {
            let seen = self.pairs.entry((pair[0], pair[1])).or_default();
            seen.count += count;
            seen.places.insert(place);
        }
    }

    /// Returns the pair that occurs most often, the one of smallest ids among equals.
    fn best(&mut self) -> Option<Pair> {
        while let Some((count, Reverse(pair))) = self.queue.pop() {
            if self.pairs.get(&pair).is_some_and(|seen| seen.count == count) && count >= LEAST_COUNT {
                return Some(pair);
            }
        }
        None
    }

    /// Puts one token in place of a pair, wherever it stands, and counts anew what stood beside it.
    fn merge(&mut self, pair: Pair, merged: u32) {
        let places = self.pairs.remove(&pair).unwrap_or_default().places;
        let mut touched = BTreeSet::new();
        for place in places {
            let (word, count) = &mut self.words[place];
            for old in word.windows(2).map(|old| (old[0], old[1])).filter(|old| *old != pair) {
                if let Some(seen) = self.pairs.get_mut(&old) {
                    seen.count -= *count;
                    touched.insert(old);
                }
            }
            *word = joined(word, pair, merged);
            touched.extend(word.windows(2).map(|new| (new[0], new[1])));
            self.count(place);
        }
        for pair in touched {
            if let Some(seen) = self.pairs.get(&pair) {
                self.queue.push((seen.count, Reverse(pair)));
            }
        }
    }
}

fn joined(word: &[u32], pair: Pair, merged: u32) -> Vec<u32> {
    let mut out = Vec::with_capacity(word.len());
    let mut at = 0;
    while at < word.len() {
        if word.get(at + 1).is_some_and(|&next| (word[at], next) == pair) {
            out.push(merged);
            at += 2;
        } else {
            out.push(word[at]);
            at += 1;
        }
    }
    out
}
