//! Embeds passages as fastembed's documentation shows it: one session, default options, batches of
//! 256 in the order of the passages. Prints the seconds that it took, after a warm-up.
//!
//! ```text
//! fastembed-rust PASSAGES.jsonl MODEL_FOLDER
//! ```
//!
//! PASSAGES.jsonl holds a JSON string a line. ONNX Runtime is the library that `ORT_DYLIB_PATH` names.

use fastembed::{InitOptionsUserDefined, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const WARM_UP: usize = 64;
/// What the model was trained for; fastembed would read 512 tokens, the others read 256.
const MAX_TOKENS: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, passages, folder] = arguments.as_slice() else {
        return Err("usage: fastembed-rust PASSAGES.jsonl MODEL_FOLDER".into());
    };
    let passages: Vec<String> =
        std::fs::read_to_string(passages)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut model = load(Path::new(folder))?;

    model.embed(&passages[..WARM_UP.min(passages.len())], None)?;
    let start = Instant::now();
    let embeddings = model.embed(&passages, None)?;
    let seconds = start.elapsed().as_secs_f64();

    println!("{}", serde_json::json!({ "seconds": seconds, "passages": embeddings.len() }));
    Ok(())
}

fn load(folder: &Path) -> Result<TextEmbedding, Box<dyn Error>> {
    let read = |file: &str| std::fs::read(folder.join(file)).map_err(|e| format!("{file}: {e}"));
    let tokenizer = TokenizerFiles {
        tokenizer_file: read("tokenizer.json")?,
        config_file: read("config.json")?,
        special_tokens_map_file: read("special_tokens_map.json")?,
        tokenizer_config_file: read("tokenizer_config.json")?,
    };
    let model = UserDefinedEmbeddingModel::new(read("model.onnx")?, tokenizer);
    let options = InitOptionsUserDefined::new().with_max_length(MAX_TOKENS);
    Ok(TextEmbedding::try_new_from_user_defined(model, options)?)
}
