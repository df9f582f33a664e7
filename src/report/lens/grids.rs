//! The grids: what every layer says at every place, one question at a time, students side by side.

use super::spec::LensArm;
use super::view::View;
use crate::counterpart::same_value;
use crate::figure::{HeatCell, HeatPanel, Heatmap, heatmap_svg};
use crate::{ReportError, SectionFigure};
use retort_artifact::ReadingRow;
use retort_stats::earliest;

/// Draws the questions that are asked for, or else the first ones of each set that is compared: of those that all answer
/// right, or where there are none, of those that all were read on.
pub(super) fn figures(view: &View<'_>) -> Result<Vec<SectionFigure>, ReportError> {
    let mut wanted: Vec<(Vec<usize>, &str)> = Vec::new();
    if view.lens.questions.is_empty() {
        for compared in view.compared {
            let of = if compared.questions.is_empty() { &compared.shared } else { &compared.questions };
            let first = of.iter().take(view.lens.grids);
            wanted.extend(first.map(|id| (compared.groups.clone(), id.as_str())));
        }
    } else {
        for id in &view.lens.questions {
            let read = view
                .compared
                .iter()
                .filter(|compared| compared.groups.iter().any(|group| row(view, *group, id).is_some()));
            let found: Vec<(Vec<usize>, &str)> = read.map(|compared| (compared.groups.clone(), id.as_str())).collect();
            if found.is_empty() {
                return Err(ReportError::NotRead { question: id.clone() });
            }
            wanted.extend(found);
        }
    }
    Ok(wanted.iter().enumerate().map(|(index, (groups, id))| figure(view, index + 1, groups, id)).collect())
}

/// The replicate of a group whose grids are drawn: the one that is asked for, or else the first.
fn replicate<'a>(view: &View<'a>, group: usize) -> Option<&'a LensArm> {
    let asked = |arm: &&LensArm| {
        view.lens.replicate.iter().all(|(axis, value)| arm.coords.get(axis).is_none_or(|own| same_value(own, value)))
    };
    view.layout.groups[group].arms.iter().map(|arm| &view.arms[*arm]).find(asked)
}

/// The row of a question in the replicate of a group whose grids are drawn.
fn row<'a>(view: &View<'a>, group: usize, id: &str) -> Option<&'a ReadingRow> {
    replicate(view, group)?.readings.rows.iter().find(|row| row.id == id)
}

fn figure(view: &View<'_>, number: usize, groups: &[usize], id: &str) -> SectionFigure {
    let panels = groups.iter().filter_map(|group| Some(panel(view, *group, row(view, *group, id)?))).collect();
    let bound = view.lens.bound;
    let map = Heatmap {
        title: format!("{}: what the layers say of question {id}", view.title),
        scale: "probability of the label".to_owned(),
        bound,
        rows: "layer".to_owned(),
        panels,
    };
    let caption = format!(
        "Question `{id}`. Columns are the tokens that come next in each student's text, up to the right label; a cell has the \
         token that the layer holds for likeliest, coloured by the probability of the label, in bold above {bound}. The \
         frame is where the label's probability stays above {bound} up to the output."
    );
    SectionFigure { file: format!("lens-question-{number}.svg"), caption, svg: heatmap_svg(&map), wide: true }
}

fn panel(view: &View<'_>, group: usize, row: &ReadingRow) -> HeatPanel {
    let last = replicate(view, group).map_or(0, |arm| arm.readings.summary.last);
    // The label's column comes last but for further tokens of the label, which say nothing new.
    let end = row.label_at.map_or(row.tokens.len(), |at| at + 1);
    let start = end.saturating_sub(view.lens.columns);
    let first = row.trajectory().and_then(|path| earliest(&path, view.lens.bound));
    let from = first.and_then(|first| row.layers.get(first));
    let earlier = start + row.skipped;
    let mut note = match (row.label_at, from) {
        (None, _) => format!("{} never occurs", row.answer),
        (Some(_), Some(layer)) => format!("{} known from layer {}", row.answer, layer.layer),
        (Some(_), None) => format!("{} not above {} at the end", row.answer, view.lens.bound),
    };
    if !row.correct {
        note += ", answered wrong";
    }
    if earlier > 0 {
        note += &format!("; {earlier} token{} before", if earlier == 1 { "" } else { "s" });
    }
    let name = |layer: usize| {
        if layer == last {
            format!("{layer} output")
        } else if layer == 0 {
            "0 input".to_owned()
        } else {
            layer.to_string()
        }
    };
    let cells = row.layers.iter().rev().map(|layer| {
        let cell = |at: usize| HeatCell {
            value: f64::from(layer.probability[at]),
            label: visible(&layer.top[at]),
            tip: format!(
                "layer {}, before {}: likeliest {} {:.3}; label {:.3}, rank {}; entropy {:.2} nats, divergence {:.2} nats",
                layer.layer,
                visible(&row.tokens[at]),
                visible(&layer.top[at]),
                layer.top_probability[at],
                layer.probability[at],
                layer.rank[at],
                layer.entropy[at],
                layer.divergence[at],
            ),
        };
        (start..end).map(cell).collect()
    });
    HeatPanel {
        heading: heading(view, group),
        note,
        rows: row.layers.iter().rev().map(|layer| name(layer.layer)).collect(),
        columns: row.tokens[start..end].iter().map(|token| visible(token)).collect(),
        cells: cells.collect(),
        framed: row.label_at.zip(first).map(|(at, first)| (at - start, row.layers.len() - first)),
    }
}

/// What stands above a group's grid: the replicate as well where one is asked for.
fn heading(view: &View<'_>, group: usize) -> String {
    let name = view.name(group);
    let Some(arm) = replicate(view, group) else { return name };
    let asked = view.lens.replicate.keys().filter(|axis| view.spec.average.contains(axis));
    let own = asked.filter_map(|axis| Some(format!("{axis} {}", arm.coords.get(axis)?)));
    std::iter::once(name).chain(own).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// Writes a token so that it can be seen: without the space before it, and white space by its name.
fn visible(token: &str) -> String {
    let trimmed = token.trim();
    if !trimmed.is_empty() {
        return trimmed.to_owned();
    }
    match token {
        "" => "∅".to_owned(),
        token if token.contains('\n') => "↵".to_owned(),
        _ => "␣".to_owned(),
    }
}
