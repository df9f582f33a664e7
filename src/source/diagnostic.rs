//! Errors that point at what a person wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{FileId, Sources, Span};

/// One error: what is wrong, where, and what to try.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The place, where there is one.
    pub span: Option<Span>,
    /// What is wrong, lowercase and without a final period.
    pub message: String,
    /// What stands beside the caret.
    pub label: String,
    /// What to try.
    pub hint: Option<String>,
    /// A place that is not shown, in the lines of this error or of any other, since a key may stand there.
    pub concealed: Option<Span>,
}

impl Diagnostic {
    /// Makes an error at a place.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::of(message) }
    }

    /// Makes an error that has no place.
    pub fn of(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), label: String::new(), hint: None, concealed: None }
    }

    /// Keeps what stands at a place from being shown.
    #[must_use]
    pub fn conceal(mut self, span: Span) -> Self {
        self.concealed = Some(span);
        self
    }

    /// Adds the words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to try, where there is something.
    #[must_use]
    pub fn hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = self.hint.or(hint);
        self
    }
}

/// Whether rendered diagnostics carry colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// ANSI colours.
    Colour,
    /// Plain text.
    Plain,
}

/// The errors found so far, without repetition.
///
/// One wrong line can be met once for every combination of axes; it is reported once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    notices: Vec<Diagnostic>,
    seen: BTreeSet<Diagnostic>,
}

impl Diagnostics {
    /// Adds an error unless the same one was found before.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.seen.insert(diagnostic.clone()) {
            self.found.push(diagnostic);
        }
    }

    /// Adds something to know that is no error, unless it was added before.
    pub fn notice(&mut self, diagnostic: Diagnostic) {
        if self.seen.insert(diagnostic.clone()) {
            self.notices.push(diagnostic);
        }
    }

    /// Takes what is no error, in the order of its places.
    pub fn take_notices(&mut self) -> Vec<Diagnostic> {
        let mut notices = std::mem::take(&mut self.notices);
        notices.sort_by_key(|notice| notice.span);
        notices
    }

    /// Says whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns how many errors there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Returns the errors in the order of their places.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<_> = self.found.iter().collect();
        sorted.sort_by_key(|diagnostic| diagnostic.span);
        sorted
    }

    /// Renders every error with its file, line, column, caret and hint.
    pub fn render(&self, sources: &Sources, style: Style) -> String {
        let renderer = match style {
            Style::Colour => Renderer::styled(),
            Style::Plain => Renderer::plain(),
        };
        let concealed: Vec<Span> = self.found.iter().filter_map(|diagnostic| diagnostic.concealed).collect();
        let mut shown = BTreeMap::new();
        for file in self.found.iter().filter_map(|diagnostic| Some(diagnostic.span?.file)) {
            shown.entry(file).or_insert_with(|| {
                let within = concealed.iter().filter(|span| span.file == file).map(|span| span.start..span.end);
                without_keys(sources.text(file), within)
            });
        }
        let rendered = self.sorted().into_iter().map(|diagnostic| render_one(diagnostic, sources, &shown, &renderer));
        rendered.collect::<Vec<_>>().join("\n\n")
    }
}

fn render_one(
    diagnostic: &Diagnostic,
    sources: &Sources,
    shown: &BTreeMap<FileId, String>,
    renderer: &Renderer,
) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(diagnostic.message.as_str()));
    let path;
    if let Some(span) = diagnostic.span {
        path = sources.path(span.file).display().to_string();
        let text = shown.get(&span.file).map_or("", String::as_str);
        let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
        let mut annotation = AnnotationKind::Primary.span(start..first_line_end(text, start, end));
        if !diagnostic.label.is_empty() {
            annotation = annotation.label(diagnostic.label.as_str());
        }
        group = group.element(Snippet::source(text).path(path.as_str()).annotation(annotation));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    renderer.render(&[group])
}

/// A caret under a whole block says less than one under its first line.
fn first_line_end(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).and_then(|slice| slice.find('\n')).map_or(end, |offset| start + offset)
}

/// Puts `*` in the place of every byte that is not to be shown: of the ranges, and in addresses of what stands before an `@`
/// and behind a `?` or `#`, where keys are put. Places stay where they are.
fn without_keys(text: &str, concealed: impl Iterator<Item = Range<usize>>) -> String {
    let mut hidden: Vec<Range<usize>> = concealed.collect();
    for (at, _) in text.match_indices("://") {
        let from = at + 3;
        let ends = |c: char| c.is_whitespace() || "\"'`<>,{}[]()".contains(c);
        let to = text[from..].find(ends).map_or(text.len(), |end| from + end);
        let address = &text[from..to];
        hidden.extend(address.rfind('@').map(|end| from..from + end));
        hidden.extend(address.find(['?', '#']).map(|start| from + start + 1..to));
    }
    if hidden.is_empty() {
        return text.to_owned();
    }
    let mut bytes = text.as_bytes().to_vec();
    for range in hidden {
        let range = range.start.min(bytes.len())..range.end.min(bytes.len());
        bytes[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
    }
    // A range that begins within a character would leave half of one.
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown_by_any_error() {
        let text = "a: [ https://me:PW@h/v1, key ]\nb: https://h/v1?k=PW&l=m # c\nc: { d: PW }\n";
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", text);
        let span = |what: &str| {
            let start = text.find(what).unwrap();
            Span { file, start, end: start + what.len() }
        };
        let mut found = Diagnostics::default();
        found.push(Diagnostic::at(span("key"), "one"));
        found.push(Diagnostic::at(span("b:"), "two"));
        found.push(Diagnostic::at(span("d:"), "three").conceal(span("PW }")));
        found.push(Diagnostic::at(span("c: {"), "four"));
        let rendered = found.render(&sources, Style::Plain);
        assert!(!rendered.contains("PW"), "{rendered}");
        assert!(rendered.contains("https://*****@h/v1, key ]"), "{rendered}");
        assert!(rendered.contains("c: { d: ****"), "{rendered}");
    }
}
