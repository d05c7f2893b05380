//! The passages that stand for a theme: central ones, of different sources where there are such, and
//! none that repeats another.

use super::ThemePassages;
use std::collections::HashSet;
use unicode_segmentation::UnicodeSegmentation;

/// Exemplars of a theme at most.
pub(super) const MAX_EXEMPLARS: usize = 3;
/// Two passages of at least this cosine similarity say the same.
const SAME_MEANING: f32 = 0.9;
/// So do two if the one with fewer different words has this share of them in common with the other.
const SAME_WORDS: f64 = 0.8;

/// The most central of a theme's passages of different text, `members`; then, within the more central
/// half, the most central of each source not yet shown; then any. Fewer than three if the rest
/// repeats those.
pub(super) fn exemplars(members: &[usize], passages: &ThemePassages, similarity: &[f32]) -> Vec<u32> {
    let ThemePassages { texts, rows, source_of, .. } = *passages;
    let mut central = members.to_vec();
    central.sort_by(|&a, &b| similarity[b].total_cmp(&similarity[a]).then(a.cmp(&b)));
    let half = central.len().div_ceil(2);
    let mut chosen: Vec<usize> = Vec::new();
    for (candidates, any_source) in [(&central[..half], false), (&central[..], true)] {
        for &i in candidates {
            if chosen.len() == MAX_EXEMPLARS {
                break;
            }
            let is_new = |&c: &usize| {
                (any_source || source_of[c] != source_of[i])
                    && crate::similarity::dot(rows.row(c), rows.row(i)) < SAME_MEANING
                    && shared_words(texts[c], texts[i]) < SAME_WORDS
            };
            if chosen.iter().all(is_new) {
                chosen.push(i);
            }
        }
    }
    chosen.into_iter().map(|i| i as u32).collect()
}

/// Words that two texts have in common as a share of the different words of the one with fewer, 0 to
/// 1; 0 if a text has none.
fn shared_words(a: &str, b: &str) -> f64 {
    let words = |text: &str| -> HashSet<String> { text.unicode_words().map(str::to_lowercase).collect() };
    let (a, b) = (words(a), words(b));
    let fewer = a.len().min(b.len());
    if fewer == 0 { 0.0 } else { a.intersection(&b).count() as f64 / fewer as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn central_passages_of_different_sources_that_do_not_repeat_each_other() {
        let texts = [
            "the cat sat on the mat",
            "the cat sat on the mat today",
            "dogs bark",
            "birds sing",
            "fish swim",
            "rain falls",
        ];
        let rows = array![[1.0_f32, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0], [0.1, 0.994_987], [-0.6, 0.8]];
        let similarity = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
        let found = |members: &[usize], sources: &[u32]| {
            let passages = ThemePassages {
                text_of: &[],
                texts: &texts,
                rows: rows.view(),
                document_of: &[0; 6],
                source_of: sources,
                distinct: members,
            };
            exemplars(members, &passages, &similarity)
        };
        assert_eq!(found(&[0, 1, 2, 3, 4, 5], &[0, 1, 0, 1, 0, 0]), [0, 2, 3], "1 has all the words of 0");
        assert_eq!(found(&[2, 3, 4, 5], &[0; 6]), [2, 3, 5], "4 has the meaning of 3");
        assert_eq!(
            found(&[2, 3, 4, 5], &[0, 0, 0, 0, 1, 2]),
            [2, 3, 5],
            "a passage from the edge is not preferred for its source"
        );
        assert_eq!(found(&[5, 4, 2, 3], &[0, 0, 1, 1, 0, 1]), [2, 3, 5]);
        assert_eq!(found(&[0, 2, 3, 5, 4], &[0, 0, 0, 1, 0, 0])[..2], [0, 3], "another source first");
        assert_eq!(found(&[0, 1], &[0, 1]), [0]);
        assert!(found(&[], &[]).is_empty());
    }
}
