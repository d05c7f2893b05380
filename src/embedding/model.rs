//! A model: a folder with `model.onnx`, `tokenizer.json` and what says how to read them, or the
//! default one, which is compiled into the binary so that the tool works offline from anywhere.

use super::graph::Graph;
use super::settings::{ModelSettings, read_json};
use crate::passage::LengthMeasure;
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use tokenizers::{PaddingParams, Tokenizer, TruncationParams};

/// Name of the model that is compiled in.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

/// Inputs that a batch is given as.
const INPUTS: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

macro_rules! built_in {
    ($file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/all-MiniLM-L6-v2/", $file))
    };
}

/// A model's files, read and checked but not yet loaded into a runtime.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name reports show: the folder's.
    pub name: String,
    /// How it is read.
    pub settings: ModelSettings,
    /// Which files say so.
    pub settings_from: String,
    /// SHA-256 of `model.onnx` and, after it, its files of weights in the order of their names; in
    /// hexadecimal.
    pub sha256: String,
    /// Bytes of those files.
    pub size_bytes: u64,
    onnx: Cow<'static, [u8]>,
    graph: Graph,
    /// Where its files of weights are.
    folder: Option<PathBuf>,
    tokenizer: Tokenizer,
    tokenizer_sha256: [u8; 32],
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
            (true, _) => Self::from_folder(folder),
            (false, true) => Self::from_folder(&added),
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
            .filter(|entry| onnx_in(&entry.path()).is_some())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            // Being written, or left by a run that was killed.
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names.insert(0, DEFAULT_MODEL.into());
        names
    }

    fn built_in() -> Result<Self> {
        let name = DEFAULT_MODEL;
        let error = |reason| Error::Model { model: name.into(), reason };
        let onnx = Cow::Borrowed(&built_in!("model.onnx")[..]);
        let graph = Graph::read(&onnx).map_err(error)?;
        let settings = ModelSettings::parse(built_in!("model.toml")).map_err(error)?;
        Self::checked(name, onnx, graph, None, (settings, "model.toml".into()), built_in!("tokenizer.json"), None)
    }

    /// The model in a folder, called as the folder is.
    pub(super) fn from_folder(folder: &Path) -> Result<Self> {
        let name =
            folder.file_name().map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into_owned());
        let error = |reason| Error::Model { model: name.clone(), reason };
        let read = |path: &Path| {
            std::fs::read(path).map_err(|e| {
                error(format!(
                    "{} cannot be read ({e}); a model folder holds model.onnx, tokenizer.json and model.toml",
                    path.display()
                ))
            })
        };
        let tokenizer = read(&folder.join("tokenizer.json"))?;
        let path = onnx_in(folder).unwrap_or_else(|| folder.join("model.onnx"));
        let onnx = read(&path)?;
        let graph = Graph::read(&onnx).map_err(|what| error(format!("{} is no ONNX model: {what}", path.display())))?;
        let settings = ModelSettings::find(folder, &graph).map_err(error)?;
        // Of the other tokenizer files only the padding token matters, and only to some.
        let pad_token = read_json(folder, "tokenizer_config.json").map_err(error)?.and_then(|config| {
            let token = &config["pad_token"];
            token.as_str().or(token["content"].as_str()).map(str::to_owned)
        });
        let weights = path.parent().map(Path::to_owned);
        Self::checked(&name, Cow::Owned(onnx), graph, weights, settings, &tokenizer, pad_token)
    }

    /// The same by another name.
    pub(super) fn called(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    fn checked(
        name: &str,
        onnx: Cow<'static, [u8]>,
        graph: Graph,
        folder: Option<PathBuf>,
        (settings, settings_from): (ModelSettings, String),
        tokenizer: &[u8],
        pad_token: Option<String>,
    ) -> Result<Self> {
        let error = |reason: String| Error::Model { model: name.into(), reason };
        if let Some(other) = graph.inputs.iter().find(|input| !INPUTS.contains(&input.as_str())) {
            return Err(error(format!(
                "its graph has the input {other}; expected no other than {}; export it as a text encoder",
                INPUTS.join(", ")
            )));
        }
        if let Some(missing) = INPUTS[..2].iter().find(|input| !graph.inputs.iter().any(|found| found == *input)) {
            return Err(error(format!("its graph has no input {missing}, only {}", graph.inputs.join(", "))));
        }
        let (digest, size_bytes) = digest(&onnx, &graph, folder.as_deref()).map_err(error)?;
        let sha256 = hex(&digest);
        if let Some(expected) = settings.sha256.as_ref().filter(|expected| **expected != sha256) {
            return Err(error(format!(
                "model.onnx has sha256 {sha256}, model.toml expects {expected}; the file is damaged or another one, copy it anew"
            )));
        }
        let tokenizer_sha256 = Sha256::digest(tokenizer).into();
        let tokenizer = read_tokenizer(tokenizer, settings.max_tokens, pad_token).map_err(error)?;
        Ok(Self {
            name: name.into(),
            settings,
            settings_from,
            sha256,
            size_bytes,
            onnx,
            graph,
            folder,
            tokenizer,
            tokenizer_sha256,
        })
    }

    /// Digest of all that decides a row but the text and the precision: weights, tokenizer, pooling,
    /// maximum length, prefix.
    pub(super) fn digest(&self) -> [u8; 32] {
        let settings = &self.settings;
        let mut digest = Sha256::new();
        for part in [self.sha256.as_bytes(), &self.tokenizer_sha256, settings.prefix.as_bytes()] {
            digest.update(Sha256::digest(part));
        }
        digest.update(format!("{:?} {} {:?}", settings.pooling, settings.max_tokens, settings.output));
        digest.finalize().into()
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        Error::Model { model: self.name.clone(), reason: reason.into() }
    }

    /// The operators that quantise by what they are given, if there are any: a row then depends on
    /// what shares the batch, so each passage is embedded alone.
    #[must_use]
    pub fn dynamic_quantization(&self) -> Option<String> {
        let operators = self.graph.dynamic_operators();
        (!operators.is_empty()).then(|| operators.join(", "))
    }

    /// Counts tokens as the model will see them.
    ///
    /// # Errors
    /// [`Error::Model`] if the tokenizer does not work without truncation.
    pub fn token_counter(&self) -> Result<TokenCounter> {
        let mut tokenizer = self.tokenizer.clone();
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| self.error(format!("tokenizer.json: {e}")))?;
        Ok(TokenCounter { tokenizer, max_tokens: self.settings.max_tokens, prefix: self.settings.prefix.clone() })
    }

    /// Truncates at the model's length; the padding's length is to be set for each batch.
    pub(super) fn tokenizer(&self) -> Tokenizer {
        self.tokenizer.clone()
    }

    pub(super) fn onnx(&self) -> &[u8] {
        &self.onnx
    }

    /// Its files of weights, by path from the folder of `model.onnx`.
    pub(super) fn weights(&self) -> impl Iterator<Item = &str> {
        self.graph.external.iter().map(String::as_str)
    }

    /// The folder that its files of weights are in, if it has any.
    pub(super) fn weights_folder(&self) -> Option<&Path> {
        self.folder.as_deref().filter(|_| !self.graph.external.is_empty())
    }
}

