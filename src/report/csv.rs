//! CSV files after RFC 4180: commas, CRLF, quotes where they are needed and doubled inside.

use std::borrow::Cow;

use super::layout::Layout;
use super::marks::Marks;
use super::summary::Summary;
use super::{ARM_AXIS, ReportInput};
use retort_artifact::Outcome;
use retort_stats::{Comparison, Estimate};

/// A CSV file being written, in which no cell is a formula.
pub(super) struct Writer(csv::Writer<Vec<u8>>);

impl Default for Writer {
    fn default() -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new()))
    }
}

impl Writer {
    pub(super) fn row<S: AsRef<str>>(&mut self, fields: impl IntoIterator<Item = S>) {
        const TAKEN: &str = "a vector takes every byte, and rows may have any length";
        for field in fields {
            self.0.write_field(harmless(field.as_ref()).as_bytes()).expect(TAKEN);
        }
        self.0.write_record(None::<&[u8]>).expect(TAKEN);
    }

    /// Ends the file.
    pub(super) fn finish(self) -> String {
        let bytes = self.0.into_inner().expect("a vector takes every byte");
        String::from_utf8(bytes).expect("every field is text")
    }
}

/// Makes a cell harmless that a spreadsheet would take for a formula and carry out: one that begins with `=`, `+`, `-`, `@`, a
/// tab or a carriage return, and is neither a number nor that one character alone, gets a `'` before it.
pub fn harmless(field: &str) -> Cow<'_, str> {
    // Spreadsheets pass over white space, and some take the wide forms of Chinese and Japanese for the narrow ones.
    let first = field.trim_start_matches([' ', '\u{a0}', '\u{3000}', '\u{feff}']).chars().next();
    let acts = first.is_some_and(|first| "=+-@\t\r＝＋－＠".contains(first));
    if acts && field.chars().nth(1).is_some() && field.parse::<f64>().is_err() {
        Cow::Owned(format!("'{field}"))
    } else {
        Cow::Borrowed(field)
    }
}

/// Writes a number so that reading it gives the same number back; nothing for what is absent.
pub(super) fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn estimate(estimate: Option<Estimate>) -> [String; 4] {
    let interval = estimate.map(|found| found.interval);
    [
        number(estimate.map(|found| found.value)),
        number(interval.map(|interval| interval.low)),
        number(interval.map(|interval| interval.high)),
        estimate.map(|found| found.method.name().to_owned()).unwrap_or_default(),
    ]
}

/// Returns the axes of all arms, and the headings they get: an axis whose name is taken is called `axis:name`.
pub(super) fn axes(input: &ReportInput, taken: &[&str], but: &[String]) -> (Vec<String>, Vec<String>) {
    let mut axes: Vec<String> = input.arms.iter().flat_map(|arm| arm.coords.keys()).cloned().collect();
    axes.sort();
    axes.dedup();
    axes.retain(|axis| !but.contains(axis));
    let heading = |axis: &String| if taken.contains(&axis.as_str()) { format!("axis:{axis}") } else { axis.clone() };
    let headings = axes.iter().map(heading).collect();
    (axes, headings)
}

const SUMMARY: [&str; 33] = [
    "stage",
    "replicates",
    "questions",
    "questions_left_out",
    "level",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "accuracy_method",
    "parsed",
    "tokens_mean",
    "chance",
    "above_chance",
    "above_chance_low",
    "above_chance_high",
    "above_chance_method",
    "clearly_above_chance",
    "baseline",
    "paired_questions",
    "unpaired_questions",
    "difference",
    "difference_low",
    "difference_high",
    "difference_method",
    "wins",
    "losses",
    "mcnemar_p",
    "cohen_h",
    "test",
    "p",
    "p_holm",
    "best",
    "bootstrap_seed",
];

/// What stands behind the others where any output was read leniently as well.
const LENIENT: [&str; 4] =
    ["lenient_accuracy", "lenient_accuracy_low", "lenient_accuracy_high", "lenient_accuracy_method"];

