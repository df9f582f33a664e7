//! Training curves as small multiples: one panel per arm, one line per replicate, all on the same scales.

use super::heading::Headings;
use super::legend::Legend;
use super::lines::joined;
use super::palette::{colour, marker, stroke_class, style};
use super::scale::Scale;
use super::svg::{Anchor, Svg, Text};
use super::{Entry, EntryKind, WIDTH, axis};
use crate::label;
use retort_artifact::TrainingLog;

/// At most so many points are drawn of one curve; more steps are averaged in bins of equal length.
const POINTS: usize = 160;
const LEFT: f64 = 52.0;
const GAP: f64 = 20.0;
const HEADING: f64 = 20.0;
const FOOT: f64 = 36.0;

/// One training in a figure of curves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve<'a> {
    /// The panel it is drawn in: curves with equal names share one.
    pub panel: &'a str,
    /// What the legend calls it, such as `run 0`; equal names share a colour, and an empty one has no entry.
    pub label: &'a str,
    /// What is drawn.
    pub log: &'a TrainingLog,
}

/// What a figure of curves shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveKind {
    /// The mean loss by step, in nats per target token.
    Loss,
    /// The accuracy on the dev split by step, in percent.
    DevAccuracy,
}

struct Drawn<'a> {
    panel: &'a str,
    slot: usize,
    points: Vec<(f64, f64)>,
    /// The point whose weights were kept.
    kept: Option<(f64, f64)>,
}

