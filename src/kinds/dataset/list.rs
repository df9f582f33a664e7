//! The one list of formats.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::format::{Bound, DatasetFormat, FormatEntry};
use super::table::Table;
use super::{Arithmetic, CsqaFiles, Files, QuarelFiles, Synthetic};
use crate::catalog::Catalog;
use retort_source::{Diagnostic, Node, Value, nearest};
use retort_stage::params::{FromNode, Scope};
use retort_text::dataset::table::preset::PRESETS;

/// Every format that the field `format` may name.
pub(crate) static FORMATS: Catalog<FormatEntry> = Catalog::of(|| {
    let table = |name, about| FormatEntry {
        name,
        about,
        revision: Table::REVISION,
        bind: bind_table,
        schemas: |name| Table::schema(name).to_vec(),
    };
    let own = [
        FormatEntry::of::<CsqaFiles>(),
        FormatEntry::of::<Files>(),
        FormatEntry::of::<QuarelFiles>(),
        FormatEntry { bind: bind_synthetic, schemas: synthetic_schemas, ..FormatEntry::of::<Synthetic>() },
        table("table", "Questions out of any table."),
    ];
    own.into_iter().chain(PRESETS.iter().map(|preset| table(preset.name, preset.about))).collect()
});

fn bind_table(word: &'static str, node: &Node, scope: &mut Scope<'_>) -> Option<Bound> {
    // A preset and the mapping it stands for are one.
    Some(Bound { name: "table", format: Arc::new(Table::from_node(node, word, scope)?) })
}

/// The tasks that `format: synthetic` can make up, named by the field `task`; the first where nothing is given.
const TASKS: [&str; 2] = ["qualitative", Arithmetic::NAME];

fn bind_synthetic(_word: &'static str, node: &Node, scope: &mut Scope<'_>) -> Option<Bound> {
    let rest = node.entries().iter().filter(|(key, _)| key.text != "task").cloned().collect();
    let rest = Node { value: Value::Map(rest), span: node.span };
    let task = node.get("task");
    match task.map_or(Some(TASKS[0]), Node::text) {
        Some("qualitative") => {
            Some(Bound { name: Synthetic::NAME, format: Arc::new(Synthetic::from_node(&rest, scope)?) })
        }
        Some(Arithmetic::NAME) => {
            Some(Bound { name: Arithmetic::NAME, format: Arc::new(Arithmetic::from_node(&rest, scope)?) })
        }
        _ => {
            let task = task?;
            let wrong = Diagnostic::at(task.span, format!("`task` cannot be {}", task.describe()));
            let near = task.text().and_then(|text| nearest(text, TASKS));
            scope.fail(
                wrong
                    .label(format!("expected one of: {}", TASKS.join(", ")))
                    .hint_if(near.map(|near| format!("did you mean `{near}`?"))),
            )
        }
    }
}

fn synthetic_schemas(_word: &'static str) -> Vec<Json> {
    let with_task = |task: &str, mut schema: Json| {
        schema["properties"]["task"] = json!({ "const": task });
        if let Some(required) = schema["required"].as_array_mut().filter(|_| task != TASKS[0]) {
            required.push(json!("task"));
        }
        schema
    };
    vec![with_task(TASKS[0], Synthetic::schema()), with_task(TASKS[1], Arithmetic::schema())]
}
