//! A corpus without its duplicates: which passages or documents go, and why.
//!
//! Whoever is to stay comes first in an order that the user chooses; then every passage goes that is
//! directly paired with one that stays ([`Links::dispensable`]). What is left is cut into passages and
//! looked at again until nothing more goes, because a document without some of its passages may be cut
//! otherwise: so a second run changes nothing, and a report on what is left shows no group.

mod date;

use crate::document::{self, Document};
use crate::duplicate::{self, Dispensable, DuplicateOptions, Duplicates, ExactClasses, Kind, Links, Passages, digest};
use crate::embedding::{Embedder, Model, Runtime};
use crate::passage::{self, Passage};
use crate::source::Input;
use crate::{Error, Inputs, Options, Progress, Result, Stage, Warning, report};
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

/// Which of several duplicates stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first, in the order of documents (by name) and of their text.
    #[default]
    First,
    /// The longest, in characters; of equals the first.
    Longest,
    /// The one of the newest document; of equals, and without a date that can be read, the first.
    Newest,
}

/// What goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Passages.
    #[default]
    Passage,
    /// Whole documents, if most of what they say is in one that stays.
    Document,
}

/// How a corpus is freed of duplicates; what a duplicate is, [`DuplicateOptions`] say.
#[derive(Clone, Copy, Debug)]
pub struct DedupOptions {
    /// Which of several duplicates stays; default: the first.
    pub keep: Keep,
    /// What goes; default: passages.
    pub unit: Unit,
    /// A document goes if at least this share of the characters of its passages, above 0 and at most 1,
    /// is in duplicates of passages of one document that stays; default 0.8.
    pub min_share: f32,
    /// Whether what goes is only to be named, not cut out: then it does not matter whether its format can
    /// be written; default: no.
    pub is_named_only: bool,
}

impl Default for DedupOptions {
    fn default() -> Self {
        Self { keep: Keep::First, unit: Unit::Passage, min_share: 0.8, is_named_only: false }
    }
}

/// A place in a document as it was read: bytes `start..end` of its decoded text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The source.
    pub source: String,
    /// The document.
    pub document: String,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// The text.
    pub text: String,
}

/// What goes, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Removed {
    /// What goes.
    #[serde(flatten)]
    pub place: Place,
    /// What stays for it.
    pub kept: Place,
    /// How they are alike; of a document, the weakest kind among its passages.
    pub kind: Kind,
    /// Cosine similarity, −1 to 1; of a document, that of its weakest passage, as are the next two.
    pub cosine: Option<f32>,
    /// Shared shingles as a share of all, 0 to 1.
    pub jaccard: f32,
    /// Shared shingles as a share of the smaller set, 0 to 1.
    pub containment: f32,
    /// Of a document: the share of its passages' characters that stands in the other, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
    /// Index of the document.
    #[serde(skip)]
    pub(crate) document: usize,
}

impl Removed {
    /// The figure that the kind is decided by, 0 to 1; of a document, the share.
    #[must_use]
    pub fn score(&self) -> f32 {
        let Self { kind, cosine, jaccard, containment, .. } = *self;
        let evidence = Dispensable { passage: 0, kept: 0, kind, cosine, jaccard, containment }.evidence();
        self.share.unwrap_or(evidence)
    }
}

/// What is left of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    All,
    /// What is cut out of its text, as it was read.
    Without(Vec<Range<usize>>),
    Nothing,
}

/// A corpus and what of it goes.
#[derive(Debug)]
pub struct Dedup {
    /// What was named on the command line.
    pub paths: Vec<String>,
    /// The options of the run.
    pub options: Options,
    /// How duplicates go.
    pub dedup: DedupOptions,
    /// What was skipped or repaired, and duplicates that stay because their format cannot be written.
    pub warnings: Vec<Warning>,
    /// The new corpus's inputs.
    pub(crate) inputs: Vec<Input>,
    /// Documents of the new corpus by input, in their order; their texts are what is left.
    pub(crate) documents: Vec<Document>,
    /// For each input where its documents begin, and the end.
    pub(crate) starts: Vec<usize>,
    /// What is left of each document.
    pub(crate) left: Vec<Left>,
    /// The documents' texts as they were read, where what goes is only named.
    pub(crate) texts_as_read: Option<Vec<String>>,
    /// What goes, by document and place.
    pub removed: Vec<Removed>,
    /// Passages of the new corpus as it was read.
    pub n_passages: usize,
    /// How often the corpus was looked at; the last time nothing went.
    pub n_rounds: usize,
    /// Documents without a date that can be read, where dates decide.
    pub n_undated: Option<usize>,
}

