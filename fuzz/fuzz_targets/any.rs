//! Any bytes, read as what they look like: recognition, encodings, archives, mail, feeds and office files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| refrain_fuzz::read_and_cut("file", bytes, None));
