//! How well what students hold for likely agrees with what is right: a table, reliability diagrams, and their bins.

use std::num::NonZeroUsize;

use super::csv::{self, Writer, number};
use super::figure::{ReliabilityChart, ReliabilityDot, ReliabilityPanel, reliability_svg};
use super::label;
use super::layout::{Group, Layout, value_of};
use super::tabulate::{axis_cell, axis_column, labels};
use super::{Cell, Column, ReportError, ReportInput, Section, SectionFigure, Table};
use retort_artifact::Outcome;
use retort_stats::{Bin, Bootstrap, Calibration, Forecast, Level, StatsError, calibration, wilson};

/// The bins of a reliability diagram.
const BINS: NonZeroUsize = NonZeroUsize::new(10).expect("ten is not zero");

/// Says how well the answers of some trainings are calibrated whose choices were scored by likelihood; `None` where none
/// were.
///
/// # Errors
/// As [`calibration`].
pub fn calibrated<'a>(
    trainings: impl IntoIterator<Item = &'a [Outcome]>,
    level: Level,
    bootstrap: Bootstrap,
) -> Result<Option<Calibration>, StatsError> {
    let forecast = |training: usize, outcome: &Outcome| {
        let right = outcome.likelihoods.iter().position(|choice| choice.label == outcome.answer)?;
        Some(Forecast { question: outcome.id.clone(), training, probabilities: outcome.probabilities()?, right })
    };
    let numbered = trainings.into_iter().enumerate();
    let forecasts: Vec<Forecast> = numbered
        .flat_map(|(training, outcomes)| outcomes.iter().filter_map(move |outcome| forecast(training, outcome)))
        .collect();
    calibration(&forecasts, BINS, level, bootstrap)
}

/// Makes the section and its CSV file; `None` where no arm scored choices.
pub(super) fn section(input: &ReportInput, layout: &Layout) -> Result<Option<(Section, String)>, ReportError> {
    let mut found: Vec<(&Group, Calibration)> = Vec::new();
    for group in &layout.groups {
        let outcomes = group.arms.iter().map(|&index| input.arms[index].outcomes.rows.as_slice());
        let calibration = calibrated(outcomes, input.spec.level, Bootstrap::seeded(input.spec.seed))
            .map_err(|source| ReportError::Stats { arm: Layout::instance(group), source })?;
        found.extend(calibration.map(|calibration| (group, calibration)));
    }
    if found.is_empty() {
        return Ok(None);
    }
    let section = Section {
        title: "Calibration".to_owned(),
        figures: vec![figure(input, layout, &found)],
        tables: vec![table(input, layout, &found)],
        ..Section::default()
    };
    Ok(Some((section, bins_csv(input, &found))))
}

fn table(input: &ReportInput, layout: &Layout, found: &[(&Group, Calibration)]) -> Table {
    let labels = labels(layout, &[]);
    let mut columns: Vec<Column> = labels.iter().map(|axis| axis_column(layout, axis)).collect();
    columns.extend(["held for likely %", "right %", "expected error, points", "Brier score", "n"].map(Column::numbers));
    let rows = found.iter().map(|(group, calibration)| {
        let Calibration { count, confidence, accuracy, error, brier, .. } = calibration;
        let mut cells: Vec<Cell> = labels.iter().map(|axis| axis_cell(value_of(group, axis))).collect();
        cells.extend([*confidence, *accuracy, *error].map(|fraction| Cell::number(fraction, label::percent(fraction))));
        let three = |value: f64| format!("{value:.3}");
        cells.push(Cell::number(brier.value, label::with_interval(brier, three)));
        cells.push(Cell::number(*count as f64, label::count(*count)));
        cells
    });
    let repeated = found.iter().any(|(group, _)| group.arms.len() > 1);
    let mut notes = vec![
        "`held for likely` is the probability of the likeliest choice among the choices, the softmax of their scores; the \
         expected calibration error is the mean distance between it and how often it is right, over ten equally wide bins \
         (Guo et al., 2017). It is above zero by chance alone, the more so the fewer the answers."
            .to_owned(),
        format!(
            "The Brier score (1950) is the squared distance of the probabilities from 1 for the right choice and 0 for the \
             others, from 0 to 2; brackets hold {} bootstrap intervals over questions{}.",
            label::level(input.spec.level),
            if repeated { ", or of Student's t over questions and trainings where there are several trainings" } else { "" }
        ),
    ];
    if repeated {
        notes.push("n counts the answers of all replicates.".to_owned());
    }
    Table { title: "Calibration of each arm".to_owned(), columns, rows: rows.collect(), notes }
}

fn figure(input: &ReportInput, layout: &Layout, found: &[(&Group, Calibration)]) -> SectionFigure {
    let panels = found.iter().map(|(group, calibration)| {
        let dots =
            calibration.bins.iter().filter_map(|bin| dot(bin, calibration.count, group.arms.len(), input.spec.level));
        ReliabilityPanel { heading: Layout::label(group, &layout.labels), dots: dots.collect() }
    });
    let chart = ReliabilityChart {
        title: format!("{}: how often answers are right that are held about as likely", input.title),
        panels: panels.collect(),
    };
    let caption = "How often answers are right, by how likely they were held, in ten bins; the area of a dot grows with its \
                   fraction of the answers. On the dotted line the two agree, below it a student is too sure of itself. Whiskers \
                   are Wilson intervals, and are left out where several trainings answered the same questions.";
    SectionFigure::new(caption, reliability_svg(&chart))
}

fn dot(bin: &Bin, all: usize, replicates: usize, level: Level) -> Option<ReliabilityDot> {
    let (confidence, accuracy) = (bin.confidence?, bin.accuracy?);
    let interval = wilson(right(bin), bin.count, level).filter(|_| replicates == 1).map(|estimate| estimate.interval);
    let tip = format!(
        "held for likely {} %, right {} % ({} of {} answers)",
        label::percent(confidence),
        label::percent(accuracy),
        label::count(right(bin)),
        label::count(bin.count)
    );
    Some(ReliabilityDot { confidence, accuracy, interval, fraction: bin.count as f64 / all as f64, tip })
}

/// How many answers of a bin are right.
fn right(bin: &Bin) -> usize {
    bin.accuracy.map_or(0, |fraction| (fraction * bin.count as f64).round() as usize)
}

const HEADINGS: [&str; 7] = ["stage", "replicates", "low", "high", "answers", "held_for_likely", "right"];

/// Writes one line per arm and bin that holds anything, fractions from 0 to 1.
fn bins_csv(input: &ReportInput, found: &[(&Group, Calibration)]) -> String {
    let mut csv = Writer::default();
    let (axes, headings) = csv::axes(input, &HEADINGS, &input.spec.average);
    csv.row(headings.iter().map(String::as_str).chain(HEADINGS));
    for (group, calibration) in found {
        for bin in calibration.bins.iter().filter(|bin| bin.count > 0) {
            let axes = axes.iter().map(|axis| group.coords.get(axis).cloned().unwrap_or_default());
            csv.row(axes.chain([
                group.stage.clone(),
                group.arms.len().to_string(),
                number(Some(bin.low)),
                number(Some(bin.high)),
                bin.count.to_string(),
                number(bin.confidence),
                number(bin.accuracy),
            ]));
        }
    }
    csv.finish()
}
