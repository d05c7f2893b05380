//! Where in the longer text of an excerpt pair the shorter one stands: in one stretch, or it is no excerpt.
//! Runs of two words meet by chance all over a long text; next to each other they do not.

use super::lexical::{self, LexicalPair};
use super::normal::normalised;
use super::shingle::{Shared, ShingleSets, for_each_run};
use super::{DuplicateOptions, DuplicatePair, Kind};
use rayon::prelude::*;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// A stretch has at most this many runs for each of the excerpt's: words may have been put in between.
const RUNS_PER_RUN: f32 = 1.5;

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

/// Leaves those excerpts among `pairs` that stand in one stretch of the longer text. Others are near copies
/// if enough is shared, else no pairs. `texts` are those of the sets.
pub(super) fn in_one_stretch<'a>(
    pairs: Vec<LexicalPair>,
    sets: &ShingleSets,
    text: impl Fn(u32) -> &'a str + Sync,
    options: &DuplicateOptions,
) -> Vec<LexicalPair> {
    let (excerpts, mut pairs): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|pair| pair.kind == Kind::Excerpt);
    let size = |i: u32| sets.set(i as usize).len();
    let excerpts = excerpts.into_iter().map(|pair| Held::new(pair.a, pair.b, size, pair)).collect();
    let runs = |longer: u32| Runs::of(&normalised(text(longer)));
    pairs.extend(in_longer(excerpts, runs, |runs, held: &Held<LexicalPair>| {
        let shorter: Vec<u64> = sets.hashes(held.shorter as usize).collect();
        let n_held = runs.stretch_of(&shorter).map_or(0, |stretch| stretch.n_held);
        let containment = Shared::of(n_held, shorter.len(), shorter.len()).containment;
        if containment >= options.min_containment {
            return Some(held.of);
        }
        let is_near = sets.shared(held.longer as usize, held.shorter as usize).jaccard >= options.min_jaccard;
        is_near.then_some(LexicalPair { kind: Kind::Near, ..held.of })
    }));
    pairs.par_sort_unstable();
    pairs
}

/// Those among pairs of texts, by index with `a < b`, that are alike by their words, by `(a, b)`: what the join of
/// all texts would find of them.
pub(super) fn alike_by_words<'a>(
    pairs: &[(u32, u32)],
    sets: &ShingleSets,
    text: impl Fn(u32) -> &'a str + Sync,
    options: &DuplicateOptions,
) -> Vec<LexicalPair> {
    let by_sets = pairs.par_iter().filter_map(|&(a, b)| lexical::compared(sets, a, b, options)).collect();
    in_one_stretch(by_sets, sets, text, options)
}

/// Sets the place of every excerpt among `pairs` that has none yet.
pub(super) fn place_all(texts: &[&str], pairs: &mut [DuplicatePair]) {
    let is_due = |&i: &usize| pairs[i].kind == Kind::Excerpt && pairs[i].excerpt.is_none();
    let due: Vec<usize> = (0..pairs.len()).filter(is_due).collect();
    let mut involved: Vec<u32> = due.iter().flat_map(|&i| [pairs[i].a, pairs[i].b]).collect();
    involved.par_sort_unstable();
    involved.dedup();
    let shingles = |i: u32| shingles_of(&normalised(texts[i as usize]));
    let sizes: Vec<usize> = involved.par_iter().map(|&i| shingles(i).len()).collect();
    let size = |i: u32| involved.binary_search(&i).map_or(0, |at| sizes[at]);
    let due = due.into_iter().map(|i| Held::new(pairs[i].a, pairs[i].b, size, i)).collect();
    let longer = |i: u32| {
        let normal = normalised(texts[i as usize]);
        (Runs::of(&normal), Origin::of(texts[i as usize], &normal))
    };
    let placed = in_longer(due, longer, |(runs, origin), held| {
        let stretch = runs.stretch_of(&shingles(held.shorter))?;
        let Range { start, end } = origin.of_stretch(&stretch.bytes);
        Some((held.of, ExcerptPlace { within: held.longer, start: start as u32, end: end as u32 }))
    });
    placed.into_iter().for_each(|(i, place)| pairs[i].excerpt = Some(place));
}

/// A text that may stand in a longer one.
struct Held<T> {
    longer: u32,
    shorter: u32,
    /// What it is known by.
    of: T,
}

