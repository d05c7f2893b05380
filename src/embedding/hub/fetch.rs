//! The files of a repository on the hub, over HTTP.
//!
//! `GET ENDPOINT/REPOSITORY/resolve/REVISION/FILE` answers with the file or a redirect to it. The first
//! answer promises the file's digest: SHA-256 for large files (`X-Linked-ETag`), git's own SHA-1 for
//! the others (`ETag`). A file is used only if it is what was promised.

use super::super::graph::Graph;
use super::super::model::{Hashing, hex};
use super::{AddedModel, settings};
use crate::{Error, Progress, Result, Stage};
use fastembed::{EmbeddingModel, TextEmbedding};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::Path;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;

const ENDPOINT: &str = "https://huggingface.co";
/// Names another hub, or a mirror; as other tools that use the hub have it.
const ENDPOINT_VARIABLE: &str = "HF_ENDPOINT";
const MAX_REDIRECTS: usize = 5;
/// A hub that says nothing for so long says nothing any more.
const PATIENCE: Duration = Duration::from_mins(1);

/// Fetches what the model needs, to be called `name`.
pub(super) fn fetch(model: &EmbeddingModel, name: &str, cache: &Path, progress: &dyn Progress) -> Result<AddedModel> {
    let error = |reason: String| Error::Model { model: name.into(), reason };
    let info = TextEmbedding::get_model_info(model).map_err(|e| error(e.to_string()))?;
    let scratch = super::super::added::claim(name, cache)?;
    let folder = scratch.path();
    let endpoint = std::env::var(ENDPOINT_VARIABLE).ok().filter(|endpoint| !endpoint.is_empty());
    let mut repository = Repository::new(endpoint.as_deref().unwrap_or(ENDPOINT), &info.model_code);
    progress.start(Stage::Model, 0);
    // Files of weights lie beside the graph.
    let beside = |file: &str| file.rsplit('/').next().unwrap_or(file).to_owned();
    let weights = info.additional_files.iter().map(|file| (file.as_str(), beside(file)));
    let tokenizer = ["tokenizer.json", "tokenizer_config.json", "config.json"].map(|file| (file, file.to_owned()));
    let mut files = tokenizer.into_iter().chain([(info.model_file.as_str(), "model.onnx".to_owned())]).chain(weights);
    let fetched = files.try_for_each(|(file, to)| repository.fetch(file, &folder.join(to)));
    progress.finish();
    fetched.map_err(|reason| {
        error(format!(
            "{reason}; nothing of it is kept. Try again, set {ENDPOINT_VARIABLE} to a mirror, or name a model folder"
        ))
    })?;
    let read = std::fs::read(folder.join("model.onnx")).map_err(|e| e.to_string());
    let graph = read.and_then(|onnx| Graph::read(&onnx).map_err(|what| format!("model.onnx is no ONNX model: {what}")));
    let settings = graph.and_then(|graph| settings(model, &graph, folder)).map_err(error)?;
    let origin = format!("{}/{} at {}", repository.endpoint, repository.name, repository.revision);
    AddedModel::gathered(name, cache, scratch, &settings, origin)
}

struct Repository {
    agent: Agent,
    endpoint: String,
    name: String,
    /// `main`, until the hub says which commit that is: all files are of one commit.
    revision: String,
}

impl Repository {
    fn new(endpoint: &str, name: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // The promise is in the first answer.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("refrain/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.new_agent(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            name: name.to_owned(),
            revision: "main".to_owned(),
        }
    }

    /// Fetches a file and compares it with what was promised.
    fn fetch(&mut self, file: &str, to: &Path) -> Result<(), String> {
        let mut url = format!("{}/{}/resolve/{}/{file}", self.endpoint, self.name, self.revision);
        let mut promised = None;
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.agent.get(&url).call().map_err(|e| format!("{url} cannot be fetched ({e})"))?;
            promised = promised.or_else(|| Promise::of(&answer));
            if let Some(commit) = header(&answer, "x-repo-commit").filter(|commit| is_digest(commit, 40)) {
                commit.clone_into(&mut self.revision);
            }
            let status = answer.status();
            if status.is_redirection() {
                let place = header(&answer, "location").ok_or_else(|| format!("{url} redirects to nowhere"))?;
                url = redirected(&url, place)?;
                continue;
            }
            if !status.is_success() {
                return Err(format!("{url} cannot be fetched (the hub says {status})"));
            }
            let promised = promised.ok_or_else(|| format!("{url} comes without a digest, so it cannot be checked"))?;
            let mut body = answer.into_body().into_reader();
            let saved = File::create(to).and_then(|mut file| std::io::copy(&mut body, &mut file));
            saved.map_err(|e| format!("{url} cannot be fetched whole ({e})"))?;
            return promised.check(to).map_err(|what| format!("{url} is damaged: {what}"));
        }
        Err(format!("{url} redirects more than {MAX_REDIRECTS} times"))
    }
}

