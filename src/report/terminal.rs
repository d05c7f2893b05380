//! The summary on the terminal: what an analyst reads before opening any file.
//!
//! Lines fit the width that is given; colour only adds to what marks and words already say.

use super::Report;
use crate::Stage;
use crate::duplicate::{Boilerplate, DuplicateGroup, DuplicatePair, Duplicates, Kind};
use crate::theme::{BroaderTheme, Keyword, Theme, Themes};
use console::{Style, measure_text_width, truncate_str};
use similar::{ChangeTag, TextDiff};
use std::collections::HashMap;
use std::io::{Result, Write};

const MAX_THEMES: usize = 12;
/// Broader themes.
const MAX_BROADER: usize = 12;
const MAX_GROUPS: usize = 12;
const MAX_WARNINGS: usize = 12;
/// Lines of a duplicate's text.
const MAX_TEXT_LINES: usize = 4;

/// Writes the summary in lines of at most `width` columns. `files` is where the report's files are,
/// if they were written.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_summary(report: &Report, files: Option<&str>, width: usize, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(out, width);
    header(report, &mut page)?;
    themes(report, &mut page)?;
    agreement(report, &mut page)?;
    duplicates(report, &mut page)?;
    skipped(report, &mut page)?;
    closing(report, files, &mut page)
}

pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
    bold: Style,
    dim: Style,
}

impl<'a> Page<'a> {
    pub fn new(out: &'a mut dyn Write, width: usize) -> Self {
        Self { out, width: width.clamp(40, 160), bold: Style::new().bold(), dim: Style::new().dim() }
    }

