//! A model in memory: sessions that take batches of texts from a common list.

use super::model::prefixed;
use super::pooling::pool;
use super::provider::execution_providers;
use super::{Model, ModelSettings, Precision, Provider, Runtime};
use crate::{Error, Result};
use fastembed::UserDefinedEmbeddingModel;
use fastembed::{InitOptionsUserDefined, QuantizationMode, SingleBatchOutput, TextEmbedding, TokenizerFiles};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use tokenizers::PaddingStrategy;

/// At most this many sessions: each holds the weights once more, and the engine's memory must not
/// grow with the machine. With more threads than this, sessions have several threads each.
const MAX_SESSIONS: usize = 8;

/// What the library is given in place of a tokenizer: it would truncate at its own length, and parse
/// the file anew for each session. The model's own, which counted the lengths, is put there instead.
const NO_TOKENIZER: &str =
    r#"{"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}}"#;

/// A text's row beside another text and padded further must be that of the text alone, to this cosine.
/// A bf16 row is within 0.9999; one whose padding is not masked was at 0.9.
const LEAST_AGREEMENT: f32 = 0.999;

/// How texts are put into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Tokens of a batch at most, padding included; at least one text. Larger batches leave the
    /// second-level cache, smaller ones leave the kernels too few rows; default 1024.
    pub batch_tokens: usize,
    /// Lengths are padded to a multiple of this many tokens: a runtime prepares its kernels for each
    /// shape that it meets, so there must be few, and padding must be little; default 16.
    pub length_step: usize,
}

impl Default for Batching {
    fn default() -> Self {
        Self { batch_tokens: 1024, length_step: 16 }
    }
}

impl Batching {
    /// The length that a text of `n_tokens` is padded to, by a model that reads `max_tokens`.
    #[must_use]
    pub fn padded(self, n_tokens: usize, max_tokens: usize) -> usize {
        n_tokens.max(1).next_multiple_of(self.length_step.max(1)).min(max_tokens).max(n_tokens)
    }

    /// Groups texts by padded length, the longest first (the last batches to finish are then short
    /// ones), each group in batches of as many as the budget holds.
    fn batches(self, lengths: &[usize], max_tokens: usize) -> Vec<Vec<usize>> {
        let padded = |i: usize| self.padded(lengths[i], max_tokens);
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&i| (Reverse(lengths[i]), i));
        order
            .chunk_by(|&a, &b| padded(a) == padded(b))
            .flat_map(|group| {
                let room = self.batch_tokens / padded(group[0]).max(1);
                group.chunks(room.max(1)).map(<[usize]>::to_vec)
            })
            .collect()
    }
}

/// Takes a batch (indices of texts) and its rows.
pub type Receive<'a> = dyn FnMut(&[usize], Vec<Vec<f32>>) -> Result<()> + 'a;

/// A model loaded into a runtime, ready to run.
pub struct Engine {
    sessions: Vec<Mutex<Session>>,
    /// The graph's output that rows are made from.
    output: String,
    dim: usize,
    provider: Provider,
    model: ModelSettings,
    batching: Batching,
}

impl Engine {
    /// Loads `model` for `threads` threads (0: one for each core), and runs it once.
    ///
    /// A dynamically quantised model is run on one text at a time, whatever `batching` says.
    ///
    /// # Errors
    /// [`Error::Model`] if the model cannot be loaded, does not do what its settings say, or gives a
    /// text another row in other company.
    pub fn load(
        model: &Model,
        runtime: &Runtime,
        provider: Provider,
        precision: Precision,
        threads: usize,
        batching: Batching,
    ) -> Result<Self> {
        let (n_sessions, threads) = sessions_and_threads(threads);
        let is_dynamic = model.dynamic_quantization().is_some();
        let batching = Batching { batch_tokens: if is_dynamic { 1 } else { batching.batch_tokens }, ..batching };
        // A batch is tokenised by the thread that runs it; the library's own pool would only be one more.
        tokenizers::utils::parallelism::set_parallelism(false);
        // One after the other: loading takes twice the memory that a loaded session keeps, and the next
        // one uses what the last gave back.
        let load = |_| Session::load(model, runtime, provider, precision, threads);
        let mut sessions = (0..n_sessions).map(load).collect::<Result<Vec<_>>>()?;
        let (output, dim) = check(&mut sessions[0], model, batching, is_dynamic)
            .map_err(|reason| model.error(format!("on {} in {}, {reason}", provider.name(), precision.name())))?;
        let sessions = sessions.into_iter().map(Mutex::new).collect();
        Ok(Self { sessions, output, dim, provider, model: model.settings.clone(), batching })
    }