/// Writes one line per group: fractions from 0 to 1 in full precision, nothing where a value is absent.
pub(super) fn summary_csv(input: &ReportInput, layout: &Layout, summaries: &[Summary], marks: &Marks) -> String {
    let mut csv = Writer::default();
    let (axes, headings) = axes(input, &SUMMARY, &input.spec.average);
    let lenient = summaries.iter().any(|summary| summary.lenient.is_some());
    let further = if lenient { LENIENT.as_slice() } else { &[] };
    csv.row(headings.iter().map(String::as_str).chain(SUMMARY).chain(further.iter().copied()));
    for ((group, summary), best) in layout.groups.iter().zip(summaries).zip(&marks.best) {
        let mut fields: Vec<String> =
            axes.iter().map(|axis| group.coords.get(axis).cloned().unwrap_or_default()).collect();
        let stage =
            if input.spec.average.iter().any(|axis| axis == ARM_AXIS) { String::new() } else { group.stage.clone() };
        let count = |count: usize| count.to_string();
        fields.extend([
            stage,
            count(group.arms.len()),
            count(summary.responses.questions()),
            count(summary.left_out),
            number(Some(input.spec.level.fraction())),
        ]);
        fields.extend(estimate(summary.accuracy));
        fields.extend([number(summary.parsed), number(summary.tokens), number(summary.responses.chance())]);
        fields.extend(estimate(summary.above_chance));
        fields.push(summary.verdict().map(|verdict| verdict.is_above().to_string()).unwrap_or_default());
        let found = summary.versus.and_then(|versus| versus.found);
        let of = |field: fn(&Comparison) -> usize| {
            found.as_ref().map(|found| count(field(&found.comparison))).unwrap_or_default()
        };
        fields.push(summary.versus.map(|versus| Layout::instance(&layout.groups[versus.baseline])).unwrap_or_default());
        fields.extend([of(|c| c.questions), of(|c| c.unpaired)]);
        fields.extend(estimate(found.map(|found| found.difference)));
        fields.extend([of(|c| c.wins), of(|c| c.losses), number(found.map(|found| found.comparison.p))]);
        fields.extend([
            number(found.map(|found| found.comparison.cohen_h)),
            found.map(|found| found.test.name().to_owned()).unwrap_or_default(),
            number(found.map(|found| found.p)),
            number(summary.versus.and_then(|versus| versus.corrected)),
            best.to_string(),
            input.spec.seed.to_string(),
        ]);
        if lenient {
            fields.extend(estimate(summary.lenient));
        }
        csv.row(fields);
    }
    csv.finish()
}

const QUESTION: [&str; 8] = ["stage", "question", "choices", "answer", "predicted", "correct", "tokens", "output"];

/// What stands behind these where any output was read leniently as well, or was one of several samples.
const READ: [&str; 4] = ["lenient_predicted", "lenient_correct", "samples", "samples_right"];

/// Writes one line per arm, replicate and question, in the order of the arms and of their outcomes.
pub(super) fn questions_csv(input: &ReportInput) -> String {
    let mut csv = Writer::default();
    let (axes, headings) = axes(input, &QUESTION, &[]);
    let all = || input.arms.iter().flat_map(|arm| &arm.outcomes.rows);
    let read = all().any(|outcome| outcome.lenient.is_some() || outcome.vote.is_some());
    let further = if read { READ.as_slice() } else { &[] };
    csv.row(headings.iter().map(String::as_str).chain(QUESTION).chain(further.iter().copied()));
    for arm in &input.arms {
        let place: Vec<&str> = axes
            .iter()
            .map(|axis| arm.coords.get(axis).map_or("", String::as_str))
            .chain([arm.stage.as_str()])
            .collect();
        for outcome in &arm.outcomes.rows {
            let mut fields = vec![
                outcome.id.clone(),
                outcome.choices.to_string(),
                outcome.answer.to_string(),
                outcome.predicted.as_ref().map(ToString::to_string).unwrap_or_default(),
                outcome.correct().to_string(),
                outcome.tokens.to_string(),
                outcome.output.clone(),
            ];
            if read {
                fields.extend(readings(outcome));
            }
            csv.row(place.iter().copied().chain(fields.iter().map(String::as_str)));
        }
    }
    csv.finish()
}

/// Writes the lenient reading of an outcome, and how many of its samples are right; nothing for what is absent.
pub fn readings(outcome: &Outcome) -> [String; 4] {
    let lenient = outcome.lenient.as_ref();
    let samples = &outcome.samples;
    let right = samples.iter().filter(|sample| sample.strict.correct(&outcome.answer)).count();
    let counted = |count: usize| if samples.is_empty() { String::new() } else { count.to_string() };
    [
        lenient.and_then(|reading| reading.predicted.as_ref()).map(ToString::to_string).unwrap_or_default(),
        outcome.leniently_correct().map(|right| right.to_string()).unwrap_or_default(),
        counted(samples.len()),
        counted(right),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_as_rfc_4180_says() {
        let mut csv = Writer::default();
        csv.row(["plain", "a,b", "say \"x\"", "two\nlines", "", "é"]);
        assert_eq!(csv.finish(), "plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",,é\r\n");
    }

    #[test]
    fn nothing_is_a_formula() {
        for (field, written) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            (" =1", "' =1"),
            ("＝1", "'＝1"),
            ("-", "-"),
            ("-1.25", "-1.25"),
            ("+5e-3", "+5e-3"),
            ("a=b", "a=b"),
            ("'=1", "'=1"),
            ("", ""),
        ] {
            assert_eq!(harmless(field), written);
        }
        let mut csv = Writer::default();
        csv.row(["=HYPERLINK(\"http://x\",\"y\")"]);
        assert_eq!(csv.finish(), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\r\n");
    }

    #[test]
    fn numbers_survive() {
        assert_eq!(number(Some(1.0 / 3.0)).parse::<f64>().map(f64::to_bits), Ok((1.0f64 / 3.0).to_bits()));
        assert_eq!(number(None), "");
    }
}
