//! Plain text: the text is the content. Line ends become `\n`, so that spans and line widths mean
//! the same on every system. Passages can be cut out of it again, with the layout around them kept.

use super::{Extracted, Metadata};
use std::borrow::Cow;
use std::ops::Range;

pub(crate) fn extract(decoded: &str) -> Extracted {
    let text = with_line_feeds(decoded).into_owned();
    Extracted { texts: vec![(text, Metadata::default())], ..Extracted::default() }
}

/// The text with `\n` for every line end.
pub(super) fn with_line_feeds(decoded: &str) -> Cow<'_, str> {
    if decoded.contains('\r') { decoded.replace("\r\n", "\n").replace('\r', "\n").into() } else { decoded.into() }
}

/// What goes when passages are cut out of a text, in order and without overlaps.
///
/// A passage that fills whole lines goes with them, its list marker, and the blank lines after it; so
/// the paragraphs around it stay as far apart as they were. A passage that is a part of a line goes
/// with the white space on one side. `spans` are in order and do not overlap.
pub(crate) fn cuts(text: &str, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut cuts: Vec<Range<usize>> = Vec::new();
    for span in joined(text, spans) {
        let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
        let begins_line = is_marker(&text[line_start..span.start]);
        let ends_line = text[span.end..line_end].trim().is_empty();
        let cut = match (begins_line, ends_line) {
            (true, true) => {
                let is_after_blank = text[..line_start].lines().next_back().is_none_or(|line| line.trim().is_empty());
                line_start..if is_after_blank { after_blank_lines(text, line_end) } else { line_end }
            }
            (_, false) => span.start..span.end + (text[span.end..].len() - text[span.end..].trim_start().len()),
            (false, true) => text[..span.start].trim_end().len()..span.end,
        };
        match cuts.last_mut() {
            Some(last) if cut.start <= last.end => *last = last.start.min(cut.start)..last.end.max(cut.end),
            _ => cuts.push(cut),
        }
    }
    // At the end of the text, the blank lines that led to a passage lead nowhere.
    while let Some(last) = cuts.pop() {
        let is_whole_lines = last.start == 0 || text[..last.start].ends_with('\n');
        if !is_whole_lines || !text[last.end..].trim().is_empty() {
            cuts.push(last);
            break;
        }
        let words_end = text[..last.start].trim_end().len();
        let line_end = text[words_end..].find('\n').map_or(text.len(), |at| words_end + at + 1);
        let start = if words_end == 0 { 0 } else { line_end.min(last.start) };
        match cuts.last_mut() {
            Some(before) if before.end >= start => before.end = text.len(),
            _ => {
                cuts.push(start..text.len());
                break;
            }
        }
    }
    cuts
}

/// Spans with nothing but white space between them in one line, or in one paragraph, are one.
fn joined(text: &str, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last)
                if !text[last.end..span.start].contains("\n\n") && text[last.end..span.start].trim().is_empty() =>
            {
                last.end = span.end;
            }
            _ => joined.push(span.clone()),
        }
    }
    joined
}

/// Whether what stands before a passage in its line is white space and a list marker only.
fn is_marker(before: &str) -> bool {
    let before = before.trim();
    let number = before.strip_suffix(['.', ')']).unwrap_or(before);
    before.is_empty() || number.chars().all(|c| c.is_ascii_digit()) || !before.contains(char::is_alphanumeric)
}

fn after_blank_lines(text: &str, mut at: usize) -> usize {
    for line in text[at..].split_inclusive('\n') {
        if !line.trim().is_empty() {
            break;
        }
        at += line.len();
    }
    at
}

/// A text without what is cut.
pub(crate) fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for cut in cuts {
        left.push_str(&text[at..cut.start]);
        at = cut.end;
    }
    left.push_str(&text[at..]);
    left
}

