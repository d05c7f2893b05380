//! Keywords: the terms by which a theme's passages differ most from those of all other themes. A term
//! that the share p of the theme's passages has, and the share q of the others, weighs p ln(p / m) with
//! m = αp + (1 − α)q: its part in the skew divergence of the one from the other (Lee 1999, "Measures of
//! distributional similarity"). So a keyword is in many of the passages and rare elsewhere; the α keeps
//! what is rare everywhere from outweighing what the theme is about.
//!
//! The last places are for what many of the passages have, however many others have it too: with a share
//! beside each keyword a reader is to tell what all of the theme is about from what is only in a part.
//!
//! A term counts once for each passage, so that one long passage is not the theme, and the more the
//! nearer the passage is to the theme's centre. Counted are the terms that at least two of a
//! theme's passages have: the others are most of all terms and would have to be kept for millions of
//! passages. Only a theme of few passages keeps them: there each passage is told by some keyword, as far as there is room.

use super::Keyword;
use super::language::{Language, is_negation};
use super::terms::each_term;
use rayon::prelude::*;
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

/// Keywords of a theme at most.
const MAX_KEYWORDS: usize = 8;
/// So many of them may be there because many passages have them …
const MAX_COMMON: usize = 2;
/// … which is at least this share of the theme's, and more than of the others.
const COMMON_SHARE: f64 = 1.0 / 3.0;
/// Fewer keywords than this are filled up with terms that the theme shares with the others.
const MIN_KEYWORDS: usize = 3;
/// A phrase holds together if it makes up at least this share of one word's uses in the cluster …
const PHRASE_SHARE: f64 = 0.5;
/// … and this share of the other's: "South Korea" does, the "Elected South" of a headline does not.
const OTHER_SHARE: f64 = 0.25;
/// A word gives way to a phrase that makes up this share of its uses; of less, the phrase's share of the passages would
/// say too little of the word's.
const WHOLE_SHARE: f64 = 0.5;
/// A term of one source marks out no theme of which the source has less than this share.
const MAIN_SOURCE: f64 = 1.0 / 3.0;
/// A cluster of at most so many passages is small: it keeps the terms of one of them too, and which have each.
const SMALL: usize = 16;
/// The α of the skew divergence.
const SKEW: f64 = 0.3;

/// A passage as its terms are counted.
#[derive(Clone, Copy)]
pub(super) struct Passage<'a> {
    pub text: &'a str,
    pub language: &'static Language,
    pub source: u32,
    /// How much it counts, 0 to 1: the more central in its cluster, the more.
    pub weight: f64,
}

/// The terms of all clusters, counted.
pub(super) struct Keywords {
    clusters: Vec<Counts>,
    /// Weight of the passages that have a term, in the clusters where at least two have it.
    total: HashMap<String, f64>,
    /// Weight of all passages.
    weight: f64,
}

#[derive(Clone, Default)]
struct Counts {
    terms: HashMap<String, Term>,
    n_passages: u32,
    /// Weight of its passages.
    weight: f64,
    /// Passages by source.
    of_source: HashMap<u32, u32>,
}

