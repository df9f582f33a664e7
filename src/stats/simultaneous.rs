//! Percentile intervals of several numbers that hold all at once.

use super::{Interval, Level};

/// Returns intervals of numbers that were resampled together, `[number][resample]`, so that at the level all of them hold at
/// once, however the numbers depend on each other.
///
/// Each leaves out as many resamples on each side as the others: as many as can be left out with the fraction `level` of the
/// resamples inside every interval (Mandel & Betensky, 2008, Computational Statistics & Data Analysis 52), but no more than
/// the percentile interval of a number alone, which ties would allow. It is never wider than Bonferroni's. A number in which
/// no resample differs from another has no interval, and widens none.
pub(super) fn simultaneous(draws: &[Vec<f64>], level: Level) -> Vec<Option<Interval>> {
    let sorted: Vec<Option<Vec<f64>>> = draws.iter().map(|draws| sorted(draws)).collect();
    // How many resamples can be left out on each side with this one still inside all intervals.
    let mut depths = vec![usize::MAX; draws.first().map_or(0, Vec::len)];
    for (draws, sorted) in draws.iter().zip(&sorted) {
        let Some(sorted) = sorted else { continue };
        for (depth, draw) in depths.iter_mut().zip(draws) {
            let up_to = sorted.partition_point(|other| other <= draw);
            let from = sorted.len() - sorted.partition_point(|other| other < draw);
            *depth = (*depth).min(up_to.min(from).saturating_sub(1));
        }
    }
    depths.sort_unstable();
    let inside = (depths.len() as f64 * level.fraction()).ceil() as usize;
    let alone = (depths.len().saturating_sub(1) as f64 * level.tail()).floor() as usize;
    let left_out = depths.len().checked_sub(inside.max(1)).map_or(0, |at| depths[at].min(alone));
    let interval = |sorted: Vec<f64>| Interval { low: sorted[left_out], high: sorted[sorted.len() - 1 - left_out] };
    sorted.into_iter().map(|sorted| sorted.map(interval)).collect()
}

/// Sorts resamples; `None` where they never differ.
fn sorted(draws: &[f64]) -> Option<Vec<f64>> {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted.last()? - sorted.first()? >= 1e-9).then_some(sorted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use retort_fingerprint::Draw;

    fn inside(interval: Interval, value: f64) -> bool {
        (interval.low..=interval.high).contains(&value)
    }

    proptest! {
        #[test]
        fn the_fraction_of_the_level_is_inside_all_and_none_is_wider_than_bonferronis(
            seed in any::<u64>(), numbers in 1..6_usize, values in 2..400_usize, level in 0.5..0.99_f64,
        ) {
            const RESAMPLES: usize = 1_000;
            let mut draw = Draw::new(seed, &["test"]);
            // Few values make many ties; each number depends on the one before.
            let mut draws: Vec<Vec<f64>> = Vec::new();
            for _ in 0..numbers {
                let before = draws.last().cloned().unwrap_or_else(|| vec![0.0; RESAMPLES]);
                draws.push(before.into_iter().map(|before| before + draw.below(values) as f64).collect());
            }
            let found = simultaneous(&draws, Level::new(level).unwrap());
            let found: Vec<Interval> = found.into_iter().map(Option::unwrap).collect();
            let all = (0..RESAMPLES).filter(|at| found.iter().zip(&draws).all(|(found, draws)| inside(*found, draws[*at])));
            prop_assert!(all.count() as f64 >= level * RESAMPLES as f64);
            let bonferroni = ((1.0 - level) / 2.0 / numbers as f64 * (RESAMPLES - 1) as f64).floor() as usize;
            for (found, draws) in found.iter().zip(&draws) {
                let sorted = sorted(draws).unwrap();
                prop_assert!(found.low >= sorted[bonferroni] && found.high <= sorted[RESAMPLES - 1 - bonferroni]);
            }
        }
    }

    #[test]
    fn of_numbers_that_do_not_depend_on_each_other_each_holds_at_the_root_of_the_level() {
        const RESAMPLES: usize = 20_000;
        for numbers in [1, 3, 10] {
            let mut draw = Draw::new(1, &["test"]);
            let number = |draw: &mut Draw| (0..RESAMPLES).map(|_| draw.below(1 << 20) as f64).collect::<Vec<f64>>();
            let draws: Vec<Vec<f64>> = (0..numbers).map(|_| number(&mut draw)).collect();
            let each = 0.95_f64.powf(1.0 / f64::from(numbers));
            for (found, draws) in simultaneous(&draws, Level::P95).into_iter().zip(&draws) {
                let fraction =
                    draws.iter().filter(|value| inside(found.unwrap(), **value)).count() as f64 / RESAMPLES as f64;
                assert!((fraction - each).abs() < 0.002, "{fraction}, not {each}, of {numbers}");
            }
        }
    }

    #[test]
    fn what_never_differs_has_no_interval_and_widens_none() {
        let draws: Vec<f64> = (0..1_000).map(|at| f64::from(at * 7 % 1_000)).collect();
        let alone = simultaneous(std::slice::from_ref(&draws), Level::P95);
        assert_eq!(simultaneous(&[vec![2.0; 1_000], draws], Level::P95), [None, alone[0]]);
        assert_eq!(alone[0], Some(Interval { low: 24.0, high: 975.0 }));
        assert_eq!(simultaneous(&[vec![2.0; 1_000]], Level::P95), [None]);
        assert_eq!(simultaneous(&[], Level::P95), []);
        assert_eq!(simultaneous(&[vec![], vec![]], Level::P95), [None, None]);
    }
}
