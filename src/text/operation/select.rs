//! Selections: which units matter most, and how the ones that stay are written.

use std::ops::Range;

/// How kept tokens that stood together within a word are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subwords {
    /// Together again, so that a word all of whose tokens are kept is whole: `bodybuilders`.
    Joined,
    /// Apart, as the paper's example has it: `body builders`.
    Apart,
}

retort_fingerprint::words!(Subwords { Joined = "joined", Apart = "apart" });

/// Returns the `count` places with the highest scores, in the order of the text. Of equal scores the earlier place wins; a
/// score that is no number loses to all others.
pub fn highest(mut scored: Vec<(Range<usize>, f64)>, count: usize) -> Vec<Range<usize>> {
    let start = |range: &Range<usize>| (range.start, range.end);
    scored.sort_by(|(a, x), (b, y)| rank(*y).total_cmp(&rank(*x)).then(start(a).cmp(&start(b))));
    scored.truncate(count);
    let mut places: Vec<_> = scored.into_iter().map(|(range, _)| range).collect();
    places.sort_by_key(start);
    places
}

/// Takes ranges that overlap, as those of tokens within one character do, as one, and leaves blank ones out. The ranges
/// must be in the order of their starts.
pub fn apart(text: &str, ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !text[range.clone()].trim().is_empty()) {
        match apart.last_mut().filter(|last| range.start < last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => apart.push(range),
        }
    }
    apart
}

/// Writes a selection with one space between its pieces; where subwords are joined, pieces that touch have none.
pub fn written(text: &str, ranges: &[Range<usize>], subwords: Subwords) -> String {
    let mut out = String::new();
    let mut end = None;
    for range in ranges {
        let joins = subwords == Subwords::Joined && end == Some(range.start);
        if end.is_some() && !joins {
            out.push(' ');
        }
        out.push_str(&text[range.clone()]);
        end = Some(range.end);
    }
    out
}

fn rank(score: f64) -> f64 {
    if score.is_nan() { f64::NEG_INFINITY } else { score + 0.0 }
}
