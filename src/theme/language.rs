//! The language of each passage, from its trigrams (the `whatlang` crate), and what follows from it:
//! which words say nothing by themselves, and which are forms of one another.
//!
//! A short passage tells little about its language. So the languages of the corpus are found first, in
//! a sample; each passage's is looked for among these; and what is not plain from the passage alone
//! is taken from its document, or else from the whole corpus.

use rayon::prelude::*;
use rust_stemmers::{Algorithm, Stemmer};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;
use whatlang::{Detector, Lang};

/// What is known of a language.
pub(super) struct Language {
    /// ISO 639-1; empty where it is not known.
    code: &'static str,
    stop_words: HashSet<&'static str>,
    /// Its word for "not".
    negation: Option<&'static str>,
    stemmer: Option<Stemmer>,
    /// Whether an article or pronoun may be joined to a word by an apostrophe ("l'article").
    elides: bool,
}

impl Language {
    /// Whether a word in lower case says nothing by itself.
    pub fn is_stop_word(&self, word: &str) -> bool {
        // Romanian is written with commas below and, in older texts and this list, with cedillas.
        self.stop_words.contains(word) || word.contains(['ș', 'ț']) && self.stop_words.contains(&*cedillas(word))
    }

    /// Whether a word in lower case is the language's "not".
    pub fn is_negation(&self, word: &str) -> bool {
        self.negation == Some(word)
    }

    /// What all forms of a word have in common; `word` is in lower case.
    pub fn stem(&self, word: &str) -> String {
        let stemmer = self.stemmer.as_ref().filter(|_| !self.is_negation(word));
        stemmer.map_or_else(|| word.to_owned(), |stemmer| stemmer.stem(word).into_owned())
    }

    /// Whether an article or pronoun may be joined to a word by an apostrophe.
    pub fn elides(&self) -> bool {
        self.elides
    }

    /// Its ISO 639-1 code; none where it is not known.
    pub fn code(&self) -> Option<&'static str> {
        Some(self.code).filter(|code| !code.is_empty())
    }

    fn new(code: &'static str, stemmer: Option<Algorithm>) -> Self {
        let more: &[&str] = if code == "en" { &MORE_ENGLISH_STOP_WORDS } else { &[] };
        let negation = NEGATIONS.iter().find(|(of, _)| *of == code).map(|&(_, word)| word);
        let is_content =
            |word: &&&str| negation == Some(**word) || code == "en" && NO_ENGLISH_STOP_WORDS.contains(word);
        Self {
            code,
            negation,
            stop_words: stop_words::lookup(code)
                .into_iter()
                .flatten()
                .chain(more)
                .filter(|word| !is_content(word))
                .copied()
                .collect(),
            stemmer: stemmer.map(Stemmer::create),
            elides: matches!(code, "fr" | "it" | "ca"),
        }
    }
}

fn cedillas(word: &str) -> String {
    word.replace('ș', "ş").replace('ț', "ţ")
}

/// By language, the word for "not". It is no stop word: what is "not responsible" would be told as responsible.
const NEGATIONS: [(&str, &str); 16] = [
    ("en", "not"),
    ("de", "nicht"),
    ("fr", "pas"),
    ("es", "no"),
    ("pt", "não"),
    ("it", "non"),
    ("nl", "niet"),
    ("sv", "inte"),
    ("da", "ikke"),
    ("no", "ikke"),
    ("hu", "nem"),
    ("ro", "nu"),
    ("ru", "не"),
    ("tr", "değil"),
    ("el", "δεν"),
    ("pl", "nie"),
];

/// Whether a term is a language's word for "not" and no more.
pub(super) fn is_negation(key: &str) -> bool {
    NEGATIONS.iter().any(|&(_, word)| word == key)
}

/// English words that introduce what a text is about and are not in the list of stop words.
const MORE_ENGLISH_STOP_WORDS: [&str; 5] = ["called", "include", "included", "includes", "including"];

/// Words in the English list of stop words that can say what a text is about.
const NO_ENGLISH_STOP_WORDS: [&str; 34] = [
    "bill",
    "case",
    "cases",
    "computer",
    "copy",
    "free",
    "goods",
    "group",
    "groups",
    "home",
    "information",
    "interest",
    "interests",
    "invention",
    "member",
    "members",
    "microsoft",
    "mill",
    "open",
    "order",
    "orders",
    "problem",
    "problems",
    "research",
    "room",
    "rooms",
    "state",
    "states",
    "system",
    "text",
    "value",
    "website",
    "work",
    "world",
];

