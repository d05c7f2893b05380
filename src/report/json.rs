//! `report.json`: everything but timings. Two runs over the same input with the same options write
//! the same bytes, at any number of threads.

use super::{Counts, ModelShown, Report, rounded};
use crate::cluster::{Clustering, CriterionAt, NClusters, Outliers};
use crate::duplicate::{DuplicateGroup, Kind, PairSources, WeakestLink};
use crate::passage::Segment;
use crate::theme::Keyword;
use crate::{Result, Warning};
use serde::Serialize;
use std::collections::HashMap;
use std::io::Write;

#[derive(Serialize)]
struct ReportJson<'a> {
    header: Header<'a>,
    warnings: Vec<WarningShown<'a>>,
    sources: Vec<SourceShown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clustering: Option<ClusteringShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<AgreementShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    themes: Option<Vec<ThemeShown<'a, Place<'a>>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broader_themes: Vec<BroaderThemeShown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_groups: Option<Vec<GroupShown<Place<'a>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boilerplate: Option<Vec<BoilerplateShown<'a>>>,
}

#[derive(Serialize)]
pub(super) struct Header<'a> {
    refrain: &'static str,
    paths: &'a [String],
    options: OptionsShown<'a>,
    /// None if the embeddings were given.
    model: Option<&'a ModelShown>,
    counts: CountsShown,
}

/// The options that decide what is found; not those that only decide how fast.
#[derive(Serialize)]
struct OptionsShown<'a> {
    include: &'a [String],
    exclude: &'a [String],
    input_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_column: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_column: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_column: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_column: Option<&'a str>,
    segment: &'static str,
    min_chars: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    clustering: Option<ClusterOptionsShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<DuplicateOptionsShown<'a>>,
}

#[derive(Serialize)]
struct ClusterOptionsShown {
    k: serde_json::Value,
    init: &'static str,
    restarts: usize,
    max_iterations: usize,
    train_per_cluster: usize,
    algorithm: &'static str,
    outliers: String,
    seed: u64,
}

#[derive(Serialize)]
struct DuplicateOptionsShown<'a> {
    kinds: Vec<Kind>,
    threshold: f64,
    min_jaccard: f64,
    min_containment: f64,
    min_excerpt_words: usize,
    sources: PairSources,
    min_group: usize,
    max_pairs: usize,
    boilerplate: f64,
    min_boilerplate_documents: usize,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    against: &'a [String],
}

#[derive(Serialize)]
struct CountsShown {
    inputs: usize,
    documents: usize,
    sources: usize,
    passages: usize,
    /// Of those, the ones that the report shows, if it does not show all.
    #[serde(skip_serializing_if = "Option::is_none")]
    passages_shown: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_passages: Option<usize>,
    distinct_passages: usize,
    tokens_embedded: usize,
    short_passages_left_out: usize,
    paragraphs_split: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    outliers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<PairCounts>,
}

#[derive(Serialize)]
struct PairCounts {
    exact: usize,
    near: usize,
    excerpt: usize,
    reworded: usize,
    across_sources: usize,
    left_out: usize,
}

#[derive(Serialize)]
pub(super) struct WarningShown<'a> {
    #[serde(flatten)]
    warning: &'a Warning,
    message: String,
}

#[derive(Serialize)]
pub(super) struct SourceShown<'a> {
    pub source: &'a str,
    pub documents: Vec<DocumentShown<'a>>,
    pub passages: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    outliers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_passages: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_duplicate_groups: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct DocumentShown<'a> {
    document: &'a str,
    #[serde(flatten)]
    metadata: &'a crate::document::Metadata,
}

#[derive(Serialize)]
pub(super) struct ClusteringShown {
    n_clusters: usize,
    inertia: f64,
    n_iterations: Option<usize>,
    criterion: &'static str,
    curve: Vec<CurvePoint>,
}

/// How well the clusters agree with the labels; outliers count with the nearest cluster.
#[derive(Serialize)]
struct AgreementShown {
    labelled_passages: usize,
    labels: usize,
    clusters: usize,
    v_measure: f64,
    homogeneity: f64,
    completeness: f64,
    ari: f64,
    nmi: f64,
}

#[derive(Serialize)]
struct CurvePoint {
    n_clusters: usize,
    silhouette: f64,
    standard_error: f64,
}

