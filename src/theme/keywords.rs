//! Keywords by class-based TF-IDF (Grootendorst 2022, "BERTopic", equation 2): a term weighs its
//! share of the cluster's terms times ln(1 + A / f), where A is the mean number of terms in a
//! cluster and f how often the term stands in all of them. Terms are words ("Jae-myung" is one) and
//! two-word phrases.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;
use unicode_segmentation::UnicodeSegmentation;

/// A phrase holds together if it makes up at least this share of one word's uses in the cluster …
const PHRASE_SHARE: f64 = 0.5;
/// … and this share of the other's: "South Korea" does, the "Elected South" of a headline does not.
const OTHER_SHARE: f64 = 0.25;

static STOP_WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| stop_words::get(stop_words::Language::English).iter().copied().collect());

/// The terms of all clusters, counted.
pub(super) struct Keywords {
    clusters: Vec<Counts>,
    total: HashMap<String, usize>,
    mean_terms: f64,
}

#[derive(Default)]
struct Counts {
    /// By term in lower case: how often it stands, in how many passages, and how it is written.
    terms: BTreeMap<String, Term>,
    n_terms: usize,
    n_passages: usize,
}

#[derive(Default)]
struct Term {
    n: usize,
    n_passages: usize,
    forms: BTreeMap<String, usize>,
}

impl Keywords {
    /// Counts the terms of each cluster's passages, given by their indices into `texts`.
    pub fn of(clusters: &[Vec<usize>], texts: &[&str]) -> Self {
        use rayon::prelude::*;
        let clusters: Vec<Counts> =
            clusters.par_iter().map(|passages| Counts::of(passages.iter().map(|&i| texts[i]))).collect();
        let mut total: HashMap<String, usize> = HashMap::new();
        for (name, term) in clusters.iter().flat_map(|cluster| &cluster.terms) {
            *total.entry(name.clone()).or_default() += term.n;
        }
        let sum: usize = clusters.iter().map(|cluster| cluster.n_terms).sum();
        let mean_terms = sum as f64 / clusters.len().max(1) as f64;
        Self { clusters, total, mean_terms }
    }

    /// A cluster's keywords as they are mostly written, the strongest first; no word in two of them.
    pub fn of_cluster(&self, cluster: usize, most: usize) -> Vec<String> {
        let counts = &self.clusters[cluster];
        // A term of one passage says little about the cluster, unless its passages share no term.
        let needed = if counts.terms.values().any(|term| term.n_passages > 1) { 2 } else { 1 };
        let weight = |name: &str, term: &Term| {
            let share = term.n as f64 / counts.n_terms.max(1) as f64;
            share * (1.0 + self.mean_terms / self.total[name] as f64).ln()
        };
        let mut ranked: Vec<(f64, &str, &Term)> = counts
            .terms
            .iter()
            .filter(|(name, term)| term.n_passages >= needed && counts.holds_together(name, term))
            .map(|(name, term)| (weight(name, term), name.as_str(), term))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let mut chosen: Vec<(&str, &Term)> = Vec::new();
        for (_, name, term) in ranked {
            if chosen.len() == most {
                break;
            }
            // A word gives way to a phrase that it mostly stands in.
            let phrase = counts.phrase_of(name, term, needed);
            let (name, term) = phrase.unwrap_or((name, term));
            let is_new = name
                .split(' ')
                .all(|word| chosen.iter().all(|(other, _)| other.split(' ').all(|o| !same_stem(o, word))));
            if is_new {
                chosen.push((name, term));
            }
        }
        chosen.into_iter().map(|(name, term)| term.form(name)).collect()
    }
}

