//! `report`: tables, figures and a page, out of what students answered.

mod fields;
mod hypothesis;

use retort_artifact::{
    AgreementSummary, Checkpoint, CodecError, Part, Parts, Question, Questions, ReportFiles, Scores,
};
use retort_artifact::{Artifact, ArtifactKind, Split, TrainingLog, Votes};
use retort_fingerprint::{Digest, Term};
use retort_report::{self as report, Arm, Figure, ReportInput, ReportSpec, Shape, foresee, foresee_lens, report_with};
use retort_stage::params::{Gather, Seed};
use retort_stage::{Arrival, Coming, Context, Flaw, Looked, Misfit, Stage, StageError};

use super::lens::LensReport;
use super::sequence::data;
pub use fields::{Axes, Beside, Choices, Points, Selector};
pub use hypothesis::{Hypothesis, More, Same};
use retort_text::Fraction;

/// The log of a training, without the weights it led to.
#[derive(Debug, Clone)]
pub struct Training(TrainingLog);

impl Artifact for Training {
    const KIND: ArtifactKind = ArtifactKind::Checkpoint;

    fn encode(&self) -> Parts {
        Parts::from([("log".to_owned(), serde_json::to_vec(&self.0).expect("plain structs encode as JSON").into())])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let missing = || CodecError::MissingPart { format: "training log", part: "log".into() };
        Checkpoint::decode_log(parts.get("log").and_then(Part::bytes).ok_or_else(missing)?).map(Self)
    }
}

/// An agreement of selections over all rationales, without the words of each.
#[derive(Debug, Clone)]
pub struct Agreement(AgreementSummary);

impl Artifact for Agreement {
    const KIND: ArtifactKind = ArtifactKind::Agreement;

    fn encode(&self) -> Parts {
        self.0.encode()
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        AgreementSummary::decode(parts).map(Self)
    }
}

retort_stage::params! {
    /// Tables, figures and a page, out of what students answered. An axis that is given no place becomes further rows.
    pub struct Report {
        /// The stages of kind `evaluate` whose instances are reported.
        pub scores: Option<Gather<Scores>>,
        /// The stages of kind `dataset` whose questions' words stand in the page.
        pub questions: Option<Gather<Questions>>,
        /// The split those questions are of.
        pub split: Split = Split::Test,
        /// The stages of kind `train` whose training curves are shown.
        pub training: Option<Gather<Training>>,
        /// The stages of kind `agreement` that have a table of their own.
        pub agreement: Option<Gather<Agreement>>,
        /// The stages of kind `elicit` with `votes` that have a table of their own: how far each teacher agrees with itself, and
        /// how often it is right.
        pub teachers: Option<Gather<Votes>>,
        /// What the layers of students know of the label: `{ readings: …, bound: 0.6 }`.
        pub lens: Option<LensReport>,
        /// The heading.
        pub title: String = "Results".into(),
        /// Axes of the rows.
        pub rows: Axes,
        /// Axes of the columns.
        pub columns: Axes,
        /// The axis that runs along the figure.
        pub x: Option<String>,
        /// Axes of the figure's lines.
        pub lines: Axes,
        /// Axes of the panels: of the figure, and of the tables that have columns.
        pub panels: Axes,
        /// Axes that are averaged over, as replicates.
        pub average: Axes,
        /// The arm that every other is compared with, by axis values.
        pub baseline: Option<Selector>,
        /// The axes among whose values the best is looked for, to be set in bold where it is clearly better than each of
        /// the others; those that are neither a column, a panel nor `x` where none is given.
        pub best: Axes,
        /// What is expected of the arms; each is reported with its verdict.
        #[was = "claims"]
        pub hypotheses: Vec<Hypothesis> = Vec::new(),
        /// The least fraction of an arm's outputs that a label can be read from for a verdict about it, from 0 to 1. Below it
        /// a hypothesis is not assessable, and nothing is marked.
        pub readable: Fraction = Fraction::try_from(report::ReportSpec::READABLE).expect("it lies between 0 and 1"),
        /// Values of others that stand beside the measured ones.
        pub beside: Option<Beside>,
        /// How accuracies are drawn: lines where there is an `x` and else dots, or `dots`, or `bars`.
        pub figure: Shape = Shape::Auto,
        /// The seed of the bootstrap; the experiment's where none is given.
        pub seed: Seed,
    }
}

