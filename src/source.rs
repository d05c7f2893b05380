//! Paths, globs and standard input become named byte streams. This is the only module that touches
//! input files.
//!
//! A **source** is what a reader would call the origin of a text: a file named directly or lying at
//! the top of a folder that was named, or else that folder's subfolder (a corpus kept as
//! `corpus/<site>/<page>` has one source per site). Names are paths as they were typed, with `/`
//! between their parts, so that a report does not depend on where the machine keeps its files.

use crate::{Error, Result, Warning};
use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A file by which a folder that refrain is writing, or was when it was killed, is known: it is no input.
pub(crate) const WRITING: &str = ".refrain.lock";

/// Which files to take from the folders that are named.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// Globs that a file in a folder must match; none: every file.
    pub include: Vec<String>,
    /// Globs of files in folders to leave out.
    pub exclude: Vec<String>,
}

/// One input, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// How reports cite it: the path as typed, `-` for standard input.
    pub name: String,
    /// The source it belongs to.
    pub source: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Stdin,
    File(PathBuf),
}

impl Input {
    /// The whole content, of at most so many bytes.
    ///
    /// # Errors
    /// What the system says when the file cannot be read, or that it is larger.
    pub fn read(&self, most: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.size().unwrap_or(0).min(most) as usize);
        self.open()?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            let reason = format!("it is larger than {most} bytes (--limit file=N reads more)");
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason));
        }
        Ok(bytes)
    }

    /// The content as a stream, for what would not fit into memory twice.
    ///
    /// # Errors
    /// What the system says when the file cannot be opened.
    pub fn open(&self) -> std::io::Result<Box<dyn Read>> {
        Ok(match &self.place {
            // Of a file that grows meanwhile, what it had: else its end might never come.
            Place::File(path) => {
                let file = File::open(path)?;
                let size = file.metadata()?.len();
                Box::new(BufReader::new(file).take(if size == 0 { u64::MAX } else { size }))
            }
            Place::Stdin => Box::new(std::io::stdin().lock()),
            Place::Nowhere => return Err(std::io::ErrorKind::NotFound.into()),
        })
    }

    /// The file, to read in any order; none of a stream, or if it cannot be opened.
    pub(crate) fn file(&self) -> Option<File> {
        match &self.place {
            Place::File(path) => File::open(path).ok(),
            Place::Stdin | Place::Nowhere => None,
        }
    }

    /// When it was changed last, and its size; none of a stream. While it is read it should stay as it is.
    pub(crate) fn state(&self) -> Option<(SystemTime, u64)> {
        let Place::File(path) = &self.place else { return None };
        let metadata = path.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Its bytes; none of a stream.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match &self.place {
            Place::File(path) => path.metadata().ok().map(|metadata| metadata.len()),
            Place::Stdin | Place::Nowhere => None,
        }
    }

    /// What is attached to a message that this holds, read by its bytes.
    pub(crate) fn attached(&self, name: String) -> Self {
        Self { name, ..self.clone() }
    }

    /// An input for bytes that are at hand, to be given with it; it is its own source.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), source: name.into(), place: Place::Nowhere }
    }

    /// The same in another source.
    #[must_use]
    pub fn in_source(self, source: &str) -> Self {
        Self { source: source.into(), ..self }
    }

    /// A member of the archive that this is, read by its bytes. What was fetched from an address has its host
    /// for a source; else an archive that is a source of its own has one for each of its folders, as a folder
    /// has.
    pub(crate) fn member(&self, member: &str, url: Option<&str>) -> Self {
        let name = format!("{}/{member}", self.name);
        let host =
            url.and_then(|url| url.split_once("://")?.1.split(['/', '?', '#']).next()).filter(|host| !host.is_empty());
        if let Some(host) = host {
            return Self { name, source: host.into(), place: self.place.clone() };
        }
        let is_source = self.source == self.name;
        let first = member.trim_start_matches("./").split('/').next().filter(|_| is_source);
        let source = first.map_or_else(|| self.source.clone(), |first| format!("{}/{first}", self.name));
        Self { name, source, place: self.place.clone() }
    }

    /// The file name's extension, in lower case; of a compressed file, that of what is in it.
    #[must_use]
    pub fn extension(&self) -> Option<String> {
        Extensions::of(Path::new(&self.name)).of_content
    }
}

/// The extensions of a file's name, in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// That of the file, or of what is packed in it.
    pub of_content: Option<String>,
    /// That of the packed file.
    pub of_packing: Option<String>,
}

