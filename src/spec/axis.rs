//! Axes as they are declared: `axis: [value, …]`, `{ replicates: n }`, `{ range: [from, to, step] }`, values with names of
//! their own, `{ values: { name: value, … } }`, and groups of axes that vary together, `name: { zip: { a: […], b: […] } }`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::axis_value::{AxisValue, MAX_VALUES};
use super::setting::Settings;
use super::{MAX_ERRORS, name, named};
use retort_source::{Diagnostic, Diagnostics, Key, Node, Span, Value};

const FORMS: &str = "expected a list of values, `{ replicates: n }`, `{ range: [from, to, step] }`, `{ values: { name: … } }` \
                     or `{ zip: { axis: […] } }`";

/// An axis and its values; none when the declaration was wrong, which is reported.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// The name and its place.
    pub(super) key: Key,
    /// The values in their order.
    pub(super) values: Vec<AxisValue>,
    /// The names of the values in the file, where the command line gave others.
    pub(super) replaced: Vec<String>,
}

/// Axes that vary together: as many values each, the first with the first. Most groups hold one axis.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The axes.
    pub(super) axes: Vec<Axis>,
}

impl Group {
    /// Returns how many combinations the group has.
    pub(super) fn rows(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).min().unwrap_or(0)
    }
}

/// Reads declarations of axes, those of the experiment or under a stage's `over`.
pub(super) fn read_groups(
    entries: &[(Key, Node)],
    settings: &mut Settings,
    diagnostics: &mut Diagnostics,
) -> Vec<Group> {
    entries.iter().map(|(key, node)| read_group(key, node, settings, diagnostics)).collect()
}

fn read_group(key: &Key, node: &Node, settings: &mut Settings, diagnostics: &mut Diagnostics) -> Group {
    match (&node.value, node.entries()) {
        (Value::Map(_), [(form, columns)]) if form.text == "zip" => read_zip(key, columns, settings, diagnostics),
        _ => {
            let axis = read_axis(key, node, settings, diagnostics);
            repeated(&axis, diagnostics);
            Group { axes: vec![axis] }
        }
    }
}

fn read_zip(key: &Key, columns: &Node, settings: &mut Settings, diagnostics: &mut Diagnostics) -> Group {
    if columns.entries().len() < 2 {
        let wrong = Diagnostic::at(columns.span, format!("`{}` zips fewer than two axes", key.text));
        diagnostics.push(wrong.label("expected a mapping of axes to lists of values, all of one length"));
    }
    let mut axes = Vec::new();
    for (name, node) in columns.entries() {
        if let Some(wrong) = name::wrong("an axis", name) {
            diagnostics.push(wrong);
        }
        axes.push(read_axis(name, node, settings, diagnostics));
    }
    let counts: BTreeSet<_> = axes.iter().map(|axis| axis.values.len()).collect();
    if counts.len() > 1 && !counts.contains(&0) {
        let counted: Vec<_> =
            axes.iter().map(|axis| format!("`{}` has {}", axis.key.text, axis.values.len())).collect();
        let message = format!("`{}` zips axes with different numbers of values: {}", key.text, counted.join(", "));
        // A value from the command line is the likelier culprit than the file, which was sound without it.
        let set = axes.iter().find(|axis| !axis.replaced.is_empty()).and_then(|axis| axis.values.first());
        let span = set.map_or(columns.span, |value| value.node.span);
        let hint = set.map(|_| "set every zipped axis, to as many values each".to_owned());
        diagnostics.push(Diagnostic::at(span, message).hint_if(hint));
        for axis in &mut axes {
            axis.values.clear();
        }
    }
    let group = Group { axes };
    let rows = (0..group.rows()).map(|row| group.axes.iter().map(|axis| &axis.values[row].name).collect::<Vec<_>>());
    let mut seen = BTreeSet::new();
    if rows.into_iter().any(|row| !seen.insert(row)) {
        diagnostics.push(Diagnostic::at(columns.span, format!("`{}` holds the same combination twice", key.text)));
    }
    group
}

fn read_axis(key: &Key, node: &Node, settings: &mut Settings, diagnostics: &mut Diagnostics) -> Axis {
    let declared = read_values(key, node, diagnostics);
    let Some((values, span)) = settings.values(&key.text) else {
        return Axis { key: key.clone(), values: declared, replaced: Vec::new() };
    };
    let replaced = declared.iter().map(|value| value.name.to_string()).collect();
    let values = match node.entries() {
        [(form, _)] if form.text == named::FORM => named::chosen(key, &declared, &values, diagnostics),
        _ => scalars(key, &values, span, diagnostics),
    };
    Axis { key: key.clone(), values, replaced }
}

