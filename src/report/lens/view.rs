//! What every part of the section is made of.

use super::compare::Compared;
use super::spec::{LensArm, LensSpec};
use crate::ReportSpec;
use crate::layout::Layout;

/// All that the parts of the section are made of.
pub(super) struct View<'a> {
    pub(super) title: &'a str,
    pub(super) arms: &'a [LensArm],
    pub(super) layout: &'a Layout,
    pub(super) spec: &'a ReportSpec,
    pub(super) lens: &'a LensSpec,
    pub(super) compared: &'a [Compared],
}

impl View<'_> {
    /// The axes that tell the groups apart.
    pub(super) fn axes(&self) -> Vec<String> {
        self.layout.labels.clone()
    }

    /// What a group is called in a legend or above a grid.
    pub(super) fn name(&self, group: usize) -> String {
        let axes: Vec<String> = self.axes().into_iter().filter(|axis| !self.spec.panels.contains(axis)).collect();
        Layout::label(&self.layout.groups[group], &axes)
    }
}
