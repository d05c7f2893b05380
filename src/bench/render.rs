//! Bench results as a table, Markdown, CSV or JSON, and two results side by side.

use super::{BenchReport, BenchResult, Spread};
use std::io::{Result, Write};

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BenchFormat {
    /// A table for the terminal.
    #[default]
    Text,
    /// Everything.
    Json,
    /// A row per combination.
    Csv,
    /// A table for a document.
    Markdown,
}

/// A column's heading and how a result fills it.
type Column = (&'static str, fn(&BenchResult) -> String);

const COLUMNS: [Column; 13] = [
    ("model", |r| r.model.clone()),
    ("provider", |r| r.provider.clone()),
    ("precision", |r| r.precision.clone()),
    ("threads", |r| format!("{} ({}×{})", r.threads, r.sessions.0, r.sessions.1)),
    ("batch tokens", |r| r.batch_tokens.to_string()),
    ("step", |r| r.length_step.to_string()),
    ("length", |r| r.length.map_or_else(|| "as read".into(), |length| length.to_string())),
    ("passages/s", |r| spread(r.passages_per_second)),
    ("tokens/s", |r| spread(r.tokens_per_second)),
    ("padding", |r| format!("{:.1} %", r.padding_share * 100.0)),
    ("of f32 rate", |r| r.share_of_matrix_rate.map_or_else(|| "?".into(), |share| format!("{:.0} %", share * 100.0))),
    ("load s", |r| format!("{:.2}", r.load_seconds)),
    ("peak MB", |r| r.peak_memory_bytes.map_or_else(|| "?".into(), |bytes| format!("{:.0}", bytes as f64 / 1e6))),
];

/// The middle of the measurements, and half their range in percent of it.
fn spread(of: Spread) -> String {
    format!("{:.1} ±{:.0} %", of.median, (of.max - of.min) / of.median * 50.0)
}

/// Writes the results of a run.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_results(report: &BenchReport, format: BenchFormat, out: &mut dyn Write) -> Result<()> {
    let headings = COLUMNS.map(|(name, _)| name.to_owned());
    let rows: Vec<Vec<String>> =
        report.results.iter().map(|r| COLUMNS.iter().map(|(_, fill)| fill(r)).collect()).collect();
    match format {
        BenchFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, report)?;
            writeln!(out)
        }
        BenchFormat::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(&headings)?;
            rows.iter().try_for_each(|row| csv.write_record(row))?;
            csv.flush()
        }
        BenchFormat::Markdown => {
            writeln!(out, "{}\n", machine(report))?;
            markdown(&headings, &rows, out)
        }
        BenchFormat::Text => {
            aligned(&headings, &rows, out)?;
            writeln!(out, "\n{}", machine(report))
        }
    }
}

fn machine(report: &BenchReport) -> String {
    let rates: Vec<String> = report
        .matrix_rates
        .iter()
        .map(|(threads, rate)| format!("{threads} threads {:.0} GFLOP/s", rate.median / 1e9))
        .collect();
    format!(
        "refrain {} on {}, {} cores; median and half range of {} repetitions; f32 products of 384 × 384 matrices in the same run: {}",
        report.refrain,
        report.host,
        report.cores,
        report.repeats,
        rates.join(", ")
    )
}

fn aligned(headings: &[String], rows: &[Vec<String>], out: &mut dyn Write) -> Result<()> {
    let width = |i: usize| {
        rows.iter().map(|row| row[i].chars().count()).chain([headings[i].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for row in std::iter::once(headings).chain(rows.iter().map(Vec::as_slice)) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        writeln!(out, "{}", cells.join("  "))?;
    }
    Ok(())
}

fn markdown(headings: &[String], rows: &[Vec<String>], out: &mut dyn Write) -> Result<()> {
    writeln!(out, "| {} |", headings.join(" | "))?;
    writeln!(out, "|{}", "---|".repeat(headings.len()))?;
    rows.iter().try_for_each(|row| writeln!(out, "| {} |", row.join(" | ")))
}

/// Sets the tokens/s of two runs side by side, for the combinations that both have. A difference
/// counts as one if the two ranges of repetitions do not overlap.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_comparison(before: &BenchReport, now: &BenchReport, out: &mut dyn Write) -> Result<()> {
    let same = |a: &BenchResult, b: &BenchResult| {
        let key = |r: &BenchResult| {
            (
                r.model.clone(),
                r.provider.clone(),
                r.precision.clone(),
                r.threads,
                r.batch_tokens,
                r.length_step,
                r.length,
                r.n_tokens,
            )
        };
        key(a) == key(b)
    };
    let headings = ["combination", "tokens/s before", "now", "ratio", "verdict"].map(str::to_owned);
    let rows: Vec<Vec<String>> = now
        .results
        .iter()
        .filter_map(|b| Some((before.results.iter().find(|a| same(a, b))?, b)))
        .map(|(a, b)| {
            let (old, new) = (a.tokens_per_second, b.tokens_per_second);
            let verdict = if new.min > old.max {
                "faster"
            } else if new.max < old.min {
                "slower"
            } else {
                "within the noise"
            };
            let length = b.length.map_or_else(String::new, |length| format!(" {length} tokens"));
            vec![
                format!(
                    "{} {} {} {} threads, {} batch tokens{length}",
                    b.model, b.provider, b.precision, b.threads, b.batch_tokens
                ),
                spread(old),
                spread(new),
                format!("{:.3}", new.median / old.median),
                verdict.into(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return writeln!(out, "the two results have no combination in common");
    }
    aligned(&headings, &rows, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn report(rate: f64) -> BenchReport {
        let around = |rate: f64| Spread { min: rate * 0.95, median: rate, max: rate * 1.05 };
        let result = BenchResult {
            model: "m".into(),
            provider: "cpu".into(),
            precision: "f32".into(),
            threads: 2,
            sessions: (2, 1),
            batch_tokens: 1024,
            length_step: 16,
            length: Some(64),
            n_passages: 256,
            n_tokens: 16_384,
            padding_share: 0.1,
            load_seconds: 0.5,
            passages_per_second: around(rate / 64.0),
            tokens_per_second: around(rate),
            share_of_matrix_rate: Some(0.7),
            peak_memory_bytes: None,
        };
        BenchReport {
            refrain: "0".into(),
            host: "h".into(),
            cores: 2,
            repeats: 3,
            matrix_rates: BTreeMap::new(),
            results: vec![result],
        }
    }

    fn written(write: impl Fn(&mut Vec<u8>) -> Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_difference_counts_only_beyond_the_noise() {
        let verdict = |before, now| written(|out| write_comparison(&report(before), &report(now), out));
        assert!(verdict(100.0, 120.0).contains("1.200  ") && verdict(100.0, 120.0).contains("faster"));
        assert!(verdict(100.0, 80.0).contains("slower"));
        assert!(verdict(100.0, 105.0).contains("within the noise"));
    }

    #[test]
    fn every_format_holds_the_figures() {
        for format in [BenchFormat::Text, BenchFormat::Json, BenchFormat::Csv, BenchFormat::Markdown] {
            let text = written(|out| write_results(&report(1600.0), format, out));
            assert!(text.contains("25.0") && text.contains("1600.0"), "{text}");
        }
        let json = written(|out| write_results(&report(1600.0), BenchFormat::Json, out));
        let read: BenchReport = serde_json::from_str(&json).unwrap();
        assert_eq!(read.results, report(1600.0).results);
    }
}