/// Finds what goes of the corpus in `paths`; nothing is written.
///
/// # Errors
/// Any [`Error`]; what costs only a part of the input is a warning instead.
pub fn dedup(paths: &[String], options: &Options, dedup: DedupOptions, progress: &dyn Progress) -> Result<Dedup> {
    options.check()?;
    if !(dedup.min_share > 0.0 && dedup.min_share <= 1.0) {
        let expected = "a share above 0 and at most 1".into();
        return Err(Error::Option { option: "--min-share", found: dedup.min_share.to_string(), expected });
    }
    let duplicate = options.duplicate.clone().unwrap_or_default();
    let Inputs { new: inputs, old, mut warnings } = Inputs::find(paths, options)?;
    let model = Model::find(&options.model, &options.runtime, progress)?;
    options.embedding.check(&model)?;
    progress.start(Stage::Reading, 0);
    let (mut documents, starts) = read_by_input(&inputs, options, &mut warnings)?;
    let n_new = documents.len();
    if !old.is_empty() {
        let (mut more, mut warned) = document::read_all(&old, &options.document)?;
        documents.append(&mut more);
        warnings.append(&mut warned);
    }
    progress.finish();
    let is_fixed = fixed(&inputs, &documents, &starts, dedup);
    let texts_as_read =
        dedup.is_named_only.then(|| documents[..n_new].iter().map(|document| document.text.clone()).collect());
    let mut cleaning = Cleaning {
        pieces: documents.iter().map(|document| std::iter::once(0..document.text.len()).collect()).collect(),
        lengths: documents.iter().map(|document| document.text.len()).collect(),
        documents,
        n_new,
        is_fixed,
        removed: vec![],
    };
    let runtime = Runtime::find(&options.runtime, progress)?;
    let counter = model.token_counter()?;
    let mut embedder = Embedder::new(model, runtime, options.embedding.clone())?;
    let mut known = KnownRows::default();
    let (mut n_rounds, mut n_passages) = (0, 0);
    loop {
        let segmented = passage::segment(&cleaning.documents, &counter, &options.passage);
        // That nothing is long enough is an error of the input; that nothing is left is not.
        let passages = match segmented {
            Err(_) if n_rounds > 0 => break,
            segmented => segmented?.passages,
        };
        n_rounds += 1;
        let texts: Vec<&str> = passages.iter().map(|passage| passage.text(&cleaning.documents)).collect();
        let rows = known.rows(&texts, &passages, |texts, n_tokens| {
            Ok(embedder.embed(texts, n_tokens, progress, &mut warnings)?.rows)
        })?;
        progress.start(Stage::Duplicates, 0);
        let found = cleaning.find(&passages, &texts, &rows, &duplicate, dedup)?;
        progress.finish();
        if n_rounds == 1 {
            n_passages = passages.iter().filter(|passage| (passage.document as usize) < n_new).count();
        }
        let n_left = found.n_left;
        if !cleaning.take(&found, &passages, dedup) {
            if n_left > 0 {
                warnings.push(Warning::DuplicatesLeft { n_passages: n_left });
            }
            break;
        }
    }
    let n_undated = (dedup.keep == Keep::Newest).then(|| {
        let is_undated = |document: &&Document| date::seconds(document).is_none();
        cleaning.documents[..n_new].iter().filter(is_undated).count()
    });
    Ok(Dedup {
        paths: paths.to_vec(),
        options: options.clone(),
        dedup,
        warnings,
        left: cleaning.left(),
        texts_as_read,
        removed: cleaning.removed_in_order(),
        documents: {
            cleaning.documents.truncate(n_new);
            cleaning.documents
        },
        inputs,
        starts,
        n_passages,
        n_rounds,
        n_undated,
    })
}

/// The documents of each input, and where they begin.
fn read_by_input(
    inputs: &[Input],
    options: &Options,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<Document>, Vec<usize>)> {
    if let Some(input) = inputs.iter().find(|input| document::embedded::holds_embeddings(input)) {
        let reason = "it holds embeddings, which are not written back; give the documents that they were made from";
        return Err(Error::Embeddings { document: input.name.clone(), reason: reason.into() });
    }
    let read: Vec<_> = inputs.par_iter().map(|input| document::read(input, &options.document)).collect();
    let (mut documents, mut starts) = (Vec::new(), vec![0]);
    for (mut more, mut warned) in read {
        documents.append(&mut more);
        warnings.append(&mut warned);
        starts.push(documents.len());
    }
    document::join_outside_main_text(warnings);
    if documents.is_empty() {
        return Err(document::none_read(inputs.len(), warnings));
    }
    Ok((documents, starts))
}

