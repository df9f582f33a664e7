//! Learning from a teacher's distributions: what is kept of them, and how far a student is from them.
//!
//! Of a teacher, each position has its `k` likeliest tokens with the logarithms of their probabilities, and that of all other
//! tokens together: the tail. Both models are compared on these `k + 1` outcomes, which are distributions of their own: the
//! student's tail is the sum of its probabilities of the same other tokens. At temperature `T` the probabilities of the
//! outcomes are tempered, the tail as one outcome, and normalised again:
//!
//! > p(j) = P(j)^(1/T) / Σᵢ P(i)^(1/T), and q(j) likewise of the student.
//!
//! At `T` = 1 these are the models' own probabilities; with `k` the whole vocabulary there is no tail, and at every `T` it is
//! the usual softmax of logits over `T`. The loss of a position is (1 − weight) · cross-entropy + weight · T² · D, where D is
//!
//! * forward: KL(p ‖ q) = Σ p · (ln p − ln q) (Hinton, Vinyals and Dean, 2015),
//! * reverse: KL(q ‖ p) (MiniLLM: Gu, Dong, Wei and Huang, 2023),
//! * jsd: ½ KL(p ‖ m) + ½ KL(q ‖ m) with m = ½ (p + q) (GKD with β = ½: Agarwal et al., 2024).

use std::ops::Range;

/// Which divergence of the student from the teacher is made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DivergenceKind {
    /// KL(teacher ‖ student): the student covers all that the teacher may say.
    Forward,
    /// KL(student ‖ teacher): the student keeps to what the teacher is likely to say.
    Reverse,
    /// Jensen-Shannon, halfway between the two.
    Jsd,
}

retort_fingerprint::words!(DivergenceKind { Forward = "forward", Reverse = "reverse", Jsd = "jsd" });

/// A divergence in the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// Which.
    pub kind: DivergenceKind,
    /// Its weight in the loss, above 0 and at most 1; that of the cross-entropy is the rest.
    pub weight: f64,
    /// The temperature of both distributions.
    pub temperature: f64,
}

/// What a teacher says at some positions: of each its likeliest tokens, and the logarithms of their probabilities and of that
/// of all others together, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Distributions {
    top: usize,
    ids: Vec<u32>,
    logs: Vec<f32>,
}

impl Distributions {
    /// Puts them together: of each position `top` tokens in `ids`, and in `logs` one number more, the last one that of the tail,
    /// which is negative infinity where there are no other tokens. `None` where the numbers do not go together.
    pub fn new(top: usize, ids: Vec<u32>, logs: Vec<f32>) -> Option<Self> {
        let positions = ids.len().checked_div(top)?;
        let fits = positions * top == ids.len() && positions * (top + 1) == logs.len();
        fits.then_some(Self { top, ids, logs })
    }

    /// Returns how many tokens of each position there are.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Returns the number of positions.
    pub fn positions(&self) -> usize {
        self.ids.len() / self.top
    }

    /// Returns the tokens of a position, the likeliest first, and the logarithms, the last one that of the tail.
    pub fn at(&self, position: usize) -> (&[u32], &[f32]) {
        let Self { top, ids, logs } = self;
        (&ids[position * top..][..*top], &logs[position * (top + 1)..][..top + 1])
    }

    /// Returns the tokens of all positions.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Returns the logarithms of all positions.
    pub fn logs(&self) -> &[f32] {
        &self.logs
    }

    /// Whether every number is one, but for tails of nothing.
    pub(crate) fn is_sound(&self) -> bool {
        let sound = |(at, log): (usize, &f32)| {
            log.is_finite() || (at % (self.top + 1) == self.top && *log == f32::NEG_INFINITY)
        };
        self.logs.iter().enumerate().all(sound)
    }

    /// Hashes all of it.
    pub(crate) fn identify(&self, hasher: &mut blake3::Hasher) {
        let Self { top, ids, logs } = self;
        hasher.update(&(*top as u64).to_le_bytes());
        hasher.update(&(ids.len() as u64).to_le_bytes());
        for id in ids {
            hasher.update(&id.to_le_bytes());
        }
        for log in logs {
            hasher.update(&log.to_bits().to_le_bytes());
        }
    }
}

/// The teacher's distributions for the sequences of a batch.
#[derive(Clone)]
pub(crate) struct Lessons<'a> {
    pub(crate) divergence: Divergence,
    /// Those of each sequence: the first position is that of the first token that carries loss.
    pub(crate) of: Vec<&'a Distributions>,
}

/// What the rows of logits are to be like: one after the other, as the rows are.
pub(crate) struct Gathered {
    divergence: Divergence,
    top: usize,
    ids: Vec<u32>,
    logs: Vec<f32>,
}

impl Gathered {
    /// Begins with no row.
    pub(crate) fn of(lessons: &Lessons<'_>) -> Self {
        let top = lessons.of.first().map_or(1, |first| first.top);
        Self { divergence: lessons.divergence, top, ids: Vec::new(), logs: Vec::new() }
    }

    /// Adds the row of a position.
    pub(crate) fn push(&mut self, of: &Distributions, position: usize) {
        let (ids, logs) = of.at(position);
        self.ids.extend_from_slice(ids);
        self.logs.extend_from_slice(logs);
    }

    pub(crate) fn taught(&self) -> Taught<'_> {
        Taught { divergence: self.divergence, top: self.top, ids: &self.ids, logs: &self.logs }
    }
}

/// What the rows of logits are to be like.
#[derive(Clone, Copy)]
pub(crate) struct Taught<'a> {
    pub(crate) divergence: Divergence,
    /// Tokens of each row.
    pub(crate) top: usize,
    /// `[rows, top]`; those of a row differ.
    pub(crate) ids: &'a [u32],
    /// `[rows, top + 1]`, the last column that of the tail.
    pub(crate) logs: &'a [f32],
}

impl<'a> Taught<'a> {
    /// The rows in a range, for who takes few at a time.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        let Self { divergence, top, ids, logs } = self;
        let logs = &logs[rows.start * (top + 1)..rows.end * (top + 1)];
        Self { divergence, top, ids: &ids[rows.start * top..rows.end * top], logs }
    }

    /// One row.
    pub(crate) fn row(self, row: usize) -> (&'a [u32], &'a [f32]) {
        let Self { ids, logs, .. } = self.rows(row..row + 1);
        (ids, logs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_together_or_are_refused() {
        let made = |top, ids: usize, logs: usize| Distributions::new(top, vec![0; ids], vec![0.0; logs]).is_some();
        assert!(made(2, 4, 6) && made(3, 0, 0));
        assert!(!made(0, 0, 0) && !made(2, 3, 6) && !made(2, 4, 4));
        let some = Distributions::new(2, vec![5, 6, 7, 8], vec![-0.5, -1.0, -2.0, -0.25, -3.0, -4.0]).expect("sound");
        assert_eq!((some.positions(), some.top()), (2, 2));
        assert_eq!(some.at(1), ([7, 8].as_slice(), [-0.25, -3.0, -4.0].as_slice()));
        assert!(some.is_sound());
        let with = |at: usize, log: f32| {
            let mut logs = some.logs.clone();
            logs[at] = log;
            Distributions { logs, ..some.clone() }.is_sound()
        };
        assert!(with(2, f32::NEG_INFINITY) && !with(1, f32::NEG_INFINITY) && !with(2, f32::NAN));
    }
}