/// A theme; `P` is how it names a passage.
#[derive(Serialize)]
pub(super) struct ThemeShown<'a, P> {
    cluster_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
    label: &'a str,
    #[serde(flatten)]
    keywords: KeywordsShown<'a>,
    size: usize,
    n_distinct: usize,
    n_sources: usize,
    sources: Vec<ThemeSource<'a>>,
    languages: Vec<ThemeLanguage>,
    spread: f64,
    cohesion: f64,
    nearest: Option<NearestShown>,
    exemplars: Vec<P>,
}

/// Several themes that are near each other.
#[derive(Serialize)]
pub(super) struct BroaderThemeShown<'a> {
    parent: u32,
    label: &'a str,
    #[serde(flatten)]
    keywords: KeywordsShown<'a>,
    size: usize,
    themes: &'a [u32],
}

/// The keywords of a theme or a broader one, with the shares of the texts that have each, and any.
#[derive(Serialize)]
struct KeywordsShown<'a> {
    keywords: Vec<&'a str>,
    keyword_shares: Vec<f64>,
    keyword_coverage: f64,
}

impl<'a> KeywordsShown<'a> {
    fn of(keywords: &'a [Keyword], coverage: f32) -> Self {
        Self {
            keywords: keywords.iter().map(|keyword| keyword.term.as_str()).collect(),
            keyword_shares: keywords.iter().map(|keyword| rounded(keyword.share)).collect(),
            keyword_coverage: rounded(coverage),
        }
    }
}

/// The theme with the most similar centroid.
#[derive(Serialize)]
struct NearestShown {
    cluster_id: u32,
    cosine: f64,
}

#[derive(Serialize)]
struct ThemeSource<'a> {
    source: &'a str,
    passages: usize,
}

/// `language` is null where it is not known.
#[derive(Serialize)]
struct ThemeLanguage {
    language: Option<&'static str>,
    passages: usize,
}

/// A group; `P` is how it names a passage.
#[derive(Serialize)]
pub(super) struct GroupShown<P> {
    group: u32,
    kind: Kind,
    size: usize,
    across_sources: bool,
    n_pairs: usize,
    weakest_link: WeakestShown,
    pub representative: u32,
    pub members: Vec<P>,
}

/// A group that stands in a large share of some sources' documents; it is not among the others.
#[derive(Serialize)]
struct BoilerplateShown<'a> {
    of: Vec<BoilerplateOf<'a>>,
    #[serde(flatten)]
    group: GroupShown<Place<'a>>,
}

#[derive(Serialize)]
struct BoilerplateOf<'a> {
    source: &'a str,
    documents: usize,
    of_documents: usize,
}

#[derive(Serialize)]
struct WeakestShown {
    #[serde(skip_serializing_if = "Option::is_none")]
    cosine: Option<f64>,
    jaccard: f64,
    containment: f64,
}

impl From<WeakestLink> for WeakestShown {
    fn from(link: WeakestLink) -> Self {
        Self {
            cosine: link.cosine.map(rounded),
            jaccard: rounded(link.jaccard),
            containment: rounded(link.containment),
        }
    }
}

/// A passage and where it stands: bytes `start..end` of the document's decoded text.
#[derive(Serialize)]
struct Place<'a> {
    passage_id: u32,
    source: &'a str,
    document: &'a str,
    start: usize,
    end: usize,
    text: &'a str,
}

/// Writes `report.json`.
///
/// # Errors
/// [`std::io::Error`] of the writer.
pub fn write_json(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &shown(report))?;
    out.write_all(b"\n")
}

fn shown(report: &Report) -> ReportJson<'_> {
    let place = |passage: u32| Some(place(report, passage));
    ReportJson {
        header: header(report),
        warnings: warnings(report),
        sources: sources(report, &|_| true),
        clustering: report.clustering.as_ref().map(clustering),
        agreement: report.agreement.map(|agreement| AgreementShown {
            labelled_passages: agreement.n_labelled,
            labels: agreement.n_labels,
            clusters: agreement.n_clusters,
            v_measure: rounded(agreement.v_measure as f32),
            homogeneity: rounded(agreement.homogeneity as f32),
            completeness: rounded(agreement.completeness as f32),
            ari: rounded(agreement.ari as f32),
            nmi: rounded(agreement.nmi as f32),
        }),
        themes: themes(report, place),
        broader_themes: broader_themes(report),
        duplicate_groups: report.duplicates.as_ref().map(|duplicates| {
            let groups = (0u32..).zip(&duplicates.groups).filter(|(number, _)| !duplicates.is_boilerplate(*number));
            groups.map(|(number, group)| group_shown(number, group, place)).collect()
        }),
        boilerplate: report.duplicates.as_ref().map(|duplicates| {
            let of_group = duplicates.boilerplate.chunk_by(|a, b| a.group == b.group);
            let shown = of_group.map(|sources| BoilerplateShown {
                of: sources
                    .iter()
                    .map(|of| BoilerplateOf {
                        source: &report.sources[of.source as usize],
                        documents: of.n_documents,
                        of_documents: of.of_documents,
                    })
                    .collect(),
                group: group_shown(sources[0].group, &duplicates.groups[sources[0].group as usize], place),
            });
            shown.collect()
        }),
    }
}

