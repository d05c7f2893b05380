//! A document's text becomes passages: paragraphs, and pieces of paragraphs where the model would
//! read only the beginning.
//!
//! A passage is a byte span; its text stays in the document. A blank line always ends a paragraph.
//! A single line break ends one too, unless the document is hard-wrapped and the break is where
//! wrapping would put it: the next word would not have fitted the line width. So the two lines of a
//! wrapped sentence are joined, and two headlines that stand one under the other are not.

use crate::{Error, Result, Warning, document::Document};
use rayon::prelude::*;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Lines longer than this (in characters) are paragraphs of their own, not wrapped text.
const MAX_LINE_WIDTH: usize = 120;
/// Fewer wrapped line breaks than this are no evidence of a line width; then a break is soft only
/// before a lower-case letter.
const MIN_WRAPPED_BREAKS: usize = 3;
/// What marks a list entry; not part of the passage.
const BULLETS: [char; 8] = ['-', '*', '•', '·', '–', '—', '▪', '◦'];

/// Where passages begin and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Segment {
    /// At paragraph ends.
    #[default]
    Paragraph,
    /// At every line end.
    Line,
    /// Only where the document is longer than the model reads.
    Document,
}

/// How to cut documents into passages.
#[derive(Clone, Copy, Debug)]
pub struct PassageOptions {
    /// Where passages begin and end.
    pub segment: Segment,
    /// Passages of fewer characters are left out and counted; default 40.
    pub min_chars: usize,
}

impl Default for PassageOptions {
    fn default() -> Self {
        Self { segment: Segment::Paragraph, min_chars: 40 }
    }
}

/// How long a text is to the model that will read it.
pub trait LengthMeasure: Sync {
    /// Tokens of `text`, special tokens included.
    fn n_tokens(&self, text: &str) -> usize;
    /// Tokens that the model reads at most, special tokens included.
    fn max_tokens(&self) -> usize;
    /// The byte after each token of `text`, in order and without special tokens, where that is known.
    fn token_ends(&self, _text: &str) -> Option<Vec<usize>> {
        None
    }
}

/// Lengths of parts of one text. Where it is known where its tokens end, the text is looked at once and the
/// lengths are those of its own tokens; else each part is measured.
struct Lengths<'a> {
    text: &'a str,
    measure: &'a dyn LengthMeasure,
    /// Special tokens, which stand around every text.
    around: usize,
    ends: Option<Vec<usize>>,
}

impl<'a> Lengths<'a> {
    /// Of parts within `span`.
    fn within(text: &'a str, span: &Range<usize>, measure: &'a dyn LengthMeasure) -> Self {
        let ends = measure.token_ends(&text[span.clone()]);
        let ends = ends.map(|ends| ends.into_iter().map(|end| span.start + end).collect());
        Self { ends, ..Self::measured(text, measure) }
    }

    /// Each measured by itself.
    fn measured(text: &'a str, measure: &'a dyn LengthMeasure) -> Self {
        Self { text, measure, around: measure.n_tokens(""), ends: None }
    }

    fn n_tokens(&self, part: Range<usize>) -> usize {
        let Some(ends) = &self.ends else { return self.measure.n_tokens(self.text[part].trim()) };
        let last = part.start + self.text[part.clone()].trim_end().len();
        if last == part.start {
            return self.around;
        }
        // A token that the part's end cuts is one of the part's too.
        let up_to_last = ends.partition_point(|&end| end < last) + 1;
        self.around + up_to_last - ends.partition_point(|&end| end <= part.start)
    }

    fn max_tokens(&self) -> usize {
        self.measure.max_tokens()
    }
}

/// A piece of a document, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Index of the document.
    pub document: u32,
    /// Bytes in the document's text.
    pub span: Range<usize>,
    /// Tokens, special tokens included: at most the measure's `max_tokens`.
    pub n_tokens: u32,
}

impl Passage {
    /// Where the passage stands in the document that is cited for it, in bytes.
    #[must_use]
    pub fn place(&self, documents: &[Document]) -> Range<usize> {
        let offset = documents[self.document as usize].offset;
        offset + self.span.start..offset + self.span.end
    }

    /// The passage's text.
    #[must_use]
    pub fn text<'a>(&self, documents: &'a [Document]) -> &'a str {
        &documents[self.document as usize].text[self.span.clone()]
    }
}

/// The passages of all documents, in document order, and what was left out.
#[derive(Debug, Default)]
pub struct Segmentation {
    /// The passages.
    pub passages: Vec<Passage>,
    /// Passages shorter than `min_chars`, left out.
    pub n_short: usize,
    /// Paragraphs that were split because the model would have read only their beginning.
    pub n_split: usize,
    /// Sentences that had to be divided.
    pub warnings: Vec<Warning>,
}

