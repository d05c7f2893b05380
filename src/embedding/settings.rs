//! How a model is to be read: pooling, tokens, prefix. `model.toml` says so, or the files that
//! sentence-transformers puts beside a model. What neither says is an error, never a guess: the wrong
//! pooling gives wrong rows in silence.

use super::graph::Graph;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Names of outputs that are pooled, as exporters call them. BERT's `pooler_output` is not among
/// them: it was trained to tell whether one sentence follows another.
const POOLED_OUTPUTS: [&str; 2] = ["sentence_embedding", "text_embeds"];
/// Names of outputs with a row for each token.
const TOKEN_OUTPUTS: [&str; 2] = ["last_hidden_state", "token_embeddings"];
/// Tokenizers without a limit say so with a huge number.
const NO_LIMIT: f64 = 1e6;
/// A model that reads fewer tokens than this reads no sentences.
const MIN_TOKENS: usize = 8;

/// How token rows become one row per passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolingMethod {
    /// The graph does it: its output is `(batch, dim)`.
    InGraph,
    /// The mean of the rows that are not padding.
    Mean,
    /// The first token's row.
    Cls,
    /// The last token's row that is not padding.
    Last,
}

/// What `model.toml` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// How token rows become one row. There is no default: the wrong one gives wrong rows silently.
    pub pooling: PoolingMethod,
    /// Tokens that the model reads, special tokens included; at least 8.
    pub max_tokens: usize,
    /// Put before every passage, for models trained so.
    #[serde(default)]
    pub prefix: String,
    /// The output to take, where the graph has several that would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Width of a row, checked when the model is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// SHA-256 of `model.onnx` and, after it, the files beside it that hold its weights in the order
    /// of their names; checked when the model is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The transformer's size, for `refrain bench`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
}

/// The size of a BERT-like encoder, from which the arithmetic of its matrix products follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl ModelSettings {
    /// Parses a `model.toml`.
    pub(super) fn parse(toml: &[u8]) -> Result<Self, String> {
        let settings: Self = std::str::from_utf8(toml)
            .map_err(|e| e.to_string())
            .and_then(|toml| toml::from_str(toml).map_err(|e| e.to_string()))
            .map_err(|e| format!("model.toml is not as expected: {e}"))?;
        if settings.max_tokens < MIN_TOKENS {
            return Err(format!("model.toml: max_tokens is {}, expected at least {MIN_TOKENS}", settings.max_tokens));
        }
        Ok(settings)
    }

    /// The settings of a model folder, and where they stand.
    pub(super) fn find(folder: &Path, graph: &Graph) -> Result<(Self, String), String> {
        let own = folder.join("model.toml");
        if own.is_file() {
            let toml = std::fs::read(&own).map_err(|e| format!("{} cannot be read ({e})", own.display()))?;
            return Ok((Self::parse(&toml)?, "model.toml".into()));
        }
        let files = SentenceTransformers::read(folder)?;
        let (pooling, output, pooling_from) = files.pooling(folder, graph)?;
        let (max_tokens, tokens_from) = files.max_tokens()?;
        let settings = Self {
            pooling,
            max_tokens,
            prefix: files.prefix(),
            output,
            dim: None,
            sha256: None,
            architecture: files.architecture(),
        };
        Ok((settings, format!("pooling from {pooling_from}, tokens from {tokens_from}")))
    }

    /// The output to take, of those that ran: `(name, shape)` of each.
    pub(super) fn choose_output(&self, outputs: &[(String, Vec<i64>)]) -> Result<String, String> {
        let (rank, expected, usual) = match self.pooling {
            PoolingMethod::InGraph => (2, "(batch, dim)", POOLED_OUTPUTS),
            PoolingMethod::Mean | PoolingMethod::Cls | PoolingMethod::Last => {
                (3, "(batch, tokens, dim)", TOKEN_OUTPUTS)
            }
        };
        let shown = || {
            let each = outputs.iter().map(|(name, shape)| format!("{name} {shape:?}"));
            each.collect::<Vec<_>>().join(", ")
        };
        if let Some(named) = &self.output {
            return match outputs.iter().find(|(name, _)| name == named) {
                Some((_, shape)) if shape.len() == rank => Ok(named.clone()),
                _ => Err(format!(
                    "model.toml says output = {named:?}, which would be {expected} with pooling = {:?}; the graph's outputs are {}",
                    self.pooling,
                    shown()
                )),
            };
        }
        let fitting: Vec<&str> =
            outputs.iter().filter(|(_, shape)| shape.len() == rank).map(|(name, _)| name.as_str()).collect();
        let chosen = usual.into_iter().find(|usual| fitting.contains(usual)).or(match fitting[..] {
            [only] if only != "pooler_output" || outputs.len() == 1 => Some(only),
            _ => None,
        });
        chosen.map(str::to_owned).ok_or_else(|| {
            format!(
                "pooling = {:?} needs one output of the shape {expected}, and the graph's outputs are {}; correct \
                 `pooling` in model.toml (in-graph: (batch, dim); mean, cls or last: (batch, tokens, dim)), or name one \
                 with `output`",
                self.pooling,
                shown()
            )
        })
    }
}

