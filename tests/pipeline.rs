//! The whole pipeline over the seed documents, with the real model and the real runtime.

mod common;

use common::{embed, run, seeds};
use refrain::cluster::hierarchy::MIN_CLUSTERS;
use refrain::duplicate::Kind;
use refrain::embedding::{Precision, Provider, ProviderChoice};
use refrain::theme::{Keyword, Theme, Themes};
use refrain::{Options, Report, analyse};
use std::collections::HashMap;

/// The pairs of a report as (kind, first words of a, first words of b).
fn pairs_of(report: &Report) -> Vec<(Kind, &str, &str, f32)> {
    let pairs = &report.duplicates.as_ref().unwrap().pairs;
    pairs.iter().map(|p| (p.kind, report.text(p.a), report.text(p.b), p.cosine.unwrap())).collect()
}

#[test]
fn seeds_show_what_recurs_in_them() {
    let report = analyse(&[seeds()], &Options::default(), &refrain::Silent).unwrap();
    let pairs = pairs_of(&report);
    let has = |kind: Kind, a: &str, b: &str, cosine: f32| {
        pairs.iter().any(|(k, x, y, c)| *k == kind && x.starts_with(a) && y.starts_with(b) && (c - cosine).abs() < 0.01)
    };

    // Every headline of 003 that stands twice is an exact pair.
    let text = std::fs::read_to_string(format!("{}/003_9167be1371e64c63.txt", seeds())).unwrap();
    let mut times: HashMap<&str, usize> = HashMap::new();
    text.lines().filter(|line| line.chars().count() >= 40).for_each(|line| *times.entry(line).or_default() += 1);
    let twice: Vec<&str> = times.into_iter().filter(|(_, n)| *n == 2).map(|(line, _)| line).collect();
    assert!(twice.len() >= 19, "{twice:?}");
    for headline in twice {
        assert!(has(Kind::Exact, headline, headline, 1.0), "{headline}");
    }

    // The reworded headlines and blurbs, and the pull-quotes beside their paragraphs.
    assert!(has(Kind::Reworded, "Russia Pushes to Revive", "Moscow Advocates Revival", 0.92));
    assert!(has(
        Kind::Reworded,
        "At an international conference in Perm",
        "Russian Foreign Minister Sergey Lavrov emphasized",
        0.90
    ));
    assert!(has(Kind::Excerpt, "If Lee attends the summit", "If Lee attends the summit", 0.95));
    assert!(has(Kind::Excerpt, "Through this investment", "Aside from tariff negotiations", 0.90));
    assert!(pairs.iter().any(|(kind, a, b, _)| *kind == Kind::Excerpt
        && a.starts_with("The forthcoming North Atlantic")
        && b.contains(a)));
    // Where it stands in the longer one, up to the full stop.
    let held =
        report.duplicates.as_ref().unwrap().pairs.iter().find(|pair| {
            pair.kind == Kind::Excerpt && report.text(pair.a).starts_with("The forthcoming North Atlantic")
        });
    let (held, place) = held.and_then(|pair| Some((pair, pair.excerpt?))).unwrap();
    assert_eq!(place.within, held.b);
    let stands = &report.text(held.b)[place.start as usize..place.end as usize];
    assert_eq!(stands, report.text(held.a).trim_end_matches('.'));

    // The damaged WordPress dump is read to its end, and the damage is said.
    assert!(
        report
            .passages
            .iter()
            .any(|p| p.text(&report.documents).starts_with("Yoon Suk-yeol departed for Madrid on Monday"))
    );
    assert!(
        report
            .passages
            .iter()
            .any(|p| p.text(&report.documents).starts_with("This year’s NATO summit could thus be a springboard"))
    );
    let damaged = |w: &refrain::Warning| {
        matches!(w, refrain::Warning::DamagedJson { recovered_bytes: 2917, total_bytes: 2917, .. })
    };
    assert!(report.warnings.iter().any(damaged), "{:?}", report.warnings);
    assert!(report.has_losses());

    // Themes can be told apart, and every figure is one.
    let Themes { themes, broader, .. } = report.themes.as_ref().unwrap();
    let labels: std::collections::HashSet<&str> = themes.iter().map(|t| t.label.as_str()).collect();
    assert!(themes.len() >= 4 && labels.len() == themes.len());
    assert!(themes.iter().all(|t| t.cohesion.is_finite() && t.cohesion > 0.0 && t.cohesion <= 1.0));
    assert!(themes.windows(2).all(|pair| pair[0].size >= pair[1].size));
    assert!(themes.iter().all(|t| (0.0..=1.0).contains(&t.spread) && t.nearest.is_some()));
    let n_told = |t: &Theme| t.languages.iter().map(|&(_, n)| n).sum::<usize>();
    assert!(themes.iter().all(|t| n_told(t) == t.size && t.languages[0].0 == Some("en")));
    let most = |keywords: &[Keyword]| keywords.iter().map(|keyword| keyword.share).fold(0.0, f32::max);
    assert!(themes.iter().all(|t| (most(&t.keywords)..=1.0).contains(&t.keyword_coverage)));
    assert_eq!(broader.is_empty(), themes.len() < MIN_CLUSTERS);
    for parent in broader {
        assert!(parent.themes.iter().all(|&t| themes[t as usize].parent == Some(parent.parent)));
        assert_eq!(parent.size, parent.themes.iter().map(|&t| themes[t as usize].size).sum::<usize>());
    }
    assert!(pairs.iter().all(|(_, _, _, cosine)| cosine.is_finite()));
    assert!(report.clustering.as_ref().unwrap().similarity.iter().all(|s| s.is_finite()));
}

