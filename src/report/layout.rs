//! From arms and a specification to axes, labels and groups of replicates.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::label::{self, ABSENT};
use super::{ARM_AXIS, Arm, ReportError, ReportInput, ReportSpec};

/// Arms that differ in averaged axes alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// The axis values that its arms share, with [`ARM_AXIS`]; averaged axes are left out.
    pub(super) coords: BTreeMap<String, String>,
    /// The stage that scored.
    pub(super) stage: String,
    /// The arms, by index.
    pub(super) arms: Vec<usize>,
}

/// How the arms are laid out.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The values of each axis, in their order.
    values: BTreeMap<String, Vec<String>>,
    /// The axes that tell the groups apart: panels, lines, rows, further ones, columns, x.
    pub(super) labels: Vec<String>,
    /// Axes that the specification does not name and that vary.
    pub(super) further: Vec<String>,
    /// Axes with one value in all arms, which no field names, with that value.
    pub(super) fixed: Vec<(String, String)>,
    /// Axes that are averaged over.
    pub(super) averaged: Vec<String>,
    /// The groups, in the order of their labels.
    pub(super) groups: Vec<Group>,
}

impl Layout {
    /// Lays the arms out; fails on axes that are not there or are named twice, and on arms that are alike.
    pub(super) fn of(input: &ReportInput) -> Result<Self, ReportError> {
        let ReportInput { arms, spec, .. } = input;
        if arms.is_empty() {
            return Err(ReportError::NoArms);
        }
        let coords: Vec<BTreeMap<String, String>> = arms.iter().map(extended).collect();
        let values = axis_values(&coords);
        check(spec, &values)?;

        let named: BTreeSet<&str> = fields(spec).map(|(_, axis)| axis).collect();
        let varies = |axis: &str| values[axis].len() > 1 || coords.iter().any(|coords| !coords.contains_key(axis));
        let unnamed: Vec<&String> = values.keys().filter(|axis| !named.contains(axis.as_str())).collect();
        let mut further: Vec<String> = unnamed.iter().filter(|axis| varies(axis)).map(|&axis| axis.clone()).collect();
        let fixed = unnamed.iter().filter(|axis| !varies(axis) && axis.as_str() != ARM_AXIS);
        let fixed = fixed.map(|&axis| (axis.clone(), values[axis][0].clone())).collect();
        let groups = grouped(arms, &coords, &spec.average)?;
        if told_apart_without_stage(&groups) {
            further.retain(|axis| axis != ARM_AXIS || arms.iter().any(|arm| arm.coords.contains_key(ARM_AXIS)));
        }
        let ReportSpec { panels, lines, rows, columns, x, .. } = spec;
        let labels = panels.iter().chain(lines).chain(rows).chain(&further).chain(columns).chain(x).cloned().collect();
        let averaged = spec.average.clone();
        let mut layout = Self { values, labels, further, fixed, averaged, groups };
        let mut groups = std::mem::take(&mut layout.groups);
        groups.sort_by(|a, b| layout.order(a, b));
        layout.groups = groups;
        Ok(layout)
    }

    /// Returns an axis's values in their order: by number when all are numbers, else as they first appear.
    pub(super) fn values(&self, axis: &str) -> &[String] {
        self.values.get(axis).map_or(&[], Vec::as_slice)
    }

    /// Returns every axis that an arm has.
    pub(super) fn axes(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }

    /// Returns where a value stands in its axis; an absent one comes first.
    fn rank(&self, axis: &str, group: &Group) -> Option<usize> {
        let value = group.coords.get(axis)?;
        self.values(axis).iter().position(|known| known == value)
    }

