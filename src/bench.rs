//! Embedding throughput, measured: every combination of models, providers, precisions, threads, batch
//! sizes and passage lengths that is asked for, against the rate of matrix products that this
//! machine reaches in the same run.

mod render;

pub use render::{BenchFormat, write_comparison, write_results};

use crate::embedding::{Batching, Engine, Model, Precision, ProviderChoice, Runtime, RuntimeOptions, candidates};
use crate::embedding::{TokenCounter, sessions_and_threads};
use crate::passage::LengthMeasure;
use crate::{Error, Progress, Result, Stage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

/// English prose for passages of fixed lengths.
const SAMPLE: &str = include_str!("bench/sample.txt");
/// Tokens of a repetition over passages of a fixed length.
const SAMPLE_TOKENS: usize = 16_384;
/// Side of the square matrices whose product is timed: three of them fill a second-level cache.
const MATRIX_SIDE: usize = 384;

/// What to measure: the product of all lists.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Model names or folders.
    pub models: Vec<String>,
    /// Providers.
    pub providers: Vec<ProviderChoice>,
    /// Precisions; none: the provider's best.
    pub precisions: Vec<Option<Precision>>,
    /// Numbers of threads; 0: one for each core.
    pub threads: Vec<usize>,
    /// Token budgets of a batch.
    pub batch_tokens: Vec<usize>,
    /// Steps that lengths are padded to.
    pub length_steps: Vec<usize>,
    /// Passage lengths in tokens, for the built-in text.
    pub lengths: Vec<usize>,
    /// Repetitions, at least 1.
    pub repeats: usize,
    /// Where ONNX Runtime comes from.
    pub runtime: RuntimeOptions,
}

/// The least, the middle and the largest of several measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle (the upper of two).
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// # Panics
    /// If there are no measurements.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { min: values[0], median: values[values.len() / 2], max: values[values.len() - 1] }
    }
}

/// One combination's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchResult {
    /// The model.
    pub model: String,
    /// The provider that ran it.
    pub provider: String,
    /// The precision of its matrix products.
    pub precision: String,
    /// Threads in all.
    pub threads: usize,
    /// Sessions, and threads of each.
    pub sessions: (usize, usize),
    /// Tokens of a batch at most.
    pub batch_tokens: usize,
    /// What lengths are padded to a multiple of.
    pub length_step: usize,
    /// Tokens of every passage, or none for the passages of the given paths.
    pub length: Option<usize>,
    /// Passages of a repetition.
    pub n_passages: usize,
    /// Their tokens, without padding.
    pub n_tokens: usize,
    /// Padding as a share of all tokens that the model ran on, 0 to 1.
    pub padding_share: f64,
    /// Seconds to load the model.
    pub load_seconds: f64,
    /// Passages a second.
    pub passages_per_second: Spread,
    /// Tokens a second, without padding.
    pub tokens_per_second: Spread,
    /// Arithmetic of the model's matrix products, in operations a second, padding included, as a
    /// share of the machine's f32 rate; above 1 where bf16 is faster than f32 can be. None if
    /// `model.toml` does not describe the architecture.
    pub share_of_matrix_rate: Option<f64>,
    /// The most memory that the process held meanwhile, where the system says.
    pub peak_memory_bytes: Option<u64>,
}

/// All figures of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BenchReport {
    /// refrain's version.
    pub refrain: String,
    /// Operating system and architecture.
    pub host: String,
    /// Cores.
    pub cores: usize,
    /// Repetitions.
    pub repeats: usize,
    /// f32 operations a second in products of 384 × 384 matrices, by number of threads, each thread
    /// with matrices of its own; measured before the models.
    pub matrix_rates: BTreeMap<usize, Spread>,
    /// The combinations, in the order asked for.
    pub results: Vec<BenchResult>,
}

