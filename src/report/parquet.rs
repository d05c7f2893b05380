//! `passages.parquet`: a row per passage.

use super::Report;
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Int32Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::sync::Arc;

/// Rows written at once: what is held in memory besides the report.
const BATCH_ROWS: usize = 65_536;

pub(super) fn write(report: &Report, file: File) -> Result<(), String> {
    write_batches(report, file).map_err(|e| e.to_string())
}

fn write_batches(report: &Report, file: File) -> parquet::errors::Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("refrain ", env!("CARGO_PKG_VERSION")).into())
        .build();
    let mut writer = ArrowWriter::try_new(file, batch(report, 0..0)?.schema(), Some(properties))?;
    let n = report.passages.len();
    for start in (0..n).step_by(BATCH_ROWS) {
        writer.write(&batch(report, start..(start + BATCH_ROWS).min(n))?)?;
    }
    writer.close().map(|_| ())
}

fn batch(report: &Report, rows: std::ops::Range<usize>) -> parquet::errors::Result<RecordBatch> {
    let ids = || rows.clone().map(|i| i as u32);
    let passages = || report.passages[rows.clone()].iter();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("passage_id", Arc::new(UInt32Array::from_iter_values(ids()))),
        ("source", Arc::new(StringArray::from_iter_values(ids().map(|i| report.source(i))))),
        ("document", Arc::new(StringArray::from_iter_values(ids().map(|i| report.document(i))))),
        ("start", Arc::new(UInt64Array::from_iter_values(passages().map(|p| p.span.start as u64)))),
        ("end", Arc::new(UInt64Array::from_iter_values(passages().map(|p| p.span.end as u64)))),
        ("text", Arc::new(StringArray::from_iter_values(ids().map(|i| report.text(i))))),
        ("n_tokens", Arc::new(UInt32Array::from_iter_values(passages().map(|p| p.n_tokens)))),
    ];
    if let Some(clustering) = &report.clustering {
        let cluster = clustering.assignment[rows.clone()].iter().map(|of| of.map_or(-1, |cluster| cluster as i32));
        columns.push(("cluster_id", Arc::new(Int32Array::from_iter_values(cluster))));
        let similarity = clustering.similarity[rows.clone()].iter().copied();
        columns.push(("similarity_to_centroid", Arc::new(Float32Array::from_iter_values(similarity))));
    }
    if let Some(duplicates) = &report.duplicates {
        columns.push((
            "duplicate_group",
            Arc::new(duplicates.group_of[rows.clone()].iter().copied().collect::<UInt32Array>()),
        ));
        let kept = rows.clone().map(|i| Some(duplicates.is_kept(i)));
        columns.push(("kept", Arc::new(kept.collect::<BooleanArray>())));
    }
    // Only the group of a passage may be missing, whatever a batch happens to hold.
    let columns = columns.into_iter().map(|(name, column)| (name, column, name == "duplicate_group"));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
