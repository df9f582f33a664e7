//! The terminal as the bars see it: the cursor is left at the end of the text, not at the edge of the screen.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use console::Term;
use indicatif::TermLike;

/// Passes everything on to a terminal but the blanks after the last line.
///
/// Lines are filled with blanks to the edge, so that whatever is written next begins a new line. While bars are shown,
/// what is written next is the `^C` of an interrupt, and a new line for it would shift the bars and leave one behind.
#[derive(Debug)]
pub(super) struct Canvas {
    term: Term,
    /// Whether bars are shown, so that blanks at the end are dropped.
    drawn: Arc<AtomicBool>,
    /// Blanks that are not written yet.
    blanks: AtomicUsize,
}

impl Canvas {
    /// Draws on `term`, which should be buffered; `drawn` says whether bars are shown.
    pub(super) fn new(term: Term, drawn: Arc<AtomicBool>) -> Self {
        Self { term, drawn, blanks: AtomicUsize::new(0) }
    }

    fn fill(&self) -> io::Result<&Term> {
        match self.blanks.swap(0, Ordering::Relaxed) {
            0 => {}
            blanks => self.term.write_str(&" ".repeat(blanks))?,
        }
        Ok(&self.term)
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.fill()?.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.fill()?.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.fill()?.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.fill()?.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.fill()?.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.is_empty() && text.bytes().all(|byte| byte == b' ') {
            self.blanks.fetch_add(text.len(), Ordering::Relaxed);
            return Ok(());
        }
        self.fill()?.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.fill()?.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        if self.drawn.load(Ordering::Relaxed) {
            self.blanks.store(0, Ordering::Relaxed);
        }
        self.fill()?.flush()
    }
}
