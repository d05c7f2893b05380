//! A model: a folder with `model.onnx`, `tokenizer.json` and `model.toml`, or the default one, which
//! is compiled into the binary so that the tool works offline from anywhere.

use crate::passage::LengthMeasure;
use crate::{Error, Result};
use fastembed::{Pooling, QuantizationMode, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use tokenizers::Tokenizer;

/// Name of the model that is compiled in.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

macro_rules! built_in {
    ($file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/all-MiniLM-L6-v2/", $file))
    };
}

/// How token rows become one row per passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolingMethod {
    /// The graph does it: its output is `(batch, dim)`.
    InGraph,
    /// The mean of the rows that are not padding.
    Mean,
    /// The first token's row.
    Cls,
}

/// What `model.toml` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// How token rows become one row. There is no default: the wrong one gives wrong rows silently.
    pub pooling: PoolingMethod,
    /// Tokens that the model reads, special tokens included.
    pub max_tokens: usize,
    /// Put before every passage, for models trained so.
    #[serde(default)]
    pub prefix: String,
    /// SHA-256 of `model.onnx`, checked when the model is opened.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The transformer's size, for `refrain bench`.
    #[serde(default)]
    pub architecture: Option<Architecture>,
}

/// The size of a BERT-like encoder, from which the arithmetic of its matrix products follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Encoder layers.
    pub layers: usize,
    /// Width of a token's row between layers.
    pub hidden: usize,
    /// Width inside the feed-forward part.
    pub intermediate: usize,
}

impl Architecture {
    /// Multiplications and additions of the matrix products for a passage of `n` tokens: four
    /// (hidden × hidden) and two (hidden × intermediate) products for each token, and two (n × n ×
    /// hidden) products for attention, in each layer.
    #[must_use]
    pub fn operations(self, n: usize) -> f64 {
        let (hidden, intermediate) = (self.hidden as f64, self.intermediate as f64);
        let weights = 4.0 * hidden * hidden + 2.0 * hidden * intermediate;
        2.0 * self.layers as f64 * n as f64 * (weights + 2.0 * n as f64 * hidden)
    }
}

/// A model's files, read and checked but not yet loaded into a runtime.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name reports show: the folder's.
    pub name: String,
    /// What `model.toml` says.
    pub settings: ModelSettings,
    /// SHA-256 of `model.onnx`, in hexadecimal.
    pub sha256: String,
    onnx: Cow<'static, [u8]>,
    tokenizer: TokenizerFiles,
}

impl Model {
    /// The model called `name`: the default one, one in the cache folder's `models`, or a folder.
    ///
    /// # Errors
    /// [`Error::Model`] if there is none, or a file of it is missing, damaged or contradicts another.
    pub fn open(name: &str, cache: &Path) -> Result<Self> {
        if name == DEFAULT_MODEL {
            return Self::built_in();
        }
        let folder = Path::new(name);
        let added = cache.join("models").join(name);
        match (folder.is_dir(), added.is_dir()) {
            (true, _) => Self::from_folder(name, folder),
            (false, true) => Self::from_folder(name, &added),
            (false, false) => Err(Error::Model {
                model: name.into(),
                reason: format!(
                    "neither a folder nor a model at hand; `refrain models list` shows those, and a folder needs \
                     model.onnx, tokenizer.json and model.toml (default: {DEFAULT_MODEL})"
                ),
            }),
        }
    }

    /// Names of the models at hand: the default one and those in the cache folder's `models`.
    #[must_use]
    pub fn at_hand(cache: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(cache.join("models"))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().join("model.onnx").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.insert(0, DEFAULT_MODEL.into());
        names
    }

