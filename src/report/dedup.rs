//! What `refrain dedup` writes: the clean corpus, beside it what was removed and why, or instead of both
//! the attributes of each document. Everything is written under a temporary name first.

use super::rounded;
use super::scratch::Scratch;
use super::terminal::count;
use crate::dedup::{Dedup, Keep, Left, Removed, Unit};
use crate::document::{self, Removal};
use crate::duplicate::Kind;
use crate::source::Extensions;
use crate::{Error, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Component, Path, PathBuf};
use tempfile::NamedTempFile;

/// What was removed in all, as `OUT.dedup.json` and `--format json` say it.
#[derive(Serialize)]
struct DedupJson<'a> {
    refrain: &'static str,
    paths: &'a [String],
    against: &'a [String],
    keep: Keep,
    unit: Unit,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_share: Option<f64>,
    kinds: &'a [Kind],
    threshold: f64,
    sources: crate::duplicate::PairSources,
    documents: usize,
    passages: usize,
    removed: BTreeMap<&'static str, usize>,
    documents_removed: usize,
    documents_changed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    documents_without_date: Option<usize>,
    rounds: usize,
    warnings: Vec<String>,
}

impl<'a> DedupJson<'a> {
    fn of(dedup: &'a Dedup) -> Self {
        let duplicate = dedup.options.duplicate.as_ref();
        let mut removed: BTreeMap<&str, usize> = Kind::ALL.iter().map(|kind| (kind.name(), 0)).collect();
        dedup.removed.iter().for_each(|gone| *removed.entry(gone.kind.name()).or_default() += 1);
        Self {
            refrain: env!("CARGO_PKG_VERSION"),
            paths: &dedup.paths,
            against: &dedup.options.against,
            keep: dedup.dedup.keep,
            unit: dedup.dedup.unit,
            min_share: (dedup.dedup.unit == Unit::Document).then(|| rounded(dedup.dedup.min_share)),
            kinds: duplicate.map_or(&[], |options| &options.kinds),
            threshold: duplicate.map_or(0.0, |options| rounded(options.threshold)),
            sources: duplicate.map(|options| options.sources).unwrap_or_default(),
            documents: dedup.documents.len(),
            passages: dedup.n_passages,
            removed,
            documents_removed: dedup.left.iter().filter(|left| **left == Left::Nothing).count(),
            documents_changed: dedup.left.iter().filter(|left| matches!(left, Left::Without(_))).count(),
            documents_without_date: dedup.n_undated,
            rounds: dedup.n_rounds,
            warnings: dedup.warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Writes the options and the counts.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_dedup_json(dedup: &Dedup, out: &mut dyn Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &DedupJson::of(dedup))?;
    out.write_all(b"\n")
}

/// Writes what was removed in a few lines, and where everything is.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_dedup_summary(dedup: &Dedup, written: &[PathBuf], out: &mut dyn Write) -> std::io::Result<()> {
    let of_kind = |kind: Kind| dedup.removed.iter().filter(|gone| gone.kind == kind).count();
    let kinds: Vec<String> = Kind::ALL
        .into_iter()
        .map(|kind| (of_kind(kind), kind.name()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    let (n, one, many) = match dedup.dedup.unit {
        Unit::Passage => (dedup.n_passages, "passage", "passages"),
        Unit::Document => (dedup.documents.len(), "document", "documents"),
    };
    let verb = if dedup.dedup.is_named_only { "named" } else { "removed" };
    let kept = match dedup.dedup.keep {
        Keep::First => "the first",
        Keep::Longest => "the longest",
        Keep::Newest => "the newest",
    };
    let gone = dedup.removed.len();
    let documents = count(dedup.documents.len(), "document", "documents");
    writeln!(
        out,
        "refrain {}  {documents}, {}",
        env!("CARGO_PKG_VERSION"),
        count(dedup.n_passages, "passage", "passages")
    )?;
    if gone == 0 {
        writeln!(out, "no duplicates; nothing {verb}")?;
    } else {
        let share = 100.0 * gone as f64 / n as f64;
        let of = count(n, one, many);
        writeln!(out, "{gone} of {of} {verb} ({share:.1} %), {kept} of each kept: {}", kinds.join(", "))?;
    }
    if let Some(n) = dedup.n_undated.filter(|n| *n > 0) {
        writeln!(out, "{} without a date that can be read, taken for the oldest", count(n, "document", "documents"))?;
    }
    for warning in &dedup.warnings {
        writeln!(out, "{warning}")?;
    }
    for place in written {
        writeln!(out, "{}", place.display())?;
    }
    Ok(())
}

/// A line of the list of what was removed.
#[derive(Serialize)]
struct RemovedShown<'a> {
    unit: Unit,
    #[serde(flatten)]
    removed: &'a Removed,
}

/// A place for a clean corpus, claimed before any slow work.
#[derive(Debug)]
pub struct CleanCorpus {
    place: PathBuf,
    scratch: Scratch,
}

impl CleanCorpus {
    /// Claims `place`, where nothing may stand, and beside it `place.removed.jsonl` and
    /// `place.dedup.json`.
    ///
    /// # Errors
    /// [`Error::Output`] with what stands there or what the system says.
    pub fn claim(place: &Path) -> Result<Self> {
        let refused = |path: &Path, reason: String| Error::Output { path: path.to_owned(), reason };
        let name = place
            .file_name()
            .ok_or_else(|| refused(place, "is no name for a corpus; choose another place with -o".into()))?;
        for taken in [place.to_owned(), beside(place, "removed.jsonl"), beside(place, "dedup.json")] {
            if taken.symlink_metadata().is_ok() {
                return Err(refused(&taken, "exists and is not replaced; choose another place with -o".into()));
            }
        }
        let scratch = Scratch::beside(place, &name.to_string_lossy()).map_err(|e| {
            refused(place, format!("no corpus can be written there ({e}); choose another place with -o"))
        })?;
        Ok(Self { place: place.to_owned(), scratch })
    }

    /// Where it is written until it is whole.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes the corpus without what goes, and what goes beside it; says what stands where. The corpus
    /// is put in its place last: where it stands, everything does.
    ///
    /// # Errors
    /// [`Error::Write`]; the place is then as it was.
    pub fn write(self, dedup: &Dedup) -> Result<Vec<PathBuf>> {
        let failed = |path: &Path, reason: String| Error::Write { path: path.to_owned(), reason };
        let writing = self.scratch.path();
        let corpus = writing.join("corpus");
        let names = names(dedup, &self.place).map_err(|reason| failed(&self.place, reason))?;
        if let Names::InFolder(_) = names {
            std::fs::create_dir(&corpus).map_err(|e| failed(&self.place, e.to_string()))?;
        }
        for (i, input) in dedup.inputs.iter().enumerate() {
            let to = match &names {
                Names::OneFile => corpus.clone(),
                Names::InFolder(names) => corpus.join(&names[i]),
            };
            let written = left_of_input(dedup, i).and_then(|left| match left {
                Some(bytes) => write_file(&to, |file| file.write_all(&bytes)).map_err(|e| e.to_string()),
                None if matches!(names, Names::OneFile) => write_file(&to, |_| Ok(())).map_err(|e| e.to_string()),
                None => Ok(()),
            });
            written.map_err(|reason| failed(Path::new(&input.name), reason))?;
        }
        let (removed, summary) = (beside(&self.place, "removed.jsonl"), beside(&self.place, "dedup.json"));
        let list = |file: &mut dyn Write| {
            for removed in &dedup.removed {
                serde_json::to_writer(&mut *file, &RemovedShown { unit: dedup.dedup.unit, removed })?;
                file.write_all(b"\n")?;
            }
            Ok(())
        };
        let written = write_file(&writing.join("removed"), list)
            .and_then(|()| write_file(&writing.join("summary"), |file| write_dedup_json(dedup, file)))
            .and_then(|()| std::fs::rename(writing.join("removed"), &removed))
            .and_then(|()| std::fs::rename(writing.join("summary"), &summary));
        let in_place = written.and_then(|()| std::fs::rename(&corpus, &self.place));
        in_place.map_err(|e| failed(&self.place, e.to_string()))?;
        Ok(vec![self.place.clone(), removed, summary])
    }
}

fn beside(place: &Path, ending: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}

fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut out = BufWriter::new(File::create(path)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// What is left of an input, in its format.
fn left_of_input(dedup: &Dedup, i: usize) -> std::result::Result<Option<Vec<u8>>, String> {
    let input = &dedup.inputs[i];
    let bytes = bytes::Bytes::from(input.read(dedup.options.document.limits.file).map_err(|e| e.to_string())?);
    let range = dedup.starts[i]..dedup.starts[i + 1];
    if dedup.left[range.clone()].iter().all(|left| *left == Left::All) {
        return Ok(Some(bytes.into()));
    }
    // The texts as they were read: read again, so that they need not be kept.
    let (documents, _) = document::parse(input, &bytes, &dedup.options.document);
    let is_same = documents.len() == range.len()
        && documents.iter().zip(&dedup.documents[range.clone()]).all(|(read, known)| read.name == known.name);
    if !is_same {
        return Err("it has changed since it was read; run refrain again".into());
    }
    let mut removals = Vec::new();
    for (document, left) in documents.iter().zip(&dedup.left[range]) {
        match left {
            Left::All => {}
            Left::Nothing => removals.push((document, Removal::Document)),
            Left::Without(cuts) if cuts.last().is_some_and(|cut| cut.end <= document.text.len()) => {
                removals.push((document, Removal::Cuts(cuts.clone())));
            }
            Left::Without(_) => return Err("it has changed since it was read; run refrain again".into()),
        }
    }
    document::rewrite(input, &bytes, &dedup.options.document, &removals)
}

/// Where the inputs are written.
enum Names {
    /// There is one, and the place is its file.
    OneFile,
    /// Their places in the folder.
    InFolder(Vec<PathBuf>),
}

/// Inputs keep their paths below the folder that all of them are in.
fn names(dedup: &Dedup, place: &Path) -> std::result::Result<Names, String> {
    let extensions = Extensions::of(place);
    if let [input] = &dedup.inputs[..]
        && extensions.of_content.is_some()
        && extensions == Extensions::of(Path::new(&input.name))
    {
        return Ok(Names::OneFile);
    }
    let parts: Vec<Vec<Component>> =
        dedup.inputs.iter().map(|input| Path::new(&input.name).components().collect()).collect();
    let shared = |depth: usize| parts.iter().all(|of| of.len() > depth + 1 && of[depth] == parts[0][depth]);
    let n_shared = (0..parts.first().map_or(0, Vec::len)).take_while(|&depth| shared(depth)).count();
    // Nothing is written outside the folder, whatever the names hold.
    let below = |of: &Vec<Component>| of[n_shared..].iter().filter_map(normal).collect::<PathBuf>();
    let names: Vec<PathBuf> = parts.iter().map(below).collect();
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        return Err("two of the inputs would be written to the same file; give them from one folder".into());
    }
    Ok(Names::InFolder(names))
}

fn normal<'a>(part: &Component<'a>) -> Option<&'a std::ffi::OsStr> {
    if let Component::Normal(name) = part { Some(name) } else { None }
}