    pub fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "{}", truncate_str(line, self.width, "…").trim_end())
    }

    fn heading(&mut self, title: &str) -> Result<()> {
        let title = self.bold.apply_to(title).to_string();
        writeln!(self.out)?;
        self.line(&title)
    }

    /// A name behind what stands before it, and figures at the end of the line.
    fn named(&mut self, before: &str, name: &str, figures: &str) -> Result<()> {
        let room = self.width.saturating_sub(measure_text_width(before) + measure_text_width(figures) + 2);
        let name = truncate_str(name, room, "…");
        let gap = " ".repeat(room.saturating_sub(measure_text_width(&name)));
        self.line(&format!("{before}{name}{gap}  {figures}"))
    }

    /// Words in at most `most` lines behind an indent.
    fn wrapped<'w>(&mut self, words: impl Iterator<Item = &'w str>, indent: usize, most: usize) -> Result<()> {
        let space = " ".repeat(indent);
        let mut lines: Vec<String> = vec![String::new()];
        let mut is_cut = false;
        for word in words {
            let fits = lines.last().is_none_or(|line| {
                line.is_empty() || indent + measure_text_width(line) + 1 + measure_text_width(word) <= self.width
            });
            if !fits && lines.len() == most {
                is_cut = true;
                break;
            }
            if !fits {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        let last = lines.len() - 1;
        for (i, line) in lines.iter().enumerate() {
            let tail = if is_cut && i == last { " …" } else { "" };
            self.line(&format!(
                "{space}{}{tail}",
                truncate_str(line, self.width.saturating_sub(indent + tail.len()), "…")
            ))?;
        }
        Ok(())
    }
}

fn header(report: &Report, page: &mut Page) -> Result<()> {
    let title = page.bold.apply_to(format!("refrain {}", env!("CARGO_PKG_VERSION"))).to_string();
    let counts = report.counts();
    let copies = counts.n_passages - report.n_distinct;
    page.line(&format!(
        "{title}  {} from {}: {}{}",
        count(counts.n_documents, "document", "documents"),
        count(counts.n_sources, "source", "sources"),
        count(counts.n_passages, "passage", "passages"),
        if copies > 0 { format!(", {} of different text", report.n_distinct) } else { String::new() },
    ))?;
    let line = match &report.model {
        Some(model) => {
            let precision = model.precision.name();
            format!("{}, {} dimensions, on {} in {precision}", model.name, model.dim, model.provider.name())
        }
        None if report.options.need_embeddings() => "embeddings as given".to_owned(),
        None => "compared by words, without a model".to_owned(),
    };
    let line = page.dim.apply_to(line).to_string();
    page.line(&line)
}

fn themes(report: &Report, page: &mut Page) -> Result<()> {
    let (Some(themes), Some(clustering)) = (&report.themes, &report.clustering) else { return Ok(()) };
    let n_outliers = clustering.assignment.iter().filter(|of| of.is_none()).count();
    let fit_none = if n_outliers > 0 {
        format!("; {} in none", count(n_outliers, "passage fits", "passages fit"))
    } else {
        String::new()
    };
    let Themes { themes, broader, .. } = themes;
    page.heading(&format!("Themes: {}{fit_none}", themes.len()))?;
    for broader in broader.iter().take(MAX_BROADER) {
        show_broader(broader, themes, page)?;
    }
    if broader.len() > MAX_BROADER {
        page.line(&format!("      … and {} broader themes more in report.json", broader.len() - MAX_BROADER))?;
    }
    if !broader.is_empty() {
        writeln!(page.out)?;
    }
    for theme in themes.iter().take(MAX_THEMES) {
        let figures = format!(
            "{} · {}",
            count(theme.size, "passage", "passages"),
            count(theme.sources.len(), "source", "sources")
        );
        let label = with_shares(&theme.label, &theme.keywords, page);
        page.named(&format!("{:>4}  ", theme.cluster_id), &label, &figures)?;
        if let Some(&exemplar) = theme.exemplars.first().filter(|&&exemplar| !report.text(exemplar).is_empty()) {
            let quoted = format!("“{}”", one_line(report.text(exemplar)));
            page.wrapped(quoted.split(' '), 6, 2)?;
        }
    }
    if themes.len() > MAX_THEMES {
        page.line(&format!("      … and {} more in themes.csv", themes.len() - MAX_THEMES))?;
    }
    Ok(())
}

/// A broader theme and the largest themes in it, in three lines at most.
fn show_broader(broader: &BroaderTheme, themes: &[Theme], page: &mut Page) -> Result<()> {
    let figures =
        format!("{} · {}", count(broader.size, "passage", "passages"), count(broader.themes.len(), "theme", "themes"));
    let label = with_shares(&broader.label, &broader.keywords, page);
    page.named("  ", &label, &figures)?;
    let names = broader.themes.iter().map(|&theme| {
        let first = themes[theme as usize].label.split(" · ").next().unwrap_or_default();
        format!("{theme} {first}")
    });
    let names = names.collect::<Vec<_>>().join(", ");
    page.wrapped(names.split(' '), 6, 2)
}

/// A label, with the share of the theme's texts that have each of its keywords.
fn with_shares(label: &str, keywords: &[Keyword], page: &Page) -> String {
    let mut shares = keywords.iter();
    let terms = label.split(" · ").map(|term| {
        let name = page.bold.apply_to(term).to_string();
        match shares.next().filter(|keyword| keyword.term == term) {
            Some(keyword) => format!("{name} {}", page.dim.apply_to(percent(keyword.share))),
            None => name,
        }
    });
    terms.collect::<Vec<_>>().join(" · ")
}

fn agreement(report: &Report, page: &mut Page) -> Result<()> {
    let Some(agreement) = report.agreement else { return Ok(()) };
    page.heading("Agreement with the labels")?;
    page.line(&format!(
        "      V-measure {:.3} (homogeneity {:.3}, completeness {:.3}) · ARI {:.3} · NMI {:.3}",
        agreement.v_measure, agreement.homogeneity, agreement.completeness, agreement.ari, agreement.nmi
    ))?;
    page.line(&format!(
        "      {} with {} in {}, outliers counted with the nearest",
        count(agreement.n_labelled, "passage", "passages"),
        count(agreement.n_labels, "label", "labels"),
        count(agreement.n_clusters, "theme", "themes")
    ))
}

fn duplicates(report: &Report, page: &mut Page) -> Result<()> {
    let Some(duplicates) = &report.duplicates else { return Ok(()) };
    let kinds: Vec<String> = Kind::ALL
        .iter()
        .zip(report.counts().n_pairs)
        .filter(|(_, n)| *n > 0)
        .map(|(kind, n)| format!("{n} {}", kind.name()))
        .collect();
    let mut order: Vec<(usize, &DuplicateGroup)> = duplicates.groups.iter().enumerate().collect();
    order.retain(|(i, _)| !duplicates.is_boilerplate(*i as u32));
    let across = order.iter().filter(|(_, group)| group.across_sources).count();
    let title = if duplicates.groups.is_empty() {
        "Duplicates: none".to_owned()
    } else {
        format!(
            "Duplicates: {}, {across} across sources; pairs: {}",
            count(order.len(), "group", "groups"),
            kinds.join(", ")
        )
    };
    page.heading(&title)?;
    let links: HashMap<(u32, u32), &DuplicatePair> =
        duplicates.pairs.iter().map(|pair| ((pair.a, pair.b), pair)).collect();
    // What a reader learns most from first: across sources, then reworded before copied, then by size.
    order.sort_by_key(|(i, group)| (!group.across_sources, std::cmp::Reverse(group.kind), *i));
    for &(i, group) in order.iter().take(MAX_GROUPS) {
        show_group(report, i, group, &links, page)?;
    }
    if order.len() > MAX_GROUPS {
        page.line(&format!("      … and {} more groups in duplicates.csv", order.len() - MAX_GROUPS))?;
    }
    boilerplate(report, duplicates, page)
}

fn boilerplate(report: &Report, duplicates: &Duplicates, page: &mut Page) -> Result<()> {
    if duplicates.boilerplate.is_empty() {
        return Ok(());
    }
    page.heading(&format!("Boilerplate: {}", count(duplicates.boilerplate.len(), "passage", "passages")))?;
    // What stands in the most documents of a source first.
    let mut order: Vec<&Boilerplate> = duplicates.boilerplate.iter().collect();
    order.sort_by_key(|found| (std::cmp::Reverse(found.n_documents), found.source, found.group));
    for found in order.iter().take(MAX_GROUPS) {
        page.line(&format!(
            "{:>4}  {} · in {} of {} documents",
            found.group, report.sources[found.source as usize], found.n_documents, found.of_documents
        ))?;
        let representative = duplicates.groups[found.group as usize].representative;
        let quoted = format!("“{}”", one_line(report.text(representative)));
        page.wrapped(quoted.split(' '), 6, 2)?;
    }
    if order.len() > MAX_GROUPS {
        page.line(&format!("      … and {} more in report.json", order.len() - MAX_GROUPS))?;
    }
    Ok(())
}

fn show_group(
    report: &Report,
    number: usize,
    group: &DuplicateGroup,
    links: &HashMap<(u32, u32), &DuplicatePair>,
    page: &mut Page,
) -> Result<()> {
    let a = group.representative;
    // The member that shows most: the one least like the representative.
    let partner = group
        .members
        .iter()
        .filter_map(|&b| links.get(&(a.min(b), a.max(b))).map(|pair| (b, *pair)))
        .max_by(|(_, x), (_, y)| x.kind.cmp(&y.kind).then(y.by_cosine(x)));
    let Some((b, pair)) = partner else { return Ok(()) };
    let name = page.bold.apply_to(format!("{:<8}", pair.kind.name())).to_string();
    let across = if group.across_sources { " · across sources" } else { "" };
    page.line(&format!(
        "{number:>4}  {name}  {}{} · {} of words in runs shared{across}",
        count(group.members.len(), "passage", "passages"),
        pair.cosine.map_or_else(String::new, |cosine| format!(" · cosine {cosine:.2}")),
        percent(pair.jaccard)
    ))?;
    let marked = if pair.kind == Kind::Exact { None } else { Some(marked(report.text(a), report.text(b), page)) };
    let (text_a, text_b) = marked.unwrap_or_else(|| (words(report.text(a)), vec![]));
    page.wrapped(text_a.iter().map(String::as_str), 6, MAX_TEXT_LINES)?;
    where_it_stands(report, a, page)?;
    if !text_b.is_empty() {
        page.wrapped(text_b.iter().map(String::as_str), 6, MAX_TEXT_LINES)?;
    }
    where_it_stands(report, b, page)?;
    let more = group.members.len() - 2;
    if more > 0 {
        page.line(&format!("        … and {} more", count(more, "passage", "passages")))?;
    }
    Ok(())
}

fn where_it_stands(report: &Report, passage: u32, page: &mut Page) -> Result<()> {
    let span = report.place(passage);
    let place = format!("        {} bytes {}–{}", report.document(passage), span.start, span.end);
    let place = page.dim.apply_to(place).to_string();
    page.line(&place)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Both texts as words, runs that the other does not have in brackets; what is long and the same on
/// both sides is cut down to what stands around the differences.
fn marked(a: &str, b: &str, page: &Page) -> (Vec<String>, Vec<String>) {
    let (a, b) = (words(a), words(b));
    let (a_words, b_words): (Vec<&str>, Vec<&str>) =
        (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&a_words, &b_words);
    let mut sides = (Side::default(), Side::default());
    for change in diff.iter_all_changes() {
        let word = change.value();
        match change.tag() {
            ChangeTag::Equal => {
                sides.0.push(word, false);
                sides.1.push(word, false);
            }
            ChangeTag::Delete => sides.0.push(word, true),
            ChangeTag::Insert => sides.1.push(word, true),
        }
    }
    (sides.0.finish(&page.bold), sides.1.finish(&page.bold))
}

/// Words of one text, told apart by whether the other has them.
#[derive(Default)]
struct Side<'a> {
    runs: Vec<(bool, Vec<&'a str>)>,
}

impl<'a> Side<'a> {
    /// Words kept at either end of a long run.
    const CONTEXT: usize = 8;

    fn push(&mut self, word: &'a str, is_different: bool) {
        match self.runs.last_mut() {
            Some((kind, run)) if *kind == is_different => run.push(word),
            _ => self.runs.push((is_different, vec![word])),
        }
    }

    fn finish(self, bold: &Style) -> Vec<String> {
        let mut out = Vec::new();
        for (is_different, mut run) in self.runs {
            if run.len() > 2 * Self::CONTEXT + 2 {
                let tail = run.split_off(run.len() - Self::CONTEXT);
                run.truncate(Self::CONTEXT);
                run.push("…");
                run.extend(tail);
            }
            let last = run.len() - 1;
            for (i, word) in run.into_iter().enumerate() {
                let open = if is_different && i == 0 { "[" } else { "" };
                let close = if is_different && i == last { "]" } else { "" };
                let word = format!("{open}{word}{close}");
                out.push(if is_different { bold.apply_to(word).to_string() } else { word });
            }
        }
        out
    }
}

fn skipped(report: &Report, page: &mut Page) -> Result<()> {
    if report.warnings.is_empty() && report.n_short == 0 && report.n_split == 0 {
        return Ok(());
    }
    page.heading("Left out, split or repaired")?;
    if report.n_short > 0 {
        let short = count(report.n_short, "passage", "passages");
        page.line(&format!("      {short} shorter than {} characters left out", report.options.passage.min_chars))?;
    }
    if report.n_split > 0 {
        let split = count(report.n_split, "paragraph", "paragraphs");
        page.line(&format!("      {split} longer than the model reads split at sentence ends"))?;
    }
    for warning in report.warnings.iter().take(MAX_WARNINGS) {
        let text = warning.to_string();
        page.wrapped(text.split(' '), 6, 4)?;
    }
    if report.warnings.len() > MAX_WARNINGS {
        page.line(&format!("      … and {} more in report.json", report.warnings.len() - MAX_WARNINGS))?;
    }
    Ok(())
}

fn closing(report: &Report, files: Option<&str>, page: &mut Page) -> Result<()> {
    writeln!(page.out)?;
    if !report.timings.is_empty() {
        timing(report, page)?;
    }
    if let Some(files) = files {
        let for_reading = std::path::Path::new(files).join("report.html");
        page.line(&format!("The report is in {files}"))?;
        page.line(&format!("Open {} to look at it", for_reading.display()))?;
    }
    Ok(())
}

fn timing(report: &Report, page: &mut Page) -> Result<()> {
    let timings = &report.timings;
    let embedding = timings.of(Stage::Embedding).as_secs_f64();
    let counts = &report.embedded;
    let from_store = counts.n_distinct - counts.n_computed;
    let stored =
        if from_store > 0 { format!("; {} from the store", count(from_store, "row", "rows")) } else { String::new() };
    page.line(&format!(
        "{:.1} s, of which embedding {embedding:.1} s ({} embedded{stored})",
        timings.total().as_secs_f64(),
        count(counts.n_computed, "passage", "passages")
    ))
}

/// A share in per cent; what is little but something is no 0, and nearly all not all.
fn percent(share: f32) -> String {
    match 100.0 * share {
        little if little > 0.0 && little < 1.0 => "< 1 %".to_owned(),
        most if most > 99.0 && most < 100.0 => "> 99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_words_stand_in_brackets() {
        let out = &mut Vec::new();
        let page = Page { out, width: 80, bold: Style::new(), dim: Style::new() };
        let (a, b) = marked("Russia Pushes to Revive the Troika", "Moscow Advocates Revival of the Troika now", &page);
        assert_eq!(a.join(" "), "[Russia Pushes to Revive] the Troika");
        assert_eq!(b.join(" "), "[Moscow Advocates Revival of] the Troika [now]");
    }

    #[test]
    fn a_label_tells_the_share_of_each_of_its_keywords() {
        let page = Page { out: &mut Vec::new(), width: 80, bold: Style::new(), dim: Style::new() };
        let keyword = |(term, share): (&str, f32)| Keyword { term: term.to_owned(), share };
        let keywords: Vec<Keyword> = [("Lee", 1.0), ("foreign policy", 0.244), ("key", 0.002)].map(keyword).into();
        assert_eq!(with_shares("Lee · foreign policy", &keywords, &page), "Lee 100 % · foreign policy 24 %");
        assert_eq!(
            with_shares("Lee · foreign policy · key · theme 7", &keywords, &page),
            "Lee 100 % · foreign policy 24 % · key < 1 % · theme 7"
        );
    }

    #[test]
    fn text_is_wrapped_and_cut_to_the_width() {
        let mut out = Vec::new();
        let mut page = Page { out: &mut out, width: 20, bold: Style::new(), dim: Style::new() };
        page.wrapped("one two three four five six seven eight nine ten".split(' '), 4, 2).unwrap();
        page.wrapped("averyveryverylongwordindeed".split(' '), 4, 2).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| measure_text_width(line) <= 20), "{text}");
        assert!(text.lines().nth(1).unwrap().ends_with('…'), "{text}");
    }
}