/// Draws training curves as SVG; `None` when no training has a finite value to draw.
///
/// All panels share both scales. Losses of many steps are averaged in bins of equal length; values that are not finite
/// are left out. In a figure of dev accuracy a marker shows the evaluation whose weights were kept.
pub fn curve_svg(title: &str, kind: CurveKind, curves: &[Curve<'_>]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut panels: Vec<&str> = Vec::new();
    let mut drawn: Vec<Drawn<'_>> = Vec::new();
    for curve in curves {
        let points = points(kind, curve.log);
        if points.is_empty() {
            continue;
        }
        let slot = position(&mut names, curve.label);
        position(&mut panels, curve.panel);
        let best = curve.log.best_step as f64;
        let kept = points.iter().copied().find(|(step, _)| kind == CurveKind::DevAccuracy && (step - best).abs() < 0.5);
        drawn.push(Drawn { panel: curve.panel, slot, points, kept });
    }
    if drawn.is_empty() {
        return None;
    }
    let named = names.iter().enumerate().filter(|(_, name)| !name.is_empty());
    let entry = |(slot, name): (usize, &&str)| Entry { slot, label: (*name).to_owned(), kind: EntryKind::Line };
    let entries: Vec<Entry> = named.map(entry).collect();
    let legend = Legend::place(&entries, LEFT);
    Some(draw(title, kind, &panels, &drawn, &legend))
}

/// Returns where a name stands among those seen, adding it when it is new.
fn position<'a>(names: &mut Vec<&'a str>, name: &'a str) -> usize {
    names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

fn points(kind: CurveKind, log: &TrainingLog) -> Vec<(f64, f64)> {
    match kind {
        CurveKind::DevAccuracy => {
            let all = log.evaluations.iter().map(|found| (found.step as f64, found.accuracy * 100.0));
            all.filter(|(_, accuracy)| accuracy.is_finite()).collect()
        }
        CurveKind::Loss => {
            let bin = log.losses.len().div_ceil(POINTS).max(1);
            let mean = |(index, losses): (usize, &[f32])| {
                let finite: Vec<f64> =
                    losses.iter().filter(|loss| loss.is_finite()).map(|&loss| f64::from(loss)).collect();
                let middle = (index * bin) as f64 + (losses.len() + 1) as f64 / 2.0;
                (!finite.is_empty()).then(|| (middle, finite.iter().sum::<f64>() / finite.len() as f64))
            };
            log.losses.chunks(bin).enumerate().filter_map(mean).collect()
        }
    }
}

fn draw(title: &str, kind: CurveKind, panels: &[&str], drawn: &[Drawn<'_>], legend: &Legend<'_>) -> String {
    let columns = match panels.len() {
        1 => 1,
        2 | 4 => 2,
        count if count <= 9 => 3,
        _ => 4,
    };
    let plot_height = [300.0, 190.0, 140.0, 110.0][columns - 1];
    let width = (WIDTH - LEFT - 12.0 - GAP * (columns - 1) as f64) / columns as f64;
    let headings = Headings::of(panels.iter().copied(), width);
    let headed = HEADING + headings.more();
    let row_height = headed + plot_height + FOOT;
    let top = 10.0 + legend.height;
    let height = top + panels.len().div_ceil(columns) as f64 * row_height + 12.0;

    let all = || drawn.iter().flat_map(|curve| curve.points.iter().copied());
    let last = all().map(|(step, _)| step).fold(1.0, f64::max);
    let high = all().map(|(_, value)| value).fold(f64::NEG_INFINITY, f64::max);
    let low = all().map(|(_, value)| value).fold(f64::INFINITY, f64::min);
    let x = Scale::nice(0.0, last, 12 / columns, None);
    let y = match kind {
        // A loss falls fast and then slowly: where it spans much, a logarithm shows both.
        CurveKind::Loss if low > 0.0 && high > 6.0 * low => Scale::logarithmic(low, high),
        CurveKind::Loss => Scale::nice(low.min(0.0), high, 4, None),
        CurveKind::DevAccuracy => Scale::nice(low, high, 4, Some((0.0, 100.0))),
    };

    let mut svg = Svg::new(WIDTH, height, title, &style());
    legend.draw(&mut svg, 8.0);
    for (index, panel) in panels.iter().enumerate() {
        let left = LEFT + (index % columns) as f64 * (width + GAP);
        let head = top + (index / columns) as f64 * row_height;
        let (start, end) = (head + headed, head + headed + plot_height);
        headings.draw(&mut svg, index, (left, start - HEADING + 13.0));
        for &tick in &y.ticks {
            let at = y.at(tick, end, start);
            let number = index.is_multiple_of(columns).then(|| y.tick(tick));
            axis::grid(&mut svg, at, (left, left + width), number.as_deref());
        }
        axis::base(&mut svg, end, (left, left + width));
        steps(&mut svg, &x, (left, left + width), end);
        for curve in drawn.iter().filter(|curve| curve.panel == *panel) {
            let place = |&(step, value): &(f64, f64)| (x.at(step, left, left + width), y.at(value, end, start));
            line(&mut svg, curve, kind, place);
        }
    }
    let name = match kind {
        CurveKind::Loss => "loss, nats per target token",
        CurveKind::DevAccuracy => "dev accuracy, %",
    };
    axis::upright_name(&mut svg, top + headed + plot_height / 2.0, name);
    axis::along_name(&mut svg, (f64::midpoint(LEFT, WIDTH), height - 8.0), "optimiser step");
    svg.finish()
}

/// Names the steps below a panel: within it, so that no name touches one of the next panel, and leaving out those that
/// would touch the one before.
fn steps(svg: &mut Svg, x: &Scale, (left, right): (f64, f64), end: f64) {
    let mut free = f64::NEG_INFINITY;
    for &tick in &x.ticks {
        let at = x.at(tick, left, right);
        axis::tick(svg, (at, end));
        let name = label::count(tick as usize);
        let width = Text::TICK.width(&name);
        let start = (at - width / 2.0).min(right - width).max(left);
        if start > free {
            svg.text((start + width / 2.0, end + 17.0), Anchor::Middle, Text::TICK, &name);
            free = start + width + 6.0;
        }
    }
}

fn line(svg: &mut Svg, curve: &Drawn<'_>, kind: CurveKind, place: impl Fn(&(f64, f64)) -> (f64, f64)) {
    let tip = |(step, value): (f64, f64)| match kind {
        CurveKind::Loss => format!("step {step:.0}: {value:.3}"),
        CurveKind::DevAccuracy => format!("step {step:.0}: {value:.1} %"),
    };
    let points: Vec<(f64, f64)> = curve.points.iter().map(&place).collect();
    svg.element(
        "polyline",
        &[
            ("class", stroke_class(curve.slot)),
            ("points", joined(&points)),
            ("fill", "none".into()),
            ("stroke", colour(curve.slot).into()),
            ("stroke-width", "1.5".into()),
            ("stroke-linejoin", "round".into()),
        ],
    );
    if let [only] = curve.points[..] {
        marker(svg, curve.slot, points[0], 3.5, &tip(only));
    } else if let Some(kept) = curve.kept {
        marker(svg, curve.slot, place(&kept), 4.2, &format!("{}, kept", tip(kept)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::Evaluation;

    #[test]
    fn long_curves_are_binned_and_infinities_left_out() {
        let mut losses = vec![2.0f32; 1000];
        losses[0] = f32::NAN;
        losses[999] = f32::INFINITY;
        let log = TrainingLog { losses, ..TrainingLog::default() };
        let found = points(CurveKind::Loss, &log);
        assert_eq!(found.len(), 143);
        assert!(found.iter().all(|(step, loss)| (1.0..=1000.0).contains(step) && (loss - 2.0).abs() < 1e-9));
    }

    #[test]
    fn nothing_to_draw_gives_no_figure() {
        let log = TrainingLog { losses: vec![f32::NAN], ..TrainingLog::default() };
        assert_eq!(curve_svg("t", CurveKind::Loss, &[Curve { panel: "a", label: "", log: &log }]), None);
        assert_eq!(curve_svg("t", CurveKind::DevAccuracy, &[Curve { panel: "a", label: "", log: &log }]), None);
        assert_eq!(curve_svg("t", CurveKind::Loss, &[]), None);
    }

    #[test]
    fn one_step_and_the_kept_evaluation_have_a_marker() {
        let log = TrainingLog {
            losses: vec![1.5],
            evaluations: vec![Evaluation { step: 5, accuracy: 0.5 }, Evaluation { step: 10, accuracy: 0.75 }],
            best_step: 10,
            ..TrainingLog::default()
        };
        let curves = [Curve { panel: "a", label: "run 0", log: &log }];
        assert!(curve_svg("t", CurveKind::Loss, &curves).unwrap().contains("<title>step 1: 1.500</title>"));
        assert!(
            curve_svg("t", CurveKind::DevAccuracy, &curves).unwrap().contains("<title>step 10: 75.0 %, kept</title>")
        );
    }
}