/// A text with what the model wants before it.
pub(super) fn prefixed<'a>(prefix: &str, text: &'a str) -> Cow<'a, str> {
    if prefix.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(format!("{prefix}{text}")) }
}

/// A folder's `model.onnx`, at the top or where hubs have it.
fn onnx_in(folder: &Path) -> Option<PathBuf> {
    ["model.onnx", "onnx/model.onnx"].into_iter().map(|file| folder.join(file)).find(|path| path.is_file())
}

/// SHA-256 of the graph and its files of weights, and their size in bytes.
fn digest(onnx: &[u8], graph: &Graph, folder: Option<&Path>) -> Result<([u8; 32], u64), String> {
    let mut digest = Sha256::new_with_prefix(onnx);
    let mut size = onnx.len() as u64;
    for file in &graph.external {
        let is_inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        let folder = folder.filter(|_| is_inside && !file.is_empty());
        let path =
            folder.ok_or_else(|| format!("its weights are said to be in {file}, outside of its folder"))?.join(file);
        let copied =
            std::fs::File::open(&path).and_then(|mut file| std::io::copy(&mut file, &mut Hashing(&mut digest)));
        size += copied.map_err(|e| {
            format!(
                "{}, which holds weights of model.onnx, cannot be read ({e}); copy it beside model.onnx",
                path.display()
            )
        })?;
    }
    Ok((digest.finalize().into(), size))
}

/// What is written into it goes into a digest.
pub(super) struct Hashing<'a, D>(pub &'a mut D);

