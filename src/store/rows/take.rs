//! Taking the rows of another cache.

use super::super::disk;
use super::super::error::StoreError;
use super::super::layout::Component;
use crate::Store;

impl Store {
    /// Takes all rows of a kind from another cache, as they are.
    pub fn take_rows(&self, from: &Self, kind: &str) -> Result<(), StoreError> {
        let kind = Component::of(kind);
        let (source, target) = (from.core.layout.rows_of(&kind), self.core.layout.rows_of(&kind));
        let failed = self.core.write_failed("take rows", 0);
        disk::make_folder(&target).map_err(&failed)?;
        for name in disk::names(&source).map_err(&failed)? {
            fs_err::copy(source.join(&name), target.join(&name)).map_err(&failed)?;
        }
        Ok(())
    }
}
