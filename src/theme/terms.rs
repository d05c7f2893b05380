//! The terms of a passage: words, and phrases of two words that stand beside each other. Words that
//! say nothing by themselves (stop words, numbers, single letters) and addresses are none.
//!
//! Forms of a word are one term ("policy", "Policies"), whose key is what its forms have in common.
//! In scripts without spaces, two characters side by side are a term (bigrams do about as well as
//! words in Chinese retrieval: Nie, Gao, Zhang and Zhou 2000).

use super::language::Language;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Passes every use of a term in `text` to `each`: its key, words apart by a space, and how it is
/// written.
pub(super) fn each_term<'a>(text: &'a str, language: &Language, mut each: impl FnMut(&str, &'a str)) {
    let words = words(text);
    let mut previous: Option<(Range<usize>, String)> = None;
    let mut previous_character: Option<Range<usize>> = None;
    for (i, span) in words.iter().enumerate() {
        let word = &text[span.clone()];
        if is_single_character_word(word) {
            if let Some(before) = previous_character.filter(|before| before.end == span.start) {
                let pair = &text[before.start..span.end];
                if !language.is_stop_word(pair) {
                    each(pair, pair);
                }
            }
            previous_character = (!language.is_stop_word(word)).then(|| span.clone());
            previous = None;
            continue;
        }
        previous_character = None;
        let span = bare(text, span.clone(), language);
        let word = &text[span.clone()];
        let neighbours = [i.checked_sub(1), Some(i + 1)].map(|i| i.and_then(|i| words.get(i)));
        let is_shouted = neighbours.into_iter().flatten().any(|near| is_in_capitals(&text[near.clone()]));
        let Some(key) = key(word, language, is_shouted) else {
            previous = None;
            continue;
        };
        each(&key, word);
        if let Some((before, first)) = previous.filter(|(before, _)| &text[before.end..span.start] == " ") {
            each(&format!("{first} {key}"), &text[before.start..span.end]);
        }
        previous = Some((span, key));
    }
}

/// What the forms of a word have in common; none if it is no term. `is_shouted`: it stands beside a
/// word in capitals, so that its own capitals do not make it a name.
fn key(word: &str, language: &Language, is_shouted: bool) -> Option<String> {
    let is_short = word.chars().nth(1).is_none();
    if is_short || !word.contains(char::is_alphabetic) {
        return None;
    }
    let lower = word.to_lowercase().replace('’', "'");
    // "Do Not Track" is a name, "not responsible" what is said.
    let is_of_name = language.is_negation(&lower) && word != lower;
    if is_of_name || language.is_stop_word(&lower) || language.is_stop_word(&lower.replace('\'', "")) {
        // "US" and "WHO" are names where the words around them are in small letters.
        return (is_in_capitals(word) && !is_shouted).then_some(lower);
    }
    Some(language.stem(&lower))
}

fn is_in_capitals(word: &str) -> bool {
    word.chars().filter(|c| c.is_alphabetic()).take(2).count() == 2
        && !word.contains(char::is_lowercase)
        && word.contains(char::is_uppercase)
}

/// A word of a script that puts no spaces between words, which Unicode's rules cut into characters.
fn is_single_character_word(word: &str) -> bool {
    let mut characters = word.chars();
    let first = characters.next();
    characters.next().is_none() && first.is_some_and(|c| c >= '\u{2e80}' && c.is_alphabetic())
}

/// A word without what is joined to it by an apostrophe: a possessive ending or, in some languages, an
/// article before it.
fn bare(text: &str, span: Range<usize>, language: &Language) -> Range<usize> {
    let word = &text[span.clone()];
    if language.elides()
        && let Some((at, mark)) = word.char_indices().find(|(_, c)| matches!(c, '\'' | '’'))
        && at <= 5
        && at + mark.len_utf8() < word.len()
    {
        return span.start + at + mark.len_utf8()..span.end;
    }
    let short = ["'s", "’s", "'S", "’S"].iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
    span.start..span.start + short.len()
}

/// The places of a text's words outside of addresses; words joined by hyphens are one.
fn words(text: &str) -> Vec<Range<usize>> {
    let addresses = addresses(text);
    let mut addresses = addresses.iter().peekable();
    let mut words: Vec<Range<usize>> = Vec::new();
    for (at, word) in text.unicode_word_indices() {
        while addresses.next_if(|address| address.end <= at).is_some() {}
        if addresses.peek().is_some_and(|address| address.contains(&at)) {
            continue;
        }
        // Markup that Unicode takes for letters: "_emphasis_".
        let inner = word.trim_matches('_');
        if inner.is_empty() {
            continue;
        }
        let start = at + (word.len() - word.trim_start_matches('_').len());
        match words.last_mut() {
            Some(last) if &text[last.end..start] == "-" => last.end = start + inner.len(),
            _ => words.push(start..start + inner.len()),
        }
    }
    words
}

