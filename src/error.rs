//! Everything that ends a run. A message says where, what was found, what was expected and what to
//! do next; what costs only a part of the input is a [`Warning`](crate::Warning) instead.

use std::path::PathBuf;

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path that was named does not exist or cannot be listed.
    #[error("{path}: cannot be read ({source}); name an existing file, folder or glob, or `-` for standard input")]
    Input {
        /// The path as it was typed.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A glob or an include/exclude pattern that does not parse, or matches nothing.
    #[error("{pattern}: {reason}")]
    Pattern {
        /// The pattern as it was typed.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing that was named held a passage to work on.
    #[error("no passages to work on: {found}; {remedy}")]
    NoPassages {
        /// What was found instead, with counts.
        found: String,
        /// What to try.
        remedy: String,
    },
    /// An option's value is out of its range.
    #[error("{option}: found {found}, expected {expected}")]
    Option {
        /// The option's name on the command line.
        option: &'static str,
        /// The value found.
        found: String,
        /// The values allowed.
        expected: String,
    },
    /// More clusters were asked for than there are different passages.
    #[error(
        "-k {n_clusters}: there are only {n_distinct} passages of different text; ask for at most that many, or for `-k auto`"
    )]
    TooManyClusters {
        /// Clusters asked for.
        n_clusters: usize,
        /// Passages of different text.
        n_distinct: usize,
    },
    /// The rows given for clustering or comparison are not usable.
    #[error("row {row} of the embeddings {found}; every row must hold {dim} finite numbers and have unit length")]
    Rows {
        /// Index of the first bad row.
        row: usize,
        /// What was found there.
        found: String,
        /// Width expected.
        dim: usize,
    },
    /// k-means itself failed.
    #[error("k-means failed on {n_rows} rows with k = {n_clusters}: {reason}")]
    Clustering {
        /// Rows given.
        n_rows: usize,
        /// Clusters asked for.
        n_clusters: usize,
        /// What the algorithm said.
        reason: String,
    },
    /// The embedding model's files cannot be used.
    #[error("model {model}: {reason}")]
    Model {
        /// Name or folder of the model.
        model: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// ONNX Runtime cannot be had.
    #[error(transparent)]
    Runtime(#[from] crate::embedding::RuntimeError),
    /// The model ran and failed.
    #[error(
        "embedding {n_passages} passages of up to {max_tokens} tokens failed on {provider}: {reason}; try `--provider cpu`"
    )]
    Inference {
        /// Passages in the batch.
        n_passages: usize,
        /// Tokens of the longest.
        max_tokens: usize,
        /// Provider in use.
        provider: String,
        /// What the runtime said.
        reason: String,
    },
    /// Whoever watches the run has stopped it.
    #[error("stopped; the same command goes on with what is in the store")]
    Stopped,
    /// A file of embeddings cannot be used.
    #[error("{document}: {reason}")]
    Embeddings {
        /// The file.
        document: String,
        /// What is wrong in it, and what was expected.
        reason: String,
    },
    /// A finished report cannot be read back.
    #[error("{path}: not a report that can be read back, {reason}", path = path.display())]
    Finished {
        /// The folder.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// The output folder cannot be used.
    #[error("{path}: {reason}", path = path.display())]
    Output {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Writing a file of the report failed.
    #[error("{path}: cannot be written ({reason}); nothing was left in its place", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
}