fn header<'a, T>(answer: &'a Response<T>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}

fn is_digest(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Where a redirect leads: a path on the same host, or a whole address that is no less secure.
fn redirected(from: &str, to: &str) -> Result<String, String> {
    let (scheme, rest) = from.split_once("://").unwrap_or(("https", from));
    if to.starts_with('/') && !to.starts_with("//") {
        return Ok(format!("{scheme}://{}{to}", rest.split('/').next().unwrap_or_default()));
    }
    let is_allowed = to.starts_with("https://") || (scheme == "http" && to.starts_with("http://"));
    if is_allowed { Ok(to.to_owned()) } else { Err(format!("{from} redirects to {to}, which is refused")) }
}

/// The digest that the hub states.
#[derive(Debug, PartialEq, Eq)]
enum Promise {
    Sha256(String),
    /// Of git's blob: its header and the file.
    GitSha1(String),
}

impl Promise {
    fn of<T>(answer: &Response<T>) -> Option<Self> {
        let stated = ["x-linked-etag", "etag"].into_iter().filter_map(|name| header(answer, name));
        stated.map(|tag| tag.trim_start_matches("W/").trim_matches('"')).find_map(|tag| match tag.len() {
            64 if is_digest(tag, 64) => Some(Self::Sha256(tag.to_owned())),
            40 if is_digest(tag, 40) => Some(Self::GitSha1(tag.to_owned())),
            _ => None,
        })
    }

    fn check(&self, path: &Path) -> Result<(), String> {
        let mut file = File::open(path).map_err(|e| e.to_string())?;
        let size = file.metadata().map_err(|e| e.to_string())?.len();
        let (found, promised) = match self {
            Self::Sha256(promised) => {
                let mut digest = Sha256::new();
                std::io::copy(&mut file, &mut Hashing(&mut digest)).map_err(|e| e.to_string())?;
                (hex(&digest.finalize()), promised)
            }
            Self::GitSha1(promised) => {
                let mut digest = Sha1::new_with_prefix(format!("blob {size}\0"));
                std::io::copy(&mut file, &mut Hashing(&mut digest)).map_err(|e| e.to_string())?;
                (hex(&digest.finalize()), promised)
            }
        };
        if found == *promised {
            return Ok(());
        }
        Err(format!("{size} bytes with the digest {found}, expected {promised}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_as_secure_as_it_was() {
        let from = "https://hub.example/a/resolve/main/b";
        assert_eq!(redirected(from, "/c/d").unwrap(), "https://hub.example/c/d");
        assert_eq!(redirected(from, "https://store.example/c").unwrap(), "https://store.example/c");
        assert_eq!(redirected("http://127.0.0.1:7/a", "http://127.0.0.1:7/b").unwrap(), "http://127.0.0.1:7/b");
        for to in ["http://store.example/c", "//store.example/c", "file:///etc/passwd", "c"] {
            assert!(redirected(from, to).is_err(), "{to}");
        }
    }

    #[test]
    fn a_file_is_what_was_promised_or_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "hello\n").unwrap();
        // `sha256sum` and `git hash-object` of the file.
        let sha256 = Promise::Sha256("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03".into());
        let sha1 = Promise::GitSha1("ce013625030ba8dba906f756967f9e9ca394464a".into());
        sha256.check(&path).unwrap();
        sha1.check(&path).unwrap();
        std::fs::write(&path, "hellO\n").unwrap();
        assert!(sha256.check(&path).is_err() && sha1.check(&path).is_err());
        let answer = |tag: &str| Response::builder().header("etag", tag).body(()).unwrap();
        assert_eq!(Promise::of(&answer("\"ce013625030ba8dba906f756967f9e9ca394464a\"")), Some(sha1));
        assert_eq!(
            Promise::of(&answer("W/\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\"")),
            Some(sha256)
        );
        assert_eq!(Promise::of(&answer("\"d41d8cd98f00b204e9800998ecf8427e\"")), None);
    }
}
