//! The JSON Schema of a pipeline file, for editors.

use serde_json::{Map, Value as Json, json};

use super::Language;

const NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$";

/// Describes a whole pipeline file in JSON Schema 2020-12.
///
/// Every kind's own schema is taken in, with `use` allowed in each mapping. Placeholders are allowed wherever a value
/// may stand; what an axis puts there is for [`read`](super::read()) to judge.
pub fn schema(language: Language) -> Json {
    let mut kinds = Map::new();
    for kind in language.kinds {
        let mut body = (kind.schema)();
        allow_use(&mut body);
        kinds.insert(kind.name.into(), described(body, kind.about));
    }
    for derivation in language.derivations {
        let mut properties = Map::new();
        let like = format!("The `{}` stage that is repeated.", derivation.base);
        properties.insert(derivation.like.into(), json!({ "type": "string", "description": like }));
        let base = language.kinds.iter().find(|kind| kind.name == derivation.base).map(|kind| (kind.schema)());
        for field in derivation.replaces {
            let mut replaced = base.as_ref().map_or(json!({}), |base| base["properties"][field].clone());
            allow_use(&mut replaced);
            properties.insert((*field).into(), replaced);
        }
        let replaces: Vec<_> = derivation.replaces.iter().map(|field| json!({ "required": [field] })).collect();
        let mut body = json!({
            "type": "object", "properties": properties, "required": [derivation.like], "additionalProperties": false,
        });
        allow_use(&mut body);
        body["anyOf"].as_array_mut().into_iter().flatten().for_each(|form| {
            if form["required"] == json!([derivation.like]) {
                form["anyOf"] = json!(replaces);
            }
        });
        kinds.insert(derivation.name.into(), described(body, derivation.about));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Retort pipeline",
        "description": "A declarative experiment: axes, and a graph of stages that they multiply.",
        "type": "object",
        "properties": sections(),
        "required": ["retort", "experiment"],
        "additionalProperties": false,
        "$defs": {
            "name": { "type": "string", "pattern": NAME, "not": { "const": "use" } },
            "scalar": { "type": ["string", "number", "boolean", "null"] },
            "values": { "type": "array", "items": { "$ref": "#/$defs/scalar" }, "minItems": 1 },
            "use": {
                "description": "Takes in the entries of fragments; own entries win, and later fragments win over earlier ones.",
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
            },
            "axes": axes(),
            "filter": filter(),
            "stage": stage(&kinds),
            "kinds": kinds,
        },
    })
}

fn sections() -> Json {
    let named = |about: &str, item: Json| {
        json!({
            "type": ["object", "null"], "description": about,
            "propertyNames": { "$ref": "#/$defs/name" }, "additionalProperties": item,
        })
    };
    json!({
        "retort": { "const": 1, "description": "The version of the language." },
        "experiment": { "$ref": "#/$defs/name", "description": "The name of the experiment." },
        "seed": { "type": "integer", "minimum": 0, "description": "The seed of every stage that gives none; 0 unless given." },
        "include": {
            "type": "array", "items": { "type": "string" },
            "description": "Files whose axes, models, fragments and stages are taken in; paths are relative to this file.",
        },
        "axes": { "$ref": "#/$defs/axes" },
        "models": named("Models by name: `path: DIR`, `{ hub: owner/name, revision: main }`, or `new: { … }`.", json!({ "type": "object" })),
        "fragments": named("Mappings that `use: name` takes in.", json!({ "type": "object" })),
        "stages": named("Stages by name; one key of each names its kind.", json!({ "$ref": "#/$defs/stage" })),
    })
}

fn axes() -> Json {
    let replicates = json!({ "type": "integer", "minimum": 1 });
    let range = json!({ "type": "array", "items": { "type": "number" }, "minItems": 3, "maxItems": 3 });
    let named = json!({ "type": "object", "minProperties": 1, "propertyNames": { "$ref": "#/$defs/name" } });
    let form = |name: &str, about: &str, body: Json| {
        json!({
            "type": "object", "description": about,
            "properties": { name: body }, "required": [name], "additionalProperties": false,
        })
    };
    let axis = json!([
        { "$ref": "#/$defs/values" },
        form("replicates", "The values 0 to n - 1.", replicates),
        form("range", "From, to (included) and step.", range),
        form("values", "Values with names of their own, which may be lists or mappings.", named),
    ]);
    let columns = json!({
        "type": "object", "minProperties": 2,
        "propertyNames": { "$ref": "#/$defs/name" }, "additionalProperties": { "oneOf": axis },
    });
    let mut forms = axis.as_array().cloned().unwrap_or_default();
    forms.push(form("zip", "Axes that vary together: the first value with the first, and so on.", columns));
    json!({
        "type": ["object", "null"],
        "description": "Axes and their values. An axis multiplies the stages that mention it as `${axis}`, and those that refer to them.",
        "propertyNames": { "$ref": "#/$defs/name" },
        "additionalProperties": { "oneOf": forms },
    })
}

