//! Which examples make up each step: a new random order each epoch, decided by the seed alone.

use super::example::Example;
use super::init::{Random, permutation};
use super::recipe::Recipe;
use super::tasks::units;

/// Batches in a run of examples that is sorted by length at once, as in transformers' `LengthGroupedSampler`.
const RUN: usize = 50;

/// The order of examples, epoch by epoch. What a batch counts are units: examples, or questions with all their sequences.
pub(crate) struct Order {
    /// The examples of each unit.
    units: Vec<Vec<usize>>,
    /// Length of the longest example of each unit.
    lens: Vec<usize>,
    per_step: usize,
    per_epoch: u64,
    group_by_length: bool,
    batch: usize,
    seed: u64,
    epoch: Option<u64>,
    shuffled: Vec<usize>,
}

impl Order {
    /// The order in which a recipe takes examples.
    pub(crate) fn new(examples: &[Example], recipe: &Recipe) -> Self {
        let units = units(examples);
        let longest = |unit: &Vec<usize>| unit.iter().map(|&index| examples[index].ids.len()).max().unwrap_or(0);
        Self {
            lens: units.iter().map(longest).collect(),
            per_step: recipe.batch * recipe.accumulate,
            per_epoch: recipe.steps_per_epoch(units.len()),
            units,
            group_by_length: recipe.group_by_length,
            batch: recipe.batch,
            seed: recipe.seed,
            epoch: None,
            shuffled: Vec::new(),
        }
    }

    /// How many units there are.
    pub(crate) fn units(&self) -> usize {
        self.units.len()
    }

    /// The examples of each batch of the step after `done` steps.
    pub(crate) fn batches(&mut self, done: u64) -> Vec<Vec<usize>> {
        let batch = self.batch;
        let chosen = self.of_step(done).to_vec();
        let examples = |units: &[usize]| units.iter().flat_map(|&unit| self.units[unit].iter().copied()).collect();
        chosen.chunks(batch).map(examples).collect()
    }

    /// The units of the step after `done` steps.
    fn of_step(&mut self, done: u64) -> &[usize] {
        let (epoch, within) = (done / self.per_epoch, (done % self.per_epoch) as usize);
        if self.epoch != Some(epoch) {
            let random = Random::new("retort 2026 order of examples", self.seed, &epoch.to_le_bytes());
            self.shuffled = permutation(self.lens.len(), random);
            if self.group_by_length {
                self.group();
            }
            self.epoch = Some(epoch);
        }
        &self.shuffled[within * self.per_step..((within + 1) * self.per_step).min(self.shuffled.len())]
    }

    /// Sorts each run of examples by length, the longest first, and swaps the longest of all to the front, so that what
    /// does not fit into memory shows at once.
    fn group(&mut self) {
        let lens = &self.lens;
        for run in self.shuffled.chunks_mut(RUN * self.batch) {
            run.sort_by_key(|&i| std::cmp::Reverse(lens[i]));
        }
        // The first example of a run is its longest, so the longest of all is among those.
        let firsts = (0..self.shuffled.len()).step_by(RUN * self.batch);
        if let Some(longest) = firsts.max_by_key(|&at| (lens[self.shuffled[at]], std::cmp::Reverse(at))) {
            self.shuffled.swap(0, longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(lens: &[usize], recipe: &Recipe) -> Order {
        let example =
            |&len: &usize| Example { ids: vec![0; len], loss_from: 1, weights: None, task: None, teacher: None };
        Order::new(&lens.iter().map(example).collect::<Vec<_>>(), recipe)
    }

    proptest! {
        #[test]
        fn every_example_comes_once_an_epoch_whatever_step_is_asked_first(
            lens in prop::collection::vec(2_usize..60, 1..400),
            batch in 1_usize..9,
            accumulate in 1_usize..4,
            group_by_length: bool,
            seed: u64,
        ) {
            let recipe = Recipe { batch, accumulate, group_by_length, seed, ..Recipe::default() };
            let steps = recipe.steps_per_epoch(lens.len());
            let mut one = order(&lens, &recipe);
            for epoch in 0..2 {
                let mut seen: Vec<usize> = Vec::new();
                for step in epoch * steps..(epoch + 1) * steps {
                    seen.extend(one.of_step(step));
                    let alone = order(&lens, &recipe).of_step(step).to_vec();
                    prop_assert_eq!(&alone, one.of_step(step));
                }
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..lens.len()).collect::<Vec<_>>());
            }
        }

        #[test]
        fn groups_are_of_like_length_and_the_longest_comes_first(seed: u64) {
            let lens: Vec<usize> = (0..1000).map(|i| 2 + i * 7919 % 301).collect();
            let recipe = Recipe { batch: 4, group_by_length: true, seed, ..Recipe::default() };
            let mut order = order(&lens, &recipe);
            prop_assert_eq!(order.of_step(0).iter().map(|&i| lens[i]).max(), lens.iter().copied().max());
            let spread: usize = (1..250).map(|step| {
                let step = order.of_step(step);
                let lens = step.iter().map(|&i| lens[i]);
                lens.clone().max().unwrap_or(0) - lens.min().unwrap_or(0)
            }).sum();
            // At random, four of 301 lengths spread over 180 on average.
            prop_assert!(spread / 249 < 15, "{}", spread / 249);
        }
    }

    #[test]
    fn an_order_is_pinned() {
        let lens: Vec<usize> = (0..10).map(|i| 2 + i % 4).collect();
        for (group_by_length, expected) in [
            (false, expect_test::expect!["[[4, 5, 3], [9, 7, 8], [1, 2, 0], [6]]"]),
            (true, expect_test::expect!["[[3, 7, 2], [6, 5, 9], [1, 4, 8], [0]]"]),
        ] {
            let recipe = Recipe { batch: 3, group_by_length, seed: 17, ..Recipe::default() };
            let mut order = order(&lens, &recipe);
            let steps: Vec<Vec<usize>> = (0..4).map(|step| order.of_step(step).to_vec()).collect();
            expected.assert_eq(&format!("{steps:?}"));
        }
    }
}
