//! `run.json`: what differs from run to run. Times, rates, memory and the host.

use super::Report;
use crate::Stage;
use crate::embedding::hex;
use crate::source::WRITING;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// The name of the file.
pub(super) const NAME: &str = "run.json";

/// Wall-clock time by stage.
#[derive(Clone, Debug)]
pub struct Timings {
    begun: Instant,
    last: Instant,
    stages: Vec<(Stage, Duration)>,
}

impl Timings {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        let now = Instant::now();
        Self { begun: now, last: now, stages: vec![] }
    }

    /// Gives `stage` the time since the last stage ended.
    pub fn end(&mut self, stage: Stage) {
        let now = Instant::now();
        self.stages.push((stage, now - self.last));
        self.last = now;
    }

    /// Time since the start.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Whether no stage was timed: the report was made of what another run found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Time of one stage.
    #[must_use]
    pub fn of(&self, stage: Stage) -> Duration {
        self.stages.iter().filter(|(s, _)| *s == stage).map(|(_, time)| *time).sum()
    }
}

#[derive(Serialize)]
struct Run<'a> {
    refrain: &'static str,
    seconds_total: f64,
    seconds_reading: f64,
    seconds_finding_runtime: f64,
    seconds_loading_model_and_embedding: f64,
    seconds_clustering: f64,
    seconds_projection: f64,
    seconds_duplicates: f64,
    passages_embedded: usize,
    passages_from_store: usize,
    passages_embedded_per_second: f64,
    tokens_embedded_per_second: f64,
    threads: usize,
    peak_memory_bytes: Option<u64>,
    host: Host,
    /// SHA-256 of the report's other files: a report that was damaged is not taken for another.
    sha256: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Host {
    os: &'static str,
    arch: &'static str,
    cores: usize,
}

pub(super) fn write(report: &Report, sha256: &BTreeMap<String, String>, file: File) -> Result<(), String> {
    let timings = &report.timings;
    let seconds = |stage| timings.of(stage).as_secs_f64();
    let per_second = |n: usize| n as f64 / seconds(Stage::Embedding).max(f64::MIN_POSITIVE);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let run = Run {
        refrain: env!("CARGO_PKG_VERSION"),
        seconds_total: timings.total().as_secs_f64(),
        seconds_reading: seconds(Stage::Reading),
        seconds_finding_runtime: seconds(Stage::Runtime),
        seconds_loading_model_and_embedding: seconds(Stage::Embedding),
        seconds_clustering: seconds(Stage::Clustering),
        seconds_projection: seconds(Stage::Projection),
        seconds_duplicates: seconds(Stage::Duplicates),
        passages_embedded: report.embedded.n_computed,
        passages_from_store: report.embedded.n_distinct - report.embedded.n_computed,
        passages_embedded_per_second: per_second(report.embedded.n_computed),
        tokens_embedded_per_second: per_second(report.embedded.n_tokens_computed),
        threads: if report.options.embedding.threads == 0 { cores } else { report.options.embedding.threads },
        peak_memory_bytes: peak_memory_bytes(),
        host: Host { os: std::env::consts::OS, arch: std::env::consts::ARCH, cores },
        sha256,
    };
    serde_json::to_writer_pretty(file, &run).map_err(|e| e.to_string())
}

/// The digests of a folder's files but this one, by name.
pub(super) fn digests(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != NAME && name != WRITING {
            digests.insert(name, digest(&entry.path())?);
        }
    }
    Ok(digests)
}

/// SHA-256 of a file's content, in hexadecimal.
pub(super) fn digest(path: &Path) -> std::io::Result<String> {
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        digest.update(&buffer[..n]);
    }
    Ok(hex(&digest.finalize()))
}

/// The most memory that this process has held, where the system says (Linux).
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
