//! What makes two texts the same text: Unicode form, case, white space, quotes and dashes do not
//! count; every letter, digit and other mark does.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// The text in NFKC and lower case, with straight quotes, one kind of dash, one space for each run
/// of white space and no invisible characters. Applying it twice changes nothing more.
#[must_use]
pub fn normalised(text: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| matches!(b, b'!'..=b'@' | b'['..=b'_' | b'a'..=b'~');
    let mut space = true;
    let is_normal = text.bytes().all(|b| {
        let fits = is_plain(b) || (b == b' ' && !space);
        space = b == b' ';
        fits
    });
    if is_normal && !space {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    // Marks are made plain before and after: NFKC takes some apart ("´" into a space and an accent) and
    // makes others, and an invisible character must not keep a letter and its accent apart.
    for c in text.chars().filter_map(plain).nfkc().flat_map(char::to_lowercase).nfkc().filter_map(plain) {
        if !c.is_whitespace() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    Cow::Owned(out)
}

/// One kind of quote of each sort, one kind of dash, nothing invisible.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{00b4}' | '`' => Some('\''),
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '«' | '»' => Some('"'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        // Soft hyphen, zero-width characters and marks of direction.
        '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn form_case_space_quotes_and_dashes_do_not_count() {
        assert_eq!(normalised(" “Ｎorth\u{a0}Korea”  –\n its\u{200b} ‘puppet’"), "\"north korea\" - its 'puppet'");
        assert_eq!(normalised("e\u{301}t\u{e9}"), "été");
        assert_eq!(normalised("it`s e\u{200b}\u{301} ´s"), "it's é 's");
        assert_ne!(normalised("in 2024"), normalised("in 2025"));
    }

    proptest! {
        #[test]
        fn twice_is_once(text: String) {
            let once = normalised(&text).into_owned();
            prop_assert_eq!(normalised(&once).into_owned(), once);
        }
    }
}
