//! Errors that point at what a person wrote.

use std::collections::BTreeSet;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Sources, Span};

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
}

impl Diagnostic {
    /// Makes an error at a place.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), message: message.into(), label: String::new(), hint: None }
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
    seen: BTreeSet<Diagnostic>,
}

impl Diagnostics {
    /// Adds an error unless the same one was found before.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.seen.insert(diagnostic.clone()) {
            self.found.push(diagnostic);
        }
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
        let rendered = self.sorted().into_iter().map(|diagnostic| render_one(diagnostic, sources, &renderer));
        rendered.collect::<Vec<_>>().join("\n\n")
    }
}

fn render_one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(diagnostic.message.as_str()));
    let path;
    if let Some(span) = diagnostic.span {
        path = sources.path(span.file).display().to_string();
        let text = sources.text(span.file);
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
