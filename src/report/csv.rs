//! `themes.csv` and `duplicates.csv`, for a spreadsheet.
//!
//! A cell that a spreadsheet would take for a formula is preceded by an apostrophe (OWASP, "CSV
//! Injection"): passages are other people's text.

use super::{Report, rounded};
use crate::duplicate::{DuplicatePair, ExcerptPlace};
use crate::theme::{Theme, Themes};
use std::borrow::Cow;
use std::fs::File;

const THEME_COLUMNS: [&str; 18] = [
    "cluster_id",
    "label",
    "parent",
    "parent_label",
    "keywords",
    "keyword_shares",
    "keyword_coverage",
    "size",
    "n_distinct",
    "n_sources",
    "languages",
    "spread",
    "cohesion",
    "nearest",
    "nearest_cosine",
    "exemplar_1",
    "exemplar_2",
    "exemplar_3",
];
const PAIR_COLUMNS: [&str; 19] = [
    "group",
    "kind",
    "cosine",
    "jaccard",
    "containment",
    "across_sources",
    "a_source",
    "a_document",
    "a_start",
    "a_end",
    "a_text",
    "b_source",
    "b_document",
    "b_start",
    "b_end",
    "b_text",
    "excerpt_in",
    "excerpt_start",
    "excerpt_end",
];

pub(super) fn write_themes<'a>(report: &'a Report, themes: &'a Themes, file: File) -> Result<(), String> {
    let row = |theme: &'a Theme| -> [Cow<'a, str>; 18] {
        let exemplar = |i: usize| theme.exemplars.get(i).map_or("", |&passage| report.text(passage));
        [
            theme.cluster_id.to_string().into(),
            safe(&theme.label),
            theme.parent.map_or_else(String::new, |parent| parent.to_string()).into(),
            theme.parent.map_or("".into(), |parent| safe(&themes.broader[parent as usize].label)),
            safe(&joined(theme.keywords.iter().map(|keyword| keyword.term.clone()))).into_owned().into(),
            joined(theme.keywords.iter().map(|keyword| rounded(keyword.share).to_string())).into(),
            rounded(theme.keyword_coverage).to_string().into(),
            theme.size.to_string().into(),
            theme.n_distinct.to_string().into(),
            theme.sources.len().to_string().into(),
            joined(theme.languages.iter().map(|(language, n)| format!("{} {n}", language.unwrap_or("unknown")))).into(),
            rounded(theme.spread).to_string().into(),
            rounded(theme.cohesion).to_string().into(),
            theme.nearest.map_or_else(String::new, |(other, _)| other.to_string()).into(),
            theme.nearest.map_or_else(String::new, |(_, cosine)| rounded(cosine).to_string()).into(),
            safe(exemplar(0)),
            safe(exemplar(1)),
            safe(exemplar(2)),
        ]
    };
    write(file, THEME_COLUMNS, themes.themes.iter().map(row))
}

pub(super) fn write_pairs<'a>(
    report: &'a Report,
    pairs: &'a [DuplicatePair],
    group_of: &[Option<u32>],
    file: File,
) -> Result<(), String> {
    let row = |pair: &'a DuplicatePair| -> [Cow<'a, str>; 19] {
        // A pair across two groups, or with a passage that is in none, was cut from every group.
        let group = group_of[pair.a as usize].filter(|_| group_of[pair.a as usize] == group_of[pair.b as usize]);
        let span = |passage: u32| report.place(passage);
        // Bytes of the document, as everywhere.
        let excerpt_byte = |of: fn(&ExcerptPlace) -> u32| -> Cow<'a, str> {
            let byte = |excerpt: ExcerptPlace| span(excerpt.within).start + of(&excerpt) as usize;
            pair.excerpt.map_or_else(String::new, |excerpt| byte(excerpt).to_string()).into()
        };
        [
            group.map_or_else(String::new, |group| group.to_string()).into(),
            pair.kind.name().into(),
            pair.cosine.map_or_else(String::new, |cosine| rounded(cosine).to_string()).into(),
            rounded(pair.jaccard).to_string().into(),
            rounded(pair.containment).to_string().into(),
            report.is_across_sources(pair).to_string().into(),
            safe(report.source(pair.a)),
            safe(report.document(pair.a)),
            span(pair.a).start.to_string().into(),
            span(pair.a).end.to_string().into(),
            safe(report.text(pair.a)),
            safe(report.source(pair.b)),
            safe(report.document(pair.b)),
            span(pair.b).start.to_string().into(),
            span(pair.b).end.to_string().into(),
            safe(report.text(pair.b)),
            pair.excerpt.map_or("", |excerpt| if excerpt.within == pair.a { "a" } else { "b" }).into(),
            excerpt_byte(|excerpt| excerpt.start),
            excerpt_byte(|excerpt| excerpt.end),
        ]
    };
    write(file, PAIR_COLUMNS, pairs.iter().map(row))
}

fn write<'a, const N: usize>(
    file: File,
    columns: [&str; N],
    rows: impl Iterator<Item = [Cow<'a, str>; N]>,
) -> Result<(), String> {
    let mut out = csv::Writer::from_writer(file);
    out.write_record(columns).map_err(|e| e.to_string())?;
    for row in rows {
        out.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(|e| e.to_string())?;
    }
    out.flush().map_err(|e| e.to_string())
}

/// A list in one cell.
fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

fn safe(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}").into() } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn formulas_are_made_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"] {
            assert_eq!(safe(formula), format!("'{formula}"));
        }
        assert_eq!(safe("plain"), "plain");
    }
}
