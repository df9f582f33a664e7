//! How the instances of a run ended, each counted once whatever became of it in between.

use retort_event::Tally;
use retort_spec::InstanceId;

/// How an instance ended, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its result was there.
    Hit,
    /// It ran to its end.
    Ran,
    Failed,
    Stopped,
    /// It was left out.
    Skipped,
}

/// The last end of each instance, by index.
#[derive(Debug)]
pub(super) struct Ends(Vec<Option<Ended>>);

impl Ends {
    pub(super) fn new(instances: usize) -> Self {
        Self(vec![None; instances])
    }

    /// Takes the fact that an instance ended, and returns how it had ended before. What ran and was found to be there later
    /// has run all the same.
    pub(super) fn end(&mut self, id: InstanceId, how: Ended) -> Option<Ended> {
        let last = &mut self.0[id.index()];
        let before = *last;
        if (before, how) != (Some(Ended::Ran), Ended::Hit) {
            *last = Some(how);
        }
        before
    }

    /// Counts how many ended how.
    pub(super) fn tally(&self) -> Tally {
        let count = |how| self.0.iter().filter(|ended| **ended == Some(how)).count();
        Tally {
            hits: count(Ended::Hit),
            ran: count(Ended::Ran),
            failed: count(Ended::Failed),
            stopped: count(Ended::Stopped),
            skipped: count(Ended::Skipped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_becomes_of_an_instance_it_is_counted_once() {
        let mut ends = Ends::new(3);
        let [one, other] = [0, 1].map(InstanceId::at);
        assert_eq!(ends.end(one, Ended::Hit), None);
        assert_eq!(ends.end(one, Ended::Ran), Some(Ended::Hit));
        assert_eq!(ends.end(one, Ended::Ran), Some(Ended::Ran));
        assert_eq!(ends.end(one, Ended::Hit), Some(Ended::Ran));
        ends.end(other, Ended::Hit);
        ends.end(other, Ended::Failed);
        let Tally { hits, ran, failed, stopped, skipped } = ends.tally();
        assert_eq!([hits, ran, failed, stopped, skipped], [0, 1, 1, 0, 0]);
    }
}
