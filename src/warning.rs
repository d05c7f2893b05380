//! What a run noticed and survived. Each warning is a value with a count or a place, is kept in the
//! report, and says what to do about it: nothing is dropped in silence.

use crate::document::KnownBy;
use serde::Serialize;
use std::fmt;

/// Something that was skipped, repaired or decided otherwise than asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// A file in a format that is not read.
    UnreadFormat {
        /// The file.
        document: String,
        /// What it was recognised as.
        found: String,
    },
    /// A file, folder or link that the system would not let us read.
    Unreadable {
        /// The path.
        document: String,
        /// What the system said.
        reason: String,
    },
    /// A file without a byte in it, or with white space only; a table without rows; an archive without members.
    Empty {
        /// The file.
        document: String,
    },
    /// A file that was changed while it was read.
    Changed {
        /// The file.
        document: String,
    },
    /// Bytes that are not UTF-8, replaced by U+FFFD.
    InvalidUtf8 {
        /// The file.
        document: String,
        /// How many sequences were replaced.
        n_replaced: usize,
        /// Offset of the first in the file, in bytes.
        first_at: usize,
    },
    /// Text in another encoding than UTF-8.
    Decoded {
        /// The file.
        document: String,
        /// The encoding, by its name in the Encoding Standard.
        encoding: &'static str,
        /// How that was known.
        known_by: KnownBy,
        /// How many sequences are none of this encoding, and were replaced.
        n_replaced: usize,
        /// Offset of the first of them in the file, in bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        first_at: Option<usize>,
    },
    /// Answers in a web crawl that are no success, such as redirections.
    AnswersLeftOut {
        /// The file.
        document: String,
        /// How many.
        n_answers: usize,
    },
    /// Text of HTML pages that is not their main text.
    OutsideMainText {
        /// The first such page.
        document: String,
        /// How many pages.
        n_pages: usize,
        /// Characters left out, of all pages.
        n_characters: usize,
    },
    /// A file that is not what its format says; what could be read was.
    Damaged {
        /// The file.
        document: String,
        /// What is wrong.
        problem: String,
    },
    /// JSON that breaks the grammar; what could be read was.
    DamagedJson {
        /// The file.
        document: String,
        /// What is wrong first, with line and column.
        problem: String,
        /// Bytes read before recovery gave up (all of them where it did not).
        recovered_bytes: usize,
        /// Bytes in the file.
        total_bytes: usize,
    },
    /// A well-formed file in which no text was found.
    NoText {
        /// The file.
        document: String,
        /// The format it was read as.
        format: &'static str,
    },
    /// Rows of a table that hold no text.
    RowsWithoutText {
        /// The file.
        document: String,
        /// How many rows.
        n_rows: usize,
        /// The number of the first, from 1.
        first_row: usize,
        /// The columns it has besides those that were named for an id, a label or a source.
        columns_found: Vec<String>,
        /// The text column that was named.
        column: Option<String>,
    },
    /// A table whose text cannot be found or read.
    UnreadTable {
        /// The file.
        document: String,
        /// The format it was read as.
        format: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Rows of a table that are not what they should be.
    DamagedRows {
        /// The file.
        document: String,
        /// How many.
        n_rows: usize,
        /// The first of them, from 1.
        first_row: usize,
        /// What is wrong with them.
        problem: String,
    },
    /// Sentences longer than the model reads, divided between words.
    DividedSentences {
        /// The document.
        document: String,
        /// How many sentences.
        n_sentences: usize,
        /// Tokens that the model reads.
        max_tokens: usize,
    },
    /// Texts longer than the model reads, embedded by their beginning alone.
    BeginningsOnly {
        /// How many texts.
        n_texts: usize,
        /// Tokens that the model reads.
        max_tokens: usize,
    },
    /// The provider that was preferred cannot be used.
    ProviderFallback {
        /// Provider tried.
        tried: String,
        /// Provider used instead.
        used: String,
        /// Why.
        reason: String,
    },
    /// The model's numbers are scaled by what it is given; passages were embedded one at a time.
    DynamicQuantization {
        /// The model.
        model: String,
        /// The operators that tell.
        operators: String,
    },
    /// The embedding store's file is not what was written; a new one was begun.
    StoreDamaged {
        /// What is wrong with it.
        reason: String,
        /// Where it is now.
        moved_to: String,
    },
    /// The embedding store cannot be used; the run did without.
    StoreUnusable {
        /// What the system says.
        reason: String,
    },
    /// More clusters were asked for than the passages can place well.
    FewPerCluster {
        /// Clusters asked for.
        n_clusters: usize,
        /// Passages of different text.
        n_distinct: usize,
    },
    /// More pairs were found than are kept.
    PairsLeftOut {
        /// Pairs that are not kept, the weakest.
        n_left_out: usize,
        /// Pairs that are.
        max_pairs: usize,
    },
    /// Duplicates that stay, because nothing can be cut out of their documents.
    DuplicatesLeft {
        /// Passages.
        n_passages: usize,
    },
    /// The threshold that a share of the passages asked for.
    ThresholdFound {
        /// The share that was asked for.
        target: String,
        /// The threshold.
        threshold: String,
        /// The share that goes at it.
        share: String,
        /// Whether it is the lowest at which pairs were looked for.
        is_lowest: bool,
    },
    /// A warning of the report that this one was made from.
    Earlier {
        /// Which.
        kind: String,
        /// What it said.
        message: String,
    },
    /// There was too little to form themes from.
    FewPassages {
        /// Passages of different text.
        n_distinct: usize,
    },
}

