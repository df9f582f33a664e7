//! Taking the rows of another cache.

use super::super::disk::{self, Opened};
use super::super::error::StoreError;
use super::super::layout::Component;
use super::{JOURNAL, PACK};
use crate::Store;

impl Store {
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
