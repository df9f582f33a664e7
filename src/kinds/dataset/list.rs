//! The one list of formats.

use super::format::FormatEntry;
use super::{CsqaFiles, Files, QuarelFiles, Synthetic};
use crate::catalog::Catalog;

/// Every format that the field `format` may name.
pub(crate) static FORMATS: Catalog<FormatEntry> = Catalog::of(|| {
    vec![
        FormatEntry::of::<CsqaFiles>(),
        FormatEntry::of::<Files>(),
        FormatEntry::of::<QuarelFiles>(),
        FormatEntry::of::<Synthetic>(),
    ]
});
