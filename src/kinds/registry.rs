//! What a program adds to Retort: kinds of stage, operations, dataset formats and attribution methods.

use std::collections::BTreeSet;

use retort_fingerprint::Words;
use retort_stage::{Derivation, Kind, Stage};
use retort_text::dataset::table::preset::preset;

use super::chosen::Method;
use super::dataset::{Arithmetic, DatasetFormat, FORMATS, FormatEntry};
use super::list::KINDS;
use super::method::{AttributionMethod, METHODS, MethodEntry};
use super::transform::{Form, OPERATIONS, Operation};

/// What a program adds to Retort, which pipelines then use by name as they use what is built in. Each addition has a
/// revision of its own, which enters the keys of what it makes.
///
/// ```
/// use retort_kinds::Registry;
///
/// Registry::new() // .kind::<K>().operation::<O>().format::<F>().method::<M>()
///     .install()?;
/// # Ok::<(), retort_kinds::RegistryError>(())
/// ```
#[derive(Debug, Default)]
pub struct Registry {
    kinds: Vec<Kind>,
    operations: Vec<Form>,
    formats: Vec<FormatEntry>,
    methods: Vec<MethodEntry>,
}

/// Why additions cannot be taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegistryError {
    /// Two things of one sort have one name.
    #[error("there is a {what} called `{name}` already; give the added one another name")]
    Taken {
        /// What it is: a kind of stage, an operation, a dataset format or an attribution method.
        what: &'static str,
        /// The name.
        name: &'static str,
    },
    /// Additions came after the lists were used.
    #[error("additions must be installed once, before any pipeline is read")]
    Late,
}

impl Registry {
    /// Starts with what Retort brings, and nothing added.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of stage.
    #[must_use]
    pub fn kind<S: Stage>(mut self) -> Self {
        self.kinds.push(Kind::of::<S>());
        self
    }

    /// Adds an operation, which the steps of a `transform` stage name.
    #[must_use]
    pub fn operation<O: Operation>(mut self) -> Self {
        self.operations.push(Form::of::<O>());
        self
    }

    /// Adds a format, which the field `format` of a `dataset` stage names.
    #[must_use]
    pub fn format<F: DatasetFormat>(mut self) -> Self {
        self.formats.push(FormatEntry::of::<F>());
        self
    }

    /// Adds an attribution method, which the field `method` of an `attribute` stage names.
    #[must_use]
    pub fn method<M: AttributionMethod>(mut self) -> Self {
        self.methods.push(MethodEntry::of::<M>());
        self
    }

    /// Makes the additions known to this process. A registry without any changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Taken`] where two things of one sort have one name, and [`RegistryError::Late`] where pipelines were
    /// read or additions installed before. Nothing is added then.
    pub fn install(self) -> Result<(), RegistryError> {
        let Self { kinds, operations, formats, methods } = self;
        let derived = Derivation::ALL.iter().map(|derived| derived.name);
        distinct("kind of stage", KINDS.builtin().iter().chain(&kinds).map(|kind| kind.name).chain(derived))?;
        distinct("operation", OPERATIONS.builtin().iter().chain(&operations).map(|form| form.name))?;
        distinct("dataset format", FORMATS.builtin().iter().chain(&formats).map(|entry| entry.name))?;
        let methods_here = Method::WORDS.iter().map(|(_, word)| *word);
        distinct("attribution method", methods_here.chain(methods.iter().map(|entry| entry.name)))?;
        if !kinds.is_empty() || !operations.is_empty() || !formats.is_empty() || !methods.is_empty() {
            let closed = [KINDS.is_closed(), OPERATIONS.is_closed(), FORMATS.is_closed(), METHODS.is_closed()];
            let open = closed == [false; 4];
            if !(open && KINDS.add(kinds) && OPERATIONS.add(operations) && FORMATS.add(formats) && METHODS.add(methods))
            {
                return Err(RegistryError::Late);
            }
        }
        Ok(())
    }
}

/// Something whose revision enters keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revised {
    /// What it is: `kind`, `operation`, `format` or `method`.
    pub what: &'static str,
    /// The name that pipelines use.
    pub name: &'static str,
    /// Its revision.
    pub revision: u32,
}

/// Lists everything that Retort brings and whose revision enters keys, so that a test can hold each to what it makes.
pub fn revisions() -> Vec<Revised> {
    let kinds = KINDS.builtin();
    let kinds = kinds.iter().map(|kind| Revised { what: "kind", name: kind.name, revision: kind.revision });
    let operations = OPERATIONS.builtin();
    let operations =
        operations.iter().map(|form| Revised { what: "operation", name: form.name, revision: form.revision });
    // A preset is a mapping that enters the key itself.
    let formats = FORMATS.builtin();
    let formats = formats.iter().filter(|entry| preset(entry.name).is_none());
    let formats = formats.map(|entry| Revised { what: "format", name: entry.name, revision: entry.revision });
    let methods = Method::WORDS.iter();
    let methods = methods.map(|(method, name)| Revised { what: "method", name, revision: method.revision() });
    let task = Revised { what: "format", name: Arithmetic::NAME, revision: Arithmetic::REVISION };
    kinds.chain(operations).chain(formats).chain([task]).chain(methods).collect()
}

fn distinct(what: &'static str, names: impl Iterator<Item = &'static str>) -> Result<(), RegistryError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(RegistryError::Taken { what, name });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::mask::Mask;
    use crate::{Dataset, dataset::Files};

    #[test]
    fn a_name_that_is_taken_is_refused() {
        let taken = |what, name| Some(RegistryError::Taken { what, name });
        assert_eq!(Registry::new().operation::<Mask>().install().err(), taken("operation", "mask"));
        assert_eq!(Registry::new().kind::<Dataset>().install().err(), taken("kind of stage", "dataset"));
        assert_eq!(Registry::new().format::<Files>().install().err(), taken("dataset format", "obqa"));
    }

    #[test]
    fn without_additions_there_is_what_retort_brings() {
        assert_eq!(Registry::new().install(), Ok(()));
        let names: Vec<_> = KINDS.all().iter().map(|kind| kind.name).collect();
        assert_eq!(names, KINDS.builtin().iter().map(|kind| kind.name).collect::<Vec<_>>());
    }
}
