//! What `refrain embed` writes: a Parquet table with the passages and their embeddings, or a NumPy
//! array of the rows alone.

use super::parquet::write_table;
use super::tables::places;
use crate::{Embeddings, Error, Result};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field};
use ndarray_npy::WriteNpyExt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// A place for an embeddings file, claimed before any slow work.
#[derive(Debug)]
pub struct EmbeddingsFile {
    place: PathBuf,
    scratch: NamedTempFile,
    is_parquet: bool,
}

impl EmbeddingsFile {
    /// Claims `place`, whose name ends in `.parquet` or `.npy`.
    ///
    /// # Errors
    /// [`Error::Output`] for another ending, or a folder that cannot be written.
    pub fn claim(place: &Path) -> Result<Self> {
        let refused = |reason: String| Error::Output { path: place.to_owned(), reason };
        let is_parquet = match place.extension().and_then(|e| e.to_str()) {
            Some("parquet") => true,
            Some("npy") => false,
            _ => return Err(refused("the name must end in .parquet or .npy".into())),
        };
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let scratch = tempfile::Builder::new()
            .prefix(".refrain-embed-")
            .tempfile_in(parent)
            .map_err(|e| refused(format!("cannot be written ({e}); choose another place with -o")))?;
        Ok(Self { place: place.to_owned(), scratch, is_parquet })
    }

    /// Where it is written until it is whole.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes the file under a temporary name, syncs it and puts it in its place.
    ///
    /// # Errors
    /// [`Error::Write`]; the place is then as it was.
    pub fn write(self, embeddings: &Embeddings) -> Result<()> {
        let Self { place, scratch, is_parquet } = self;
        let failed = |reason: String| Error::Write { path: place.clone(), reason };
        let file = scratch.reopen().map_err(|e| failed(e.to_string()))?;
        let written = if is_parquet { write_parquet(embeddings, file) } else { write_npy(embeddings, file) };
        written.map_err(failed)?;
        scratch.as_file().sync_all().map_err(|e| failed(e.to_string()))?;
        scratch.persist(&place).map(|_| ()).map_err(|e| failed(e.error.to_string()))
    }
}

fn write_npy(embeddings: &Embeddings, file: File) -> Result<(), String> {
    let mut out = BufWriter::new(file);
    embeddings.rows.write_npy(&mut out).map_err(|e| e.to_string())?;
    out.flush().map_err(|e| e.to_string())
}

fn write_parquet(embeddings: &Embeddings, file: File) -> Result<(), String> {
    let corpus = &embeddings.corpus;
    let dim = embeddings.rows.ncols();
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    write_table(file, corpus.passages.len(), |range| {
        let mut columns = places(&corpus.documents, &corpus.passages, range.clone());
        let values: Vec<f32> = embeddings.rows.slice(ndarray::s![range, ..]).iter().copied().collect();
        let width = i32::try_from(dim).map_err(|e| parquet::errors::ParquetError::General(e.to_string()))?;
        let rows = FixedSizeListArray::try_new(Arc::clone(&item), width, Arc::new(Float32Array::from(values)), None)?;
        columns.push(("embedding", Arc::new(rows) as ArrayRef));
        Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, false)))?)
    })
}
