//! Keeping what matters: the tokens with the highest attribution.

use super::OperationError;
use super::units::apart;
use crate::artifact::{Attribution, Rationale};
use crate::fingerprint::{ContentHash, Term};

/// How kept tokens that stood together within a word are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Subwords {
    /// Together again, so that a word all of whose tokens are kept is whole: `bodybuilders`.
    #[default]
    Joined,
    /// Apart, as the paper's example has it: `body builders`.
    Apart,
}

impl ContentHash for Subwords {
    fn term(&self) -> Term {
        let name = match self {
            Self::Joined => "joined",
            Self::Apart => "apart",
        };
        Term::variant(name, Term::None)
    }
}

/// Keeps the tokens with the highest scores, in the order of the text, one space between them. Of equal scores the
/// earlier token wins; a score that is no number loses to all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepTop {
    /// The number of tokens that stay; a rationale with fewer keeps all of them.
    pub tokens: usize,
    /// How tokens within a word are written.
    pub subwords: Subwords,
}

impl ContentHash for KeepTop {
    fn term(&self) -> Term {
        let Self { tokens, subwords } = self;
        Term::record([("tokens", tokens.term()), ("subwords", subwords.term())])
    }
}

impl KeepTop {
    pub(super) fn apply(self, rationale: &Rationale, scores: Option<&Attribution>) -> Result<String, OperationError> {
        let Rationale { id, sample, text, .. } = rationale;
        let missing = || OperationError::NoAttribution { id: id.clone(), sample: *sample };
        let scores = scores.filter(|scores| scores.id == *id && scores.sample == *sample).ok_or_else(missing)?;
        if scores.text != *text {
            return Err(OperationError::OtherText { id: id.clone(), sample: *sample });
        }
        let outside = |token: &&crate::artifact::TokenScore| text.get(token.span.0..token.span.1).is_none();
        if let Some(token) = scores.tokens.iter().find(outside) {
            let (start, end) = token.span;
            return Err(OperationError::Span { id: id.clone(), start, end });
        }
        let mut best: Vec<_> =
            scores.tokens.iter().filter(|token| !text[token.span.0..token.span.1].trim().is_empty()).collect();
        best.sort_by(|a, b| rank(b.score).total_cmp(&rank(a.score)).then(a.span.cmp(&b.span)));
        best.truncate(self.tokens);
        best.sort_by_key(|token| token.span);
        let ranges =
            apart(text, best.into_iter().map(|token| crate::text::words::trimmed(text, token.span.0..token.span.1)));
        let mut out = String::new();
        let mut end = None;
        for range in ranges {
            let joins = self.subwords == Subwords::Joined && end == Some(range.start);
            if end.is_some() && !joins {
                out.push(' ');
            }
            out.push_str(&text[range.clone()]);
            end = Some(range.end);
        }
        Ok(out)
    }
}

fn rank(score: f64) -> f64 {
    if score.is_nan() { f64::NEG_INFINITY } else { score + 0.0 }
}
