//! Ctrl-C: what is half written goes, and the program ends. What was embedded is in the store; the
//! same command goes on from there.

use signal_hook::low_level::exit;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// As a shell has it: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// Times that a folder which is written to meanwhile is taken away.
const TRIES: usize = 100;

/// What is half written.
static SCRATCH: Mutex<Vec<PathBuf>> = Mutex::new(vec![]);
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// From now on the first signal takes away what is half written, and the second ends at once.
pub fn watch() {
    let end = || {
        if IS_ENDING.swap(true, Ordering::SeqCst) {
            exit(INTERRUPTED);
        }
        std::thread::spawn(|| {
            let scratch = std::mem::take(&mut *SCRATCH.lock().unwrap_or_else(PoisonError::into_inner));
            for path in scratch {
                // It may be written to meanwhile, or be in its place by now.
                let is_gone = || std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path)).is_ok();
                (0..TRIES).any(|_| !path.exists() || is_gone());
            }
            eprintln!("refrain: interrupted; the same command goes on with what is in the store");
            // An ordinary exit would take the runtime down under its own threads, which may be in a batch, and crash.
            exit(INTERRUPTED);
        });
    };
    // A program that was started to ignore the signal goes on ignoring it; else, without this, it ends less tidily.
    ctrlc::try_set_handler(end).ok();
}

/// Has this path taken away if the program is interrupted.
pub fn takes_away(path: &Path) {
    SCRATCH.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
}