/// The JSON files beside a model that sentence-transformers saved; those that are missing are null.
struct SentenceTransformers {
    modules: Value,
    limit: Value,
    tokenizer: Value,
    config: Value,
    prompts: Value,
}

impl SentenceTransformers {
    fn read(folder: &Path) -> Result<Self, String> {
        let read = |file: &str| read_json(folder, file).map(Option::unwrap_or_default);
        Ok(Self {
            modules: read("modules.json")?,
            limit: read("sentence_bert_config.json")?,
            tokenizer: read("tokenizer_config.json")?,
            config: read("config.json")?,
            prompts: read("config_sentence_transformers.json")?,
        })
    }

    /// The pooling, the output it is made from if the graph must be asked, and which file says so.
    fn pooling(&self, folder: &Path, graph: &Graph) -> Result<(PoolingMethod, Option<String>, String), String> {
        // A graph that carries the pooling carries whatever follows it too.
        let pooled = POOLED_OUTPUTS.into_iter().find(|usual| graph.outputs.iter().any(|output| output.name == *usual));
        if let Some(name) = pooled {
            return Ok((PoolingMethod::InGraph, Some(name.into()), format!("the graph's output {name}")));
        }
        let modules = self.modules.as_array().into_iter().flatten();
        let kind = |module: &Value| module["type"].as_str().and_then(|t| t.rsplit('.').next()).map(str::to_owned);
        let mut path = "1_Pooling".to_owned();
        for module in modules {
            match kind(module).as_deref() {
                Some("Pooling") => path = module["path"].as_str().map_or(path, str::to_owned),
                Some("Transformer" | "Normalize") => {}
                other => {
                    return Err(format!(
                        "modules.json has a step {} after the transformer, which model.onnx does not hold; export the \
                         model with all its steps (output sentence_embedding), or write a model.toml that does without",
                        other.unwrap_or("without a type")
                    ));
                }
            }
        }
        let file = format!("{path}/config.json");
        let is_inside = Path::new(&path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let config = if is_inside { read_json(folder, &file)? } else { None };
        let Some(config) = config else {
            return Err(format!(
                "nothing says how its token rows become one row: there is neither model.toml nor {file}; write a model.toml with \
                 `pooling` (mean, cls, last, or in-graph) and `max_tokens`, as the model's page tells"
            ));
        };
        let mut modes: Vec<String> = config
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, on)| on.as_bool() == Some(true))
            .filter_map(|(key, _)| key.strip_prefix("pooling_mode_").map(str::to_owned))
            .collect();
        modes.extend(config["pooling_mode"].as_str().map(str::to_owned));
        let pooling = match modes.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            // Divided by the root of the length instead of the length: the same direction, and rows
            // are brought to unit length.
            ["mean_tokens" | "mean" | "mean_sqrt_len_tokens" | "mean_sqrt_len"] => PoolingMethod::Mean,
            ["cls_token" | "cls"] => PoolingMethod::Cls,
            ["lasttoken"] => PoolingMethod::Last,
            _ => {
                return Err(format!(
                    "{file} asks for the pooling [{}]; expected one of mean, cls, lasttoken. Export the model with its \
                     pooling (output sentence_embedding)",
                    modes.join(", ")
                ));
            }
        };
        Ok((pooling, None, file))
    }

    /// The least of the limits that the files state.
    fn max_tokens(&self) -> Result<(usize, &'static str), String> {
        // RoBERTa and its kin count positions from the padding token's number plus 1.
        let is_offset =
            matches!(self.config["model_type"].as_str(), Some("roberta" | "xlm-roberta" | "camembert" | "mpnet"));
        let offset = if is_offset { self.config["pad_token_id"].as_f64().unwrap_or(1.0) + 1.0 } else { 0.0 };
        let positions = |key: &str| self.config[key].as_f64().map(|n| n - offset);
        let limits = [
            (self.limit["max_seq_length"].as_f64(), "sentence_bert_config.json"),
            (self.tokenizer["model_max_length"].as_f64(), "tokenizer_config.json"),
            (positions("max_position_embeddings"), "config.json"),
            (positions("n_positions"), "config.json"),
        ];
        let stated = limits.into_iter().filter_map(|(limit, file)| limit.map(|limit| (limit, file)));
        let least = stated.filter(|(limit, _)| *limit < NO_LIMIT).min_by(|a, b| a.0.total_cmp(&b.0));
        match least {
            Some((limit, file)) if limit >= MIN_TOKENS as f64 => Ok((limit as usize, file)),
            Some((limit, file)) => {
                Err(format!("{file} says that it reads {limit} tokens, expected at least {MIN_TOKENS}"))
            }
            None => Err(
                "nothing says how many tokens it reads (model.toml, sentence_bert_config.json, tokenizer_config.json, \
                 config.json); write a model.toml with `pooling` and `max_tokens`"
                    .into(),
            ),
        }
    }

    /// What sentence-transformers would put before every text.
    fn prefix(&self) -> String {
        let name = self.prompts["default_prompt_name"].as_str();
        name.and_then(|name| self.prompts["prompts"][name].as_str()).unwrap_or_default().to_owned()
    }

    fn architecture(&self) -> Option<Architecture> {
        let kind = self.config["model_type"].as_str()?;
        let number = |key: &str| self.config[key].as_u64().and_then(|n| usize::try_from(n).ok());
        // Others have gated or shared layers, to which the formula does not apply.
        matches!(kind, "bert" | "roberta" | "xlm-roberta" | "camembert" | "mpnet").then_some(())?;
        Some(Architecture {
            layers: number("num_hidden_layers")?,
            hidden: number("hidden_size")?,
            intermediate: number("intermediate_size")?,
        })
    }
}

