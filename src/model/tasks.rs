//! Several tasks that one student learns at a time: each target of a question is a sequence of its own.
//!
//! The loss of a step is `Σₜ λₜ·Lₜ`, where `λₜ` is the weight of task `t` and `Lₜ` the mean, over the task's sequences in the
//! step, of each sequence's own mean cross-entropy over the tokens that carry loss, by their weights. It is not divided by
//! `Σₜ λₜ`. With two tasks, the label and the rationale, that is `L_label + λ·L_rationale` of Hsieh et al. (2023), *Distilling
//! Step-by-Step!*, where the mean of a long rationale counts for as much as that of a label. A batch counts questions, and
//! holds all the sequences of each.

use std::collections::BTreeMap;

use super::example::Example;

/// The sequences of a batch that teach one task.
#[derive(Debug, PartialEq)]
pub(crate) struct Portion {
    /// The task; `None` where examples have none.
    pub(crate) task: Option<usize>,
    /// The examples, by their index.
    pub(crate) examples: Vec<usize>,
    /// What the tokens of each sequence weigh together; as they come to by themselves where this is not given.
    pub(crate) mass: Option<f64>,
}

/// Returns the examples that go together, in the order in which the first of each comes: those of one question, or one alone
/// where there are no tasks.
pub(crate) fn units(examples: &[Example]) -> Vec<Vec<usize>> {
    let mut units: Vec<Vec<usize>> = Vec::new();
    let mut of_question: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, example) in examples.iter().enumerate() {
        let unit = example.task.map(|task| *of_question.entry(task.question).or_insert(units.len()));
        match unit.filter(|unit| *unit < units.len()) {
            Some(unit) => units[unit].push(index),
            None => units.push(vec![index]),
        }
    }
    units
}

/// Takes the batches of a step apart by task.
pub(crate) fn portions(examples: &[Example], batches: Vec<Vec<usize>>) -> Vec<Portion> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for task in batches.iter().flatten().filter_map(|&index| examples[index].task) {
        *counts.entry(task.index).or_default() += 1;
    }
    let mut portions = Vec::new();
    for batch in batches {
        let mut by_task: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for index in batch {
            by_task.entry(examples[index].task.map(|task| task.index)).or_default().push(index);
        }
        portions.extend(by_task.into_iter().map(|(task, chosen)| {
            let mass = examples[chosen[0]].task.map(|task| task.weight / counts[&task.index] as f64);
            Portion { task, examples: chosen, mass }
        }));
    }
    portions
}

/// Returns the mean loss of each task in a step, out of the part that each portion has in the loss; `None` for a task that the
/// step has no sequence of, and nothing at all where there are no tasks.
pub(crate) fn apart(examples: &[Example], portions: &[Portion], losses: &[f64], tasks: usize) -> Vec<Option<f64>> {
    let mut apart = vec![None; tasks];
    for (portion, loss) in portions.iter().zip(losses) {
        if let Some(task) = examples[portion.examples[0]].task {
            *apart[task.index].get_or_insert(0.0) += loss / task.weight;
        }
    }
    apart
}

/// How many tasks there are.
pub(crate) fn count(examples: &[Example]) -> usize {
    examples.iter().filter_map(|example| example.task).map(|task| task.index + 1).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Task;

    fn example(task: Option<(usize, f64, usize)>) -> Example {
        let task = task.map(|(index, weight, question)| Task { index, weight, question });
        Example { ids: vec![1, 2, 3], loss_from: 1, weights: None, task, teacher: None }
    }

    #[test]
    fn sequences_of_a_question_go_together_and_portions_are_of_one_task() {
        let examples: Vec<Example> = [(0, 1.0, 7), (1, 0.5, 7), (1, 0.5, 7), (0, 1.0, 3), (1, 0.5, 3), (0, 1.0, 9)]
            .map(|task| example(Some(task)))
            .into();
        assert_eq!(units(&examples), [vec![0, 1, 2], vec![3, 4], vec![5]]);
        assert_eq!(count(&examples), 2);
        let found = portions(&examples, vec![vec![3, 4, 0, 1, 2], vec![5]]);
        let portion = |task, examples: &[usize], mass| Portion { task, examples: examples.to_vec(), mass };
        // Three labels and three rationales in the step: each weighs a third of its task's weight.
        let (label, rationale) = (Some(1.0 / 3.0), Some(0.5 / 3.0));
        assert_eq!(
            found,
            [portion(Some(0), &[3, 0], label), portion(Some(1), &[4, 1, 2], rationale), portion(Some(0), &[5], label)]
        );
        assert_eq!(apart(&examples, &found, &[0.5, 0.75, 0.25], 2), [Some(0.75), Some(1.5)]);
        assert_eq!(apart(&examples, &found[..1], &[0.5], 2), [Some(0.5), None]);
    }

    #[test]
    fn without_tasks_every_example_stands_alone_and_batches_stay_whole() {
        let examples = vec![example(None), example(None), example(None)];
        assert_eq!(units(&examples), [[0], [1], [2]]);
        assert_eq!(count(&examples), 0);
        let found = portions(&examples, vec![vec![2, 0], vec![1]]);
        let portion = |examples: &[usize]| Portion { task: None, examples: examples.to_vec(), mass: None };
        assert_eq!(found, [portion(&[2, 0]), portion(&[1])]);
        assert!(apart(&examples, &found, &[0.5, 0.5], 0).is_empty());
    }
}
