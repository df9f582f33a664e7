//! `swap`: the rationale of another question, so that it is a good one and does not belong.

use std::collections::BTreeMap;

use super::materials::named;
use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_text::answer::Expected;

/// Which other question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partner {
    /// Any.
    Any,
    /// One whose right answer is the same: has the same letter, or the same value.
    Same,
    /// One whose right answer is another.
    Other,
}

retort_stage::words!(Partner { Any = "any", Same = "same", Other = "other" });

retort_stage::params! {
    /// Gives each question the rationale of another.
    ///
    /// Every question draws a rank by itself, and takes from the question that follows it in the order of ranks (the last
    /// from the first), passing over those whose label does not suit. So with `any` and `same` every question's rationales
    /// are used once, with `other` some may be used more often; and a question that comes or goes changes the one before
    /// it, with `other` those before it that passed over others. Of several samples, each takes the one at its own place
    /// among the other question's, from the first again where these are fewer. The teacher's label, and what else is
    /// known of the other rationale, comes along with its words.
    pub struct Swap {
        /// Whether the other question's right answer is `any`, the `same` one (of choices, the same letter), or an `other`.
        pub label: Partner = Partner::Any,
    }
}

impl Operation for Swap {
    const NAME: &'static str = "swap";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Gives each question the rationale of another.";

    fn needs(&self) -> Needs {
        Needs { questions: self.label != Partner::Any, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let donors = self.donors(&rows, materials)?;
        let swapped = |row: &Rationale| Rationale {
            id: row.id.clone(),
            sample: row.sample,
            kept: None,
            ..donors.of(row).clone()
        };
        Ok(rows.iter().map(swapped).collect())
    }
}

/// Whose rationale each question takes.
pub(super) struct Donors<'r> {
    samples: BTreeMap<&'r str, Vec<&'r Rationale>>,
    partners: BTreeMap<&'r str, &'r str>,
}

impl Donors<'_> {
    /// Returns the rationale that one takes, which must be among those that the donors were found for.
    pub(super) fn of(&self, row: &Rationale) -> &Rationale {
        let (own, others) = (&self.samples[row.id.as_str()], &self.samples[self.partners[row.id.as_str()]]);
        let place = own.iter().position(|other| other.sample == row.sample).unwrap_or_default();
        others[place % others.len()]
    }
}

impl Swap {
    /// Finds for each question another that it takes from.
    pub(super) fn donors<'r>(
        &self,
        rows: &'r [Rationale],
        materials: &Materials<'_>,
    ) -> Result<Donors<'r>, StageError> {
        let mut samples: BTreeMap<&str, Vec<&Rationale>> = BTreeMap::new();
        for row in rows {
            samples.entry(&row.id).or_default().push(row);
        }
        let mut ring = Vec::with_capacity(samples.len());
        for (id, of) in &samples {
            let label = if self.label == Partner::Any {
                None
            } else {
                Some(Expected::from(materials.question(of[0])?).key(materials.answer(of[0])?.0))
            };
            ring.push((materials.draw_as(Self::NAME, &[*id]).bits(), *id, label));
        }
        ring.sort_unstable();
        let partners = self.partners(&ring);
        let alone: Vec<String> =
            ring.iter().filter(|(_, id, _)| !partners.contains_key(id)).map(|(_, id, _)| (*id).to_owned()).collect();
        if !alone.is_empty() {
            let which = match self.label {
                Partner::Any => "there is no other question",
                Partner::Same => "no other question has the same right answer",
                Partner::Other => "no question has another right answer",
            };
            let why = format!("for {} of {} questions {which}: {}", alone.len(), ring.len(), named(&alone));
            return Err(materials.fail(why));
        }
        Ok(Donors { samples, partners })
    }

    /// Finds for each question of a ring the next one that suits.
    fn partners<'i>(&self, ring: &[(u64, &'i str, Option<String>)]) -> BTreeMap<&'i str, &'i str> {
        let mut partners = BTreeMap::new();
        // Twice round and backwards, so that what follows each place is known: the next of every label.
        let mut next: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for at in (0..2 * ring.len()).rev() {
            let (_, id, label) = &ring[at % ring.len()];
            let (id, label) = (*id, label.as_deref());
            let suits = |other: Option<&str>| match self.label {
                Partner::Any => true,
                Partner::Same => other == label,
                Partner::Other => other != label,
            };
            let nearest = next.iter().filter(|(other, _)| suits(**other)).map(|(_, at)| *at).min();
            if let Some(partner) = nearest.map(|at| ring[at % ring.len()].1).filter(|partner| *partner != id) {
                partners.insert(id, partner);
            }
            next.insert(label, at);
        }
        partners
    }
}
