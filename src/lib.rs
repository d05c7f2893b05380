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
//! for theme in report.themes.iter().flat_map(|themes| &themes.themes) {
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

pub mod projection;

pub mod evaluation;

pub mod report;

pub mod dedup;

pub mod regroup;

pub mod collected;

pub mod bench;

pub use error::{Error, Result};
pub use progress::{Progress, Silent, Stage};
pub use report::Report;
pub use warning::Warning;

use cluster::{ClusterOptions, ClusterRows, Clustering};
use document::embedded::EmbeddedRows;
use document::{Document, DocumentOptions};
use duplicate::{DuplicateOptions, ExactClasses, Kind, Passages};
use embedding::{DEFAULT_MODEL, Embedder, EmbeddingCounts, EmbeddingOptions, Model, Runtime, RuntimeOptions};
use evaluation::Agreement;
use ndarray::{Array2, ArrayView2};
use passage::{Passage, PassageOptions};
use report::{ModelShown, Timings};
use source::{Input, SourceOptions};
use theme::{ThemePassages, Themes};

/// Everything that decides a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which files of the folders that are named.
    pub source: SourceOptions,
    /// How inputs are read.
    pub document: DocumentOptions,
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
    /// Whether the passages are placed on a map, if themes are found.
    pub projection: bool,
    /// How duplicates are found; none: they are not.
    pub duplicate: Option<DuplicateOptions>,
    /// Paths of an old corpus: what of it comes again in the new one is found, and all of it stays.
    pub against: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            source: SourceOptions::default(),
            document: DocumentOptions::default(),
            passage: PassageOptions::default(),
            model: DEFAULT_MODEL.into(),
            runtime: RuntimeOptions { cache: embedding::cache_folder(None), ..Default::default() },
            embedding: EmbeddingOptions { store: Some(embedding::cache_folder(None)), ..Default::default() },
            cluster: Some(ClusterOptions::default()),
            projection: true,
            duplicate: Some(DuplicateOptions::default()),
            against: vec![],
        }
    }
}

impl Options {
    /// Whether anything that is asked for compares meanings; copies and excerpts are found by their words.
    #[must_use]
    pub fn need_embeddings(&self) -> bool {
        let is_reworded_asked = |options: &DuplicateOptions| options.kinds.contains(&Kind::Reworded);
        self.cluster.is_some() || self.duplicate.as_ref().is_some_and(is_reworded_asked)
    }

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
    /// Passages from this one on are of the old corpus.
    pub n_new: usize,
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
    let model = Model::find(&options.model, &options.runtime, &Silent)?;
    let inputs = Inputs::find(paths, options)?;
    read_inputs(&model, inputs, options)
}

/// What was found under the paths that were named.
struct Inputs {
    new: Vec<Input>,
    old: Vec<Input>,
    warnings: Vec<Warning>,
}

impl Inputs {
    fn find(paths: &[String], options: &Options) -> Result<Self> {
        let (new, mut warnings) = source::find(paths, &options.source, options.document.limits.files)?;
        let (old, mut more) = source::find(&options.against, &options.source, options.document.limits.files)?;
        warnings.append(&mut more);
        if let Some(both) = old.iter().find(|input| new.contains(input)) {
            let expected = "files that are not part of the new corpus as well".into();
            return Err(Error::Option { option: "--against", found: both.name.clone(), expected });
        }
        Ok(Self { new, old, warnings })
    }
}

fn read_inputs(model: &Model, inputs: Inputs, options: &Options) -> Result<Corpus> {
    let Inputs { new, old, mut warnings } = inputs;
    let (mut documents, mut read_warnings) = document::read_all(&new, &options.document)?;
    let n_new_documents = documents.len();
    if !old.is_empty() {
        let (mut old_documents, mut old_warnings) = document::read_all(&old, &options.document)?;
        documents.append(&mut old_documents);
        read_warnings.append(&mut old_warnings);
    }
    warnings.append(&mut read_warnings);
    if let Some(column) = &options.document.columns.label
        && documents.iter().all(|document| document.label.is_none())
    {
        let found = format!("`{column}`, which holds no label in any row");
        return Err(Error::Option { option: "--label-column", found, expected: "a column of JSON rows".into() });
    }
    let mut segmented = passage::segment(&documents, &model.token_counter()?, &options.passage)?;
    warnings.append(&mut segmented.warnings);
    let passage::Segmentation { passages, n_short, n_split, .. } = segmented;
    let n_new = passages.partition_point(|passage| (passage.document as usize) < n_new_documents);
    Ok(Corpus { n_inputs: new.len() + old.len(), documents, passages, n_new, n_short, n_split, warnings })
}