impl Counts {
    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut counts = Self::default();
        for text in texts {
            counts.n_passages += 1;
            let mut seen = HashSet::new();
            let mut previous: Option<(usize, &str)> = None;
            for (at, word) in compounds(text) {
                let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
                if !is_term(word) {
                    previous = None;
                    continue;
                }
                counts.count(word, &mut seen);
                if let Some((_, first)) = previous.filter(|(end, _)| &text[*end..at] == " ") {
                    counts.count(&format!("{first} {word}"), &mut seen);
                }
                previous = Some((at + word.len(), word));
            }
        }
        counts
    }

    /// Counts one use of a term, as it is written there.
    fn count(&mut self, form: &str, seen: &mut HashSet<String>) {
        let name = form.to_lowercase();
        let term = self.terms.entry(name.clone()).or_default();
        term.n += 1;
        self.n_terms += 1;
        term.n_passages += usize::from(seen.insert(name));
        *term.forms.entry(form.to_owned()).or_default() += 1;
    }

    /// Whether a phrase is more than two words that happen to meet; a single word always does.
    fn holds_together(&self, name: &str, phrase: &Term) -> bool {
        name.split_once(' ').is_none_or(|(a, b)| {
            let share = |word: &str| phrase.n as f64 / self.terms.get(word).map_or(1, |term| term.n) as f64;
            let (a, b) = (share(a), share(b));
            a.max(b) >= PHRASE_SHARE && a.min(b) >= OTHER_SHARE
        })
    }

    /// The most frequent phrase that holds `word` and makes up enough of its uses.
    fn phrase_of(&self, word: &str, term: &Term, needed: usize) -> Option<(&str, &Term)> {
        if word.contains(' ') {
            return None;
        }
        self.terms
            .iter()
            .filter(|(name, phrase)| {
                phrase.n as f64 >= PHRASE_SHARE * term.n as f64
                    && phrase.n_passages >= needed
                    && name.split_once(' ').is_some_and(|(a, b)| a == word || b == word)
                    && self.holds_together(name, phrase)
            })
            .max_by(|a, b| a.1.n.cmp(&b.1.n).then_with(|| b.0.cmp(a.0)))
            .map(|(name, term)| (name.as_str(), term))
    }
}

impl Term {
    /// The way it is mostly written; a word that begins sentences keeps its small letter otherwise.
    fn form(&self, name: &str) -> String {
        let best = self.forms.iter().max_by(|a, b| match a.1.cmp(b.1) {
            Ordering::Equal => (a.0 == name).cmp(&(b.0 == name)).then_with(|| b.0.cmp(a.0)),
            unequal => unequal,
        });
        best.map_or_else(|| name.to_owned(), |(form, _)| form.clone())
    }
}

/// A text's words, those joined by hyphens as one, each with its place.
fn compounds(text: &str) -> Vec<(usize, &str)> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    for (at, word) in text.unicode_word_indices() {
        match words.last_mut() {
            Some((start, last)) if &text[*start + last.len()..at] == "-" => *last = &text[*start..at + word.len()],
            _ => words.push((at, word)),
        }
    }
    words
}

fn is_term(word: &str) -> bool {
    let lower = word.to_lowercase().replace('’', "'");
    let is_short = word.chars().nth(1).is_none() && word.is_ascii();
    !is_short && word.contains(char::is_alphabetic) && !STOP_WORDS.contains(lower.as_str())
}

/// Whether two words are forms of one: equal up to a short ending.
fn same_stem(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    common == a.len().min(b.len()) && common >= 3 && a.len().abs_diff(b.len()) <= 3 || a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_take_the_place_of_their_words_and_keep_their_case() {
        let texts = [
            "North Korea and Kim",
            "North Korea's parades",
            "the parade of North Korea",
            "talks on trade",
            "trade talks",
        ];
        let keywords = Keywords::of(&[vec![0, 1, 2], vec![3, 4]], &texts);
        assert_eq!(keywords.of_cluster(0, 3)[0], "North Korea");
        assert!(!keywords.of_cluster(0, 9).iter().any(|k| k == "Korea" || k == "North"));
        assert_eq!(keywords.of_cluster(1, 3), ["talks", "trade"]);
    }

    #[test]
    fn words_that_only_meet_are_no_phrase() {
        let texts =
            ["Lee Elected South Korea President", "Lee Elected South Korea head", "South Korea and South Korea"];
        let keywords = Keywords::of(&[vec![0, 1, 2], vec![]], &texts).of_cluster(0, 9);
        assert!(
            keywords.contains(&"South Korea".to_owned()) && !keywords.contains(&"Elected South".to_owned()),
            "{keywords:?}"
        );
        let compounds: Vec<_> = compounds("K-pop by Jae-myung - once").into_iter().map(|(_, word)| word).collect();
        assert_eq!(compounds, ["K-pop", "by", "Jae-myung", "once"]);
    }

    #[test]
    fn stop_words_numbers_and_single_letters_are_no_terms() {
        assert!(["the", "isn’t", "2024", "a"].iter().all(|word| !is_term(word)));
        assert!(["NATO", "5G", "한국", "国"].iter().all(|word| is_term(word)));
    }
}
