//! Precision, recall, F1 and Jaccard's index between two selections of words, with intervals and with what chance gives.
//!
//! Each measure is a ratio of counts: with `s` selected words, `r` words of the reference and `h` shared ones, precision is
//! `h / s`, recall `h / r`, F1 `2 h / (s + r)` and Jaccard's index `h / (s + r − h)`. *Micro* averages divide the sums over
//! all rationales; *macro* averages are means over the rationales of which the measure can be said. Intervals resample
//! questions, with all the rationales of each.

use std::collections::BTreeMap;

use super::wilson::of_proportion;
use super::{Bootstrap, Estimate, Level, Method};
use retort_artifact::{Averaged, Measure};

/// Units of a rationale of one sort, such as its words, of which chance draws as many as are selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stratum {
    /// How many there are.
    pub units: usize,
    /// How many are selected.
    pub selected: usize,
    /// How many of them the reference has such that drawing one is a hit.
    pub hits: usize,
}

/// The sizes of two selections from one rationale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Units that are selected.
    pub selected: usize,
    /// Units that the reference has.
    pub reference: usize,
    /// Units that count as both.
    pub shared: usize,
    /// The units by sort.
    pub strata: Vec<Stratum>,
}

/// A measure over many rationales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreed {
    /// The measure.
    pub measure: Measure,
    /// What it is an average of.
    pub averaged: Averaged,
    /// Its value and interval.
    pub estimate: Estimate,
    /// What is expected where the selected units are drawn at random; `None` for the micro average of Jaccard's index,
    /// which is no ratio of expectations.
    pub chance: Option<f64>,
    /// Rationales that it can be said of.
    pub rationales: usize,
}

/// Returns the numerator and the denominator of a measure with `shared` units in common.
fn counts(measure: Measure, overlap: &Overlap, shared: f64) -> (f64, f64) {
    let (selected, reference) = (overlap.selected as f64, overlap.reference as f64);
    match measure {
        Measure::Precision => (shared, selected),
        Measure::Recall => (shared, reference),
        Measure::F1 => (2.0 * shared, selected + reference),
        Measure::Jaccard => (shared, selected + reference - shared),
    }
}

impl Overlap {
    /// Returns a measure of this rationale; `None` where nothing can be said.
    pub fn measure(&self, measure: Measure) -> Option<f64> {
        ratio(counts(measure, self, self.shared as f64))
    }

    /// Returns what is expected of a measure where as many units of each sort are drawn without replacement, all equally
    /// likely: exact, since the number of hits in each sort is hypergeometric.
    pub fn chance(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Precision | Measure::Recall | Measure::F1 => ratio(counts(measure, self, self.expected())),
            Measure::Jaccard => {
                ratio(counts(measure, self, 0.0))?;
                let fraction = |(shared, probability)| Some(probability * ratio(counts(measure, self, shared as f64))?);
                self.distribution().into_iter().enumerate().map(fraction).sum()
            }
        }
    }

    /// The expected number of hits.
    fn expected(&self) -> f64 {
        let of = |stratum: &Stratum| {
            let Stratum { units, selected, hits } = *stratum;
            if units == 0 { 0.0 } else { selected as f64 * hits as f64 / units as f64 }
        };
        self.strata.iter().map(of).sum()
    }

    /// The probability of each number of hits.
    fn distribution(&self) -> Vec<f64> {
        let mut all = vec![1.0];
        for stratum in &self.strata {
            let of = hypergeometric(stratum);
            let mut both = vec![0.0; all.len() + of.len() - 1];
            for (i, a) in all.iter().enumerate() {
                for (j, b) in of.iter().enumerate() {
                    both[i + j] += a * b;
                }
            }
            all = both;
        }
        all
    }
}

