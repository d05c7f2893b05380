//! Rows of CSV and Parquet tables as documents: which column holds what.

use super::{Columns, Document, Limits, Metadata, html};
use crate::Warning;
use crate::source::Input;

const TEXT: [&str; 9] =
    ["text", "content", "body", "article", "articlebody", "raw_content", "content_text", "message", "paragraph"];
const ID: [&str; 5] = ["id", "doc_id", "document_id", "uuid", "_id"];
const TITLE: [&str; 3] = ["title", "headline", "subject"];
const URL: [&str; 4] = ["url", "link", "permalink", "uri"];
const DATE: [&str; 8] =
    ["date", "published", "date_published", "datepublished", "pubdate", "created_at", "created", "timestamp"];
const AUTHOR: [&str; 3] = ["author", "byline", "creator"];
const LANGUAGE: [&str; 3] = ["language", "lang", "inlanguage"];

/// The columns of one table, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Roles {
    pub text: usize,
    pub id: Option<usize>,
    pub source: Option<usize>,
    label: Option<usize>,
    title: Option<usize>,
    url: Option<usize>,
    date: Option<usize>,
    author: Option<usize>,
    language: Option<usize>,
}

impl Roles {
    /// Finds the columns by their names.
    ///
    /// # Errors
    /// What is missing, and which columns there are.
    pub fn of(names: &[&str], columns: &Columns) -> Result<Self, String> {
        let usual = |known: &[&str]| {
            known.iter().find_map(|known| names.iter().position(|name| name.trim().eq_ignore_ascii_case(known)))
        };
        let asked = |name: &Option<String>| match name {
            None => Ok(None),
            Some(asked) => names
                .iter()
                .position(|name| name == asked)
                .map(Some)
                .ok_or_else(|| format!("has no column `{asked}`; its columns are {}", listed(names))),
        };
        let text = asked(&columns.text)?.or_else(|| usual(&TEXT)).ok_or_else(|| {
            format!("has no column with a usual name for text; say which with --text-column: {}", listed(names))
        })?;
        let roles = Self {
            text,
            id: asked(&columns.id)?.or_else(|| usual(&ID)),
            source: asked(&columns.source)?,
            label: asked(&columns.label)?,
            title: usual(&TITLE),
            url: usual(&URL),
            date: asked(&columns.date)?.or_else(|| usual(&DATE)),
            author: usual(&AUTHOR),
            language: usual(&LANGUAGE),
        };
        tracing::debug!(
            text = names[roles.text],
            id = roles.id.map(|column| names[column]),
            date = roles.date.map(|column| names[column]),
            title = roles.title.map(|column| names[column]),
            "columns"
        );
        Ok(roles)
    }

    /// The columns that hold anything, in their order.
    pub fn columns(&self) -> Vec<usize> {
        let others = [self.id, self.source, self.label, self.title, self.url, self.date, self.author, self.language];
        let mut columns: Vec<usize> = others.into_iter().flatten().chain([self.text]).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The document that a row holds; `cell` gives a column's text, none where it has none.
    pub fn row(&self, number: usize, cell: &dyn Fn(usize) -> Option<String>) -> Row {
        let text = cell(self.text).unwrap_or_default();
        let is_editable = !html::looks_like_html(&text);
        let filled = |column: Option<usize>| column.and_then(cell).filter(|value| !value.trim().is_empty());
        Row {
            number,
            text: if is_editable { text } else { html::fragment_text(&text) },
            is_editable,
            source: filled(self.source),
            label: filled(self.label),
            metadata: Metadata {
                id: filled(self.id),
                title: filled(self.title),
                url: filled(self.url),
                date: filled(self.date),
                author: filled(self.author),
                language: filled(self.language),
            },
        }
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "(none)".into() } else { names.join(", ") }
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its place in the table, from 1.
    pub number: usize,
    pub text: String,
    /// Whether `text` is what stands in the table; otherwise it was markup.
    pub is_editable: bool,
    pub source: Option<String>,
    pub label: Option<String>,
    pub metadata: Metadata,
}

/// Rows that become documents as they are read; those that do not are counted.
pub(super) struct Rows<'a> {
    input: &'a Input,
    columns: &'a Columns,
    limits: &'a Limits,
    documents: Vec<Document>,
    empty: Counted,
    long: Counted,
    uneven: Counted,
}

/// How many rows, and the first of them.
#[derive(Default)]
struct Counted {
    n: usize,
    first: usize,
}

impl Counted {
    fn count(&mut self, row: usize) {
        self.n += 1;
        self.first = if self.n == 1 { row } else { self.first };
    }
}

impl<'a> Rows<'a> {
    pub fn new(input: &'a Input, columns: &'a Columns, limits: &'a Limits) -> Self {
        let [empty, long, uneven] = std::array::from_fn(|_| Counted::default());
        Self { input, columns, limits, documents: vec![], empty, long, uneven }
    }

    /// The next row.
    pub fn push(&mut self, row: Row) {
        if row.text.len() as u64 > self.limits.row {
            return self.long.count(row.number);
        }
        if row.text.trim().is_empty() {
            return self.empty.count(row.number);
        }
        let cited = row.metadata.id.clone().filter(|_| self.columns.id.is_some());
        self.documents.push(Document {
            name: format!("{}#{}", self.input.name, cited.unwrap_or_else(|| row.number.to_string())),
            source: row.source.unwrap_or_else(|| self.input.source.clone()),
            text: row.text,
            offset: 0,
            label: row.label,
            row: Some(row.number),
            is_editable: row.is_editable,
            metadata: row.metadata,
        });
    }

    /// That a row has not as many fields as the header.
    pub fn uneven(&mut self, row: usize) {
        self.uneven.count(row);
    }

    /// The documents of a table with these columns.
    pub fn end(self, names: Vec<String>, warnings: &mut Vec<Warning>) -> Vec<Document> {
        let document = || self.input.name.clone();
        let damaged = |rows: Counted, problem: String| {
            let (n_rows, first_row) = (rows.n, rows.first);
            (n_rows > 0).then(|| Warning::DamagedRows { document: document(), n_rows, first_row, problem })
        };
        warnings.extend(damaged(self.uneven, format!("not as many fields as the header's {}", names.len())));
        warnings.extend(damaged(self.long, self.limits.row_too_long()));
        if self.empty.n > 0 {
            warnings.push(Warning::RowsWithoutText {
                document: document(),
                n_rows: self.empty.n,
                first_row: self.empty.first,
                columns_found: names,
                column: self.columns.text.clone(),
            });
        }
        self.documents
    }
}

/// What becomes of a row when its table is written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowEdit {
    /// It stays as it is.
    Keep,
    /// It stays with another text.
    Replace(String),
    /// It goes.
    Drop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_or_asked_for() {
        let names = ["Title", "Body", "date", "notes"];
        let roles = Roles::of(&names, &Columns::default()).unwrap();
        assert_eq!((roles.text, roles.title, roles.date, roles.id), (1, Some(0), Some(2), None));
        let asked = Columns { text: Some("notes".into()), id: Some("Title".into()), ..Columns::default() };
        let roles = Roles::of(&names, &asked).unwrap();
        assert_eq!((roles.text, roles.id), (3, Some(0)));
        let missing = Columns { text: Some("words".into()), ..Columns::default() };
        assert!(Roles::of(&names, &missing).unwrap_err().contains("no column `words`; its columns are Title, Body"));
        assert!(Roles::of(&["a", "b"], &Columns::default()).unwrap_err().contains("--text-column: a, b"));
    }
}
