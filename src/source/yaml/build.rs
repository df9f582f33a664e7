//! From events to the tree.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, ScalarStyle, Span as Marks, Tag};

use super::super::span::FileId;
use super::super::{Diagnostic, Diagnostics, Key, Node, Span, Value};
use super::scalar;

/// The most values a document may hold, its aliases expanded.
pub(super) const MAX_NODES: usize = 200_000;
/// The most bytes of text the values may hold, aliases expanded.
const MAX_TEXT: usize = 16 << 20;
/// How deeply lists and mappings may nest.
pub(super) const MAX_DEPTH: usize = 64;
/// After this many errors in one file, the rest would not be read.
const MAX_ERRORS: usize = 100;

/// Says that nothing more of the file is read.
pub(super) struct Halt;

/// Builds the tree of one document.
pub(super) struct Builder<'t> {
    text: &'t str,
    file: FileId,
    /// The byte at which each character starts; empty where characters are bytes.
    starts: Vec<u32>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    bytes: usize,
    problems: Diagnostics,
}

/// A list or mapping whose end was not met yet.
struct Open {
    span: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, spans: BTreeMap<String, Span>, pending: Pending },
}

/// What comes next in a mapping.
enum Pending {
    Key,
    /// The value of a key, which is dropped where the key was refused.
    Value(Option<Key>),
}

