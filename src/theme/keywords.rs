//! Keywords by class-based TF-IDF (Grootendorst 2022, "BERTopic: Neural topic modeling with a
//! class-based TF-IDF procedure", equation 2): a term weighs its share of the cluster's terms times
//! ln(1 + A / f), where A is the mean number of terms in a cluster and f how often the term stands in
//! all of them.
//!
//! A term counts once for each passage, so that one long passage is not the theme. Weighed are the
//! terms that at least two of a cluster's passages have, and only they count in f: the others are
//! most of all terms and would have to be kept for millions of passages.

use super::language::Language;
use super::terms::each_term;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Keywords of a theme at most.
const MAX_KEYWORDS: usize = 8;
/// Fewer keywords than this are filled up with terms that the theme shares with the others.
const MIN_KEYWORDS: usize = 3;
/// A phrase holds together if it makes up at least this share of one word's uses in the cluster …
const PHRASE_SHARE: f64 = 0.5;
/// … and this share of the other's: "South Korea" does, the "Elected South" of a headline does not.
const OTHER_SHARE: f64 = 0.25;
/// A term of one source marks out no theme of which the source has less than this share.
const MAIN_SOURCE: f64 = 0.5;

/// A passage as its terms are counted.
#[derive(Clone, Copy)]
pub(super) struct Passage<'a> {
    pub text: &'a str,
    pub language: &'static Language,
    pub source: u32,
}

/// A word or two-word phrase that marks a theme out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Keyword {
    /// What its forms have in common.
    pub key: String,
    /// How it is mostly written.
    pub form: String,
    /// Its class-based TF-IDF.
    pub weight: f64,
}

/// The terms of all clusters, counted.
pub(super) struct Keywords {
    clusters: Vec<Counts>,
    /// Passages that have a term, in the clusters where at least two have it.
    total: HashMap<String, u32>,
    mean_terms: f64,
    n_passages: u32,
}

#[derive(Clone, Default)]
struct Counts {
    terms: HashMap<String, Term>,
    /// Different terms of each passage, summed.
    n_terms: usize,
    n_passages: u32,
    /// Passages by source.
    of_source: HashMap<u32, u32>,
}

#[derive(Clone)]
struct Term {
    n_passages: u32,
    last_passage: u32,
    source: u32,
    has_other_sources: bool,
    forms: Vec<(String, u32)>,
}

impl Keywords {
    /// Counts the terms of each cluster's passages.
    pub fn of(clusters: &[Vec<Passage>]) -> Self {
        Self::of_counts(clusters.par_iter().map(|passages| Counts::of(passages)).collect())
    }

    fn of_counts(clusters: Vec<Counts>) -> Self {
        let mut total: HashMap<String, u32> = HashMap::new();
        for (key, term) in clusters.iter().flat_map(|cluster| &cluster.terms) {
            *total.entry(key.clone()).or_default() += term.n_passages;
        }
        let sum: usize = clusters.iter().map(|cluster| cluster.n_terms).sum();
        let mean_terms = sum as f64 / clusters.len().max(1) as f64;
        let n_passages = clusters.iter().map(|cluster| cluster.n_passages).sum();
        Self { clusters, total, mean_terms, n_passages }
    }

    /// The same passages in fewer clusters, each made of several. How rare a term is stays what it is among
    /// all clusters: among a few, words that stand everywhere would seem to mark one out.
    pub fn merged(&self, groups: &[Vec<u32>]) -> Self {
        let merge = |group: &Vec<u32>| {
            let mut all = Counts::default();
            group.iter().for_each(|&cluster| all.add(&self.clusters[cluster as usize]));
            all
        };
        Self { mean_terms: self.mean_terms, ..Self::of_counts(groups.par_iter().map(merge).collect()) }
    }

