//! Signals: what stops a run, what does not, and what must not kill it.

use nix::sys::signal::{self, SigHandler, Signal};

use super::exit::{Exit, Failure};
use super::print;
use crate::stage::Stop;

/// Has a file that grows over a limit (`ulimit -f`) be an error like any other of the disk, where the system would kill the
/// program without a word.
pub(super) fn outlive_limits() {
    ignore(Signal::SIGXFSZ);
}

/// The first signal asks the run to stop at the next safe point; the second ends the program at once.
///
/// A terminal that goes away stops a run as well, unless whoever started it had it ignored, as `nohup` does.
pub(super) fn stop_on_signals() -> Result<&'static Stop, Failure> {
    static STOP: Stop = Stop::new();
    let handler = || {
        if STOP.asked() {
            // The cursor stands behind the last bar.
            print::line_end();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        STOP.ask();
    };
    let protected = ignore(Signal::SIGHUP);
    ctrlc::set_handler(handler).map_err(|error| Failure::unusable(format!("cannot listen for signals: {error}")))?;
    if protected {
        ignore(Signal::SIGHUP);
    }
    Ok(&STOP)
}

/// Ignores a signal from now on; says whether it was ignored before.
#[expect(
    unsafe_code,
    reason = "what a signal does is set through the system's interface, which is unsafe for handlers"
)]
fn ignore(signal: Signal) -> bool {
    // SAFETY: no handler is installed, the signal is only ignored.
    let before = unsafe { signal::signal(signal, SigHandler::SigIgn) };
    matches!(before, Ok(SigHandler::SigIgn))
}
