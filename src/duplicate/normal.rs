//! What makes two texts the same text: Unicode form, case, white space, quotes and dashes do not
//! count; every letter, digit and other mark does.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// The text in NFKC, with case folded, straight quotes, one kind of dash, one space for each run of
/// white space, none at either end, and no invisible characters. Applying it twice changes nothing more.
#[must_use]
pub fn normalised(text: &str) -> Cow<'_, str> {
    if is_normal(text) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        // What the general way below does to ASCII, without its tables.
        return Cow::Owned(one_space(
            text.bytes().map(|b| if b == b'`' { '\'' } else { b.to_ascii_lowercase().into() }),
        ));
    }
    // Marks are made plain before and after: NFKC takes some apart ("´" into a space and an accent) and
    // makes others, and an invisible character must not keep a letter and its accent apart.
    let composed = text.chars().filter_map(plain).nfkc();
    // By way of upper case: "ß" and "SS", "ς" and "σ" are the same letters ("ẞ" is its own upper case).
    let folded = composed.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Cow::Owned(one_space(folded.nfkc().filter_map(plain)))
}

/// Whether an ASCII text is normal as it is.
fn is_normal(text: &str) -> bool {
    let is_plain = |b: u8| matches!(b, b'!'..=b'@' | b'['..=b'_' | b'a'..=b'~');
    let mut space = true;
    let fits = text.bytes().all(|b| {
        let fits = is_plain(b) || (b == b' ' && !space);
        space = b == b' ';
        fits
    });
    fits && !space
}

fn one_space(characters: impl Iterator<Item = char>) -> String {
    let mut out = String::with_capacity(characters.size_hint().0);
    for c in characters {
        if !c.is_whitespace() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// One kind of quote of each sort, one kind of dash, nothing invisible.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{02bc}' | '\u{00b4}' | '`' | '‹' | '›' => Some('\''),
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{301d}'..='\u{301f}' | '«' | '»' => Some('"'),
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
        assert_eq!(normalised("it`s e\u{200b}\u{301} ´s ‹a›"), "it's é 's 'a'");
        assert_eq!(normalised("STRASSE, ΟΔΟΣ"), normalised("Straße, οδος"));
        assert_eq!(normalised("STRAẞE"), normalised("Straße"));
        assert_ne!(normalised("in 2024"), normalised("in 2025"));
        assert_ne!(normalised("well-being"), normalised("wellbeing"));
    }

    #[test]
    fn every_character_is_normal_after_once() {
        for c in '\0'..=char::MAX {
            let once = normalised(&format!("a{c}b")).into_owned();
            assert_eq!(normalised(&once), once, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn twice_is_once(text: String) {
            let once = normalised(&text).into_owned();
            prop_assert_eq!(normalised(&once).into_owned(), once);
        }

        #[test]
        fn ascii_is_done_as_everything_else_is(text in "[\\x00-\\x7f]{0,40}") {
            // A last letter that is not ASCII takes the general way.
            let general = normalised(&format!("{text}é")).replace('é', "e");
            prop_assert_eq!(normalised(&format!("{text}e")).into_owned(), general);
        }
    }
}
