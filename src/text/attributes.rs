//! What a template takes of choices and of further fields, found in its text before any question is there.
//!
//! Only what is plain is looked at: `choices[0].text`, `c.text` where the template has loops over `choices` alone with this name,
//! and `fields.unit`. What is asked for with `is defined` or a `default` may be absent.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// What a choice has.
const OF_CHOICE: [&str; 2] = ["label", "text"];

fn pattern(written: &str) -> Regex {
    Regex::new(written).expect("it is a pattern")
}

static TAGS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)\{#.*?#\}|\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}"));
static TEXTS: LazyLock<Regex> = LazyLock::new(|| pattern(r#"'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*""#));
static LOOPS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{%-?\s*for\s+([A-Za-z_]\w*)\s+in\s+([^%]*?)\s*-?%\}"));
static BOUND: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{%-?\s*(?:for|set|macro)\s+([^=%]*?)(?:\s+in\s|=|%\})"));
// Behind an attribute stands what lets it be absent, or makes it a call.
static OF_ITEM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\bchoices\s*\[[^\]:]*\]\s*\.\s*([A-Za-z_]\w*)\s*(\(|\||is\b)?"));
static OF_NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|[^.\w])([A-Za-z_]\w*)\s*\.\s*([A-Za-z_]\w*)\s*(\(|\||is\b)?"));

/// An attribute that a template takes of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// Returns the tags of a template with their places, texts within them blanked out.
fn tags(source: &str) -> Vec<(usize, String)> {
    let is_code = |tag: &str| !tag.starts_with("{#") && !tag.contains("endraw");
    let blanked =
        |tag: &str| TEXTS.replace_all(tag, |text: &regex::Captures<'_>| "'".repeat(text[0].len())).into_owned();
    TAGS.find_iter(source).filter(|tag| is_code(tag.as_str())).map(|tag| (tag.start(), blanked(tag.as_str()))).collect()
}

/// Returns the first attribute that a template takes of a choice which has none of this name.
pub(crate) fn unknown_of_choice(source: &str) -> Option<Attribute> {
    let tags = tags(source);
    // A name that stands for choices here and for something else there says nothing.
    let (mut over_choices, mut bound) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for (_, tag) in &tags {
        for names in BOUND.captures_iter(tag) {
            for name in names[1].split([',', '(', ')', ' ']).filter(|name| !name.is_empty()) {
                *bound.entry(name.to_owned()).or_default() += 1;
            }
        }
        for found in LOOPS.captures_iter(tag) {
            let over = found[2].trim();
            let plain = over.strip_prefix("choices").is_some_and(|rest| {
                let rest = rest.trim_start();
                rest.is_empty()
                    || rest.starts_with("if ")
                    || (rest.starts_with('[') && rest.contains(':') && rest.ends_with(']'))
            });
            if plain {
                *over_choices.entry(found[1].to_owned()).or_default() += 1;
            }
        }
    }
    let of_choices = |name: &str| over_choices.contains_key(name) && over_choices.get(name) == bound.get(name);
    let mut found: Vec<(usize, String)> = Vec::new();
    for (start, tag) in &tags {
        for item in OF_ITEM.captures_iter(tag) {
            if let (Some(name), None) = (item.get(1), item.get(2)) {
                found.push((start + name.start(), name.as_str().to_owned()));
            }
        }
        for item in OF_NAME.captures_iter(tag).filter(|item| of_choices(&item[1])) {
            if let (Some(name), None) = (item.get(2), item.get(3)) {
                found.push((start + name.start(), name.as_str().to_owned()));
            }
        }
    }
    found.sort();
    let unknown = found.into_iter().find(|(_, name)| !OF_CHOICE.contains(&name.as_str()));
    unknown.map(|(at, name)| Attribute { name, line: line(source, at) })
}

/// Returns the further fields of a question that a template cannot do without.
pub fn fields(source: &str) -> Vec<Attribute> {
    let mut found = Vec::new();
    for (start, tag) in tags(source) {
        for item in OF_NAME.captures_iter(&tag).filter(|item| &item[1] == "fields" && item.get(3).is_none()) {
            let at = start + item.get(2).map_or(0, |name| name.start());
            found.push(Attribute { name: item[2].to_owned(), line: line(source, at) });
        }
    }
    found
}

fn line(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_choice_has_is_found() {
        let found = |source: &str| unknown_of_choice(source).map(|Attribute { name, line }| format!("{name} {line}"));
        for (source, expected) in [
            ("{{ choices[0].txt }}", Some("txt 1")),
            ("\n{{ choices[i + 1].name }}", Some("name 2")),
            ("{% for c in choices %}\n{{ c.label }}: {{ c.txt }}{% endfor %}", Some("txt 2")),
            ("{% for c in choices if c.lbl %}{% endfor %}", Some("lbl 1")),
            ("{%- for choice in choices[:2] -%}{{ choice.body }}{%- endfor -%}", Some("body 1")),
            ("{% for c in choices %}{% endfor %}{% for c in choices %}{{ c.txt }}{% endfor %}", Some("txt 1")),
            ("{{ choices[0].text }} {{ choices[0].label }}", None),
            ("{{ choices[0].txt is defined }} {{ choices[0].txt | default('') }}", None),
            ("{{ choices[0].text.strip() }} {{ choices[0].get('x') }}", None),
            ("{% for c in choices %}{{ c.text.strip() }}{% endfor %}", None),
            ("{% for c in choices %}{{ c.text }}{% endfor %}{% for c in classes %}{{ c.x }}{% endfor %}", None),
            ("{% for c in choices | map(attribute='text') %}{{ c.x }}{% endfor %}", None),
            ("{{ 'choices[0].txt' }} choices[0].txt {# {{ choices[0].txt }} #}", None),
            ("{% raw %}{{ choices[0].txt }}{% endraw %}", None),
            (
                "{% for e in examples %}{{ e.rationale }}{% for c in e.choices %}{{ c.text }}{% endfor %}{% endfor %}",
                None,
            ),
            ("{% for c in choices %}{{ loop.last }}{% endfor %}", None),
        ] {
            assert_eq!(found(source).as_deref(), expected, "{source}");
        }
    }

    #[test]
    fn fields_that_a_template_needs_are_found() {
        let found =
            |source: &str| fields(source).into_iter().map(|it| format!("{} {}", it.name, it.line)).collect::<Vec<_>>();
        assert_eq!(found("{{ fields.unit }}\n{% if fields.kind == 'fields.no' %}{% endif %}"), ["unit 1", "kind 2"]);
        for source in
            ["{{ fields['a b'] }}", "{{ fields.get('x') }}", "{{ e.fields.x }}", "{% if fields.x is defined %}"]
        {
            assert_eq!(found(source), Vec::<String>::new(), "{source}");
        }
    }
}
