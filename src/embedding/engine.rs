//! A model in memory: sessions that take batches of texts from a common list.

use super::provider::execution_providers;
use super::{Model, Precision, Provider, Runtime};
use crate::{Error, Result};
use fastembed::{InitOptionsUserDefined, TextEmbedding};
use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use tokenizers::PaddingParams;

/// At most this many sessions: each holds the weights once more, and the engine's memory must not
/// grow with the machine. With more threads than this, sessions have several threads each.
const MAX_SESSIONS: usize = 8;

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
    /// The length that a text of `n_tokens` is padded to.
    #[must_use]
    pub fn padded(self, n_tokens: usize) -> usize {
        n_tokens.next_multiple_of(self.length_step).max(self.length_step)
    }

    /// Groups texts by padded length, the longest first (the last batches to finish are then short
    /// ones), each group in batches of as many as the budget holds.
    fn batches(self, lengths: &[usize]) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&i| (Reverse(lengths[i]), i));
        order
            .chunk_by(|&a, &b| self.padded(lengths[a]) == self.padded(lengths[b]))
            .flat_map(|group| {
                let room = self.batch_tokens / self.padded(lengths[group[0]]);
                group.chunks(room.max(1)).map(<[usize]>::to_vec)
            })
            .collect()
    }
}

/// Takes a batch (indices of texts) and its rows.
pub type Receive<'a> = dyn FnMut(&[usize], Vec<Vec<f32>>) -> Result<()> + 'a;

/// A model loaded into a runtime, ready to run.
pub struct Engine {
    sessions: Vec<Mutex<TextEmbedding>>,
    dim: usize,
    provider: Provider,
    prefix: String,
    batching: Batching,
}

impl Engine {
    /// Loads `model` for `threads` threads (0: one for each core).
    ///
    /// # Errors
    /// [`Error::Model`] if the model cannot be loaded or does not do what `model.toml` says.
    pub fn load(
        model: &Model,
        runtime: &Runtime,
        provider: Provider,
        precision: Precision,
        threads: usize,
        batching: Batching,
    ) -> Result<Self> {
        let (n_sessions, threads) = sessions_and_threads(threads);
        // A batch is tokenised by the thread that runs it; the library's own pool would only be one more.
        tokenizers::utils::parallelism::set_parallelism(false);
        let load = || {
            // Folding the casts of the f16 weights would hold every matrix once more, in f32, beside the
            // provider's own copy (50 MB a session); OpenVINO reads f16 itself.
            let kept_small = if provider == Provider::OpenVino { "ConstantFolding" } else { "" };
            let options = InitOptionsUserDefined::new()
                .with_environment(runtime.environment())
                .with_max_length(model.settings.max_tokens)
                .with_execution_providers(execution_providers(provider, precision, threads))
                .with_intra_threads(threads)
                .with_session_config("optimization.disable_specified_optimizers", kept_small);
            let mut session = TextEmbedding::try_new_from_user_defined(model.user_defined(), options).map_err(|e| {
                model.error(format!("cannot be loaded on {} ({e}); see `refrain models verify`", provider.name()))
            })?;
            if let Some(padding) = session.tokenizer.get_padding().cloned() {
                let padding = PaddingParams { pad_to_multiple_of: Some(batching.length_step), ..padding };
                session.tokenizer.with_padding(Some(padding));
            }
            Ok(session)
        };
        // One after the other: loading takes twice the memory that a loaded session keeps, and the next
        // one uses what the last gave back.
        let mut sessions = (0..n_sessions).map(|_| load()).collect::<Result<Vec<_>>>()?;
        let dim = sessions.first_mut().map_or(Ok(0), |session| model.check_output(session))?;
        let sessions = sessions.into_iter().map(Mutex::new).collect();
        Ok(Self { sessions, dim, provider, prefix: model.settings.prefix.clone(), batching })
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
        let mut batches = self.batching.batches(lengths);
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
                        let inputs: Vec<String> =
                            batch.iter().map(|&i| format!("{}{}", self.prefix, texts[i])).collect();
                        let rows = session.embed(&inputs, Some(inputs.len())).map_err(|error| Error::Inference {
                            n_passages: batch.len(),
                            max_tokens: lengths[batch[0]],
                            provider: self.provider.name().into(),
                            reason: error.to_string(),
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
        ) {
            let batching = Batching { length_step, ..Default::default() };
            let batches = batching.batches(&lengths);
            let mut all: Vec<usize> = batches.iter().flatten().copied().collect();
            prop_assert!(all.windows(2).all(|pair| lengths[pair[0]] >= lengths[pair[1]]));
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            for batch in &batches {
                let padded = batching.padded(lengths[batch[0]]);
                prop_assert!(batch.iter().all(|&i| batching.padded(lengths[i]) == padded && lengths[i] <= padded));
                prop_assert!(batch.len() == 1 || padded * batch.len() <= batching.batch_tokens);
            }
        }
    }
}
