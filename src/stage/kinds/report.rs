//! `report`: tables, figures and a page, out of what students answered.

use std::collections::BTreeMap;

use crate::artifact::{AgreementSummary, Checkpoint, CodecError, Parts, ReportFiles, Scores, TrainingLog};
use crate::artifact::{Artifact, ArtifactKind};
use crate::fingerprint::{ContentHash, Digest, Term};
use crate::report::{self, Arm, Figure, ReportInput, ReportSpec, report_with};
use crate::source::{Diagnostic, Node, Value};
use crate::stage::params::{FromNode, Gather, Scope, Seed};
use crate::stage::{Arrival, Context, Stage, StageError};

use super::lens::LensReport;
use super::sequence::data;

/// One axis or several, written as a name or a list of names.
#[derive(Debug, Clone, Default)]
pub struct Axes(Vec<String>);

impl FromNode for Axes {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match &node.value {
            Value::List(_) => Vec::from_node(node, scope).map(Self),
            _ => String::from_node(node, scope).map(|name| Self(vec![name])),
        }
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self::default())
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
            "x-absent": true
        })
    }
}

impl ContentHash for Axes {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// Axis values that single out an arm.
#[derive(Debug, Clone)]
pub struct Selector(BTreeMap<String, String>);

impl FromNode for Selector {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
            return scope.fail(wrong.label("expected a mapping of axes to values, such as `{ placement: none }`"));
        };
        let value = |node: &Node| node.scalar();
        entries.iter().map(|(axis, node)| Some((axis.text.clone(), value(node)?))).collect::<Option<_>>().map(Self)
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "object" })
    }
}

impl ContentHash for Selector {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// The log of a training, without the weights it led to.
#[derive(Debug, Clone)]
pub struct Training(TrainingLog);

impl Artifact for Training {
    const KIND: ArtifactKind = ArtifactKind::Checkpoint;

    fn encode(&self) -> Parts {
        Parts::from([("log".to_owned(), serde_json::to_vec(&self.0).expect("plain structs encode as JSON"))])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let missing = || CodecError::MissingPart { format: "training log", part: "log".into() };
        Checkpoint::decode_log(parts.get("log").ok_or_else(missing)?).map(Self)
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

crate::params! {
    /// Tables, figures and a page, out of what students answered. An axis that is given no place becomes further rows.
    pub struct Report {
        /// The stages of kind `evaluate` whose instances are reported.
        pub scores: Gather<Scores>,
        /// The stages of kind `train` whose training curves are shown.
        pub training: Option<Gather<Training>>,
        /// The stages of kind `agreement` that have a table of their own.
        pub agreement: Option<Gather<Agreement>>,
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
        /// Axes of the figure's panels.
        pub panels: Axes,
        /// Axes that are averaged over, as replicates.
        pub average: Axes,
        /// The arm that every other is compared with, by axis values.
        pub baseline: Option<Selector>,
        /// The seed of the bootstrap; the experiment's where none is given.
        pub seed: Seed,
    }
}

impl Stage for Report {
    type Output = ReportFiles;

    const NAME: &'static str = "report";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Tables, figures and a page, out of what students answered.";
    const EXAMPLE: &'static str = "{ scores: scores, x: fraction, lines: placement, average: run }";

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            port if port.starts_with("training") => Some(vec!["log".to_owned()]),
            port if port.starts_with("agreement") => Some(vec!["summary".to_owned()]),
            _ => None,
        }
    }

    fn labels_inputs(&self) -> bool {
        true
    }

    fn run(&self, context: &Context<'_>) -> Result<ReportFiles, StageError> {
        let logs = match &self.training {
            Some(training) => context.gather(training)?,
            None => Vec::new(),
        };
        let agreements = match &self.agreement {
            Some(agreement) => context.gather(agreement)?,
            None => Vec::new(),
        };
        let agreement = |(arrival, agreement): (&Arrival, Agreement)| report::Agreement {
            coords: arrival.coords.clone(),
            stage: arrival.stage.clone(),
            summary: agreement.0,
        };
        let scored = context.gather(&self.scores)?;
        let arm = |(arrival, outcomes): (&Arrival, Scores)| Arm {
            coords: arrival.coords.clone(),
            stage: arrival.stage.clone(),
            outcomes,
            log: log_of(arrival, &logs),
        };
        let arms: Vec<Arm> = scored.into_iter().map(arm).collect();
        let questions: usize = arms.iter().map(|arm| arm.outcomes.rows.len()).max().unwrap_or(0);
        let digest = |arrival: &Arrival| arrival.parts.values().map(Digest::short).collect::<Vec<_>>().join(" ");
        let digests: Vec<String> = context.order.inputs[&self.scores.port].iter().map(digest).collect();
        let input = ReportInput {
            title: self.title.clone(),
            experiment: String::new(),
            arms,
            agreements: agreements.into_iter().map(agreement).collect(),
            spec: self.spec(),
            provenance: vec![
                ("questions".into(), questions.to_string()),
                ("digests of the scores".into(), digests.join(", ")),
                ("recipe".into(), context.order.fingerprint.hex()),
            ],
        };
        let lens = self.lens.as_ref().map(|lens| lens.section(context, &self.title, &input.spec)).transpose()?;
        Ok(report_with(&input, lens.as_slice()).map_err(data)?.files)
    }
}

impl Report {
    fn spec(&self) -> ReportSpec {
        let Self {
            scores: _,
            training,
            agreement: _,
            lens: _,
            title: _,
            rows,
            columns,
            x,
            lines,
            panels,
            average,
            baseline,
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
            figures,
            seed: seed.0,
            ..ReportSpec::default()
        }
    }
}

/// Finds the training of an arm: of those whose coordinates contradict none of the arm's, the one whose stage an axis
/// names, else the one with the most coordinates; none where that is not one alone.
fn log_of(arm: &Arrival, logs: &[(&Arrival, Training)]) -> Option<TrainingLog> {
    let fits = |log: &Arrival| log.coords.iter().all(|(axis, value)| arm.coords.get(axis) == Some(value));
    let rank = |log: &Arrival| (arm.coords.values().any(|value| *value == log.stage), log.coords.len());
    let most = logs.iter().filter(|(log, _)| fits(log)).map(|(log, _)| rank(log)).max()?;
    let mut best = logs.iter().filter(|(log, _)| fits(log) && rank(log) == most);
    let (_, training) = best.next()?;
    best.next().is_none().then(|| training.0.clone())
}