/// The places of web and mail addresses, of the targets of Markdown links, and of files written as text
/// (base64).
fn addresses(text: &str) -> Vec<Range<usize>> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | '"');
    let mut at = 0;
    text.split_inclusive(is_end)
        .map(|part| {
            at += part.len();
            at - part.len()..at
        })
        .filter(|span| {
            let part = text[span.clone()].trim_end_matches(is_end);
            part.contains("://")
                || part.starts_with("data:")
                || is_base64(part)
                || part.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."))
                || part.find('@').is_some_and(|at| at > 0 && part[at..].contains('.'))
                || text[..span.start].ends_with("](")
        })
        .collect()
}

/// Whether a run without spaces is too long and too mixed to be words.
fn is_base64(part: &str) -> bool {
    let is_of_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    part.len() >= 40
        && part.bytes().all(is_of_base64)
        && [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase]
            .iter()
            .all(|of| part.bytes().any(|b| of(&b)))
}

#[cfg(test)]
mod tests {
    use super::super::language;
    use super::*;
    use proptest::prelude::*;

    const ENGLISH: &str = "This is what we say about all of it when they ask us, and it is in English as well. ";

    fn found(text: &str) -> Vec<(String, String)> {
        let language = language::of_texts(&[ENGLISH, text], &[0, 0])[1];
        let mut found = Vec::new();
        each_term(text, language, |key, form| found.push((key.to_owned(), form.to_owned())));
        found
    }

    fn forms(text: &str) -> Vec<String> {
        found(text).into_iter().map(|(_, form)| form).collect()
    }

    #[test]
    fn words_and_phrases_without_stop_words_numbers_and_letters() {
        assert_eq!(forms("the North Korea’s 2024 plan B"), ["North", "Korea", "North Korea", "plan"]);
        assert_eq!(forms("K-pop by Jae-myung - once isn’t 5G"), ["K-pop", "Jae-myung", "5G"]);
        assert_eq!(forms("_Privacy_ **policy**"), ["Privacy", "policy"]);
    }

    #[test]
    fn forms_of_a_word_have_one_key() {
        let keys: Vec<String> = found("Policies, the policy; our POLICY").into_iter().map(|(key, _)| key).collect();
        assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[test]
    fn a_name_in_capitals_is_no_stop_word_and_shouting_is() {
        assert_eq!(forms("cookies for us from the US and the WHO"), ["cookies", "US", "WHO"]);
        assert_eq!(forms("WARRANTY AS IS TO US"), ["WARRANTY"]);
    }

    #[test]
    fn addresses_are_no_terms() {
        assert_eq!(
            forms("our [privacy](/legal/policy) at https://a.example/terms, www.b.example or me@c.example"),
            ["privacy"]
        );
        assert_eq!(forms("Booking.com"), ["Booking.com"]);
        let image = "iVBORw0KGgoAAAANSUhEUgAAACgAAAAoCAYAAACM+rOWAAA=";
        assert_eq!(forms(&format!("![logo](data:image/png;base64,{image}) and {image}")), ["logo"]);
        assert_eq!(forms("Donaudampfschifffahrtsgesellschaftskapitaen").len(), 1);
    }

    #[test]
    fn scripts_without_spaces_give_pairs_of_characters_and_korean_words() {
        assert_eq!(forms("隐私政策"), ["隐私", "私政", "政策"]);
        assert_eq!(forms("개인정보 처리방침"), ["개인정보", "처리방침", "개인정보 처리방침"]);
        let french = language::of_texts(
            &[
                "Nous traitons vos données à caractère personnel avec votre consentement, que vous pouvez retirer à tout moment.",
            ],
            &[0],
        )[0];
        let mut terms = Vec::new();
        each_term("l’article de l'utilisateur", french, |_, form| terms.push(form));
        assert_eq!(terms, ["article", "utilisateur"]);
    }

    proptest! {
        #[test]
        fn every_form_is_a_part_of_the_text(text in "([a-zA-Z'’_@.:/\\[\\]()-]{0,6}|[ ]|隐|한국|é|\\PC){0,30}") {
            for (_, form) in found(&text) {
                prop_assert!(text.contains(&form) && !form.trim().is_empty());
            }
        }
    }
}
