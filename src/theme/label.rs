//! A theme's label: the keywords that tell it from the themes that are nearest to it.

use super::keywords::{Keyword, Keywords};
use std::collections::HashSet;

/// Keywords in a label.
const LABEL_KEYWORDS: usize = 3;
/// A keyword of fewer passages than this share of the most frequent one's comes last.
const COVERAGE: f64 = 1.0 / 3.0;

/// A label for each cluster, all different. `keywords` are the clusters' and `near` the nearest
/// others of each, with their cosines.
///
/// A keyword counts its weight times p / (p + q), where p is the share of the cluster's passages that
/// have it and q the largest such share among the clusters near by: half where a neighbour has it as
/// often, in full where none has it. What few of the passages have says little about the cluster, however
/// much it tells it apart, so keywords below [`COVERAGE`] come last.
pub(super) fn labels(counted: &Keywords, keywords: &[Vec<Keyword>], near: &[Vec<(u32, f32)>]) -> Vec<String> {
    let mut taken = HashSet::new();
    keywords
        .iter()
        .zip(near)
        .enumerate()
        .map(|(cluster, (keywords, near))| {
            let contrast = |keyword: &Keyword| {
                let own = counted.share(cluster, &keyword.key);
                let others =
                    near.iter().map(|&(other, _)| counted.share(other as usize, &keyword.key)).fold(0.0, f64::max);
                if own > 0.0 { keyword.weight * own / (own + others) } else { 0.0 }
            };
            let share = |keyword: &Keyword| counted.share(cluster, &keyword.key);
            let most = keywords.iter().map(share).fold(0.0, f64::max);
            let mut ranked: Vec<(bool, f64, &Keyword)> = keywords
                .iter()
                .map(|keyword| (share(keyword) >= COVERAGE * most, contrast(keyword), keyword))
                .collect();
            ranked.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
            let forms: Vec<&str> = ranked.into_iter().map(|(_, _, keyword)| keyword.form.as_str()).collect();
            label(&forms, cluster, &mut taken)
        })
        .collect()
}

/// The first keywords; where a label before has the same, as many more as tell them apart, and at last
/// the theme's number. Order and case tell nothing apart.
fn label(forms: &[&str], cluster: usize, taken: &mut HashSet<Vec<String>>) -> String {
    let mut is_new = |words: &[&str]| {
        let mut words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        words.sort_unstable();
        taken.insert(words)
    };
    let fewest = LABEL_KEYWORDS.min(forms.len());
    if let Some(n) = (fewest..=forms.len()).find(|&n| n > 0 && is_new(&forms[..n])) {
        return forms[..n].join(" · ");
    }
    let number = format!("theme {cluster}");
    let mut words = forms[..fewest].to_vec();
    words.push(&number);
    is_new(&words);
    words.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_differ_by_more_keywords_and_at_last_by_number() {
        let mut taken = HashSet::new();
        let mut label = |forms: &[&str], cluster| label(forms, cluster, &mut taken);
        assert_eq!(label(&["a", "b", "c", "d"], 0), "a · b · c");
        assert_eq!(label(&["B", "a", "c", "e"], 1), "B · a · c · e");
        assert_eq!(label(&["c", "b", "a"], 2), "c · b · a · theme 2");
        assert_eq!(label(&["a"], 3), "a");
        assert_eq!((label(&[], 4), label(&[], 5)), ("theme 4".into(), "theme 5".into()));
    }
}
