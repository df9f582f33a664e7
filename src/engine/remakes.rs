//! What is made again in a run because its bytes are needed and cannot be had, and why: nothing twice for the same reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use retort_fingerprint::Digest;
use retort_plan::{Makers, Need, Read};
use retort_spec::InstanceId;

/// Keeps account of what is asked for again. It takes facts and does nothing itself.
#[derive(Debug, Default)]
pub(super) struct Remakes {
    /// The parts asked of each instance that is being made again.
    pending: BTreeMap<InstanceId, Arc<BTreeSet<String>>>,
    /// What each instance was made again for so far.
    reasons: BTreeSet<(InstanceId, Digest)>,
    /// The bytes that they are about to have again.
    makers: Makers,
    /// What each instance was looked at again for, because it could not be read.
    looks: BTreeSet<(InstanceId, Digest)>,
}

impl Remakes {
    /// Takes the fact that parts cannot be had that an instance reads, and returns the instances to wait for; `digests` lists
    /// what an instance made before.
    ///
    /// # Errors
    /// The first of them that was made again before in this run for this very reason; nothing is asked for then.
    pub(super) fn ask<'r>(
        &mut self,
        reader: InstanceId,
        lacks: &'r [Read],
        digests: impl Fn(InstanceId) -> Vec<Digest>,
    ) -> Result<BTreeSet<InstanceId>, &'r Read> {
        let is_spent = |read: &&Read| {
            let maker = self.makers.maker(reader, read);
            !self.pending.contains_key(&maker) && self.reasons.contains(&(maker, read.digest))
        };
        if let Some(read) = lacks.iter().find(is_spent) {
            return Err(read);
        }
        let mut makers = BTreeSet::new();
        for read in lacks {
            let maker = self.makers.maker(reader, read);
            makers.insert(maker);
            if maker == read.producer {
                self.reasons.insert((maker, read.digest));
                Arc::make_mut(self.pending.entry(maker).or_default()).insert(read.part.clone());
                self.makers.makes(maker, &digests(maker));
            }
        }
        Ok(makers)
    }

    /// Says what is asked of an instance that is being made again.
    pub(super) fn need(&self, id: InstanceId) -> Option<Need> {
        self.pending.get(&id).map(|parts| Need::Parts(Arc::clone(parts)))
    }

    /// Takes the fact that an instance has its result; says whether it was being made again.
    pub(super) fn made(&mut self, id: InstanceId) -> bool {
        self.makers.made(id);
        self.pending.remove(&id).is_some()
    }

    /// Takes the fact that an instance could not read some bytes; says whether to look at it again, which is once for each.
    pub(super) fn looks_again(&mut self, id: InstanceId, digest: Digest) -> bool {
        self.looks.insert((id, digest))
    }

    /// Takes the fact that the bytes of an instance went on purpose, so that needing them again is no failure.
    pub(super) fn evicted(&mut self, id: InstanceId) {
        self.reasons.retain(|(producer, _)| *producer != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(producer: usize, part: &str) -> Read {
        Read { producer: InstanceId::at(producer), part: part.to_owned(), digest: Digest::of(part.as_bytes()) }
    }

    #[test]
    fn nothing_is_made_again_twice_for_the_same_reason() {
        let mut remakes = Remakes::default();
        let (producer, reader, one, other) = (InstanceId::at(3), InstanceId::at(9), read(3, "one"), read(3, "other"));
        let ask = |remakes: &mut Remakes, lacks: &[&Read]| {
            let lacks: Vec<Read> = lacks.iter().copied().cloned().collect();
            let parts = |_| ["one", "other"].map(|part| Digest::of(part.as_bytes())).to_vec();
            remakes.ask(reader, &lacks, parts).map_err(|read| read.part.clone())
        };
        let waits = Ok(BTreeSet::from([producer]));
        assert_eq!(ask(&mut remakes, &[&one]), waits);
        assert_eq!(ask(&mut remakes, &[&one, &other]), waits, "it is still being made");
        let parts = ["one", "other"].map(str::to_owned);
        assert_eq!(remakes.need(producer), Some(Need::Parts(Arc::new(parts.into()))));
        let same = Read { producer: InstanceId::at(5), ..one.clone() };
        assert_eq!(ask(&mut remakes, &[&same]), waits, "the same bytes of another");
        assert!(remakes.made(producer) && !remakes.made(producer));
        assert_eq!(remakes.need(producer), None);
        let further = read(3, "further");
        assert_eq!(ask(&mut remakes, &[&further, &other]), Err("other".to_owned()));
        assert_eq!(remakes.need(producer), None, "nothing is asked for then");
        assert_eq!(ask(&mut remakes, &[&further]), waits, "another reason");
        assert!(remakes.made(producer));
        remakes.evicted(producer);
        assert_eq!(ask(&mut remakes, &[&one]), waits, "it went on purpose");
    }

    #[test]
    fn each_damaged_input_is_one_more_look() {
        let mut remakes = Remakes::default();
        let (id, one, other) = (InstanceId::at(1), Digest::of(b"one"), Digest::of(b"other"));
        let looks = [one, other, one, other].map(|digest| remakes.looks_again(id, digest));
        assert_eq!(looks, [true, true, false, false]);
    }
}
