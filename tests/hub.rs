//! fastembed's model names, fetched from a hub that runs here: a server with a model in the hub's
//! layout, on this machine's loopback. Nothing leaves the machine.
#![cfg(feature = "hub")]

mod common;

use common::{seeds, stderr};
use refrain::embedding::{Runtime, RuntimeOptions, cache_folder};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// What fastembed calls it, and where it looks for it.
const NAME: &str = "BGESmallENV15";
const REPOSITORY: &str = "/Xenova/bge-small-en-v1.5";

/// What is wrong with the hub.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The graph ends early, though its length was stated.
    Short,
    /// A byte of the graph is another.
    Flipped,
    /// A byte of the tokenizer is another.
    FlippedTokenizer,
    NoDigests,
    Missing,
}

struct Hub {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    /// Serves the model until the test's process ends.
    fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, fault, &log);
            }
        });
        Self { endpoint, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn files() -> BTreeMap<&'static str, Vec<u8>> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    let read = |name: &str| std::fs::read(made.join(name)).unwrap();
    BTreeMap::from([
        // fastembed's table says 384 dimensions; the fixture for the hub is that wide.
        ("onnx/model.onnx", read("hub.onnx")),
        ("tokenizer.json", read("tokenizer.json")),
        ("tokenizer_config.json", br#"{"model_max_length": 24, "pad_token": "[PAD]"}"#.to_vec()),
        ("config.json", br#"{"model_type": "bert", "max_position_embeddings": 24}"#.to_vec()),
    ])
}

/// Answers one request as the hub does: large files by a redirect that states their SHA-256, others
/// with git's digest.
fn answer(mut stream: TcpStream, fault: Fault, log: &Mutex<Vec<String>>) {
    use sha2::{Digest, Sha256};
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else { return };
    lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(path.clone());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let file = path.rsplit_once(&format!("/{COMMIT}/")).or(path.rsplit_once("/main/")).map_or("", |(_, file)| file);
    let files = files();
    let Some(whole) = files.get(file).filter(|_| fault != Fault::Missing || file != "onnx/model.onnx") else {
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        return;
    };
    let is_large = file == "onnx/model.onnx";
    if is_large && !path.starts_with("/store") {
        let linked = if fault == Fault::NoDigests { String::new() } else { hex(&Sha256::digest(whole)) };
        let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close";
        write!(
            stream,
            "{head}\r\nX-Repo-Commit: {COMMIT}\r\nX-Linked-Etag: \"{linked}\"\r\nLocation: /store{path}\r\n\r\n"
        )
        .unwrap();
        return;
    }
    let digest = sha1::Sha1::digest([format!("blob {}\0", whole.len()).as_bytes(), whole].concat());
    let tag = if is_large || fault == Fault::NoDigests { "none".into() } else { hex(&digest) };
    let mut body = whole.clone();
    match fault {
        Fault::Flipped if is_large => body[100] ^= 1,
        Fault::FlippedTokenizer if file == "tokenizer.json" => body[100] ^= 1,
        Fault::Short if is_large => body.truncate(whole.len() / 2),
        _ => {}
    }
    let length = whole.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\nX-Repo-Commit: {COMMIT}\r\nETag: \"{tag}\"\r\n\r\n").unwrap();
    // Whoever has had enough may hang up.
    stream.write_all(&body).ok();
}

/// Runs the program with a cache folder and a hub of the test's own.
fn refrain(cache: &Path, hub: &Hub, arguments: &[&str]) -> Output {
    let options = RuntimeOptions { cache: cache_folder(None), ..Default::default() };
    let runtime = Runtime::find(&options, &refrain::Silent).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
        .args(arguments)
        .arg("--cache-dir")
        .arg(cache)
        .arg("--onnxruntime")
        .arg(runtime.path())
        .env("HF_ENDPOINT", &hub.endpoint)
        .output()
        .unwrap()
}

fn models(cache: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(cache.join("models")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_name_is_fetched_once_and_then_needs_no_network() {
    let (cache, hub) = (tempfile::tempdir().unwrap(), Hub::start(Fault::None));
    let seeds = seeds();
    let report = ["duplicates", &*seeds, "--model", "bgesmallenv15", "--format", "json"];
    let offline = refrain(cache.path(), &hub, &[&report[..], &["--offline"]].concat());
    assert_eq!(offline.status.code(), Some(2));
    assert!(stderr(&offline).contains("--offline forbids fetching it"), "{}", stderr(&offline));
    assert_eq!((hub.requests().len(), models(cache.path()).len()), (0, 0));

    let output = refrain(cache.path(), &hub, &report);
    assert!(output.status.success(), "{}", stderr(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let model = &found["header"]["model"];
    assert_eq!((&model["name"], &model["dim"], &model["max_tokens"]), (&NAME.into(), &384.into(), &24.into()));
    // The first file says which commit `main` is; the others are asked for by that.
    let expected = [
        format!("{REPOSITORY}/resolve/main/tokenizer.json"),
        format!("{REPOSITORY}/resolve/{COMMIT}/tokenizer_config.json"),
        format!("{REPOSITORY}/resolve/{COMMIT}/config.json"),
        format!("{REPOSITORY}/resolve/{COMMIT}/onnx/model.onnx"),
        format!("/store{REPOSITORY}/resolve/{COMMIT}/onnx/model.onnx"),
    ];
    assert_eq!(hub.requests(), expected);

    let again = refrain(cache.path(), &hub, &[&report[..], &["--offline"]].concat());
    assert!(again.status.success() && again.stdout == output.stdout, "{}", stderr(&again));
    assert_eq!(hub.requests().len(), expected.len());
    let list = refrain(cache.path(), &hub, &["models", "list"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("\nBGESmallENV15  24 tokens, pooling Cls") && list.contains("from the hub"), "{list}");
    let toml = std::fs::read_to_string(cache.path().join("models").join(NAME).join("model.toml")).unwrap();
    assert!(toml.contains(&format!("Xenova/bge-small-en-v1.5 at {COMMIT}")) && toml.contains("sha256 = "), "{toml}");
}

#[test]
fn models_add_takes_a_name_too() {
    let (cache, hub) = (tempfile::tempdir().unwrap(), Hub::start(Fault::None));
    let output = refrain(cache.path(), &hub, &["models", "add", NAME, "--name", "small"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("small: good, 384 dimensions"), "{said}{}", stderr(&output));
    assert_eq!(models(cache.path()), ["small"]);
    let output = refrain(cache.path(), &hub, &["models", "add", "NoSuchModel"]);
    assert!(stderr(&output).contains("BGESmallENV15, "), "the names that there are: {}", stderr(&output));
}

#[test]
fn what_is_not_whole_is_noticed_and_never_used() {
    for (fault, expected) in [
        (Fault::Short, "cannot be fetched whole"),
        (Fault::Flipped, "onnx/model.onnx is damaged"),
        (Fault::FlippedTokenizer, "tokenizer.json is damaged"),
        (Fault::NoDigests, "comes without a digest"),
        (Fault::Missing, "the hub says 404"),
    ] {
        let (cache, hub) = (tempfile::tempdir().unwrap(), Hub::start(fault));
        let output = refrain(cache.path(), &hub, &["duplicates", &seeds(), "--model", NAME]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected) && said.contains("nothing of it is kept"), "{expected}: {said}");
        assert_eq!(models(cache.path()), [""; 0], "{expected}");
    }
}
