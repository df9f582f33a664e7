//! Teachers as this machine reaches them: keys by the names of variables, proxies and authorities from the environment.

use crate::hub::{Secret, Way};
use crate::stage::Reach;

/// The environment of this process. A key is read when a stage is about to ask, and kept nowhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Environment;

impl Reach for Environment {
    fn variable(&self, name: &str) -> Option<Secret> {
        std::env::var_os(name).map(|value| Secret::of(value.to_string_lossy().into_owned()))
    }

    fn way(&self) -> Way {
        Way::gather(|name| std::env::var(name).ok())
    }
}