pub(super) fn warnings(report: &Report) -> Vec<WarningShown<'_>> {
    report.warnings.iter().map(|warning| WarningShown { warning, message: warning.to_string() }).collect()
}

pub(super) fn clustering(clustering: &Clustering) -> ClusteringShown {
    let curve = clustering.curve.iter().map(|&CriterionAt { n_clusters, silhouette, standard_error }| CurvePoint {
        n_clusters,
        silhouette: rounded(silhouette),
        standard_error: rounded(standard_error),
    });
    ClusteringShown {
        n_clusters: clustering.sizes.len(),
        inertia: (clustering.inertia * 1e4).round() / 1e4,
        n_iterations: clustering.n_iterations,
        criterion: "the largest k within one standard error of the best mean simplified silhouette",
        curve: curve.collect(),
    }
}

/// The themes; a passage that `place` does not know is left out.
pub(super) fn themes<P>(report: &Report, place: impl Fn(u32) -> Option<P>) -> Option<Vec<ThemeShown<'_, P>>> {
    let themes = report.themes.as_ref()?.themes.iter().map(|theme| ThemeShown {
        cluster_id: theme.cluster_id,
        parent: theme.parent,
        label: &theme.label,
        keywords: KeywordsShown::of(&theme.keywords, theme.keyword_coverage),
        size: theme.size,
        n_distinct: theme.n_distinct,
        n_sources: theme.sources.len(),
        sources: theme
            .sources
            .iter()
            .map(|&(source, passages)| ThemeSource { source: &report.sources[source as usize], passages })
            .collect(),
        languages: theme.languages.iter().map(|&(language, passages)| ThemeLanguage { language, passages }).collect(),
        spread: rounded(theme.spread),
        cohesion: rounded(theme.cohesion),
        nearest: theme.nearest.map(|(cluster_id, cosine)| NearestShown { cluster_id, cosine: rounded(cosine) }),
        exemplars: theme.exemplars.iter().filter_map(|&i| place(i)).collect(),
    });
    Some(themes.collect())
}

pub(super) fn broader_themes(report: &Report) -> Vec<BroaderThemeShown<'_>> {
    let broader = report.themes.iter().flat_map(|themes| &themes.broader).map(|broader| BroaderThemeShown {
        parent: broader.parent,
        label: &broader.label,
        keywords: KeywordsShown::of(&broader.keywords, broader.keyword_coverage),
        size: broader.size,
        themes: &broader.themes,
    });
    broader.collect()
}

fn place(report: &Report, passage: u32) -> Place<'_> {
    let span = report.place(passage);
    Place {
        passage_id: passage,
        source: report.source(passage),
        document: report.document(passage),
        start: span.start,
        end: span.end,
        text: report.text(passage),
    }
}

/// A group; a member that `place` does not know is left out.
pub(super) fn group_shown<P>(number: u32, group: &DuplicateGroup, place: impl Fn(u32) -> Option<P>) -> GroupShown<P> {
    GroupShown {
        group: number,
        kind: group.kind,
        size: group.members.len(),
        across_sources: group.across_sources,
        n_pairs: group.n_pairs,
        weakest_link: group.weakest.into(),
        representative: group.representative,
        members: group.members.iter().filter_map(|&i| place(i)).collect(),
    }
}

