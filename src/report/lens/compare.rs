//! Which students are compared, on which questions, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::spec::{LensArm, LensSpec};
use crate::layout::{Group, Layout};
use crate::{ReportError, ReportSpec, label};
use retort_artifact::ReadingRow;
use retort_stats::{Bootstrap, DepthDifference, DepthPairs, DepthSummary, Depths, Level, StatsError, depths};

/// Students on the same questions.
pub(super) struct Compared {
    /// The groups, by index into the layout.
    pub(super) groups: Vec<usize>,
    /// The questions that all of them were read on, in order.
    pub(super) shared: Vec<String>,
    /// Those of them that all answer right, and whose label occurs in all their texts, in order.
    pub(super) questions: Vec<String>,
    /// Each group in numbers; empty where there is no question.
    pub(super) summaries: Vec<DepthSummary>,
    /// Each group against its baseline, where it has one among these.
    pub(super) versus: Vec<Option<DepthDifference>>,
    /// Every two groups, the second less the first, where that is asked for; the intervals of all sets hold together.
    pub(super) pairs: Vec<(usize, usize, DepthDifference)>,
}

impl Compared {
    /// What is known of a group: its numbers, and those against its baseline.
    pub(super) fn of(&self, group: usize) -> Option<(&DepthSummary, Option<&DepthDifference>)> {
        let at = self.groups.iter().position(|known| *known == group)?;
        Some((self.summaries.get(at)?, self.versus.get(at)?.as_ref()))
    }
}

/// The rows of an arm by question.
fn by_id(arm: &LensArm) -> Result<BTreeMap<&str, &ReadingRow>, ReportError> {
    let mut rows = BTreeMap::new();
    for row in &arm.readings.rows {
        if rows.insert(row.id.as_str(), row).is_some() {
            let source = StatsError::Repeated { question: row.id.clone() };
            return Err(ReportError::Stats { arm: label::instance(&arm.stage, &arm.coords), source });
        }
    }
    Ok(rows)
}

/// The values of the panels' axes, questions, and groups.
type Set<'a> = (Vec<Option<String>>, BTreeSet<&'a str>, Vec<usize>);

/// Sorts the groups into sets that are compared, and compares them.
pub(super) fn compared(
    arms: &[LensArm],
    spec: &ReportSpec,
    layout: &Layout,
    baselines: &[Option<usize>],
    lens: &LensSpec,
) -> Result<Vec<Compared>, ReportError> {
    let rows: Vec<BTreeMap<&str, &ReadingRow>> = arms.iter().map(by_id).collect::<Result<_, _>>()?;
    let read =
        |group: &Group| -> BTreeSet<&str> { group.arms.iter().flat_map(|arm| rows[*arm].keys().copied()).collect() };
    let panel = |group: &Group| -> Vec<Option<String>> {
        spec.panels.iter().map(|axis| group.coords.get(axis).cloned()).collect()
    };
    // Of one panel, and with some question of the set.
    let mut sets: Vec<Set<'_>> = Vec::new();
    for (index, group) in layout.groups.iter().enumerate() {
        let (panel, ids) = (panel(group), read(group));
        match sets.iter_mut().find(|(of, known, _)| *of == panel && !known.is_disjoint(&ids)) {
            Some((_, known, groups)) => {
                known.extend(ids);
                groups.push(index);
            }
            None => sets.push((panel, ids, vec![index])),
        }
    }
    let level = over(spec.level, sets.iter().filter(|(_, _, groups)| groups.len() > 1).count());
    let compare = |(_, ids, groups): Set<'_>| {
        let members: Vec<usize> = groups.iter().flat_map(|group| layout.groups[*group].arms.clone()).collect();
        let shared: Vec<&str> =
            ids.into_iter().filter(|id| members.iter().all(|arm| rows[*arm].contains_key(id))).collect();
        let right = |id: &&str| {
            members.iter().all(|arm| rows[*arm].get(id).is_some_and(|row| row.correct && row.trajectory().is_some()))
        };
        let questions: Vec<&str> = shared.iter().copied().filter(right).collect();
        let paths = |arm: &usize| -> Vec<Vec<f64>> {
            questions.iter().filter_map(|id| rows[*arm].get(id)?.trajectory()).collect()
        };
        let students: Vec<Depths> = groups
            .iter()
            .map(|group| {
                let own = &layout.groups[*group].arms;
                let layers = own.first().map(|arm| arms[*arm].readings.summary.layers.clone()).unwrap_or_default();
                Depths { layers, values: own.iter().map(paths).collect() }
            })
            .collect();
        let pairs: Vec<Option<(usize, usize)>> = groups
            .iter()
            .enumerate()
            .map(|(at, group)| {
                let baseline = baselines[*group]?;
                Some((at, groups.iter().position(|other| *other == baseline)?))
            })
            .collect();
        let count = groups.len();
        let every = (0..count).flat_map(|first| (first + 1..count).map(move |second| (second, first)));
        let every: Vec<(usize, usize)> = if lens.pairs { every.collect() } else { Vec::new() };
        let alone: Vec<(usize, usize)> = pairs.iter().flatten().copied().collect();
        let asked = DepthPairs { alone: &alone, together: &every, level };
        let found = depths(&students, asked, lens.bound, lens.fraction, spec.level, Bootstrap::seeded(spec.seed));
        let mut alone = found.alone.into_iter();
        let versus = pairs.iter().map(|pair| pair.and_then(|_| alone.next())).collect();
        let pairs = every.iter().zip(found.together);
        let pairs = pairs.map(|(&(second, first), found)| (groups[first], groups[second], found)).collect();
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        let (shared, questions) = (owned(shared), owned(questions));
        Compared { groups, shared, questions, summaries: found.summaries, versus, pairs }
    };
    Ok(sets.into_iter().map(compare).collect())
}

/// The level at which each of so many sets, with questions of its own, is told so that all hold together: Bonferroni's.
fn over(level: Level, sets: usize) -> Level {
    Level::new(1.0 - (1.0 - level.fraction()) / sets.max(1) as f64).unwrap_or(level)
}
