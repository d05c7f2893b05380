//! A report put together from tables: what was found elsewhere, by an engine that holds the corpus, is described and
//! shown here.

use crate::cluster::Clustering;
use crate::document::Document;
use crate::duplicate::{DuplicateGroup, Duplicates, ExactClasses, Passages};
use crate::embedding::EmbeddingCounts;
use crate::report::{self, Counts, ModelShown, Places, Report, Timings, sent};
use crate::{Error, Options, Result, Warning, described, on_map};
use arrow_array::RecordBatch;
use ndarray::Array2;
use std::collections::HashMap;
use std::path::PathBuf;

/// What was collected.
#[derive(Debug)]
pub struct Collected {
    /// What was read.
    pub paths: Vec<String>,
    /// The options of the run.
    pub options: Options,
    /// The model that embedded the passages; none if their embeddings were given.
    pub model: Option<ModelShown>,
    /// Files found.
    pub n_inputs: usize,
    /// Passages left out because they are short, and paragraphs split, of all that was read.
    pub n_short_and_split: (usize, usize),
    /// Tokens and passages of different text of all that was read.
    pub n_tokens_and_distinct: (usize, usize),
    /// What was skipped or repaired.
    pub warnings: Vec<Warning>,
    /// All documents in their order, those without passages too: source, name, and metadata as [`sent::of_metadata`] gives it;
    /// empty where only the documents of the passages are known.
    pub documents: Vec<(String, String, String)>,
    /// Rows of [`tables::passages`](report::tables::passages), in passage order, at least with the columns that say
    /// where a passage stands and what it says.
    pub passages: Vec<RecordBatch>,
    /// `(n, dim)` rows of unit length, one for each; of no columns where there are none.
    pub rows: Array2<f32>,
    /// The clusters, if there are any.
    pub clustering: Option<Clustering>,
    /// Rows of [`tables::pairs`](report::tables::pairs), and the groups, if duplicates were looked for.
    pub duplicates: Option<(Vec<RecordBatch>, Vec<DuplicateGroup>)>,
    /// The counts of the whole, and of each theme, if the passages are a part of what was read.
    pub whole: Option<(Counts, Vec<OfTheme>)>,
}

/// What is known of all passages of a theme.
#[derive(Clone, Copy, Debug)]
pub struct OfTheme {
    /// Those of different text.
    pub n_distinct: usize,
    /// Their mean cosine similarity to the centroid, −1 to 1.
    pub cohesion: f32,
}

