//! Where in the longer text of an excerpt pair the shorter one stands.

use super::DuplicatePair;
use super::normal::normalised;
use super::shingle::for_each_run;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// The place of an excerpt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExcerptPlace {
    /// The passage that holds it: the pair's `a` or `b`.
    pub within: u32,
    /// First byte in that passage's text.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// Sets the place of every excerpt among `pairs` that has none yet.
pub(super) fn place_all(texts: &[&str], pairs: &mut [DuplicatePair]) {
    let is_due = |pair: &&mut DuplicatePair| pair.kind == super::Kind::Excerpt && pair.excerpt.is_none();
    pairs.par_iter_mut().filter(is_due).for_each(|pair| {
        let shingles = |i: u32| {
            let mut shingles = HashSet::new();
            for_each_run(&normalised(texts[i as usize]), |shingle, _| {
                shingles.insert(shingle);
            });
            shingles
        };
        let (of_a, of_b) = (shingles(pair.a), shingles(pair.b));
        let is_b_longer = of_b.len() >= of_a.len();
        let (within, shorter) = if is_b_longer { (pair.b, of_a) } else { (pair.a, of_b) };
        pair.excerpt = place_of(texts[within as usize], &shorter).map(|place| ExcerptPlace {
            within,
            start: place.start as u32,
            end: place.end as u32,
        });
    });
}

/// The shortest stretch of a text, in bytes, that has all those of the given shingles that the text
/// has; the first of equals. None if it has none.
fn place_of(text: &str, shingles: &HashSet<u64>) -> Option<Range<usize>> {
    let normal = normalised(text);
    let mut runs: Vec<(u64, Range<usize>)> = Vec::new();
    for_each_run(&normal, |shingle, run| {
        if shingles.contains(&shingle) {
            runs.push((shingle, run));
        }
    });
    let n_different = runs.iter().map(|run| run.0).collect::<HashSet<u64>>().len();
    let mut n_inside: HashMap<u64, usize> = HashMap::new();
    let (mut first, mut best) = (0, None::<Range<usize>>);
    for last in 0..runs.len() {
        *n_inside.entry(runs[last].0).or_default() += 1;
        // As many from the front go as stand again further on.
        while n_inside[&runs[first].0] > 1 {
            n_inside.entry(runs[first].0).and_modify(|n| *n -= 1);
            first += 1;
        }
        let stretch = runs[first].1.start..runs[last].1.end;
        if n_inside.len() == n_different && best.as_ref().is_none_or(|best| stretch.len() < best.len()) {
            best = Some(stretch);
        }
    }
    best.map(|stretch| in_original(text, &normal, stretch))
}

/// The bytes of `text` that became the bytes `stretch` of its normalised form: by user-perceived
/// characters or, where normalisation joins those, by words; at worst all.
fn in_original(text: &str, normal: &str, stretch: Range<usize>) -> Range<usize> {
    [text.graphemes(true).collect::<Vec<_>>(), text.split_inclusive(char::is_whitespace).collect()]
        .into_iter()
        .find_map(|pieces| by_pieces(&pieces, normal, &stretch))
        .unwrap_or(0..text.len())
}

/// The same by pieces that make up the text; none if their normalised forms do not make up `normal`.
fn by_pieces(pieces: &[&str], normal: &str, stretch: &Range<usize>) -> Option<Range<usize>> {
    let (mut rest, mut at, mut place) = (normal, 0, None::<Range<usize>>);
    for piece in pieces {
        let piece_end = at + piece.len();
        // White space at the end of a piece is one space of `normal`, or none at its end.
        let (word, space) = (normalised(piece), piece.ends_with(char::is_whitespace));
        let before = normal.len() - rest.len();
        rest = rest.strip_prefix(word.as_ref())?;
        let after = normal.len() - rest.len();
        if before < stretch.end && after > stretch.start {
            place = Some(place.map_or(at, |place| place.start)..at + piece.trim_end().len());
        }
        if space && after > 0 && normal.as_bytes()[after - 1] != b' ' {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
        at = piece_end;
    }
    place.filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shingles(text: &str) -> HashSet<u64> {
        let mut shingles = HashSet::new();
        for_each_run(&normalised(text), |shingle, _| {
            shingles.insert(shingle);
        });
        shingles
    }

    fn found<'a>(text: &'a str, excerpt: &str) -> &'a str {
        &text[place_of(text, &shingles(excerpt)).unwrap()]
    }

    #[test]
    fn the_place_is_in_the_text_as_it_was_written() {
        let text = "First,  “the two of them” came;\u{a0}then THE\nTWO of “The\u{ad}m” will join a\u{301} sum\u{200b}mit – now, or not at all";
        assert_eq!(
            found(text, "the two of them will join á summit"),
            "THE\nTWO of “The\u{ad}m” will join a\u{301} sum\u{200b}mit"
        );
        assert_eq!(found("東京は日本の首都であると言われている", "日本の首都である"), "日本の首都である");
        assert_eq!(found("ＡＢＣ ｄｅｆ ｇｈｉ ｊｋｌ ｍｎｏ", "def ghi jkl mno pqr"), "ｄｅｆ ｇｈｉ ｊｋｌ ｍｎｏ");
        // An accent that an invisible character keeps apart is put back by normalisation: by words, then.
        assert_eq!(
            found("one two cafe\u{200b}\u{301} four five six", "two café four five six"),
            "two cafe\u{200b}\u{301} four five six"
        );
        assert_eq!(place_of("one two three four five", &shingles("six seven eight nine ten")), None);
    }

    #[test]
    fn of_several_places_it_is_the_shortest_with_all_that_is_shared() {
        let text = "a b c x x a b c d e f x x d e f";
        assert_eq!(found(text, "a b c d e f"), "a b c d e f");
    }

    proptest! {
        #[test]
        fn a_piece_of_a_text_is_found(
            before in "([a-z]{1,3} ){0,20}", inside in "([a-z]{1,3} ){5,12}", after in "([a-z]{1,3} ){0,20}",
        ) {
            let text = format!("{before}{inside}{after}");
            let place = found(&text, &inside);
            prop_assert!(place.len() <= inside.trim_end().len());
            prop_assert!(shingles(&inside).is_subset(&shingles(place)));
        }

        #[test]
        fn a_place_is_within_any_text(before: String, inside: String, after: String) {
            let text = format!("{before}{inside}{after}");
            if let Some(place) = place_of(&text, &shingles(&inside)) {
                prop_assert!(place.start < place.end && text.get(place).is_some());
            }
        }
    }
}