    /// A cluster's keywords, the strongest first; no word in two of them.
    pub fn of_cluster(&self, cluster: usize) -> Vec<Keyword> {
        let counts = &self.clusters[cluster];
        let mut ranked: Vec<(bool, f64, &str)> = counts
            .terms
            .iter()
            .filter(|(key, term)| counts.holds_together(key, term) && counts.is_of_theme(term))
            .map(|(key, _)| (self.marks_out(cluster, key), self.weight(cluster, key), key.as_str()))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(b.2)));
        let mut chosen: Vec<Keyword> = Vec::new();
        for (marks_out, weight, key) in ranked {
            if chosen.len() == MAX_KEYWORDS || !marks_out && chosen.len() >= MIN_KEYWORDS {
                break;
            }
            // A word gives way to a phrase that it mostly stands in.
            let key = counts.phrase_of(key).unwrap_or(key);
            if chosen.iter().all(|other| !share_a_word(&other.key, key)) {
                let form = counts.terms[key].form().to_owned();
                chosen.push(Keyword { key: key.to_owned(), form, weight });
            }
        }
        chosen
    }

    /// The share of a cluster's passages that have a term, 0 to 1.
    pub fn share(&self, cluster: usize, key: &str) -> f64 {
        let counts = &self.clusters[cluster];
        let n = counts.terms.get(key).map_or(0, |term| term.n_passages);
        f64::from(n) / f64::from(counts.n_passages.max(1))
    }

    fn weight(&self, cluster: usize, key: &str) -> f64 {
        let counts = &self.clusters[cluster];
        let share = f64::from(counts.terms[key].n_passages) / counts.n_terms.max(1) as f64;
        share * (1.0 + self.mean_terms / f64::from(self.total[key])).ln()
    }

    /// Whether a term is more frequent here than in all other clusters together.
    fn marks_out(&self, cluster: usize, key: &str) -> bool {
        let counts = &self.clusters[cluster];
        let elsewhere = f64::from(self.total[key] - counts.terms[key].n_passages);
        let others = f64::from((self.n_passages - counts.n_passages).max(1));
        self.share(cluster, key) > elsewhere / others
    }
}

impl Counts {
    fn of(passages: &[Passage]) -> Self {
        let mut counts = Self { n_passages: passages.len() as u32, ..Self::default() };
        for (i, passage) in (0..).zip(passages) {
            *counts.of_source.entry(passage.source).or_default() += 1;
            each_term(passage.text, passage.language, |key, form| counts.count(key, form, i, passage.source));
        }
        // A term of one passage says little about the cluster, unless its passages share no term.
        if counts.terms.values().any(|term| term.n_passages > 1) {
            counts.terms.retain(|_, term| term.n_passages > 1);
            counts.terms.shrink_to_fit();
        }
        counts
    }

    /// Adds the terms of other passages.
    fn add(&mut self, other: &Self) {
        self.n_terms += other.n_terms;
        self.n_passages += other.n_passages;
        other.of_source.iter().for_each(|(source, n)| *self.of_source.entry(*source).or_default() += n);
        for (key, more) in &other.terms {
            let Some(term) = self.terms.get_mut(key) else {
                self.terms.insert(key.clone(), more.clone());
                continue;
            };
            term.n_passages += more.n_passages;
            term.has_other_sources |= more.has_other_sources || term.source != more.source;
            more.forms.iter().for_each(|(form, n)| term.add_form(form, *n));
        }
    }

    /// Counts one use of a term, as it is written there.
    fn count(&mut self, key: &str, form: &str, passage: u32, source: u32) {
        if !self.terms.contains_key(key) {
            let term = Term { n_passages: 0, last_passage: u32::MAX, source, has_other_sources: false, forms: vec![] };
            self.terms.insert(key.to_owned(), term);
        }
        let Some(term) = self.terms.get_mut(key) else { return };
        if term.last_passage != passage {
            term.last_passage = passage;
            term.n_passages += 1;
            self.n_terms += 1;
        }
        term.has_other_sources |= term.source != source;
        term.add_form(form, 1);
    }

    /// Whether a term is more than a name that one of many sources has for itself.
    fn is_of_theme(&self, term: &Term) -> bool {
        let most = self.of_source.values().max().copied().unwrap_or(0);
        term.has_other_sources || f64::from(most) >= MAIN_SOURCE * f64::from(self.n_passages)
    }