#[derive(Clone)]
struct Term {
    n_passages: u32,
    /// Weight of the passages that have it.
    weight: f64,
    /// Its share of the weight of all; of clusters made one, the mean of theirs.
    frequency: f64,
    last_passage: u32,
    /// In a small cluster the passages that have it, a bit for each; in others none.
    passages: u16,
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
        let mut total: HashMap<String, f64> = HashMap::new();
        for (key, term) in clusters.iter().flat_map(|cluster| &cluster.terms) {
            *total.entry(key.clone()).or_default() += term.weight;
        }
        let weight = clusters.iter().map(|cluster| cluster.weight).sum();
        Self { clusters, total, weight }
    }

    /// The same passages in fewer clusters, each made of several. In one of those each of the several counts once,
    /// whatever its size: a keyword is what they have in common, not what a large one of them has.
    pub fn merged(&self, groups: &[Vec<u32>]) -> Self {
        let merge = |group: &Vec<u32>| {
            let mut all = Counts::default();
            group.iter().for_each(|&cluster| all.add(&self.clusters[cluster as usize]));
            for (key, term) in &mut all.terms {
                let frequency =
                    |&cluster: &u32| self.clusters[cluster as usize].terms.get(key).map_or(0.0, |t| t.frequency);
                term.frequency = group.iter().map(frequency).sum::<f64>() / group.len() as f64;
                term.passages = 0;
            }
            all
        };
        Self::of_counts(groups.par_iter().map(merge).collect())
    }

    /// The keys of a cluster's keywords, each with a word that none before it has: the strongest; of a small cluster, what
    /// tells the passages that have none of these; more of the strongest, and what most of its passages have, which says
    /// what it is about even if others say it too.
    fn keys_of(&self, cluster: usize) -> Vec<&str> {
        let counts = &self.clusters[cluster];
        // What one passage has marks out none, unless its passages share no term.
        let least = if counts.has_shared_terms() { 2 } else { 1 };
        let (mut ranked, single): (Vec<(f64, &str)>, Vec<_>) = counts
            .terms
            .iter()
            .filter(|(key, term)| counts.holds_together(key, term) && counts.is_of_theme(term))
            .map(|(key, _)| (self.weight(cluster, key), key.as_str()))
            .partition(|(_, key)| counts.terms[*key].n_passages >= least);
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        // "Not" belongs to what follows it, unless nothing else marks out the theme as much.
        let strongest = ranked.first().map(|&(_, key)| key);
        ranked.retain(|&(_, key)| !is_negation(key) || Some(key) == strongest);
        let marking = || ranked.iter().filter(|(weight, _)| *weight > 0.0).map(|&(_, key)| key);
        let uses = |key: &str| counts.terms[key].n_passages;
        let many = (COMMON_SHARE * f64::from(counts.n_passages)).ceil() as u32;
        let mut common: Vec<&str> = marking().filter(|key| uses(key) >= many).collect();
        // Of equals the one that weighs more.
        common.sort_by_key(|key| Reverse(uses(key)));

        let mut chosen: Vec<&str> = Vec::new();
        let choose = |chosen: &mut Vec<_>, keys: &mut dyn Iterator<Item = _>, most: usize, least: u32| {
            for key in keys {
                if chosen.len() >= most {
                    break;
                }
                chosen.extend(counts.beside(chosen, key).filter(|key| uses(key) >= least));
            }
        };
        choose(&mut chosen, &mut marking(), MIN_KEYWORDS, 0);
        counts.tell_the_rest(&mut chosen, ranked.iter().copied().chain(single).collect());
        choose(&mut chosen, &mut marking(), MAX_KEYWORDS - MAX_COMMON, 0);
        choose(&mut chosen, &mut common.into_iter(), MAX_KEYWORDS, many);
        choose(&mut chosen, &mut marking(), MAX_KEYWORDS, 0);
        choose(&mut chosen, &mut ranked.iter().map(|&(_, key)| key), MIN_KEYWORDS, 0);
        chosen
    }

    /// The keys of each cluster's keywords.
    pub fn keys(&self) -> Vec<Vec<&str>> {
        (0..self.clusters.len()).into_par_iter().map(|cluster| self.keys_of(cluster)).collect()
    }

    /// Each cluster's keywords, by their keys.
    pub fn shown(&self, keys: &[Vec<&str>]) -> Vec<Vec<Keyword>> {
        let keyword = |counts: &Counts, key: &str| Keyword {
            term: counts.terms[key].form().to_owned(),
            share: (f64::from(counts.terms[key].n_passages) / f64::from(counts.n_passages)) as f32,
        };
        let of_cluster = |(counts, keys): (_, &Vec<&str>)| keys.iter().map(|key| keyword(counts, key)).collect();
        self.clusters.iter().zip(keys).map(of_cluster).collect()
    }

    /// A term's part in the skew divergence of a cluster's passages from all others; below 0 if it is more
    /// frequent in those.
    fn weight(&self, cluster: usize, key: &str) -> f64 {
        let counts = &self.clusters[cluster];
        let here = counts.terms[key].weight;
        let share = counts.terms[key].frequency;
        // Sums of many weights differ in their last bits by their order.
        let elsewhere = (self.total[key] - here).max(0.0) / (self.weight - counts.weight).max(1.0);
        share * (share / (SKEW * share + (1.0 - SKEW) * elsewhere)).ln()
    }
}

