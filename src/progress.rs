//! How a run tells whoever watches what it is doing, and is told to stop. A library never prints.

use crate::{Error, Result};

/// The parts of a run that may take long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Fetching ONNX Runtime.
    Runtime,
    /// Reading documents and cutting them into passages.
    Reading,
    /// Loading the model.
    Model,
    /// Embedding passages.
    Embedding,
    /// Grouping passages into themes.
    Clustering,
    /// Placing passages on a map.
    Projection,
    /// Comparing passages.
    Duplicates,
    /// Writing the report.
    Writing,
}

/// Receives a run's progress; every method may be called from any thread.
pub trait Progress: Sync {
    /// A stage begins, of `total` steps (0: not known).
    fn start(&self, stage: Stage, total: usize);
    /// So many more steps are done.
    fn advance(&self, steps: usize);
    /// The stage is over.
    fn finish(&self);
    /// Whether the run is to end; asked where a stage begins, and after each batch of embeddings.
    fn is_stopped(&self) -> bool {
        false
    }
}

impl dyn Progress + '_ {
    /// A stage begins, unless the run is to end.
    pub(crate) fn begin(&self, stage: Stage, total: usize) -> Result<()> {
        self.start(stage, total);
        self.go_on()
    }

    /// An error if the run is to end.
    pub(crate) fn go_on(&self) -> Result<()> {
        if self.is_stopped() { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// Nobody watches.
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: Stage, _: usize) {}
    fn advance(&self, _: usize) {}
    fn finish(&self) {}
}
