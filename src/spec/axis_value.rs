//! One value of an axis.

use std::sync::Arc;

use retort_source::Node;

/// The most values one axis may have.
pub(super) const MAX_VALUES: usize = 100_000;

/// One value of an axis.
#[derive(Debug, Clone)]
pub(super) struct AxisValue {
    /// The value as it stands in the names of instances.
    pub(super) name: Arc<str>,
    /// The value with its place.
    pub(super) node: Arc<Node>,
}