/// How many of the passages have any of the one keys, and of the other.
pub(super) fn n_told(passages: &[Passage], keys: [&[&str]; 2]) -> [usize; 2] {
    let mut n = [0; 2];
    for passage in passages {
        let mut has = [false; 2];
        each_term(passage.text, passage.language, |key, _| {
            has.iter_mut().zip(keys).for_each(|(has, keys)| *has |= keys.contains(&key));
        });
        n.iter_mut().zip(has).for_each(|(n, has)| *n += usize::from(has));
    }
    n
}

impl Counts {
    fn of(passages: &[Passage]) -> Self {
        let mut counts = Self { n_passages: passages.len() as u32, ..Self::default() };
        for (i, passage) in (0..).zip(passages) {
            counts.weight += passage.weight;
            *counts.of_source.entry(passage.source).or_default() += 1;
            each_term(passage.text, passage.language, |key, form| counts.count(key, form, i, passage));
        }
        // A term of one passage says little about the cluster, unless that has few.
        if !counts.is_small() && counts.has_shared_terms() {
            counts.terms.retain(|_, term| term.n_passages > 1);
            counts.terms.shrink_to_fit();
        }
        counts.terms.values_mut().for_each(|term| term.frequency = term.weight / counts.weight);
        counts
    }

    fn is_small(&self) -> bool {
        self.n_passages as usize <= SMALL
    }

    fn has_shared_terms(&self) -> bool {
        self.terms.values().any(|term| term.n_passages > 1)
    }

    /// Adds the terms of other passages.
    fn add(&mut self, other: &Self) {
        self.n_passages += other.n_passages;
        self.weight += other.weight;
        other.of_source.iter().for_each(|(source, n)| *self.of_source.entry(*source).or_default() += n);
        for (key, more) in &other.terms {
            let Some(term) = self.terms.get_mut(key) else {
                self.terms.insert(key.clone(), more.clone());
                continue;
            };
            term.n_passages += more.n_passages;
            term.weight += more.weight;
            term.has_other_sources |= more.has_other_sources || term.source != more.source;
            more.forms.iter().for_each(|(form, n)| term.add_form(form, *n));
        }
    }

