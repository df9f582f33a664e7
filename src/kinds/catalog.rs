//! Lists that a program may add to, once, before any of them is read.

use std::sync::OnceLock;

/// A list of what Retort brings, and what a program adds behind it.
#[derive(Debug)]
pub(crate) struct Catalog<T: 'static> {
    builtin: fn() -> Vec<T>,
    all: OnceLock<Vec<T>>,
}

impl<T> Catalog<T> {
    /// Makes the list of what Retort brings.
    pub(crate) const fn of(builtin: fn() -> Vec<T>) -> Self {
        Self { builtin, all: OnceLock::new() }
    }

    /// Returns all of it.
    pub(crate) fn all(&self) -> &[T] {
        self.all.get_or_init(self.builtin)
    }

    /// Returns what Retort brings.
    pub(crate) fn builtin(&self) -> Vec<T> {
        (self.builtin)()
    }

    /// Says whether it was read or added to.
    pub(crate) fn is_closed(&self) -> bool {
        self.all.get().is_some()
    }

    /// Adds to it; says whether that was still possible.
    pub(crate) fn add(&self, added: Vec<T>) -> bool {
        let mut all = (self.builtin)();
        all.extend(added);
        self.all.set(all).is_ok()
    }
}
