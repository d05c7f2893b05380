//! A model on its way into the cache folder's `models`: its files are gathered under a temporary
//! name, checked, synced, and put in place by one rename. What stands there under a model's name is
//! whole.

use super::{DEFAULT_MODEL, Model, ModelSettings};
use crate::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A model that is not in its place yet; dropped, it leaves nothing.
pub struct AddedModel {
    name: String,
    place: PathBuf,
    scratch: TempDir,
    model: Model,
    origin: String,
}

impl AddedModel {
    /// Copies what is needed of a model folder and opens the copy.
    ///
    /// # Errors
    /// [`Error::Model`] if the name is taken or cannot be one, or the model cannot be opened or copied.
    pub fn copy(folder: &Path, name: &str, cache: &Path) -> Result<Self> {
        let scratch = claim(name, cache)?;
        let model = Model::from_folder(folder)?;
        let failed = |what: &str, e: &dyn std::fmt::Display| model.error(format!("{what} cannot be copied ({e})"));
        std::fs::write(scratch.path().join("model.onnx"), model.onnx()).map_err(|e| failed("model.onnx", &e))?;
        let weights = model.weights_folder().unwrap_or(folder);
        let beside = ["tokenizer_config.json"].into_iter().filter(|file| folder.join(file).is_file());
        let files = ["tokenizer.json"].into_iter().chain(beside).map(|file| (folder, file));
        for (from, file) in files.chain(model.weights().map(|file| (weights, file))) {
            let to = scratch.path().join(file);
            let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| std::fs::copy(from.join(file), &to)).map_err(|e| failed(file, &e))?;
        }
        let origin = format!("{}, {}", folder.display(), model.settings_from);
        let sha256 = Some(model.sha256.clone());
        Self::gathered(name, cache, scratch, &ModelSettings { sha256, ..model.settings }, origin)
    }

    /// Opens what was gathered in `scratch`.
    pub(super) fn gathered(
        name: &str,
        cache: &Path,
        scratch: TempDir,
        settings: &ModelSettings,
        origin: String,
    ) -> Result<Self> {
        write_settings(scratch.path(), settings, &origin).map_err(|reason| unusable(name, reason))?;
        let model = Model::from_folder(scratch.path())?.called(name);
        Ok(Self { name: name.to_owned(), place: place(name, cache), scratch, model, origin })
    }

    /// The model, as it will be found.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Puts the model in its place, with the width of its rows in its `model.toml` if it is known.
    ///
    /// # Errors
    /// [`Error::Model`] if it cannot be written, or another process was faster.
    pub fn put(self, dim: Option<usize>) -> Result<PathBuf> {
        let Model { settings, sha256, .. } = self.model;
        let settings = ModelSettings { dim: dim.or(settings.dim), sha256: Some(sha256), ..settings };
        let written = write_settings(self.scratch.path(), &settings, &self.origin)
            .and_then(|()| sync(self.scratch.path()).map_err(|e| e.to_string()))
            .and_then(|()| std::fs::rename(self.scratch.path(), &self.place).map_err(|e| e.to_string()));
        written.map_err(|reason| {
            unusable(&self.name, format!("{} cannot be put in place ({reason})", self.place.display()))
        })?;
        Ok(self.place)
    }
}

/// A folder to gather a model's files in, if the name is free.
pub(super) fn claim(name: &str, cache: &Path) -> Result<TempDir> {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_name {
        return Err(unusable(
            name,
            "is no name for a model; expected letters, digits, '-', '_' and '.', a letter or digit first; give another with --name",
        ));
    }
    if name == DEFAULT_MODEL || place(name, cache).exists() {
        return Err(unusable(
            name,
            format!(
                "there is a model of this name; give another with --name, or remove {} first",
                place(name, cache).display()
            ),
        ));
    }
    let models = cache.join("models");
    let made =
        std::fs::create_dir_all(&models).and_then(|()| tempfile::Builder::new().prefix(".adding-").tempdir_in(&models));
    made.map_err(|e| {
        unusable(
            name,
            format!("the cache folder {} cannot be written ({e}); choose another with --cache-dir", cache.display()),
        )
    })
}

/// Where a model of that name is, or would be.
pub(super) fn place(name: &str, cache: &Path) -> PathBuf {
    cache.join("models").join(name)
}

fn unusable(name: &str, reason: impl Into<String>) -> Error {
    Error::Model { model: name.into(), reason: reason.into() }
}

fn write_settings(folder: &Path, settings: &ModelSettings, origin: &str) -> Result<(), String> {
    let toml = toml::to_string(settings).map_err(|e| e.to_string())?;
    let origin = origin.replace(char::is_control, " ");
    std::fs::write(folder.join("model.toml"), format!("# From {origin}\n{toml}")).map_err(|e| e.to_string())
}

/// Makes the system write a folder's files, and those of its folders, to the disk.
fn sync(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { sync(&path)? } else { File::open(path)?.sync_all()? }
    }
    // Elsewhere a folder cannot be opened as a file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
        for (from, to) in files {
            let to = folder.path().join(to);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(made.join(from), to).unwrap();
        }
        std::fs::write(folder.path().join("model.toml"), "pooling = 'mean'\nmax_tokens = 24\nprefix = 'one \"two\" '")
            .unwrap();
        folder
    }

    #[test]
    fn a_model_is_in_its_place_whole_or_not_at_all() {
        let cache = tempfile::tempdir().unwrap();
        let folder = fixture(&[
            ("external.onnx", "onnx/model.onnx"),
            ("external.onnx.data", "onnx/external.onnx.data"),
            ("tokenizer.json", "tokenizer.json"),
        ]);
        let added = AddedModel::copy(folder.path(), "mine", cache.path()).unwrap();
        assert_eq!(Model::at_hand(cache.path()), [DEFAULT_MODEL]);
        let sha256 = added.model().sha256.clone();
        added.put(Some(8)).unwrap();
        assert_eq!(Model::at_hand(cache.path()), [DEFAULT_MODEL, "mine"]);
        let model = Model::open("mine", cache.path()).unwrap();
        assert_eq!((&*model.name, &model.settings.sha256, model.settings.dim), ("mine", &Some(sha256), Some(8)));
        assert_eq!(model.settings.prefix, "one \"two\" ");
        // Weights that change later are noticed.
        let weights = cache.path().join("models/mine/external.onnx.data");
        let mut bytes = std::fs::read(&weights).unwrap();
        bytes[7] ^= 1;
        std::fs::write(&weights, bytes).unwrap();
        assert!(Model::open("mine", cache.path()).unwrap_err().to_string().contains("model.toml expects"));
    }

    #[test]
    fn a_taken_name_or_none_is_refused_and_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let folder = fixture(&[("untyped.onnx", "model.onnx"), ("tokenizer.json", "tokenizer.json")]);
        let refused = |name: &str| AddedModel::copy(folder.path(), name, cache.path()).err().unwrap().to_string();
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "é"] {
            assert!(refused(name).contains("is no name for a model"), "{name}");
        }
        assert!(refused(DEFAULT_MODEL).contains("there is a model of this name"));
        AddedModel::copy(folder.path(), "mine", cache.path()).unwrap().put(None).unwrap();
        assert!(refused("mine").contains("there is a model of this name"));
        // Two at once: the second finds the place taken.
        let (one, two) = (
            AddedModel::copy(folder.path(), "both", cache.path()).unwrap(),
            AddedModel::copy(folder.path(), "both", cache.path()).unwrap(),
        );
        one.put(None).unwrap();
        assert!(two.put(None).is_err());
        let left: Vec<_> =
            std::fs::read_dir(cache.path().join("models")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