fn read_values(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Vec<AxisValue> {
    let generated = match (&node.value, node.entries()) {
        (Value::List(items), _) => return scalars(key, items, node.span, diagnostics),
        (Value::Map(_), [(form, body)]) => match form.text.as_str() {
            "replicates" => replicates(body),
            "range" => range(body),
            "zip" => Err(Diagnostic::at(form.span, format!("`{}` is zipped within a zip", key.text))),
            named::FORM => return named::values(key, body, diagnostics),
            _ => {
                let near = name::near(&form.text, ["replicates", "range", "zip", named::FORM]);
                let unknown = format!("unknown key `{}` in the axis `{}`", form.text, key.text);
                Err(Diagnostic::at(form.span, unknown).label(FORMS).hint_if(near))
            }
        },
        _ => {
            let hint = node.scalar().map(|value| format!("for one value, write `[{value}]`"));
            let message = format!("the axis `{}` cannot be {}", key.text, node.describe());
            Err(Diagnostic::at(node.span, message).label(FORMS).hint_if(hint))
        }
    };
    match generated {
        Ok(values) => values.into_iter().filter_map(axis_value).collect(),
        Err(wrong) => {
            diagnostics.push(wrong);
            Vec::new()
        }
    }
}

fn scalars(key: &Key, items: &[Node], span: Span, diagnostics: &mut Diagnostics) -> Vec<AxisValue> {
    if items.is_empty() || items.len() > MAX_VALUES {
        let why = if items.is_empty() { "no value".into() } else { format!("more than {MAX_VALUES} values") };
        diagnostics.push(Diagnostic::at(span, format!("the axis `{}` has {why}", key.text)));
        return Vec::new();
    }
    let mut sound = true;
    for wrong in items.iter().filter(|item| item.scalar().is_none()).take(MAX_ERRORS) {
        let message = format!("a value of the axis `{}` cannot be {}", key.text, wrong.describe());
        let wrong = Diagnostic::at(wrong.span, message).label("expected text, a number, `true`, `false` or `null`");
        diagnostics.push(wrong.hint(format!(
            "a value that is a list or a mapping needs a name: `{}: {{ values: {{ NAME: … }} }}`",
            key.text
        )));
        sound = false;
    }
    if sound { items.iter().cloned().filter_map(axis_value).collect() } else { Vec::new() }
}

fn axis_value(node: Node) -> Option<AxisValue> {
    let name = node.scalar()?.into();
    Some(AxisValue { name, node: Arc::new(node) })
}

/// Reads `n` as the values 0 to n − 1.
fn replicates(node: &Node) -> Result<Vec<Node>, Diagnostic> {
    match node.value {
        Value::Int(count) if count >= 1 && count.unsigned_abs() <= MAX_VALUES as u64 => {
            Ok((0..count).map(|run| Node { value: Value::Int(run), span: node.span }).collect())
        }
        _ => {
            let wrong = Diagnostic::at(node.span, format!("`replicates` cannot be {}", node.describe()));
            Err(wrong.label(format!("expected a whole number from 1 to {MAX_VALUES}")))
        }
    }
}

/// Reads `[from, to, step]`, both ends included; whole numbers stay whole.
fn range(node: &Node) -> Result<Vec<Node>, Diagnostic> {
    let expected = |message: String| Diagnostic::at(node.span, message).label("expected `[from, to, step]`");
    let Value::List(items) = &node.value else {
        return Err(expected(format!("`range` cannot be {}", node.describe())));
    };
    let numbers: Option<Vec<f64>> = items.iter().map(number).collect();
    let Some([from, to, step]) = numbers.as_deref() else {
        return Err(expected("`range` takes three numbers".into()));
    };
    let steps = ((to - from) / step * (1.0 + 1e-12) + 1e-9).floor();
    if *step == 0.0 || !(0.0..MAX_VALUES as f64).contains(&steps) {
        return Err(expected(format!("`range` gives no value, or more than {MAX_VALUES}")));
    }
    let whole = items.iter().all(|item| matches!(item.value, Value::Int(_)));
    let value = |index: usize| {
        let value = from + step * index as f64;
        // Twelve digits hold what a person wrote and drop what binary fractions add: 0.1 + 2 × 0.1 is 0.3.
        let written = format!("{value:.11e}").parse().unwrap_or(value);
        if whole { Value::Int(value as i64) } else { Value::Float(written) }
    };
    Ok((0..=steps as usize).map(|index| Node { value: value(index), span: node.span }).collect())
}

fn number(node: &Node) -> Option<f64> {
    match node.value {
        Value::Int(value) if value.unsigned_abs() < 1 << 53 => Some(value as f64),
        Value::Float(value) if value.is_finite() => Some(value),
        _ => None,
    }
}

fn repeated(axis: &Axis, diagnostics: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for value in axis.values.iter().filter(|value| !seen.insert(&value.name)).take(MAX_ERRORS) {
        let message = format!("the axis `{}` has the value `{}` twice", axis.key.text, value.name);
        diagnostics.push(Diagnostic::at(value.node.span, message));
    }
}