/// Cuts documents into passages.
///
/// # Errors
/// [`Error::NoPassages`] if every document is shorter than `min_chars`.
pub fn segment(documents: &[Document], measure: &dyn LengthMeasure, options: &PassageOptions) -> Result<Segmentation> {
    let all = cut(documents, measure, options);
    if all.passages.is_empty() {
        return Err(Error::NoPassages {
            found: format!(
                "{} documents with {} texts shorter than {} characters",
                documents.len(),
                all.n_short,
                options.min_chars
            ),
            remedy: "lower --min-chars".into(),
        });
    }
    Ok(all)
}

/// The same of some of a corpus's documents, which may all be too short.
#[must_use]
pub fn cut(documents: &[Document], measure: &dyn LengthMeasure, options: &PassageOptions) -> Segmentation {
    let each: Vec<Segmentation> =
        documents.par_iter().enumerate().map(|(i, document)| segment_one(i, document, measure, options)).collect();
    let mut all = Segmentation::default();
    for mut one in each {
        all.passages.append(&mut one.passages);
        all.n_short += one.n_short;
        all.n_split += one.n_split;
        all.warnings.append(&mut one.warnings);
    }
    all
}

fn segment_one(
    index: usize,
    document: &Document,
    measure: &dyn LengthMeasure,
    options: &PassageOptions,
) -> Segmentation {
    let text = &document.text;
    let mut out = Segmentation::default();
    let mut n_sentences = 0;
    let max_tokens = measure.max_tokens();
    for span in paragraphs(text, options.segment) {
        if text[span.clone()].chars().nth(options.min_chars.saturating_sub(1)).is_none() {
            out.n_short += 1;
            continue;
        }
        let n_tokens = measure.n_tokens(&text[span.clone()]);
        let mut push = |span: Range<usize>, n_tokens: usize| {
            out.passages.push(Passage { document: index as u32, span, n_tokens: n_tokens as u32 });
        };
        if n_tokens <= max_tokens {
            push(span, n_tokens);
            continue;
        }
        let lengths = Lengths::within(text, &span, measure);
        for piece in split(text, span, n_tokens, &lengths, &mut n_sentences) {
            let n_tokens = measure.n_tokens(&text[piece.clone()]);
            if n_tokens <= max_tokens {
                push(piece, n_tokens);
                continue;
            }
            for part in divide(text, piece, &Lengths::measured(text, measure))
                .into_iter()
                .filter_map(|part| trimmed(text, part))
            {
                let n_tokens = measure.n_tokens(&text[part.clone()]);
                push(part, n_tokens);
            }
        }
        out.n_split += 1;
    }
    if n_sentences > 0 {
        out.warnings.push(Warning::DividedSentences { document: document.name.clone(), n_sentences, max_tokens });
    }
    out
}

/// The spans of a text's paragraphs (or lines, or the whole), without white space and bullets around
/// them. Together they hold every character of the text that is neither.
fn paragraphs(text: &str, segment: Segment) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut push = |span: Range<usize>| spans.extend(trimmed(text, span));
    match segment {
        Segment::Document => push(0..text.len()),
        Segment::Line => lines(text).for_each(push),
        Segment::Paragraph => {
            let lines: Vec<Line> = lines(text).map(|span| Line::new(text, span)).collect();
            let wrapping = Wrapping::of(&lines);
            let mut start = 0;
            for (i, line) in lines.iter().enumerate() {
                if lines.get(i + 1).is_none_or(|next| !wrapping.joins(line, next)) {
                    push(start..line.span.end);
                    start = line.span.end;
                }
            }
        }
    }
    spans
}

fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split_inclusive(['\n', '\u{2028}', '\u{2029}', '\u{c}', '\u{b}', '\u{85}']).map(move |line| {
        let span = start..start + line.len();
        start = span.end;
        span
    })
}

/// What the wrapping rule needs to know of a line.
struct Line {
    span: Range<usize>,
    /// Characters between the first and the last that is not white space; 0 for a blank line.
    width: usize,
    /// Characters of the first word, the least that would have had to fit on the line before.
    first_word: usize,
    /// More than one word: a lone long address says nothing about the line width.
    has_space: bool,
    starts_entry: bool,
    starts_lower_case: bool,
}