/// The bytes of a text file without what is cut from its text: line ends, byte order mark and invalid
/// bytes elsewhere stay.
pub(crate) fn rewrite(bytes: &[u8], cuts: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mark = bytes.len() - bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).len();
    out.extend_from_slice(&bytes[..mark]);
    let mut cuts = cuts.iter().peekable();
    // Place in the decoded text; how long what stands in the file is there.
    let mut at = 0;
    let mut push = |raw: &[u8], decoded_length: usize| {
        while cuts.next_if(|cut| cut.end <= at).is_some() {}
        if cuts.peek().is_none_or(|cut| at < cut.start) {
            out.extend_from_slice(raw);
        }
        at += decoded_length;
    };
    for chunk in bytes[mark..].utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(c) = characters.next() {
            if c == '\r' && characters.next_if_eq(&'\n').is_some() {
                push(b"\r\n", 1);
            } else {
                push(c.encode_utf8(&mut [0; 4]).as_bytes(), c.len_utf8());
            }
        }
        if !chunk.invalid().is_empty() {
            push(chunk.invalid(), char::REPLACEMENT_CHARACTER.len_utf8());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text without the passages that are marked by letters in brackets.
    fn cut(marked: &str) -> String {
        let mut text = String::new();
        let mut spans = Vec::new();
        for part in marked.split_inclusive(['[', ']']) {
            let words = part.trim_end_matches(['[', ']']);
            let start = text.len();
            text.push_str(words);
            if part.ends_with(']') {
                spans.push(start..text.len());
            }
        }
        without(&text, &cuts(&text, &spans))
    }

    #[test]
    fn layout_around_a_passage_is_kept() {
        assert_eq!(cut("One\n\n[two]\n\nthree\n"), "One\n\nthree\n");
        assert_eq!(cut("[One]\n\ntwo\n"), "two\n");
        assert_eq!(cut("One\n\n[two]\n"), "One\n");
        assert_eq!(cut("One\n\n[two]\n\n[three]\n\n\n"), "One\n");
        assert_eq!(cut("One\n[two]\nthree"), "One\nthree");
        assert_eq!(cut("- one\n- [two]\n- three\n"), "- one\n- three\n");
        assert_eq!(cut("# Head\n\n1. [one]\n2. two\n"), "# Head\n\n2. two\n");
        assert_eq!(cut("One. [Two.] Three."), "One. Three.");
        assert_eq!(cut("One. [Two.]\nThree."), "One.\nThree.");
        assert_eq!(cut("[One.] Two.\n\nThree."), "Two.\n\nThree.");
        assert_eq!(cut("One\n\n\n[two\nlines]\n\n\nthree"), "One\n\n\nthree");
        assert_eq!(cut("A\n\n[One.] [Two.]\n\nB"), "A\n\nB");
        assert_eq!(cut("[all]\n\n[of it]\n"), "");
    }

    #[test]
    fn a_file_keeps_its_line_ends_mark_and_invalid_bytes() {
        let bytes = b"\xef\xbb\xbfcaf\xe9\r\n\r\ncut \xff me\r\n\r\nend\r";
        let decoded = "caf\u{fffd}\n\ncut \u{fffd} me\n\nend\n";
        let start = decoded.find("cut").unwrap();
        let span = start..start + "cut \u{fffd} me".len();
        let cuts = cuts(decoded, std::slice::from_ref(&span));
        assert_eq!(rewrite(bytes, &cuts), b"\xef\xbb\xbfcaf\xe9\r\n\r\nend\r");
        assert_eq!(rewrite(bytes, &[]), bytes);
    }

    proptest! {
        #[test]
        fn no_word_goes_but_those_of_the_passages(
            words in proptest::collection::vec(("[a-z]{1,3}", prop_oneof![Just(" "), Just("\n"), Just("\n\n"), Just("\n- ")], any::<bool>()), 0..20),
        ) {
            let (mut text, mut spans, mut left) = (String::new(), Vec::new(), Vec::new());
            for (word, after, goes) in &words {
                let start = text.len();
                text.push_str(word);
                if *goes { spans.push(start..text.len()) } else { left.push(word.as_str()) }
                text.push_str(after);
            }
            let cuts = cuts(&text, &spans);
            prop_assert!(cuts.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let shorter = without(&text, &cuts);
            let found: Vec<&str> = shorter.split_whitespace().filter(|word| *word != "-").collect();
            prop_assert_eq!(found, left);
            prop_assert_eq!(rewrite(text.as_bytes(), &cuts), shorter.into_bytes());
        }
    }
}
