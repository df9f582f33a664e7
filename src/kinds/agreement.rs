//! `agreement`: how far two selections of a rationale's words agree.

use std::collections::{BTreeMap, BTreeSet};

use retort_artifact::{
    AgreementRow, AgreementSummary, Agreements, Matching, Measure, Measured, Rationale, Rationales, Words,
};
use retort_stage::params::{Input, Seed};
use retort_stage::{Context, Stage, StageError};
use retort_stats::{Agreed, Bootstrap, Interval, Level, Overlap, Stratum, agreement};
use retort_text::selection::{Selection, Unit, units};

use super::sequence::data;

retort_stage::params! {
    /// How far two selections of words agree: precision, recall, F1 and Jaccard's index, with intervals and with what
    /// chance gives. Both must be transforms of the same rationales whose first step selects.
    pub struct Agreement {
        /// The rationales that both selections are from.
        pub of: Input<Rationales>,
        /// The selection that is taken as right: recall is the fraction of its words that are selected.
        pub reference: Input<Rationales>,
        /// The selection of interest: precision is the fraction of its words that the reference has.
        pub selected: Input<Rationales>,
        /// When a word that both touch counts as shared: if both have any piece of it (`subword`, the paper's rule), or
        /// only if both have the same pieces (`exact`).
        pub r#match: Matching = Matching::Subword,
        /// The seed of the bootstrap; the experiment's where none is given.
        pub seed: Seed,
    }
}

/// A rationale by its question and sample number.
type Place<'a> = (&'a str, u32);

/// Rationales by their place, and the field that names their stage.
struct Named<'a> {
    name: &'static str,
    rows: BTreeMap<Place<'a>, &'a Rationale>,
}

impl Stage for Agreement {
    type Output = Agreements;

    const NAME: &'static str = "agreement";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "How far two selections of the rationales' words agree.";
    const EXAMPLE: &'static str = "{ of: rationales, reference: top-tokens, selected: human-words, match: subword }";

    fn run(&self, context: &Context<'_>) -> Result<Agreements, StageError> {
        let (of, reference) = (context.read(&self.of)?, context.read(&self.reference)?);
        let selected = context.read(&self.selected)?;
        let whole = Named::new("of", &of)?;
        let (reference, selected) = (Named::new("reference", &reference)?, Named::new("selected", &selected)?);
        let (found, warnings) = agreements(&of, &whole, &reference, &selected, self.r#match, self.seed.0)?;
        warnings.into_iter().for_each(|warning| context.warn(warning));
        Ok(found)
    }
}

/// Compares two selections of the rows of `of`, which are those of `whole`; also says what to warn of.
fn agreements(
    of: &Rationales,
    whole: &Named<'_>,
    reference: &Named<'_>,
    selected: &Named<'_>,
    matching: Matching,
    seed: u64,
) -> Result<(Agreements, Vec<String>), StageError> {
    for named in [reference, selected] {
        if let Some((id, sample)) = named.rows.keys().find(|place| !whole.rows.contains_key(*place)) {
            return Err(data(format!(
                "cannot compare the words of `{}`: it has a row for question `{id}`, sample {sample}, which `of` lacks; give \
                 as `of` what both selections were made from",
                named.name
            )));
        }
    }
    let (mut rows, mut overlaps, mut strange) = (Vec::new(), Vec::new(), 0);
    for rationale in &of.rows {
        let place = (rationale.id.as_str(), rationale.sample);
        let (Some(ours), Some(theirs)) = (selected.rows.get(&place), reference.rows.get(&place)) else { continue };
        let all = units(&rationale.text);
        let ours_selected = selected.selection(ours, &rationale.text, &all)?;
        let theirs_selected = reference.selection(theirs, &rationale.text, &all)?;
        strange += [ours, theirs].into_iter().filter(|row| !reads_as(row, &rationale.text)).count();
        let (row, overlap) = compared(rationale, &all, &ours_selected, &theirs_selected, matching);
        overlaps.push((rationale.id.as_str(), overlap));
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(data("cannot compare `selected` with `reference`: no rationale of `of` has a row in both"));
    }
    let mut warnings = Vec::new();
    let (only_selected, only_reference) = (selected.rows.len() - rows.len(), reference.rows.len() - rows.len());
    if only_selected + only_reference > 0 {
        warnings.push(format!(
            "compared on the {} rationales that both selections have; {only_selected} are in `selected` alone and \
             {only_reference} in `reference` alone",
            rows.len()
        ));
    }
    if strange > 0 {
        warnings.push(format!(
            "{strange} rows of the selections do not read as the words of `of` at the places they keep: is that what they \
             were made from?"
        ));
    }
    let level = Level::P95;
    let questions: BTreeSet<&str> = overlaps.iter().map(|(question, _)| *question).collect();
    let measures = agreement(&overlaps, level, Bootstrap::seeded(seed));
    let summary = AgreementSummary {
        matching,
        rationales: rows.len(),
        questions: questions.len(),
        only_selected,
        only_reference,
        level: level.fraction(),
        measures: measures.into_iter().map(measured).collect(),
    };
    Ok((Agreements { rows, summary }, warnings))
}

fn measured(agreed: Agreed) -> Measured {
    let Agreed { measure, averaged, estimate, chance, rationales } = agreed;
    let Interval { low, high } = estimate.interval;
    Measured { measure, averaged, value: estimate.value, low, high, chance, rationales }
}

impl<'a> Named<'a> {
    /// Finds each rationale's row, of which there may be one.
    fn new(name: &'static str, rationales: &'a Rationales) -> Result<Self, StageError> {
        let mut rows = BTreeMap::new();
        for row in &rationales.rows {
            if rows.insert((row.id.as_str(), row.sample), row).is_some() {
                let (id, sample) = (&row.id, row.sample);
                return Err(data(format!(
                    "cannot compare the words of `{name}`: it has question `{id}`, sample {sample}, twice"
                )));
            }
        }
        Ok(Self { name, rows })
    }