impl<D: Digest> std::io::Write for Hashing<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The tokenizer, set to truncate and to pad. Special tokens and their places are in the file.
fn read_tokenizer(file: &[u8], max_tokens: usize, pad_token: Option<String>) -> Result<Tokenizer, String> {
    let mut tokenizer = Tokenizer::from_bytes(file)
        .map_err(|e| format!("tokenizer.json cannot be read ({e}); copy it anew from where the model comes from"))?;
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| format!("tokenizer.json: {e}"))?;
    let padding = tokenizer.get_padding().cloned().unwrap_or_else(|| {
        let known = pad_token.into_iter().chain(["[PAD]".into(), "<pad>".into()]);
        let found = known.into_iter().find_map(|token| tokenizer.token_to_id(&token).map(|id| (token, id)));
        // What padding is made of does not matter, because it is masked.
        let (pad_token, pad_id) = found.unwrap_or_default();
        PaddingParams { pad_token, pad_id, ..PaddingParams::default() }
    });
    tokenizer.with_padding(Some(PaddingParams { pad_to_multiple_of: None, ..padding }));
    Ok(tokenizer)
}

/// The model's tokenizer as a measure of length.
pub struct TokenCounter {
    tokenizer: Tokenizer,
    max_tokens: usize,
    prefix: String,
}

impl LengthMeasure for TokenCounter {
    fn n_tokens(&self, text: &str) -> usize {
        // A text that cannot be encoded is given a length that no model reads, so that it is split
        // down to what can be.
        let encoded = self.tokenizer.encode_fast(prefixed(&self.prefix, text), true);
        encoded.map_or(usize::MAX / 4, |encoding| encoding.len())
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn token_ends(&self, text: &str) -> Option<Vec<usize>> {
        let encoding = self.tokenizer.encode(prefixed(&self.prefix, text), false).ok()?;
        // What stands before the text ends before it.
        let ends = encoding.get_offsets().iter().map(|offset| offset.1.checked_sub(self.prefix.len()));
        ends.skip_while(Option::is_none).collect()
    }
}

pub(crate) fn hex(digest: &[u8]) -> String {
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

    fn fixture(file: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/data/models/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn a_damaged_model_is_named_with_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, content: &[u8]| std::fs::write(folder.path().join(file), content).unwrap();
        let open = || Model::open(folder.path().to_str().unwrap(), folder.path()).unwrap_err().to_string();
        assert!(open().contains("tokenizer.json cannot be read"), "{}", open());
        write("tokenizer.json", b"{}");
        assert!(open().contains("model.onnx cannot be read"), "{}", open());
        write("model.onnx", b"not a model");
        assert!(open().contains("is no ONNX model"), "{}", open());
        write("model.onnx", &fixture("tokens.onnx"));
        assert!(open().contains("write a model.toml with `pooling`"), "{}", open());
        write("model.toml", b"max_tokens = 24");
        assert!(open().contains("missing field `pooling`"), "{}", open());
        write("model.toml", b"max_tokens = 24\npooling = 'mean'\nsha256 = 'ab'");
        assert!(open().contains("model.toml expects ab"), "{}", open());
        write("model.toml", b"max_tokens = 24\npooling = 'mean'");
        assert!(open().contains("tokenizer.json cannot be read"), "{}", open());
        write("model.onnx", &fixture("positions.onnx"));
        assert!(open().contains("has the input position_ids"), "{}", open());
        write("model.onnx", &fixture("external.onnx"));
        assert!(open().contains("external.onnx.data, which holds weights of model.onnx, cannot be read"), "{}", open());
    }

    #[test]
    fn the_digest_covers_the_files_of_weights_and_they_stay_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (onnx, weights) = (fixture("external.onnx"), fixture("external.onnx.data"));
        std::fs::write(folder.path().join("external.onnx.data"), &weights).unwrap();
        let mut graph = Graph::read(&onnx).unwrap();
        let both = Sha256::digest([onnx.clone(), weights.clone()].concat());
        let found = digest(&onnx, &graph, Some(folder.path())).unwrap();
        assert_eq!(found, (both.into(), (onnx.len() + weights.len()) as u64));
        for outside in ["../external.onnx.data", "/etc/passwd", ""] {
            graph.external = [outside.to_owned()].into();
            assert!(digest(&onnx, &graph, Some(folder.path())).unwrap_err().contains("outside of its folder"));
        }
    }
}
