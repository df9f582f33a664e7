//! The losses of several targets, apart.

use super::layout::{Layout, value_of};
use super::tabulate::{axis_cell, axis_column, labels};
use super::{Cell, Column, ReportInput, Table, label};
use retort_artifact::{TargetLog, TrainingLog};

/// One line for each target of each training; `None` where no training has several.
pub(super) fn table(input: &ReportInput, layout: &Layout) -> Option<Table> {
    let mut labels = labels(layout, &[]);
    labels.extend(input.spec.average.iter().cloned());
    let arms = layout.groups.iter().flat_map(|group| group.arms.iter().map(move |&index| (group, &input.arms[index])));
    let with_targets: Vec<_> = arms
        .filter_map(|(group, arm)| Some((group, arm, arm.log.as_ref().filter(|log| !log.targets.is_empty())?)))
        .collect();
    let has = |axis: &String| {
        let mut of_any = with_targets.iter();
        of_any.any(|(group, arm, _)| arm.coords.contains_key(axis) || group.coords.contains_key(axis))
    };
    labels.retain(has);
    let mut columns: Vec<Column> = labels.iter().map(|axis| axis_column(layout, axis)).collect();
    columns.push(Column::words("target"));
    let numbers = [("weight", 1), ("examples", 3), ("without rationale", 4), ("first loss", 2), ("last loss", 0)];
    columns.extend(numbers.map(|(name, spare)| Column::numbers(name).spare(spare)));
    let mut rows = Vec::new();
    for (group, arm, log) in &with_targets {
        for target in &log.targets {
            let value = |axis: &String| arm.coords.get(axis).map_or(value_of(group, axis), String::as_str);
            rows.push(labels.iter().map(|axis| axis_cell(value(axis))).chain(cells(target)).collect::<Vec<_>>());
        }
    }
    let notes = vec![
        "The loss of a training is the sum of weight · loss over its targets. A target's loss is the mean over its sequences \
         in a step of each one's mean over its tokens, each by its weight, in nats."
            .to_owned(),
    ];
    (!rows.is_empty()).then(|| Table { title: "Targets".to_owned(), columns, rows, notes })
}

fn cells(target: &TargetLog) -> Vec<Cell> {
    let TargetLog { name, weight, examples, without, losses } = target;
    let whole = |number: usize| Cell::number(number as f64, label::count(number));
    let loss = |loss: Option<f32>| match loss {
        Some(loss) => Cell::number(f64::from(loss), format!("{loss:.3}")),
        None => Cell::words(label::ABSENT),
    };
    vec![
        Cell::words(name),
        Cell::number(*weight, format!("{weight}")),
        whole(*examples),
        whole(*without),
        loss(losses.iter().copied().flatten().next()),
        loss(losses.iter().rev().copied().flatten().next()),
    ]
}

/// Returns the logs of the targets of a training as curves of their own, each with its name.
pub(super) fn curves(log: &TrainingLog) -> Vec<(&str, TrainingLog)> {
    let curve = |target: &TargetLog| TrainingLog { losses: target.curve(), ..TrainingLog::default() };
    log.targets.iter().map(|target| (target.name.as_str(), curve(target))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_apart() {
        let target = |name: &str, losses: Vec<Option<f32>>| TargetLog {
            name: name.into(),
            weight: 0.5,
            examples: 1200,
            without: 3,
            losses,
        };
        let texts: Vec<String> = cells(&target("label", vec![None, Some(2.0), Some(0.25), None]))
            .into_iter()
            .map(|cell| cell.text)
            .collect();
        assert_eq!(texts, ["label", "0.5", "1,200", "3", "2.000", "0.250"]);
        let log = TrainingLog {
            targets: vec![target("label", vec![Some(1.0)]), target("rationale", vec![None])],
            ..TrainingLog::default()
        };
        let curves = curves(&log);
        assert_eq!(curves[0], ("label", TrainingLog { losses: vec![1.0], ..TrainingLog::default() }));
        assert!(curves[1].0 == "rationale" && curves[1].1.losses[0].is_nan());
    }
}