    /// Finds the units that a row selects of the rationale it was made from.
    fn selection(&self, row: &Rationale, text: &str, all: &[Unit]) -> Result<Selection, StageError> {
        let Rationale { id, sample, kept, .. } = row;
        let Some(kept) = kept else {
            return Err(data(format!(
                "cannot compare the words of `{}`: its row for question `{id}`, sample {sample}, does not say which words \
                 it keeps; name a transform over the stage of `of` whose first and only step selects, such as `keep_top` \
                 or `keep_words`",
                self.name
            )));
        };
        Selection::of(text, all, kept).map_err(|error| {
            data(format!(
                "cannot compare the words of `{}`: its row for question `{id}`, sample {sample}, keeps words that `of` does \
                 not have: {error}; give as `of` what the selection was made from",
                self.name
            ))
        })
    }
}

/// Says whether a selection reads as the words of a text at the places it keeps.
fn reads_as(selection: &Rationale, text: &str) -> bool {
    let mut pieces = selection.kept.iter().flatten().filter_map(|&(start, end)| text.get(start..end));
    pieces.all(|piece| selection.text.contains(piece.trim()))
}

/// Compares two selections of one rationale.
fn compared(
    rationale: &Rationale,
    all: &[Unit],
    selected: &Selection,
    reference: &Selection,
    matching: Matching,
) -> (AgreementRow, Overlap) {
    let is_shared = |index: &usize| selected.shares(*index, reference, matching);
    let word = |index: usize| rationale.text[all[index].range.clone()].to_owned();
    let words = Words {
        shared: selected.units().filter(is_shared).map(word).collect(),
        selected: selected.units().filter(|index| !is_shared(index)).map(word).collect(),
        reference: reference.units().filter(|index| !is_shared(index)).map(word).collect(),
    };
    // A word that is drawn is drawn whole, so that under exact matching it hits only what the reference has whole.
    let is_hit = |index: &usize| matching == Matching::Subword || reference.has_whole(*index, &all[*index]);
    let stratum = |of_words: bool| Stratum {
        units: all.iter().filter(|unit| unit.word == of_words).count(),
        selected: selected.units().filter(|index| all[*index].word == of_words).count(),
        hits: reference.units().filter(|index| all[*index].word == of_words && is_hit(index)).count(),
    };
    let overlap = Overlap {
        selected: selected.units().count(),
        reference: reference.units().count(),
        shared: words.shared.len(),
        strata: vec![stratum(true), stratum(false)],
    };
    let row = AgreementRow {
        id: rationale.id.clone(),
        sample: rationale.sample,
        selected: overlap.selected,
        reference: overlap.reference,
        shared: overlap.shared,
        precision: overlap.measure(Measure::Precision),
        recall: overlap.measure(Measure::Recall),
        f1: overlap.measure(Measure::F1),
        jaccard: overlap.measure(Measure::Jaccard),
        chance_precision: overlap.chance(Measure::Precision),
        chance_recall: overlap.chance(Measure::Recall),
        words,
    };
    (row, overlap)
}

#[cfg(test)]
mod tests;
