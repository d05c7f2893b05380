//! Clusters made readable: a label, keywords, exemplars, sources, cohesion and the nearest neighbour of
//! each; and where there are many, the broader themes that they are parts of.

mod exemplars;
mod keywords;
mod label;
mod language;
mod terms;

use crate::cluster::Clustering;
use crate::cluster::hierarchy::{cosines, parents};
use exemplars::exemplars;
use keywords::Keywords;
use language::Language;
use ndarray::ArrayView2;
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A word or two-word phrase that marks out a theme.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyword {
    /// As it is mostly written.
    pub term: String,
    /// The share of the theme's passages of different text that have it, in any of its forms, 0 to 1: one that most
    /// have says what the theme is about, one that few have what is in a part of it.
    pub share: f32,
}

/// A cluster shown to a reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its cluster, by size.
    pub cluster_id: u32,
    /// The broader theme it is a part of, if there are any.
    pub parent: Option<u32>,
    /// Its strongest keywords; different from every other theme's.
    pub label: String,
    /// Words and two-word phrases that mark it out, at most 8, the strongest first; up to two of the last are there because
    /// many of its passages have them. Of at most 16 different texts, those after the third first tell what has none yet.
    pub keywords: Vec<Keyword>,
    /// The share of its passages of different text that have any of the keywords, 0 to 1: what the others are about, the
    /// keywords do not say.
    pub keyword_coverage: f32,
    /// Its passages.
    pub size: usize,
    /// Its passages of different text.
    pub n_distinct: usize,
    /// Passages by source, the most first.
    pub sources: Vec<(u32, usize)>,
    /// Passages by language, the most first; as [`Themes::languages`] has it for each.
    pub languages: Vec<(Option<&'static str>, usize)>,
    /// How evenly its passages are spread over the sources, 0 to 1: the entropy of the sources as a share
    /// of the greatest that is possible, ln min(passages of the theme, sources of the corpus). 0: all
    /// from one source.
    pub spread: f32,
    /// Mean cosine similarity of its passages to its centroid, −1 to 1.
    pub cohesion: f32,
    /// The theme with the most similar centroid, and the cosine; none if it is the only one.
    pub nearest: Option<(u32, f32)>,
    /// Its most central passages that do not repeat each other, of different sources where possible.
    pub exemplars: Vec<u32>,
}

/// A broader theme: several themes that are near each other.
#[derive(Clone, Debug, PartialEq)]
pub struct BroaderTheme {
    /// Its number, by size.
    pub parent: u32,
    /// Its strongest keywords; different from every other broader theme's.
    pub label: String,
    /// Words and two-word phrases that mark it out, at most 8, the strongest first; up to two of the last are there because
    /// many of its passages have them.
    pub keywords: Vec<Keyword>,
    /// The share of its passages of different text that have any of the keywords, 0 to 1: what the others are about, the
    /// keywords do not say.
    pub keyword_coverage: f32,
    /// The themes in it, by number.
    pub themes: Vec<u32>,
    /// The passages in them.
    pub size: usize,
}

/// All themes, and the broader ones they are parts of; none of those if there are few themes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Themes {
    /// In the order of the clusters.
    pub themes: Vec<Theme>,
    /// By size.
    pub broader: Vec<BroaderTheme>,
    /// For each passage the ISO 639-1 code of its language, whose stop words its theme's keywords leave out;
    /// none where it is not known.
    pub languages: Vec<Option<&'static str>>,
}

/// Passages as themes are described from.
#[derive(Clone, Copy, Debug)]
pub struct ThemePassages<'a> {
    /// Their texts.
    pub texts: &'a [&'a str],
    /// `(n, dim)` unit rows.
    pub rows: ArrayView2<'a, f32>,
    /// Their documents, by number.
    pub document_of: &'a [u32],
    /// Their sources, by number.
    pub source_of: &'a [u32],
    /// One passage of each different text, by index.
    pub distinct: &'a [usize],
    /// For each passage its text's place in `distinct`.
    pub text_of: &'a [u32],
}

