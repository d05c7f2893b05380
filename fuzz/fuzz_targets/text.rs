//! Plain text, Markdown and HTML: segmentation, spans, and what is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refrain::document::Format;

fuzz_target!(|bytes: &[u8]| {
    refrain_fuzz::read_and_cut("file.txt", bytes, Some(Format::Text));
    refrain_fuzz::read_and_cut("file.md", bytes, Some(Format::Markdown));
    refrain_fuzz::read_and_cut("file.html", bytes, Some(Format::Html));
});