/// Measures. `texts` are the passages to embed; none: the built-in text at each of the lengths.
///
/// # Errors
/// [`Error::Model`], [`Error::Runtime`] or [`Error::Inference`] of any combination.
pub fn bench(texts: Option<&[&str]>, options: &BenchOptions, progress: &dyn Progress) -> Result<BenchReport> {
    if options.repeats == 0 {
        return Err(Error::Option { option: "--repeats", found: "0".into(), expected: "at least 1".into() });
    }
    let runtime = Runtime::find(&options.runtime, progress)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads_of = |threads: usize| if threads == 0 { cores } else { threads };
    let rates = options.threads.iter().map(|&t| (threads_of(t), matrix_rate(threads_of(t), options.repeats.max(3))));
    let matrix_rates: BTreeMap<usize, Spread> = rates.collect();
    let mut results = Vec::new();
    for name in &options.models {
        let model = Model::find(name, &options.runtime, progress)?;
        let counter = model.token_counter()?;
        let corpora = match texts {
            Some(texts) => vec![Corpus::of_texts(texts, &counter)],
            None => options.lengths.iter().map(|&length| Corpus::of_length(length, &counter)).collect(),
        };
        let engines =
            options.providers.iter().flat_map(|provider| options.precisions.iter().map(move |p| (*provider, *p)));
        for (provider, precision) in engines {
            let (provider, precision) = candidates(provider, precision, &runtime)?[0];
            for &threads in &options.threads {
                let threads = threads_of(threads);
                for batching in batchings(options) {
                    for corpus in &corpora {
                        progress.start(Stage::Embedding, 0);
                        let reset = reset_peak_memory();
                        let begun = Instant::now();
                        let engine = Engine::load(&model, &runtime, provider, precision, threads, batching)?;
                        let load_seconds = begun.elapsed().as_secs_f64();
                        let seconds = corpus.time(&engine, batching, options.repeats)?;
                        progress.finish();
                        let rate = |n: usize| Spread::of(seconds.iter().map(|s| n as f64 / s).collect());
                        let padded = |&length: &usize| batching.padded(length, model.settings.max_tokens);
                        let n_padded = corpus.lengths.iter().map(padded).sum::<usize>();
                        let fastest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
                        let operations = model.settings.architecture.map(|architecture| {
                            corpus.lengths.iter().map(|length| architecture.operations(padded(length))).sum::<f64>()
                        });
                        results.push(BenchResult {
                            model: model.name.clone(),
                            provider: provider.name().into(),
                            precision: precision.name().into(),
                            threads,
                            sessions: sessions_and_threads(threads),
                            batch_tokens: batching.batch_tokens,
                            length_step: batching.length_step,
                            length: corpus.length,
                            n_passages: corpus.texts.len(),
                            n_tokens: corpus.n_tokens(),
                            padding_share: 1.0 - corpus.n_tokens() as f64 / n_padded as f64,
                            load_seconds,
                            passages_per_second: rate(corpus.texts.len()),
                            tokens_per_second: rate(corpus.n_tokens()),
                            share_of_matrix_rate: operations.map(|n| n / fastest / matrix_rates[&threads].max),
                            peak_memory_bytes: if reset { crate::report::peak_memory_bytes() } else { None },
                        });
                    }
                }
            }
        }
    }
    Ok(BenchReport {
        refrain: env!("CARGO_PKG_VERSION").into(),
        host: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        cores,
        repeats: options.repeats,
        matrix_rates,
        results,
    })
}

fn batchings(options: &BenchOptions) -> impl Iterator<Item = Batching> {
    let steps = &options.length_steps;
    options
        .batch_tokens
        .iter()
        .flat_map(move |&batch_tokens| steps.iter().map(move |&length_step| Batching { batch_tokens, length_step }))
}

/// Passages to embed, each of a different text.
struct Corpus {
    texts: Vec<String>,
    lengths: Vec<usize>,
    length: Option<usize>,
    /// Tokens that the model reads.
    max_tokens: usize,
}

impl Corpus {
    fn of_texts(texts: &[&str], counter: &TokenCounter) -> Self {
        let mut seen = HashSet::new();
        let texts: Vec<String> =
            texts.iter().filter(|text| seen.insert(**text)).map(|text| (*text).to_owned()).collect();
        let lengths = texts.iter().map(|text| counter.n_tokens(text).min(counter.max_tokens())).collect();
        Self { texts, lengths, length: None, max_tokens: counter.max_tokens() }
    }

