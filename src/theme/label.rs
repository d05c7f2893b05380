//! A theme's label: its strongest keywords.

use super::Keyword;
use std::collections::HashSet;

/// Keywords in a label.
const LABEL_KEYWORDS: usize = 3;

/// A label for each theme from its keywords, the strongest first; all different.
pub(super) fn labels(keywords: &[Vec<Keyword>]) -> Vec<String> {
    let mut taken = HashSet::new();
    let label = |(theme, keywords): (usize, &Vec<Keyword>)| {
        let forms: Vec<&str> = keywords.iter().map(|keyword| keyword.term.as_str()).collect();
        label(&forms, theme, &mut taken)
    };
    keywords.iter().enumerate().map(label).collect()
}

/// The first keywords; where a label before has the same, as many more as tell them apart, and at last
/// the theme's number. Order and case tell nothing apart.
fn label(forms: &[&str], theme: usize, taken: &mut HashSet<Vec<String>>) -> String {
    let mut is_new = |words: &[&str]| {
        let mut words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        words.sort_unstable();
        taken.insert(words)
    };
    let fewest = LABEL_KEYWORDS.min(forms.len());
    if let Some(n) = (fewest..=forms.len()).find(|&n| n > 0 && is_new(&forms[..n])) {
        return forms[..n].join(" · ");
    }
    let number = format!("theme {theme}");
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
