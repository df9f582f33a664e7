//! What a run would find in its first second, found before anything is run or paid for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;

use super::Context;
use super::params::External;

/// Something about a stage that no run of it would get past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The field it is about, such as `teacher.openai.base_url`; empty for the whole stage.
    pub field: String,
    /// What is wrong.
    pub why: String,
    /// Whether it is so on this machine alone, such as a key that its environment lacks: a run needs it only if it has
    /// something to ask.
    pub here: bool,
}

impl Flaw {
    /// Makes a flaw out of an error.
    pub fn new(field: impl Into<String>, why: impl Display) -> Self {
        Self { field: field.into(), why: why.to_string(), here: false }
    }

    /// Makes the flaw of a check that failed.
    pub fn of<T, E: Display>(field: &str, checked: Result<T, E>) -> Option<Self> {
        checked.err().map(|why| Self::new(field, why))
    }
}

/// What was looked at already: many stages share a model, and each reads it for seconds.
#[derive(Debug, Default)]
pub struct Looked {
    seen: RefCell<BTreeSet<String>>,
    foretold: RefCell<Vec<(&'static str, String)>>,
}

impl Looked {
    /// Says whether nobody has looked at this yet.
    pub fn first(&self, what: String) -> bool {
        self.seen.borrow_mut().insert(what)
    }

    /// Goes on to another stage, of whose inputs this is [foretold](crate::Stage::foretold).
    pub fn turn_to(&self, foretold: Vec<(&'static str, String)>) {
        *self.foretold.borrow_mut() = foretold;
    }

    /// Returns what is foretold under a name, of each input of which something is.
    pub fn told(&self, name: &str) -> Vec<String> {
        let foretold = self.foretold.borrow();
        foretold.iter().filter(|(known, _)| *known == name).map(|(_, said)| said.clone()).collect()
    }
}

impl Context<'_> {
    /// Names what stands behind an external port by its content, for [`Looked`].
    pub fn seen(&self, external: &External) -> String {
        self.files_of(external).iter().map(|(name, _, digest)| format!("{name} {} ", digest.hex())).collect()
    }
}
