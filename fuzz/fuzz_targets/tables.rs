//! CSV of any dialect, with a header that has a text, and Parquet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refrain::document::Format;

fuzz_target!(|bytes: &[u8]| {
    let delimiter = [b',', b';', b'\t', b'|'][usize::from(bytes.first().copied().unwrap_or(0) % 4)];
    let table = [b"id", &[delimiter][..], b"text\n", bytes].concat();
    refrain_fuzz::read_and_cut("file.csv", &table, Some(Format::Csv));
    refrain_fuzz::read_and_cut("file.parquet", bytes, Some(Format::Parquet));
});