    /// Width of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Sessions, each with a thread that feeds it.
    #[must_use]
    pub fn n_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Embeds the texts that are wanted, by index; `lengths` are the tokens of each text. `receive` is
    /// given every batch (indices into `texts`) and its rows as it finishes, on the calling thread.
    ///
    /// Batches are made of all texts, and what is not wanted is then left out of them: the batches that
    /// a killed run left to do are those that it would have done.
    ///
    /// # Errors
    /// [`Error::Inference`] if the model fails on a batch, and what `receive` returns.
    pub fn run(
        &self,
        texts: &[&str],
        lengths: &[usize],
        is_wanted: &dyn Fn(usize) -> bool,
        receive: &mut Receive,
    ) -> Result<()> {
        let max_tokens = self.model.max_tokens;
        let mut batches = self.batching.batches(lengths, max_tokens);
        batches.iter_mut().for_each(|batch| batch.retain(|&i| is_wanted(i)));
        batches.retain(|batch| !batch.is_empty());
        let next = AtomicUsize::new(0);
        // Finished batches wait here for the store; few, so that memory stays what it is.
        let (send, finished) = mpsc::sync_channel(2 * self.sessions.len());
        std::thread::scope(|scope| {
            for session in &self.sessions {
                let (send, next, batches) = (send.clone(), &next, &batches);
                scope.spawn(move || {
                    let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
                    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let inputs: Vec<_> = batch.iter().map(|&i| prefixed(&self.model.prefix, texts[i])).collect();
                        let length = lengths[batch[0]];
                        let output = session.run(&inputs, self.batching.padded(length, max_tokens));
                        let rows = output.and_then(|output| pool(&output, &self.output, self.model.pooling));
                        let rows = rows.map_err(|reason| Error::Inference {
                            n_passages: batch.len(),
                            max_tokens: length,
                            provider: self.provider.name().into(),
                            reason,
                        });
                        // Nobody receives any more once a batch has failed.
                        if send.send((batch, rows)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send);
            for (batch, rows) in finished {
                receive(batch, rows?)?;
            }
            Ok(())
        })
    }
}

/// A copy of the model in the runtime.
struct Session(TextEmbedding);

impl Session {
    fn load(
        model: &Model,
        runtime: &Runtime,
        provider: Provider,
        precision: Precision,
        threads: usize,
    ) -> Result<Self> {
        // Folding the casts of the f16 weights would hold every matrix once more, in f32, beside the
        // provider's own copy (50 MB a session); OpenVINO reads f16 itself.
        let kept_small = if provider == Provider::OpenVino { "ConstantFolding" } else { "" };
        let mut options = InitOptionsUserDefined::new()
            .with_environment(runtime.environment())
            .with_execution_providers(execution_providers(provider, precision, threads))
            .with_intra_threads(threads)
            .with_session_config("optimization.disable_specified_optimizers", kept_small);
        if let Some(folder) = model.weights_folder() {
            let folder = folder.to_string_lossy();
            options = options.with_session_config("session.model_external_initializers_file_folder_path", folder);
        }
        let files = TokenizerFiles {
            tokenizer_file: NO_TOKENIZER.into(),
            config_file: "{}".into(),
            special_tokens_map_file: "{}".into(),
            tokenizer_config_file: r#"{"model_max_length": 512, "pad_token": "?"}"#.into(),
        };
        let files =
            UserDefinedEmbeddingModel::new(model.onnx().to_vec(), files).with_quantization(QuantizationMode::None);
        let mut text = TextEmbedding::try_new_from_user_defined(files, options).map_err(|e| {
            let reason = one_line(&e);
            model.error(format!("cannot be loaded on {} ({reason}); see `refrain models verify`", provider.name()))
        })?;
        text.tokenizer = model.tokenizer();
        Ok(Self(text))
    }

    /// What the graph gives for texts padded to `n_tokens`.
    fn run(&mut self, texts: &[Cow<str>], n_tokens: usize) -> Result<SingleBatchOutput, String> {
        if let Some(padding) = self.0.tokenizer.get_padding_mut() {
            padding.strategy = PaddingStrategy::Fixed(n_tokens);
        }
        let output = self.0.transform(texts, Some(texts.len())).map_err(|e| one_line(&e))?;
        output.into_raw().pop().ok_or_else(|| "the runtime gave nothing".into())
    }
}

/// The runtime's errors run over many lines.
fn one_line(error: &fastembed::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs the model on a text alone, and beside a longer one; its row must be the same. Returns the name
/// of the output that rows are made from, and their width.
fn check(
    session: &mut Session,
    model: &Model,
    batching: Batching,
    is_dynamic: bool,
) -> Result<(String, usize), String> {
    let settings = &model.settings;
    let texts = [
        "One text.",
        "Another text, of more than sixteen tokens, so that both are padded to a greater length than the one is padded to alone.",
    ];
    let texts = texts.map(|text| prefixed(&settings.prefix, text));
    let padded = |text: &str| {
        let encoded = session.0.tokenizer.encode_fast(text, true).map_err(|e| e.to_string())?;
        let n_tokens = encoded.get_attention_mask().iter().filter(|mask| **mask != 0).count();
        Ok::<_, String>(batching.padded(n_tokens, settings.max_tokens))
    };
    let (short, long) = (padded(&texts[0])?, padded(&texts[1])?);
    let alone = session.run(&texts[..1], short).map_err(|e| format!("it cannot be run: {e}"))?;
    let shapes: Vec<_> = alone.outputs.iter().map(|(name, value)| (name.clone(), value.shape().to_vec())).collect();
    let output = settings.choose_output(&shapes)?;
    let row = pool(&alone, &output, settings.pooling)?.swap_remove(0);
    if let Some(dim) = settings.dim.filter(|&dim| dim != row.len()) {
        return Err(format!("its rows are {} wide, model.toml expects {dim}", row.len()));
    }
    if !is_dynamic {
        let both = session.run(&texts, long).map_err(|e| format!("it cannot be run on two texts: {e}"))?;
        let beside = pool(&both, &output, settings.pooling)?;
        let cosine: f32 = row.iter().zip(&beside[0]).map(|(a, b)| a * b).sum();
        if cosine < LEAST_AGREEMENT {
            return Err(format!(
                "its row for a text is another beside a longer text (cosine {cosine:.3}, expected {LEAST_AGREEMENT} or more), so \
                 padding or neighbours change it: its graph makes no use of attention_mask, or masks with a number that bf16 \
                 cannot hold; try --precision f32, or export it anew"
            ));
        }
    }
    Ok((output, row.len()))
}

/// Sessions, and threads of each: their product never exceeds `threads` (0: the machine's cores).
///
/// One thread a session up to eight threads; beyond, the threads are shared out evenly.
#[must_use]
pub fn sessions_and_threads(threads: usize) -> (usize, usize) {
    let threads = if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads };
    let n_sessions = threads.min(MAX_SESSIONS);
    (n_sessions, threads / n_sessions)
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
        fn batches_hold_every_text_once_at_one_padded_length_within_the_budget(
            lengths in proptest::collection::vec(0usize..600, 0..300),
            length_step in 1usize..40,
            max_tokens in 8usize..600,
        ) {
            let lengths: Vec<usize> = lengths.into_iter().map(|length| length.min(max_tokens)).collect();
            let batching = Batching { length_step, ..Default::default() };
            let batches = batching.batches(&lengths, max_tokens);
            let mut all: Vec<usize> = batches.iter().flatten().copied().collect();
            prop_assert!(all.windows(2).all(|pair| lengths[pair[0]] >= lengths[pair[1]]));
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            for batch in &batches {
                let padded = batching.padded(lengths[batch[0]], max_tokens);
                prop_assert!(batch.iter().all(|&i| batching.padded(lengths[i], max_tokens) == padded && lengths[i] <= padded));
                prop_assert!(padded <= max_tokens && (batch.len() == 1 || padded * batch.len() <= batching.batch_tokens));
            }
        }
    }
}
