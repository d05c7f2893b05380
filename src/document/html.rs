//! HTML, pages and fragments: block elements apart from each other by a blank line, and the page's title,
//! address, date, author and language. Of a page it is the main text, without navigation, sidebars and
//! footers, as dom_smoothie (a port of Mozilla's Readability) finds it; or all that a reader sees.
//!
//! The tree is walked with a loop, not by recursion, so that a file of ten thousand nested tags
//! costs memory in proportion and no stack.

use super::{Extracted, Metadata};
use crate::Warning;
use dom_query::{Document, NodeRef};
use dom_smoothie::{Config, Readability};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// In pages nested more deeply or with more elements nothing is looked for: all of their text is taken.
const MAX_DEPTH_FOR_MAIN_TEXT: usize = 500;
const MAX_ELEMENTS_FOR_MAIN_TEXT: usize = 100_000;

/// Which text of a page counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HtmlText {
    /// The main text, or all where there is none.
    #[default]
    Main,
    /// All that a reader sees: navigation, sidebars and footers too.
    Full,
}

/// Elements whose content no reader sees as text.
const UNSEEN: [&str; 10] =
    ["script", "style", "noscript", "template", "head", "svg", "math", "iframe", "object", "select"];
/// Elements that stand in a line of text; all others begin and end a block.
const INLINE: [&str; 33] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u",
    "var",
];

