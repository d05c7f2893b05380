//! What a run found, as plain data, and the files that show it: one module per format. Nothing is
//! computed here but places, counts and rounding.

mod csv;
mod dedup;
mod embeddings;
mod folder;
mod json;
mod page;
mod parquet;
mod preview;
mod read;
mod run;
mod scratch;
pub mod sent;
pub mod tables;
mod terminal;

pub use dedup::{AttributesFile, CleanCorpus, write_dedup_json, write_dedup_summary};
pub use embeddings::EmbeddingsFile;
pub use folder::ReportFolder;
pub use json::write_json;
pub use preview::{write_preview, write_preview_json};
pub use read::read_report;
pub(crate) use read::{Places, add_pairs};
pub use run::Timings;
pub(crate) use run::peak_memory_bytes;
pub use terminal::write_summary;

use crate::cluster::Clustering;
use crate::document::Document;
use crate::duplicate::{DuplicatePair, Duplicates, Kind};
use crate::embedding::{Embedded, EmbeddingCounts, Model, PoolingMethod, Precision, Provider};
use crate::evaluation::Agreement;
use crate::passage::Passage;
use crate::theme::Themes;
use crate::{Options, Warning};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Everything a run found.
#[derive(Debug)]
pub struct Report {
    /// What was named on the command line.
    pub paths: Vec<String>,
    /// The options of the run.
    pub options: Options,
    /// The model that embedded the passages; none if their embeddings were given.
    pub model: Option<ModelShown>,
    /// Files and streams found.
    pub n_inputs: usize,
    /// Passages left out because they are shorter than `min_chars`.
    pub n_short: usize,
    /// Paragraphs split because the model would have read only their beginning.
    pub n_split: usize,
    /// Passages of different text.
    pub n_distinct: usize,
    /// What was skipped, repaired or decided otherwise than asked.
    pub warnings: Vec<Warning>,
    /// The names of the sources, in the order of their first documents.
    pub sources: Vec<String>,
    /// For each passage its source.
    pub source_of: Vec<u32>,
    /// The documents.
    pub documents: Vec<Document>,
    /// The passages, in document order.
    pub passages: Vec<Passage>,
    /// Passages from this one on are of the old corpus.
    pub n_new: usize,
    /// The clusters, if asked for.
    pub clustering: Option<Clustering>,
    /// How well the clusters agree with the labels, if there are any.
    pub agreement: Option<Agreement>,
    /// The themes, if asked for.
    pub themes: Option<Themes>,
    /// `(n, 2)`: the passages on a map, each coordinate from −1 to 1, if there are clusters.
    pub projection: Option<Array2<f32>>,
    /// The duplicates, if asked for.
    pub duplicates: Option<Duplicates>,
    /// What the model ran on.
    pub embedded: EmbeddingCounts,
    /// The counts of the whole, if the passages here are a part of what was read.
    pub whole: Option<Counts>,
    /// Time by stage.
    pub timings: Timings,
}

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents.
    pub n_documents: usize,
    /// Sources.
    pub n_sources: usize,
    /// Passages.
    pub n_passages: usize,
    /// Passages in no theme.
    pub n_outliers: usize,
    /// Pairs of each kind, in the order of [`Kind::ALL`](crate::duplicate::Kind::ALL).
    pub n_pairs: [usize; 4],
    /// Pairs of passages of different sources.
    pub n_across_sources: usize,
    /// Groups.
    pub n_groups: usize,
}

/// The model as reports show it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelShown {
    /// Its name.
    pub name: String,
    /// SHA-256 of its `model.onnx`.
    pub sha256: String,
    /// Width of a row.
    pub dim: usize,
    /// Tokens that it reads.
    pub max_tokens: usize,
    /// How token rows became one row.
    pub pooling: PoolingMethod,
    /// Which of the model's files say so.
    pub settings_from: String,
    /// The provider that ran it.
    pub provider: Provider,
    /// The precision of its matrix products.
    pub precision: Precision,
}

impl ModelShown {
    /// A model that embedded something.
    #[must_use]
    pub fn of(model: &Model, embedded: &Embedded) -> Self {
        Self {
            name: model.name.clone(),
            sha256: model.sha256.clone(),
            dim: embedded.rows.ncols(),
            max_tokens: model.settings.max_tokens,
            pooling: model.settings.pooling,
            settings_from: model.settings_from.clone(),
            provider: embedded.provider,
            precision: embedded.precision,
        }
    }
}

/// The sources of documents, in the order of their first documents, and for each passage its source.
#[must_use]
pub fn sources(documents: &[Document], passages: &[Passage]) -> (Vec<String>, Vec<u32>) {
    let mut number: HashMap<&str, u32> = HashMap::new();
    let mut names = Vec::new();
    let of_document: Vec<u32> = documents
        .iter()
        .map(|document| {
            *number.entry(&document.source).or_insert_with(|| {
                names.push(document.source.clone());
                names.len() as u32 - 1
            })
        })
        .collect();
    (names, passages.iter().map(|passage| of_document[passage.document as usize]).collect())
}

impl Report {
    /// A passage's text.
    #[must_use]
    pub fn text(&self, passage: u32) -> &str {
        self.passages[passage as usize].text(&self.documents)
    }

    /// Where a passage stands in its document, in bytes.
    #[must_use]
    pub fn place(&self, passage: u32) -> std::ops::Range<usize> {
        self.passages[passage as usize].place(&self.documents)
    }

    /// The name of a passage's source.
    #[must_use]
    pub fn source(&self, passage: u32) -> &str {
        &self.sources[self.source_of[passage as usize] as usize]
    }

    /// The name of a passage's document.
    #[must_use]
    pub fn document(&self, passage: u32) -> &str {
        &self.documents[self.passages[passage as usize].document as usize].name
    }

    /// Whether the two passages of a pair come from different sources.
    #[must_use]
    pub fn is_across_sources(&self, pair: &DuplicatePair) -> bool {
        self.source_of[pair.a as usize] != self.source_of[pair.b as usize]
    }

    /// How much was found, of all that was read.
    #[must_use]
    pub fn counts(&self) -> Counts {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let pairs = || self.duplicates.iter().flat_map(|duplicates| &duplicates.pairs);
        let assignment = self.clustering.iter().flat_map(|clustering| &clustering.assignment);
        Counts {
            n_documents: self.documents.len(),
            n_sources: self.sources.len(),
            n_passages: self.passages.len(),
            n_outliers: assignment.filter(|cluster| cluster.is_none()).count(),
            n_pairs: Kind::ALL.map(|kind| pairs().filter(|pair| pair.kind == kind).count()),
            n_across_sources: pairs().filter(|pair| self.is_across_sources(pair)).count(),
            n_groups: self.duplicates.as_ref().map_or(0, |duplicates| duplicates.groups.len()),
        }
    }

    /// Whether part of the input was skipped or damaged.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.warnings.iter().any(Warning::is_loss)
    }
}

/// A figure as reports show it: four decimals, and never −0.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4 + 0.0
}