fn filter() -> Json {
    let pattern = json!({
        "type": "object", "minProperties": 1,
        "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/scalar" }, { "$ref": "#/$defs/values" }] },
    });
    json!({ "anyOf": [pattern, { "type": "array", "items": pattern }] })
}

fn stage(kinds: &Map<String, Json>) -> Json {
    let pointer = |kind: &String| kind.replace('~', "~0").replace('/', "~1");
    let mut properties: Map<_, _> = kinds
        .keys()
        .map(|kind| (kind.clone(), json!({ "$ref": format!("#/$defs/kinds/{}", pointer(kind)) })))
        .collect();
    let over = "Axes of this stage alone.";
    let kept = "Keeps only the combinations of axes that match.";
    let dropped = "Leaves out the combinations of axes that match.";
    properties.insert("over".into(), described(json!({ "allOf": [{ "$ref": "#/$defs/axes" }] }), over));
    properties.insert("where".into(), json!({ "$ref": "#/$defs/filter", "description": kept }));
    properties.insert("except".into(), json!({ "$ref": "#/$defs/filter", "description": dropped }));
    properties.insert("use".into(), json!({ "$ref": "#/$defs/use" }));
    let named: Vec<_> = kinds.keys().map(|kind| json!({ "required": [kind] })).collect();
    let mut forms = named.clone();
    forms.push(json!({ "required": ["use"], "not": { "anyOf": named } }));
    json!({ "type": "object", "properties": properties, "additionalProperties": false, "oneOf": forms })
}

/// Puts a description first, before what the schema says of itself.
fn described(mut schema: Json, about: &str) -> Json {
    if let Some(schema) = schema.as_object_mut() {
        let own = schema.get("description").and_then(Json::as_str).unwrap_or_default();
        let about = if own.is_empty() || own == about { about.to_owned() } else { format!("{about}\n\n{own}") };
        schema.insert("description".into(), about.into());
    }
    schema
}

/// Allows `use` in every mapping, which may then bring along the fields that are required.
fn allow_use(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(allow_use),
        Json::Object(object) => {
            if let Some(Json::Array(forms)) = object.get_mut("oneOf") {
                // One key names a form, which a fragment may bring along as well.
                forms.iter_mut().filter_map(|form| form.get_mut("properties")).for_each(each_property);
                forms.push(json!({
                    "type": "object", "properties": { "use": { "$ref": "#/$defs/use" } },
                    "required": ["use"], "additionalProperties": false,
                }));
                return;
            }
            if let Some(properties) = object.get_mut("properties") {
                each_property(properties);
                if let Some(properties) = properties.as_object_mut() {
                    properties.insert("use".into(), json!({ "$ref": "#/$defs/use" }));
                }
                // A body of which nothing is required may be left empty.
                match object.remove("required").filter(|required| *required != json!([])) {
                    Some(required) => {
                        object.insert("anyOf".into(), json!([{ "required": required }, { "required": ["use"] }]));
                    }
                    None => object["type"] = json!(["object", "null"]),
                }
                return;
            }
            for (key, value) in object.iter_mut() {
                if matches!(key.as_str(), "anyOf" | "allOf" | "items") {
                    allow_use(value);
                }
            }
        }
        _ => {}
    }
}

fn each_property(properties: &mut Json) {
    if let Some(properties) = properties.as_object_mut() {
        for property in properties.values_mut() {
            allow_use(property);
            allow_placeholder(property);
        }
    }
}

/// Allows `${axis}` where a list or a mapping is expected: a value of an axis may be one.
fn allow_placeholder(property: &mut Json) {
    let takes = |schema: &Json| match &schema["type"] {
        Json::String(of) => of == "array" || of == "object",
        Json::Array(of) => of.iter().any(|of| of == "array" || of == "object"),
        _ => false,
    };
    let placeholder = json!({ "type": "string", "pattern": r"^\$\{[^}]+\}$" });
    let is_one = takes(property);
    match property.get_mut("anyOf").and_then(Json::as_array_mut) {
        Some(forms) if forms.iter().any(takes) => forms.push(placeholder),
        None if is_one => {
            let whole = std::mem::take(property);
            *property = json!({ "anyOf": [whole.clone(), placeholder] });
            for kept in ["description", "default"] {
                if let Some(value) = whole.get(kept) {
                    property[kept] = value.clone();
                }
            }
        }
        _ => {}
    }
}
