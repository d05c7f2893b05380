//! HTML, pages and fragments: the text a reader sees, block elements apart from each other by a
//! blank line, and the page's title, address, date and language. Navigation is kept: what a site
//! recycles under every article is what refrain looks for.
//!
//! The tree is walked with a loop, not by recursion, so that a file of ten thousand nested tags
//! costs memory in proportion and no stack.

use super::{Extracted, Metadata};
use dom_query::{Document, NodeRef};

/// Elements whose content no reader sees as text.
const UNSEEN: [&str; 10] =
    ["script", "style", "noscript", "template", "head", "svg", "math", "iframe", "object", "select"];
/// Elements that stand in a line of text; all others begin and end a block.
const INLINE: [&str; 33] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u",
    "var",
];

pub(crate) fn extract(decoded: &str) -> Extracted {
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
    Extracted { texts: vec![(visible_text(&page.root()), metadata)], ..Extracted::default() }
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
        let extracted = extract(page);
        let (text, metadata) = &extracted.texts[0];
        assert_eq!(text, "Head\n\nOne bolder word.\nNext line.\n\na\n\nb");
        assert_eq!(metadata.title.as_deref(), Some("A page"));
        assert_eq!(metadata.language.as_deref(), Some("ko"));
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