/// Describes each cluster, in their order.
#[must_use]
pub fn describe(passages: &ThemePassages, clustering: &Clustering) -> Themes {
    let n_clusters = clustering.sizes.len();
    let n_sources = passages.source_of.iter().max().map_or(0, |&most| most as usize + 1);
    let members = |of: &mut dyn Iterator<Item = usize>| {
        let mut members: Vec<Vec<usize>> = vec![vec![]; n_clusters];
        of.for_each(|i| clustering.assignment[i].into_iter().for_each(|c| members[c as usize].push(i)));
        members
    };
    let all = members(&mut (0..passages.texts.len()));
    let distinct = members(&mut passages.distinct.iter().copied());

    let languages = languages(passages);
    let texts = texts(passages, &distinct, &clustering.similarity, &languages);
    let counted = Keywords::of(&texts);
    let parent = parents(clustering.centroids.view(), &clustering.sizes);
    let children = children(parent.as_deref().unwrap_or_default());
    let merged = counted.merged(&children);
    let (keys, keys_of_parents) = (counted.keys(), merged.keys());
    let told = |cluster: usize| {
        let of_parent = parent.as_ref().map_or(&[][..], |parent| &keys_of_parents[parent[cluster] as usize]);
        keywords::n_told(&texts[cluster], [&keys[cluster], of_parent])
    };
    let told: Vec<[usize; 2]> = (0..n_clusters).into_par_iter().map(told).collect();
    let keywords = counted.shown(&keys);
    let labels = label::labels(&keywords);
    let broader = broader(children, merged.shown(&keys_of_parents), clustering, |cluster| {
        (told[cluster][1], distinct[cluster].len())
    });
    let nearest = nearest(clustering.centroids.view());
    let code = |i: usize| languages[passages.text_of[i] as usize].code();
    let themes = keywords
        .into_iter()
        .zip(labels)
        .enumerate()
        .map(|(cluster, (keywords, label))| {
            let members = &all[cluster];
            let sources = counted_by(members, |i| passages.source_of[i]);
            let similarity: f64 = members.iter().map(|&i| f64::from(clustering.similarity[i])).sum();
            Theme {
                cluster_id: cluster as u32,
                parent: parent.as_ref().map(|parent| parent[cluster]),
                label,
                keywords,
                keyword_coverage: share(told[cluster][0], distinct[cluster].len()),
                size: members.len(),
                n_distinct: distinct[cluster].len(),
                spread: spread(&sources, members.len(), n_sources),
                sources,
                languages: counted_by(members, code),
                cohesion: (similarity / members.len().max(1) as f64) as f32,
                nearest: nearest[cluster],
                exemplars: exemplars(&distinct[cluster], passages, &clustering.similarity),
            }
        })
        .collect();
    Themes { themes, broader, languages: (0..passages.texts.len()).map(code).collect() }
}

/// The clusters of each parent, of which each cluster has one.
fn children(parent: &[u32]) -> Vec<Vec<u32>> {
    let n_parents = parent.iter().max().map_or(0, |&most| most as usize + 1);
    let mut children: Vec<Vec<u32>> = vec![vec![]; n_parents];
    parent.iter().enumerate().for_each(|(cluster, &parent)| children[parent as usize].push(cluster as u32));
    children
}

/// Describes the parents. `told` says of how many of a cluster's texts they have a keyword, and how many it has.
fn broader(
    children: Vec<Vec<u32>>,
    keywords: Vec<Vec<Keyword>>,
    clustering: &Clustering,
    told: impl Fn(usize) -> (usize, usize),
) -> Vec<BroaderTheme> {
    let labels = label::labels(&keywords);
    let described = keywords.into_iter().zip(labels).zip(children).enumerate();
    described
        .map(|(parent, ((keywords, label), themes))| {
            let (n_told, n) =
                themes.iter().map(|&cluster| told(cluster as usize)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            BroaderTheme {
                parent: parent as u32,
                label,
                keywords,
                keyword_coverage: share(n_told, n),
                size: themes.iter().map(|&cluster| clustering.sizes[cluster as usize]).sum(),
                themes,
            }
        })
        .collect()
}

fn share(part: usize, of: usize) -> f32 {
    (part as f64 / of.max(1) as f64) as f32
}

/// The language of each different text.
fn languages(passages: &ThemePassages) -> Vec<&'static Language> {
    let texts: Vec<&str> = passages.distinct.iter().map(|&i| passages.texts[i]).collect();
    let document_of: Vec<u32> = passages.distinct.iter().map(|&i| passages.document_of[i]).collect();
    language::of_texts(&texts, &document_of)
}

