//! `join`: several rationales of a question in one text.

use std::collections::BTreeMap;

use super::materials::named;
use super::{Materials, Operation};
use crate::missing::Missing;
use retort_artifact::{Rationale, Rationales};
use retort_stage::StageError;
use retort_stage::params::Input;

retort_stage::params! {
    /// Joins several rationales of a question into one text: all its samples, in the order of their numbers, or each rationale
    /// with that of another stage behind it. Empty ones add nothing. What else is known of a rationale, such as the
    /// teacher's label, stays where it is the same for all that are joined.
    pub struct Join {
        /// The stage whose rationales come behind these: for each, the one of the same sample, or the only one of its
        /// question. Without it, the samples of each question are joined, under the first one's number.
        pub with: Option<Input<Rationales>>,
        /// What stands between two rationales.
        pub separator: String = "\n\n".into(),
        /// What becomes of a rationale that has none in `with`: `fail`, `drop`, or `keep` it as it is.
        pub missing: Missing = Missing::Fail,
    }
}

impl Operation for Join {
    const NAME: &'static str = "join";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Joins several rationales of a question into one text.";

    fn check(&self) -> Result<(), String> {
        if self.with.is_none() && self.missing != Missing::Fail {
            return Err("cannot have `missing` without `with`".into());
        }
        Ok(())
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        match &self.with {
            Some(with) => self.behind(rows, &materials.read(with)?, materials),
            None => Ok(self.samples(&rows)),
        }
    }
}

impl Join {
    /// Joins the samples of each question, which takes the place of the first of them.
    fn samples(&self, rows: &[Rationale]) -> Vec<Rationale> {
        let mut by_id: BTreeMap<&str, Vec<&Rationale>> = BTreeMap::new();
        for row in rows {
            by_id.entry(&row.id).or_default().push(row);
        }
        let joined = rows.iter().filter_map(|row| {
            let mut samples = by_id.remove(row.id.as_str())?;
            samples.sort_by_key(|row| row.sample);
            Some(self.joined(&samples))
        });
        joined.collect()
    }

    /// Joins each rationale with that of another stage.
    fn behind(
        &self,
        rows: Vec<Rationale>,
        others: &Rationales,
        materials: &Materials<'_>,
    ) -> Result<Vec<Rationale>, StageError> {
        let mut by_id: BTreeMap<&str, Vec<&Rationale>> = BTreeMap::new();
        for other in &others.rows {
            by_id.entry(&other.id).or_default().push(other);
        }
        let (total, mut without, mut joined) = (rows.len(), Vec::new(), Vec::with_capacity(rows.len()));
        for row in rows {
            let all = by_id.get(row.id.as_str()).map_or(&[][..], Vec::as_slice);
            let same = all.iter().find(|other| other.sample == row.sample);
            let only = || all.first().filter(|_| all.len() == 1);
            if let Some(other) = same.or_else(only) {
                joined.push(self.joined(&[&row, other]));
                continue;
            }
            without.push(row.id.clone());
            if self.missing == Missing::Keep {
                joined.push(row);
            }
        }
        let what = "have none to join in the stage that `with` names";
        if !without.is_empty() && (self.missing == Missing::Fail || without.len() == total) {
            let hint = if without.len() == total { "" } else { "; `missing: drop` or `missing: keep` goes on without" };
            return Err(materials.fail(format!(
                "{} of {total} rationales {what}: {}{hint}",
                without.len(),
                named(&without)
            )));
        }
        let done = if self.missing == Missing::Drop { "are left out" } else { "stay as they are" };
        materials.warn_of(&without, total, format!("{what} and {done}"));
        Ok(joined)
    }

    /// Joins rationales, of which there is one at least; the first gives the question and the sample.
    fn joined(&self, rows: &[&Rationale]) -> Rationale {
        let texts: Vec<&str> =
            rows.iter().map(|row| row.text.as_str()).filter(|text| !text.trim().is_empty()).collect();
        let mut joined = rows[0].clone();
        for row in &rows[1..] {
            let Rationale { label, finish, extra, id: _, sample: _, text: _, kept: _ } = row;
            if joined.label != *label {
                joined.label = None;
            }
            if joined.finish != *finish {
                joined.finish = None;
            }
            joined.extra.retain(|name, value| extra.get(name) == Some(value));
        }
        Rationale { text: texts.join(&self.separator), kept: None, ..joined }
    }
}
