//! What the arms say of each hypothesis: tested case by case, corrected over all of them, told in two tables and a file.

use super::against::against;
use super::cases::Case;
use super::csv::{Writer, number};
use super::hypothesis::{Hypothesis, Relation};
use super::label::{self, ABSENT};
use super::layout::Layout;
use super::summary::Summary;
use super::{Cell, Column, ReportError, ReportInput, Table};
use retort_stats::{
    Equivalence, Exceeding, Interval, Level, Method, Pairs, Power, Test, detectable, equivalence, exceeding, holm,
};

/// What the arms say of a hypothesis, or of one of its cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They show it.
    Supported,
    /// They show that it does not hold.
    Contradicted,
    /// They show neither.
    Undecided,
    /// Too few outputs of an arm can be read.
    NotAssessable,
    /// The two arms have no question in common.
    Incomparable,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Contradicted => "contradicted",
            Self::Undecided => "undecided",
            Self::NotAssessable => "not assessable",
            Self::Incomparable => "not comparable",
        }
    }
}

/// A hypothesis and what became of its cases.
pub(super) struct Judged<'a> {
    hypothesis: &'a Hypothesis,
    cases: Vec<Decided>,
}

/// A case with its numbers.
struct Decided {
    case: Case,
    /// `None` where the arms share no question.
    tested: Option<Tested>,
    /// The fraction of each arm's outputs that a label can be read from, where it is too small for a verdict.
    unreadable: Option<(f64, f64)>,
    /// The p value, corrected for the number of all cases of all hypotheses.
    corrected: Option<f64>,
    verdict: Verdict,
}

/// The numbers of a case.
struct Tested {
    accuracies: (f64, f64),
    difference: f64,
    interval: Interval,
    questions: usize,
    unpaired: usize,
    /// Whether each arm was trained once.
    once: bool,
    /// What was done.
    test: String,
    /// The p value of the finding that the observed difference points to.
    p: f64,
    /// That finding.
    toward: Verdict,
    /// The smallest difference that such a comparison finds four times out of five.
    detectable: Option<f64>,
}

/// Judges every hypothesis of a report.
///
/// # Errors
/// Hypotheses about arms that are not there.
pub(super) fn judge<'a>(
    input: &'a ReportInput,
    layout: &Layout,
    summaries: &[Summary],
) -> Result<Vec<Judged<'a>>, ReportError> {
    let mut judged = Vec::new();
    for (index, hypothesis) in input.spec.hypotheses.iter().enumerate() {
        let decide = |case: Case| {
            let (first, second) = (&summaries[case.first], &summaries[case.second]);
            let tested = tested(input, hypothesis.relation, first, second);
            let unreadable = !(first.is_readable(input) && second.is_readable(input)) && tested.is_some();
            let unreadable = unreadable.then(|| (first.parsed.unwrap_or(1.0), second.parsed.unwrap_or(1.0)));
            let verdict = if unreadable.is_some() { Verdict::NotAssessable } else { Verdict::Incomparable };
            Decided { case, tested, unreadable, corrected: None, verdict }
        };
        let cases = hypothesis.cases(index, layout)?.into_iter().map(decide).collect();
        judged.push(Judged { hypothesis, cases });
    }
    let decidable = |case: &&mut Decided| case.tested.is_some() && case.unreadable.is_none();
    let mut cases: Vec<&mut Decided> =
        judged.iter_mut().flat_map(|judged| &mut judged.cases).filter(decidable).collect();
    let p_values: Vec<f64> = cases.iter().filter_map(|case| Some(case.tested.as_ref()?.p)).collect();
    let corrected = holm(&p_values).expect("tests give probabilities");
    let alpha = 1.0 - input.spec.level.fraction();
    for (case, p) in cases.iter_mut().zip(corrected) {
        let toward = case.tested.as_ref().map_or(Verdict::Incomparable, |tested| tested.toward);
        case.corrected = Some(p);
        case.verdict = if p <= alpha { toward } else { Verdict::Undecided };
    }
    Ok(judged)
}

