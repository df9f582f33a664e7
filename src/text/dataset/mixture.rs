//! How many questions of several datasets are taken where they are mixed in proportions, and which.
//!
//! As many as the proportions allow: questions are drawn without replacement until a dataset is exhausted. Each count is within
//! one of its proportion of all.

use retort_fingerprint::Draw;

/// Returns how many rows to take of datasets of these sizes, in these proportions, which are above 0.
pub fn counts(sizes: &[usize], proportions: &[f64]) -> Vec<usize> {
    let sum: f64 = proportions.iter().sum();
    // A quotient that should be whole may fall short of it by its last bit.
    let whole = |value: f64| (value * (1.0 + 1e-12) + 1e-12).floor() as usize;
    let most = sizes.iter().zip(proportions).map(|(size, proportion)| whole(*size as f64 * (sum / proportion)));
    let total = most.min().unwrap_or(0);
    let quotas: Vec<f64> = proportions.iter().map(|proportion| total as f64 * (proportion / sum)).collect();
    let mut counts: Vec<usize> = quotas.iter().map(|quota| whole(*quota)).collect();
    let left = total.saturating_sub(counts.iter().sum());
    let rest = |index: &usize| quotas[*index] - counts[*index] as f64;
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|one, other| rest(other).total_cmp(&rest(one)).then(one.cmp(other)));
    for index in order.into_iter().take(left) {
        counts[index] += 1;
    }
    counts.iter().zip(sizes).map(|(count, size)| *count.min(size)).collect()
}

/// Returns the indices, ascending, of `count` of these rows. Every row draws a rank by its identifier alone, so that neither
/// their order nor other datasets matter, and fewer rows are among more.
pub fn drawn(ids: &[&str], count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_cached_key(|index| (Draw::new(seed, &["mixture", ids[*index]]).bits(), ids[*index]));
    order.truncate(count);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_counts() {
        #[rustfmt::skip]
        let table: &[(&[usize], &[f64], &[usize])] = &[
            (&[100, 100], &[1.0, 1.0], &[100, 100]),
            (&[100, 30], &[1.0, 1.0], &[30, 30]),
            (&[100, 30], &[2.0, 1.0], &[60, 30]),
            (&[100, 30], &[0.7, 0.3], &[70, 30]),
            (&[90, 300], &[0.9, 0.1], &[90, 10]),
            (&[10, 10, 10], &[0.5, 0.25, 0.25], &[10, 5, 5]),
            (&[7, 100], &[2.0, 3.0], &[7, 10]),
            (&[0, 5], &[1.0, 1.0], &[0, 0]),
            (&[5], &[3.0], &[5]),
        ];
        for (sizes, proportions, expected) in table {
            assert_eq!(counts(sizes, proportions), *expected, "{sizes:?} in {proportions:?}");
        }
    }

    proptest! {
        #[test]
        fn counts_are_within_one_of_their_proportions_and_exhaust_a_dataset(
            datasets in prop::collection::vec((1_usize..5000, 0.01_f64..10.0), 1..6),
        ) {
            let (sizes, proportions): (Vec<usize>, Vec<f64>) = datasets.into_iter().unzip();
            let found = counts(&sizes, &proportions);
            let (total, sum) = (found.iter().sum::<usize>() as f64, proportions.iter().sum::<f64>());
            for ((count, size), proportion) in found.iter().zip(&sizes).zip(&proportions) {
                prop_assert!(count <= size);
                prop_assert!((*count as f64 - total * proportion / sum).abs() <= 1.0 + 1e-6, "{found:?}");
            }
            // One question more of all would be too many of some dataset.
            let more = |(size, proportion): (&usize, &f64)| (total + 1.0) * proportion / sum > *size as f64 - 1e-6;
            prop_assert!(sizes.iter().zip(&proportions).any(more), "{found:?} of {sizes:?}");
        }

        #[test]
        fn what_is_drawn_depends_on_neither_order_nor_number(
            ids in prop::collection::btree_set("[a-z]{1,6}", 1..60),
            count in 0_usize..60,
            seed: u64,
        ) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let turned: Vec<&str> = ids.iter().rev().copied().collect();
            let named = |ids: &[&str], count| {
                drawn(ids, count, seed).into_iter().map(|index| ids[index].to_owned()).collect::<BTreeSet<_>>()
            };
            let found = named(&ids, count);
            prop_assert_eq!(found.len(), count.min(ids.len()));
            prop_assert_eq!(&found, &named(&turned, count));
            prop_assert!(found.is_subset(&named(&ids, count + 1)));
        }
    }

    #[test]
    fn seeds_draw_otherwise() {
        let ids: Vec<String> = (0..50).map(|id| format!("q{id}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let drawn: BTreeSet<Vec<usize>> = (0..5).map(|seed| drawn(&ids, 10, seed)).collect();
        assert_eq!(drawn.len(), 5);
    }
}
