//! The stores of rows of an opened cache, one for each kind.

use std::sync::{Arc, PoisonError};

use super::disk::{self, Opened};
use super::error::StoreError;
use super::layout::Component;
use super::pack_name::{JOURNAL, PACK};
use super::{RowStore, Store};

impl Store {
    /// Returns the rows of a kind, such as `elicit`; every call with one kind returns the same.
    pub fn rows(&self, kind: &str) -> Result<Arc<RowStore>, StoreError> {
        let mut stores = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = stores.get(kind) {
            return Ok(Arc::clone(rows));
        }
        let rows = Arc::new(RowStore::open(Arc::clone(&self.core), Component::of(kind))?);
        stores.insert(kind.to_owned(), Arc::clone(&rows));
        Ok(rows)
    }

    /// Takes all rows of a kind from another cache, as they are.
    pub fn take_rows(&self, from: &Self, kind: &str) -> Result<(), StoreError> {
        let kind = Component::of(kind);
        let (source, target) = (from.core.files.layout.rows_of(&kind), self.core.files.layout.rows_of(&kind));
        let failed = self.core.files.write_failed("take rows", 0);
        disk::make_folder(&target).map_err(&failed)?;
        for name in disk::names(&source).map_err(&failed)? {
            if !name.ends_with(PACK) && !name.ends_with(JOURNAL) {
                continue;
            }
            // What is no file is nothing to take, nor to be waited for.
            if let Opened::Regular(mut file, _) = disk::open_plain(&source.join(&name)).map_err(&failed)? {
                let mut copy = disk::create_new(&target.join(&name), disk::GROWING).map_err(&failed)?;
                std::io::copy(&mut file, &mut copy).map_err(&failed)?;
            }
        }
        Ok(())
    }
}
