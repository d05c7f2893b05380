//! Markdown (CommonMark, with the tables, footnotes and strikethrough of GitHub): the text without markup, a blank
//! line between blocks. Blocks are paragraphs, headings, list entries, table rows and code blocks, so code stands
//! apart from prose. Passages can be cut out of the file again, with the markup around them.

use super::{Extracted, Metadata, html, text};
use pulldown_cmark::{CowStr, Event, OffsetIter, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// The text of a file and the metadata at its beginning.
pub(super) fn extract(decoded: &str) -> Extracted {
    let source = text::with_line_feeds(decoded);
    let Markdown { text, metadata, .. } = Markdown::of(&source);
    Extracted { texts: vec![(text, metadata)], ..Extracted::default() }
}

/// The bytes of a file without what is cut from its text, as [`text::rewrite`] does it.
pub(super) fn rewrite(bytes: &[u8], decoded: &str, cuts: &[Range<usize>]) -> Vec<u8> {
    let source = text::with_line_feeds(decoded);
    let blocks = Markdown::of(&source);
    let spans: Vec<Range<usize>> = cuts.iter().flat_map(|cut| blocks.in_source(cut)).collect();
    text::rewrite(bytes, &text::cuts(&source, &merged(spans)))
}

/// Spans in order and without overlaps: entries of a list may stand within each other.
fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// A file's text, and where it stands in the file.
#[derive(Default)]
struct Markdown {
    text: String,
    blocks: Vec<Block>,
    metadata: Metadata,
}

/// A paragraph or the like.
struct Block {
    text: Range<usize>,
    /// With the markup around it.
    source: Range<usize>,
    runs: Vec<Run>,
}

/// A piece of text without markup in it.
struct Run {
    text: Range<usize>,
    source: Range<usize>,
}

impl Run {
    /// Where a byte of the text stands: exactly, unless the text is another than what stands there.
    fn in_source(&self, at: usize) -> usize {
        let is_verbatim = self.text.len() == self.source.len();
        if is_verbatim { self.source.start + (at - self.text.start) } else { self.source.start }
    }
}

impl Block {
    /// Where a part of the text stands; of the whole, with its markup.
    fn in_source(&self, part: &Range<usize>) -> Range<usize> {
        let begins = |run: &&Run| run.text.end > part.start;
        let ends = |run: &&Run| run.text.start < part.end;
        let start = self.runs.iter().find(begins).map(|run| run.in_source(part.start.max(run.text.start)));
        let end = self
            .runs
            .iter()
            .rev()
            .find(ends)
            .map(|run| if part.end >= run.text.end { run.source.end } else { run.in_source(part.end) });
        let start = start.filter(|_| part.start > self.text.start).unwrap_or(self.source.start);
        let end = end.filter(|_| part.end < self.text.end).unwrap_or(self.source.end);
        start..end.max(start)
    }
}

impl Markdown {
    fn of(source: &str) -> Self {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
            | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
        let mut reader = BlockReader { source, out: Self::default(), block: None, n_cells: 0, inside: Inside::Text };
        reader.read(Parser::new_ext(source, options).into_offset_iter());
        reader.out
    }

    /// Where what is cut from the text stands, block by block.
    fn in_source(&self, cut: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let touched = self.blocks.iter().filter(|block| block.text.start < cut.end && cut.start < block.text.end);
        touched.map(|block| block.in_source(&(cut.start.max(block.text.start)..cut.end.min(block.text.end))))
    }
}

/// What text that comes is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Text,
    /// What stands before the text of a file, as `name: value`.
    Metadata,
    /// A heading of the highest level.
    Title,
}

struct BlockReader<'s> {
    source: &'s str,
    out: Markdown,
    /// The block that is being read.
    block: Option<Block>,
    /// Cells of the table row so far.
    n_cells: usize,
    inside: Inside,
}

