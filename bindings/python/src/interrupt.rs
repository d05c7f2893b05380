//! How long work is done: in a thread of its own, without the interpreter's lock, so that other Python threads go on, while the
//! thread that called waits and lets Python handle signals.
//!
//! On Ctrl-C (an exception of a signal's handler) the library is told to stop, and the exception is raised. Where the library
//! runs the model or writes a file, it is waited for until it has stopped, after a batch at most: the process may be about to
//! end, and the runtime must not be taken down under a running session. Elsewhere nobody waits: a comparison or a fit that has
//! begun ends in the background, and what it found is dropped.

use crate::errors;
use pyo3::prelude::*;
use rayon::ThreadPoolBuilder;
use refrain::{Error, Progress, Result, Stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How long a signal waits at most.
const PATIENCE: Duration = Duration::from_millis(50);

/// Does `work` with `threads` threads (0: one for each core).
pub fn run<T: Send + 'static>(
    py: Python,
    threads: usize,
    work: impl FnOnce(&dyn Progress) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let watch = Arc::new(Watch::default());
    let (send, done) = mpsc::sync_channel(1);
    let worker = std::thread::spawn({
        let watch = Arc::clone(&watch);
        move || {
            let result = in_pool(threads, || work(&*watch));
            // Nobody may wait for it any more.
            send.send(result).ok();
        }
    });
    py.detach(move || {
        loop {
            match done.recv_timeout(PATIENCE) {
                Ok(result) => return result.map_err(|error| errors::raised(&error)),
                Err(RecvTimeoutError::Timeout) => {
                    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is of one lifetime")]
                    let handled = Python::attach(|py| py.check_signals());
                    if let Err(interrupt) = handled {
                        if watch.stop() {
                            done.recv().ok();
                        }
                        return Err(interrupt);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => match worker.join() {
                    Err(panic) => std::panic::resume_unwind(panic),
                    Ok(()) => return Err(errors::raised(&Error::Stopped)),
                },
            }
        }
    })
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if threads == 0 {
        return work();
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| Error::Option {
        option: "--threads",
        found: threads.to_string(),
        expected: format!("as many as the system lets start ({e})"),
    })?;
    pool.install(work)
}

/// Knows whether the run is to stop, and whether it must be waited for until it has.
#[derive(Default)]
struct Watch {
    is_stopped: AtomicBool,
    is_in_hand: AtomicBool,
}

impl Watch {
    /// Tells the run to stop; true if it must be waited for. The library asks `is_stopped` after it has said what stage
    /// begins, so that it cannot begin one unseen.
    fn stop(&self) -> bool {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.is_in_hand.load(Ordering::SeqCst)
    }
}

impl Progress for Watch {
    fn start(&self, stage: Stage, _: usize) {
        let is_in_hand = matches!(stage, Stage::Model | Stage::Embedding | Stage::Writing);
        self.is_in_hand.store(is_in_hand, Ordering::SeqCst);
    }

    fn advance(&self, _: usize) {}

    fn finish(&self) {
        self.is_in_hand.store(false, Ordering::SeqCst);
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }
}