/// Passages with their embeddings.
#[derive(Debug)]
pub struct Embeddings {
    /// Documents and passages.
    pub corpus: Corpus,
    /// `(n, dim)` rows of unit length, one for each passage.
    pub rows: Array2<f32>,
    /// The model that made them; none if they were given.
    pub model: Option<ModelShown>,
    /// What the model ran on.
    pub counts: EmbeddingCounts,
    /// Time by stage.
    pub timings: Timings,
}

/// Reads `paths` and embeds their passages; files that hold embeddings are taken as they are.
///
/// # Errors
/// Any [`Error`]; what costs only a part of the input is a warning instead.
pub fn embed(paths: &[String], options: &Options, progress: &dyn Progress) -> Result<Embeddings> {
    prepare(paths, options, true, progress)
}

/// The same where rows are needed; else of no columns, unless they are given.
fn prepare(paths: &[String], options: &Options, is_embedded: bool, progress: &dyn Progress) -> Result<Embeddings> {
    let mut timings = Timings::start();
    let inputs = Inputs::find(paths, options)?;
    let n_inputs = inputs.new.len() + inputs.old.len();
    if let Some(new) = document::embedded::read_embedded(&inputs.new)? {
        let old = match inputs.old.first() {
            None => None,
            Some(first) => Some(document::embedded::read_embedded(&inputs.old)?.ok_or_else(|| Error::Embeddings {
                document: first.name.clone(),
                reason: "it holds no embeddings, and the new corpus is given as embeddings; give both alike".into(),
            })?),
        };
        timings.end(Stage::Reading);
        return given(n_inputs, new, old, inputs.warnings, timings);
    }
    let model = Model::find(&options.model, &options.runtime, progress)?;
    options.embedding.check(&model)?;
    progress.begin(Stage::Reading, 0)?;
    let mut corpus = read_inputs(&model, inputs, options)?;
    progress.finish();
    timings.end(Stage::Reading);
    if !is_embedded {
        let (rows, counts) = (Array2::zeros((corpus.passages.len(), 0)), EmbeddingCounts::default());
        return Ok(Embeddings { corpus, rows, model: None, counts, timings });
    }
    let runtime = Runtime::find(&options.runtime, progress)?;
    tracing::debug!(runtime = %runtime.path().display(), "found");
    timings.end(Stage::Runtime);
    let texts: Vec<&str> = corpus.passages.iter().map(|passage| passage.text(&corpus.documents)).collect();
    let n_tokens: Vec<u32> = corpus.passages.iter().map(|passage| passage.n_tokens).collect();
    let mut embedder = Embedder::new(model, runtime, options.embedding.clone())?;
    let embedded = embedder.embed(&texts, &n_tokens, progress, &mut corpus.warnings)?;
    timings.end(Stage::Embedding);
    let shown = ModelShown::of(embedder.model(), &embedded);
    Ok(Embeddings { corpus, rows: embedded.rows, model: Some(shown), counts: embedded.counts, timings })
}

/// Embeddings as files hold them, of a new corpus and perhaps an old one.
fn given(
    n_inputs: usize,
    new: EmbeddedRows,
    old: Option<EmbeddedRows>,
    warnings: Vec<Warning>,
    timings: Timings,
) -> Result<Embeddings> {
    let n_new = new.documents.len();
    let EmbeddedRows { rows, documents, n_tokens } = match old {
        Some(old) => new.followed_by(old)?,
        None => new,
    };
    let passage = |(i, (document, n_tokens)): (usize, (&Document, u32))| Passage {
        document: i as u32,
        span: 0..document.text.len(),
        n_tokens,
    };
    let passages = documents.iter().zip(n_tokens).enumerate().map(passage).collect();
    let corpus = Corpus { n_inputs, documents, passages, n_new, n_short: 0, n_split: 0, warnings };
    Ok(Embeddings { corpus, rows, model: None, counts: EmbeddingCounts::default(), timings })
}