/// Describes the themes, places the passages on a map, and finds the excerpts and the boilerplate. Of a part of a
/// corpus, the labels, keywords, sources, languages and exemplars of themes are those of that part, and no group is called
/// boilerplate.
///
/// # Errors
/// [`Error::Finished`] if a table is not of these columns, or speaks of passages that are not there.
pub fn report(collected: Collected) -> Result<Report> {
    let timings = Timings::start();
    let Collected { paths, options, model, mut warnings, rows, clustering, whole, .. } = collected;
    let wrong =
        |what: &str| Error::Finished { path: PathBuf::from(what), reason: "its rows do not fit together".into() };
    let mut places = Places::default();
    collected.passages.iter().try_for_each(|batch| places.add(batch)).ok_or_else(|| wrong("passages"))?;
    let Places { documents, passages } = with_all_documents(places, collected.documents);
    let n = passages.len();
    let is_whole = clustering.as_ref().is_none_or(|found| found.assignment.len() == n && found.similarity.len() == n);
    if rows.nrows() != n || !is_whole {
        return Err(wrong("passages"));
    }
    let texts: Vec<&str> = passages.iter().map(|passage| passage.text(&documents)).collect();
    let classes = ExactClasses::of(&texts);
    let (sources, source_of) = report::sources(&documents, &passages);
    let document_of: Vec<u32> = passages.iter().map(|passage| passage.document).collect();
    let compared = Passages {
        texts: &texts,
        rows: rows.view(),
        classes: &classes,
        source_of: &source_of,
        document_of: &document_of,
        n_new: n,
    };
    let mut themes = clustering.as_ref().map(|clustering| described(&compared, clustering, &mut warnings));
    if let (Some(themes), Some(clustering), Some((_, of_themes))) = (&mut themes, &clustering, &whole) {
        for ((theme, &size), of_all) in themes.themes.iter_mut().zip(&clustering.sizes).zip(of_themes) {
            (theme.size, theme.n_distinct, theme.cohesion) = (size, of_all.n_distinct, of_all.cohesion);
        }
    }
    let projection =
        options.cluster.as_ref().filter(|_| options.projection).map(|options| on_map(&compared, options.seed));
    let duplicates = match (collected.duplicates, &options.duplicate) {
        (Some((tables, groups)), Some(options)) => {
            let mut pairs = Vec::new();
            tables
                .iter()
                .try_for_each(|batch| report::add_pairs(batch, n, &mut pairs))
                .ok_or_else(|| wrong("pairs"))?;
            if groups
                .iter()
                .flat_map(|group| group.members.iter().chain([&group.representative]))
                .any(|&i| i as usize >= n)
            {
                return Err(wrong("groups"));
            }
            let mut duplicates = Duplicates::of_parts(pairs, groups, compared, options);
            if whole.is_some() {
                // In how large a share of a source's documents a group stands, a part of them does not say.
                duplicates.boilerplate.clear();
            }
            Some(duplicates)
        }
        _ => None,
    };
    let (n_tokens, n_distinct) = collected.n_tokens_and_distinct;
    let whole = whole.map(|(counts, _)| counts);
    let n_passages = whole.as_ref().map_or(n, |whole| whole.n_passages);
    Ok(Report {
        paths,
        options,
        model,
        n_inputs: collected.n_inputs,
        n_short: collected.n_short_and_split.0,
        n_split: collected.n_short_and_split.1,
        n_distinct,
        warnings,
        sources,
        source_of,
        documents,
        passages,
        n_new: n,
        clustering,
        agreement: None,
        themes,
        projection,
        duplicates,
        embedded: EmbeddingCounts { n_passages, n_distinct, n_tokens, ..EmbeddingCounts::default() },
        whole,
        timings,
    })
}

/// The passages in their documents among all of them, which are given as source, name and metadata.
fn with_all_documents(places: Places, all: Vec<(String, String, String)>) -> Places {
    let Places { documents, mut passages } = places;
    if all.is_empty() {
        return Places { documents, passages };
    }
    let number: HashMap<(&str, &str), usize> = documents
        .iter()
        .enumerate()
        .map(|(i, document)| ((document.source.as_str(), document.name.as_str()), i))
        .collect();
    let old_numbers: Vec<Option<usize>> =
        all.iter().map(|(source, name, _)| number.get(&(source.as_str(), name.as_str())).copied()).collect();
    let mut new_number = vec![None; documents.len()];
    (0u32..).zip(&old_numbers).for_each(|(new, old)| {
        if let Some(old) = *old {
            new_number[old] = Some(new);
        }
    });
    // Only if each passage's document is among them.
    let Some(new_number) = new_number.into_iter().collect::<Option<Vec<u32>>>() else {
        return Places { documents, passages };
    };
    let mut texts: Vec<Option<String>> = documents.into_iter().map(|document| Some(document.text)).collect();
    let document = |((source, name, metadata), old): ((String, String, String), Option<usize>)| Document {
        text: old.and_then(|old| texts[old].take()).unwrap_or_default(),
        metadata: sent::metadata(&metadata),
        source,
        name,
        ..Document::default()
    };
    let documents = all.into_iter().zip(old_numbers).map(document).collect();
    passages.iter_mut().for_each(|passage| passage.document = new_number[passage.document as usize]);
    Places { documents, passages }
}