impl Line {
    fn new(text: &str, span: Range<usize>) -> Self {
        let line = text[span.clone()].trim();
        let first_word = match line.chars().next() {
            // Scripts without spaces between words break anywhere.
            Some(c) if c >= '\u{2e80}' => 1,
            _ => line.chars().take_while(|c| !c.is_whitespace()).count(),
        };
        Self {
            width: line.chars().count(),
            first_word,
            has_space: line.contains(char::is_whitespace) || line.chars().next().is_some_and(|c| c >= '\u{2e80}'),
            starts_entry: bullet_length(line) > 0,
            starts_lower_case: line.chars().next().is_some_and(char::is_lowercase),
            span,
        }
    }
}

/// Whether, and how, a document is hard-wrapped.
struct Wrapping {
    /// The longest line of more than one word; 0: the document is not wrapped.
    width: usize,
    only_before_lower_case: bool,
}

impl Wrapping {
    fn of(lines: &[Line]) -> Self {
        let width =
            lines.iter().filter(|l| l.has_space && l.width <= MAX_LINE_WIDTH).map(|l| l.width).max().unwrap_or(0);
        let wrapping = Self { width, only_before_lower_case: false };
        let breaks: Vec<_> = lines.windows(2).filter(|pair| pair[0].width > 0 && pair[1].width > 0).collect();
        let n_soft = breaks.iter().filter(|pair| wrapping.joins(&pair[0], &pair[1])).count();
        if n_soft * 2 < breaks.len() {
            return Self { width: 0, only_before_lower_case: true };
        }
        Self { width, only_before_lower_case: n_soft < MIN_WRAPPED_BREAKS }
    }

    /// Whether the break between two lines is soft.
    fn joins(&self, line: &Line, next: &Line) -> bool {
        self.width > 0
            && (1..=MAX_LINE_WIDTH).contains(&line.width)
            && next.width > 0
            && !next.starts_entry
            && line.width + 1 + next.first_word > self.width
            && (!self.only_before_lower_case || next.starts_lower_case)
    }
}

/// Bytes of a list marker and the white space after it, at the start of a line.
fn bullet_length(line: &str) -> usize {
    let mut rest = line.trim_start_matches(BULLETS);
    if rest.len() == line.len() {
        let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let n_digits = line.len() - digits.len();
        rest = match digits.strip_prefix(['.', ')']) {
            Some(after) if (1..=3).contains(&n_digits) => after,
            _ => return 0,
        };
    }
    let words = rest.trim_start();
    if words.len() == rest.len() { 0 } else { line.len() - words.len() }
}

/// A span without white space at either end and without a bullet; none if nothing is left.
fn trimmed(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let slice = &text[span.clone()];
    let start = span.start + (slice.len() - slice.trim_start().len());
    let start = start + bullet_length(text[start..span.end].trim_end());
    let end = start + text[start..span.end].trim_end().len();
    (start < end).then_some(start..end)
}

/// Cuts a paragraph of `n_tokens` into pieces of about equal length that the model reads whole, at
/// sentence ends where it can; counts the sentences that are too long themselves.
///
/// Lengths of sentences are added up, which is exact where a tokenizer looks at words one by one; where it
/// does not, a piece may come out too long, and the caller divides it.
fn split(
    text: &str,
    span: Range<usize>,
    n_tokens: usize,
    lengths: &Lengths,
    n_sentences: &mut usize,
) -> Vec<Range<usize>> {
    let (max, around) = (lengths.max_tokens(), lengths.around);
    let target = n_tokens.div_ceil(n_tokens.div_ceil(max));
    let mut pieces: Vec<(Range<usize>, usize)> = Vec::new();
    for sentence in sentences(text, span) {
        let n_tokens = lengths.n_tokens(sentence.clone());
        let parts = if n_tokens <= max {
            vec![(sentence, n_tokens)]
        } else {
            *n_sentences += 1;
            let with_length = |part: Range<usize>| (part.clone(), lengths.n_tokens(part));
            divide(text, sentence, lengths).into_iter().map(with_length).collect()
        };
        for (part, n_tokens) in parts {
            let more = n_tokens.saturating_sub(around);
            match pieces.last_mut() {
                Some((last, length)) if *length + more <= max && *length + more / 2 <= target => {
                    last.end = part.end;
                    *length += more;
                }
                _ => pieces.push((part, n_tokens)),
            }
        }
    }
    pieces.into_iter().filter_map(|(piece, _)| trimmed(text, piece)).collect()
}

/// Sentences by Unicode's rules (UAX #29); a line break inside the paragraph is a space to them.
fn sentences(text: &str, span: Range<usize>) -> Vec<Range<usize>> {
    let one_line = text[span.clone()].replace(['\n', '\r', '\u{c}', '\u{b}'], " ");
    one_line.split_sentence_bound_indices().map(|(at, s)| span.start + at..span.start + at + s.len()).collect()
}

