//! Where chat templates are Python's rather than Jinja's: what is put in other words before a template is read, and the
//! filters that answer as Python does.
//!
//! | in a template | why it is not Jinja | what is read instead |
//! |---|---|---|
//! | `{% generation %}…{% endgeneration %}` | a tag of transformers, which marks what a model wrote | `{% filter generation %}…{% endfilter %}`, which puts [`GENERATED`] around it |
//! | `"%s: %d" % (a, b)` | Python's formatting of text | `"%s: %d"\|format(a, b)` |
//! | `x \| tojson(indent=2)` | `json.dumps`, which escapes no HTML | the same filter, as [`json_dumps`] writes it |

use std::fmt::Write;

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// The characters around what a template marks as written by the model: two that Unicode promises never to assign.
pub(super) const GENERATED: [char; 2] = ['\u{fdd3}', '\u{fdd4}'];

/// The filter `generation`: puts marks around what a model wrote.
pub(super) fn generation(written: &str) -> String {
    let [begin, end] = GENERATED;
    format!("{begin}{written}{end}")
}

/// Puts a template in Jinja's words. No line is added or taken away, so that errors name the template's own.
pub(super) fn translated(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let (close, rewrite): (&str, bool) = match tag.as_bytes().get(1) {
            Some(b'#') => ("#}", false),
            Some(b'{') => ("}}", true),
            Some(b'%') => ("%}", true),
            _ => {
                out.push('{');
                rest = &tag[1..];
                continue;
            }
        };
        let end = if rewrite { end_of(tag, close) } else { tag[2..].find(close).map(|at| at + 4) };
        let Some(end) = end else {
            rest = tag;
            break;
        };
        let body = &tag[..end];
        match statement(body) {
            Some("raw") => {
                let raw = end_of_raw(tag, end).unwrap_or(tag.len());
                out.push_str(&tag[..raw]);
                rest = &tag[raw..];
                continue;
            }
            Some("generation") => out.push_str(&body.replacen("generation", "filter generation", 1)),
            Some("endgeneration") => out.push_str(&body.replacen("endgeneration", "endfilter", 1)),
            _ if rewrite => out.push_str(&formatted(body)),
            _ => out.push_str(body),
        }
        rest = &tag[end..];
    }
    out.push_str(rest);
    out
}

/// The first word of a statement; `None` for an expression or a comment.
fn statement(tag: &str) -> Option<&str> {
    let body = tag.strip_prefix("{%")?.trim_start_matches(['-', '+']).trim_start();
    Some(body.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

/// Where a tag ends, behind its closing mark; what stands in quotes does not close it.
fn end_of(tag: &str, close: &str) -> Option<usize> {
    let mut at = 2;
    while at < tag.len() {
        let rest = &tag[at..];
        if rest.starts_with(close) {
            return Some(at + close.len());
        }
        at += literal(rest).map_or_else(|| rest.chars().next().map_or(1, char::len_utf8), str::len);
    }
    None
}

/// Where a raw block that begins at `from` ends.
fn end_of_raw(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = text[at..].find("{%") {
        let begin = at + found;
        let end = begin + text[begin..].find("%}")? + 2;
        if statement(&text[begin..end]) == Some("endraw") {
            return Some(end);
        }
        at = begin + 2;
    }
    None
}

/// The quoted text at the beginning, with its quotes.
fn literal(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return Some(&text[..=at]),
            _ => {}
        }
    }
    None
}