/// The probabilities of 0, 1, … hits among `selected` of `units`, drawn without replacement, `hits` of which are hits.
fn hypergeometric(stratum: &Stratum) -> Vec<f64> {
    let Stratum { units, selected, hits } = *stratum;
    let mut probabilities = vec![0.0; selected.min(hits) + 1];
    let least = (selected + hits).saturating_sub(units);
    // From one number of hits to the next: C(K, k) C(N − K, n − k) by its neighbour; sums to one at the end.
    let mut weight = 1.0;
    for k in least..probabilities.len() {
        probabilities[k] = weight;
        let next = (hits - k) as f64 * selected.saturating_sub(k) as f64;
        weight *= next / ((k + 1) as f64 * (units + k + 1 - hits).saturating_sub(selected).max(1) as f64);
        // Long texts would leave the range of the type; what is then far below the largest does not count.
        if weight > 1e200 {
            weight *= 1e-200;
            probabilities[..=k].iter_mut().for_each(|probability| *probability *= 1e-200);
        }
    }
    let sum: f64 = probabilities.iter().sum();
    probabilities.into_iter().map(|probability| probability / sum).collect()
}

fn ratio((numerator, denominator): (f64, f64)) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

/// Averages each measure over rationales, each given with its question; measures that can be said of no rationale are
/// left out. Micro averages come first.
///
/// Where no resample varies, as with selections that are alike throughout, Wilson's interval for as many questions
/// stands in for the bootstrap's.
pub fn agreement(overlaps: &[(&str, Overlap)], level: Level, bootstrap: Bootstrap) -> Vec<Agreed> {
    let mut questions: BTreeMap<&str, Vec<&Overlap>> = BTreeMap::new();
    for (question, overlap) in overlaps {
        questions.entry(question).or_default().push(overlap);
    }
    let wanted: Vec<(Averaged, Measure)> = [Averaged::Micro, Averaged::Macro]
        .into_iter()
        .flat_map(|averaged| Measure::ALL.map(|measure| (averaged, measure)))
        .collect();
    let ratios: Vec<Vec<(f64, f64)>> = wanted
        .iter()
        .map(|&(averaged, measure)| {
            questions
                .values()
                .map(|overlaps| total(overlaps.iter().map(|overlap| part(averaged, measure, overlap))))
                .collect()
        })
        .collect();
    let intervals = bootstrap.ratios("agreement", &ratios, level);
    let mut found = Vec::new();
    for ((&(averaged, measure), parts), interval) in wanted.iter().zip(&ratios).zip(intervals) {
        let Some(value) = ratio(total(parts.iter().copied())) else { continue };
        let estimate = match interval {
            Some(interval) => Estimate { value, interval, method: Method::Bootstrap },
            None => of_proportion(value.clamp(0.0, 1.0), questions.len(), level),
        };
        let rationales = overlaps.iter().filter(|(_, overlap)| overlap.measure(measure).is_some()).count();
        found.push(Agreed { measure, averaged, estimate, chance: chance(averaged, measure, overlaps), rationales });
    }
    found
}

/// What one rationale adds to numerator and denominator.
fn part(averaged: Averaged, measure: Measure, overlap: &Overlap) -> (f64, f64) {
    match averaged {
        Averaged::Micro => counts(measure, overlap, overlap.shared as f64),
        Averaged::Macro => overlap.measure(measure).map_or((0.0, 0.0), |value| (value, 1.0)),
    }
}

fn chance(averaged: Averaged, measure: Measure, overlaps: &[(&str, Overlap)]) -> Option<f64> {
    let part = |(_, overlap): &(&str, Overlap)| match (averaged, measure) {
        (Averaged::Micro, Measure::Jaccard) => (0.0, 0.0),
        (Averaged::Micro, _) => counts(measure, overlap, overlap.expected()),
        (Averaged::Macro, _) => overlap.chance(measure).map_or((0.0, 0.0), |value| (value, 1.0)),
    };
    ratio(total(overlaps.iter().map(part)))
}

