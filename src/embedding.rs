//! Passages become embeddings: one unit row of f32 per passage, from a local ONNX model. The only
//! module that names fastembed or ort.
//!
//! How it is fast: passages are sorted by length, and a batch holds passages of one padded length,
//! so there is little padding and few shapes; equal texts are embedded once; and there are as many
//! sessions as threads, one thread each, which take batches from a common list: no thread waits for
//! another inside an operator, and one session tokenises while another multiplies.
//!
//! How it is reproducible: a passage is padded to a length that depends on it alone, which passages
//! share a batch depends on the texts alone, and a session of one thread adds in one order.
//!
//! How it goes on after a kill: every batch is put into the [`Store`] as it finishes. Rows that the
//! store has are not computed again; if it has them all, the model is not even loaded.

mod added;
mod engine;
mod graph;
mod hub;
mod model;
mod pooling;
mod provider;
mod runtime;
mod settings;
mod store;

pub use added::AddedModel;
pub use engine::{Batching, Engine, Receive, sessions_and_threads};
pub use hub::hub_names;
pub(crate) use model::hex;
pub use model::{DEFAULT_MODEL, Model, TokenCounter};
pub(crate) use provider::candidates;
pub use provider::{Precision, Provider, ProviderChoice};
pub use runtime::{Runtime, RuntimeError, RuntimeOptions, cache_folder};
pub use settings::{Architecture, ModelSettings, PoolingMethod};
pub use store::{Store, StoreError};

use crate::passage::LengthMeasure;
use crate::{Error, Progress, Result, Stage, Warning};
use ndarray::{Array2, ArrayView1, s};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use store::RowMaker;

/// How to run the model.
#[derive(Clone, Debug, Default)]
pub struct EmbeddingOptions {
    /// The provider; default: the fastest that the runtime and the CPU offer.
    pub provider: ProviderChoice,
    /// The precision of the matrix products; default: the fastest that the provider and the CPU offer.
    pub precision: Option<Precision>,
    /// Threads for inference; 0: one for each core.
    pub threads: usize,
    /// How passages are put into batches.
    pub batching: Batching,
    /// Run a dynamically quantised model, one passage at a time; default: refuse it.
    pub allow_dynamic_quantization: bool,
    /// The cache folder with the embedding store; none: every row is computed.
    pub store: Option<PathBuf>,
}

impl EmbeddingOptions {
    /// Refuses a dynamically quantised model, unless it is allowed; before any slow work.
    ///
    /// # Errors
    /// [`Error::Model`] with the reason and the remedy.
    pub fn check(&self, model: &Model) -> Result<()> {
        match model.dynamic_quantization() {
            Some(operators) if !self.allow_dynamic_quantization => Err(model.error(format!(
                "it is dynamically quantised ({operators}): it scales its numbers by what is in the batch, so a passage's \
                 row depends on its neighbours and its padding. Take the model that it was made from (model.onnx instead of \
                 model_quantized.onnx or model_int8.onnx), or allow it with --allow-dynamic-quantization: passages are then embedded one at a \
                 time, which is slower, and cosines are off by up to 0.15"
            ))),
            _ => Ok(()),
        }
    }
}

/// Rows, and how they came about.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// `(n, dim)` rows of unit length, in the order of the texts.
    pub rows: Array2<f32>,
    /// The provider that computed them, or would have.
    pub provider: Provider,
    /// The precision of the matrix products.
    pub precision: Precision,
    /// What was to do and what was done.
    pub counts: EmbeddingCounts,
}

/// What an embedding run had to do and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbeddingCounts {
    /// Passages given.
    pub n_passages: usize,
    /// Passages of different text.
    pub n_distinct: usize,
    /// Tokens of those, without padding.
    pub n_tokens: usize,
    /// Passages of different text that the model ran on; the store had the others.
    pub n_computed: usize,
    /// Tokens of those.
    pub n_tokens_computed: usize,
}

/// A model and what runs it. The model is loaded when a row is first wanted that the store does not have, and stays loaded.
pub struct Embedder {
    model: Model,
    runtime: Runtime,
    options: EmbeddingOptions,
    /// What to run it on: first what it is loaded on, or will be tried on next.
    candidates: Vec<(Provider, Precision)>,
    engine: Option<Engine>,
    /// Made when it is first wanted, from a copy of the tokenizer.
    counter: Option<TokenCounter>,
}

