//! What a table may be about: a mapping that is guessed from its fields, as a pipeline with comments.
//!
//! Names suggest which field is what, and values decide: what is written is what reads every row of the file.

mod kind;
mod names;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeSet;

use serde_json::Value as Json;

use self::kind::{Kind, kind};
use self::names::{ANSWERS, CHOICES, COLUMNS, CONTEXTS, IDS, LABELS, PAIRS, QUESTIONS, RATIONALES, plain};
use self::written::{Line, aligned, quoted, such};
use super::field::Field;
use super::value::{is_blank, text_of};
use super::{Listed, Mapping, Pattern, Row, Source};
use retort_artifact::{Answers, Split};

/// What marks the answer behind a solution.
const MARK: &str = "####";
const BEHIND_MARK: &str = r"####\s*(.+)";
const BEFORE_MARK: &str = r"(?s)^(.*?)\s*####";
/// What a calculator noted within a solution.
const CALCULATED: &str = "<<[^>]*>>";

/// Writes a pipeline whose one stage reads a table by the mapping that its fields suggest; `path` is how it names the file,
/// `split` what the file becomes, and `experiment` what it is called. The error says what could not be guessed.
///
/// # Errors
/// What could not be guessed, or which row the best guess does not fit.
pub fn pipeline(rows: &[Row], path: &str, split: Split, experiment: &str) -> Result<String, String> {
    if rows.is_empty() {
        return Err("it has no rows".into());
    }
    let table = Table::of(rows);
    let (mapping, lines, used) = table.guessed()?;
    let fits =
        mapping.read(rows, split == Split::Test).map_err(|error| format!("the best guess does not fit: {error}"));
    let count = fits?.questions.len();
    let within =
        |name: &str, used: &str| used.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let others = table.names.iter().filter(|name| !name.contains('.') && !used.iter().any(|used| within(name, used)));
    let others: Vec<&String> = others.collect();
    let mut out = format!(
        "# Guessed by `retort init` from all {count} rows. Read each line and change what is wrong: `retort show` with this file\n\
         # and `questions` prints the first questions as they will be asked.\n\
         retort: 1\nexperiment: {experiment}\nseed: 17\n\nstages:\n  questions:\n    dataset:\n      format: table\n"
    );
    let further = Split::ALL.into_iter().filter(|other| *other != split).map(|other| format!("`{other}:`"));
    let further = further.collect::<Vec<_>>().join(" and ");
    let file =
        Line { key: split.name(), value: quoted(path), comment: format!("{further} name the files of other splits") };
    let held_out = Line {
        key: "split",
        value: "{ test: 0.1, seed: 0 }".into(),
        comment: "a tenth becomes the test split; leave it out where `test:` names a file".into(),
    };
    let held_out = if split == Split::Train { vec![held_out] } else { Vec::new() };
    out += &aligned(&[vec![file], held_out, lines].concat(), "      ");
    if let Some(first) = others.first() {
        let names: Vec<String> = others.iter().map(|name| quoted(name)).collect();
        out += &format!("      # Not used: {}.\n", names.join(", "));
        out += &format!("      # `keep: [{}]` would let prompts use that one as `fields`.\n", quoted(first));
    }
    Ok(out)
}

/// A table as guesses look at it.
struct Table<'r> {
    rows: &'r [Row],
    /// The names of its fields, those within an object as paths, in the order in which they first occur.
    names: Vec<String>,
}

/// A mapping, how it is written, and the fields that it uses.
type Guessed = (Mapping, Vec<Line>, BTreeSet<String>);

impl<'r> Table<'r> {
    fn of(rows: &'r [Row]) -> Self {
        let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
        let mut add = |name: String| {
            if seen.insert(name.clone()) {
                names.push(name);
            }
        };
        for row in rows {
            for (name, value) in &row.fields {
                add(name.clone());
                for (inner, _) in value.as_object().into_iter().flatten() {
                    add(format!("{name}.{inner}"));
                }
            }
        }
        Self { rows, names }
    }