impl<T> Held<T> {
    /// Of two texts, the one with more shingles is the longer one, the later of equals.
    fn new(a: u32, b: u32, size: impl Fn(u32) -> usize, of: T) -> Self {
        let (longer, shorter) = if size(b) >= size(a) { (b, a) } else { (a, b) };
        Self { longer, shorter, of }
    }
}

/// Looks for texts in their longer ones; what is made of a longer one is made once, however many stand in it.
fn in_longer<T: Send + Sync, L, R: Send>(
    mut all: Vec<Held<T>>,
    make: impl Fn(u32) -> L + Sync,
    look: impl Fn(&L, &Held<T>) -> Option<R> + Sync,
) -> Vec<R> {
    all.par_sort_by_key(|held| held.longer);
    let look_in_one = |all: &[Held<T>]| {
        let longer = make(all[0].longer);
        all.iter().filter_map(|held| look(&longer, held)).collect::<Vec<R>>()
    };
    all.par_chunk_by(|x, y| x.longer == y.longer).flat_map_iter(look_in_one).collect()
}

/// The different shingles of a normalised text.
fn shingles_of(normal: &str) -> Vec<u64> {
    let mut shingles = Vec::new();
    for_each_run(normal, |shingle, _| shingles.push(shingle));
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// The runs of a normalised text.
struct Runs {
    bytes: Vec<Range<usize>>,
    /// Shingles with the numbers of their runs, in order.
    by_shingle: Vec<(u64, u32)>,
}

/// A piece of a normalised text, from the first to the last of some runs.
struct Stretch {
    bytes: Range<usize>,
    /// How many of the shingles that were looked for stand in it.
    n_held: usize,
}

impl Runs {
    fn of(normal: &str) -> Self {
        let mut runs = Self { bytes: vec![], by_shingle: vec![] };
        for_each_run(normal, |shingle, bytes| {
            runs.by_shingle.push((shingle, runs.bytes.len() as u32));
            runs.bytes.push(bytes);
        });
        runs.by_shingle.sort_unstable();
        runs
    }

    /// Of the stretches that are short enough the one with most of these different shingles, of those the
    /// shortest, of those the first. None if there is none of them.
    fn stretch_of(&self, shingles: &[u64]) -> Option<Stretch> {
        let most_runs = (shingles.len() as f32 * RUNS_PER_RUN).ceil() as u32;
        let mut met: Vec<(u32, usize)> = Vec::new();
        for (which, &shingle) in shingles.iter().enumerate() {
            let first = self.by_shingle.partition_point(|run| run.0 < shingle);
            let same = self.by_shingle[first..].iter().take_while(|run| run.0 == shingle);
            met.extend(same.map(|&(_, run)| (run, which)));
        }
        met.sort_unstable();
        let mut times_inside = vec![0_u32; shingles.len()];
        let (mut first, mut n_held, mut best) = (0, 0, None::<Stretch>);
        for &(last_run, which) in &met {
            times_inside[which] += 1;
            n_held += usize::from(times_inside[which] == 1);
            // From the front goes what is too far away, and what stands again further on.
            while last_run - met[first].0 >= most_runs || times_inside[met[first].1] > 1 {
                let times = &mut times_inside[met[first].1];
                *times -= 1;
                n_held -= usize::from(*times == 0);
                first += 1;
            }
            let bytes = self.bytes[met[first].0 as usize].start..self.bytes[last_run as usize].end;
            let is_better = |best: &Stretch| (n_held, best.bytes.len()) > (best.n_held, bytes.len());
            if best.as_ref().is_none_or(is_better) {
                best = Some(Stretch { bytes, n_held });
            }
        }
        best
    }
}

/// Where the bytes of a normalised text come from.
struct Origin {
    pieces: Vec<Piece>,
    /// Of the text as it was written.
    len: usize,
}

/// Bytes of a text as it was written, and what normalisation made of them.
struct Piece {
    original: Range<usize>,
    normal: Range<usize>,
}

impl Origin {
    /// By user-perceived characters or, where normalisation joins those, by words; at worst nothing is known.
    fn of(text: &str, normal: &str) -> Self {
        let pieces = [text.graphemes(true).collect::<Vec<_>>(), text.split_inclusive(char::is_whitespace).collect()]
            .into_iter()
            .find_map(|pieces| by_pieces(&pieces, normal));
        Self { pieces: pieces.unwrap_or_default(), len: text.len() }
    }

    /// The bytes that became these bytes of the normalised text; all, where nothing is known.
    fn of_stretch(&self, normal: &Range<usize>) -> Range<usize> {
        let first = self.pieces.partition_point(|piece| piece.normal.end <= normal.start);
        let after = self.pieces.partition_point(|piece| piece.normal.start < normal.end);
        match self.pieces.get(first..after) {
            Some([first, .., last]) => first.original.start..last.original.end,
            Some([piece]) => piece.original.clone(),
            _ => 0..self.len,
        }
    }
}

/// The pieces that make up a text, those that normalisation left something of; none if their normalised
/// forms do not make up `normal`.
fn by_pieces(pieces: &[&str], normal: &str) -> Option<Vec<Piece>> {
    let (mut rest, mut at, mut found) = (normal, 0, Vec::new());
    for piece in pieces {
        // White space at the end of a piece is one space of `normal`, or none at its end.
        let (word, space) = (normalised(piece), piece.ends_with(char::is_whitespace));
        let before = normal.len() - rest.len();
        rest = rest.strip_prefix(word.as_ref())?;
        let after = normal.len() - rest.len();
        if after > before {
            found.push(Piece { original: at..at + piece.trim_end().len(), normal: before..after });
        }
        if space && after > 0 && normal.as_bytes()[after - 1] != b' ' {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
        at += piece.len();
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place_of(text: &str, excerpt: &str) -> Option<Range<usize>> {
        let normal = normalised(text);
        let stretch = Runs::of(&normal).stretch_of(&shingles_of(&normalised(excerpt)))?;
        Some(Origin::of(text, &normal).of_stretch(&stretch.bytes))
    }

    fn found<'a>(text: &'a str, excerpt: &str) -> &'a str {
        &text[place_of(text, excerpt).unwrap()]
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
        assert_eq!(place_of("one two three four five", "six seven eight nine ten"), None);
    }

    #[test]
    fn of_several_places_it_is_the_shortest_with_most_that_is_shared() {
        let text = "a b c x x a b c d e f x x d e f";
        assert_eq!(found(text, "a b c d e f"), "a b c d e f");
        assert_eq!(found("a b c d x x x x x x x x x x d e f g h", "a b c d e f g h"), "d e f g h");
        assert_eq!(found("x a b c new d e f x", "a b c d e f"), "a b c new d e f");
        assert_eq!(found("c c c a a", "c c c a a"), "c c a a");
    }

    #[test]
    fn what_is_put_together_from_far_apart_is_no_excerpt() {
        let excerpt = "one two three four five six seven eight nine ten";
        let between = (0..40).map(|i| format!("w{i}")).collect::<Vec<_>>().join(" ");
        let texts = [
            excerpt.to_owned(),
            format!("{between}{excerpt} and {between}"),
            format!("one two three four five six {between} six seven eight nine ten"),
            "one two three four five six u v w x y z six seven eight nine ten".to_owned(),
        ];
        let sets = ShingleSets::of_all(texts.iter().map(String::as_str));
        let options = DuplicateOptions { min_containment: 0.8, min_jaccard: 0.45, ..Default::default() };
        let by_sets: Vec<_> = (1..4).map(|b| LexicalPair { a: 0, b, kind: Kind::Excerpt }).collect();
        let found = in_one_stretch(by_sets, &sets, |i| &texts[i as usize], &options);
        let kinds: Vec<_> = found.iter().map(|pair| (pair.b, pair.kind)).collect();
        // The last shares nearly all it has, in two pieces: an edited copy.
        assert_eq!(kinds, [(1, Kind::Excerpt), (3, Kind::Near)]);
    }

    proptest! {
        #[test]
        fn a_piece_of_a_text_is_found(
            before in "([a-z]{1,3} ){0,20}", inside in "([a-z]{1,3} ){5,12}", after in "([a-z]{1,3} ){0,20}",
        ) {
            let text = format!("{before}{inside}{after}");
            let place = place_of(&text, &inside).unwrap();
            prop_assert!(place.len() <= inside.trim_end().len());
            // Those of the text's runs that stand there, as a place of few words would be cut otherwise by itself.
            let mut held = Vec::new();
            for_each_run(&normalised(&text), |shingle, run| {
                held.extend((place.start <= run.start && run.end <= place.end).then_some(shingle));
            });
            prop_assert!(shingles_of(&normalised(&inside)).iter().all(|shingle| held.contains(shingle)));
        }

        #[test]
        fn a_place_is_within_any_text(before: String, inside: String, after: String) {
            let text = format!("{before}{inside}{after}");
            if let Some(place) = place_of(&text, &inside) {
                prop_assert!(place.start < place.end && text.get(place).is_some());
            }
        }
    }
}
