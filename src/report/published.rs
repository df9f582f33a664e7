//! Published values, to stand beside the measured ones.

use std::collections::BTreeMap;

/// Values that others stated.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// Whose they are.
    pub name: String,
    /// The values.
    pub rows: Vec<Stated>,
}

/// An accuracy that others stated.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated {
    /// The axis values of the arm it is about; `None` where such an arm does not have the axis.
    pub coords: BTreeMap<String, Option<String>>,
    /// The accuracy, a fraction from 0 to 1; `None` where none is stated.
    pub accuracy: Option<f64>,
}