    /// Returns the first value of a field that is not blank.
    fn first(&self, name: &str) -> Option<Json> {
        let field = Field::parse(name).ok()?;
        self.rows.iter().filter_map(|row| field.value(row, "").ok()).find(|value| !is_blank(value))
    }

    fn sample(&self, name: &str) -> String {
        self.first(name).map_or_else(|| "blank in every row".to_owned(), |value| such(&value))
    }

    /// Says whether a field has one value, and not several, in its first row.
    fn is_single(&self, name: &str) -> bool {
        self.first(name).is_some_and(|value| text_of(&value).is_some())
    }

    /// Finds the first of these names that a field has and that will do; one within an object counts by its last part.
    fn among(&self, known: &[&str], fits: impl Fn(&str) -> bool) -> Option<&str> {
        let called = |name: &str, known: &str| plain(name) == known;
        let top =
            |known: &&str| self.names.iter().find(|name| !name.contains('.') && called(name, known) && fits(name));
        let inner = |known: &&str| {
            let last =
                |name: &&String| name.rsplit_once('.').is_some_and(|(_, last)| called(last, known)) && fits(name);
            self.names.iter().find(last)
        };
        known.iter().find_map(top).or_else(|| known.iter().find_map(inner)).map(String::as_str)
    }

    fn guessed(&self) -> Result<Guessed, String> {
        let mut used = BTreeSet::new();
        let mut lines = Vec::new();
        let id = self.among(IDS, |name| !name.contains('.') && self.is_distinct(name)).map(str::to_owned);
        if let Some(name) = &id {
            used.insert(name.clone());
            lines.push(Line { key: "id", value: quoted(name), comment: "no two rows have the same".into() });
        }
        let (question, of) = self.question(&used)?;
        used.extend(of);
        let first = Field::parse(&question)?.value(&self.rows[0], "question").map_err(|error| error.to_string())?;
        lines.push(Line { key: "question", value: quoted(&question), comment: such(&first) });
        let (answer, of) = self.answer(&used)?;
        let listed = self.choices(&used, &of, &answer);
        used.insert(of.clone());
        if let Some((_, written, of)) = &listed {
            let samples: Vec<String> =
                of.iter().filter_map(|name| self.first(name)).map(|value| such(&value)).collect();
            let comment = samples.join(", ").replace(", such as", ",");
            lines.push(Line { key: "choices", value: written.clone(), comment });
            used.extend(of.iter().cloned());
        }
        let texts: Vec<String> =
            self.rows.iter().filter_map(|row| text_of(&Field::parse(&answer).ok()?.value(row, "").ok()?)).collect();
        let marked = !texts.is_empty() && texts.iter().all(|text| text.contains(MARK));
        let piece =
            |pattern: &str, remove: &str| format!("{{ field: {}, pattern: '{pattern}'{remove} }}", quoted(&answer));
        let value = if marked { piece(BEHIND_MARK, "") } else { quoted(&answer) };
        lines.push(Line { key: "answer", value, comment: self.sample(&answer) });
        let kind = if listed.is_some() {
            Kind {
                answers: Answers::Choice,
                written: "choice".into(),
                why: "every answer is one of the choices".into(),
            }
        } else {
            let behind = |text: &String| text.rsplit(MARK).next().unwrap_or_default().trim().to_owned();
            let texts = if marked { texts.iter().map(behind).collect() } else { texts.clone() };
            kind(&texts, LABELS.contains(&plain(&answer).as_str()))
        };
        lines.push(Line { key: "answers", value: kind.written, comment: kind.why });
        let calculated = marked && texts.iter().any(|text| text.contains("<<"));
        let rationale = match self.among(RATIONALES, |name| !used.contains(name) && self.first(name).is_some()) {
            Some(name) if self.is_single(name) => {
                used.insert(name.to_owned());
                lines.push(Line { key: "rationale", value: quoted(name), comment: self.sample(name) });
                Some(Source::of(Field::parse(name)?))
            }
            Some(name) if is_identifier(name) && self.rows.iter().all(|row| is_texts(row.fields.get(name))) => {
                let joined = format!("{{{{ ({name} or []) | join(' ') }}}}");
                used.insert(name.to_owned());
                lines.push(Line { key: "rationale", value: quoted(&joined), comment: self.sample(name) });
                Some(Source::of(Field::parse(&joined)?))
            }
            _ if marked => {
                let remove = if calculated { format!(", remove: '{CALCULATED}'") } else { String::new() };
                let comment = format!(
                    "what stands before `{MARK}`{}",
                    if calculated { ", without the calculator's notes" } else { "" }
                );
                lines.push(Line { key: "rationale", value: piece(BEFORE_MARK, &remove), comment });
                let remove = calculated.then(|| Pattern::parse(CALCULATED)).transpose()?;
                Some(Source {
                    pattern: Some(Pattern::parse(BEFORE_MARK)?),
                    remove,
                    ..Source::of(Field::parse(&answer)?)
                })
            }
            _ => None,
        };
        let pattern = marked.then(|| Pattern::parse(BEHIND_MARK)).transpose()?;
        let mapping = Mapping {
            answers: kind.answers,
            id: id.as_deref().map(Field::parse).transpose()?.map(Source::of),
            question: Source::of(Field::parse(&question)?),
            choices: listed.map(|(listed, ..)| listed),
            answer: Some(Source { pattern, ..Source::of(Field::parse(&answer)?) }),
            rationale,
            keep: Vec::new(),
        };
        Ok((mapping, lines, used))
    }