    /// Whether a phrase is more than two words that happen to meet; a single word always does.
    fn holds_together(&self, key: &str, phrase: &Term) -> bool {
        key.split_once(' ').is_none_or(|(a, b)| {
            let uses = |word: &str| self.terms.get(word).map_or(1, |term| term.n_passages);
            let share = |word: &str| f64::from(phrase.n_passages) / f64::from(uses(word));
            let (a, b) = (share(a), share(b));
            a.max(b) >= PHRASE_SHARE && a.min(b) >= OTHER_SHARE
        })
    }

    /// The most frequent phrase that holds `word` and makes up enough of its uses.
    fn phrase_of(&self, word: &str) -> Option<&str> {
        let uses = f64::from(self.terms[word].n_passages);
        self.terms
            .iter()
            .filter(|(key, phrase)| {
                key.split_once(' ').is_some_and(|(a, b)| a == word || b == word)
                    && f64::from(phrase.n_passages) >= PHRASE_SHARE * uses
                    && self.holds_together(key, phrase)
                    && self.is_of_theme(phrase)
            })
            .max_by(|a, b| a.1.n_passages.cmp(&b.1.n_passages).then_with(|| b.0.cmp(a.0)))
            .map(|(key, _)| key.as_str())
    }
}

impl Term {
    fn add_form(&mut self, form: &str, n: u32) {
        match self.forms.iter_mut().find(|(known, _)| known == form) {
            Some((_, uses)) => *uses += n,
            None => self.forms.push((form.to_owned(), n)),
        }
    }

    /// The way it is mostly written. A word that begins sentences keeps its small letter otherwise, and
    /// one that is sometimes shouted its usual letters.
    fn form(&self) -> &str {
        let is_shouted =
            |form: &str| form.chars().filter(|c| c.is_uppercase()).count() > 4 && !form.contains(char::is_lowercase);
        let best = self.forms.iter().max_by(|(a, n), (b, m)| {
            let key = |form: &str, n: u32| (!is_shouted(form), n, !form.contains(char::is_uppercase));
            match key(a, *n).cmp(&key(b, *m)) {
                Ordering::Equal => b.cmp(a),
                unequal => unequal,
            }
        });
        best.map_or("", |(form, _)| form)
    }
}

/// Whether two terms have a word in common, or forms of one that the stems tell apart ("collect",
/// "collection").
fn share_a_word(a: &str, b: &str) -> bool {
    let words = |term: &str| term.split([' ', '-', '.', ':']).map(str::to_owned).collect::<Vec<_>>();
    let b = words(b);
    words(a).iter().any(|a| b.iter().any(|b| is_one_word(a, b)))
}

fn is_one_word(a: &str, b: &str) -> bool {
    let common = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let (shorter, longer) = {
        let (a, b) = (a.chars().count(), b.chars().count());
        (a.min(b), a.max(b))
    };
    a == b || common == shorter && common >= 4 && longer - shorter <= 3
}

#[cfg(test)]
mod tests {
    use super::super::language;
    use super::*;