fn total(parts: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    parts.fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: NonZeroU32::new(200).unwrap(), seed: 3 };

    /// An overlap of words alone, of sets of units below `units`.
    fn overlap(units: usize, selected: &[usize], reference: &[usize]) -> Overlap {
        let shared = selected.iter().filter(|unit| reference.contains(unit)).count();
        let stratum = Stratum { units, selected: selected.len(), hits: reference.len() };
        Overlap { selected: selected.len(), reference: reference.len(), shared, strata: vec![stratum] }
    }

    fn value(found: &[Agreed], averaged: Averaged, measure: Measure) -> f64 {
        let of = |agreed: &&Agreed| agreed.averaged == averaged && agreed.measure == measure;
        found.iter().find(of).expect("it can be said").estimate.value
    }

    #[test]
    fn measures_of_one_rationale_are_their_ratios() {
        let found = overlap(10, &[0, 1, 2, 3], &[2, 3, 4, 5, 6, 7]);
        assert_eq!(
            Measure::ALL.map(|measure| found.measure(measure)),
            [Some(0.5), Some(2.0 / 6.0), Some(0.4), Some(0.25)]
        );
        let none = overlap(10, &[], &[2]);
        assert_eq!(Measure::ALL.map(|measure| none.measure(measure)), [None, Some(0.0), Some(0.0), Some(0.0)]);
        assert_eq!(Measure::ALL.map(|measure| overlap(10, &[], &[]).measure(measure)), [None; 4]);
        assert_eq!(Measure::ALL.map(|measure| overlap(0, &[], &[]).chance(measure)), [None; 4]);
    }

    #[test]
    fn hits_in_a_long_text_have_probabilities() {
        for stratum in
            [Stratum { units: 9_000, selected: 4_000, hits: 5_000 }, Stratum { units: 9, selected: 7, hits: 8 }]
        {
            let found = hypergeometric(&stratum);
            let mean: f64 = found.iter().enumerate().map(|(hits, probability)| hits as f64 * probability).sum();
            let expected = stratum.selected as f64 * stratum.hits as f64 / stratum.units as f64;
            assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-9 && (mean / expected - 1.0).abs() < 1e-9, "{mean}");
        }
    }

    #[test]
    fn micro_averages_pool_words_and_macro_averages_rationales() {
        let rows =
            [("a", overlap(20, &[0], &[0, 1])), ("b", overlap(20, &[0, 1, 2], &[3])), ("c", overlap(20, &[], &[5]))];
        let found = agreement(&rows, Level::P95, BOOTSTRAP);
        for (averaged, measure, expected) in [
            (Averaged::Micro, Measure::Precision, 0.25),
            (Averaged::Macro, Measure::Precision, 0.5),
            (Averaged::Micro, Measure::Recall, 0.25),
            (Averaged::Macro, Measure::Recall, 0.5 / 3.0),
        ] {
            assert!((value(&found, averaged, measure) - expected).abs() < 1e-12, "{averaged} {measure}");
        }
        let said: Vec<usize> = found.iter().map(|agreed| agreed.rationales).collect();
        assert_eq!(said, [2, 3, 3, 3, 2, 3, 3, 3]);
    }

    #[test]
    fn selections_that_are_alike_agree_fully_and_keep_an_interval() {
        let rows = [("a", overlap(9, &[1, 2], &[1, 2])), ("b", overlap(9, &[3], &[3]))];
        for found in agreement(&rows, Level::P95, BOOTSTRAP) {
            assert_eq!((found.estimate.value, found.estimate.method), (1.0, Method::Wilson), "{found:?}");
            assert!(found.estimate.interval.low < 0.5 && found.estimate.interval.high >= 1.0);
        }
        assert_eq!(agreement(&[], Level::P95, BOOTSTRAP), []);
    }

    /// Every way to choose `count` of `0..bound`.
    fn subsets(bound: usize, count: usize) -> Vec<Vec<usize>> {
        let all = (0u32..1 << bound).filter(|bits| bits.count_ones() as usize == count);
        all.map(|bits| (0..bound).filter(|unit| bits >> unit & 1 == 1).collect()).collect()
    }

    /// Words and punctuation: units below `words` are words.
    fn mixed(words: usize, units: usize, selected: &[usize], reference: &[usize]) -> Overlap {
        let stratum = |of: &dyn Fn(usize) -> bool| {
            let count = |set: &[usize]| set.iter().filter(|unit| of(**unit)).count();
            Stratum {
                units: (0..units).filter(|unit| of(*unit)).count(),
                selected: count(selected),
                hits: count(reference),
            }
        };
        let strata = vec![stratum(&|unit| unit < words), stratum(&|unit| unit >= words)];
        Overlap { strata, ..overlap(units, selected, reference) }
    }

    proptest! {
        #[test]
        fn swapping_the_selections_swaps_precision_and_recall(
            units in 1usize..12, selected in 0u32..4096, reference in 0u32..4096,
        ) {
            let set = |bits: u32| -> Vec<usize> { (0..units).filter(|unit| bits >> unit & 1 == 1).collect() };
            let (selected, reference) = (set(selected), set(reference));
            let (one, two) = (overlap(units, &selected, &reference), overlap(units, &reference, &selected));
            prop_assert_eq!(one.measure(Measure::Precision), two.measure(Measure::Recall));
            prop_assert_eq!(one.measure(Measure::F1), two.measure(Measure::F1));
            prop_assert_eq!(one.measure(Measure::Jaccard), two.measure(Measure::Jaccard));
            for (a, b) in [(Measure::Precision, Measure::Recall), (Measure::F1, Measure::F1), (Measure::Jaccard, Measure::Jaccard)] {
                let near = match (one.chance(a), two.chance(b)) {
                    (Some(one), Some(two)) => (one - two).abs() < 1e-12,
                    (one, two) => one == two,
                };
                prop_assert!(near, "{:?} {:?}", one.chance(a), two.chance(b));
            }
            let as_sets = overlap(units, &selected, &selected);
            prop_assert!(Measure::ALL.iter().all(|measure| as_sets.measure(*measure).is_none_or(|value| value >= 1.0)));
        }

        #[test]
        fn chance_is_the_mean_over_all_draws(words in 0usize..5, others in 0usize..4, selected in 0u32..512, reference in 0u32..512) {
            let units = words + others;
            let set = |bits: u32| -> Vec<usize> { (0..units).filter(|unit| bits >> unit & 1 == 1).collect() };
            let (selected, reference) = (set(selected), set(reference));
            let found = mixed(words, units, &selected, &reference);
            let of_words = selected.iter().filter(|unit| **unit < words).count();
            let draws: Vec<Vec<usize>> = subsets(words, of_words)
                .into_iter()
                .flat_map(|first| {
                    subsets(others, selected.len() - of_words).into_iter().map(move |second| {
                        first.iter().copied().chain(second.into_iter().map(|unit| unit + words)).collect()
                    })
                })
                .collect();
            for measure in Measure::ALL {
                let values: Option<Vec<f64>> =
                    draws.iter().map(|drawn| mixed(words, units, drawn, &reference).measure(measure)).collect();
                let mean = values.map(|values| values.iter().sum::<f64>() / values.len() as f64);
                match (found.chance(measure), mean) {
                    (Some(chance), Some(mean)) => prop_assert!((chance - mean).abs() < 1e-12, "{measure}: {chance} {mean}"),
                    (chance, mean) => prop_assert_eq!(chance, mean),
                }
            }
        }

        #[test]
        fn averages_are_in_bounds_and_their_intervals_hold_fractions(
            sets in prop::collection::vec((0usize..4, 0u32..64, 0u32..64), 1..12), seed: u64,
        ) {
            let set = |bits: u32| -> Vec<usize> { (0..6).filter(|unit| bits >> unit & 1 == 1).collect() };
            let names = ["a", "b", "c", "d"];
            let rows: Vec<(&str, Overlap)> =
                sets.iter().map(|&(name, s, r)| (names[name], overlap(6, &set(s), &set(r)))).collect();
            let bootstrap = Bootstrap { seed, ..BOOTSTRAP };
            let found = agreement(&rows, Level::P95, bootstrap);
            for Agreed { estimate, chance, .. } in &found {
                prop_assert!((0.0..=1.0).contains(&estimate.value) && estimate.interval.low <= estimate.interval.high);
                prop_assert!(0.0 <= estimate.interval.low && estimate.interval.high <= 1.0);
                prop_assert!(chance.is_none_or(|chance| (0.0..=1.0 + 1e-12).contains(&chance)));
            }
            let mut backwards = rows.clone();
            backwards.reverse();
            let again = agreement(&backwards, Level::P95, bootstrap);
            prop_assert_eq!(found.len(), again.len());
            for (one, two) in found.iter().zip(&again) {
                prop_assert!((one.estimate.value - two.estimate.value).abs() < 1e-12);
            }
        }
    }
}