pub(crate) fn extract(name: &str, decoded: &str, which: HtmlText) -> Extracted {
    let page = Document::from(decoded);
    let attribute = |selector: &str, name: &str| {
        let value = page.select_single(selector).attr(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let title = page.select_single("title").text();
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let metadata = Metadata {
        title: (!title.is_empty()).then_some(title),
        url: attribute("link[rel=canonical]", "href").or_else(|| attribute("meta[property='og:url']", "content")),
        date: attribute("meta[property='article:published_time']", "content")
            .or_else(|| attribute("time[datetime]", "datetime")),
        author: attribute("meta[name=author]", "content"),
        language: attribute("html", "lang"),
        ..Metadata::default()
    };
    let all = visible_text(&page.root());
    let main = if which == HtmlText::Main { main_text(page) } else { None };
    let n_outside = main.as_ref().map_or(0, |main| all.chars().count().saturating_sub(main.chars().count()));
    let outside = Warning::OutsideMainText { document: name.into(), n_pages: 1, n_characters: n_outside };
    let warnings = if n_outside > 0 { vec![outside] } else { vec![] };
    Extracted { texts: vec![(main.unwrap_or(all), metadata)], warnings }
}

/// The main text of a page; none if there is none, or the page is not like one.
fn main_text(page: Document) -> Option<String> {
    let (mut n_elements, mut deepest) = (0, 0);
    let mut at = page.root().first_child();
    let mut open: Vec<NodeRef> = Vec::new();
    loop {
        let Some(node) = at else {
            let Some(parent) = open.pop() else { break };
            at = parent.next_sibling();
            continue;
        };
        n_elements += usize::from(node.is_element());
        at = node.first_child();
        open.push(node);
        deepest = deepest.max(open.len());
    }
    if deepest > MAX_DEPTH_FOR_MAIN_TEXT || n_elements > MAX_ELEMENTS_FOR_MAIN_TEXT {
        return None;
    }
    // A page that the extractor does not survive is read whole.
    let parse = || Readability::with_document(page, None, Some(Config::default())).ok()?.parse().ok();
    let article = catch_unwind(AssertUnwindSafe(parse)).ok().flatten()?;
    Some(fragment_text(&article.content)).filter(|text| !text.is_empty())
}

/// The visible text of a page, without what is told about it.
pub(super) fn page_text(page: &str) -> String {
    visible_text(&Document::from(page).root())
}

/// Whether a string holds HTML markup rather than text with a stray `<`.
pub(crate) fn looks_like_html(text: &str) -> bool {
    ["</p>", "<p>", "<br", "</a>", "</div>", "</span>", "</li>", "</h"].iter().any(|tag| text.contains(tag))
}

/// The visible text of a fragment.
pub(crate) fn fragment_text(fragment: &str) -> String {
    visible_text(&Document::fragment(fragment).root())
}

fn visible_text(root: &NodeRef) -> String {
    let mut text = BlockText::default();
    let mut at = root.first_child();
    // The elements that are open, by whether they end a block.
    let mut open: Vec<(NodeRef, bool)> = Vec::new();
    loop {
        let Some(node) = at else {
            let Some((parent, is_block)) = open.pop() else { break };
            if is_block {
                text.end_block();
            }
            at = parent.next_sibling();
            continue;
        };
        if node.is_text() {
            text.push(&node.text());
        } else if node.is_element() {
            let name = node.node_name().unwrap_or_default();
            if name.as_ref() == "br" {
                text.end_line();
            } else if !UNSEEN.contains(&name.as_ref()) {
                let is_block = !INLINE.contains(&name.as_ref());
                if is_block {
                    text.end_block();
                }
                at = node.first_child();
                open.push((node, is_block));
                continue;
            }
        }
        at = node.next_sibling();
    }
    text.finish()
}

/// Text in which runs of white space are one space and blocks are a blank line apart.
#[derive(Default)]
pub(super) struct BlockText {
    text: String,
    space: bool,
}

impl BlockText {
    pub fn push(&mut self, more: &str) {
        for word in more.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end_matches(char::is_whitespace);
            if !bare.is_empty() {
                if self.space && !self.text.is_empty() && !self.text.ends_with('\n') {
                    self.text.push(' ');
                }
                self.space = false;
                self.text.push_str(bare);
            }
            self.space |= bare.len() < word.len();
        }
    }

    pub fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.space = false;
    }

    pub fn end_block(&mut self) {
        self.end_line();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    pub fn finish(self) -> String {
        let mut text = self.text;
        text.truncate(text.trim_end().len());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_stand_apart_and_inline_elements_do_not() {
        let page = "<html lang=ko><head><title> A  page </title><script>x</script></head>\
            <body><h1>Head</h1><p>One <b>bold</b><i>er</i>\n word.<br>Next line.</p><ul><li>a</li><li>b</li></ul></body></html>";
        let extracted = extract("a", page, HtmlText::Full);
        let (text, metadata) = &extracted.texts[0];
        assert_eq!(text, "Head\n\nOne bolder word.\nNext line.\n\na\n\nb");
        assert_eq!(metadata.title.as_deref(), Some("A page"));
        assert_eq!(metadata.language.as_deref(), Some("ko"));
    }

    #[test]
    fn the_main_text_of_a_page_is_told_from_what_stands_around_it() {
        let paragraph =
            |n: usize| format!("<p>Paragraph {n} has a sentence, and another clause, and then one more of them.</p>");
        let article: String = (0..9).map(paragraph).collect();
        let page = format!(
            "<html><body><nav><a href=/>Home</a> <a href=/news>News</a></nav><div class=sidebar><a href=/x>Most read</a></div>\
             <article><h1>Head</h1>{article}</article><footer>Imprint</footer></body></html>"
        );
        let main = extract("a", &page, HtmlText::Main);
        let text = &main.texts[0].0;
        assert!(text.contains("Paragraph 0") && text.contains("Paragraph 8") && text.contains("\n\n"), "{text}");
        assert!(!text.contains("News") && !text.contains("Most read") && !text.contains("Imprint"), "{text}");
        assert!(matches!(&main.warnings[..], [Warning::OutsideMainText { n_pages: 1, n_characters: 1.., .. }]));
        let full = extract("a", &page, HtmlText::Full);
        assert!(full.texts[0].0.contains("Most read") && full.warnings.is_empty());
        assert_eq!(extract("a", "<p>One", HtmlText::Main).texts[0].0, "One");
        let deep = format!("{}word{}", "<div>".repeat(20_000), "</div>".repeat(20_000));
        assert_eq!(extract("a", &deep, HtmlText::Main).texts[0].0, "word");
    }

    #[test]
    fn a_fragment_with_stray_end_tags_keeps_its_words() {
        assert_eq!(
            fragment_text("\nYoon </span>departed for Madrid</span></a> on Monday.</p>\n While"),
            "Yoon departed for Madrid on Monday.\n\nWhile"
        );
    }

    #[test]
    fn deep_nesting_does_not_use_the_stack() {
        let page = format!("{}word{}", "<div>".repeat(20_000), "</div>".repeat(20_000));
        assert_eq!(fragment_text(&page), "word");
    }
}
