//! `report.html`: the report for reading, in one file that asks nobody for anything. The page itself is made in
//! `page/` and stands here as it was built; this module puts the report's data into it.
//!
//! Of a large report the page holds a part, and says so: so many passages and groups, and so many bytes of text, as a
//! browser takes in its stride.

use super::json::{
    BroaderThemeShown, ClusteringShown, GroupShown, Header, SourceShown, ThemeShown, WarningShown, broader_themes,
    clustering, group_shown, header, sources, themes, warnings,
};
use super::{Report, rounded};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};

/// The page, with a place for the data.
const PAGE: &str = include_str!("../../page/dist/page.html");
const DATA: &str = "{{report}}";
/// Passages on the map.
const MAX_PASSAGES: usize = 100_000;
/// Groups, and members of each that are sure to be there where not all passages are.
const MAX_GROUPS: usize = 5_000;
const MAX_MEMBERS: usize = 20;
/// Sources of which the page says what they share: those with the most passages.
const MAX_SHARING: usize = 300;
/// Bytes of text.
const MAX_TEXT: usize = 6 << 20;
/// A coordinate of the map is a whole number up to this.
const MAP: f32 = 65_535.0;

#[derive(Serialize)]
struct PageJson<'a> {
    header: Header<'a>,
    warnings: Vec<WarningShown<'a>>,
    sources: Vec<SourceShown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clustering: Option<ClusteringShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    themes: Option<Vec<ThemeShown<'a, u32>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broader_themes: Vec<BroaderThemeShown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_groups: Option<Vec<PageGroup<'a>>>,
    /// Two sources, by place in the list, and how many passages of groups they share.
    shared: Vec<(u32, u32, usize)>,
    passages: Passages<'a>,
    texts: Share,
    points: Share,
    groups: Share,
}

#[derive(Serialize)]
struct PageGroup<'a> {
    #[serde(flatten)]
    group: GroupShown<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    boilerplate: Vec<Boilerplate<'a>>,
}

#[derive(Serialize)]
struct Boilerplate<'a> {
    source: &'a str,
    documents: usize,
    of_documents: usize,
}

/// How much of something is in the page.
#[derive(Serialize)]
struct Share {
    shown: usize,
    of: usize,
}

/// Columns with a value for each passage that is shown.
#[derive(Serialize)]
struct Passages<'a> {
    /// Its number in the report, where not all are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a [u32]>,
    /// Its document, by place in the list of all sources' documents.
    document: Vec<u32>,
    start: Vec<usize>,
    end: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<Vec<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<Vec<u16>>,
    text: Vec<Option<&'a str>>,
}

/// Writes the page.
pub(super) fn write(report: &Report, file: File) -> Result<(), String> {
    let (before, after) = PAGE.split_once(DATA).ok_or("the page has no place for the data")?;
    let mut out = BufWriter::new(file);
    let mut write = || {
        out.write_all(before.as_bytes())?;
        let ids = ids(report);
        serde_json::to_writer(InScript(&mut out), &shown(report, &ids))?;
        out.write_all(after.as_bytes())?;
        out.flush()
    };
    write().map_err(|e: std::io::Error| e.to_string())
}

/// JSON that may stand in a script: nothing in it ends the script or begins a comment.
struct InScript<W>(W);

