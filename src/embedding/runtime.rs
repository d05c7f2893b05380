//! ONNX Runtime, loaded from a shared library at run time.
//!
//! It is looked for in this order: the file named by `--onnxruntime` (or `ORT_DYLIB_PATH`), beside
//! the executable, in refrain's cache folder, on the system's library path, in an `onnxruntime*`
//! package of the Python on PATH. If it is nowhere, it is fetched once with pip into the cache.
//! A file that is not a whole library is refused before the system's loader sees it: the loader
//! would not return an error but end the process.

mod fetch;

use crate::Progress;
use etcetera::BaseStrategy;
use ort::environment::Environment;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where to look for ONNX Runtime.
#[derive(Clone, Debug, Default)]
pub struct RuntimeOptions {
    /// This file and no other.
    pub library: Option<PathBuf>,
    /// Never fetch anything.
    pub offline: bool,
    /// refrain's cache folder; see [`cache_folder`].
    pub cache: PathBuf,
}

/// Why ONNX Runtime cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The file that was named cannot be loaded.
    #[error("ONNX Runtime cannot be loaded from {path}: {reason}; name a libonnxruntime of version 1.{minor} or later", path = path.display(), minor = ort::MINOR_VERSION)]
    Load {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is nowhere, and was not fetched.
    #[error(
        "ONNX Runtime was not found ({looked}) and was not fetched: {reason}. Any of these helps: \
         (1) `pip install {package}`; (2) --onnxruntime FILE or ORT_DYLIB_PATH with the path of a \
         libonnxruntime of version 1.{minor} or later; (3) a network connection and no --offline, so that refrain fetches it once",
        package = fetch::requirement(), minor = ort::MINOR_VERSION
    )]
    NotFound {
        /// Where it was looked for, and what was there.
        looked: String,
        /// Why it was not fetched.
        reason: String,
    },
}

/// ONNX Runtime, loaded.
#[derive(Clone)]
pub struct Runtime {
    path: PathBuf,
    environment: Environment,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A process has one ONNX Runtime; whoever asks first decides which.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Finds and loads the runtime, fetching it if it is nowhere.
    ///
    /// # Errors
    /// [`RuntimeError`] with what was tried and three remedies.
    pub fn find(options: &RuntimeOptions, progress: &dyn Progress) -> Result<Self, RuntimeError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let runtime = Self::search(options, progress)?;
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    fn search(options: &RuntimeOptions, progress: &dyn Progress) -> Result<Self, RuntimeError> {
        let named = options
            .library
            .clone()
            .or_else(|| std::env::var_os("ORT_DYLIB_PATH").filter(|v| !v.is_empty()).map(PathBuf::from));
        if let Some(path) = named {
            return Self::load(&path).map_err(|reason| RuntimeError::Load { path, reason });
        }
        let mut looked = Vec::new();
        let mut attempt = |place: &str, path: Option<Result<PathBuf, String>>| -> Option<Self> {
            let loaded = path.map(|path| {
                let path = path?;
                Self::load(&path).map_err(|reason| format!("{} {reason}", path.display()))
            });
            match loaded {
                None => looked.push(format!("{place}: none")),
                Some(Err(reason)) => looked.push(format!("{place}: {reason}")),
                Some(Ok(runtime)) => return Some(runtime),
            }
            None
        };
        let beside = std::env::current_exe().ok().and_then(|exe| library_in(exe.parent()?));
        let found = attempt("beside the executable", beside.map(Ok))
            .or_else(|| attempt("in the cache", fetch::cached(&options.cache)))
            .or_else(|| attempt("on the library path", library_on_path().map(Ok)))
            .or_else(|| attempt("in a Python package", library_of_python().map(Ok)));
        if let Some(runtime) = found {
            return Ok(runtime);
        }
        let not_found = |reason: String| RuntimeError::NotFound { looked: looked.join("; "), reason };
        if options.offline {
            return Err(not_found("--offline forbids it".into()));
        }
        let path = fetch::fetch(&options.cache, progress).map_err(&not_found)?;
        Self::load(&path).map_err(not_found)
    }

    fn load(path: &Path) -> Result<Self, String> {
        if path.components().count() > 1 {
            check_whole(path)?;
        }
        let environment = ort::init_from(path)
            .map_err(|e| e.to_string())?
            .with_name("refrain")
            .build()
            .map_err(|e| format!("does not start: {e}"))?;
        // What goes wrong comes back as an error value; the runtime's own lines would be a second
        // voice on standard error.
        environment.set_log_level(ort::logging::LogLevel::Fatal);
        Ok(Self { path: path.to_owned(), environment })
    }

    pub(super) fn environment(&self) -> Environment {
        self.environment.clone()
    }

