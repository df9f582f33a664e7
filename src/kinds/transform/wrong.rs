//! `wrong`: a rationale for another choice than the right one.

use std::collections::BTreeMap;

use super::{Materials, Needs, Operation};
use crate::missing::Missing;
use retort_artifact::{Rationale, Rationales};
use retort_stage::StageError;
use retort_stage::params::Input;
use retort_text::answer::Expected;

retort_stage::params! {
    /// Puts a rationale for a wrong choice in the place of each: one of some samples whose teacher arrived at another label
    /// than the right answer. Each such sample draws a rank by itself and the first is taken, so one that comes or goes
    /// changes the rationale of its own question at most. Samples without a label do not count.
    pub struct Wrong {
        /// Several rationales a question, with the labels their teacher arrived at.
        pub from: Input<Rationales>,
        /// What becomes of a question without such a sample: `fail`, `drop`, or `keep` it without a rationale.
        pub missing: Missing = Missing::Fail,
    }
}

impl Operation for Wrong {
    const NAME: &'static str = "wrong";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Puts a rationale for a wrong choice in the place of each.";

    fn needs(&self) -> Needs {
        Needs { questions: true, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let samples = materials.read(&self.from)?.rows;
        let mut by_id: BTreeMap<&str, Vec<&Rationale>> = BTreeMap::new();
        for sample in &samples {
            by_id.entry(&sample.id).or_default().push(sample);
        }
        self.missing.settle(rows, materials, "have no sample with another label than the right answer", |row| {
            let (answer, _) = materials.answer(row)?;
            let all = by_id.get(row.id.as_str()).into_iter().flatten();
            let expected = Expected::from(materials.question(row)?);
            let wrong = all.filter(|sample| sample.label.as_ref().is_some_and(|label| !expected.same(label, answer)));
            let rank = |sample: &&&Rationale| {
                let labels = [row.id.as_str(), &row.sample.to_string(), &sample.sample.to_string()];
                (materials.draw_for(&labels).bits(), sample.sample)
            };
            let chosen = wrong.min_by_key(rank);
            Ok(chosen.map(|chosen| Rationale {
                id: row.id.clone(),
                sample: row.sample,
                kept: None,
                ..Rationale::clone(chosen)
            }))
        })
    }
}