/// Which documents cannot be written without a part of them, or be left out.
fn fixed(inputs: &[Input], documents: &[Document], starts: &[usize], dedup: DedupOptions) -> Vec<bool> {
    let mut fixed = vec![false; documents.len()];
    if dedup.is_named_only {
        return fixed;
    }
    for (input, range) in inputs.iter().zip(starts.windows(2).map(|ends| ends[0]..ends[1])) {
        let is_alone = range.len() == 1;
        for i in range {
            // The only text in an archive is not the archive.
            let can_go = documents[i].row.is_some() || is_alone && documents[i].name == input.name;
            fixed[i] = !can_go || (dedup.unit == Unit::Passage && !documents[i].is_editable);
        }
    }
    fixed
}

/// Embeddings of texts, so that what is looked at again is not embedded again.
#[derive(Default)]
struct KnownRows {
    place: HashMap<u128, usize>,
    rows: Array2<f32>,
}

impl KnownRows {
    /// `(n, dim)` rows of the texts, of which those not seen before are embedded.
    fn rows(
        &mut self,
        texts: &[&str],
        passages: &[Passage],
        embed: impl FnOnce(&[&str], &[u32]) -> Result<Array2<f32>>,
    ) -> Result<Array2<f32>> {
        let (mut fresh, mut n_tokens) = (Vec::new(), Vec::new());
        let mut places = Vec::with_capacity(texts.len());
        for (text, passage) in texts.iter().zip(passages) {
            let next = self.place.len();
            let place = *self.place.entry(digest(text)).or_insert(next);
            if place == next {
                fresh.push(*text);
                n_tokens.push(passage.n_tokens);
            }
            places.push(place);
        }
        if !fresh.is_empty() {
            let rows = embed(&fresh, &n_tokens)?;
            if self.rows.is_empty() {
                self.rows = rows;
            } else {
                let wrong = |e: ndarray::ShapeError| Error::Rows { row: 0, found: e.to_string(), dim: rows.ncols() };
                self.rows.append(Axis(0), rows.view()).map_err(wrong)?;
            }
        }
        Ok(self.rows.select(Axis(0), &places))
    }
}

/// What is found to go in one look at the corpus.
struct Found {
    /// Passages or documents, by index, and why.
    gone: Vec<Gone>,
    /// Passages that are duplicates and stay, because their documents cannot be written without them.
    n_left: usize,
}

/// A passage that goes, or, with a share, the document of it.
struct Gone {
    reason: Dispensable,
    share: Option<f32>,
}

/// A corpus that gets smaller.
struct Cleaning {
    /// The documents; their texts are what is left of them, those of the old corpus last.
    documents: Vec<Document>,
    /// What is left of each document's text, as places in the text as it was read.
    pieces: Vec<Vec<Range<usize>>>,
    /// The length of each document's text as it was read, in bytes.
    lengths: Vec<usize>,
    n_new: usize,
    is_fixed: Vec<bool>,
    removed: Vec<Removed>,
}

impl Cleaning {
    fn find(
        &self,
        passages: &[Passage],
        texts: &[&str],
        rows: &Array2<f32>,
        options: &DuplicateOptions,
        dedup: DedupOptions,
    ) -> Result<Found> {
        let n_new = passages.partition_point(|passage| (passage.document as usize) < self.n_new);
        let classes = ExactClasses::of_new_and_old(texts, n_new);
        let (_, source_of) = report::sources(&self.documents, passages);
        let document_of: Vec<u32> = passages.iter().map(|passage| passage.document).collect();
        let compared = Passages {
            texts,
            rows: rows.view(),
            classes: &classes,
            source_of: &source_of,
            document_of: &document_of,
            n_new,
        };
        let duplicates: Duplicates = duplicate::find(compared, options)?;
        let links = Links::of(compared, &duplicates, options);
        Ok(match dedup.unit {
            Unit::Passage => {
                let stays = |passage: u32| self.is_fixed[document_of[passage as usize] as usize];
                let mut order: Vec<u32> = (0..passages.len() as u32).collect();
                match dedup.keep {
                    Keep::First => {}
                    Keep::Longest => order.sort_by_key(|&i| Reverse(texts[i as usize].chars().count())),
                    Keep::Newest => {
                        let dates = self.dates();
                        order.sort_by_key(|&i| Reverse(dates[document_of[i as usize] as usize]));
                    }
                }
                let (gone, n_left) = links.dispensable(&order, &stays);
                Found { gone: gone.into_iter().map(|reason| Gone { reason, share: None }).collect(), n_left }
            }
            Unit::Document => {
                let mut order: Vec<u32> = (0..self.documents.len() as u32).collect();
                match dedup.keep {
                    Keep::First => {}
                    Keep::Longest => order.sort_by_key(|&i| Reverse(self.documents[i as usize].text.chars().count())),
                    Keep::Newest => {
                        let dates = self.dates();
                        order.sort_by_key(|&i| Reverse(dates[i as usize]));
                    }
                }
                self.documents_that_go(&order, passages, texts, &links, dedup.min_share)
            }
        })
    }

