//! Passages become embeddings: one unit row of f32 per passage, from a local ONNX model. The only
//! module that names fastembed or ort.
//!
//! How it is fast: passages are sorted by length, so that a batch holds passages of about one length
//! and little padding; equal texts are embedded once; and there are as many sessions as threads, one
//! thread each, which take batches from a common list: no thread waits for another inside an
//! operator, and one session tokenises while another multiplies.
//!
//! How it is reproducible: which passages share a batch depends on the texts alone, not on the
//! number of threads, and a session of one thread adds in one order.

mod model;
mod provider;
mod runtime;

pub use model::{DEFAULT_MODEL, Model, ModelSettings, PoolingMethod, TokenCounter};
pub use provider::{Precision, Provider, ProviderChoice};
pub use runtime::{Runtime, RuntimeError, RuntimeOptions, cache_folder};

use crate::{Error, Progress, Result, Stage, Warning};
use fastembed::{InitOptionsUserDefined, TextEmbedding};
use ndarray::Array2;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Lengths are padded to a multiple of this many tokens: a runtime prepares its kernels for each
/// shape that it meets, so there must be few, and padding must be little.
const LENGTH_STEP: usize = 16;
/// Tokens of a batch, padding included. Larger ones leave the second-level cache, smaller ones leave
/// the kernels too few rows (measured in ARCHITECTURE.md).
const BATCH_TOKENS: usize = 2048;
/// At most this many sessions: each holds the weights once more, and the engine's memory must not
/// grow with the machine. With more threads than this, sessions have several threads each.
const MAX_SESSIONS: usize = 8;

/// How to run the model.
#[derive(Clone, Debug, Default)]
pub struct EmbeddingOptions {
    /// The provider; default: the fastest that the runtime and the CPU offer.
    pub provider: ProviderChoice,
    /// Threads for inference; 0: one for each core.
    pub threads: usize,
}

/// A model loaded into a runtime, ready to embed.
pub struct Embedder {
    sessions: Vec<Mutex<TextEmbedding>>,
    dim: usize,
    provider: Provider,
    precision: Precision,
    prefix: String,
}

/// What an embedding run did, for the report's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbeddingCounts {
    /// Passages given.
    pub n_passages: usize,
    /// Passages of different text, the ones that the model ran on.
    pub n_distinct: usize,
    /// Tokens that the model ran on, without padding.
    pub n_tokens: usize,
}

impl Embedder {
    /// Loads `model` into `runtime`, on the provider asked for or the best there is.
    ///
    /// # Errors
    /// [`Error::Model`] if the model's files cannot be used, [`Error::Inference`] if it does not run.
    pub fn new(
        model: &Model,
        runtime: &Runtime,
        options: &EmbeddingOptions,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self> {
        let (n_sessions, threads) = sessions_and_threads(options.threads);
        // A batch is tokenised by the thread that runs it; the library's own pool would only be one more.
        tokenizers::utils::parallelism::set_parallelism(false);
        let candidates = provider::candidates(options.provider, runtime);
        let mut refused = None;
        for (i, &(provider, precision)) in candidates.iter().enumerate() {
            match load_sessions(model, runtime, provider, precision, n_sessions, threads) {
                Ok((sessions, dim)) => {
                    if let Some((tried, reason)) = refused {
                        warnings.push(Warning::ProviderFallback { tried, used: provider.name().into(), reason });
                    }
                    return Ok(Self { sessions, dim, provider, precision, prefix: model.settings.prefix.clone() });
                }
                Err(error) if i + 1 == candidates.len() => return Err(error),
                Err(error) => refused = Some((provider.name().to_owned(), error.to_string())),
            }
        }
        Err(model.error("no provider can run it"))
    }

    /// Width of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The provider in use.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The precision of the matrix products.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Embeds texts. `n_tokens` are their lengths as [`TokenCounter`] counts them.
    /// Returns `(n, dim)` rows of unit length, in the order of the texts.
    ///
    /// # Errors
    /// [`Error::Inference`] if the model fails on a batch.
    ///
    /// # Panics
    /// If `texts` and `n_tokens` differ in length.
    pub fn embed(
        &self,
        texts: &[&str],
        n_tokens: &[u32],
        progress: &dyn Progress,
    ) -> Result<(Array2<f32>, EmbeddingCounts)> {
        assert_eq!(texts.len(), n_tokens.len(), "a length for each text");
        let mut row_of: HashMap<&str, usize> = HashMap::with_capacity(texts.len());
        let mut distinct = Vec::new();
        let rows: Vec<usize> = (0..texts.len())
            .map(|i| {
                *row_of.entry(texts[i]).or_insert_with(|| {
                    distinct.push(i);
                    distinct.len() - 1
                })
            })
            .collect();
        let lengths: Vec<usize> = distinct.iter().map(|&i| n_tokens[i] as usize).collect();
        let batches = batches(&lengths);
        progress.start(Stage::Embedding, distinct.len());
        let done: Vec<Mutex<Vec<Vec<f32>>>> = batches.iter().map(|_| Mutex::default()).collect();
        let failed: Mutex<Option<Error>> = Mutex::default();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for session in &self.sessions {
                scope.spawn(|| {
                    let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                    while let Some((i, batch)) = take(&next, &batches) {
                        let inputs: Vec<String> =
                            batch.iter().map(|&d| format!("{}{}", self.prefix, texts[distinct[d]])).collect();
                        match session.embed(&inputs, Some(inputs.len())) {
                            Ok(embedded) => *done[i].lock().unwrap_or_else(PoisonError::into_inner) = embedded,
                            Err(error) => {
                                next.store(batches.len(), Ordering::Relaxed);
                                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Error::Inference {
                                    n_passages: batch.len(),
                                    max_tokens: batch.iter().map(|&d| lengths[d]).max().unwrap_or(0),
                                    provider: self.provider.name().into(),
                                    reason: error.to_string(),
                                });
                                return;
                            }
                        }
                        progress.advance(batch.len());
                    }
                });
            }
        });
        progress.finish();
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let mut of_distinct = Array2::zeros((distinct.len(), self.dim));
        for (batch, embedded) in batches.iter().zip(done) {
            for (&d, row) in batch.iter().zip(embedded.into_inner().unwrap_or_else(PoisonError::into_inner)) {
                check_row(distinct[d], &row, self.dim)?;
                of_distinct.row_mut(d).assign(&ndarray::ArrayView1::from(&row));
            }
        }
        let counts =
            EmbeddingCounts { n_passages: texts.len(), n_distinct: distinct.len(), n_tokens: lengths.iter().sum() };
        if counts.n_distinct == counts.n_passages {
            return Ok((of_distinct, counts));
        }
        Ok((of_distinct.select(ndarray::Axis(0), &rows), counts))
    }
}