    fn built_in() -> Result<Self> {
        let tokenizer = TokenizerFiles {
            tokenizer_file: built_in!("tokenizer.json").to_vec(),
            config_file: built_in!("config.json").to_vec(),
            special_tokens_map_file: built_in!("special_tokens_map.json").to_vec(),
            tokenizer_config_file: built_in!("tokenizer_config.json").to_vec(),
        };
        Self::checked(DEFAULT_MODEL, Cow::Borrowed(built_in!("model.onnx")), built_in!("model.toml"), tokenizer)
    }

    fn from_folder(name: &str, folder: &Path) -> Result<Self> {
        let read = |file: &str| {
            std::fs::read(folder.join(file)).map_err(|e| Error::Model {
                model: name.into(),
                reason: format!(
                    "{} cannot be read ({e}); a model folder holds model.onnx, tokenizer.json and model.toml",
                    folder.join(file).display()
                ),
            })
        };
        // What the other tokenizer files would say stands in tokenizer.json too; where they are
        // missing, the library is given their least content.
        let optional = |file: &str, least: &str| {
            if folder.join(file).is_file() { read(file) } else { Ok(least.as_bytes().to_vec()) }
        };
        let tokenizer = TokenizerFiles {
            tokenizer_file: read("tokenizer.json")?,
            config_file: optional("config.json", "{}")?,
            special_tokens_map_file: optional("special_tokens_map.json", "{}")?,
            tokenizer_config_file: optional(
                "tokenizer_config.json",
                r#"{"model_max_length": 1000000, "pad_token": "[PAD]"}"#,
            )?,
        };
        let shown = folder.file_name().map_or_else(|| name.into(), |n| n.to_string_lossy().into_owned());
        Self::checked(&shown, Cow::Owned(read("model.onnx")?), &read("model.toml")?, tokenizer)
    }

    fn checked(name: &str, onnx: Cow<'static, [u8]>, toml: &[u8], tokenizer: TokenizerFiles) -> Result<Self> {
        let error = |reason: String| Error::Model { model: name.into(), reason };
        let settings: ModelSettings = std::str::from_utf8(toml)
            .map_err(|e| e.to_string())
            .and_then(|toml| toml::from_str(toml).map_err(|e| e.to_string()))
            .map_err(|e| error(format!("model.toml is not as expected: {e}")))?;
        if settings.max_tokens < 8 {
            return Err(error(format!("model.toml: max_tokens is {}, expected at least 8", settings.max_tokens)));
        }
        let sha256 = hex(&Sha256::digest(&onnx));
        if let Some(expected) = settings.sha256.as_ref().filter(|expected| **expected != sha256) {
            return Err(error(format!(
                "model.onnx has sha256 {sha256}, model.toml expects {expected}; the file is damaged or another one, copy it anew"
            )));
        }
        let model = Self { name: name.into(), settings, sha256, onnx, tokenizer };
        model.token_counter()?;
        Ok(model)
    }

    /// Digest of all that decides a row but the text and the precision: weights, tokenizer, pooling,
    /// maximum length, prefix.
    pub(super) fn digest(&self) -> [u8; 32] {
        let settings = &self.settings;
        let mut digest = Sha256::new();
        for part in [self.sha256.as_bytes(), &self.tokenizer.tokenizer_file, settings.prefix.as_bytes()] {
            digest.update(Sha256::digest(part));
        }
        digest.update(format!("{:?} {}", settings.pooling, settings.max_tokens));
        digest.finalize().into()
    }