/// Reads `paths` and finds their themes and duplicates.
///
/// # Errors
/// Any [`Error`]; what costs only a part of the input is a warning in the report instead.
pub fn analyse(paths: &[String], options: &Options, progress: &dyn Progress) -> Result<Report> {
    options.check()?;
    let is_embedded = options.need_embeddings();
    let Embeddings { corpus, rows, model, counts, mut timings } = prepare(paths, options, is_embedded, progress)?;
    let Corpus { n_inputs, documents, passages, n_new, n_short, n_split, mut warnings } = corpus;
    let texts: Vec<&str> = passages.iter().map(|passage| passage.text(&documents)).collect();
    let (sources, source_of) = report::sources(&documents, &passages);
    let is_text_known = texts.iter().any(|text| !text.is_empty());
    let classes = if is_text_known {
        ExactClasses::of_new_and_old(&texts, n_new)
    } else {
        ExactClasses::all_different(texts.len())
    };

    let document_of: Vec<u32> = passages.iter().map(|passage| passage.document).collect();
    let compared = Passages {
        texts: &texts,
        rows: rows.view(),
        classes: &classes,
        source_of: &source_of,
        document_of: &document_of,
        n_new,
    };

    let clustering = match &options.cluster {
        Some(options) => {
            progress.begin(Stage::Clustering, 0)?;
            let representative_of =
                if is_text_known { duplicate::representatives(compared)? } else { (0..texts.len() as u32).collect() };
            let clustered = ClusterRows { rows: rows.view(), texts: &texts, representative_of: &representative_of };
            let clustering = cluster::cluster(clustered, options)?;
            warnings.extend(cluster::few_per_cluster(&representative_of, options));
            progress.finish();
            Some(clustering)
        }
        None => None,
    };
    let agreement =
        clustering.as_ref().and_then(|clustering| agreement(rows.view(), clustering, &documents, &passages));
    let themes = clustering.as_ref().map(|clustering| described(&compared, clustering, &mut warnings));
    timings.end(Stage::Clustering);

    let projection = match options.cluster.as_ref().filter(|_| options.projection) {
        Some(options) => {
            progress.begin(Stage::Projection, 0)?;
            let projection = on_map(&compared, options.seed);
            progress.finish();
            Some(projection)
        }
        None => None,
    };
    timings.end(Stage::Projection);

    let duplicates = match &options.duplicate {
        Some(options) => {
            progress.begin(Stage::Duplicates, 0)?;
            let duplicates = duplicate::find(compared, options)?;
            progress.finish();
            if duplicates.n_pairs_left_out > 0 {
                warnings.push(Warning::PairsLeftOut {
                    n_left_out: duplicates.n_pairs_left_out,
                    max_pairs: options.max_pairs,
                });
            }
            Some(duplicates)
        }
        None => None,
    };
    timings.end(Stage::Duplicates);

    Ok(Report {
        paths: paths.to_vec(),
        options: options.clone(),
        model,
        n_inputs,
        n_short,
        n_split,
        n_distinct: classes.representatives().len(),
        warnings,
        sources,
        source_of,
        documents,
        passages,
        n_new,
        clustering,
        agreement,
        themes,
        projection,
        duplicates,
        embedded: counts,
        whole: None,
        timings,
    })
}

/// The themes that clusters of passages are, each different text counting once; that there are none is a warning.
fn described(passages: &Passages, clustering: &Clustering, warnings: &mut Vec<Warning>) -> Themes {
    let Passages { texts, rows, classes, source_of, document_of, .. } = *passages;
    let (distinct, text_of) = (classes.representatives(), classes.class_of());
    let passages = ThemePassages { texts, rows, document_of, source_of, distinct, text_of };
    let themes = theme::describe(&passages, clustering);
    if themes.themes.is_empty() {
        warnings.push(Warning::FewPassages { n_distinct: distinct.len() });
    }
    themes
}

/// `(n, 2)`: the passages on a map.
fn on_map(passages: &Passages, seed: u64) -> Array2<f32> {
    let classes = passages.classes;
    projection::project(passages.rows, classes.representatives(), classes.class_of(), seed)
}

/// How well the clusters agree with the labels of the passages' documents. An outlier counts with the
/// cluster that is nearest, so that the figures are those of the whole partition.
fn agreement(
    rows: ArrayView2<f32>,
    clustering: &Clustering,
    documents: &[Document],
    passages: &[Passage],
) -> Option<Agreement> {
    let labels: Vec<Option<&str>> =
        passages.iter().map(|passage| documents[passage.document as usize].label.as_deref()).collect();
    if labels.iter().all(Option::is_none) || clustering.sizes.is_empty() {
        return None;
    }
    let nearest = similarity::nearest(rows, clustering.centroids.view());
    let clusters: Vec<u32> =
        clustering.assignment.iter().zip(&nearest).map(|(own, nearest)| own.unwrap_or(nearest.centroid)).collect();
    Agreement::of(&labels, &clusters)
}