impl<'s> BlockReader<'s> {
    fn read(&mut self, events: OffsetIter<'s>) {
        let mut markup = String::new();
        for (event, span) in events {
            match event {
                Event::Start(tag) => self.start(&tag, span),
                Event::End(tag) => {
                    if tag == TagEnd::HtmlBlock {
                        self.push(&html::fragment_text(&std::mem::take(&mut markup)), span);
                    }
                    self.end(tag);
                }
                Event::Html(html) => markup.push_str(&html),
                Event::Text(text) if self.inside == Inside::Metadata => self.metadata(&text),
                Event::Text(text) | Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                    self.push(&text, span);
                }
                Event::SoftBreak => self.push(" ", span),
                Event::HardBreak => self.push("\n", span),
                Event::InlineHtml(tag) if is_line_break(&tag) => self.push("\n", span),
                Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => self.widen(&span),
                Event::Rule => self.close(),
            }
        }
        self.close();
    }

    fn start(&mut self, tag: &Tag, span: Range<usize>) {
        match tag {
            Tag::Paragraph | Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::TableHead | Tag::TableRow => self.open(span),
            Tag::Heading { level, .. } => {
                self.open(span);
                let is_title = *level == pulldown_cmark::HeadingLevel::H1 && self.out.metadata.title.is_none();
                self.inside = if is_title { Inside::Title } else { Inside::Text };
            }
            Tag::TableCell => {
                if self.n_cells > 0 {
                    self.push(" | ", span.start..span.start);
                }
                self.n_cells += 1;
            }
            Tag::MetadataBlock(_) => {
                self.close();
                self.inside = Inside::Metadata;
            }
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. } => {
                self.widen(&span);
            }
            _ => self.close(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::TableCell => {}
            _ => self.close(),
        }
    }

    fn open(&mut self, source: Range<usize>) {
        self.close();
        if !self.out.text.is_empty() {
            self.out.text.push_str("\n\n");
        }
        let end = self.out.text.len();
        self.block = Some(Block { text: end..end, source, runs: vec![] });
    }

    fn push(&mut self, text: &str, source: Range<usize>) {
        if self.block.is_none() {
            self.open(source.clone());
        }
        self.widen(&source);
        let start = self.out.text.len();
        let is_first = self.block.as_ref().is_some_and(|block| block.text.start == start);
        if is_first && text.trim().is_empty() {
            return;
        }
        self.out.text.push_str(text);
        let end = self.out.text.len();
        self.block.iter_mut().for_each(|block| block.runs.push(Run { text: start..end, source: source.clone() }));
    }

    /// The block reaches as far as this markup.
    fn widen(&mut self, markup: &Range<usize>) {
        if let Some(Block { source, .. }) = &mut self.block {
            *source = source.start.min(markup.start)..source.end.max(markup.end);
        }
    }

    /// Ends the block; one without words is none.
    fn close(&mut self) {
        let is_title = std::mem::replace(&mut self.inside, Inside::Text) == Inside::Title;
        self.n_cells = 0;
        let Some(mut block) = self.block.take() else { return };
        block.text.end = block.text.start + self.out.text[block.text.start..].trim_end().len();
        if self.out.text[block.text.clone()].trim().is_empty() {
            let before = self.out.blocks.last().map_or(0, |block| block.text.end);
            self.out.text.truncate(before);
            return;
        }
        self.out.text.truncate(block.text.end);
        if is_title {
            self.out.metadata.title = Some(self.out.text[block.text.clone()].trim().to_owned());
        }
        block.source.end = block.source.start + self.source[block.source.clone()].trim_end().len();
        self.out.blocks.push(block);
    }

    /// Lines of `name: value` or `name = value`; what is deeper in them is not looked at.
    fn metadata(&mut self, lines: &CowStr) {
        let metadata = &mut self.out.metadata;
        for line in lines.lines() {
            let Some((name, value)) = line.split_once([':', '=']) else { continue };
            let value = value.trim().trim_matches(['"', '\'']);
            let field = match name.trim_end().to_ascii_lowercase().as_str() {
                "title" => &mut metadata.title,
                "date" | "published" => &mut metadata.date,
                "author" => &mut metadata.author,
                "url" | "link" | "permalink" => &mut metadata.url,
                "lang" | "language" => &mut metadata.language,
                _ => continue,
            };
            *field = (!value.is_empty()).then(|| value.to_owned());
        }
    }
}