/// A place for the attributes of documents, claimed before any slow work.
#[derive(Debug)]
pub struct AttributesFile {
    place: PathBuf,
    scratch: NamedTempFile,
}

#[derive(Serialize)]
struct AttributesShown<'a> {
    id: &'a str,
    source: &'a str,
    attributes: Duplicates,
}

#[derive(Serialize)]
struct Duplicates {
    /// Characters `start..end`, and the score.
    duplicates: Vec<(usize, usize, f64)>,
}

impl AttributesFile {
    /// Claims `place`; a file that stands there is replaced.
    ///
    /// # Errors
    /// [`Error::Output`] if its folder cannot be written.
    pub fn claim(place: &Path) -> Result<Self> {
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let scratch = tempfile::Builder::new().prefix(".refrain-dedup-").tempfile_in(parent).map_err(|e| {
            let reason = format!("cannot be written ({e}); choose another place with --attributes");
            Error::Output { path: place.to_owned(), reason }
        })?;
        Ok(Self { place: place.to_owned(), scratch })
    }

    /// Where it is written until it is whole.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes a line for each document, in their order, with the places of its duplicates: characters of
    /// its text and a score, the figure that the kind is decided by (of a document: the share).
    ///
    /// # Errors
    /// [`Error::Write`]; the place is then as it was.
    pub fn write(self, dedup: &Dedup) -> Result<PathBuf> {
        let Self { place, scratch } = self;
        let failed = |reason: String| Error::Write { path: place.clone(), reason };
        let mut removed = dedup.removed.iter().peekable();
        let text = |i: usize| dedup.texts_as_read.as_ref().map_or("", |texts| texts[i].as_str());
        let mut out = BufWriter::new(scratch.as_file());
        for (i, document) in dedup.documents.iter().enumerate() {
            let mut duplicates = Vec::new();
            while let Some(removed) = removed.next_if(|removed| removed.document == i) {
                let characters = |bytes: usize| text(i).get(..bytes).map_or(0, |before| before.chars().count());
                let (start, end) = (characters(removed.place.start), characters(removed.place.end));
                duplicates.push((start, end, rounded(removed.score())));
            }
            let id = document.metadata.id.as_deref().unwrap_or(&document.name);
            let line = AttributesShown { id, source: &document.source, attributes: Duplicates { duplicates } };
            serde_json::to_writer(&mut out, &line).map_err(|e| failed(e.to_string()))?;
            out.write_all(b"\n").map_err(|e| failed(e.to_string()))?;
        }
        out.flush().map_err(|e| failed(e.to_string()))?;
        drop(out);
        scratch.as_file().sync_all().map_err(|e| failed(e.to_string()))?;
        scratch.persist(&place).map_err(|e| failed(e.error.to_string()))?;
        Ok(place)
    }
}
