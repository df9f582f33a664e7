//! Values given on the command line: `--set axis=value,value`.

use std::collections::BTreeMap;

use super::{document, name};
use retort_source::{Diagnostic, Diagnostics, Node, Sources, Span, Value, read_yaml};

/// The values that replace those of the file, by the name of the axis.
#[derive(Debug, Default)]
pub(super) struct Settings {
    by_axis: BTreeMap<String, Setting>,
}

#[derive(Debug)]
struct Setting {
    values: Vec<Node>,
    span: Span,
    used: bool,
}

impl Settings {
    /// Reads settings as they were given; of several for one axis, the last counts.
    pub(super) fn read(sources: &mut Sources, given: &[String], diagnostics: &mut Diagnostics) -> Self {
        let mut settings = Self::default();
        for text in given {
            let Some((axis, values)) = text.split_once('=') else {
                let message = format!("cannot set `{text}`: it gives no value");
                let wrong = Diagnostic::of(message);
                diagnostics.push(wrong.hint("write `--set axis=value` or `--set axis=value,value`"));
                continue;
            };
            // The values become a file of their own, so that errors can point into them.
            let axis = axis.trim();
            match read_yaml(sources, format!("--set {axis}"), format!("[{values}]").as_bytes()) {
                Ok(Node { value: Value::List(values), span }) => {
                    settings.by_axis.insert(axis.to_owned(), Setting { values, span, used: false });
                }
                Ok(other) => {
                    let wrong = Diagnostic::at(other.span, format!("`{axis}` cannot be set to {}", other.describe()));
                    diagnostics.push(wrong.label("expected values with commas between them"));
                }
                Err(errors) => errors.sorted().into_iter().for_each(|error| diagnostics.push(error.clone())),
            }
        }
        settings
    }

    /// Takes the experiment's seed, unless an axis is called `seed`.
    pub(super) fn seed(&mut self, axes: &[&str], diagnostics: &mut Diagnostics) -> Option<(u64, Span)> {
        if axes.contains(&"seed") {
            return None;
        }
        let setting = self.by_axis.remove("seed")?;
        let read = match setting.values.as_slice() {
            [value] => document::seed(value).map(|seed| (seed, value.span)),
            _ => Err(Diagnostic::at(setting.span, "`seed` takes one value").hint("for several, declare an axis")),
        };
        read.map_err(|wrong| diagnostics.push(wrong)).ok()
    }

    /// Returns what replaces the values of an axis, and its place.
    pub(super) fn values(&mut self, axis: &str) -> Option<(Vec<Node>, Span)> {
        let setting = self.by_axis.get_mut(axis)?;
        setting.used = true;
        Some((setting.values.clone(), setting.span))
    }

    /// Reports what no axis took.
    pub(super) fn report_unused(&self, axes: &[&str], diagnostics: &mut Diagnostics) {
        for (axis, setting) in self.by_axis.iter().filter(|(_, setting)| !setting.used) {
            let unknown = Diagnostic::at(setting.span, format!("cannot set `{axis}`: there is no such axis"));
            let near = name::near(axis, axes.iter().copied());
            diagnostics.push(unknown.label(name::list(axes.iter().copied())).hint_if(near));
        }
    }
}