/// The languages that whatlang tells apart and for which there are stop words: with the ISO 639-1 code
/// and the Snowball stemmer, where there is one.
const KNOWN: [(Lang, &str, Option<Algorithm>); 44] = [
    (Lang::Eng, "en", Some(Algorithm::English)),
    (Lang::Deu, "de", Some(Algorithm::German)),
    (Lang::Fra, "fr", Some(Algorithm::French)),
    (Lang::Spa, "es", Some(Algorithm::Spanish)),
    (Lang::Por, "pt", Some(Algorithm::Portuguese)),
    (Lang::Ita, "it", Some(Algorithm::Italian)),
    (Lang::Nld, "nl", Some(Algorithm::Dutch)),
    (Lang::Swe, "sv", Some(Algorithm::Swedish)),
    (Lang::Dan, "da", Some(Algorithm::Danish)),
    (Lang::Nob, "no", Some(Algorithm::Norwegian)),
    (Lang::Fin, "fi", Some(Algorithm::Finnish)),
    (Lang::Hun, "hu", Some(Algorithm::Hungarian)),
    (Lang::Ron, "ro", Some(Algorithm::Romanian)),
    (Lang::Rus, "ru", Some(Algorithm::Russian)),
    (Lang::Tur, "tr", Some(Algorithm::Turkish)),
    (Lang::Ell, "el", Some(Algorithm::Greek)),
    (Lang::Ara, "ar", Some(Algorithm::Arabic)),
    (Lang::Pol, "pl", None),
    (Lang::Ces, "cs", None),
    (Lang::Slk, "sk", None),
    (Lang::Slv, "sl", None),
    (Lang::Hrv, "hr", None),
    (Lang::Bul, "bg", None),
    (Lang::Ukr, "uk", None),
    (Lang::Lit, "lt", None),
    (Lang::Lav, "lv", None),
    (Lang::Est, "et", None),
    (Lang::Cat, "ca", None),
    (Lang::Lat, "la", None),
    (Lang::Epo, "eo", None),
    (Lang::Afr, "af", None),
    (Lang::Cmn, "zh", None),
    (Lang::Jpn, "ja", None),
    (Lang::Kor, "ko", None),
    (Lang::Vie, "vi", None),
    (Lang::Tha, "th", None),
    (Lang::Ind, "id", None),
    (Lang::Hin, "hi", None),
    (Lang::Ben, "bn", None),
    (Lang::Mar, "mr", None),
    (Lang::Urd, "ur", None),
    (Lang::Pes, "fa", None),
    (Lang::Heb, "he", None),
    (Lang::Hye, "hy", None),
];

/// Languages that their script tells from all others.
const OF_ONE_SCRIPT: [Lang; 8] =
    [Lang::Cmn, Lang::Jpn, Lang::Kor, Lang::Tha, Lang::Ell, Lang::Tam, Lang::Ben, Lang::Hye];

static LANGUAGES: LazyLock<HashMap<Lang, Language>> = LazyLock::new(|| {
    KNOWN.into_iter().map(|(language, code, stemmer)| (language, Language::new(code, stemmer))).collect()
});

/// A language without stop words and stems.
static UNKNOWN: LazyLock<Language> = LazyLock::new(|| Language::new("", None));

/// Texts from which the languages of the corpus are taken, at most.
const SAMPLE: usize = 4096;
/// A language that fewer than one in so many texts of the sample are plainly in is not in the corpus.
const RARE: usize = 500;
/// Nor one that a single text is plainly in, unless that is this share of all that is in the sample: a headline of Korean
/// names is taken for Latin.
const ALONE: usize = 20;