    /// Counts one use of a term in the `i`th passage, as it is written there.
    fn count(&mut self, key: &str, form: &str, i: u32, passage: &Passage) {
        let source = passage.source;
        let bit = if self.is_small() { 1 << i } else { 0 };
        if !self.terms.contains_key(key) {
            let term = Term {
                n_passages: 0,
                weight: 0.0,
                frequency: 0.0,
                last_passage: u32::MAX,
                passages: 0,
                source,
                has_other_sources: false,
                forms: vec![],
            };
            self.terms.insert(key.to_owned(), term);
        }
        let Some(term) = self.terms.get_mut(key) else { return };
        if term.last_passage != i {
            term.last_passage = i;
            term.n_passages += 1;
            term.passages |= bit;
            term.weight += passage.weight;
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

    /// What is shown for a term beside the `chosen`; nothing if they have its words. A word gives way to a phrase that it
    /// often stands in: "Korea" to "South Korea" and, after that, "North" to "North Korea"; but "Chancellor" after
    /// "Friedrich Merz" not to "Chancellor Friedrich".
    fn beside<'a>(&'a self, chosen: &[&str], key: &'a str) -> Option<&'a str> {
        // Languages stem a word differently, so what is shown is compared too.
        let form = |key: &str| self.terms[key].form().to_lowercase();
        let is_new = |key: &str| {
            let form_of_it = form(key);
            !chosen.iter().any(|has| share_a_word(has, key) || share_a_word(&form(has), &form_of_it))
        };
        let is_word_new = is_new(key);
        let is_apart = |phrase: &str| !chosen.iter().any(|has| is_chained(has, phrase));
        self.phrase_of(key)
            .filter(|phrase| is_new(phrase) || is_word_new && is_apart(phrase))
            .or_else(|| is_word_new.then_some(key))
    }

    /// Adds keywords for the passages of a small cluster that have none of the `chosen`: each time the one that most of
    /// them have.
    fn tell_the_rest<'a>(&'a self, chosen: &mut Vec<&'a str>, mut candidates: Vec<(f64, &'a str)>) {
        let passages = |key: &str| self.terms[key].passages;
        let mut told = chosen.iter().fold(0, |told, key| told | passages(key));
        candidates.retain(|(weight, _)| *weight > 0.0);
        while chosen.len() < MAX_KEYWORDS {
            candidates.retain(|(_, key)| passages(key) & !told != 0);
            let n_new = |key: &str| (passages(key) & !told).count_ones();
            // What one passage has weighs alike; its names say most.
            let is_name =
                |key: &str| self.terms[key].n_passages == 1 && self.terms[key].form().starts_with(char::is_uppercase);
            let by_use = |a: &str, b: &str| (n_new(a), is_name(a)).cmp(&(n_new(b), is_name(b)));
            let best = candidates.iter().copied().enumerate().max_by(|(_, (weight, a)), (_, (other, b))| {
                by_use(a, b).then(weight.total_cmp(other)).then_with(|| b.cmp(a))
            });
            let Some((at, (_, key))) = best else { break };
            candidates.swap_remove(at);
            if let Some(shown) = self.beside(chosen, key) {
                chosen.push(shown);
                told |= passages(shown);
            }
        }
    }