    /// Orders two groups by their labels, then by everything else.
    fn order(&self, a: &Group, b: &Group) -> Ordering {
        let all = self.labels.iter().chain(self.values.keys());
        all.map(|axis| self.rank(axis, a).cmp(&self.rank(axis, b)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Writes the values of some axes, those that the group has, with ` · ` between; a bare number has its axis before
    /// it. A group that has none of them is called by its stage.
    pub(super) fn label(group: &Group, axes: &[String]) -> String {
        let write = |axis: &String| {
            let value = group.coords.get(axis)?;
            Some(if label::number(value).is_some() { format!("{axis} {value}") } else { value.clone() })
        };
        let values: Vec<String> = axes.iter().filter_map(write).collect();
        if values.is_empty() { group.stage.clone() } else { values.join(" · ") }
    }

    /// Writes a group as the engine names an instance.
    pub(super) fn instance(group: &Group) -> String {
        let mut coords = group.coords.clone();
        coords.retain(|axis, value| axis != ARM_AXIS || *value != group.stage);
        label::instance(&group.stage, &coords)
    }
}

/// Returns the cell of an axis for a group.
pub(super) fn value_of<'a>(group: &'a Group, axis: &str) -> &'a str {
    group.coords.get(axis).map_or(ABSENT, String::as_str)
}

/// Returns an arm's coordinates with its stage as [`ARM_AXIS`], unless the experiment uses that name itself.
fn extended(arm: &Arm) -> BTreeMap<String, String> {
    let mut coords = arm.coords.clone();
    coords.entry(ARM_AXIS.to_owned()).or_insert_with(|| arm.stage.clone());
    coords
}

fn axis_values(coords: &[BTreeMap<String, String>]) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (axis, value) in coords.iter().flatten() {
        let known = values.entry(axis.clone()).or_default();
        if !known.contains(value) {
            known.push(value.clone());
        }
    }
    for known in values.values_mut() {
        if let Some(numbers) = known.iter().map(|value| label::number(value)).collect::<Option<Vec<f64>>>() {
            let mut paired: Vec<(f64, String)> = numbers.into_iter().zip(std::mem::take(known)).collect();
            paired.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            *known = paired.into_iter().map(|(_, value)| value).collect();
        }
    }
    values
}

/// Returns every axis that the specification names outside its baseline, with the field that names it.
fn fields(spec: &ReportSpec) -> impl Iterator<Item = (&'static str, &str)> {
    let ReportSpec { rows, columns, x, lines, panels, average, .. } = spec;
    let many = [("rows", rows), ("columns", columns), ("lines", lines), ("panels", panels), ("average", average)];
    let many = many.into_iter().flat_map(|(field, axes)| axes.iter().map(move |axis| (field, axis.as_str())));
    x.iter().map(|axis| ("x", axis.as_str())).chain(many)
}

fn check(spec: &ReportSpec, values: &BTreeMap<String, Vec<String>>) -> Result<(), ReportError> {
    let mut seen: BTreeMap<&str, &'static str> = BTreeMap::new();
    let unknown = |field: &str, axis: &str| {
        let (field, axis) = (field.to_owned(), axis.to_owned());
        Err(ReportError::UnknownAxis { field, axis, known: values.keys().cloned().collect() })
    };
    for (field, axis) in fields(spec) {
        if !values.contains_key(axis) {
            return unknown(field, axis);
        }
        if let Some(first) = seen.insert(axis, field) {
            let (first, second) = (first.to_owned(), field.to_owned());
            return Err(ReportError::AxisTwice { axis: axis.to_owned(), first, second });
        }
    }
    for axis in &spec.best {
        if !values.contains_key(axis) {
            return unknown("best", axis);
        }
        if spec.average.contains(axis) {
            return Err(ReportError::Averaged { field: "best".into(), axis: axis.clone() });
        }
    }
    Ok(())
}

fn grouped(arms: &[Arm], coords: &[BTreeMap<String, String>], average: &[String]) -> Result<Vec<Group>, ReportError> {
    let mut groups: BTreeMap<(&str, BTreeMap<String, String>), Vec<usize>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let over_stages = average.iter().any(|axis| axis == ARM_AXIS);
    for (index, (arm, coords)) in arms.iter().zip(coords).enumerate() {
        if !seen.insert((&arm.stage, &arm.coords)) {
            return Err(ReportError::ArmTwice { arm: label::arm(arm) });
        }
        let mut shared = coords.clone();
        shared.retain(|axis, _| !average.contains(axis));
        let stage = if over_stages { "" } else { arm.stage.as_str() };
        groups.entry((stage, shared)).or_default().push(index);
    }
    let group = |((_, coords), members): (_, Vec<usize>)| Group {
        coords,
        stage: arms[members[0]].stage.clone(),
        arms: members,
    };
    Ok(groups.into_iter().map(group).collect())
}