#[test]
fn spans_slice_the_decoded_text() {
    let report = analyse(&[seeds()], &Options { cluster: None, ..Default::default() }, &refrain::Silent).unwrap();
    for passage in &report.passages {
        let text = passage.text(&report.documents);
        assert_eq!(text, text.trim());
        assert!(text.chars().count() >= 40);
    }
}

/// `(text, row)` by sentence-transformers 6.2.0 (torch 2.15.0, f32) for texts of `seeds/`; made by
/// `models/export.py --reference`.
fn reference() -> Vec<(String, Vec<f32>)> {
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/reference.jsonl")).unwrap();
    std::io::BufRead::lines(std::io::BufReader::new(file))
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn embeddings_equal_those_of_sentence_transformers() {
    let reference = reference();
    let texts: Vec<&str> = reference.iter().map(|(text, _)| text.as_str()).collect();
    for choice in [ProviderChoice::Only(Provider::Cpu), ProviderChoice::Auto] {
        let (rows, precision) = embed(&texts, choice, 2);
        let least = if precision == Precision::F32 { 0.9999 } else { 0.9995 };
        for ((text, expected), row) in reference.iter().zip(rows.outer_iter()) {
            let found = cosine(&row.to_vec(), expected);
            assert!(found >= least, "cosine {found} in {precision:?}: {text}");
        }
    }
}

#[test]
fn a_passage_alone_equals_itself_in_a_batch_at_any_thread_count() {
    let reference = reference();
    let texts: Vec<&str> = reference.iter().map(|(text, _)| text.as_str()).collect();
    let (together, precision) = embed(&texts, ProviderChoice::Auto, 2);
    let (one_thread, _) = embed(&texts, ProviderChoice::Auto, 1);
    assert_eq!(together, one_thread, "bit for bit");
    let tolerance = if precision == Precision::F32 { 1e-5 } else { 1e-3 };
    for (i, text) in texts.iter().enumerate().step_by(5) {
        let (alone, _) = embed(&[text], ProviderChoice::Auto, 2);
        let apart = (&alone.row(0) - &together.row(i)).iter().fold(0.0f32, |most, d| most.max(d.abs()));
        assert!(apart <= tolerance, "{apart}: {text}");
    }
}

#[test]
fn a_report_is_the_same_at_any_thread_count_and_in_every_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    for (name, threads) in [("one", "1"), ("two", "2"), ("again", "2")] {
        let place = folder.path().join(name);
        let output = run(&["report", &seeds(), "--threads", threads, "-o", place.to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        let file = |name: &str| std::fs::read(place.join(name)).unwrap();
        reports.push(["report.json", "passages.parquet", "report.html", "themes.csv", "duplicates.csv"].map(file));
        assert!(!file("run.json").is_empty());
    }
    assert!(reports[0] == reports[1] && reports[1] == reports[2]);
    assert!(!String::from_utf8_lossy(&reports[0][0]).contains("NaN"));
}