impl Extensions {
    pub fn of(path: &Path) -> Self {
        let of = |path: &Path| path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let outer = of(path);
        if outer.as_deref().is_some_and(|outer| crate::document::packed::EXTENSIONS.contains(&outer)) {
            let inner = path.file_stem().and_then(|stem| of(Path::new(stem)));
            return Self { of_content: inner, of_packing: outer };
        }
        Self { of_content: outer, of_packing: None }
    }
}

/// Lists the inputs that `paths` name, each once, sorted by name; what cannot be used is a warning. Of more than
/// `max_files` of them the rest is left out.
///
/// # Errors
/// [`Error::Input`] for a path that does not exist, [`Error::Pattern`] for a glob that does not
/// parse or matches nothing.
pub fn find(paths: &[String], options: &SourceOptions, max_files: u64) -> Result<(Vec<Input>, Vec<Warning>)> {
    let mut found = BTreeMap::new();
    let mut warnings = Vec::new();
    for typed in paths {
        if typed == "-" {
            let stdin = Input { name: "-".into(), source: "-".into(), place: Place::Stdin };
            found.insert(stdin.name.clone(), stdin);
            continue;
        }
        for root in expand(typed)? {
            let metadata = std::fs::metadata(&root).map_err(|source| Error::Input { path: typed.clone(), source })?;
            if metadata.is_dir() {
                walk(&root, options, max_files, &mut found, &mut warnings)?;
            } else {
                let name = shown(&root);
                if metadata.is_file() {
                    found.insert(name.clone(), Input { source: name.clone(), name, place: Place::File(root) });
                } else {
                    warnings.push(not_a_file(name));
                }
            }
        }
    }
    Ok((found.into_values().collect(), warnings))
}

/// A path that exists is itself, whatever characters it has; anything else may be a glob.
fn expand(typed: &str) -> Result<Vec<PathBuf>> {
    let path = PathBuf::from(typed);
    if path.symlink_metadata().is_ok() || !typed.contains(['*', '?', '[']) {
        return Ok(vec![path]);
    }
    let pattern = |reason: String| Error::Pattern { pattern: typed.into(), reason };
    let matches: Vec<PathBuf> = glob::glob(typed)
        .map_err(|e| pattern(format!("not a glob: {e}")))?
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| pattern(format!("cannot be listed: {e}")))?;
    if matches.is_empty() {
        return Err(pattern("no file or folder matches this glob".into()));
    }
    Ok(matches)
}

fn walk(
    root: &Path,
    options: &SourceOptions,
    max_files: u64,
    found: &mut BTreeMap<String, Input>,
    warnings: &mut Vec<Warning>,
) -> Result<()> {
    let mut overrides = OverrideBuilder::new(root);
    let globs = options.include.iter().cloned().chain(options.exclude.iter().map(|g| format!("!{g}")));
    for glob in globs {
        overrides.add(&glob).map_err(|e| Error::Pattern { pattern: glob.clone(), reason: e.to_string() })?;
    }
    let overrides = overrides.build().map_err(|e| Error::Pattern { pattern: shown(root), reason: e.to_string() })?;
    // Every file counts: hidden and git-ignored ones too, or they would be dropped in silence.
    let reports = Arc::new(Mutex::new(Vec::new()));
    let entries = WalkBuilder::new(root)
        .standard_filters(false)
        .overrides(overrides)
        .follow_links(true)
        .filter_entry({
            let reports = Arc::clone(&reports);
            move |entry| {
                let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                if is_folder && entry.path().join(WRITING).is_file() {
                    return false;
                }
                let skipped = is_folder && is_report_folder(entry.path());
                if skipped && let Ok(mut reports) = reports.lock() {
                    reports.push(shown(entry.path()));
                }
                !skipped
            }
        })
        .sort_by_file_path(Path::cmp)
        .build();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                warnings.push(Warning::Unreadable { document: shown(root), reason: error.to_string() });
                continue;
            }
        };
        match entry.file_type() {
            Some(kind) if kind.is_dir() => {}
            Some(kind) if kind.is_file() => {
                if found.len() as u64 >= max_files {
                    let reason = format!("the files after the first {max_files} (--limit files=N reads more)");
                    warnings.push(Warning::Unreadable { document: shown(root), reason });
                    break;
                }
                let path = entry.into_path();
                let name = shown(&path);
                let source = source_of(root, &path);
                found.insert(name.clone(), Input { name, source, place: Place::File(path) });
            }
            _ => warnings.push(not_a_file(shown(entry.path()))),
        }
    }
    let reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    warnings.extend(
        reports
            .into_iter()
            .map(|document| Warning::Unreadable { document, reason: "the folder is a report of refrain's".into() }),
    );
    Ok(())
}

