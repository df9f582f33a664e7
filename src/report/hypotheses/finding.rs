//! What came of each hypothesis, in a sentence.

use super::{Decided, Judged, Tested, Verdict};
use crate::label::{p_is, points};
use retort_stats::Interval;

/// Says of each hypothesis its verdict and the difference that it rests on.
pub(in crate::hypotheses) fn finding(judged: &Judged<'_>) -> String {
    let (words, verdict, cases) = (judged.hypothesis.words(), judged.verdict(), judged.cases.len());
    let differs = match (judged.range(), &judged.cases[..]) {
        (Some(_), [Decided { tested: Some(tested), corrected, .. }]) => {
            let Tested { difference, interval: Interval { low, high }, .. } = tested;
            let p = corrected.map_or_else(String::new, |p| format!(", p {}", p_is(p)));
            format!("; difference {} points [{}, {}]{p}", points(*difference), points(*low), points(*high))
        }
        (Some((low, high)), _) => format!("; differences from {} to {} points", points(low), points(high)),
        (None, _) => String::new(),
    };
    let supported = judged.count(Verdict::Supported);
    let of = if cases > 1 { format!(" (supported in {supported} of {cases} cases)") } else { String::new() };
    format!("{words}: {}{of}{differs}.", verdict.word())
}

/// Says it of all hypotheses, in their order.
pub(crate) fn findings(judged: &[Judged<'_>]) -> Vec<String> {
    judged.iter().enumerate().map(|(index, one)| format!("{}. {}", index + 1, finding(one))).collect()
}