impl Stage for Report {
    type Output = ReportFiles;

    const NAME: &'static str = "report";
    const REVISION: u32 = 8;
    const ABOUT: &'static str = "Tables, figures and a page, out of what students answered.";
    const EXAMPLE: &'static str = "{ scores: scores, x: fraction, lines: placement, average: run }";

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            port if port.starts_with("training") => Some(vec!["log".to_owned()]),
            port if port.starts_with("agreement") => Some(vec!["summary".to_owned()]),
            port if port.starts_with("questions") => Some(vec![self.split.name().to_owned()]),
            _ => None,
        }
    }

    fn labels_inputs(&self) -> bool {
        true
    }

    fn names_inputs(&self, port: &str) -> bool {
        port == "teachers"
    }

    fn misfits(&self, coming: &[Coming]) -> Vec<Misfit> {
        if !self.shows_something() {
            let message = "the report has nothing to report on".to_owned();
            let hint = Some("name stages of kind `evaluate` under `scores`, of kind `agreement`, of kind `elicit` with `votes` under `teachers`, or of kind `lens` under `lens.readings`".to_owned());
            return vec![Misfit { field: String::new(), message, hint }];
        }
        let arms = |port: &str| -> Vec<_> {
            let coming = coming.iter().filter(|coming| coming.port.starts_with(port));
            coming.map(|coming| (coming.stage.clone(), coming.coords.clone())).collect()
        };
        let mut errors = foresee(&self.spec(), &arms("scores"));
        let inside = self.lens.as_ref().and_then(|lens| foresee_lens(&self.spec(), &lens.spec(), &arms("lens")));
        errors.extend(inside.filter(|error| !errors.contains(error)));
        let voteless = coming.iter().filter(|coming| coming.port.starts_with("teachers")).find(|coming| {
            let Some(Term::Record(fields)) = &coming.params else { return true };
            matches!(fields.get("votes"), None | Some(Term::None))
        });
        let voteless = voteless.map(|coming| Misfit {
            field: "teachers".to_owned(),
            message: format!("`{}` has no `votes`, which the table of teachers is made of", coming.made_by),
            hint: Some("give that stage `votes`, such as `votes: 5`, or leave `teachers` out".to_owned()),
        });
        let misfit =
            |error: report::ReportError| Misfit { field: error.field(), message: error.to_string(), hint: None };
        errors.into_iter().map(misfit).chain(voteless).collect()
    }

    fn preflight(&self, context: &Context<'_>, _looked: &Looked) -> Vec<Flaw> {
        Flaw::of("beside", self.stated(context)).into_iter().collect()
    }

    fn run(&self, context: &Context<'_>) -> Result<ReportFiles, StageError> {
        let logs = gathered(context, self.training.as_ref())?;
        let agreements = gathered(context, self.agreement.as_ref())?;
        let asked = gathered(context, self.questions.as_ref())?;
        let scored = gathered(context, self.scores.as_ref())?;
        let teachers = gathered(context, self.teachers.as_ref())?;
        let teacher = |(arrival, votes): (&Arrival, Votes)| report::Teacher {
            coords: arrival.coords.clone(),
            stage: arrival.stage.clone(),
            votes,
        };
        let agreement = |(arrival, agreement): (&Arrival, Agreement)| report::Agreement {
            coords: arrival.coords.clone(),
            stage: arrival.stage.clone(),
            summary: agreement.0,
        };
        let digest =
            |(arrival, _): &(&Arrival, _)| arrival.parts.values().map(Digest::short).collect::<Vec<_>>().join(" ");
        let digests: Vec<String> = scored.iter().map(digest).collect();
        let arm = |(arrival, outcomes): (&Arrival, Scores)| Arm {
            coords: arrival.coords.clone(),
            stage: arrival.stage.clone(),
            outcomes,
            log: likest(arrival, &logs).map(|log| logs[log].1.0.clone()),
            questions: likest(arrival, &asked),
        };
        let arms: Vec<Arm> = scored.into_iter().map(arm).collect();
        let count = arms.iter().map(|arm| arm.outcomes.rows.len()).max().unwrap_or(0);
        let beside = self.stated(context)?;
        let questions: Vec<Vec<Question>> =
            asked.into_iter().map(|(_, mut asked)| asked.splits.remove(&self.split).unwrap_or_default()).collect();
        let mut provenance = Vec::new();
        if !arms.is_empty() {
            provenance.push(("questions of an arm, at most".into(), count.to_string()));
            provenance.push(("digests of the scores".into(), digests.join(", ")));
        }
        provenance.push(("key".into(), context.job.fingerprint.hex()));
        let input = ReportInput {
            title: self.title.clone(),
            experiment: String::new(),
            arms,
            agreements: agreements.into_iter().map(agreement).collect(),
            teachers: teachers.into_iter().map(teacher).collect(),
            questions,
            beside,
            spec: self.spec(),
            provenance,
        };
        let lens = self.lens.as_ref().map(|lens| lens.section(context, &self.title, &input.spec)).transpose()?;
        Ok(report_with(&input, lens.as_slice()).map_err(data)?.files)
    }
}

