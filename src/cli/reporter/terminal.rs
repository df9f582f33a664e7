//! Lines and bars on a terminal, drawn by a thread of their own.
//!
//! The run never waits for the terminal: events are sent to the thread, which draws ten times a second, so that times go on
//! while nothing happens. Only the end of a run is waited for, so that what is written next comes after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use console::Term;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::canvas::Canvas;
use super::frame::{Space, frame};
use super::line::Mark;
use super::narrate::Narrator;
use super::styled::styled;
use crate::event::{Event, Reporter, What};

/// The time between two drawings.
const TICK: Duration = Duration::from_millis(100);
/// How long a run goes on before anything moving is drawn.
const APPEARS_AFTER: Duration = Duration::from_millis(400);
/// The most lines drawn, even where the terminal is tall.
const LINES_MAX: usize = 16;

enum Message {
    Heard(Box<Event>),
    /// Answers once everything before it is on the screen.
    Settle(Sender<()>),
}

/// The handle to the thread that draws on stderr.
pub(super) struct Terminal {
    /// Dropped to end the thread.
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Starts to draw; returns `None` where stderr cannot be drawn on.
    pub(super) fn start(verbose: u8, colour: bool) -> Option<Self> {
        let screen = Screen::new(verbose, colour)?;
        let (messages, receiver) = unbounded();
        let thread = std::thread::Builder::new().name("reporter".into()).spawn(move || screen.turn(&receiver)).ok()?;
        Some(Self { messages: Some(messages), thread: Some(thread) })
    }

    /// Sends to the thread; if it is gone, there is no one left to tell.
    fn send(&self, message: Message) {
        if let Some(messages) = &self.messages {
            let _ = messages.send(message);
        }
    }
}

impl Reporter for Terminal {
    fn report(&mut self, event: &Event) {
        self.send(Message::Heard(Box::new(event.clone())));
        if matches!(event.what, What::RunFinished { .. }) {
            let (settled, wait) = bounded(1);
            self.send(Message::Settle(settled));
            let _ = wait.recv();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been told by the panic hook, and the run's results do not depend on it.
            let _ = thread.join();
        }
    }
}

struct Screen {
    narrator: Narrator,
    colour: bool,
    term: Term,
    /// One bar whose message is the whole frame, so that a drawing is never half old.
    bar: ProgressBar,
    began: Instant,
    /// Whether the bar is on the screen.
    shown: Arc<AtomicBool>,
    drawn: Option<Instant>,
    /// The last event's time, and when it came: what lies between two events is measured here.
    last: (u64, Instant),
}

impl Screen {
    fn new(verbose: u8, colour: bool) -> Option<Self> {
        let term = Term::buffered_stderr();
        if !term.is_term() || console::is_dumb() {
            return None;
        }
        let began = Instant::now();
        let shown = Arc::default();
        Some(Self {
            narrator: Narrator::new(false, verbose),
            colour,
            bar: new_bar(&term, &shown),
            term,
            began,
            shown,
            drawn: None,
            last: (0, began),
        })
    }

    fn turn(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(TICK) {
                Ok(Message::Heard(event)) => self.hear(&event),
                Ok(Message::Settle(settled)) => {
                    let _ = settled.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.draw();
        }
        self.clear();
    }

    fn hear(&mut self, event: &Event) {
        self.last = (event.at_ms, Instant::now());
        let line = self.narrator.hear(event);
        match event.what {
            What::RunStarted { .. } => {
                self.clear();
                (self.bar, self.began) = (new_bar(&self.term, &self.shown), Instant::now());
            }
            What::RunFinished { .. } => self.clear(),
            _ => {}
        }
        // What is at work or waits is seen below; the line that stays is the one on how it ended.
        if let Some(line) = line.filter(|line| !matches!(line.mark, Mark::Start | Mark::Wait)) {
            let columns = usize::from(self.term.size().1);
            self.bar.println(styled(&line, Some(columns), self.colour));
        }
    }

    fn clear(&self) {
        self.shown.store(false, Ordering::Relaxed);
        self.bar.finish_and_clear();
    }

    fn draw(&mut self) {
        let early = self.began.elapsed() < APPEARS_AFTER || self.drawn.is_some_and(|drawn| drawn.elapsed() < TICK);
        if early || self.bar.is_finished() {
            return;
        }
        self.drawn = Some(Instant::now());
        let (at_ms, heard) = self.last;
        let now_ms = at_ms.saturating_add(u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX));
        let (lines, columns) = self.term.size();
        let lines = usize::from(lines).saturating_sub(2).min(LINES_MAX);
        let space = Space { columns: usize::from(columns), lines, colour: self.colour };
        self.shown.store(true, Ordering::Relaxed);
        self.bar.set_message(frame(&self.narrator.board, now_ms, space).join("\n"));
    }
}

fn new_bar(term: &Term, shown: &Arc<AtomicBool>) -> ProgressBar {
    let canvas = Canvas::new(term.clone(), Arc::clone(shown));
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 20));
    bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is well formed"));
    bar
}
