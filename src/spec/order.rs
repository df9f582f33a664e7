//! Stages in the order of their references.

use std::collections::{BTreeMap, BTreeSet};

use retort_source::{Diagnostic, Diagnostics, Sources, Span};

/// The references between stages, by their places in the file: (who refers, to whom), and where first.
pub(super) type References = BTreeMap<(usize, usize), Span>;

/// How many stages of a long cycle are shown at each of its ends.
const SHOWN: usize = 8;

/// Orders stages so that each comes after those it refers to, and otherwise as in the file; stages in cycles, and those
/// that lead to them, are left out and the cycles reported.
pub(super) fn order(
    names: &[&str],
    references: &References,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Vec<usize> {
    let mut waits = vec![0_usize; names.len()];
    let mut wanted_by = vec![Vec::new(); names.len()];
    for &(from, to) in references.keys() {
        waits[from] += 1;
        wanted_by[to].push(from);
    }
    let mut ready: BTreeSet<usize> = (0..names.len()).filter(|stage| waits[*stage] == 0).collect();
    let mut ordered = Vec::with_capacity(names.len());
    while let Some(stage) = ready.pop_first() {
        ordered.push(stage);
        for &consumer in &wanted_by[stage] {
            waits[consumer] -= 1;
            if waits[consumer] == 0 {
                ready.insert(consumer);
            }
        }
    }
    if ordered.len() < names.len() {
        report(names, references, &waits, sources, diagnostics);
    }
    ordered
}

/// Walks from every stage that still waits along one of the references that keep it waiting, which must end in a round.
fn report(names: &[&str], references: &References, waits: &[usize], sources: &Sources, diagnostics: &mut Diagnostics) {
    let next = |stage: usize| {
        let mut from = references.range((stage, 0)..=(stage, usize::MAX));
        from.find(|((_, to), _)| waits[*to] > 0).map(|((_, to), span)| (*to, *span))
    };
    let mut walked = vec![None; names.len()];
    for start in (0..names.len()).filter(|stage| waits[*stage] > 0) {
        let (mut path, mut at) = (Vec::new(), start);
        while let (None, Some((to, span))) = (walked[at], next(at)) {
            walked[at] = Some(start);
            path.push((at, to, span));
            at = to;
        }
        let round = path.iter().position(|&(stage, ..)| stage == at);
        if let Some(round) = round.filter(|_| walked[at] == Some(start)) {
            diagnostics.push(cycle(names, &path[round..], sources));
        }
    }
}

fn cycle(names: &[&str], path: &[(usize, usize, Span)], sources: &Sources) -> Diagnostic {
    let (first, _, span) = path[0];
    let shown = path.iter().map(|&(stage, ..)| names[stage].to_owned());
    let places = path
        .iter()
        .map(|&(from, to, span)| format!("`{}` refers to `{}` at {}", names[from], names[to], sources.location(span)));
    let message = format!("stages refer to each other: {} → {}", few(shown, path.len()).join(" → "), names[first]);
    Diagnostic::at(span, message).hint(few(places, path.len()).join("; "))
}

/// Keeps the ends of a long list.
fn few(items: impl Iterator<Item = String>, count: usize) -> Vec<String> {
    let kept = |(index, item)| match index {
        index if index < SHOWN || index + SHOWN >= count => Some(item),
        SHOWN => Some("…".into()),
        _ => None,
    };
    items.enumerate().filter_map(kept).collect()
}