/// Each cluster's passages of different text, the most central first.
fn texts<'a>(
    passages: &ThemePassages<'a>,
    distinct: &[Vec<usize>],
    similarity: &[f32],
    languages: &[&'static Language],
) -> Vec<Vec<keywords::Passage<'a>>> {
    // The most central passage of a cluster counts in full, the others evenly less down to hardly.
    let of_cluster = |members: &Vec<usize>| -> Vec<keywords::Passage> {
        let mut central = members.clone();
        central.sort_by(|&a, &b| similarity[b].total_cmp(&similarity[a]).then(a.cmp(&b)));
        let passage = |(rank, &i): (usize, &usize)| keywords::Passage {
            text: passages.texts[i],
            language: languages[passages.text_of[i] as usize],
            source: passages.source_of[i],
            weight: 1.0 - rank as f64 / central.len() as f64,
        };
        central.iter().enumerate().map(passage).collect()
    };
    distinct.iter().map(of_cluster).collect()
}

/// For each of the `(k, dim)` centroids the most similar other by cosine, the first of equals; none if
/// it is the only one.
fn nearest(centroids: ArrayView2<f32>) -> Vec<Option<(u32, f32)>> {
    let n = centroids.nrows();
    let cosines = cosines(centroids);
    let of_row = |i: usize| {
        let others = (0..n).filter(|&j| j != i).map(|j| (j as u32, cosines[[i, j]]));
        others.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    };
    (0..n).map(of_row).collect()
}

/// How many passages have each of what `of` says of them, the most first.
fn counted_by<T: Copy + Ord>(members: &[usize], of: impl Fn(usize) -> T) -> Vec<(T, usize)> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    members.iter().for_each(|&i| *counts.entry(of(i)).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(what, n)| (Reverse(n), what));
    counts
}

/// See [`Theme::spread`].
fn spread(sources: &[(u32, usize)], size: usize, n_sources: usize) -> f32 {
    let entropy: f64 = sources
        .iter()
        .map(|&(_, n)| {
            let share = n as f64 / size as f64;
            -share * share.ln()
        })
        .sum();
    let greatest = (size.min(n_sources) as f64).ln();
    if greatest > 0.0 { (entropy / greatest) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

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
            centroids: array![[0.0, 2.0], [0.8, 0.6]],
            assignment: vec![Some(1), Some(1), Some(0), Some(0), Some(0)],
            similarity: vec![0.9, 0.8, 0.6, 0.7, 0.7],
            sizes: vec![3, 2],
            inertia: 0.0,
            n_iterations: None,
            curve: vec![],
        };
        let rows = array![[1.0, 0.0], [0.6, 0.8], [0.6, 0.8], [0.0, 1.0], [0.0, 1.0]];
        let passages = ThemePassages {
            texts: &texts,
            rows: rows.view(),
            document_of: &[0; 5],
            source_of: &[0, 1, 0, 1, 1],
            distinct: &[0, 1, 2, 3],
            text_of: &[0, 1, 2, 3, 3],
        };
        let Themes { themes, broader, languages } = describe(&passages, &clustering);
        assert_eq!(languages, [Some("en"); 5]);
        assert!(broader.is_empty() && themes.iter().all(|theme| theme.parent.is_none()));
        assert!(
            themes[0].keywords.iter().any(|k| k.term == "tariff")
                && themes[1].keywords.iter().any(|k| k.term == "North Korea"),
            "{themes:?}"
        );
        assert!(themes.iter().all(|t| t.keywords[0].term != "summit"), "what all share is no theme's first keyword");
        assert_eq!((themes[0].size, themes[0].n_distinct, themes[0].sources.clone()), (3, 2, vec![(1, 2), (0, 1)]));
        assert_eq!(themes[0].languages, [(Some("en"), 3)]);
        assert!((themes[0].cohesion - 2.0 / 3.0).abs() < 1e-6);
        assert_eq!(themes[0].exemplars, [3, 2], "no copy beside its text");
        assert_eq!(themes[0].nearest.map(|(other, _)| other), Some(1));
        assert!((themes[0].nearest.unwrap().1 - 0.6).abs() < 1e-6);
        assert_ne!(themes[0].label, themes[1].label);
    }

    #[test]
    fn spread_is_the_share_of_the_greatest_entropy() {
        let close = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found}");
        close(spread(&[(0, 4)], 4, 9), 0.0);
        close(spread(&[(0, 2), (5, 2)], 4, 2), 1.0);
        close(spread(&[(0, 2), (5, 2)], 4, 9), 0.5);
        close(spread(&[(0, 3)], 3, 1), 0.0);
        close(spread(&[(0, 1), (1, 1), (2, 1)], 3, 100), 1.0);
    }
}
