//! How a step settles what becomes of questions for which it finds no rationale.

use super::Materials;
use super::materials::named;
use crate::missing::Missing;
use retort_artifact::Rationale;
use retort_stage::StageError;

impl Missing {
    /// Gives each rationale what a step finds for it; `what` says of those without what they lack, as `have no …`.
    pub(super) fn settle(
        self,
        rows: Vec<Rationale>,
        materials: &Materials<'_>,
        what: &str,
        mut find: impl FnMut(&Rationale) -> Result<Option<Rationale>, StageError>,
    ) -> Result<Vec<Rationale>, StageError> {
        let total = rows.len();
        let (mut settled, mut without) = (Vec::with_capacity(total), Vec::new());
        for row in rows {
            if let Some(found) = find(&row)? {
                settled.push(found);
                continue;
            }
            without.push(row.id.clone());
            if self == Self::Keep {
                settled.push(Rationale { text: String::new(), kept: None, ..row });
            }
        }
        if without.is_empty() {
            return Ok(settled);
        }
        if self == Self::Fail || without.len() == total {
            let hint = if without.len() == total { "" } else { "; `missing: drop` or `missing: keep` goes on without" };
            let why = format!("{} of {total} rationales {what}: {}{hint}", without.len(), named(&without));
            return Err(materials.fail(why));
        }
        let done = if self == Self::Drop { "are left out" } else { "are empty now" };
        materials.warn_of(&without, total, format!("{what} and {done}"));
        Ok(settled)
    }
}
