//! Progress on standard error: a bar or a line for whatever takes longer than a second.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use refrain::{Progress, Stage};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// What runs shorter than this is not mentioned.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows one stage at a time.
pub struct Watch {
    quiet: bool,
    stage: Mutex<Option<Arc<Shown>>>,
}

struct Shown {
    stage: Stage,
    total: usize,
    bar: ProgressBar,
}

impl Watch {
    pub fn new(quiet: bool) -> Self {
        Self { quiet, stage: Mutex::default() }
    }
}

impl Progress for Watch {
    fn start(&self, stage: Stage, total: usize) {
        if self.quiet {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden());
        let shown = Arc::new(Shown { stage, total, bar });
        let later = Arc::downgrade(&shown);
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        // Whoever still holds the stage after a second wants it seen.
        std::thread::spawn(move || {
            std::thread::park_timeout(PATIENCE);
            Weak::upgrade(&later).inspect(|shown| shown.appear());
        });
    }

    fn advance(&self, steps: usize) {
        if let Some(shown) = &*self.stage.lock().unwrap_or_else(PoisonError::into_inner) {
            shown.bar.inc(steps as u64);
        }
    }

    fn finish(&self) {
        if let Some(shown) = self.stage.lock().unwrap_or_else(PoisonError::into_inner).take() {
            shown.bar.finish_and_clear();
        }
    }
}

impl Shown {
    fn appear(&self) {
        let what = match self.stage {
            Stage::Runtime => "fetching ONNX Runtime (once, about 80 MB)",
            Stage::Reading => "reading",
            Stage::Model => "loading the model",
            Stage::Embedding => "embedding",
            Stage::Clustering => "clustering",
            Stage::Projection => "drawing the map",
            Stage::Duplicates => "comparing",
            Stage::Writing => "writing",
        };
        if !console::user_attended_stderr() {
            eprintln!("refrain: {what} …");
            return;
        }
        let template =
            if self.total > 0 { "{msg} {wide_bar} {pos}/{len}, {per_sec}, {eta} left" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(what);
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }
}