    /// Runs of the sample's words, as long as fit `length` tokens, each from another word on.
    fn of_length(length: usize, counter: &TokenCounter) -> Self {
        let length = length.clamp(4, counter.max_tokens());
        let words: Vec<&str> = SAMPLE.split_whitespace().collect();
        let text = |start: usize| {
            let run = |n: usize| (0..n).map(|i| words[(start + i) % words.len()]).collect::<Vec<_>>().join(" ");
            let most = (1..=length).collect::<Vec<_>>().partition_point(|&n| counter.n_tokens(&run(n)) <= length);
            run(most.max(1))
        };
        // The place in a second round of the sample tells a passage from the first round's.
        let texts: Vec<String> = (0..SAMPLE_TOKENS.div_ceil(length)).map(|i| text(i * 7)).collect();
        let lengths = texts.iter().map(|text| counter.n_tokens(text)).collect();
        Self { texts, lengths, length: Some(length), max_tokens: counter.max_tokens() }
    }

    fn n_tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Seconds of each repetition, after a warm-up of one batch for each shape and session.
    fn time(&self, engine: &Engine, batching: Batching, repeats: usize) -> Result<Vec<f64>> {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let mut room: BTreeMap<usize, usize> = BTreeMap::new();
        let n_sessions = engine.n_sessions();
        let is_first = |&i: &usize| {
            let padded = batching.padded(self.lengths[i], self.max_tokens);
            let left = room.entry(padded).or_insert(n_sessions * (batching.batch_tokens / padded).max(1));
            let is_first = *left > 0;
            *left = left.saturating_sub(1);
            is_first
        };
        let warm_up: Vec<usize> = (0..texts.len()).filter(is_first).collect();
        let warm_up_texts: Vec<&str> = warm_up.iter().map(|&i| texts[i]).collect();
        let warm_up_lengths: Vec<usize> = warm_up.iter().map(|&i| self.lengths[i]).collect();
        engine.run(&warm_up_texts, &warm_up_lengths, &|_| true, &mut |_, _| Ok(()))?;
        let once = |_| {
            let begun = Instant::now();
            engine.run(&texts, &self.lengths, &|_| true, &mut |_, _| Ok(())).map(|()| begun.elapsed().as_secs_f64())
        };
        (0..repeats).map(once).collect()
    }
}

/// f32 operations a second of `threads` threads, each multiplying matrices of its own.
fn matrix_rate(threads: usize, repeats: usize) -> Spread {
    const PRODUCTS: usize = 200;
    let rates = (0..=repeats).map(|_| {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let a = ndarray::Array2::<f32>::from_elem((MATRIX_SIDE, MATRIX_SIDE), 0.5);
                    let mut c = ndarray::Array2::<f32>::zeros((MATRIX_SIDE, MATRIX_SIDE));
                    for _ in 0..PRODUCTS {
                        crate::similarity::products(a.view(), a.view(), c.view_mut());
                        std::hint::black_box(&mut c);
                    }
                });
            }
        });
        2.0 * (threads * PRODUCTS * MATRIX_SIDE.pow(3)) as f64 / begun.elapsed().as_secs_f64()
    });
    // The first repetition wakes the cores.
    Spread::of(rates.skip(1).collect())
}

/// Forgets the process's memory peak, where the system can.
fn reset_peak_memory() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_cut_to_the_length_asked_for() {
        let model = Model::open(crate::embedding::DEFAULT_MODEL, std::path::Path::new("")).unwrap();
        let counter = model.token_counter().unwrap();
        for length in [16, 100, 256] {
            let corpus = Corpus::of_length(length, &counter);
            assert!(corpus.lengths.iter().all(|&n| n <= length && n + 8 > length), "{:?}", corpus.lengths);
            assert_eq!(corpus.texts.len(), SAMPLE_TOKENS.div_ceil(length));
        }
    }

    #[test]
    fn a_spread_is_ordered() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
    }
}
