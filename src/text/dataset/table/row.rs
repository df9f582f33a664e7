//! One row of a table.

use serde_json::{Map, Value as Json};

use super::error::Place;

/// A row with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// Its fields by name.
    pub fields: Map<String, Json>,
}
