//! `passages.parquet`, a row per passage, and `duplicates.parquet`.

use super::Report;
use super::tables::{self, BATCH_ROWS};
use crate::duplicate::Duplicates;
use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::ops::Range;

pub(super) fn write(report: &Report, file: File) -> Result<(), String> {
    write_table(file, report.passages.len(), |range| Ok(tables::passages(report, range)?))
}

/// `duplicates.parquet`: a row per pair, with the evidence as it was measured. What `duplicates.csv` shows
/// to a reader, this keeps for another threshold.
pub(super) fn write_pairs(duplicates: &Duplicates, file: File) -> Result<(), String> {
    write_table(file, duplicates.pairs.len(), |range| Ok(tables::pairs(duplicates, range)?))
}

/// Writes a table of `n` rows, made batch by batch.
pub(super) fn write_table(
    file: File,
    n: usize,
    batch: impl Fn(Range<usize>) -> parquet::errors::Result<RecordBatch>,
) -> Result<(), String> {
    let write = || -> parquet::errors::Result<()> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by(concat!("refrain ", env!("CARGO_PKG_VERSION")).into())
            .build();
        let mut writer = ArrowWriter::try_new(file, batch(0..0)?.schema(), Some(properties))?;
        for start in (0..n).step_by(BATCH_ROWS) {
            writer.write(&batch(start..(start + BATCH_ROWS).min(n))?)?;
        }
        writer.close().map(|_| ())
    };
    write().map_err(|e| e.to_string())
}