/// Rewrites each quoted text that is followed by `%` and what to put into it.
fn formatted(tag: &str) -> String {
    let (opening, closing) = (&tag[..2], &tag[tag.len() - 2..]);
    let body = &tag[2..tag.len() - 2];
    let mut out = String::from(opening);
    let mut rest = body;
    while let Some(at) = rest.find(['"', '\'']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(text) = literal(rest) else { break };
        out.push_str(text);
        rest = &rest[text.len()..];
        let Some(values) = rest.trim_start().strip_prefix('%') else { continue };
        let spaces = values.len() - values.trim_start().len();
        let Some(length) = operand(&values[spaces..]) else { continue };
        let value = formatted(&format!("{opening}{}{closing}", &values[spaces..spaces + length]));
        let value = &value[2..value.len() - 2];
        // Several values are a tuple, each a value of its own.
        let several = value.starts_with('(') && group(value) == Some(value.len()) && has_comma(value);
        let lines = "\n".repeat(rest[..rest.len() - values.len() + spaces].matches('\n').count());
        let inner = if several { value[1..value.len() - 1].trim_end().trim_end_matches(',') } else { value };
        let _ = write!(out, "|format({lines}{inner})");
        rest = &values[spaces + length..];
    }
    out.push_str(rest);
    out.push_str(closing);
    out
}

/// The length of a value at the beginning of an expression, with what is called on it; `None` where there is none.
fn operand(text: &str) -> Option<usize> {
    let mut at = match text.chars().next()? {
        '(' | '[' | '{' => group(text)?,
        '"' | '\'' => literal(text)?.len(),
        '-' | '+' => 1 + operand(&text[1..])?,
        _ => word(text)?,
    };
    loop {
        let rest = &text[at..];
        let gap = rest.len() - rest.trim_start().len();
        match rest[gap..].chars().next() {
            Some('.') => at += gap + 1 + word(&rest[gap + 1..])?,
            Some('(' | '[') => at += gap + group(&rest[gap..])?,
            Some('|') => {
                let name = &rest[gap + 1..];
                let space = name.len() - name.trim_start().len();
                at += gap + 1 + space + word(&name[space..])?;
            }
            _ => return Some(at),
        }
    }
}

fn word(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then_some(end)
}

/// The length of a group in brackets at the beginning.
fn group(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        let letter = rest.chars().next()?;
        at += literal(rest).map_or(letter.len_utf8(), str::len);
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Whether a group has a comma that belongs to no group within it.
fn has_comma(group_text: &str) -> bool {
    let mut at = 1;
    while at < group_text.len() {
        let rest = &group_text[at..];
        let Some(letter) = rest.chars().next() else { return false };
        let inner = match letter {
            ',' => return true,
            '(' | '[' | '{' => group(rest),
            _ => literal(rest).map(str::len),
        };
        at += inner.unwrap_or(letter.len_utf8());
    }
    false
}

/// The filter `tojson`: Python's `json.dumps(x, ensure_ascii=False)`, with the arguments that transformers lets through.
pub(super) fn json_dumps(value: &Value, arguments: &Kwargs) -> Result<Value, Error> {
    let flag = |name: &str| -> Result<bool, Error> {
        Ok(arguments.get::<Option<Value>>(name)?.is_some_and(|value| value.is_true()))
    };
    let indent = arguments.get::<Option<Value>>("indent")?.filter(|indent| !indent.is_none());
    let indent = indent.map(|indent| match indent.as_str() {
        Some(text) => text.to_owned(),
        None => " ".repeat(indent.as_usize().unwrap_or(0)),
    });
    let separators = arguments.get::<Option<Vec<String>>>("separators")?;
    let (between, behind_key) = match separators.as_deref() {
        Some([between, behind_key]) => (between.clone(), behind_key.clone()),
        _ => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
    };
    let (ascii, sorted) = (flag("ensure_ascii")?, flag("sort_keys")?);
    arguments.assert_all_used()?;
    let dump = Dump { indent, between, behind_key, ascii, sorted };
    let mut out = String::new();
    dump.value(value, 0, &mut out)?;
    Ok(Value::from_safe_string(out))
}

/// How JSON is written.
struct Dump {
    indent: Option<String>,
    between: String,
    behind_key: String,
    ascii: bool,
    sorted: bool,
}

impl Dump {
    fn value(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&number(value)),
            ValueKind::String => self.text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.items(['[', ']'], items.len(), depth, out, |i, out| self.value(&items[i], depth + 1, out))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                self.items(['{', '}'], keys.len(), depth, out, |i, out| {
                    match keys[i].kind() {
                        ValueKind::String => self.text(keys[i].as_str().unwrap_or_default(), out),
                        ValueKind::None => out.push_str("\"null\""),
                        ValueKind::Bool => out.push_str(if keys[i].is_true() { "\"true\"" } else { "\"false\"" }),
                        _ => self.text(&keys[i].to_string(), out),
                    }
                    out.push_str(&self.behind_key);
                    self.value(&value.get_item(&keys[i])?, depth + 1, out)
                })?;
            }
            kind => {
                let why = format!("{kind} cannot be written as JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, why));
            }
        }
        Ok(())
    }

    fn items(
        &self,
        [open, close]: [char; 2],
        count: usize,
        depth: usize,
        out: &mut String,
        item: impl Fn(usize, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |depth: usize, out: &mut String| {
            if let Some(indent) = &self.indent {
                out.push('\n');
                out.push_str(&indent.repeat(depth));
            }
        };
        out.push(open);
        for i in 0..count {
            if i > 0 {
                out.push_str(&self.between);
            }
            line(depth + 1, out);
            item(i, out)?;
        }
        if count > 0 {
            line(depth, out);
        }
        out.push(close);
        Ok(())
    }

    fn text(&self, text: &str, out: &mut String) {
        out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                letter if letter < ' ' || (self.ascii && !letter.is_ascii()) => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                letter => out.push(letter),
            }
        }
        out.push('"');
    }
}