    /// The date of each document in seconds; an unknown one is before all others.
    fn dates(&self) -> Vec<Option<i64>> {
        self.documents.iter().map(date::seconds).collect()
    }

    fn documents_that_go(
        &self,
        order: &[u32],
        passages: &[Passage],
        texts: &[&str],
        links: &Links,
        min_share: f32,
    ) -> Found {
        let mut passages_of: Vec<Vec<u32>> = vec![vec![]; self.documents.len()];
        (0u32..).zip(passages).for_each(|(i, passage)| passages_of[passage.document as usize].push(i));
        let mut kept: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut found = Found { gone: vec![], n_left: 0 };
        let is_old = |document: u32| document as usize >= self.n_new;
        let (stay, may_go): (Vec<u32>, Vec<u32>) = order.iter().partition(|&&i| is_old(i) || self.is_fixed[i as usize]);
        for (document, stays) in stay.into_iter().map(|i| (i, true)).chain(may_go.into_iter().map(|i| (i, false))) {
            let own = &passages_of[document as usize];
            let reason = Cover::of(own, passages, texts, links, &kept).filter(|(_, share)| *share >= min_share);
            match reason {
                Some((reason, share)) if !stays => found.gone.push(Gone { reason, share: Some(share) }),
                reason => {
                    found.n_left += if reason.is_some() && !is_old(document) { own.len() } else { 0 };
                    own.iter().for_each(|&i| kept.entry(links.set_of(i)).or_default().push(i));
                }
            }
        }
        found
    }

    /// Takes what was found out of the documents; says whether that was anything.
    fn take(&mut self, found: &Found, passages: &[Passage], dedup: DedupOptions) -> bool {
        let mut spans: HashMap<usize, Vec<Range<usize>>> = HashMap::new();
        for Gone { reason, share } in &found.gone {
            let gone = &passages[reason.passage as usize];
            let document = gone.document as usize;
            let whole = 0..self.documents[document].text.len();
            let kept = &passages[reason.kept as usize];
            let (span, kept_span) = match dedup.unit {
                Unit::Passage => (gone.span.clone(), kept.span.clone()),
                Unit::Document => (whole, 0..self.documents[kept.document as usize].text.len()),
            };
            self.removed.push(Removed {
                place: self.place(document, &span),
                kept: self.place(kept.document as usize, &kept_span),
                kind: reason.kind,
                cosine: reason.cosine,
                jaccard: reason.jaccard,
                containment: reason.containment,
                share: *share,
                document,
            });
            spans.entry(document).or_default().push(span);
        }
        for (document, mut spans) in spans {
            spans.sort_unstable_by_key(|span| span.start);
            let text = &mut self.documents[document].text;
            let cuts = match dedup.unit {
                Unit::Passage => document::text::cuts(text, &spans),
                Unit::Document => spans,
            };
            *text = document::text::without(text, &cuts);
            if text.trim().is_empty() {
                text.clear();
                self.pieces[document].clear();
            } else {
                self.pieces[document] = without(&self.pieces[document], &cuts);
            }
        }
        !found.gone.is_empty()
    }