    /// The most frequent phrase that holds `word` and makes up enough of its uses. A word of several
    /// sources gives way to no phrase that only one of them has.
    fn phrase_of(&self, word: &str) -> Option<&str> {
        let whole = &self.terms[word];
        self.terms
            .iter()
            .filter(|(key, phrase)| {
                key.split_once(' ').is_some_and(|(a, b)| a == word || b == word)
                    && (phrase.n_passages > 1 || whole.n_passages == 1)
                    && f64::from(phrase.n_passages) >= WHOLE_SHARE * f64::from(whole.n_passages)
                    && (phrase.has_other_sources || !whole.has_other_sources)
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

/// Whether one of two phrases ends with the word that the other begins with, so that they are one longer phrase.
fn is_chained(a: &str, b: &str) -> bool {
    let (Some((a, b)), Some((c, d))) = (a.split_once(' '), b.split_once(' ')) else { return false };
    a == d || b == c
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

    fn english() -> &'static Language {
        language::of_texts(&["What it is all about when they say so, and what we think of it."], &[0])[0]
    }

    /// The keywords of clusters of texts; each text of its own source, or all of one.
    fn keywords(clusters: &[&[&'static str]], is_one_source: bool) -> Vec<Vec<String>> {
        let english = english();
        let mut source = 0;
        let mut passage = |text: &&'static str| {
            source += u32::from(!is_one_source);
            Passage { text, language: english, source, weight: 1.0 }
        };
        let clusters: Vec<Vec<Passage>> =
            clusters.iter().map(|texts| texts.iter().map(&mut passage).collect()).collect();
        let counted = Keywords::of(&clusters);
        counted.shown(&counted.keys()).iter().map(|keywords| terms(keywords)).collect()
    }

    /// The keywords of the first cluster.
    fn shown(counted: &Keywords) -> Vec<Keyword> {
        counted.shown(&counted.keys()).swap_remove(0)
    }

    fn terms(keywords: &[Keyword]) -> Vec<String> {
        keywords.iter().map(|keyword| keyword.term.clone()).collect()
    }

    #[test]
    fn weights_are_those_of_the_formula() {
        let english = english();
        let passage = |text: &'static str, weight: f64| Passage { text, language: english, source: 0, weight };
        // By weight, apple is in 1.5 of 2 here and in 1 of 2 there, pear in 1.5 of 2 here and nowhere there, plum in 0.5
        // of 2 here and in 1.5 of 2 there; a term twice in a passage counts once.
        let counted = Keywords::of(&[
            vec![passage("apple pear, pear", 1.0), passage("apple, pear", 0.5), passage("plum", 0.5)],
            vec![passage("plum, apple", 0.5), passage("apple", 0.5), passage("plum", 1.0)],
        ]);
        let weight = |share: f64, elsewhere: f64| share * (share / (0.3 * share + 0.7 * elsewhere)).ln();
        assert!((counted.weight(0, "pear") - weight(0.75, 0.0)).abs() < 1e-12);
        assert!((counted.weight(0, "appl") - weight(0.75, 0.5)).abs() < 1e-12);
        assert!((counted.weight(1, "plum") - weight(0.75, 0.25)).abs() < 1e-12);
        assert!(counted.weight(1, "appl") < 0.0 && counted.weight(0, "pear") > counted.weight(0, "appl"));
    }

    #[test]
    fn a_share_is_that_of_the_passages_with_any_form_of_the_term() {
        let english = english();
        let texts =
            [("Cookies, cookies", 1.0), ("a cookie of South Korea", 0.1), ("South Korea's cookie", 0.1), ("", 0.1)];
        let passage = |(text, weight)| Passage { text, language: english, source: 0, weight };
        let counted = Keywords::of(&[texts.into_iter().map(passage).collect()]);
        let shares: Vec<_> = shown(&counted).into_iter().map(|keyword| (keyword.term, keyword.share)).collect();
        assert_eq!(shares, [("cookie".to_owned(), 0.75), ("South Korea".to_owned(), 0.5)], "however central they are");
    }

    #[test]
    fn a_passage_is_told_by_any_form_of_a_keyword() {
        let english = english();
        let passage = |text| Passage { text, language: english, source: 0, weight: 1.0 };
        let passages = ["cookie", "Cookies of South Korea", "Korea", "the south", ""].map(passage);
        assert_eq!(n_told(&passages, [&["cooki", "south korea"], &["south korea"]]), [2, 1]);
        assert_eq!(n_told(&passages, [&[], &["korea"]]), [0, 2]);
    }

    #[test]
    fn merged_clusters_are_counted_together_and_weigh_alike() {
        let english = english();
        let passages = |texts: &[&'static str], source: u32| -> Vec<Passage<'static>> {
            texts.iter().map(|text| Passage { text, language: english, source, weight: 1.0 }).collect()
        };
        // Apple is in all of a and 2 of 3 of b, plum in 2 of 3 of b: of the clusters that is 5 / 6 and 1 / 3.
        let (a, b) = (["apple pear", "apple pear"], ["Apple", "Apple plum", "plum"]);
        let merged = Keywords::of(&[passages(&a, 0), passages(&b, 1)]).merged(&[vec![1, 0]]);
        let (apple, plum) = (&merged.clusters[0].terms["appl"], &merged.clusters[0].terms["plum"]);
        assert_eq!((apple.n_passages, plum.n_passages, merged.clusters[0].n_passages), (4, 2, 5));
        assert!(apple.has_other_sources && !plum.has_other_sources && (apple.weight - 4.0).abs() < 1e-12);
        assert!((apple.frequency - 5.0 / 6.0).abs() < 1e-12 && (plum.frequency - 1.0 / 3.0).abs() < 1e-12);
        let found = shown(&merged);
        assert_eq!(terms(&found), ["apple", "apple pear", "plum"]);
        assert!((found[0].share - 0.8).abs() < 1e-6, "of the passages");
    }

    #[test]
    fn what_most_passages_have_is_told_though_others_have_it_too() {
        let (apple, grape) = ("market; apple; pear; plum; cherry", "market; grape; lemon; melon; quince");
        // So many that not each is told by itself.
        let here = &[apple, apple, grape, grape, "market", "wheat"].repeat(3);
        let elsewhere: &[&str] = &["market", "market", "market", "market", "rye", "oats"];
        let found = &keywords(&[here, elsewhere], true)[0];
        assert_eq!((found.len(), found[6].as_str()), (8, "market"), "five in six here, four in six there");
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
    fn a_keyword_adds_a_word_to_those_before_it() {
        // A third of the notices are of privacy, so "Notice" stands; "Privacy" gives way to the phrase it always stands in.
        let notices: &[&str] =
            &["Privacy Notice", "Privacy Notice", "a Notice; by post", "by post; a Notice", "Notice of it", "Notice"];
        assert_eq!(keywords(&[notices, &[]], true)[0], ["Notice", "post", "Privacy Notice"]);
        let koreas: &[&str] = &["South Korea", "South Korea", "South Korea and North Korea", "North Korea"];
        assert_eq!(keywords(&[koreas, &[]], true)[0], ["South Korea", "North Korea"]);
        // The name has three words; the first is told by itself.
        let chancellor: &[&str] = &["Chancellor Friedrich Merz", "Chancellor Friedrich Merz", "Friedrich Merz"];
        assert_eq!(keywords(&[chancellor, &[]], true)[0], ["Friedrich Merz", "Chancellor"]);
    }

    #[test]
    fn not_stands_before_its_word_or_is_the_theme() {
        let links: &[&str] = &["links: not responsible", "not responsible for links", "links", "the links"];
        assert_eq!(keywords(&[links, &[]], true)[0], ["links", "not responsible"]);
        let denials: &[&str] = &["not a sale", "we do not lend", "it is not lent", "it will not sell"];
        let elsewhere: &[&str] = &["we lend", "it is lent", "a sale"];
        assert_eq!(keywords(&[denials, elsewhere], true)[0][0], "not");
        assert_eq!(keywords(&[links, denials], true)[0], ["links", "not responsible"], "not is no mark of its own");
    }

    #[test]
    fn of_few_passages_each_is_told_by_something() {
        let texts = ["Hasina leaves", "where Hasina is", "the old quarrels of Iran", "leaves in rain", "so it is"];
        assert_eq!(
            keywords(&[&texts, &[]], true)[0],
            ["Hasina", "leaves", "Iran"],
            "rain has leaves, the last no term"
        );
        let many: Vec<&'static str> = texts.into_iter().chain([""; 12]).collect();
        assert_eq!(keywords(&[&many, &[]], true)[0], ["Hasina", "leaves"], "of 17 passages those of one are not kept");
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
            let english = english();
            let texts = shared.iter().chain(&["goods within a month", "no fees for returns", "Acme pays"]).enumerate();
            let passages =
                texts.map(|(i, text)| Passage { text, language: english, source: source(i), weight: 1.0 }).collect();
            terms(&shown(&Keywords::of(&[passages])))
        };
        assert!(!of_one(|i| i as u32 % 6).contains(&"Acme".to_owned()));
        assert!(of_one(|_| 0).contains(&"Acme".to_owned()));
    }

    #[test]
    fn a_word_of_several_sources_gives_way_to_no_phrase_of_one() {
        let texts = ["giant Acme opens", "giant Acme hires", "Acme opens", "hires at Acme"];
        let of_sources = |sources: [u32; 4]| {
            let english = english();
            let passage = |(text, source)| Passage { text, language: english, source, weight: 1.0 };
            terms(&shown(&Keywords::of(&[texts.into_iter().zip(sources).map(passage).collect()])))
        };
        assert_eq!(of_sources([0, 0, 1, 1])[0], "Acme");
        assert_eq!(of_sources([0, 1, 0, 1])[0], "giant Acme");
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
