//! Where a piece of a question comes from: a column, a path into one, or an expression over the row.

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value as Json};

use super::error::{Place, TableError, shown};
use super::row::Row;
use crate::prompt::{FUEL, json_value};

/// A column `question`, a path `question.stem` or `options.0`, or an expression `{{ Body }} {{ Question }}`.
#[derive(Debug, Clone)]
pub struct Field {
    written: String,
}

impl Field {
    /// Reads a field as a mapping names it.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence for the reader of the mapping.
    pub fn parse(written: &str) -> Result<Self, String> {
        let written = written.trim();
        if written.is_empty() {
            return Err("the name of a field is empty".into());
        }
        let field = Self { written: written.to_owned() };
        if field.is_template() {
            let checked = match field.expression() {
                Some(expression) => environment().compile_expression(expression).map(drop),
                None => environment().template_from_str(written).map(drop),
            };
            checked.map_err(|error| format!("`{written}` is no Jinja expression: {}", said(&error)))?;
        }
        Ok(field)
    }

    /// Returns the field as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    fn is_template(&self) -> bool {
        self.written.contains("{{") || self.written.contains("{%")
    }

    /// Returns the one expression that the whole field is, whose value keeps its type.
    fn expression(&self) -> Option<&str> {
        let inner = self.written.strip_prefix("{{")?.strip_suffix("}}")?;
        (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then_some(inner)
    }

    /// Returns its value in a row; `role` is what it is for, such as `question`.
    pub(super) fn value(&self, row: &Row, role: &str) -> Result<Json, TableError> {
        if self.is_template() {
            return self.rendered(row, role);
        }
        // A column may have a dot in its name.
        if let Some(value) = row.fields.get(&self.written) {
            return Ok(value.clone());
        }
        let (mut value, mut path): (Option<&Json>, _) = (None, String::new());
        let mut here = &row.fields;
        let mut segments = self.written.split('.').peekable();
        while let Some(segment) = segments.next() {
            let below: &Json = match value {
                Some(Json::Array(items)) => {
                    let item = segment.parse::<usize>().ok().and_then(|index| items.get(index));
                    item.ok_or_else(|| absent(row.place, role, &self.written, &path, Some(items.len()), here))?
                }
                Some(Json::Object(fields)) => {
                    here = fields;
                    fields.get(segment).ok_or_else(|| absent(row.place, role, &self.written, &path, None, here))?
                }
                Some(other) => {
                    return Err(TableError::Unexpected {
                        place: row.place,
                        role: role.to_owned(),
                        field: path,
                        found: shown(other),
                        expected: format!("an object with `{segment}`"),
                    });
                }
                None => here.get(segment).ok_or_else(|| absent(row.place, role, &self.written, "", None, here))?,
            };
            path = if path.is_empty() { segment.to_owned() } else { format!("{path}.{segment}") };
            // What is null has nothing below it.
            if below.is_null() && segments.peek().is_some() {
                return Ok(Json::Null);
            }
            value = Some(below);
        }
        Ok(value.cloned().unwrap_or(Json::Null))
    }

    fn rendered(&self, row: &Row, role: &str) -> Result<Json, TableError> {
        let environment = environment();
        let variables = Value::from_pairs(row.fields.iter().map(|(name, value)| (name.clone(), json_value(value))));
        let failed = |error: &minijinja::Error| {
            // An undefined variable is an absent field.
            let names = environment
                .template_from_str(&self.written)
                .map(|template| template.undeclared_variables(false))
                .unwrap_or_default();
            let globals = |name: &String| environment.globals().any(|(global, _)| global == name);
            let mut lacking: Vec<String> =
                names.into_iter().filter(|name| !row.fields.contains_key(name) && !globals(name)).collect();
            lacking.sort();
            match lacking.first() {
                Some(name) if [ErrorKind::UndefinedError, ErrorKind::InvalidOperation].contains(&error.kind()) => {
                    absent(row.place, role, name, "", None, &row.fields)
                }
                _ => TableError::Unexpected {
                    place: row.place,
                    role: role.to_owned(),
                    field: self.written.clone(),
                    found: said(error),
                    expected: "an expression that has a value in every row".into(),
                },
            }
        };
        let Some(expression) = self.expression() else {
            let template = environment.template_from_str(&self.written).map_err(|error| failed(&error))?;
            return Ok(Json::from(template.render(variables).map_err(|error| failed(&error))?));
        };
        let expression = environment.compile_expression(expression).map_err(|error| failed(&error))?;
        let value = expression.eval(variables).map_err(|error| failed(&error))?;
        if value.is_undefined() {
            return Err(failed(&minijinja::Error::new(ErrorKind::UndefinedError, "it is undefined")));
        }
        Ok(json_of(&value))
    }
}

fn absent(
    place: Place,
    role: &str,
    field: &str,
    path: &str,
    items: Option<usize>,
    here: &Map<String, Json>,
) -> TableError {
    let below = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
    let known: Vec<String> = match items {
        Some(count) => (0..count).map(|index| below(&index.to_string())).collect(),
        None => here.keys().map(below).collect(),
    };
    let scored = known.iter().map(|name| (strsim::jaro_winkler(&field.to_lowercase(), &name.to_lowercase()), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    let nearest = best.filter(|(likeness, _)| *likeness > 0.7).map(|(_, name)| name.clone());
    TableError::Absent { place, role: role.to_owned(), field: field.to_owned(), nearest, known }
}

fn environment<'s>() -> Environment<'s> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // What is null is nothing, as where a field is named alone.
    environment.set_formatter(
        |out, state, value| {
            if value.is_none() { Ok(()) } else { minijinja::escape_formatter(out, state, value) }
        },
    );
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment
}

fn said(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Returns a value of a template as JSON.
fn json_of(value: &Value) -> Json {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::from(value.is_true()),
        ValueKind::Number => match (
            value.is_integer().then(|| i64::try_from(value.clone()).ok()).flatten(),
            f64::try_from(value.clone()),
        ) {
            (Some(whole), _) => Json::from(whole),
            (None, Ok(number)) => Json::from(number),
            (None, Err(_)) => Json::from(value.to_string()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter().into_iter().flatten().map(|item| json_of(&item)).collect())
        }
        ValueKind::Map => {
            let keys = value.try_iter().into_iter().flatten();
            let entry = |key: Value| Some((key.to_string(), json_of(&value.get_item(&key).ok()?)));
            Json::Object(keys.filter_map(entry).collect())
        }
        _ => Json::from(value.to_string()),
    }
}
