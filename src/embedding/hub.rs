//! Models by fastembed's names, fetched from the hub into the cache folder (feature `hub`).
//!
//! fastembed knows the repository, the files and the pooling; refrain fetches the files itself, because
//! the library that fastembed would use checks no digest and keeps a cache of its own beside. What a
//! name is read as is written into a `model.toml`, so that a fetched model is a model folder like any
//! other: found without the network, with a digest that is checked whenever it is opened.

#[cfg(feature = "hub")]
mod fetch;

use super::graph::{Graph, Output};
use super::settings::max_tokens;
use super::{AddedModel, Model, ModelSettings, PoolingMethod, RuntimeOptions};
use crate::{Error, Progress, Result};
use fastembed::{EmbeddingModel, OutputKey, Pooling, TextEmbedding};
use std::path::Path;

/// What fastembed truncates at. Models that could read more are slow at it and take much memory.
const MAX_TOKENS: usize = 512;

/// Names of the models that can be fetched: none without the feature `hub`.
#[must_use]
pub fn hub_names() -> Vec<String> {
    let known = if cfg!(feature = "hub") { TextEmbedding::list_supported_models() } else { Vec::new() };
    known.into_iter().map(|info| format!("{:?}", info.model)).collect()
}

impl Model {
    /// The model called `name`: as [`Model::open`] finds it, or one of fastembed's names, fetched from
    /// the hub if it is not at hand.
    ///
    /// # Errors
    /// [`Error::Model`] if it is neither, or cannot be fetched.
    pub fn find(name: &str, options: &RuntimeOptions, progress: &dyn Progress) -> Result<Self> {
        let known = name.parse::<EmbeddingModel>().ok();
        let is_at_hand = Path::new(name).is_dir() || super::added::place(name, &options.cache).is_dir();
        let Some(known) = known.filter(|_| !is_at_hand) else { return Self::open(name, &options.cache) };
        let name = format!("{known:?}");
        let place = super::added::place(&name, &options.cache);
        if !place.is_dir() {
            let put = AddedModel::fetch(&name, None, options, progress)?.put(None);
            // Another process was faster.
            put.map(|_| ()).or_else(|error| if place.is_dir() { Ok(()) } else { Err(error) })?;
        }
        Self::open(&name, &options.cache)
    }
}

impl AddedModel {
    /// Fetches the model that fastembed calls `name`, to be called `shown` (default: the same).
    ///
    /// # Errors
    /// [`Error::Model`] if there is none of that name, fetching is forbidden or fails, or what came is
    /// not what the hub promised.
    pub fn fetch(name: &str, shown: Option<&str>, options: &RuntimeOptions, progress: &dyn Progress) -> Result<Self> {
        let error = |reason: String| Error::Model { model: name.into(), reason };
        let known = name.parse::<EmbeddingModel>().map_err(|_| {
            let names = hub_names().join(", ");
            error(format!(
                "neither a folder nor a model that can be fetched; {}",
                if names.is_empty() { "this refrain was built without the feature `hub`" } else { &names }
            ))
        })?;
        if options.offline {
            return Err(error(
                "it is not at hand, and --offline forbids fetching it; run once without, or name a model folder".into(),
            ));
        }
        #[cfg(not(feature = "hub"))]
        {
            let _ = (known, shown, progress);
            Err(error(
                "it is fetched from the hub, and this refrain was built without that; build it with `cargo build --release \
                 --features hub`, or name a model folder"
                    .into(),
            ))
        }
        #[cfg(feature = "hub")]
        {
            let canonical = format!("{known:?}");
            fetch::fetch(&known, shown.unwrap_or(&canonical), &options.cache, progress)
        }
    }
}

/// How fastembed reads the model: its output and pooling, by its own rules.
#[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "what is not fetched is not read"))]
fn settings(model: &EmbeddingModel, graph: &Graph, folder: &Path) -> Result<ModelSettings, String> {
    let info = TextEmbedding::get_model_info(model).map_err(|e| e.to_string())?;
    let named = |name: &str| graph.outputs.iter().find(|output| output.name == name);
    let output: Option<&Output> = match (&info.output_key, &graph.outputs[..]) {
        (Some(OutputKey::ByName(name)), _) => named(name),
        (Some(OutputKey::ByOrder(i)), outputs) => outputs.get(*i),
        (_, [only]) => Some(only),
        _ => ["text_embeds", "last_hidden_state", "sentence_embedding"].into_iter().find_map(named),
    };
    let output = output.ok_or_else(|| {
        let names: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        format!("its graph's outputs are {}, none of which fastembed takes", names.join(", "))
    })?;
    let pooling = match (output.rank, TextEmbedding::get_default_pooling_method(model)) {
        (Some(2), _) => PoolingMethod::InGraph,
        (_, Some(Pooling::Mean)) => PoolingMethod::Mean,
        (_, Some(Pooling::Cls)) => PoolingMethod::Cls,
        (_, None) => return Err("fastembed does not say how its token rows become one row".into()),
    };
    Ok(ModelSettings {
        pooling,
        max_tokens: max_tokens(folder)?.min(MAX_TOKENS),
        prefix: String::new(),
        output: Some(output.name.clone()),
        dim: Some(info.dim),
        sha256: None,
        architecture: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fastembeds_names_are_known_and_offline_forbids_them() {
        let cache = tempfile::tempdir().unwrap();
        let options = RuntimeOptions { offline: true, cache: cache.path().into(), ..Default::default() };
        for name in ["BGESmallENV15", "bgesmallenv15"] {
            let said = Model::find(name, &options, &crate::Silent).unwrap_err().to_string();
            assert!(said.contains("--offline forbids fetching it"), "{said}");
        }
        let said = Model::find("no-such-model", &options, &crate::Silent).unwrap_err().to_string();
        assert!(said.contains("neither a folder nor a model at hand"), "{said}");
        assert_eq!(
            Model::find(super::super::DEFAULT_MODEL, &options, &crate::Silent).unwrap().settings.max_tokens,
            256
        );
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_model_is_read_as_fastembed_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer_config.json"), r#"{"model_max_length": 8192}"#).unwrap();
        let graph = |outputs: &[(&str, usize)]| Graph {
            outputs: outputs.iter().map(|(name, rank)| Output { name: (*name).into(), rank: Some(*rank) }).collect(),
            ..Graph::default()
        };
        let read = |outputs: &[(&str, usize)]| settings(&EmbeddingModel::BGESmallENV15, &graph(outputs), folder.path());
        let found = read(&[("last_hidden_state", 3)]).unwrap();
        assert_eq!((found.pooling, found.max_tokens, found.dim), (PoolingMethod::Cls, 512, Some(384)));
        let found = read(&[("sentence_embedding", 2), ("last_hidden_state", 3)]).unwrap();
        assert_eq!(found.output.as_deref(), Some("last_hidden_state"));
        assert_eq!(read(&[("rows", 2)]).unwrap().pooling, PoolingMethod::InGraph);
        assert!(read(&[("a", 2), ("b", 3)]).unwrap_err().contains("outputs are a, b"));
    }
}