    /// A span of what is left of a document, cited in the document as it was read.
    fn place(&self, document: usize, span: &Range<usize>) -> Place {
        let of = &self.documents[document];
        let as_read = |at: usize| {
            let mut before = at;
            for piece in &self.pieces[document] {
                if before < piece.len() {
                    return piece.start + before;
                }
                before -= piece.len();
            }
            self.pieces[document].last().map_or(0, |piece| piece.end)
        };
        // The end is after the last byte, which may be the last of its piece.
        let end = if span.is_empty() { as_read(span.start) } else { as_read(span.end - 1) + 1 };
        Place {
            source: of.source.clone(),
            document: of.name.clone(),
            start: as_read(span.start),
            end,
            text: of.text[span.clone()].to_owned(),
        }
    }

    fn left(&self) -> Vec<Left> {
        let left = |(pieces, &length): (&Vec<Range<usize>>, &usize)| {
            let ends = std::iter::once(0).chain(pieces.iter().map(|piece| piece.end));
            let starts = pieces.iter().map(|piece| piece.start).chain([length]);
            let cuts: Vec<_> = ends.zip(starts).map(|(end, start)| end..start).filter(|cut| !cut.is_empty()).collect();
            match (pieces.is_empty(), cuts.is_empty()) {
                (true, _) => Left::Nothing,
                (_, true) => Left::All,
                _ => Left::Without(cuts),
            }
        };
        self.pieces[..self.n_new].iter().zip(&self.lengths).map(left).collect()
    }

    fn removed_in_order(&mut self) -> Vec<Removed> {
        let mut removed = std::mem::take(&mut self.removed);
        removed.sort_by_key(|removed| (removed.document, removed.place.start));
        removed
    }
}

/// Pieces of a text without what is cut from the text that they make.
fn without(pieces: &[Range<usize>], cuts: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut left: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for piece in pieces {
        let mut start = 0;
        for cut in cuts {
            let cut = cut.start.clamp(at, at + piece.len()) - at..cut.end.clamp(at, at + piece.len()) - at;
            if !cut.is_empty() {
                left.push(piece.start + start..piece.start + cut.start);
                start = cut.end;
            }
        }
        left.push(piece.start + start..piece.end);
        at += piece.len();
    }
    left.retain(|piece| !piece.is_empty());
    left
}

/// How much of a document stands in another that stays.
struct Cover {
    n_chars: usize,
    weakest: Dispensable,
}

impl Cover {
    /// The kept document that has the most of a document's passages, the weakest link with it, and what
    /// share of the passages' characters that is.
    fn of(
        own: &[u32],
        passages: &[Passage],
        texts: &[&str],
        links: &Links,
        kept: &HashMap<u32, Vec<u32>>,
    ) -> Option<(Dispensable, f32)> {
        let mut covers: HashMap<u32, Cover> = HashMap::new();
        let mut total = 0;
        for &passage in own {
            let n_chars = texts[passage as usize].chars().count();
            total += n_chars;
            let mut best: HashMap<u32, Dispensable> = HashMap::new();
            for reason in links.reasons(passage, |set| kept.get(&set).map_or(&[], Vec::as_slice)) {
                best.entry(passages[reason.kept as usize].document).or_insert(reason);
            }
            for (document, reason) in best {
                let cover = covers.entry(document).or_insert(Cover { n_chars: 0, weakest: reason });
                cover.n_chars += n_chars;
                let is_weaker = |than: &Dispensable| {
                    reason.kind.cmp(&than.kind).then(than.evidence().total_cmp(&reason.evidence())).is_gt()
                };
                if is_weaker(&cover.weakest) {
                    cover.weakest = reason;
                }
            }
        }
        let most = covers.into_iter().max_by_key(|(document, cover)| (cover.n_chars, Reverse(*document)))?.1;
        Some((most.weakest, most.n_chars as f32 / total as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_what_is_left_of_the_text(
            text in "[a-z]{0,30}",
            cuts in proptest::collection::vec(proptest::collection::vec((0usize..30, 0usize..9), 0..3), 0..4),
        ) {
            let mut left = text.clone();
            let mut pieces: Vec<Range<usize>> = std::iter::once(0..text.len()).collect();
            for round in cuts {
                let mut cuts: Vec<Range<usize>> = Vec::new();
                for (start, length) in round {
                    let start = start.min(left.len()).max(cuts.last().map_or(0, |cut| cut.end));
                    cuts.push(start..(start + length).min(left.len()).max(start));
                }
                pieces = without(&pieces, &cuts);
                left = document::text::without(&left, &cuts);
                let read: String = pieces.iter().map(|piece| &text[piece.clone()]).collect();
                prop_assert_eq!(&read, &left);
            }
        }
    }
}