fn take<'a>(next: &AtomicUsize, batches: &'a [Vec<usize>]) -> Option<(usize, &'a [usize])> {
    let i = next.fetch_add(1, Ordering::Relaxed);
    batches.get(i).map(|batch| (i, batch.as_slice()))
}

fn check_row(row: usize, values: &[f32], dim: usize) -> Result<()> {
    let norm: f32 = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    if values.len() == dim && (norm - 1.0).abs() < 1e-3 {
        return Ok(());
    }
    Err(Error::Rows { row, found: format!("has {} numbers and the length {norm}", values.len()), dim })
}

/// Sessions, and threads of each: their product never exceeds `threads` (0: the machine's cores).
///
/// One thread a session up to [`MAX_SESSIONS`] threads; beyond, the threads are shared out evenly.
fn sessions_and_threads(threads: usize) -> (usize, usize) {
    let threads = if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads };
    let n_sessions = threads.min(MAX_SESSIONS);
    (n_sessions, threads / n_sessions)
}

/// Groups texts of the given lengths into batches: the longest first (the last batches to finish are
/// then short ones), as many as fit [`BATCH_TOKENS`] when padded to the longest of them.
fn batches(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| (Reverse(lengths[i]), i));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for i in order {
        if room == 0 {
            room = (BATCH_TOKENS / lengths[i].next_multiple_of(LENGTH_STEP).max(1)).max(1);
            batches.push(Vec::with_capacity(room));
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(i);
        }
        room -= 1;
    }
    batches
}

fn load_sessions(
    model: &Model,
    runtime: &Runtime,
    provider: Provider,
    precision: Precision,
    n_sessions: usize,
    threads: usize,
) -> Result<(Vec<Mutex<TextEmbedding>>, usize)> {
    let mut sessions = Vec::with_capacity(n_sessions);
    let mut dim = 0;
    for _ in 0..n_sessions {
        let options = InitOptionsUserDefined::new()
            .with_environment(runtime.environment())
            .with_max_length(model.settings.max_tokens)
            .with_execution_providers(provider::execution_providers(provider, precision, threads))
            .with_intra_threads(threads);
        let mut session = TextEmbedding::try_new_from_user_defined(model.user_defined(), options).map_err(|e| {
            model.error(format!("cannot be loaded on {} ({e}); see `refrain models verify`", provider.name()))
        })?;
        if let Some(padding) = session.tokenizer.get_padding().cloned() {
            let padding = tokenizers::PaddingParams { pad_to_multiple_of: Some(LENGTH_STEP), ..padding };
            session.tokenizer.with_padding(Some(padding));
        }
        dim = model.check_output(&mut session)?;
        sessions.push(Mutex::new(session));
    }
    Ok((sessions, dim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sessions_never_hold_more_threads_than_asked() {
        for threads in 1..200 {
            let (sessions, each) = sessions_and_threads(threads);
            assert!(sessions >= 1 && each >= 1 && sessions * each <= threads && sessions <= MAX_SESSIONS);
            assert!(sessions * each * 2 > threads, "at least half of {threads} threads work");
        }
        assert_eq!(sessions_and_threads(2), (2, 1));
        assert_eq!(sessions_and_threads(64), (8, 8));
        assert!(sessions_and_threads(0).0 >= 1);
    }

    proptest! {
        #[test]
        fn batches_hold_every_text_once_by_length_within_the_budget(lengths in proptest::collection::vec(0usize..600, 0..300)) {
            let batches = batches(&lengths);
            let flat: Vec<usize> = batches.iter().flatten().copied().collect();
            let mut sorted = flat.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..lengths.len()).collect::<Vec<_>>());
            prop_assert!(flat.windows(2).all(|pair| lengths[pair[0]] >= lengths[pair[1]]));
            for batch in &batches {
                let padded = lengths[batch[0]].next_multiple_of(LENGTH_STEP) * batch.len();
                prop_assert!(batch.len() == 1 || padded <= BATCH_TOKENS);
            }
        }
    }
}
