//! refrain reads a pile of documents from many sources and says what keeps coming back: the
//! **themes** that the sources share, and the **passages that recur** (copied, edited, excerpted or
//! reworded).
//!
//! ```text
//! source → document → passage → embedding ─┬→ cluster → theme ──┐
//!  bytes     text      span      (n, dim)  └→ duplicate ────────┴→ report
//! ```
//!
//! Each stage is a module that imports only earlier ones; [`analyse`] is all of them in a row.
//!
//! ```no_run
//! use refrain::{Options, Silent, analyse};
//!
//! let report = analyse(&["articles".to_owned()], &Options::default(), &Silent)?;
//! for theme in report.themes.iter().flatten() {
//!     println!("{} passages: {}", theme.size, theme.label);
//! }
//! # Ok::<(), refrain::Error>(())
//! ```

mod error;
mod progress;
mod warning;

pub mod source;

pub mod document;

pub mod passage;

pub mod embedding;

pub mod similarity;

pub mod cluster;

pub mod duplicate;

pub mod theme;

pub mod report;

pub mod bench;

pub use error::{Error, Result};
pub use progress::{Progress, Silent, Stage};
pub use report::Report;
pub use warning::Warning;

use cluster::ClusterOptions;
use document::{Document, Format};
use duplicate::{DuplicateOptions, ExactClasses};
use embedding::{DEFAULT_MODEL, EmbeddingOptions, Model, Runtime, RuntimeOptions};
use passage::{Passage, PassageOptions};
use report::{ModelShown, Timings};
use source::SourceOptions;

/// Everything that decides a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which files of the folders that are named.
    pub source: SourceOptions,
    /// The format of all inputs; default: recognised for each.
    pub format: Option<Format>,
    /// How documents are cut.
    pub passage: PassageOptions,
    /// The model: a name that is at hand, or a folder.
    pub model: String,
    /// Where ONNX Runtime comes from, and refrain's cache folder.
    pub runtime: RuntimeOptions,
    /// How the model is run.
    pub embedding: EmbeddingOptions,
    /// How themes are found; none: they are not.
    pub cluster: Option<ClusterOptions>,
    /// How duplicates are found; none: they are not.
    pub duplicate: Option<DuplicateOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            source: SourceOptions::default(),
            format: None,
            passage: PassageOptions::default(),
            model: DEFAULT_MODEL.into(),
            runtime: RuntimeOptions { cache: embedding::cache_folder(None), ..Default::default() },
            embedding: EmbeddingOptions { store: Some(embedding::cache_folder(None)), ..Default::default() },
            cluster: Some(ClusterOptions::default()),
            duplicate: Some(DuplicateOptions::default()),
        }
    }
}

impl Options {
    /// Refuses values out of range, before any slow work.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self) -> Result<()> {
        self.cluster.as_ref().map_or(Ok(()), ClusterOptions::check)?;
        self.duplicate.as_ref().map_or(Ok(()), DuplicateOptions::check)
    }
}

/// What was read: documents, and the passages in them.
#[derive(Debug)]
pub struct Corpus {
    /// Files and streams found.
    pub n_inputs: usize,
    /// The documents.
    pub documents: Vec<Document>,
    /// The passages, in document order.
    pub passages: Vec<Passage>,
    /// Passages left out because they are shorter than `min_chars`.
    pub n_short: usize,
    /// Paragraphs split because the model would have read only their beginning.
    pub n_split: usize,
    /// What was skipped or repaired.
    pub warnings: Vec<Warning>,
}

/// Reads `paths` and cuts their documents into passages, as long as the model reads.
///
/// # Errors
/// Any [`Error`] of the input or the model's tokenizer.
pub fn read(paths: &[String], options: &Options) -> Result<Corpus> {
    let model = Model::open(&options.model, &options.runtime.cache)?;
    read_for(&model, paths, options)
}

fn read_for(model: &Model, paths: &[String], options: &Options) -> Result<Corpus> {
    let (inputs, mut warnings) = source::find(paths, &options.source)?;
    let (documents, mut read_warnings) = document::read_all(&inputs, options.format)?;
    warnings.append(&mut read_warnings);
    let mut segmented = passage::segment(&documents, &model.token_counter()?, &options.passage)?;
    warnings.append(&mut segmented.warnings);
    let passage::Segmentation { passages, n_short, n_split, .. } = segmented;
    Ok(Corpus { n_inputs: inputs.len(), documents, passages, n_short, n_split, warnings })
}

/// Reads `paths` and finds their themes and duplicates.
///
/// # Errors
/// Any [`Error`]; what costs only a part of the input is a warning in the report instead.
pub fn analyse(paths: &[String], options: &Options, progress: &dyn Progress) -> Result<Report> {
    options.check()?;
    let mut timings = Timings::start();
    let model = Model::open(&options.model, &options.runtime.cache)?;

    progress.start(Stage::Reading, 0);
    let Corpus { n_inputs, documents, passages, n_short, n_split, mut warnings } = read_for(&model, paths, options)?;
    let texts: Vec<&str> = passages.iter().map(|passage| passage.text(&documents)).collect();
    let n_tokens: Vec<u32> = passages.iter().map(|passage| passage.n_tokens).collect();
    let (sources, source_of) = report::sources(&documents, &passages);
    let classes = ExactClasses::of(&texts);
    progress.finish();
    timings.end(Stage::Reading);

    let runtime = Runtime::find(&options.runtime, progress)?;
    timings.end(Stage::Runtime);
    let embedded = embedding::embed(&model, &runtime, &texts, &n_tokens, &options.embedding, progress, &mut warnings)?;
    let rows = embedded.rows;
    timings.end(Stage::Embedding);

    let clustering = match &options.cluster {
        Some(options) => {
            progress.start(Stage::Clustering, 0);
            let clustering = cluster::cluster(rows.view(), classes.representatives(), options)?;
            progress.finish();
            Some(clustering)
        }
        None => None,
    };
    let themes = clustering.as_ref().map(|clustering| theme::describe(&texts, &source_of, &classes, clustering));
    if themes.as_ref().is_some_and(Vec::is_empty) {
        warnings.push(Warning::FewPassages { n_distinct: classes.representatives().len() });
    }
    timings.end(Stage::Clustering);

    let duplicates = match &options.duplicate {
        Some(options) => {
            progress.start(Stage::Duplicates, 0);
            let duplicates = duplicate::find(&texts, rows.view(), &classes, &source_of, options)?;
            progress.finish();
            Some(duplicates)
        }
        None => None,
    };
    timings.end(Stage::Duplicates);

    Ok(Report {
        paths: paths.to_vec(),
        options: options.clone(),
        model: ModelShown {
            name: model.name.clone(),
            sha256: model.sha256.clone(),
            dim: rows.ncols(),
            max_tokens: model.settings.max_tokens,
            provider: embedded.provider,
            precision: embedded.precision,
        },
        n_inputs,
        n_short,
        n_split,
        n_distinct: classes.representatives().len(),
        warnings,
        sources,
        source_of,
        documents,
        passages,
        clustering,
        themes,
        duplicates,
        embedded: embedded.counts,
        timings,
    })
}