    fn is_distinct(&self, name: &str) -> bool {
        let all: BTreeSet<String> = self.rows.iter().filter_map(|row| text_of(row.fields.get(name)?)).collect();
        all.len() == self.rows.len()
    }

    /// Guesses the words of the question, and names the fields that they come from.
    fn question(&self, used: &BTreeSet<String>) -> Result<(String, Vec<String>), String> {
        let text = |name: &str| !used.contains(name) && self.first(name).is_some_and(|value| value.is_string());
        let named = |known: &str| self.among(&[known], |name| text(name) && is_identifier(name));
        let asked = self.among(QUESTIONS, text);
        let pair = PAIRS.iter().find_map(|[one, other]| Some([named(one)?, named(other)?]));
        if let Some([one, other]) = pair.filter(|_| asked.is_none_or(|name| plain(name).starts_with("sentence"))) {
            let written = format!("Premise: {{{{ {one} }}}} Hypothesis: {{{{ {other} }}}}");
            return Ok((written, vec![one.to_owned(), other.to_owned()]));
        }
        if let Some(name) = asked {
            let context = CONTEXTS.iter().find_map(|known| named(known)).filter(|context| *context != name);
            return Ok(match context.filter(|_| is_identifier(name)) {
                // What is given to an instruction stands behind it.
                Some(given) if plain(given) == "input" => {
                    (format!("{{{{ {name} }}}} {{{{ {given} or '' }}}}"), vec![name.to_owned(), given.to_owned()])
                }
                Some(context) => {
                    (format!("{{{{ {context} }}}} {{{{ {name} }}}}"), vec![context.to_owned(), name.to_owned()])
                }
                None => (name.to_owned(), vec![name.to_owned()]),
            });
        }
        let known = |name: &str| ANSWERS.contains(&plain(name).as_str()) || RATIONALES.contains(&plain(name).as_str());
        let length = |name: &String| -> usize {
            self.rows.iter().filter_map(|row| row.fields.get(name)?.as_str()).map(str::len).sum()
        };
        let texts = self.names.iter().filter(|name| !name.contains('.') && text(name) && !known(name));
        let longest = texts.max_by_key(|name| length(name));
        let longest = longest.ok_or("none of its fields has text that could be a question")?;
        Ok((longest.clone(), vec![longest.clone()]))
    }