/// The tokens that a model reads, by the files beside it.
pub(super) fn max_tokens(folder: &Path) -> Result<usize, String> {
    SentenceTransformers::read(folder)?.max_tokens().map(|(n, _)| n)
}

/// A JSON file of a model folder; none if it is not there.
pub(super) fn read_json(folder: &Path, file: &str) -> Result<Option<Value>, String> {
    let path = folder.join(file);
    if !path.is_file() {
        return Ok(None);
    }
    let read = std::fs::read(&path).map_err(|e| e.to_string());
    let value = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()));
    value.map(Some).map_err(|e| format!("{} cannot be read ({e})", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::graph::Output;
    use super::*;

    fn graph(outputs: &[&str]) -> Graph {
        let outputs = outputs.iter().map(|name| Output { name: (*name).into(), rank: None }).collect();
        Graph { outputs, ..Graph::default() }
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    const BERT: &str = r#"{"model_type": "bert", "max_position_embeddings": 512, "num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16}"#;

    #[test]
    fn what_sentence_transformers_saved_is_enough() {
        let found =
            |files: &[(&str, &str)], outputs: &[&str]| ModelSettings::find(folder(files).path(), &graph(outputs));
        let pooling =
            ("1_Pooling/config.json", r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#);
        let (settings, from) = found(
            &[
                pooling,
                ("config.json", BERT),
                ("sentence_bert_config.json", r#"{"max_seq_length": 256}"#),
                ("tokenizer_config.json", r#"{"model_max_length": 1e30}"#),
                (
                    "config_sentence_transformers.json",
                    r#"{"default_prompt_name": "passage", "prompts": {"passage": "passage: ", "query": "query: "}}"#,
                ),
            ],
            &["last_hidden_state"],
        )
        .unwrap();
        assert_eq!((settings.pooling, settings.max_tokens, &*settings.prefix), (PoolingMethod::Cls, 256, "passage: "));
        assert_eq!(settings.architecture, Some(Architecture { layers: 2, hidden: 8, intermediate: 16 }));
        assert_eq!(from, "pooling from 1_Pooling/config.json, tokens from sentence_bert_config.json");
        // Newer versions name the mode; RoBERTa's positions begin after the padding token's number.
        let (settings, _) = found(
            &[
                ("1_Pooling/config.json", r#"{"pooling_mode": "mean"}"#),
                ("config.json", r#"{"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}"#),
            ],
            &["last_hidden_state"],
        )
        .unwrap();
        assert_eq!((settings.pooling, settings.max_tokens, settings.prefix), (PoolingMethod::Mean, 512, String::new()));
        // A pooled output needs no pooling setting.
        let (settings, _) = found(&[("config.json", BERT)], &["token_embeddings", "sentence_embedding"]).unwrap();
        assert_eq!(
            (settings.pooling, settings.output.as_deref()),
            (PoolingMethod::InGraph, Some("sentence_embedding"))
        );
    }

    #[test]
    fn what_nothing_says_is_an_error_with_the_remedy() {
        let refused = |files: &[(&str, &str)]| {
            ModelSettings::find(folder(files).path(), &graph(&["last_hidden_state", "pooler_output"])).unwrap_err()
        };
        assert!(refused(&[("config.json", BERT)]).contains("write a model.toml with `pooling`"));
        let mean = ("1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": true}"#);
        assert!(refused(&[mean]).contains("nothing says how many tokens"));
        let two = r#"{"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}"#;
        let said = refused(&[("config.json", BERT), ("1_Pooling/config.json", two)]);
        assert!(said.contains("[max_tokens, mean_tokens]") || said.contains("[mean_tokens, max_tokens]"), "{said}");
        let dense =
            r#"[{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Dense"}]"#;
        assert!(refused(&[mean, ("config.json", BERT), ("modules.json", dense)]).contains("a step Dense"));
        let outside = r#"[{"type": "sentence_transformers.models.Pooling", "path": "../1_Pooling"}]"#;
        assert!(refused(&[mean, ("config.json", BERT), ("modules.json", outside)]).contains("neither model.toml nor"));
        assert!(refused(&[mean, ("config.json", "{")]).contains("config.json cannot be read"));
    }

    #[test]
    fn an_output_is_chosen_by_name_and_rank_or_not_at_all() {
        let outputs = |of: &[(&str, usize)]| {
            of.iter().map(|(name, rank)| ((*name).to_owned(), vec![1; *rank])).collect::<Vec<_>>()
        };
        let settings = |pooling: &str, more: &str| {
            ModelSettings::parse(format!("pooling = '{pooling}'\nmax_tokens = 8\n{more}").as_bytes()).unwrap()
        };
        let bert = outputs(&[("last_hidden_state", 3), ("pooler_output", 2)]);
        assert_eq!(settings("mean", "").choose_output(&bert).unwrap(), "last_hidden_state");
        let said = settings("in-graph", "").choose_output(&bert).unwrap_err();
        assert!(said.contains("pooler_output [1, 1]") && said.contains("name one"), "{said}");
        assert_eq!(settings("in-graph", "output = 'pooler_output'").choose_output(&bert).unwrap(), "pooler_output");
        assert!(settings("cls", "output = 'pooler_output'").choose_output(&bert).is_err());
        assert!(settings("cls", "output = 'missing'").choose_output(&bert).is_err());
        assert_eq!(settings("last", "").choose_output(&outputs(&[("x", 3), ("y", 2)])).unwrap(), "x");
        assert!(settings("cls", "").choose_output(&outputs(&[("x", 3), ("y", 3)])).is_err());
        let both = outputs(&[("token_embeddings", 3), ("sentence_embedding", 2)]);
        assert_eq!(settings("in-graph", "").choose_output(&both).unwrap(), "sentence_embedding");
    }
}