fn is_line_break(tag: &str) -> bool {
    let name = tag.trim_matches(['<', '>', '/', ' ']);
    name.eq_ignore_ascii_case("br")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(source: &str) -> (String, Metadata) {
        extract(source).texts.remove(0)
    }

    /// The file without the passage.
    fn without(source: &str, passage: &str) -> String {
        let (found, _) = read(source);
        let start = found.find(passage).unwrap();
        let cuts = text::cuts(&found, std::slice::from_ref(&(start..start + passage.len())));
        String::from_utf8(rewrite(source.as_bytes(), source, &cuts)).unwrap()
    }

    #[test]
    fn markup_goes_and_blocks_are_a_blank_line_apart() {
        let source = "---\ntitle: \"The title\"\ndate: 2024-05-01\n---\n# A *head*\n\nOne [link](https://a.example \"t\") and\n`code` &amp; \\*more\\*.\n\n\
            - first\n- [x] **second** entry\n  with a line\n\n  and a paragraph\n\n> quoted\n> text\n\n```rust\nlet a = 1;\n\nlet b = 2;\n```\n\n\
            | a | b |\n|---|---|\n| 1 | *2* |\n\n<div>in <b>HTML</b></div>\n\nLine one<br>two[^1]\n\nSetext\n======\n\n![alt text](x.png)\n\n----\n\n[^1]: A note.\n";
        let (text, metadata) = read(source);
        let expected = [
            "A head",
            "One link and code & *more*.",
            "first",
            "second entry with a line",
            "and a paragraph",
            "quoted text",
            "let a = 1;\n\nlet b = 2;",
            "a | b",
            "1 | 2",
            "in HTML",
            "Line one\ntwo",
            "Setext",
            "alt text",
            "A note.",
        ];
        assert_eq!(text, expected.join("\n\n"));
        assert_eq!((metadata.title.as_deref(), metadata.date.as_deref()), (Some("The title"), Some("2024-05-01")));
        assert_eq!(read("# The first\n\n# The second").1.title.as_deref(), Some("The first"));
    }

    #[test]
    fn a_passage_goes_with_its_markup() {
        let source = "# Head\n\n**One** [two](x).\n\n- first\n- *second* entry\n\n> quoted\n> text\n\nThe end.\n";
        assert_eq!(without(source, "Head"), source.replace("# Head\n\n", ""));
        assert_eq!(without(source, "One two."), source.replace("**One** [two](x).\n\n", ""));
        assert_eq!(without(source, "second entry"), source.replace("- *second* entry\n", ""));
        assert_eq!(without(source, "quoted text"), source.replace("> quoted\n> text\n\n", ""));
        assert_eq!(without("One. Two &amp; *three*. Four.\n", "Two & three."), "One. Four.\n");
        assert_eq!(without("A\r\n\r\nOne\r\nmore\r\n\r\nB\r\n", "One more"), "A\r\n\r\nB\r\n");
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_any_part_can_be_cut(source in "([a-z*_`#>|<&;\\[\\]()!~\\-+=:\"\\\\ \n]|é|\\[a\\]\\(b\\)|\n\n|- |```\n){0,60}", at: usize, length in 1usize..30) {
            let Markdown { text: found, blocks, .. } = Markdown::of(&source);
            for (i, block) in blocks.iter().enumerate() {
                prop_assert!(!found[block.text.clone()].trim().is_empty() && block.source.end <= source.len());
                prop_assert!(i == 0 || found[blocks[i - 1].text.end..block.text.start] == *"\n\n");
            }
            let places: Vec<usize> = found.char_indices().map(|(at, _)| at).chain([found.len()]).collect();
            let start = at % places.len();
            let cut = places[start]..places[(start + length).min(places.len() - 1)];
            if !cut.is_empty() {
                let left = rewrite(source.as_bytes(), &source, &[cut]);
                prop_assert!(left.len() <= source.len());
                prop_assert!(std::str::from_utf8(&left).is_ok());
            }
        }
    }
}
