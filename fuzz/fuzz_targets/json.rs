//! JSON and JSON Lines, damaged as they may be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refrain::document::Format;

fuzz_target!(|bytes: &[u8]| {
    refrain_fuzz::read_and_cut("file.json", bytes, Some(Format::Json));
    refrain_fuzz::read_and_cut("file.jsonl", bytes, Some(Format::Jsonl));
});
