//! How several answers of a teacher to one question voted.

use serde::{Deserialize, Serialize};

use super::codec::RowFormat;
use super::{Artifact, ArtifactKind, CodecError, Parts, Rationales};

const FORMAT: RowFormat = RowFormat { name: "votes", version: 1 };
const PART: &str = "votes";

/// How the answers to one question voted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// The question's identifier.
    pub id: String,
    /// How many answers there were, with a label or not.
    pub cast: usize,
    /// How many of them state the majority's label; 0 where none states any.
    pub agree: usize,
    /// Whether another label has as many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tie: bool,
    /// What is right of it; `None` where the right answer is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<Right>,
}

/// What is right of a poll.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    /// How many answers are.
    pub answers: usize,
    /// Whether the majority is.
    pub majority: bool,
}

/// The polls of a teacher, in the order of the questions. Part: `votes`, beside rationales.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Votes {
    /// One poll for each question that was answered.
    pub polls: Vec<Poll>,
}

fn mean(fractions: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = fractions.fold((0.0, 0_usize), |(sum, count), fraction| (sum + fraction, count + 1));
    (count > 0).then(|| sum / count as f64)
}

fn fraction(of: usize, poll: &Poll) -> f64 {
    of as f64 / poll.cast.max(1) as f64
}

impl Votes {
    /// Returns the self-consistency: the fraction of answers that agree with their question's majority, averaged over
    /// questions; `None` without any.
    pub fn consistency(&self) -> Option<f64> {
        mean(self.polls.iter().map(|poll| fraction(poll.agree, poll)))
    }

    /// Returns the fraction of questions whose majority is right, among those whose right answer is known.
    pub fn majority_right(&self) -> Option<f64> {
        mean(self.polls.iter().filter_map(|poll| poll.right).map(|right| f64::from(u8::from(right.majority))))
    }

    /// Returns the fraction of answers that are right, averaged over questions whose right answer is known.
    pub fn answer_right(&self) -> Option<f64> {
        mean(self.polls.iter().filter_map(|poll| Some(fraction(poll.right?.answers, poll))))
    }
}

impl Artifact for Votes {
    const KIND: ArtifactKind = ArtifactKind::Rationales;

    fn encode(&self) -> Parts {
        Parts::from([(PART.to_owned(), FORMAT.encode(&self.polls))])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { polls: FORMAT.part(parts, PART)? })
    }
}

/// What comes of a teacher: rationales, and how its answers voted where they did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Elicited {
    /// The rationales.
    pub rationales: Rationales,
    /// The votes, where there was a vote.
    pub votes: Option<Votes>,
}

impl Artifact for Elicited {
    const KIND: ArtifactKind = ArtifactKind::Rationales;

    fn encode(&self) -> Parts {
        let mut parts = self.rationales.encode();
        parts.extend(self.votes.iter().flat_map(Artifact::encode));
        parts
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let votes = parts.contains_key(PART).then(|| Votes::decode(parts)).transpose()?;
        Ok(Self { rationales: Rationales::decode(parts)?, votes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(id: &str, cast: usize, agree: usize, right: Option<(usize, bool)>) -> Poll {
        let right = right.map(|(answers, majority)| Right { answers, majority });
        Poll { id: id.into(), cast, agree, tie: false, right }
    }

    #[test]
    fn fractions_are_averaged_over_questions() {
        let polls = vec![
            poll("a", 4, 3, Some((3, true))),
            poll("b", 4, 2, Some((1, false))),
            poll("c", 1, 1, None),
            poll("d", 2, 0, None),
        ];
        let votes = Votes { polls };
        assert_eq!(votes.consistency(), Some((0.75 + 0.5 + 1.0 + 0.0) / 4.0));
        assert_eq!(votes.majority_right(), Some(0.5));
        assert_eq!(votes.answer_right(), Some(0.5));
        assert_eq!(Votes::default().consistency(), None);
    }

    #[test]
    fn votes_stand_beside_rationales() {
        let votes = Some(Votes { polls: vec![poll("a", 4, 3, Some((3, true))), poll("b", 2, 0, None)] });
        let elicited = Elicited { rationales: Rationales::default(), votes };
        let parts = elicited.encode();
        assert_eq!(Elicited::decode(&parts), Ok(elicited.clone()));
        assert_eq!(Rationales::decode(&parts), Ok(Rationales::default()));
        assert_eq!(Votes::decode(&parts).ok(), elicited.votes);
        let alone = Elicited { votes: None, ..elicited };
        assert_eq!(alone.encode(), alone.rationales.encode());
        assert_eq!(Elicited::decode(&alone.encode()), Ok(alone.clone()));
        assert!(Votes::decode(&alone.encode()).is_err());
    }
}