/// Tests one case; `None` where the arms share no question.
fn tested(input: &ReportInput, relation: Relation, first: &Summary, second: &Summary) -> Option<Tested> {
    let (first, second, level) = (&first.responses, &second.responses, input.spec.level);
    let found = against(input, first, second)?;
    let pairs = Pairs::of(first, second).ok()?;
    let (questions, unpaired) = (pairs.questions(), pairs.unpaired());
    let difference = found.difference;
    let toward = |holds: bool| if holds { Verdict::Supported } else { Verdict::Contradicted };
    let margin_test = |method: Method| match method {
        Method::Crossed => "t tests over questions and trainings",
        _ => "Tango's score tests",
    };
    let (test, p, toward, interval) = match relation {
        Relation::More { by: Some(by) } => {
            let Exceeding { at_most, at_least, method } = exceeding(&pairs, by.fraction());
            let p = (2.0 * at_most.min(at_least)).min(1.0);
            (
                format!("margin: {}", margin_test(method)),
                p,
                toward(difference.value > by.fraction()),
                difference.interval,
            )
        }
        Relation::More { by: None } => {
            (named(found.test).to_owned(), found.p, toward(difference.value > 0.0), difference.interval)
        }
        Relation::Same { within } => {
            let Equivalence { p, p_beyond, interval, method, .. } = equivalence(&pairs, within, level);
            let near = difference.value.abs() < within.fraction();
            let test = format!("equivalence: {}", margin_test(method));
            (test, if near { p } else { p_beyond }, toward(near), interval)
        }
    };
    let once = pairs.once();
    let detectable = detectable(&pairs, level, Power::P80);
    let accuracies = pairs.accuracies();
    let difference = difference.value;
    Some(Tested { accuracies, difference, interval, questions, unpaired, once, test, p, toward, detectable })
}

/// Names a test in a few words.
fn named(test: Test) -> &'static str {
    match test {
        Test::McNemar => "McNemar's exact test",
        Test::Permutation => "permutation test over questions",
        Test::Crossed => "t test over questions and trainings",
    }
}

impl Judged<'_> {
    /// Says what holds of the hypothesis: supported where every case is, contradicted where any is, not assessable where else
    /// any case is that.
    pub(super) fn verdict(&self) -> Verdict {
        let any = |verdict| self.cases.iter().any(|case| case.verdict == verdict);
        if any(Verdict::Contradicted) {
            Verdict::Contradicted
        } else if self.cases.iter().all(|case| case.verdict == Verdict::Supported) {
            Verdict::Supported
        } else if self.cases.iter().all(|case| case.verdict == Verdict::Incomparable) {
            Verdict::Incomparable
        } else if any(Verdict::NotAssessable) {
            Verdict::NotAssessable
        } else {
            Verdict::Undecided
        }
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// The smallest and the largest difference among the cases.
    fn range(&self) -> Option<(f64, f64)> {
        let differences = || self.cases.iter().filter_map(|case| Some(case.tested.as_ref()?.difference));
        Some((differences().min_by(f64::total_cmp)?, differences().max_by(f64::total_cmp)?))
    }
}