impl<W: Write> Write for InScript<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for (i, part) in bytes.split(|&byte| byte == b'<').enumerate() {
            if i > 0 {
                self.0.write_all(b"\\u003c")?;
            }
            self.0.write_all(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Passages that themes and groups name: exemplars, and the first members of the first groups.
fn named(report: &Report) -> impl Iterator<Item = u32> + '_ {
    let exemplars = report.themes.iter().flat_map(|themes| &themes.themes).flat_map(|theme| &theme.exemplars);
    let groups = report.duplicates.iter().flat_map(|duplicates| duplicates.groups.iter().take(MAX_GROUPS));
    let members = groups.flat_map(|group| group.members.iter().take(MAX_MEMBERS).chain([&group.representative]));
    exemplars.chain(members).copied()
}

/// The passages that are shown, in order: all, or those that are named and others evenly among the rest.
fn ids(report: &Report) -> Vec<u32> {
    let n = report.passages.len();
    if n <= MAX_PASSAGES {
        return (0..n as u32).collect();
    }
    let mut ids: Vec<u32> = named(report).collect();
    ids.sort_unstable();
    ids.dedup();
    let step = n.div_ceil(MAX_PASSAGES.saturating_sub(ids.len()).max(1));
    ids.extend((0..n as u32).step_by(step));
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Whose texts are in the page: all, or those that are named and others evenly among the rest.
fn with_text(report: &Report, ids: &[u32]) -> Vec<bool> {
    let length = |id: u32| report.text(id).len();
    let all: usize = ids.iter().map(|&id| length(id)).sum();
    if all <= MAX_TEXT {
        return vec![true; ids.len()];
    }
    let mut is_shown = vec![false; ids.len()];
    let mut left = MAX_TEXT;
    let mut show = |place: usize| {
        let length = length(ids[place]);
        if !is_shown[place] && length <= left {
            is_shown[place] = true;
            left -= length;
        }
    };
    named(report).filter_map(|id| ids.binary_search(&id).ok()).for_each(&mut show);
    (0..ids.len()).step_by(all.div_ceil(MAX_TEXT)).for_each(&mut show);
    is_shown
}

fn shown<'a>(report: &'a Report, ids: &'a [u32]) -> PageJson<'a> {
    let place = |id: u32| ids.binary_search(&id).ok().map(|place| place as u32);
    let is_shown = with_text(report, ids);
    let counts = report.counts();
    let (sources, document_of) = documents(report, ids);
    let groups = report.duplicates.as_ref().map(|duplicates| {
        let groups = (0u32..).zip(&duplicates.groups).take(MAX_GROUPS);
        let shown = groups.filter_map(|(number, group)| {
            let of = duplicates.boilerplate.iter().filter(|of| of.group == number);
            let mut group = group_shown(number, group, place);
            group.representative = place(group.representative)?;
            let boilerplate = of.map(|of| Boilerplate {
                source: &report.sources[of.source as usize],
                documents: of.n_documents,
                of_documents: of.of_documents,
            });
            Some(PageGroup { group, boilerplate: boilerplate.collect() })
        });
        shown.collect::<Vec<_>>()
    });
    let of_all = |of: &dyn Fn(usize) -> i64| ids.iter().map(|&id| of(id as usize)).collect::<Vec<i64>>();
    let coordinate = |axis: usize| {
        let on_map = |position: f32| (f32::midpoint(position, 1.0) * MAP).round().clamp(0.0, MAP) as u16;
        let projection = report.projection.as_ref()?;
        Some(ids.iter().map(|&id| on_map(projection[[id as usize, axis]])).collect())
    };
    PageJson {
        header: header(report),
        warnings: warnings(report),
        clustering: report.clustering.as_ref().map(clustering),
        themes: themes(report, place),
        broader_themes: broader_themes(report),
        groups: Share { shown: groups.as_ref().map_or(0, Vec::len), of: counts.n_groups },
        duplicate_groups: groups,
        shared: shared(report, &sources),
        passages: Passages {
            id: (ids.len() < report.passages.len()).then_some(ids),
            document: document_of,
            start: ids.iter().map(|&id| report.place(id).start).collect(),
            end: ids.iter().map(|&id| report.place(id).end).collect(),
            cluster: report
                .clustering
                .as_ref()
                .map(|clustering| of_all(&|i| clustering.assignment[i].map_or(-1, i64::from))),
            similarity: report
                .clustering
                .as_ref()
                .map(|clustering| ids.iter().map(|&id| rounded(clustering.similarity[id as usize])).collect()),
            group: report
                .duplicates
                .as_ref()
                .map(|duplicates| of_all(&|i| duplicates.group_of[i].map_or(-1, i64::from))),
            x: coordinate(0),
            y: coordinate(1),
            text: ids.iter().zip(&is_shown).map(|(&id, shown)| shown.then(|| report.text(id))).collect(),
        },
        texts: Share { shown: is_shown.iter().filter(|shown| **shown).count(), of: counts.n_passages },
        points: Share { shown: ids.len(), of: counts.n_passages },
        sources,
    }
}

/// The sources and documents that passages are shown of, and the document of each such passage.
fn documents<'a>(report: &'a Report, ids: &[u32]) -> (Vec<SourceShown<'a>>, Vec<u32>) {
    let mut number: Vec<Option<u32>> = vec![None; report.documents.len()];
    ids.iter().for_each(|&id| number[report.passages[id as usize].document as usize] = Some(0));
    let is_shown = |document: usize| ids.len() == report.passages.len() || number[document].is_some();
    let sources = sources(report, &is_shown);
    // The documents of a source stand together in the page, as they do not in every corpus.
    let mut n_before = BTreeMap::new();
    let mut n = 0;
    for source in &sources {
        n_before.insert(source.source, n);
        n += source.documents.len() as u32;
    }
    let shown: Vec<usize> = (0..report.documents.len()).filter(|&document| is_shown(document)).collect();
    for document in shown {
        let next = n_before.get_mut(report.documents[document].source.as_str());
        number[document] = next.map(|next| {
            *next += 1;
            *next - 1
        });
    }
    let of = |&id: &u32| number[report.passages[id as usize].document as usize].unwrap_or(0);
    let document_of = ids.iter().map(of).collect();
    (sources, document_of)
}

/// How many passages of duplicate groups each two sources share; of a source with itself, those of groups that
/// have it twice. Not of all sources, where they are many: a text that stands in each of them would make a pair of
/// every two.
fn shared(report: &Report, sources: &[SourceShown]) -> Vec<(u32, u32, usize)> {
    let mut largest: Vec<(u32, &SourceShown)> = (0..).zip(sources).collect();
    largest.sort_by_key(|&(i, source)| (std::cmp::Reverse(source.passages), i));
    largest.truncate(MAX_SHARING);
    let place: BTreeMap<&str, u32> = largest.into_iter().map(|(i, source)| (source.source, i)).collect();
    let mut shared: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let groups = report.duplicates.iter().flat_map(|duplicates| duplicates.groups.iter().take(MAX_GROUPS));
    for group in groups {
        let mut n_of: BTreeMap<u32, usize> = BTreeMap::new();
        let members = group.members.iter().filter_map(|&id| place.get(report.source(id)));
        members.for_each(|&source| *n_of.entry(source).or_default() += 1);
        for (&a, &n_of_a) in &n_of {
            for (&b, &n_of_b) in n_of.range(a..) {
                let n = if a == b { n_of_a } else { n_of_a + n_of_b };
                if a != b || n_of_a > 1 {
                    *shared.entry((a, b)).or_default() += n;
                }
            }
        }
    }
    shared.into_iter().map(|((a, b), n)| (a, b, n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_ends_the_script() {
        let mut out = Vec::new();
        serde_json::to_writer(InScript(&mut out), &["</script><!--", "a < b"]).unwrap();
        let written = String::from_utf8(out).unwrap();
        assert!(!written.contains('<'), "{written}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&written).unwrap(), ["</script><!--", "a < b"]);
        assert_eq!(PAGE.matches(DATA).count(), 1);
    }
}