impl Report {
    /// Reads the values of others.
    fn stated(&self, context: &Context<'_>) -> Result<Option<report::Beside>, StageError> {
        let Some(Beside { name, values }) = &self.beside else { return Ok(None) };
        report::Beside::read(name, &context.file(values)?).map(Some).map_err(data)
    }

    /// Says whether there is anything that a report can be about.
    fn shows_something(&self) -> bool {
        self.scores.is_some() || self.agreement.is_some() || self.teachers.is_some() || self.lens.is_some()
    }

    fn spec(&self) -> ReportSpec {
        let Self {
            scores: _,
            questions: _,
            split: _,
            training,
            agreement: _,
            teachers: _,
            lens: _,
            title: _,
            rows,
            columns,
            x,
            lines,
            panels,
            average,
            baseline,
            best,
            hypotheses,
            readable,
            beside: _,
            figure,
            seed,
        } = self;
        let mut figures = vec![Figure::Accuracy];
        figures.extend(training.as_ref().map(|_| Figure::Training));
        ReportSpec {
            rows: rows.0.clone(),
            columns: columns.0.clone(),
            x: x.clone(),
            lines: lines.0.clone(),
            panels: panels.0.clone(),
            average: average.0.clone(),
            baseline: baseline.as_ref().map(|selector| selector.0.clone()),
            best: best.0.clone(),
            hypotheses: hypotheses.iter().map(Hypothesis::hypothesis).collect(),
            readable: readable.get(),
            figures,
            shape: *figure,
            seed: seed.0,
            ..ReportSpec::default()
        }
    }
}

/// Reads what came to a port that need not be there.
fn gathered<'a, A: Artifact>(
    context: &Context<'a>,
    port: Option<&Gather<A>>,
) -> Result<Vec<(&'a Arrival, A)>, StageError> {
    port.map_or_else(|| Ok(Vec::new()), |port| context.gather(port))
}

/// Finds what belongs to an arm: of those whose coordinates contradict none of the arm's, the one whose stage an axis
/// names, else the one with the most coordinates; none where that is not one alone.
fn likest<A>(arm: &Arrival, candidates: &[(&Arrival, A)]) -> Option<usize> {
    let fits = |other: &Arrival| other.coords.iter().all(|(axis, value)| arm.coords.get(axis) == Some(value));
    let rank = |other: &Arrival| (arm.coords.values().any(|value| *value == other.stage), other.coords.len());
    let most = candidates.iter().filter(|(other, _)| fits(other)).map(|(other, _)| rank(other)).max()?;
    let mut best =
        (0..candidates.len()).filter(|&index| fits(candidates[index].0) && rank(candidates[index].0) == most);
    let first = best.next()?;
    best.next().is_none().then_some(first)
}