/// Whether a folder holds a report that refrain wrote: neither read as input nor taken for someone
/// else's files when a new report is to take its place.
#[must_use]
pub fn is_report_folder(path: &Path) -> bool {
    ["report.json", "run.json"].iter().all(|file| path.join(file).is_file())
        && std::fs::File::open(path.join("report.json")).is_ok_and(|file| {
            let mut head = Vec::new();
            let read = file.take(64).read_to_end(&mut head).is_ok();
            read && String::from_utf8_lossy(&head).contains("\"refrain\"")
        })
}

fn not_a_file(document: String) -> Warning {
    Warning::Unreadable { document, reason: "it is neither a file nor a folder".into() }
}

/// The folder that was named and the first part below it.
fn source_of(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.components().next().map_or_else(|| shown(path), |first| shown(&root.join(first)))
}

/// A path as reports show it. Bytes that are not UTF-8 are written out, so that two such names stay two.
fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    if cfg!(windows) { text.replace('\\', "/") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
        }
        folder
    }

    fn names(folder: &Path, found: &[Input]) -> Vec<(String, String)> {
        let prefix = format!("{}/", shown(folder));
        let strip = |s: &str| s.strip_prefix(&prefix).unwrap().to_owned();
        found.iter().map(|i| (strip(&i.name), strip(&i.source))).collect()
    }

    #[test]
    fn a_folder_is_listed_in_name_order_with_its_subfolders_as_sources() {
        let folder = tree(&["b.txt", "site/2.txt", "site/deep/1.txt", ".hidden"]);
        let (found, warnings) = find(&[shown(folder.path())], &SourceOptions::default(), u64::MAX).unwrap();
        let expected =
            [(".hidden", ".hidden"), ("b.txt", "b.txt"), ("site/2.txt", "site"), ("site/deep/1.txt", "site")];
        assert_eq!(names(folder.path(), &found), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(warnings, []);
    }

    #[test]
    fn globs_choose_and_a_file_named_twice_counts_once() {
        let folder = tree(&["a.txt", "b.md", "c.txt"]);
        let glob = format!("{}/*.txt", shown(folder.path()));
        let (found, _) =
            find(&[glob, shown(&folder.path().join("a.txt"))], &SourceOptions::default(), u64::MAX).unwrap();
        assert_eq!(found.len(), 2);
        let options = SourceOptions { include: vec!["*.txt".into()], exclude: vec!["c*".into()] };
        let (found, _) = find(&[shown(folder.path())], &options, u64::MAX).unwrap();
        assert_eq!(names(folder.path(), &found), [("a.txt".to_owned(), "a.txt".to_owned())]);
    }

    #[test]
    fn a_path_that_does_not_exist_is_an_error_that_names_it() {
        let error = find(&["no/such/place".into()], &SourceOptions::default(), u64::MAX).unwrap_err();
        assert!(error.to_string().starts_with("no/such/place: cannot be read"), "{error}");
        let error = find(&["no/such/*.txt".into()], &SourceOptions::default(), u64::MAX).unwrap_err();
        assert!(error.to_string().contains("no file or folder matches"), "{error}");
    }

    #[test]
    fn of_too_many_files_the_first_are_taken() {
        let folder = tree(&["a.txt", "b.txt", "c.txt"]);
        let (found, warnings) = find(&[shown(folder.path())], &SourceOptions::default(), 2).unwrap();
        assert_eq!(found.len(), 2);
        assert!(warnings.len() == 1 && warnings[0].to_string().contains("after the first 2"), "{warnings:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf_8_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tree(&[]);
        for name in [b"caf\xe8.txt", b"caf\xe9.txt"] {
            std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), "text").unwrap();
        }
        let (found, _) = find(&[shown(folder.path())], &SourceOptions::default(), u64::MAX).unwrap();
        let names: Vec<(String, String)> = names(folder.path(), &found);
        assert_eq!(names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["caf\\xE8.txt", "caf\\xE9.txt"]);
        assert!(found.iter().all(|input| input.read(9).unwrap() == b"text"));
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_is_a_warning() {
        let folder = tree(&["a.txt"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let (found, warnings) = find(&[shown(folder.path())], &SourceOptions::default(), u64::MAX).unwrap();
        assert_eq!(found.len(), 1);
        assert!(
            matches!(&warnings[..], [Warning::Unreadable { reason, .. }] if reason.contains("loop")),
            "{warnings:?}"
        );
    }
}