    /// Size of `model.onnx`.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.onnx.len()
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        Error::Model { model: self.name.clone(), reason: reason.into() }
    }

    /// Counts tokens as the model will see them.
    ///
    /// # Errors
    /// [`Error::Model`] if `tokenizer.json` cannot be read.
    pub fn token_counter(&self) -> Result<TokenCounter> {
        let mut tokenizer = Tokenizer::from_bytes(&self.tokenizer.tokenizer_file).map_err(|e| {
            self.error(format!("tokenizer.json cannot be read ({e}); copy it anew from where the model comes from"))
        })?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| self.error(e.to_string()))?;
        Ok(TokenCounter { tokenizer, max_tokens: self.settings.max_tokens, prefix: self.settings.prefix.clone() })
    }

    pub(super) fn user_defined(&self) -> UserDefinedEmbeddingModel {
        let model = UserDefinedEmbeddingModel::new(self.onnx.to_vec(), self.tokenizer.clone())
            .with_quantization(QuantizationMode::None);
        match self.settings.pooling {
            PoolingMethod::InGraph => model,
            PoolingMethod::Mean => model.with_pooling(Pooling::Mean),
            PoolingMethod::Cls => model.with_pooling(Pooling::Cls),
        }
    }

    /// Runs the model on two short texts and compares the output's shape with `model.toml`.
    /// Returns the width of a row.
    pub(super) fn check_output(&self, session: &mut TextEmbedding) -> Result<usize> {
        let texts = ["one", "two more words"];
        let output = session.transform(texts, None).map_err(|e| self.error(format!("cannot be run: {e}")))?.into_raw();
        let shapes: Vec<Vec<i64>> =
            output.iter().flat_map(|batch| &batch.outputs).map(|(_, v)| v.shape().to_vec()).collect();
        let pooled = shapes.iter().any(|shape| shape.len() == 2);
        if pooled != (self.settings.pooling == PoolingMethod::InGraph) {
            return Err(self.error(format!(
                "model.toml says pooling = {:?}, but the graph's outputs have the shapes {shapes:?}; \
                 (batch, dim) is pooled in the graph, (batch, tokens, dim) needs mean or cls",
                self.settings.pooling
            )));
        }
        let rows = session.embed(texts, None).map_err(|e| self.error(format!("cannot be run: {e}")))?;
        let dim = rows.first().map_or(0, Vec::len);
        rows.iter().enumerate().try_for_each(|(i, row)| super::check_row(i, row, dim))?;
        Ok(dim)
    }
}

/// The model's tokenizer as a measure of length.
pub struct TokenCounter {
    tokenizer: Tokenizer,
    max_tokens: usize,
    prefix: String,
}

impl LengthMeasure for TokenCounter {
    fn n_tokens(&self, text: &str) -> usize {
        let encoded = if self.prefix.is_empty() {
            self.tokenizer.encode_fast(text, true)
        } else {
            self.tokenizer.encode_fast(format!("{}{text}", self.prefix), true)
        };
        // A text that cannot be encoded is given a length that no model reads, so that it is split
        // down to what can be.
        encoded.map_or(usize::MAX / 4, |encoding| encoding.len())
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(digest.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::super::cache_folder;
    use super::*;

    #[test]
    fn the_default_model_is_whole_and_counts_tokens() {
        let model = Model::open(DEFAULT_MODEL, &cache_folder(None)).unwrap();
        assert_eq!(Some(&model.sha256), model.settings.sha256.as_ref());
        let counter = model.token_counter().unwrap();
        // [CLS] hello world [SEP]
        assert_eq!(counter.n_tokens("Hello world"), 4);
        assert_eq!(counter.max_tokens(), 256);
    }

    #[test]
    fn a_damaged_model_is_named_with_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Model::open(folder.path().to_str().unwrap(), folder.path()).unwrap_err().to_string();
        assert!(open().contains("tokenizer.json cannot be read"), "{}", open());
        std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        std::fs::write(folder.path().join("model.onnx"), "not a model").unwrap();
        std::fs::write(folder.path().join("model.toml"), "max_tokens = 256").unwrap();
        assert!(open().contains("missing field `pooling`"), "{}", open());
        std::fs::write(folder.path().join("model.toml"), "max_tokens = 256\npooling = 'mean'\nsha256 = 'ab'").unwrap();
        assert!(open().contains("model.toml expects ab"), "{}", open());
        std::fs::write(folder.path().join("model.toml"), "max_tokens = 256\npooling = 'mean'").unwrap();
        assert!(open().contains("tokenizer.json cannot be read"), "{}", open());
    }
}
