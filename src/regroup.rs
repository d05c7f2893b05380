//! A report at another threshold: its pairs stay, what follows from them is made anew. Nothing is read,
//! embedded or compared again.

use crate::duplicate::{self, DuplicateOptions, DuplicatePair, ExactClasses, Kind, Passages, Rung};
use crate::{Error, Report, Result, Warning};
use ndarray::Array2;

/// Thresholds of a ladder are so far apart.
const STEP: f32 = 0.02;
/// Where a ladder begins, unless a lower threshold is asked for.
pub const LOWEST: f32 = 0.8;
/// Reworded pairs shown on either side of a rung.
const N_NEAREST: usize = 2;

/// The report with the groups that its pairs make with other options: a threshold at least as high, fewer
/// kinds, another least size of groups, another share of boilerplate.
///
/// # Errors
/// [`Error::Option`] if the report does not hold the pairs that are asked for.
pub fn regroup(mut report: Report, options: &DuplicateOptions) -> Result<Report> {
    options.check()?;
    let (pairs, made_with) = pairs_of(&report)?;
    let refused = |option, found: String, expected: String| Err(Error::Option { option, found, expected });
    if options.threshold < made_with.threshold {
        let expected = format!("at least {}, which the report was made with", made_with.threshold);
        return refused("--threshold", options.threshold.to_string(), expected);
    }
    if let Some(kind) = options.kinds.iter().find(|kind| !made_with.kinds.contains(kind)) {
        return refused("--kinds", kind.name().into(), "kinds that the report was made with".into());
    }
    let n_left_out = report.duplicates.as_ref().map_or(0, |duplicates| duplicates.n_pairs_left_out);
    let duplicates = with_passages(&report, |passages| duplicate::regroup(pairs, n_left_out, passages, options));
    report.duplicates = Some(duplicates);
    report.options.duplicate = Some(options.clone());
    Ok(report)
}

/// What a ladder of thresholds from the report's own up would find.
///
/// # Errors
/// [`Error::Option`] if the report holds no duplicates.
pub fn preview(report: &Report) -> Result<Vec<Rung>> {
    let (pairs, options) = pairs_of(report)?;
    let first = (options.threshold / STEP).ceil() as u32;
    let steps = (first..(1.0 / STEP).round() as u32).map(|step| step as f32 / (1.0 / STEP).round());
    let mut thresholds: Vec<f32> = steps.filter(|&threshold| threshold > options.threshold).collect();
    thresholds.insert(0, options.threshold);
    Ok(with_passages(report, |passages| duplicate::ladder(pairs, passages, options, &thresholds, N_NEAREST)))
}

/// The report at the lowest threshold at which at most `share` of its passages would go; which one that
/// is, a warning says.
///
/// # Errors
/// [`Error::Option`] if `share` cannot be met.
pub fn for_share(report: Report, share: f32) -> Result<Report> {
    let (pairs, options) = pairs_of(&report)?;
    let lowest = options.threshold;
    let (threshold, found) =
        with_passages(&report, |passages| duplicate::for_share(pairs, passages, options, lowest, share))?;
    let options = DuplicateOptions { threshold: threshold.max(lowest), ..options.clone() };
    let mut report = regroup(report, &options)?;
    report.warnings.push(Warning::ThresholdFound {
        target: share.to_string(),
        threshold: options.threshold.to_string(),
        share: format!("{:.2} %", found * 100.0),
        is_lowest: options.threshold <= lowest,
    });
    Ok(report)
}

/// The pairs of a report, and the options that they were found with.
fn pairs_of(report: &Report) -> Result<(&[DuplicatePair], &DuplicateOptions)> {
    match (&report.duplicates, &report.options.duplicate) {
        (Some(duplicates), Some(options)) => Ok((&duplicates.pairs, options)),
        _ => Err(Error::Option {
            option: "--threshold",
            found: "a report without duplicates".into(),
            expected: format!("one with {}", Kind::ALL.map(Kind::name).join(", ")),
        }),
    }
}

fn with_passages<T>(report: &Report, work: impl FnOnce(Passages) -> T) -> T {
    let texts: Vec<&str> = (0..report.passages.len() as u32).map(|passage| report.text(passage)).collect();
    let document_of: Vec<u32> = report.passages.iter().map(|passage| passage.document).collect();
    let classes = if texts.iter().any(|text| !text.is_empty()) {
        ExactClasses::of_new_and_old(&texts, report.n_new)
    } else {
        ExactClasses::all_different(texts.len())
    };
    // No rows: nothing is compared.
    let rows = Array2::zeros((0, 0));
    work(Passages {
        texts: &texts,
        rows: rows.view(),
        classes: &classes,
        source_of: &report.source_of,
        document_of: &document_of,
        n_new: report.n_new,
    })
}
