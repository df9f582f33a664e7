//! Threads for workers, as far as the system has them.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, Scope};

use super::worker::Job;

/// Starts a job on a thread of its own; gives it back where the system starts no further thread, as under a limit on memory or
/// on processes.
pub(super) fn on_thread<'scope, 'env: 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    job: Job<'env>,
) -> Result<(), Box<(Job<'env>, io::Error)>> {
    let shared = Arc::new(Mutex::new(Some(job)));
    let theirs = Arc::clone(&shared);
    let take = |job: &Mutex<Option<Job<'env>>>| job.lock().ok().and_then(|mut job| job.take());
    let work = move || take(&theirs).map_or((), Job::work);
    match Builder::new().spawn_scoped(scope, work) {
        Ok(_) => Ok(()),
        Err(error) => take(&shared).map_or(Ok(()), |job| Err(Box::new((job, error)))),
    }
}