/// What an anchor names, with its size.
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
    height: usize,
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str, file: FileId) -> Self {
        let starts =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(start, _)| start as u32).collect() };
        let (open, anchors, problems) = (Vec::new(), BTreeMap::new(), Diagnostics::default());
        Self { text, file, starts, open, root: None, anchors, nodes: 0, bytes: 0, problems }
    }

    /// Takes one event.
    pub(super) fn event(&mut self, event: Event<'_>, marks: Marks) -> Result<(), Halt> {
        let span = self.span(marks);
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), span)?,
            Event::SequenceStart(anchor, tag) => {
                self.tagged("seq", tag.as_deref(), span);
                self.begin(span, anchor, Content::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.tagged("map", tag.as_deref(), span);
                let (entries, spans) = (Vec::new(), BTreeMap::new());
                self.begin(span, anchor, Content::Map { entries, spans, pending: Pending::Key })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        if self.problems.len() < MAX_ERRORS { Ok(()) } else { Err(Halt) }
    }

    /// Reports what the parser stumbled over.
    pub(super) fn syntax(&mut self, marker: Marker, info: &str) {
        let start = self.byte(marker.index());
        let end = self.text[start..].chars().next().map_or(start, |character| start + character.len_utf8());
        let hint = info.contains("tab").then(|| "indent with spaces".to_owned());
        let span = Span { file: self.file, start, end };
        self.fail(Diagnostic::at(span, format!("this is not YAML: {info}")).hint_if(hint));
    }

    /// Reports an error.
    pub(super) fn fail(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// Turns places counted in characters into places counted in bytes.
    pub(super) fn span(&self, marks: Marks) -> Span {
        let start = self.byte(marks.start.index());
        Span { file: self.file, start, end: self.byte(marks.end.index()).max(start) }
    }

    /// Returns the tree.
    pub(super) fn finish(mut self) -> Result<Node, Diagnostics> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        match self.root.take() {
            Some(Node { value: Value::Null, .. }) | None => {
                self.fail(Diagnostic::at(Span { file: self.file, start: 0, end: 0 }, "the file is empty"));
                Err(self.problems)
            }
            Some(root) => Ok(root),
        }
    }

    fn byte(&self, character: usize) -> usize {
        let byte = match self.starts.get(character) {
            Some(start) => *start as usize,
            None if self.starts.is_empty() => character,
            None => self.text.len(),
        };
        byte.min(self.text.len())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        mut span: Span,
    ) -> Result<(), Halt> {
        // A value that was left out is reported at the token before it; blocks of text end after their last line.
        let written = &self.text[span.start..span.end];
        span.end = if text.is_empty() && style == ScalarStyle::Plain && anchor == 0 && tag.is_none() {
            span.start
        } else {
            span.start + written.trim_end().len()
        };
        if text == "<<" && style == ScalarStyle::Plain && self.expects_key() {
            let merge = Diagnostic::at(span, "merge keys (`<<`) are not supported");
            self.fail(merge.hint("declare the shared mapping under `fragments`, and take it in with `use: its-name`"));
            self.place_key(None);
            return Ok(());
        }
        let value = scalar::resolve(text, style, tag).unwrap_or_else(|why| {
            self.fail(Diagnostic::at(span, why).hint("put it in quotes if it is text"));
            Value::Null
        });
        self.charge(1, text.len(), span)?;
        self.finished(Node { value, span }, anchor)
    }

    fn tagged(&mut self, expected: &str, tag: Option<&Tag>, span: Span) {
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == expected)) {
            self.fail(Diagnostic::at(span, scalar::unknown(tag)));
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), Halt> {
        if self.open.len() >= MAX_DEPTH {
            return self.too_deep(span);
        }
        self.charge(1, 0, span)?;
        self.open.push(Open { span, anchor, content });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Halt> {
        let Some(Open { mut span, anchor, content }) = self.open.pop() else { return Ok(()) };
        let (value, last) = match content {
            Content::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Value::List(items), last)
            }
            Content::Map { entries, .. } => {
                let last = entries.last().map(|(key, node)| key.span.end.max(node.span.end));
                (Value::Map(entries), last)
            }
        };
        // Only a bracket is an end that was written; an indented block ends with its last value.
        let bracket = self.text[end.start..end.end].starts_with([']', '}']);
        span.end = if bracket { end.end } else { last.unwrap_or(span.end) }.max(span.start);
        self.finished(Node { value, span }, anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Halt> {
        let Some(found) = self.anchors.get(&anchor) else {
            self.fail(Diagnostic::at(span, "an alias stands inside what it refers to"));
            return Err(Halt);
        };
        let (nodes, bytes, height) = (found.nodes, found.bytes, found.height);
        if self.open.len() + height > MAX_DEPTH {
            return self.too_deep(span);
        }
        self.charge(nodes, bytes, span)?;
        let node = self.anchors[&anchor].node.clone();
        self.put(node, Some(span));
        Ok(())
    }

    fn finished(&mut self, node: Node, anchor: usize) -> Result<(), Halt> {
        if anchor != 0 {
            let (nodes, bytes, height) = measure(&node);
            self.charge(nodes, bytes, node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, bytes, height });
        }
        self.put(node, None);
        Ok(())
    }

    /// Puts a value where it belongs; a key that is an alias stands where the alias stands.
    fn put(&mut self, node: Node, alias: Option<Span>) {
        if self.expects_key() {
            let span = alias.unwrap_or(node.span);
            let key = self.key(node, span);
            return self.place_key(key);
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, pending, .. }) => {
                if let Pending::Value(Some(key)) = std::mem::replace(pending, Pending::Key) {
                    entries.push((key, node));
                }
            }
        }
    }

    /// Makes a key of a value; `None` when it is no text, which is reported.
    fn key(&mut self, node: Node, span: Span) -> Option<Key> {
        let (described, scalar) = (node.describe(), node.scalar().is_some());
        if let Value::Text(text) = node.value {
            return Some(Key { text, span });
        }
        let wrong = Diagnostic::at(span, format!("a key cannot be {described}")).label("expected text");
        self.fail(wrong.hint_if(scalar.then(|| "put it in quotes".into())));
        None
    }

    /// Puts a key where it belongs; one that was refused, or is there already, leads to a value that is dropped.
    fn place_key(&mut self, key: Option<Key>) {
        let Some(Content::Map { spans, pending, .. }) = self.open.last_mut().map(|open| &mut open.content) else {
            return;
        };
        *pending = Pending::Value(None);
        let Some(key) = key else { return };
        let Some(first) = spans.get(&key.text).copied() else {
            spans.insert(key.text.clone(), key.span);
            *pending = Pending::Value(Some(key));
            return;
        };
        let line = |span: Span| self.text[..span.start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let (first, second) = (line(first), line(key.span));
        let message = format!("the key `{}` is given twice, on lines {first} and {second}", key.text);
        self.fail(Diagnostic::at(key.span, message));
    }

    fn expects_key(&self) -> bool {
        let content = self.open.last().map(|open| &open.content);
        matches!(content, Some(Content::Map { pending: Pending::Key, .. }))
    }

    fn charge(&mut self, nodes: usize, bytes: usize, span: Span) -> Result<(), Halt> {
        self.nodes += nodes;
        self.bytes += bytes;
        let why = match (self.nodes > MAX_NODES, self.bytes > MAX_TEXT) {
            (true, _) => format!("the file holds more than {} thousand values", MAX_NODES / 1000),
            (_, true) => format!("the file holds more than {} MiB of text", MAX_TEXT >> 20),
            _ => return Ok(()),
        };
        let (why, hint) = if self.anchors.is_empty() {
            (why, "let an axis multiply stages instead of writing each one")
        } else {
            (format!("{why} once its aliases are expanded"), "declare what is shared under `fragments`")
        };
        self.fail(Diagnostic::at(span, why).label("the limit is passed here").hint(hint));
        Err(Halt)
    }

    fn too_deep(&mut self, span: Span) -> Result<(), Halt> {
        self.fail(Diagnostic::at(span, format!("values are nested more than {MAX_DEPTH} levels deep")));
        Err(Halt)
    }
}

/// Counts (values, bytes of text, levels).
fn measure(node: &Node) -> (usize, usize, usize) {
    let join = |total: (usize, usize, usize), (key, child): (usize, &Node)| {
        let (nodes, bytes, height) = measure(child);
        (total.0 + nodes, total.1 + bytes + key, total.2.max(height + 1))
    };
    match &node.value {
        Value::Text(text) => (1, text.len(), 0),
        Value::List(items) => items.iter().map(|item| (0, item)).fold((1, 0, 1), join),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.len(), node)).fold((1, 0, 1), join),
        _ => (1, 0, 0),
    }
}