/// The language of each text; `document_of` says which of them stand in one document.
pub(super) fn of_texts(texts: &[&str], document_of: &[u32]) -> Vec<&'static Language> {
    let plainly = |detector: &Detector, text: &str| {
        detector.detect(text).filter(whatlang::Info::is_reliable).map(|found| found.lang())
    };
    // Among a few languages a short text's is told sooner and far more surely than among seventy.
    let step = texts.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<&str> = texts.iter().copied().step_by(step).collect();
    let any = Detector::new();
    let found: Vec<_> = sample.par_iter().map(|text| plainly(&any, text)).collect();
    let (mut n_texts, mut n_bytes) = (Counts::default(), Counts::default());
    for (text, language) in sample.iter().zip(found) {
        if let Some(language) = language {
            n_texts.add(language, 1);
            n_bytes.add(language, text.len());
        }
    }
    let all_bytes: usize = sample.iter().map(|text| text.len()).sum();
    let is_present = |&(n, language): &(usize, Lang)| {
        n * RARE >= sample.len() && (n > 1 || n_bytes.of(language) * ALONE >= all_bytes)
    };
    let present = n_texts.0.values().copied().filter(is_present).map(|(_, language)| language);
    let detector = Detector::with_allowlist(present.chain(OF_ONE_SCRIPT).collect());
    let own: Vec<Option<Lang>> = texts.par_iter().map(|text| plainly(&detector, text)).collect();

    let mut of_document: HashMap<u32, Counts> = HashMap::new();
    let mut of_all = Counts::default();
    for ((text, language), &document) in texts.iter().zip(&own).zip(document_of) {
        if let Some(language) = *language {
            of_document.entry(document).or_default().add(language, text.len());
            of_all.add(language, text.len());
        }
    }
    // Where no text is plain by itself, all of them may be together.
    let of_all = of_all.most().or_else(|| any.detect_lang(&sample.join("\n")));
    let language = |(own, document): (&Option<Lang>, &u32)| {
        let language = own.or_else(|| of_document.get(document)?.most()).or(of_all)?;
        LANGUAGES.get(&language)
    };
    own.iter().zip(document_of).map(|it| language(it).unwrap_or(&UNKNOWN)).collect()
}

/// Languages by how much text is in them.
#[derive(Default)]
struct Counts(BTreeMap<u8, (usize, Lang)>);

impl Counts {
    fn add(&mut self, language: Lang, n: usize) {
        self.0.entry(language as u8).or_insert((0, language)).0 += n;
    }

    fn of(&self, language: Lang) -> usize {
        self.0.get(&(language as u8)).map_or(0, |&(n, _)| n)
    }

    /// The one with the most, the first of equals.
    fn most(&self) -> Option<Lang> {
        self.0.values().rev().max_by_key(|(n, _)| *n).map(|&(_, language)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_passage_takes_the_language_of_its_document() {
        let german = "Die Verarbeitung personenbezogener Daten erfolgt auf der Grundlage einer Einwilligung.";
        let english = "We process personal data only where we have a legal basis for it, such as your consent.";
        let texts = [german, "OK Daten", english, "OK", "OK"];
        let found = of_texts(&texts, &[0, 0, 1, 1, 2]);
        let is_german: Vec<bool> = found.iter().map(|language| language.is_stop_word("der")).collect();
        assert_eq!(is_german, [true, true, false, false, false], "the last by the corpus");
        assert_eq!((found[1].code(), found[4].code()), (Some("de"), Some("en")));
        assert!(found[4].is_stop_word("the") && found[2].stem("policies") == found[2].stem("policy"));
        let headline = "South Korea's Lee Jae-myung Faces Potential Clash with Trump Administration";
        assert_eq!(of_texts(&[headline], &[0])[0].code(), Some("la"), "what whatlang takes it for");
        let many = std::iter::repeat_n(english, 20).chain([headline]).collect::<Vec<_>>();
        assert_eq!(of_texts(&many, &[0; 21])[20].code(), Some("en"));
        assert!(!of_texts(&["1 2 3"], &[0])[0].is_stop_word("the"));
    }

    #[test]
    fn every_known_language_has_stop_words() {
        for (language, code, _) in KNOWN {
            assert!(!LANGUAGES[&language].stop_words.is_empty(), "{code}");
        }
    }

    #[test]
    fn not_is_no_stop_word_and_has_one_form() {
        for (code, word) in NEGATIONS {
            let (language, ..) = KNOWN.iter().find(|(_, known, _)| *known == code).unwrap();
            let language = &LANGUAGES[language];
            assert!(!language.is_stop_word(word) && language.stem(word) == word && is_negation(word), "{code}");
        }
        assert!(!is_negation("not sell") && LANGUAGES[&Lang::Fra].is_stop_word("ne"));
    }

    proptest! {
        #[test]
        fn no_word_makes_a_stemmer_panic(word in "\\PC{0,12}", letters in "[a-zßäöüéèçñışğøåœа-яα-ωάήώςئءاأإةىي]{0,14}") {
            for language in LANGUAGES.values() {
                language.stem(&word.to_lowercase());
                language.stem(&letters);
            }
        }
    }
}