    /// Guesses the field of the answer, and names the field that it is in.
    fn answer(&self, used: &BTreeSet<String>) -> Result<(String, String), String> {
        let free = |name: &str| !used.contains(name) && self.first(name).is_some();
        if let Some(name) = self.among(ANSWERS, |name| free(name) && self.is_single(name)) {
            return Ok((name.to_owned(), name.split('.').next().unwrap_or(name).to_owned()));
        }
        // Of several right answers, as SQuAD and TriviaQA have them, the first.
        for (name, inner) in [("answers", "text.0"), ("answer", "value"), ("answers", "0"), ("answer", "0")] {
            if let Some(found) = self.among(&[name], free) {
                let path = format!("{found}.{inner}");
                if self.is_single(&path) {
                    return Ok((path, found.to_owned()));
                }
            }
        }
        let names: Vec<&str> = self.names.iter().filter(|name| !name.contains('.')).map(String::as_str).collect();
        Err(format!("none of its fields is called like an answer; there are: {}", names.join(", ")))
    }

    /// Finds the choices among which every known answer is: a field with a list, or columns in a row. Names the fields.
    fn choices(&self, used: &BTreeSet<String>, of: &str, answer: &str) -> Option<(Listed, String, Vec<String>)> {
        let answer = Field::parse(answer).ok()?;
        let fits = |listed: &Listed| {
            self.rows.iter().all(|row| {
                let Ok(chosen) = listed.of(row) else { return false };
                let known = answer.value(row, "").ok().and_then(|value| text_of(&value));
                known.is_none_or(|text| {
                    text.trim().is_empty()
                        || text.trim() == "-1"
                        || chosen.answer(text.trim(), false).is_ok_and(|found| found.is_some())
                })
            })
        };
        // What holds the answer holds no choices, be they several right ones.
        let free = |name: &&String| !used.contains(*name) && name.split('.').next() != Some(of);
        let named = |name: &&String| CHOICES.contains(&plain(name.rsplit('.').next().unwrap_or(name)).as_str());
        let (usual, others): (Vec<&String>, Vec<&String>) = self.names.iter().filter(free).partition(named);
        for name in usual.into_iter().chain(others) {
            let holds_several = self.first(name).is_some_and(|value| match value {
                Json::Array(_) | Json::Object(_) => true,
                Json::String(text) => text.trim_start().starts_with(['[', '{']),
                _ => false,
            });
            let listed = Field::parse(name).ok().map(Listed::Field);
            if let Some(listed) = listed.filter(|listed| holds_several && fits(listed)) {
                return Some((listed, quoted(name), vec![name.clone()]));
            }
        }
        let columns = COLUMNS.iter().map(|known| {
            let there = known.iter().map_while(|known| {
                self.names.iter().find(|name| !name.contains('.') && plain(name) == **known && free(name))
            });
            there.cloned().collect::<Vec<String>>()
        });
        let columns = columns.filter(|columns| columns.len() >= 2).max_by_key(Vec::len)?;
        let fields: Option<Vec<Field>> = columns.iter().map(|name| Field::parse(name).ok()).collect();
        let listed = Listed::Columns(fields?);
        let written: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        fits(&listed).then(|| (listed, format!("[{}]", written.join(", ")), columns))
    }
}

/// Says whether an expression can name a field.
fn is_identifier(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let reserved = ["true", "false", "none", "not", "and", "or", "in", "is", "if", "else", "loop", "self"];
    name.chars().all(word)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !reserved.contains(&name.to_lowercase().as_str())
}

/// Says whether a value is a list of texts, or nothing.
fn is_texts(value: Option<&Json>) -> bool {
    match value {
        Some(Json::Array(items)) => items.iter().all(Json::is_string),
        Some(Json::Null) => true,
        _ => false,
    }
}
