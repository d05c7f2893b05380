//! Boilerplate: what stands in a large share of a source's documents, such as a notice under every
//! page. Worth knowing once for each source, and not among the duplicates worth reading.

use super::{DuplicateGroup, DuplicateOptions};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A group that stands in a large share of a source's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boilerplate {
    /// The group.
    pub group: u32,
    /// The source.
    pub source: u32,
    /// Documents of the source with a member of the group.
    pub n_documents: usize,
    /// Documents of the source with any passage.
    pub of_documents: usize,
}

/// Groups that stand in at least the asked share of the documents of a source, by group and source;
/// sources of few documents have none.
pub(super) fn boilerplate(
    groups: &[DuplicateGroup],
    source_of: &[u32],
    document_of: &[u32],
    options: &DuplicateOptions,
) -> Vec<Boilerplate> {
    let mut documents: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    for (&source, &document) in source_of.iter().zip(document_of) {
        documents.entry(source).or_default().insert(document);
    }
    let mut found = Vec::new();
    for (group, members) in (0u32..).zip(groups.iter().map(|group| &group.members)) {
        let mut stands_in: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for &i in members {
            stands_in.entry(source_of[i as usize]).or_default().insert(document_of[i as usize]);
        }
        for (source, in_documents) in stands_in {
            let (n_documents, of_documents) = (in_documents.len(), documents[&source].len());
            let is_large = n_documents as f64 >= f64::from(options.boilerplate) * of_documents as f64;
            if is_large && n_documents > 1 && of_documents >= options.min_boilerplate_documents {
                found.push(Boilerplate { group, source, n_documents, of_documents });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, WeakestLink};
    use super::*;

    #[test]
    fn a_notice_on_every_third_page_is_boilerplate_and_a_passage_twice_on_one_page_is_not() {
        let group = |members: &[u32]| DuplicateGroup {
            representative: members[0],
            members: members.to_vec(),
            kind: Kind::Exact,
            weakest: WeakestLink { cosine: Some(1.0), jaccard: 1.0, containment: 1.0 },
            n_pairs: 0,
            across_sources: false,
        };
        // Source 0 has six documents of two passages, source 1 two of one.
        let document_of = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7];
        let source_of = [[0; 12].as_slice(), &[1; 2]].concat();
        let groups = [group(&[0, 2, 12]), group(&[6, 7]), group(&[12, 13])];
        let options = DuplicateOptions { boilerplate: 0.3, ..Default::default() };
        let found = boilerplate(&groups, &source_of, &document_of, &options);
        assert_eq!(found, [Boilerplate { group: 0, source: 0, n_documents: 2, of_documents: 6 }]);
        let options = DuplicateOptions { boilerplate: 0.34, ..options };
        assert_eq!(boilerplate(&groups, &source_of, &document_of, &options), []);
    }
}