/// Says whether the axes alone tell all groups apart, so that naming their stages would be noise.
fn told_apart_without_stage(groups: &[Group]) -> bool {
    let axes = |group: &Group| {
        let mut coords = group.coords.clone();
        coords.remove(ARM_AXIS);
        coords
    };
    groups.iter().map(axes).collect::<BTreeSet<_>>().len() == groups.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::Scores;

    fn arm(stage: &str, coords: &[(&str, &str)]) -> Arm {
        let coords = coords.iter().map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned())).collect();
        Arm { coords, stage: stage.to_owned(), outcomes: Scores::default(), log: None, questions: None }
    }

    fn layout(arms: Vec<Arm>, spec: ReportSpec) -> Result<Layout, ReportError> {
        Layout::of(&ReportInput { title: "t".into(), arms, spec, ..ReportInput::default() })
    }

    fn shown(layout: &Layout) -> String {
        let groups: Vec<String> =
            layout.groups.iter().map(|g| format!("{}×{}", Layout::instance(g), g.arms.len())).collect();
        format!("{:?} {:?}\n{}", layout.labels, layout.fixed, groups.join("\n"))
    }

    fn axes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn axes_that_are_not_named_become_labels_and_numbers_keep_their_order() {
        let mut arms = vec![arm("scores", &[("student", "gpt2"), ("placement", "none")])];
        for fraction in ["0.4", "0.25", "0.1"] {
            for run in ["0", "1"] {
                let coords = [("student", "gpt2"), ("placement", "after"), ("fraction", fraction), ("run", run)];
                arms.push(arm("scores", &coords));
            }
        }
        let spec = ReportSpec { average: axes(&["run"]), rows: axes(&["placement"]), ..ReportSpec::default() };
        expect_test::expect![[r#"
            ["placement", "fraction"] [("student", "gpt2")]
            scores[placement=none,student=gpt2]×1
            scores[fraction=0.1,placement=after,student=gpt2]×2
            scores[fraction=0.25,placement=after,student=gpt2]×2
            scores[fraction=0.4,placement=after,student=gpt2]×2"#]]
        .assert_eq(&shown(&layout(arms, spec).unwrap()));
    }

    #[test]
    fn nothing_is_averaged_that_was_not_asked_for() {
        let arms =
            vec![arm("scores", &[("run", "0")]), arm("scores", &[("run", "1")]), arm("retrained", &[("run", "0")])];
        expect_test::expect![[r#"
            ["arm", "run"] []
            scores[run=0]×1
            scores[run=1]×1
            retrained[run=0]×1"#]]
        .assert_eq(&shown(&layout(arms, ReportSpec::default()).unwrap()));
    }

    #[test]
    fn bad_specifications_are_named() {
        let arms = || vec![arm("scores", &[("placement", "after")]), arm("scores", &[("placement", "before")])];
        let fails = |spec| layout(arms(), spec).unwrap_err().to_string();
        expect_test::expect!["cannot report: `lines` names the axis `placment`, which no arm has; the axes are `arm`, `placement`; did you mean `placement`?"]
            .assert_eq(&fails(ReportSpec { lines: axes(&["placment"]), ..ReportSpec::default() }));
        expect_test::expect![
            "cannot report: the axis `placement` is named by `rows` and again by `lines`; name it once"
        ]
        .assert_eq(&fails(ReportSpec {
            lines: axes(&["placement"]),
            rows: axes(&["placement"]),
            ..ReportSpec::default()
        }));
        expect_test::expect!["cannot report: `best` names the axis `placement`, which is averaged over"].assert_eq(
            &fails(ReportSpec { average: axes(&["placement"]), best: axes(&["placement"]), ..ReportSpec::default() }),
        );
        expect_test::expect!["cannot report: no arm was scored"]
            .assert_eq(&layout(vec![], ReportSpec::default()).unwrap_err().to_string());
        let twice = vec![arm("scores", &[("run", "0")]), arm("scores", &[("run", "0")])];
        expect_test::expect!["cannot report: two arms are both `scores[run=0]`"]
            .assert_eq(&layout(twice, ReportSpec::default()).unwrap_err().to_string());
    }
}