impl Embedder {
    /// Nothing is loaded yet.
    ///
    /// # Errors
    /// [`Error::Model`] for a dynamically quantised model that is not allowed, [`Error::Option`] for a precision that the
    /// provider does not have.
    pub fn new(model: Model, runtime: Runtime, options: EmbeddingOptions) -> Result<Self> {
        options.check(&model)?;
        let candidates = candidates(options.provider, options.precision, &runtime)?;
        Ok(Self { model, runtime, options, candidates, engine: None, counter: None })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Embeds texts. `n_tokens` are their lengths as [`TokenCounter`] counts them.
    ///
    /// Providers are tried in turn, the best first; for each, the store is asked for the rows before the
    /// model is loaded. What is wrong with a provider or with the store is a warning.
    ///
    /// # Errors
    /// [`Error::Model`] if the model's files cannot be used, [`Error::Inference`] if it fails on a batch,
    /// [`Error::Stopped`] if `progress` says so.
    ///
    /// # Panics
    /// If `texts` and `n_tokens` differ in length.
    pub fn embed(
        &mut self,
        texts: &[&str],
        n_tokens: &[u32],
        progress: &dyn Progress,
        warnings: &mut Vec<Warning>,
    ) -> Result<Embedded> {
        assert_eq!(texts.len(), n_tokens.len(), "a length for each text");
        let dynamic = self.model.dynamic_quantization();
        warnings.extend(
            dynamic.map(|operators| Warning::DynamicQuantization { model: self.model.name.clone(), operators }),
        );
        let (distinct, row_of) = distinct(texts);
        let of_distinct: Vec<&str> = distinct.iter().map(|&i| texts[i]).collect();
        let lengths: Vec<usize> = distinct.iter().map(|&i| n_tokens[i] as usize).collect();
        let mut store = self.options.store.as_deref().and_then(|cache| open_store(cache, warnings));
        // Until a provider takes the model, the next is tried, and the store asked for rows of its precision.
        let (maker, mut rows, is_missing) = loop {
            let (provider, precision) = self.candidates[0];
            let maker = RowMaker::new(&self.model, precision);
            // A row for each text from the start, so that there is never a second copy of them.
            let mut known =
                Known { array: Array2::zeros((0, 0)), n: texts.len(), is_missing: vec![true; distinct.len()] };
            known.find(&mut store, self.options.store.as_deref(), &maker, &distinct, &of_distinct, warnings)?;
            let n_missing = known.is_missing.iter().filter(|missing| **missing).count();
            tracing::debug!(
                provider = provider.name(),
                precision = precision.name(),
                n_from_store = distinct.len() - n_missing,
                n_missing,
                "embedding"
            );
            // How wide the rows of no texts are, only the model says.
            let is_known = n_missing == 0 && !texts.is_empty();
            if is_known || self.load(progress, warnings)? {
                break (maker, known.array, known.is_missing);
            }
        };
        let n_missing = is_missing.iter().filter(|missing| **missing).count();
        let (provider, precision) = self.candidates[0];
        let counts = EmbeddingCounts {
            n_passages: texts.len(),
            n_distinct: distinct.len(),
            n_tokens: lengths.iter().sum(),
            n_computed: n_missing,
            n_tokens_computed: lengths.iter().zip(&is_missing).filter(|(_, missing)| **missing).map(|(n, _)| n).sum(),
        };
        if let Some(engine) = self.engine.as_ref().filter(|_| n_missing > 0 || texts.is_empty()) {
            if n_missing == distinct.len() {
                rows = Array2::zeros((texts.len(), engine.dim()));
            }
            progress.begin(Stage::Embedding, n_missing)?;
            engine.run(&of_distinct, &lengths, &|d| is_missing[d], &mut |batch, embedded| {
                for (&d, row) in batch.iter().zip(&embedded) {
                    check_row(distinct[d], row, rows.ncols())?;
                    rows.row_mut(distinct[d]).assign(&ArrayView1::from(row));
                }
                if let Some(open) = &mut store {
                    let pairs = batch.iter().zip(&embedded).map(|(&d, row)| (of_distinct[d], row.as_slice()));
                    if let Err(error) = open.add(&maker, pairs) {
                        warnings.push(Warning::StoreUnusable { reason: error.to_string() });
                        store = None;
                    }
                }
                progress.advance(batch.len());
                progress.go_on()
            })?;
            progress.finish();
        }
        for (i, &d) in row_of.iter().enumerate().filter(|(i, d)| distinct[**d] != *i) {
            let (copy, first) = rows.multi_slice_mut((s![i, ..], s![distinct[d], ..]));
            first.assign_to(copy);
        }
        Ok(Embedded { rows, provider, precision, counts })
    }

    /// Embeds texts as they are. Of one that is longer than the model reads, the row is that of its beginning, which is a
    /// warning.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    pub fn embed_beginnings(
        &mut self,
        texts: &[&str],
        progress: &dyn Progress,
        warnings: &mut Vec<Warning>,
    ) -> Result<Embedded> {
        let counter = match &mut self.counter {
            Some(counter) => counter,
            none => none.insert(self.model.token_counter()?),
        };
        let lengths: Vec<usize> = texts.par_iter().map(|text| counter.n_tokens(text)).collect();
        let max_tokens = counter.max_tokens();
        let n_texts = lengths.iter().filter(|&&length| length > max_tokens).count();
        if n_texts > 0 {
            warnings.push(Warning::BeginningsOnly { n_texts, max_tokens });
        }
        let read: Vec<u32> = lengths.iter().map(|&length| length.min(max_tokens) as u32).collect();
        self.embed(texts, &read, progress, warnings)
    }

