//! What layers say, and how translators were trained, in a terminal.

use super::plot::{plot, sparkline};
use super::print;
use super::reporter::counted;
use crate::artifact::{LayerReading, ReadingRow, ReadingSummary, TuningLog};

/// The most places of a row that a terminal has room for.
const PLACES: usize = 6;

/// Writes what was read in a sentence.
pub(super) fn summary(found: &ReadingSummary) -> String {
    let ReadingSummary { lens, layers, last, questions, correct, without_label, several_tokens, without_rationale } =
        found;
    let mut out = format!(
        "{} through the {lens} lens, {correct} answered right; {} of a student whose output is layer {last}\n",
        counted(*questions, "question"),
        counted(layers.len(), "layer")
    );
    for (count, what) in [
        (without_label, "in whose text the right label never occurs"),
        (several_tokens, "whose label is written with several tokens"),
        (without_rationale, "left out for want of a rationale to be read on"),
    ] {
        if *count > 0 {
            out += &format!("{} {what}\n", counted(*count, "question"));
        }
    }
    out
}

/// Writes the last places of a row as a table, the student's output on top: the likeliest token and the probability of the
/// label.
pub(super) fn row(found: &ReadingRow) -> String {
    let ReadingRow { id, answer, correct, tokens, skipped, label_at, label_tokens, layers } = found;
    let start = tokens.len().saturating_sub(PLACES);
    let told = |token: &String| format!("{:?}", token.trim());
    let line = |layer: &LayerReading| {
        let cell = |at: usize| format!("{} {:.2}", told(&layer.top[at]), layer.probability[at]);
        std::iter::once(layer.layer.to_string()).chain((start..tokens.len()).map(cell)).collect()
    };
    let headings: Vec<String> = std::iter::once("layer".to_owned()).chain(tokens[start..].iter().map(told)).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let label = match label_at {
        Some(at) => format!("at place {} of the answer, {label_tokens} token(s)", at + skipped + 1),
        None => "never occurs".to_owned(),
    };
    let answered = if *correct { "answered right" } else { "answered wrong" };
    let earlier = start + skipped;
    let more = if earlier > 0 { format!("  {earlier} earlier places are not shown\n") } else { String::new() };
    format!(
        "  {id}: {answered}; {answer} {label}\n{more}{}",
        print::table(&headings, layers.iter().rev().map(line).collect())
    )
}

/// Writes how translators were trained, and how far each layer is from the student.
pub(super) fn tuning(log: &TuningLog) -> String {
    let TuningLog { student: _, passages, held_out, without_rationale, truncated, bias_only, .. } = log;
    let TuningLog { divergences, learning_rates, grad_norms, before, after, .. } = log;
    let learned = if *bias_only { "biases alone" } else { "matrices and biases" };
    let mut out = format!(
        "{learned}, {} on {}; {held_out} kept apart, {} left out for want of a rationale, {truncated} cut to length\n\n",
        counted(divergences.len(), "step"),
        counted(*passages, "passage"),
        counted(*without_rationale, "question")
    );
    let drawn = plot("divergence from the student, nats, by step", divergences, 1, divergences.len() as u64);
    out += &if drawn.is_empty() { sparkline("divergence", divergences) } else { drawn };
    out += &sparkline("learning rate", learning_rates);
    out += &sparkline("gradient norm", grad_norms);
    let line = |(layer, (before, after)): (usize, (&f64, &f64))| {
        vec![layer.to_string(), format!("{before:.3}"), format!("{after:.3}")]
    };
    let rows: Vec<Vec<String>> = before.iter().zip(after).enumerate().map(line).collect();
    if !rows.is_empty() {
        out += "\nnats from the student on what was kept apart\n";
        out += &print::table(&["layer", "logit lens", "tuned lens"], rows);
    }
    out
}