pub(super) fn header(report: &Report) -> Header<'_> {
    let options = &report.options;
    Header {
        refrain: env!("CARGO_PKG_VERSION"),
        paths: &report.paths,
        options: OptionsShown {
            include: &options.source.include,
            exclude: &options.source.exclude,
            input_format: options.document.format.map_or("auto", crate::document::Format::name),
            text_column: options.document.columns.text.as_deref(),
            id_column: options.document.columns.id.as_deref(),
            label_column: options.document.columns.label.as_deref(),
            source_column: options.document.columns.source.as_deref(),
            segment: match options.passage.segment {
                Segment::Paragraph => "paragraph",
                Segment::Line => "line",
                Segment::Document => "document",
            },
            min_chars: options.passage.min_chars,
            clustering: options.cluster.as_ref().map(|options| ClusterOptionsShown {
                k: match options.n_clusters {
                    NClusters::Auto => "auto".into(),
                    NClusters::Between(least, most) => format!("{least}..{most}").into(),
                    NClusters::Exactly(k) => k.into(),
                },
                init: options.init.name(),
                restarts: options.restarts,
                max_iterations: options.max_iterations,
                train_per_cluster: options.train_per_cluster,
                algorithm: options.algorithm.name(),
                outliers: match options.outliers {
                    Outliers::Beyond(limit) => format!("beyond {limit} times the distance between the quartiles"),
                    Outliers::Share(share) => format!("{share} of the different texts"),
                },
                seed: options.seed,
            }),
            duplicates: options.duplicate.as_ref().map(|options| DuplicateOptionsShown {
                kinds: options.kinds.clone(),
                // As it was given: what a finished report holds, another run asks by it.
                threshold: options.threshold.to_string().parse().unwrap_or_else(|_| f64::from(options.threshold)),
                min_jaccard: rounded(options.min_jaccard),
                min_containment: rounded(options.min_containment),
                min_excerpt_words: options.min_excerpt_words,
                sources: options.sources,
                min_group: options.min_group,
                max_pairs: options.max_pairs,
                boilerplate: rounded(options.boilerplate),
                min_boilerplate_documents: options.min_boilerplate_documents,
                against: &report.options.against,
            }),
        },
        model: report.model.as_ref(),
        counts: counts(report),
    }
}

fn counts(report: &Report) -> CountsShown {
    let (n_here, n_old) = (report.passages.len(), report.passages.len() - report.n_new);
    let Counts { n_documents, n_sources, n_passages, n_outliers, n_pairs, n_across_sources, .. } = report.counts();
    let [exact, near, excerpt, reworded] = n_pairs;
    CountsShown {
        inputs: report.n_inputs,
        documents: n_documents,
        sources: n_sources,
        passages: n_passages,
        passages_shown: (n_here < n_passages).then_some(n_here),
        old_passages: (n_old > 0).then_some(n_old),
        distinct_passages: report.n_distinct,
        tokens_embedded: report.embedded.n_tokens,
        short_passages_left_out: report.n_short,
        paragraphs_split: report.n_split,
        outliers: report.clustering.as_ref().map(|_| n_outliers),
        pairs: report.duplicates.as_ref().map(|duplicates| PairCounts {
            exact,
            near,
            excerpt,
            reworded,
            across_sources: n_across_sources,
            left_out: duplicates.n_pairs_left_out,
        }),
    }
}

/// The sources, with those of their documents that are shown; a source without any is left out.
pub(super) fn sources<'a>(report: &'a Report, is_shown: &dyn Fn(usize) -> bool) -> Vec<SourceShown<'a>> {
    let mut shown: Vec<SourceShown> = report
        .sources
        .iter()
        .map(|source| SourceShown {
            source,
            documents: vec![],
            passages: 0,
            outliers: report.clustering.as_ref().map(|_| 0),
            old_passages: (report.n_new < report.passages.len()).then_some(0),
            in_duplicate_groups: report.duplicates.as_ref().map(|_| 0),
        })
        .collect();
    let number: HashMap<&str, usize> = report.sources.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let documents = report.documents.iter().enumerate().filter(|(i, _)| is_shown(*i));
    for (_, document) in documents {
        let document_shown = DocumentShown { document: &document.name, metadata: &document.metadata };
        shown[number[document.source.as_str()]].documents.push(document_shown);
    }
    for (passage, &source) in report.source_of.iter().enumerate() {
        let shown = &mut shown[source as usize];
        shown.passages += 1;
        if let Some(n) = shown.old_passages.as_mut() {
            *n += usize::from(passage >= report.n_new);
        }
        if let Some((n, clustering)) = shown.outliers.as_mut().zip(report.clustering.as_ref()) {
            *n += usize::from(clustering.assignment[passage].is_none());
        }
        if let Some((n, duplicates)) = shown.in_duplicate_groups.as_mut().zip(report.duplicates.as_ref()) {
            *n += usize::from(duplicates.group_of[passage].is_some());
        }
    }
    shown.retain(|source| !source.documents.is_empty());
    shown
}

/// `report.json` into a file.
pub(super) fn write(report: &Report, file: std::fs::File) -> Result<(), String> {
    let mut out = std::io::BufWriter::new(file);
    write_json(report, &mut out).and_then(|()| out.flush()).map_err(|e| e.to_string())
}
