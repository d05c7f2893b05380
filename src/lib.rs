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

pub use error::{Error, Result};
pub use progress::{Progress, Silent, Stage};
pub use report::Report;
pub use warning::Warning;

use cluster::ClusterOptions;
use document::Format;
use duplicate::{DuplicateOptions, ExactClasses};
use embedding::{DEFAULT_MODEL, Embedder, EmbeddingOptions, Model, Runtime, RuntimeOptions};
use passage::PassageOptions;
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
            embedding: EmbeddingOptions::default(),
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

/// Reads `paths` and finds their themes and duplicates.
///
/// # Errors
/// Any [`Error`]; what costs only a part of the input is a warning in the report instead.
pub fn analyse(paths: &[String], options: &Options, progress: &dyn Progress) -> Result<Report> {
    options.check()?;
    let mut timings = Timings::start();
    let model = Model::open(&options.model, &options.runtime.cache)?;

    progress.start(Stage::Reading, 0);
    let (inputs, mut warnings) = source::find(paths, &options.source)?;
    let (documents, mut read_warnings) = document::read_all(&inputs, options.format)?;
    warnings.append(&mut read_warnings);
    let mut segmented = passage::segment(&documents, &model.token_counter()?, &options.passage)?;
    warnings.append(&mut segmented.warnings);
    let passages = segmented.passages;
    let texts: Vec<&str> = passages.iter().map(|passage| passage.text(&documents)).collect();
    let n_tokens: Vec<u32> = passages.iter().map(|passage| passage.n_tokens).collect();
    let (sources, source_of) = report::sources(&documents, &passages);
    let classes = ExactClasses::of(&texts);
    progress.finish();
    timings.end(Stage::Reading);

    let runtime = Runtime::find(&options.runtime, progress)?;
    timings.end(Stage::Runtime);
    progress.start(Stage::Model, 0);
    let embedder = Embedder::new(&model, &runtime, &options.embedding, &mut warnings)?;
    progress.finish();
    timings.end(Stage::Model);
    let (rows, embedded) = embedder.embed(&texts, &n_tokens, progress)?;
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
            dim: embedder.dim(),
            max_tokens: model.settings.max_tokens,
            provider: embedder.provider(),
            precision: embedder.precision(),
        },
        n_inputs: inputs.len(),
        n_short: segmented.n_short,
        n_split: segmented.n_split,
        n_distinct: classes.representatives().len(),
        warnings,
        sources,
        source_of,
        documents,
        passages,
        clustering,
        themes,
        duplicates,
        embedded,
        timings,
    })
}
