//! Bytes that are being made again: whoever needs the same bytes waits for them, whichever instance they are read from.
//!
//! Different actions may give equal bytes, as a transform that changes nothing does. The plan and the engine go by the same
//! rule, so that what runs is what was said.

use std::collections::BTreeMap;

use super::Read;
use retort_fingerprint::Digest;
use retort_spec::InstanceId;

/// What is being made again, and by which instance.
#[derive(Debug, Default)]
pub struct Makers {
    by_digest: BTreeMap<Digest, InstanceId>,
}

impl Makers {
    /// Returns the instance to wait for that gives `reader` some bytes: the one that makes them already, or the one that they
    /// are read from. Nothing waits for what comes after it, so that none wait for each other.
    pub fn maker(&self, reader: InstanceId, read: &Read) -> InstanceId {
        let maker = self.by_digest.get(&read.digest).copied();
        maker.filter(|maker| *maker < reader).unwrap_or(read.producer)
    }

    /// Takes the fact that an instance is made again, which had these bytes as its result.
    pub fn makes<'d>(&mut self, id: InstanceId, digests: impl IntoIterator<Item = &'d Digest>) {
        for digest in digests {
            self.by_digest.entry(*digest).or_insert(id);
        }
    }

    /// Takes the fact that an instance has its result.
    pub fn made(&mut self, id: InstanceId) {
        self.by_digest.retain(|_, maker| *maker != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_waited_for_where_they_are_being_made_already() {
        let [first, second, reader] = [1, 2, 3].map(InstanceId::at);
        let same = Digest::of(b"same");
        let from = |producer| Read { producer, part: "rows".into(), digest: same };
        let mut makers = Makers::default();
        assert_eq!(makers.maker(reader, &from(second)), second);
        makers.makes(first, [&same]);
        makers.makes(second, [&same]);
        assert_eq!(makers.maker(reader, &from(second)), first);
        assert_eq!(makers.maker(first, &from(InstanceId::at(0))), InstanceId::at(0), "nothing waits for itself");
        makers.made(first);
        assert_eq!(makers.maker(reader, &from(second)), second);
    }
}