    /// The keywords of clusters of texts; each text of its own source, or all of one.
    fn keywords(clusters: &[&[&'static str]], is_one_source: bool) -> Vec<Vec<String>> {
        let english = language::of_texts(&["What it is all about when they say so, and what we think of it."], &[0])[0];
        let mut source = 0;
        let mut passage = |text: &&'static str| {
            source += u32::from(!is_one_source);
            Passage { text, language: english, source }
        };
        let clusters: Vec<Vec<Passage>> =
            clusters.iter().map(|texts| texts.iter().map(&mut passage).collect()).collect();
        let counted = Keywords::of(&clusters);
        (0..clusters.len()).map(|c| counted.of_cluster(c).into_iter().map(|k| k.form).collect()).collect()
    }

    #[test]
    fn weights_are_those_of_the_formula() {
        let english = language::of_texts(&["What it is all about when they say so, and what we think of it."], &[0])[0];
        let passage = |text: &'static str| Passage { text, language: english, source: 0 };
        // Terms by passages: apple 2, pear 2, "apple pear" 2 in the first; apple 2, plum 2, "apple plum" 2 in the
        // second; a term twice in a passage counts once.
        let counted = Keywords::of(&[
            vec![passage("apple pear, pear"), passage("apple pear")],
            vec![passage("apple plum"), passage("apple plum")],
        ]);
        assert!((counted.weight(0, "pear") - 2.0 / 6.0 * (1.0 + 6.0 / 2.0_f64).ln()).abs() < 1e-12);
        assert!((counted.weight(0, "appl") - 2.0 / 6.0 * (1.0 + 6.0 / 4.0_f64).ln()).abs() < 1e-12);
    }

    #[test]
    fn merged_clusters_are_counted_as_one() {
        let english = language::of_texts(&["What it is all about when they say so, and what we think of it."], &[0])[0];
        let passages = |texts: &[&'static str], source: u32| -> Vec<Passage<'static>> {
            texts.iter().map(|text| Passage { text, language: english, source }).collect()
        };
        let (a, b) = (["apple pear", "apple pear"], ["Apple", "Apple plum", "plum"]);
        let merged = Keywords::of(&[passages(&a, 0), passages(&b, 1)]).merged(&[vec![1, 0]]);
        let together = Keywords::of(&[[passages(&b, 1), passages(&a, 0)].concat()]);
        let found = |counted: &Keywords| counted.of_cluster(0).into_iter().map(|k| (k.key, k.form)).collect::<Vec<_>>();
        assert_eq!(found(&merged), found(&together));
        assert!((merged.share(0, "appl") - 0.8).abs() < 1e-12);
    }

    #[test]
    fn phrases_take_the_place_of_their_words_and_keep_their_case() {
        let found = keywords(
            &[
                &["North Korea and Kim", "North Korea's parades", "the parade of North Korea"],
                &["talks on trade", "trade talks", "trade policies", "a policy for trade"],
            ],
            true,
        );
        assert_eq!(found[0], ["North Korea", "parade"]);
        assert_eq!(found[1], ["trade", "policies", "talks"]);
    }

    #[test]
    fn words_that_only_meet_are_no_phrase() {
        let texts: &[&str] =
            &["Lee Elected South Korea President", "Lee Elected South Korea head", "South Korea and South Korea"];
        let found = &keywords(&[texts, &[]], true)[0];
        assert!(found.contains(&"South Korea".to_owned()) && !found.contains(&"Elected South".to_owned()), "{found:?}");
    }

    #[test]
    fn forms_of_a_word_do_not_stand_in_a_row_and_are_shown_as_mostly_written() {
        let texts: &[&str] = &[
            "Cookies may track visitors",
            "tracking by cookies",
            "COOKIES TRACK A COOKIE",
            "the collection",
            "we collect",
        ];
        let found = &keywords(&[texts], true)[0];
        assert_eq!(*found, ["cookies", "track", "collect"]);
        assert!(
            is_one_word("collect", "collection") && !is_one_word("art", "article") && !is_one_word("north", "south")
        );
    }

    #[test]
    fn the_name_of_one_source_is_no_keyword_of_a_theme_of_many() {
        let shared = ["Acme returns policy", "returns of goods", "returns within days", "returns are free"];
        let of_one = |source: fn(usize) -> u32| {
            let english =
                language::of_texts(&["What it is all about when they say so, and what we think of it."], &[0])[0];
            let texts = shared.iter().chain(&["Acme pays"]).enumerate();
            let passages = texts.map(|(i, text)| Passage { text, language: english, source: source(i) }).collect();
            Keywords::of(&[passages]).of_cluster(0).into_iter().map(|k| k.form).collect::<Vec<_>>()
        };
        assert!(!of_one(|i| i as u32 % 4).contains(&"Acme".to_owned()));
        assert!(of_one(|_| 0).contains(&"Acme".to_owned()));
    }

    #[test]
    fn what_every_theme_has_marks_out_none_but_fills_up() {
        let found = keywords(
            &[
                &["agreement on wheat", "agreement of wheat", "wheat agreement"],
                &["agreement on steel", "agreement of steel", "steel agreement"],
                &["agreement on wine", "agreement of wine", "wine agreement"],
            ],
            true,
        );
        assert_eq!(found, [["wheat", "agreement"], ["steel", "agreement"], ["wine", "agreement"]]);
    }
}
