//! `passages.parquet`: a row per passage.

use super::Report;
use crate::document::Document;
use crate::duplicate::{DuplicatePair, Duplicates};
use crate::passage::Passage;
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Int32Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use ndarray::s;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// Rows written at once: what is held in memory besides the report.
const BATCH_ROWS: usize = 16_384;

/// A column's name and values.
pub(super) type Column = (&'static str, ArrayRef);

pub(super) fn write(report: &Report, file: File) -> Result<(), String> {
    write_table(file, report.passages.len(), |range| {
        let mut columns = places(&report.documents, &report.passages, range.clone());
        columns.extend(findings(report, range));
        // Only these may be missing, whatever a batch happens to hold.
        let may_be_missing = |name| matches!(name, "duplicate_group" | "language");
        let columns = columns.into_iter().map(|(name, column)| (name, column, may_be_missing(name)));
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    })
}

/// `duplicates.parquet`: a row per pair, with the evidence as it was measured. What `duplicates.csv` shows
/// to a reader, this keeps for another threshold.
pub(super) fn write_pairs(duplicates: &Duplicates, file: File) -> Result<(), String> {
    write_table(file, duplicates.pairs.len(), |range| {
        let pairs = &duplicates.pairs[range];
        let figure = |of: fn(&DuplicatePair) -> f32| -> ArrayRef {
            Arc::new(Float32Array::from_iter_values(pairs.iter().map(of)))
        };
        let columns: Vec<Column> = vec![
            ("a", Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.a)))),
            ("b", Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.b)))),
            ("kind", Arc::new(StringArray::from_iter_values(pairs.iter().map(|pair| pair.kind.name())))),
            ("cosine", Arc::new(pairs.iter().map(|pair| pair.cosine).collect::<Float32Array>())),
            ("jaccard", figure(|pair| pair.jaccard)),
            ("containment", figure(|pair| pair.containment)),
        ];
        let columns = columns.into_iter().map(|(name, column)| (name, column, name == "cosine"));
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    })
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

/// Which passages, where they stand, and what they say.
pub(super) fn places(documents: &[Document], passages: &[Passage], rows: Range<usize>) -> Vec<Column> {
    let ids = UInt32Array::from_iter_values(rows.clone().map(|i| i as u32));
    let passages = &passages[rows];
    let document = |p: &Passage| &documents[p.document as usize];
    let place = |p: &Passage| p.place(documents);
    vec![
        ("passage_id", Arc::new(ids)),
        ("source", Arc::new(StringArray::from_iter_values(passages.iter().map(|p| &document(p).source)))),
        ("document", Arc::new(StringArray::from_iter_values(passages.iter().map(|p| &document(p).name)))),
        ("start", Arc::new(UInt64Array::from_iter_values(passages.iter().map(|p| place(p).start as u64)))),
        ("end", Arc::new(UInt64Array::from_iter_values(passages.iter().map(|p| place(p).end as u64)))),
        ("text", Arc::new(StringArray::from_iter_values(passages.iter().map(|p| p.text(documents))))),
        ("n_tokens", Arc::new(UInt32Array::from_iter_values(passages.iter().map(|p| p.n_tokens)))),
    ]
}

/// What was found about them.
fn findings(report: &Report, rows: Range<usize>) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    if let Some(clustering) = &report.clustering {
        let cluster = clustering.assignment[rows.clone()].iter().map(|of| of.map_or(-1, |cluster| cluster as i32));
        columns.push(("cluster_id", Arc::new(Int32Array::from_iter_values(cluster))));
        let similarity = clustering.similarity[rows.clone()].iter().copied();
        columns.push(("similarity_to_centroid", Arc::new(Float32Array::from_iter_values(similarity))));
    }
    if let Some(themes) = &report.themes {
        let languages = themes.languages[rows.clone()].iter().copied().collect::<StringArray>();
        columns.push(("language", Arc::new(languages)));
    }
    if let Some(duplicates) = &report.duplicates {
        let group = duplicates.group_of[rows.clone()].iter().copied().collect::<UInt32Array>();
        columns.push(("duplicate_group", Arc::new(group)));
        let kept = rows.clone().map(|i| Some(duplicates.is_kept(i))).collect::<BooleanArray>();
        columns.push(("kept", Arc::new(kept)));
    }
    if let Some(projection) = &report.projection {
        for (axis, name) in ["projection_x", "projection_y"].into_iter().enumerate() {
            let positions = projection.slice(s![rows.clone(), axis]).to_vec();
            columns.push((name, Arc::new(Float32Array::from(positions))));
        }
    }
    columns
}