    /// Loads the model, if it is not; false if the provider that was to run it does not, and another is to be tried.
    fn load(&mut self, progress: &dyn Progress, warnings: &mut Vec<Warning>) -> Result<bool> {
        if self.engine.is_some() {
            return Ok(true);
        }
        progress.begin(Stage::Model, 0)?;
        let Self { model, runtime, options, candidates, .. } = &*self;
        let (provider, precision) = candidates[0];
        let loaded = Engine::load(model, runtime, provider, precision, options.threads, options.batching);
        progress.finish();
        match loaded {
            Ok(engine) => self.engine = Some(engine),
            Err(error) if candidates.len() == 1 => return Err(error),
            Err(error) => {
                let (tried, used) = (provider.name().into(), candidates[1].0.name().into());
                warnings.push(Warning::ProviderFallback { tried, used, reason: error.to_string() });
                self.candidates.remove(0);
            }
        }
        Ok(self.engine.is_some())
    }
}

/// Rows that the store has.
struct Known {
    /// `(n, dim)`; empty until a width is known. A text that occurs again has its row at the first place.
    array: Array2<f32>,
    n: usize,
    /// For each different text.
    is_missing: Vec<bool>,
}

impl Known {
    /// Takes what the store has; nothing, if it turns out to be damaged or unusable.
    fn find(
        &mut self,
        store: &mut Option<Store>,
        cache: Option<&Path>,
        maker: &RowMaker,
        distinct: &[usize],
        texts: &[&str],
        warnings: &mut Vec<Warning>,
    ) -> Result<()> {
        let Some((open, cache)) = store.as_ref().zip(cache) else { return Ok(()) };
        let mut bad = Ok(());
        let found = open.find(maker, texts, &mut |d, row| {
            if self.array.is_empty() {
                self.array = Array2::zeros((self.n, row.len()));
            }
            if bad.is_ok() {
                bad = check_row(distinct[d], row, self.array.ncols());
            }
            self.array.row_mut(distinct[d]).assign(&ArrayView1::from(row));
            self.is_missing[d] = false;
        });
        let Err(error) = found else { return bad };
        self.is_missing.fill(true);
        *store = None;
        match error {
            StoreError::Damaged(reason) => *store = replace_store(cache, &reason, warnings),
            StoreError::Unusable(reason) => warnings.push(Warning::StoreUnusable { reason }),
        }
        Ok(())
    }
}

/// The first index of each different text, and for each text its place among those.
fn distinct(texts: &[&str]) -> (Vec<usize>, Vec<usize>) {
    let mut place: HashMap<&str, usize> = HashMap::with_capacity(texts.len());
    let mut distinct = Vec::new();
    let row_of = texts.iter().enumerate().map(|(i, text)| {
        *place.entry(text).or_insert_with(|| {
            distinct.push(i);
            distinct.len() - 1
        })
    });
    let row_of = row_of.collect();
    (distinct, row_of)
}

/// Opens the store; a damaged one is set aside and a new one begun, an unusable one done without.
fn open_store(cache: &Path, warnings: &mut Vec<Warning>) -> Option<Store> {
    match Store::open(cache) {
        Ok(store) => Some(store),
        Err(StoreError::Damaged(reason)) => replace_store(cache, &reason, warnings),
        Err(error) => {
            warnings.push(Warning::StoreUnusable { reason: error.to_string() });
            None
        }
    }
}

fn replace_store(cache: &Path, reason: &str, warnings: &mut Vec<Warning>) -> Option<Store> {
    let replaced = Store::set_aside(cache).map_err(|e| e.to_string()).and_then(|aside| {
        warnings.push(Warning::StoreDamaged { reason: reason.into(), moved_to: aside.display().to_string() });
        Store::open(cache).map_err(|e| e.to_string())
    });
    replaced.map_err(|reason| warnings.push(Warning::StoreUnusable { reason })).ok()
}

/// Refuses a row that is not of unit length.
fn check_row(row: usize, values: &[f32], dim: usize) -> Result<()> {
    let norm: f32 = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    if values.len() == dim && (norm - 1.0).abs() < 1e-3 {
        return Ok(());
    }
    Err(Error::Rows { row, found: format!("has {} numbers and the length {norm}", values.len()), dim })
}