    /// The library that was loaded.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// ONNX Runtime's own line about its build, with its version's branch and commit.
    #[must_use]
    pub fn build(&self) -> &'static str {
        ort::info()
    }

    /// Whether the OpenVINO provider lies beside the runtime.
    #[must_use]
    pub fn has_openvino(&self) -> bool {
        let name =
            format!("{}onnxruntime_providers_openvino{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        self.path.parent().is_some_and(|folder| folder.join(name).is_file())
    }
}

/// refrain's cache folder: the one given, or the system's cache folder for the user.
#[must_use]
pub fn cache_folder(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| match etcetera::choose_base_strategy() {
        Ok(strategy) => strategy.cache_dir().join("refrain"),
        Err(_) => std::env::temp_dir().join("refrain-cache"),
    })
}

/// The runtime's file in a folder: `libonnxruntime.so`, `libonnxruntime.so.1.24.1`,
/// `libonnxruntime.1.24.1.dylib`, `onnxruntime.dll`. The last by name, if there are several.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let stem = format!("{}onnxruntime.", std::env::consts::DLL_PREFIX);
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&stem) && name.contains(std::env::consts::DLL_SUFFIX) && path.is_file()
        })
        .max()
}

fn library_on_path() -> Option<PathBuf> {
    let variable = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let usual = ["/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/homebrew/lib"].map(PathBuf::from);
    let triplet = PathBuf::from(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let listed = std::env::var_os(variable).unwrap_or_default();
    std::env::split_paths(&listed)
        .filter(|folder| !folder.as_os_str().is_empty())
        .chain(usual)
        .chain([triplet])
        .find_map(|folder| library_in(&folder))
}

fn library_of_python() -> Option<PathBuf> {
    let script = "import importlib.util as u; s = u.find_spec('onnxruntime'); print(list(s.submodule_search_locations)[0] if s else '')";
    ["python3", "python"].iter().find_map(|python| {
        let output =
            std::process::Command::new(python).args(["-c", script]).output().ok().filter(|o| o.status.success())?;
        let folder = String::from_utf8(output.stdout).ok()?;
        let folder = folder.trim();
        (!folder.is_empty()).then(|| library_in(&Path::new(folder).join("capi")))?
    })
}

/// Refuses an ELF file that ends before its segments do: mapping it would kill the process.
fn check_whole(path: &Path) -> Result<(), String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    let mut header = [0; 64];
    if file.read_exact(&mut header).is_err() {
        return Err(format!("is no shared library, it has {length} bytes"));
    }
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    if header[..4] != *b"\x7fELF" {
        return Err("is no shared library, it does not begin as one".into());
    }
    if header[4] != 2 {
        return Err("is a library for a 32-bit system".into());
    }
    let u16_at =
        |bytes: &[u8], at: usize| bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes);
    let u64_at =
        |bytes: &[u8], at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
    // ELF-64: e_phoff at 32, e_phentsize at 54, e_phnum at 56; in an entry, p_offset at 8, p_filesz at 32.
    let (table, entry, n) = (u64_at(&header, 32), u16_at(&header, 54), u16_at(&header, 56));
    let mut entries = vec![0; usize::from(entry) * usize::from(n)];
    let read = file.seek(SeekFrom::Start(table)).and_then(|_| file.read_exact(&mut entries));
    let end = entries
        .chunks_exact(usize::from(entry).max(1))
        .map(|e| u64_at(e, 8).saturating_add(u64_at(e, 32)))
        .max()
        .unwrap_or(u64::MAX);
    if read.is_err() || end > length {
        return Err(format!("is damaged: its segments end at byte {end}, the file at byte {length}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_that_is_no_library_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        assert!(Runtime::load(&path).unwrap_err().contains("No such file"));
        std::fs::write(&path, "short").unwrap();
        assert!(Runtime::load(&path).unwrap_err().contains("is no shared library, it has 5 bytes"));
        std::fs::write(&path, vec![7; 4096]).unwrap();
        assert!(Runtime::load(&path).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_library_cut_short_is_refused_before_the_loader_sees_it() {
        // An eighth ends within what is loaded; half of it need not, as debug information comes last.
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, &whole[..whole.len() / 8]).unwrap();
        let reason = check_whole(&path).unwrap_err();
        assert!(reason.contains("is damaged"), "{reason}");
        std::fs::write(&path, &whole).unwrap();
        check_whole(&path).unwrap();
    }

    #[test]
    fn what_was_tried_and_three_remedies_are_said() {
        let error =
            RuntimeError::NotFound { looked: "in the cache: none".into(), reason: "--offline forbids it".into() };
        let message = error.to_string();
        for part in [
            "in the cache: none",
            "--offline forbids it",
            "pip install onnxruntime",
            "--onnxruntime FILE",
            "network connection",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