impl Warning {
    /// Whether part of the input was lost or damaged (`--strict` ends such a run with exit code 1).
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::UnreadFormat { .. }
            | Self::Unreadable { .. }
            | Self::Empty { .. }
            | Self::Changed { .. }
            | Self::InvalidUtf8 { .. }
            | Self::Damaged { .. }
            | Self::DamagedJson { .. }
            | Self::RowsWithoutText { .. }
            | Self::UnreadTable { .. }
            | Self::DamagedRows { .. }
            | Self::NoText { .. } => true,
            Self::Decoded { n_replaced, .. } => *n_replaced > 0,
            Self::AnswersLeftOut { .. }
            | Self::OutsideMainText { .. }
            | Self::DividedSentences { .. }
            | Self::BeginningsOnly { .. }
            | Self::ProviderFallback { .. }
            | Self::DynamicQuantization { .. }
            | Self::StoreDamaged { .. }
            | Self::StoreUnusable { .. }
            | Self::FewPerCluster { .. }
            | Self::PairsLeftOut { .. }
            | Self::DuplicatesLeft { .. }
            | Self::ThresholdFound { .. }
            | Self::Earlier { .. }
            | Self::FewPassages { .. } => false,
        }
    }
}

impl fmt::Display for Warning {
    #[expect(clippy::too_many_lines, reason = "an arm for each warning")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnreadFormat { document, found } => {
                write!(f, "{document}: not read, it is {found}; the formats read are {}", crate::document::FORMATS_READ)
            }
            Self::Unreadable { document, reason } => write!(f, "{document}: not read, {reason}"),
            Self::Empty { document } => write!(f, "{document}: empty"),
            Self::Changed { document } => write!(
                f,
                "{document}: changed while it was read, so what was read of it may be of two states; run refrain again"
            ),
            Self::InvalidUtf8 { document, n_replaced, first_at } => write!(
                f,
                "{document}: {n_replaced} invalid UTF-8 {} replaced by U+FFFD, the first at byte {first_at}; convert the file to UTF-8 to keep them",
                plural(*n_replaced, "sequence was", "sequences were")
            ),
            Self::Decoded { document, encoding, known_by, n_replaced, first_at } => {
                write!(f, "{document}: read as {encoding}, {}", known_by.shown())?;
                let Some(first_at) = first_at else { return Ok(()) };
                let sequences = plural(*n_replaced, "sequence was", "sequences were");
                write!(f, "; {n_replaced} invalid {sequences} replaced by U+FFFD, the first at byte {first_at}")
            }
            Self::AnswersLeftOut { document, n_answers } => write!(
                f,
                "{document}: {n_answers} {} left out, redirections and errors of the crawled sites",
                plural(*n_answers, "answer without success is", "answers without success are")
            ),
            Self::OutsideMainText { document, n_pages, n_characters } => write!(
                f,
                "{n_characters} characters outside the main text of {n_pages} HTML {} left out, the first is {document}; --html full keeps them",
                plural(*n_pages, "page", "pages")
            ),
            Self::Damaged { document, problem } => write!(f, "{document}: damaged, {problem}; what could be read was"),
            Self::DamagedJson { document, problem, recovered_bytes, total_bytes } => {
                write!(f, "{document}: damaged JSON, {problem}; recovered {recovered_bytes} of {total_bytes} bytes")
            }
            Self::NoText { document, format } => {
                write!(f, "{document}: no text found in it (read as {format}); try another --input-format")
            }
            Self::RowsWithoutText { document, n_rows, first_row, columns_found, column } => write!(
                f,
                "{document}: {n_rows} {} no text{}, the first is row {first_row} with the columns {}; name the right one with --text-column",
                plural(*n_rows, "row has", "rows have"),
                column.as_ref().map_or_else(String::new, |column| format!(" in column `{column}`")),
                columns_found.join(", ")
            ),
            Self::UnreadTable { document, format, problem } => write!(f, "{document}: not read as {format}, {problem}"),
            Self::DamagedRows { document, n_rows, first_row, problem } => write!(
                f,
                "{document}: {n_rows} damaged {}, the first at row {first_row} ({problem})",
                plural(*n_rows, "row", "rows")
            ),
            Self::DividedSentences { document, n_sentences, max_tokens } => write!(
                f,
                "{document}: {n_sentences} {} longer than the model's {max_tokens} tokens, divided between words",
                plural(*n_sentences, "sentence is", "sentences are")
            ),
            Self::BeginningsOnly { n_texts, max_tokens } => write!(
                f,
                "{n_texts} {} longer than the {max_tokens} tokens that the model reads, and embedded by the beginning alone; cut them into passages to have all of them",
                plural(*n_texts, "text is", "texts are")
            ),
            Self::ProviderFallback { tried, used, reason } => write!(f, "{tried} cannot be used, {used} is: {reason}"),
            Self::DynamicQuantization { model, operators } => write!(
                f,
                "model {model} is dynamically quantised ({operators}): passages were embedded one at a time, so that neighbours do not change their rows, which is slower; cosines are off from the full model's by up to 0.15"
            ),
            Self::StoreDamaged { reason, moved_to } => {
                write!(
                    f,
                    "the embedding store was not usable, {reason}; it was moved to {moved_to} and a new one begun"
                )
            }
            Self::StoreUnusable { reason } => write!(
                f,
                "the embedding store cannot be used ({reason}), so nothing of this run is kept for the next; choose another --cache-dir, or --no-cache"
            ),
            Self::FewPerCluster { n_clusters, n_distinct } => write!(
                f,
                "{n_distinct} passages of different text are few for {n_clusters} clusters, themes may be arbitrary; {} or fewer would have at least {} each",
                n_distinct / crate::cluster::MIN_ROWS_PER_CENTROID,
                crate::cluster::MIN_ROWS_PER_CENTROID
            ),
            Self::PairsLeftOut { n_left_out, max_pairs } => write!(
                f,
                "{n_left_out} {} left out, of the weakest kind and with the least evidence; groups are made from the {max_pairs} kept; raise --max-pairs or --threshold",
                plural(*n_left_out, "pair is", "pairs are")
            ),
            Self::DuplicatesLeft { n_passages } => write!(
                f,
                "{n_passages} duplicate {}: nothing can be cut out of HTML, of JSON that is no JSON Lines, of archives, e-mail and the like, or of a row whose text is more than one column (name one with --text-column); --attributes names them",
                plural(*n_passages, "passage stays", "passages stay")
            ),
            Self::ThresholdFound { target, threshold, share, is_lowest } => {
                write!(f, "the lowest threshold at which at most {target} of the passages go is {threshold}: {share}")?;
                if *is_lowest { write!(f, "; pairs below it were not looked for") } else { Ok(()) }
            }
            Self::Earlier { message, .. } => f.write_str(message),
            Self::FewPassages { n_distinct } => write!(
                f,
                "{n_distinct} {} too few to form themes; give more or longer documents, or lower --min-chars",
                plural(*n_distinct, "passage of different text is", "passages of different text are")
            ),
        }
    }
}

fn plural<'a>(n: usize, one: &'a str, many: &'a str) -> &'a str {
    if n == 1 { one } else { many }
}