/// A number as Python writes it.
fn number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(real) if !value.is_integer() => python_real(real),
        _ => value.to_string(),
    }
}

/// Writes a real number as Python's `repr` does: the shortest digits that read back the same, with an exponent below 1e-4 and
/// from 1e16 on.
fn python_real(real: f64) -> String {
    let scientific = format!("{real:e}");
    let Some((digits, power)) = scientific.split_once('e') else { return real.to_string() };
    let power: i32 = power.parse().unwrap_or(0);
    if (-4..16).contains(&power) {
        let plain = real.to_string();
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_numbers_are_written_as_python_writes_them() {
        for (real, expected) in [
            (1e-7, "1e-07"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (0.000_012, "1.2e-05"),
            (2.0, "2.0"),
            (0.0, "0.0"),
            (-0.5, "-0.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
        ] {
            assert_eq!(python_real(real), expected);
        }
    }

    #[test]
    fn the_table_of_what_is_put_in_other_words() {
        for (source, expected) in [
            ("{% generation %}x{% endgeneration %}", "{% filter generation %}x{% endfilter %}"),
            ("{%- generation -%}x{%- endgeneration -%}", "{%- filter generation -%}x{%- endfilter -%}"),
            ("{{ generation }} {# {% generation %} #}", "{{ generation }} {# {% generation %} #}"),
            (
                "{% raw %}{% generation %}{{ '%s' % x }}{% endraw %}",
                "{% raw %}{% generation %}{{ '%s' % x }}{% endraw %}",
            ),
            ("{{ '%s!' % m.role }}", "{{ '%s!'|format(m.role) }}"),
            ("{{ \"%s %d\" % (a, b[1]) }}", "{{ \"%s %d\"|format(a, b[1]) }}"),
            ("{{ '%s' % (a,) }}{{ '%s' % (a) }}", "{{ '%s'|format(a) }}{{ '%s'|format((a)) }}"),
            ("{{ '%s' % m.get('a, b')|trim ~ 'c' }}", "{{ '%s'|format(m.get('a, b')|trim) ~ 'c' }}"),
            ("{{ '%s' % ('%d' % 3) }}", "{{ '%s'|format(('%d'|format(3))) }}"),
            ("{% set x = 'a' %}{% if 7 % 2 == 1 %}", "{% set x = 'a' %}{% if 7 % 2 == 1 %}"),
            ("{{ 'a }} b' }}{ {{ '%}' }}", "{{ 'a }} b' }}{ {{ '%}' }}"),
            ("a { b } {{ unclosed", "a { b } {{ unclosed"),
            ("{{ '%s' %\nx }}", "{{ '%s'|format(\nx) }}"),
        ] {
            assert_eq!(translated(source), expected);
        }
    }
}