/// Says in a clause how many hypotheses got which verdict; `None` where none is made.
pub(super) fn lead(judged: &[Judged<'_>]) -> Option<String> {
    let verdicts =
        [Verdict::Supported, Verdict::Contradicted, Verdict::Undecided, Verdict::NotAssessable, Verdict::Incomparable];
    let counts = verdicts.map(|verdict| (judged.iter().filter(|one| one.verdict() == verdict).count(), verdict.word()));
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let plural = if judged.len() == 1 { "hypothesis" } else { "hypotheses" };
    (!judged.is_empty()).then(|| format!("{} {plural}: {}.", judged.len(), told.join(", ")))
}

/// Makes the tables: the hypotheses, then their cases; none where no hypothesis is stated.
pub(super) fn tables(input: &ReportInput, judged: &[Judged<'_>]) -> Vec<Table> {
    if judged.is_empty() {
        return Vec::new();
    }
    vec![summary(input, judged), cases(input, judged)]
}

fn count(number: usize) -> Cell {
    Cell::number(number as f64, label::count(number))
}

fn summary(input: &ReportInput, judged: &[Judged<'_>]) -> Table {
    let silent = judged.iter().any(|one| one.count(Verdict::NotAssessable) > 0);
    let mut columns = vec![
        Column::numbers("no."),
        Column::prose("hypothesis"),
        Column::words("verdict"),
        Column::numbers("cases"),
        Column::numbers("supported"),
        Column::numbers("contradicted"),
        Column::numbers("undecided"),
    ];
    columns.extend(silent.then(|| Column::numbers("not assessable")));
    columns.push(Column::numbers("difference"));
    let row = |(index, one): (usize, &Judged<'_>)| {
        let range = one.range().map_or_else(
            || Cell::words(ABSENT),
            |(low, high)| {
                let (low_text, high_text) = (label::points(low), label::points(high));
                let text = if low_text == high_text { low_text } else { format!("{low_text} to {high_text}") };
                Cell::number(low, text)
            },
        );
        let hypothesis = Cell { small: formula_below(one.hypothesis), ..Cell::words(one.hypothesis.words()) };
        let mut cells = vec![
            count(index + 1),
            hypothesis,
            Cell::words(one.verdict().word()),
            count(one.cases.len()),
            count(one.count(Verdict::Supported)),
            count(one.count(Verdict::Contradicted)),
            count(one.count(Verdict::Undecided) + one.count(Verdict::Incomparable)),
        ];
        cells.extend(silent.then(|| count(one.count(Verdict::NotAssessable))));
        cells.push(range);
        cells
    };
    let level = super::notes::significance(input);
    let mut notes = vec![format!(
        "A hypothesis is about each pair of arms that agree on every axis it does not name: its cases. It is supported where every \
         case is and contradicted where any case is, at {level} after Holm's correction over all cases of all hypotheses; \
         else it is undecided, which is no evidence against it. Differences are in percentage points, first side minus \
         second."
    )];
    if silent {
        notes.push(format!(
            "A case is not assessable where a label can be read from fewer than {} % of the outputs of either arm \
             (`readable`): students that answer nothing are equally wrong, which is no evidence about what they learnt.",
            label::percent(input.spec.readable).trim_end_matches(".0")
        ));
    }
    Table { title: "Hypotheses".to_owned(), columns, rows: judged.iter().enumerate().map(row).collect(), notes }
}

fn formula_below(hypothesis: &Hypothesis) -> String {
    if hypothesis.says.is_empty() { String::new() } else { hypothesis.formula() }
}

fn cases(input: &ReportInput, judged: &[Judged<'_>]) -> Table {
    let told = judged.iter().flat_map(|one| &one.cases).any(|case| !case.case.label.is_empty());
    let mut columns = vec![Column::numbers("hypothesis")];
    columns.extend(told.then(|| Column::words("case")));
    columns.extend(["first %", "second %", "difference", "n"].map(Column::numbers));
    columns.push(Column::prose("test"));
    columns.extend(["p", "p, Holm"].map(Column::numbers));
    columns.push(Column::words("verdict"));
    columns.push(Column::numbers("detectable"));
    let mut rows = Vec::new();
    let mut unpaired = Vec::new();
    for (index, one) in judged.iter().enumerate() {
        for decided @ Decided { case, tested, verdict, .. } in &one.cases {
            let mut cells = vec![count(index + 1)];
            let name = if case.label.is_empty() { ABSENT } else { &case.label };
            cells.extend(told.then(|| Cell::words(name)));
            if let Some(tested) = tested {
                cells.extend(numbers(tested, decided));
                if tested.unpaired > 0 {
                    let (number, left) = (index + 1, label::count(tested.unpaired));
                    unpaired.push(format!(
                        "Hypothesis {number}, {name}: the arms were scored on different questions, and {left} that only one of them \
                         has are left out."
                    ));
                }
            } else {
                cells.extend([ABSENT; 4].map(Cell::words));
                cells.push(Cell::words("the arms share no question"));
                cells.extend([ABSENT; 2].map(Cell::words));
                cells.push(Cell::words(verdict.word()));
                cells.push(Cell::words(ABSENT));
            }
            rows.push(cells);
        }
    }
    let mut notes = case_notes(input, judged);
    notes.extend(super::notes::shortened(unpaired));
    Table { title: "Hypotheses, case by case".to_owned(), columns, rows, notes }
}

fn numbers(tested: &Tested, decided: &Decided) -> [Cell; 9] {
    let Tested { accuracies: (first, second), difference, interval, questions, p, detectable, .. } = tested;
    let Decided { corrected, verdict, unreadable, .. } = decided;
    let Interval { low, high } = interval;
    let fraction = |fraction: f64| Cell::number(fraction, label::percent(fraction));
    let p_value = |p: f64| Cell::number(p, label::p_value(p));
    let points = label::points;
    let absent = || Cell::words(ABSENT);
    let test = tested_by(tested, decided);
    [
        fraction(*first),
        fraction(*second),
        Cell::number(*difference, format!("{} [{}, {}]", points(*difference), points(*low), points(*high))),
        count(*questions),
        Cell::words(test),
        if unreadable.is_some() { absent() } else { p_value(*p) },
        corrected.map_or_else(absent, p_value),
        Cell::words(verdict.word()),
        detectable.filter(|_| unreadable.is_none()).map_or_else(absent, fraction),
    ]
}

/// Names the test of a case, or says why there is none.
fn tested_by(tested: &Tested, decided: &Decided) -> String {
    let of = |(first, second): (f64, f64)| {
        let (first, second) = (label::percent(first), label::percent(second));
        format!("none: a label can be read from {first} % and {second} % of the outputs")
    };
    decided.unreadable.map_or_else(|| tested.test.clone(), of)
}

fn case_notes(input: &ReportInput, judged: &[Judged<'_>]) -> Vec<String> {
    let level = label::level(input.spec.level);
    let same = judged.iter().any(|one| matches!(one.hypothesis.relation, Relation::Same { .. }));
    let mut tested = judged.iter().flat_map(|one| &one.cases).filter_map(|case| case.tested.as_ref());
    let mut notes = vec![format!(
        "Arms are paired by question; brackets hold {level} intervals of the difference. p is that of the finding the \
         difference points to, two-sided for `>`. `detectable` is the smallest difference, in points, that a comparison like \
         this one finds four times out of five."
    )];
    if same {
        let narrow = Level::new(2.0 * input.spec.level.fraction() - 1.0).map(label::level);
        let narrow = narrow.unwrap_or_else(|_| "narrower".to_owned());
        notes.push(format!(
            "For `≈` the bracket is the {narrow} interval, which lies within the margin exactly where two one-sided tests \
             find the arms equivalent before the correction; no difference found is not the same as none."
        ));
    }
    if tested.any(|tested| tested.once) {
        notes.push(
            "Where each arm was trained once, a verdict is about these very trainings: another seed may differ by more than the \
             questions do."
                .to_owned(),
        );
    }
    notes
}

const HEADINGS: [&str; 19] = [
    "hypothesis",
    "says",
    "formula",
    "case",
    "first",
    "second",
    "first_accuracy",
    "second_accuracy",
    "difference",
    "difference_low",
    "difference_high",
    "questions",
    "unpaired_questions",
    "test",
    "p",
    "p_holm",
    "verdict",
    "detectable",
    "hypothesis_verdict",
];

/// Writes one line per hypothesis and case, fractions from 0 to 1; `None` where no hypothesis is stated.
pub(super) fn csv(layout: &Layout, judged: &[Judged<'_>]) -> Option<String> {
    let mut csv = Writer::default();
    csv.row(HEADINGS);
    for (index, one) in judged.iter().enumerate() {
        for decided @ Decided { case, tested, corrected, verdict, unreadable } in &one.cases {
            let of = |value: fn(&Tested) -> f64| number(tested.as_ref().map(value));
            let count = |value: fn(&Tested) -> usize| tested.as_ref().map(|t| value(t).to_string()).unwrap_or_default();
            csv.row([
                (index + 1).to_string(),
                one.hypothesis.words(),
                one.hypothesis.formula(),
                case.label.clone(),
                Layout::instance(&layout.groups[case.first]),
                Layout::instance(&layout.groups[case.second]),
                of(|tested| tested.accuracies.0),
                of(|tested| tested.accuracies.1),
                of(|tested| tested.difference),
                of(|tested| tested.interval.low),
                of(|tested| tested.interval.high),
                count(|tested| tested.questions),
                count(|tested| tested.unpaired),
                tested.as_ref().map(|tested| tested_by(tested, decided)).unwrap_or_default(),
                number(tested.as_ref().filter(|_| unreadable.is_none()).map(|tested| tested.p)),
                number(*corrected),
                verdict.word().to_owned(),
                number(tested.as_ref().filter(|_| unreadable.is_none()).and_then(|tested| tested.detectable)),
                one.verdict().word().to_owned(),
            ]);
        }
    }
    (!judged.is_empty()).then_some(csv.finish())
}
