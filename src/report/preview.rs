//! What a ladder of thresholds would find, for a person to choose one.

use super::terminal::{Page, count, one_line};
use super::{Report, rounded};
use crate::duplicate::{DuplicatePair, Rung};
use console::measure_text_width;
use serde::Serialize;
use std::io::{Result, Write};

#[derive(Serialize)]
struct RungShown<'a> {
    threshold: f64,
    pairs: usize,
    reworded: usize,
    groups: usize,
    passages_removed: usize,
    share_removed: f64,
    nearest: Vec<PairShown<'a>>,
}

#[derive(Serialize)]
struct PairShown<'a> {
    cosine: f64,
    is_found: bool,
    a: &'a str,
    b: &'a str,
}

fn share(rung: &Rung, report: &Report) -> f32 {
    rung.n_removed as f32 / report.n_new.max(1) as f32
}

/// Writes the rungs as a JSON array.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_preview_json(report: &Report, rungs: &[Rung], out: &mut dyn Write) -> Result<()> {
    let rungs: Vec<RungShown> = rungs
        .iter()
        .map(|rung| RungShown {
            threshold: rounded(rung.threshold),
            pairs: rung.n_pairs,
            reworded: rung.n_reworded,
            groups: rung.n_groups,
            passages_removed: rung.n_removed,
            share_removed: rounded(share(rung, report)),
            nearest: rung
                .nearest
                .iter()
                .map(|pair| PairShown {
                    cosine: rounded(pair.evidence()),
                    is_found: pair.evidence() >= rung.threshold,
                    a: report.text(pair.a),
                    b: report.text(pair.b),
                })
                .collect(),
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &rungs)?;
    out.write_all(b"\n")
}

/// Writes a line for each rung in lines of at most `width` columns, and the reworded pairs nearest to it:
/// those with a `+` are found at the threshold, those with a `−` are not.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_preview(report: &Report, rungs: &[Rung], width: usize, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(out, width);
    page.line(&format!("{:>9}  {:>9}  {:>9}  {:>8}  passages removed", "threshold", "pairs", "reworded", "groups"))?;
    for rung in rungs {
        page.line(&format!(
            "{:>9}  {:>9}  {:>9}  {:>8}  {} ({:.1} %)",
            rung.threshold,
            rung.n_pairs,
            rung.n_reworded,
            rung.n_groups,
            count(rung.n_removed, "passage", "passages"),
            share(rung, report) * 100.0
        ))?;
        for pair in &rung.nearest {
            let sign = if pair.evidence() >= rung.threshold { '+' } else { '−' };
            show(report, pair, sign, &mut page)?;
        }
    }
    Ok(())
}

/// A pair in two lines, each cut to the width.
fn show(report: &Report, pair: &DuplicatePair, sign: char, page: &mut Page) -> Result<()> {
    let first = format!("      {sign} {:.4}  ", pair.evidence());
    let indent = " ".repeat(measure_text_width(&first));
    page.line(&format!("{first}{}", one_line(report.text(pair.a))))?;
    page.line(&format!("{indent}{}", one_line(report.text(pair.b))))
}
