//! Waiting no longer than so long for a file system that may never answer.
//!
//! A call to a network file system whose server is gone cannot be called back, so it is made on a thread that may be left
//! behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

type Job = Box<dyn FnOnce() + Send>;

/// So many calls may hang before no further one is made.
const THREADS_MAX: usize = 128;

/// How long a thread waits for another call.
const IDLE_FOR: Duration = Duration::from_secs(5);

/// The threads that make the calls of one remote; there are as many as calls at one time.
#[derive(Debug)]
pub(super) struct Patience {
    jobs: Sender<Job>,
    taken: Receiver<Job>,
    threads: Arc<AtomicUsize>,
}

impl Default for Patience {
    fn default() -> Self {
        // Without room, so that a call is handed only to a thread that is waiting for one.
        let (jobs, taken) = bounded(0);
        Self { jobs, taken, threads: Arc::default() }
    }
}

impl Patience {
    /// Makes a call; `None` when it has not ended in time, or when too many hang already.
    ///
    /// Time begins anew whenever `moved` has changed, so that a long copy may take as long as it moves.
    pub(super) fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        moved: Option<&AtomicU64>,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = bounded(1);
        self.hand(Box::new(move || {
            // Nobody may be waiting any more.
            let _ = answer.send(call());
        }))?;
        let mut seen = moved.map(|moved| moved.load(Ordering::Relaxed));
        loop {
            match answered.recv_timeout(timeout) {
                Ok(value) => return Some(value),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let now = moved.map(|moved| moved.load(Ordering::Relaxed));
                    if now == seen {
                        return None;
                    }
                    seen = now;
                }
            }
        }
    }

    fn hand(&self, job: Job) -> Option<()> {
        let Err(refused) = self.jobs.try_send(job) else { return Some(()) };
        if self.threads.fetch_add(1, Ordering::Relaxed) >= THREADS_MAX {
            self.threads.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let (first, taken, threads) = (refused.into_inner(), self.taken.clone(), Leaving(Arc::clone(&self.threads)));
        let work = move || {
            let _leaving = threads;
            first();
            while let Ok(job) = taken.recv_timeout(IDLE_FOR) {
                job();
            }
        };
        std::thread::Builder::new().name("retort-remote".into()).spawn(work).ok().map(drop)
    }
}

/// Counts a thread out however it ends.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);
    const LATE: Duration = Duration::from_mins(1);

    #[test]
    fn an_answer_is_returned_and_a_call_that_hangs_is_left_behind() {
        let patience = Patience::default();
        assert_eq!(patience.run(LATE, None, || 3), Some(3));
        let (release, hangs) = bounded::<()>(0);
        assert_eq!(patience.run(SOON, None, move || hangs.recv().is_ok()), None);
        assert_eq!(patience.run(LATE, None, || 4), Some(4), "others go on beside it");
        drop(release);
    }

    #[test]
    fn a_call_that_moves_may_take_longer_than_the_time_for_one_answer() {
        let patience = Patience::default();
        let moved = Arc::new(AtomicU64::new(0));
        let (ended, steps) = (Arc::new(AtomicU64::new(0)), 5);
        let (counter, end) = (Arc::clone(&moved), Arc::clone(&ended));
        let answer = patience.run(Duration::from_secs(20), Some(&moved), move || {
            for _ in 0..steps {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            end.store(1, Ordering::Relaxed);
        });
        assert_eq!((answer, ended.load(Ordering::Relaxed)), (Some(()), 1));
    }

    #[test]
    fn a_call_that_panics_is_no_answer() {
        let patience = Patience::default();
        let panics = || -> u8 { panic!("on purpose") };
        assert_eq!(patience.run(LATE, None, panics), None);
        assert_eq!(patience.run(LATE, None, || 5), Some(5));
    }

    #[test]
    fn no_more_than_so_many_calls_hang() {
        let patience = Patience::default();
        let (release, hangs) = bounded::<()>(0);
        for _ in 0..THREADS_MAX {
            let hangs = hangs.clone();
            assert_eq!(patience.run(SOON, None, move || hangs.recv().is_ok()), None);
        }
        assert_eq!(patience.run(LATE, None, || 6), None, "refused at once");
        drop(release);
    }
}
