//! What can be wrong with a stage in view of what will come to it, told before anything runs.

use std::collections::BTreeMap;

use retort_fingerprint::Term;

/// An instance whose result will come to a port.
#[derive(Debug, Clone, PartialEq)]
pub struct Coming {
    /// The port.
    pub port: String,
    /// The stage it comes from; empty where everything at the port comes from one, as it will be on arrival.
    pub stage: String,
    /// The coordinates of the instance.
    pub coords: BTreeMap<String, String>,
    /// The name of the stage that makes it.
    pub made_by: String,
    /// The parameters of that stage, where it makes rationales: those of ten thousand scores would take longer to write down
    /// than the rest of the pipeline to read.
    pub params: Option<Term>,
    /// What that stage [says](crate::Stage::foretold) of its result beforehand, by name.
    pub foretold: Vec<(&'static str, String)>,
}

impl Coming {
    /// Returns what is said beforehand under a name.
    pub fn told(&self, name: &str) -> Option<&str> {
        self.foretold.iter().find(|(known, _)| *known == name).map(|(_, said)| said.as_str())
    }
}

/// Something about a stage that does not fit what will come to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The field, such as `claims[1].more.placement`; empty for the whole stage.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}
