//! Agreements of selections in a terminal.

use super::print;
use crate::artifact::{AgreementRow, AgreementSummary, Measured, Words};

/// Writes the agreement over all rationales: a sentence and a table.
pub(super) fn summary(found: &AgreementSummary) -> String {
    let AgreementSummary { matching, rationales, questions, only_selected, only_reference, level, measures } = found;
    let fraction = |value: f64| format!("{value:.3}");
    let line = |measured: &Measured| {
        let Measured { measure, averaged, value, low, high, chance, rationales } = measured;
        vec![
            measure.to_string(),
            averaged.to_string(),
            fraction(*value),
            format!("[{}, {}]", fraction(*low), fraction(*high)),
            chance.map_or_else(|| "–".to_owned(), fraction),
            rationales.to_string(),
        ]
    };
    let interval = format!("{:.0} % interval", level * 100.0);
    let headings = ["measure", "average", "value", &interval, "by chance", "rationales"];
    format!(
        "{rationales} rationales of {questions} questions, matching: {matching}; {only_selected} are in the selection \
         alone, {only_reference} in the reference alone\n{}\n",
        print::table(&headings, measures.iter().map(line).collect())
    )
}

/// Writes the agreement on one rationale.
pub(super) fn row(found: &AgreementRow) -> String {
    let AgreementRow { id, sample, selected, reference, shared, precision, recall, f1, jaccard, .. } = found;
    let AgreementRow { chance_precision, chance_recall, words, .. } = found;
    let fraction = |value: &Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    let Words { shared: both, selected: ours, reference: theirs } = words;
    let fields = [
        ("id", id.clone()),
        ("sample", sample.to_string()),
        (
            "precision",
            format!("{} = {shared}/{selected}, by chance {}", fraction(precision), fraction(chance_precision)),
        ),
        ("recall", format!("{} = {shared}/{reference}, by chance {}", fraction(recall), fraction(chance_recall))),
        ("F1, Jaccard", format!("{}, {}", fraction(f1), fraction(jaccard))),
        ("shared", both.join(" ")),
        ("selected", ours.join(" ")),
        ("reference", theirs.join(" ")),
    ];
    fields.iter().map(|(name, value)| format!("  {name:<12} {value}").trim_end().to_owned() + "\n").collect()
}