/// Cuts a sentence into runs of words that fit, and a word that does not fit into runs of characters.
fn divide(text: &str, sentence: Range<usize>, lengths: &Lengths) -> Vec<Range<usize>> {
    let max = lengths.max_tokens();
    let mut parts = Vec::new();
    let mut start = sentence.start;
    while start < sentence.end {
        // The longest prefix that fits, by bisection over the places where a cut is allowed.
        let rest = &text[start..sentence.end];
        let longest = |cuts: &[usize]| {
            let n = cuts.partition_point(|&cut| lengths.n_tokens(start..start + cut) <= max);
            n.checked_sub(1).map(|i| cuts[i])
        };
        // Cuts beyond what could ever fit need not be looked at; mostly, eight bytes a token are enough.
        let near = rest.floor_char_boundary(max * 8);
        let is_near = near < rest.len() && lengths.n_tokens(start..start + near) > max;
        let reach = if is_near { near } else { rest.floor_char_boundary(max * 64) };
        let words: Vec<usize> =
            rest[..reach].split_word_bound_indices().map(|(at, w)| at + w.len()).filter(|&cut| cut > 0).collect();
        let cut = longest(&words).or_else(|| {
            let characters: Vec<usize> = rest[..reach].char_indices().map(|(at, c)| at + c.len_utf8()).collect();
            longest(&characters)
        });
        let cut = cut.unwrap_or_else(|| rest.chars().next().map_or(rest.len(), char::len_utf8));
        parts.push(start..start + cut);
        start += cut;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A word is a token, and so is every started run of eight characters in it.
    struct Words(usize);

    impl LengthMeasure for Words {
        fn n_tokens(&self, text: &str) -> usize {
            text.split_whitespace().map(|w| w.chars().count().div_ceil(8)).sum()
        }
        fn max_tokens(&self) -> usize {
            self.0
        }
    }

    /// The same, and where its tokens end.
    struct Ends(Words);

    impl LengthMeasure for Ends {
        fn n_tokens(&self, text: &str) -> usize {
            self.0.n_tokens(text)
        }
        fn max_tokens(&self) -> usize {
            self.0.max_tokens()
        }
        fn token_ends(&self, text: &str) -> Option<Vec<usize>> {
            let mut ends = Vec::new();
            let mut in_word = 0;
            for (at, c) in text.char_indices() {
                in_word = if c.is_whitespace() { 0 } else { in_word + 1 };
                // The eighth character of a run moves its token's end; the first begins one.
                match ends.last_mut() {
                    Some(last) if in_word % 8 != 1 && in_word > 0 => *last = at + c.len_utf8(),
                    _ if in_word > 0 => ends.push(at + c.len_utf8()),
                    _ => {}
                }
            }
            Some(ends)
        }
    }

    fn document(text: &str) -> Document {
        Document {
            name: "d".into(),
            source: "d".into(),
            text: text.into(),
            offset: 0,
            label: None,
            row: None,
            is_editable: true,
            metadata: crate::document::Metadata::default(),
        }
    }

    fn cut(text: &str, min_chars: usize, max_tokens: usize) -> Vec<String> {
        let documents = [document(text)];
        let options = PassageOptions { min_chars, ..Default::default() };
        let found = segment(&documents, &Words(max_tokens), &options).unwrap();
        found.passages.iter().map(|p| p.text(&documents).to_owned()).collect()
    }

    #[test]
    fn two_headlines_in_a_row_are_two_passages() {
        let headline = "Turkey's Strategic Support for Pakistan: A Shift in Foreign Policy";
        assert_eq!(cut(&format!("{headline}\n{headline}"), 1, 99), [headline, headline]);
        assert_eq!(cut("A Headline That Is Long\nAnother Headline\nA Third", 1, 99).len(), 3);
    }

    #[test]
    fn hard_wrapped_text_is_joined_and_its_heading_is_not() {
        let text = "A heading\n\nIt was the best of times, it was the\nworst of times, it was the age of wisdom,\n\
            it was the age of foolishness, it was the\nepoch of belief.\nShort line.\nIt was the epoch of incredulity.";
        let found = cut(text, 1, 99);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[1].starts_with("It was the best") && found[1].ends_with("epoch of belief."));
        assert_eq!(found[2], "Short line.");
    }

    #[test]
    fn list_entries_are_passages_without_their_bullets() {
        assert_eq!(
            cut("- one thing\n- another thing\n1. first\n2) second", 1, 99),
            ["one thing", "another thing", "first", "second"]
        );
        assert_eq!(cut("-5 degrees", 1, 99), ["-5 degrees"]);
    }

    #[test]
    fn wrapped_text_in_a_script_without_spaces_is_joined_by_width() {
        let line = "一二三四五六七八九十".repeat(3);
        assert_eq!(cut(&format!("{line}\n{line}\n{line}\n{line}\n短い\n次の行"), 1, 99).len(), 2);
    }

    #[test]
    fn short_passages_are_counted() {
        let documents = [document("tiny\n\nThis one is long enough to stay.")];
        let found = segment(&documents, &Words(99), &PassageOptions { min_chars: 10, ..Default::default() }).unwrap();
        assert_eq!((found.passages.len(), found.n_short), (1, 1));
        let error =
            segment(&documents, &Words(99), &PassageOptions { min_chars: 100, ..Default::default() }).unwrap_err();
        assert!(error.to_string().contains("lower --min-chars"), "{error}");
    }

    proptest! {
        #[test]
        fn where_tokens_end_tells_what_measuring_tells(
            text in "([a-z]{1,20}[.!]? ?){1,60}", max_tokens in 1usize..12,
        ) {
            let documents = [document(&text)];
            let options = PassageOptions { min_chars: 1, ..Default::default() };
            let by_measuring = segment(&documents, &Words(max_tokens), &options).unwrap();
            let by_ends = segment(&documents, &Ends(Words(max_tokens)), &options).unwrap();
            prop_assert!(by_ends.passages.iter().all(|passage| passage.n_tokens as usize <= max_tokens));
            // In the middle of a word a run may begin elsewhere than the word's own.
            if text.split_whitespace().all(|word| word.len() <= 8) {
                prop_assert_eq!(by_ends.passages, by_measuring.passages);
            }
        }
    }

    #[test]
    fn a_part_that_ends_within_a_token_has_that_token() {
        // Words end before the full stop, and its token after it.
        let (documents, measure) = ([document("a a!")], Ends(Words(1)));
        let found = segment(&documents, &measure, &PassageOptions { min_chars: 1, ..Default::default() }).unwrap();
        let texts: Vec<&str> = found.passages.iter().map(|passage| passage.text(&documents)).collect();
        assert_eq!(texts, ["a", "a!"]);
        let lengths = Lengths::within("a a!", &(0..4), &measure);
        assert_eq!(
            [0..1, 0..2, 0..3, 0..4, 1..2, 2..3, 2..4].map(|part| lengths.n_tokens(part)),
            [1, 1, 2, 2, 0, 1, 1]
        );
    }

    #[test]
    fn a_paragraph_too_long_for_the_model_is_split_at_sentence_ends() {
        let found = cut("One two three. Four five six. Seven eight. Nine ten eleven twelve.", 1, 7);
        assert_eq!(found, ["One two three. Four five six.", "Seven eight. Nine ten eleven twelve."]);
        let documents = [document(&"word ".repeat(30))];
        let found = segment(&documents, &Words(7), &PassageOptions { min_chars: 1, ..Default::default() }).unwrap();
        assert!(found.passages.iter().all(|p| p.n_tokens <= 7));
        assert!(matches!(found.warnings[..], [Warning::DividedSentences { n_sentences: 1, max_tokens: 7, .. }]));
    }

    proptest! {
        #[test]
        fn spans_are_ordered_and_cover_the_text_but_for_space_and_bullets(
            text in "([a-zA-Z가-나一-三.!?]{1,12}|[ \n\t\u{2028}-]|\n\n|[0-9]\\. ){0,80}",
            kind in prop_oneof![Just(Segment::Paragraph), Just(Segment::Line), Just(Segment::Document)],
            max_tokens in 1usize..12,
        ) {
            let documents = [document(&text)];
            let options = PassageOptions { segment: kind, min_chars: 0 };
            let Ok(found) = segment(&documents, &Words(max_tokens), &options) else {
                prop_assert!(text.chars().all(|c| c.is_whitespace() || !c.is_alphabetic()));
                return Ok(());
            };
            let mut end = 0;
            for passage in &found.passages {
                prop_assert!(passage.span.start >= end && passage.span.end > passage.span.start);
                prop_assert!(passage.n_tokens as usize <= max_tokens);
                prop_assert!(!text[end..passage.span.start].contains(char::is_alphabetic));
                end = passage.span.end;
            }
            prop_assert!(!text[end..].contains(char::is_alphabetic));
        }
    }
}
