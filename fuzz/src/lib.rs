//! What every target asks of what was read: passages are where they say, in order, and can be cut out.

use refrain::document::{self, Document, DocumentOptions, Format, Removal};
use refrain::passage::{LengthMeasure, PassageOptions, Segment, segment};
use refrain::source::Input;

/// Reads bytes as a format (none: whatever they look like) and as a file of this name, cuts them into passages and
/// takes some passages out again.
///
/// # Panics
/// If what was read is not what it should be.
pub fn read_and_cut(name: &str, bytes: &[u8], format: Option<Format>) {
    let input = Input::named(name);
    let options = DocumentOptions { format, ..DocumentOptions::default() };
    let bytes = bytes.to_vec().into();
    let (documents, warnings) = document::parse(&input, &bytes, &options);
    warnings.iter().for_each(|warning| assert!(!warning.to_string().is_empty()));
    for kind in [Segment::Paragraph, Segment::Line, Segment::Document] {
        let of = PassageOptions { segment: kind, min_chars: 3 };
        let Ok(found) = segment(&documents, &Words, &of) else { continue };
        for pair in found.passages.windows(2) {
            let is_later = pair[0].document < pair[1].document || pair[0].span.end <= pair[1].span.start;
            assert!(is_later, "passages overlap");
        }
        for passage in &found.passages {
            assert!(!passage.text(&documents).trim().is_empty(), "a passage without text");
        }
        if kind == Segment::Paragraph {
            cut(&input, &bytes, &options, &documents, &found.passages);
        }
    }
}

/// Every other passage of the first document goes, and what is left can be read again.
fn cut(
    input: &Input,
    bytes: &bytes::Bytes,
    options: &DocumentOptions,
    documents: &[Document],
    passages: &[refrain::passage::Passage],
) {
    let Some(document) = documents.first().filter(|document| document.is_editable) else { return };
    let of_first = passages.iter().filter(|passage| passage.document == 0);
    let cuts: Vec<_> = of_first.step_by(2).map(|passage| passage.span.clone()).collect();
    if cuts.is_empty() {
        return;
    }
    if let Ok(Some(left)) = document::rewrite(input, bytes, options, &[(document, Removal::Cuts(cuts))]) {
        let (documents, warnings) = document::parse(input, &left.into(), options);
        assert!(!documents.is_empty() || !warnings.is_empty(), "what is left is neither read nor said to be unread");
    }
}

/// A length in words.
struct Words;

impl LengthMeasure for Words {
    fn n_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn max_tokens(&self) -> usize {
        12
    }
}
