//! How many sequences run side by side: as many as memory is allowed for, and fewer once there was too little.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::device::DeviceError;
use crate::error::ModelError;

/// The most positions that sequences run side by side may come to, what is generated and padding included.
///
/// It halves itself when the device has no memory left; clones share what is left of it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A budget of so many positions.
    pub fn of(positions: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(positions)))
    }

    /// The positions it allows now.
    pub fn positions(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Gives the rows of `order` in turn to `run`, as many at once as the budget and `most` allow, and one at least.
    /// `needs` says how many positions a row may come to. Where memory does not suffice for several rows, the budget is
    /// halved and `run` gets fewer of the same.
    pub(crate) fn share(
        &self,
        order: &[usize],
        most: usize,
        needs: impl Fn(usize) -> usize,
        mut run: impl FnMut(&[usize]) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        let mut open = order;
        while !open.is_empty() {
            let count = self.joining(open.iter().map(|&row| needs(row)), most, (0, 0));
            let positions = count * open[..count].iter().map(|&row| needs(row)).max().unwrap_or(0);
            match run(&open[..count]) {
                Ok(()) => open = &open[count..],
                // What did not fit was within the budget, but perhaps far below it.
                Err(ModelError::Device(DeviceError::OutOfMemory { .. })) if count > 1 => self.lower(positions / 2),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Allows no more than so many positions from now on.
    pub(super) fn lower(&self, positions: usize) {
        self.0.store(positions, Relaxed);
    }

    /// How many rows, given the positions that each may come to, can join `count` others of `longest` positions at most, all
    /// padded to the longest. No more than `most` do, and where there are no others, one does at least.
    pub(super) fn joining(
        &self,
        needs: impl Iterator<Item = usize>,
        most: usize,
        (mut count, mut longest): (usize, usize),
    ) -> usize {
        let before = count;
        for need in needs.take(most.max(usize::from(before == 0))) {
            longest = longest.max(need);
            if count > 0 && (count + 1) * longest > self.positions() {
                break;
            }
            count += 1;
        }
        count - before
    }
}

impl Default for Budget {
    /// 16,384 positions: 32 sequences of 512.
    fn default() -> Self {
        Self::of(16_384)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn out_of_memory() -> ModelError {
        DeviceError::OutOfMemory { device: "cuda:0".into(), reason: "no room".into() }.into()
    }

    proptest! {
        #[test]
        fn every_row_runs_once_and_in_order_whatever_memory_there_is(
            needs in prop::collection::vec(1_usize..40, 0..30),
            budget in 0_usize..400,
            memory in 40_usize..400,
            most in 0_usize..12,
        ) {
            let order: Vec<usize> = (0..needs.len()).rev().collect();
            let shared = Budget::of(budget);
            let (mut ran, mut failures) = (Vec::new(), 0);
            shared.fraction(&order, most, |row| needs[row], |rows| {
                let positions = rows.len() * rows.iter().map(|&row| needs[row]).max().unwrap_or(0);
                assert!(rows.len() == 1 || (positions <= budget && rows.len() <= most));
                if positions > memory {
                    failures += 1;
                    return Err(out_of_memory());
                }
                ran.extend_from_slice(rows);
                Ok(())
            }).expect("one row always fits");
            prop_assert_eq!(ran, order);
            prop_assert!(failures <= 4, "each failure halves what is tried: {}", failures);
            prop_assert!(shared.positions() <= budget);
        }
    }

    #[test]
    fn a_row_that_does_not_fit_alone_is_an_error() {
        let mut tries = Vec::new();
        let error = Budget::default().fraction(
            &[0, 1, 2, 3],
            4,
            |_| 10,
            |rows| {
                tries.push(rows.len());
                Err(out_of_memory())
            },
        );
        assert!(matches!(error, Err(ModelError::Device(DeviceError::OutOfMemory { .. }))));
        assert_eq!(tries, [4, 2, 1]);
    }

    #[test]
    fn other_errors_are_not_tried_again() {
        let mut tries = 0;
        let lost = || DeviceError::Lost { device: "cuda:0".into(), reason: "gone".into() };
        let error = Budget::default().fraction(
            &[0, 1],
            2,
            |_| 10,
            |_| {
                tries += 1;
                Err(lost().into())
            },
        );
        assert!(matches!(error, Err(ModelError::Device(DeviceError::Lost { .. }))));
        assert_eq!(tries, 1);
    }
}
