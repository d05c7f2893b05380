//! A cluster made readable: a label, keywords, exemplars, sources and cohesion.

mod keywords;

use crate::cluster::Clustering;
use crate::duplicate::ExactClasses;
use keywords::Keywords;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Keywords of a theme at most.
const MAX_KEYWORDS: usize = 8;
/// Keywords in a label.
const LABEL_KEYWORDS: usize = 3;
/// Exemplars of a theme at most.
const MAX_EXEMPLARS: usize = 3;

/// A cluster shown to a reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its cluster, by size.
    pub cluster_id: u32,
    /// A few keywords, different from every other theme's.
    pub label: String,
    /// Words and two-word phrases that mark it out, the strongest first.
    pub keywords: Vec<String>,
    /// Its passages.
    pub size: usize,
    /// Its passages of different text.
    pub n_distinct: usize,
    /// Passages by source, the most first.
    pub sources: Vec<(u32, usize)>,
    /// Mean cosine similarity of its passages to its centroid, −1 to 1.
    pub cohesion: f32,
    /// Its most central passages, of different texts and, where possible, different sources.
    pub exemplars: Vec<u32>,
}

/// Describes each cluster, in their order. `texts` and `source_of` are the passages'.
#[must_use]
pub fn describe(texts: &[&str], source_of: &[u32], classes: &ExactClasses, clustering: &Clustering) -> Vec<Theme> {
    let n_clusters = clustering.sizes.len();
    let mut distinct: Vec<Vec<usize>> = vec![vec![]; n_clusters];
    for &i in classes.representatives() {
        if let Some(cluster) = clustering.assignment[i] {
            distinct[cluster as usize].push(i);
        }
    }
    let mut all: Vec<Vec<usize>> = vec![vec![]; n_clusters];
    for (i, cluster) in clustering.assignment.iter().enumerate() {
        if let Some(cluster) = cluster {
            all[*cluster as usize].push(i);
        }
    }
    let keywords = Keywords::of(&distinct, texts);
    let mut used = Vec::new();
    (0..n_clusters)
        .map(|cluster| {
            let keywords = keywords.of_cluster(cluster, MAX_KEYWORDS);
            let members = &all[cluster];
            let mut by_source: BTreeMap<u32, usize> = BTreeMap::new();
            members.iter().for_each(|&i| *by_source.entry(source_of[i]).or_default() += 1);
            let mut sources: Vec<_> = by_source.into_iter().collect();
            sources.sort_by_key(|&(source, n)| (Reverse(n), source));
            let similarity: f64 = members.iter().map(|&i| f64::from(clustering.similarity[i])).sum();
            Theme {
                cluster_id: cluster as u32,
                label: label(&keywords, cluster, &mut used),
                keywords,
                size: members.len(),
                n_distinct: distinct[cluster].len(),
                sources,
                cohesion: (similarity / members.len().max(1) as f64) as f32,
                exemplars: exemplars(&distinct[cluster], &clustering.similarity, source_of),
            }
        })
        .collect()
}

/// The first keywords that no larger theme's label has; where there are too few, any.
fn label(keywords: &[String], cluster: usize, used: &mut Vec<String>) -> String {
    let (fresh, stale): (Vec<&String>, Vec<&String>) = keywords.iter().partition(|keyword| !used.contains(*keyword));
    let chosen: Vec<&String> = fresh.into_iter().chain(stale).take(LABEL_KEYWORDS).collect();
    used.extend(chosen.iter().map(|keyword| (*keyword).clone()));
    if chosen.is_empty() {
        return format!("theme {}", cluster + 1);
    }
    chosen.into_iter().map(String::as_str).collect::<Vec<_>>().join(" · ")
}

/// The most central first; then the most central of each source not yet shown; then any.
fn exemplars(distinct: &[usize], similarity: &[f32], source_of: &[u32]) -> Vec<u32> {
    let mut central = distinct.to_vec();
    central.sort_by(|&a, &b| similarity[b].total_cmp(&similarity[a]).then(a.cmp(&b)));
    let mut chosen: Vec<usize> = Vec::new();
    for any_source in [false, true] {
        for &i in &central {
            let is_new = chosen.iter().all(|&c| c != i && (any_source || source_of[c] != source_of[i]));
            if chosen.len() < MAX_EXEMPLARS && is_new {
                chosen.push(i);
            }
        }
    }
    chosen.into_iter().map(|i| i as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn themes_are_described_by_what_sets_them_apart() {
        let texts = [
            "The North Korea missile tests worry the summit",
            "Missile launch by North Korea before the summit",
            "Tariff talks with the summit partners on trade",
            "The tariff and trade deal of the summit",
            "The tariff and trade deal of the summit",
        ];
        let clustering = Clustering {
            centroids: Array2::zeros((2, 2)),
            assignment: vec![Some(1), Some(1), Some(0), Some(0), Some(0)],
            similarity: vec![0.9, 0.8, 0.6, 0.7, 0.7],
            sizes: vec![3, 2],
            inertia: 0.0,
            curve: vec![],
        };
        let themes = describe(&texts, &[0, 1, 0, 1, 1], &ExactClasses::of(&texts), &clustering);
        assert!(
            themes[0].keywords.iter().any(|k| k == "tariff") && themes[1].keywords.iter().any(|k| k == "North Korea"),
            "{themes:?}"
        );
        assert!(themes.iter().all(|t| t.keywords[0] != "summit"), "what all share is no theme's first keyword");
        assert_eq!((themes[0].size, themes[0].n_distinct, themes[0].sources.clone()), (3, 2, vec![(1, 2), (0, 1)]));
        assert!((themes[0].cohesion - 2.0 / 3.0).abs() < 1e-6);
        assert_eq!(themes[0].exemplars, [3, 2], "no copy beside its text");
        assert_ne!(themes[0].label, themes[1].label);
    }
}
