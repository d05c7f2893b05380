//! Groups are derived from pairs without chaining: every member, or the text it is an exact copy of,
//! is paired with the group's representative. A~B~C does not make A and C a group.
//!
//! The method is a greedy star cover (Aslam, Pelekhov and Rus 2004, "The star clustering
//! algorithm"): the text with the most pairs left represents a group of itself and all it is
//! paired with; then the next among what remains. Of equals, the first by text: the order in which
//! passages come decides nothing. Links that are cut stay listed as pairs.

use super::copies::Filter;
use super::{DuplicatePair, Kind};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Passages that are all alike to their representative.
#[derive(Clone, Debug, PartialEq)]
pub struct DuplicateGroup {
    /// The passage that the others, or the texts they are exact copies of, are paired with.
    pub representative: u32,
    /// All members by passage order, the representative too; at least two.
    pub members: Vec<u32>,
    /// The weakest kind among the links that hold the group together.
    pub kind: Kind,
    /// The weakest of those links.
    pub weakest: WeakestLink,
    /// Pairs among the members; n (n − 1) / 2 would be all.
    pub n_pairs: usize,
    /// Whether the members come from more than one source.
    pub across_sources: bool,
}

/// The least that the links of a group show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WeakestLink {
    /// The least cosine; none where there are no embeddings.
    pub cosine: Option<f32>,
    /// The least Jaccard similarity.
    pub jaccard: f32,
    /// The least containment.
    pub containment: f32,
}

/// Groups passages by their pairs, the largest group first, and says which group each is in; groups of
/// fewer than `min_group` members are left out.
///
/// `set_of` says which passages are copies of one text. Copies go where their text goes: they are
/// compared through one of them only, and a star around one of them must not leave the others behind.
/// Passages of an old corpus represent groups before others do, so that only new ones are dispensable.
pub(super) fn groups(
    texts: &[&str],
    set_of: &[u32],
    pairs: &[DuplicatePair],
    filter: &Filter,
    min_group: usize,
) -> (Vec<DuplicateGroup>, Vec<Option<u32>>) {
    let source = |i: u32| filter.source_of[i as usize];
    let mut stars = Stars::new(texts, set_of, pairs, filter);
    let mut groups = Vec::new();
    while let Some(Star { representative, mut members, links }) = stars.take_next() {
        let least = |of: fn(&DuplicatePair) -> f32| links.iter().map(|pair| of(pair)).fold(f32::INFINITY, f32::min);
        members.sort_unstable();
        groups.push(DuplicateGroup {
            representative,
            kind: links.iter().map(|pair| pair.kind).max().unwrap_or(Kind::Exact),
            weakest: WeakestLink {
                cosine: links.iter().filter_map(|pair| pair.cosine).reduce(f32::min),
                jaccard: least(|p| p.jaccard),
                containment: least(|p| p.containment),
            },
            n_pairs: 0,
            across_sources: members.iter().any(|&i| source(i) != source(representative)),
            members,
        });
    }
    groups.retain(|group| group.members.len() >= min_group);
    groups.sort_by_key(|group| (Reverse(group.members.len()), group.members[0]));
    let mut group_of = vec![None; texts.len()];
    for (g, group) in groups.iter().enumerate() {
        group.members.iter().for_each(|&i| group_of[i as usize] = Some(g as u32));
    }
    for pair in pairs {
        let (a, b) = (group_of[pair.a as usize], group_of[pair.b as usize]);
        if let Some(g) = a.filter(|_| a == b) {
            groups[g as usize].n_pairs += 1;
        }
    }
    (groups, group_of)
}

/// A group as it is found.
struct Star<'p> {
    representative: u32,
    members: Vec<u32>,
    /// What holds its members to the representative, or copies to their text.
    links: Vec<&'p DuplicatePair>,
}

/// The graph of what is not yet in a group. A vertex is a text: those of its copies that are in a pair.
struct Stars<'p, 't> {
    set_of: &'p [u32],
    vertices: HashMap<u32, Vertex<'p, 't>>,
    /// For each vertex left, how many more passages a star around it would gather.
    reach: HashMap<u32, usize>,
    /// Those that would gather any, in the order in which they are to be taken.
    queue: BTreeSet<(Priority<'t>, u32)>,
}

/// New after old, the farthest reach first, then by text; the passage decides where no texts are known.
type Priority<'t> = (bool, Reverse<usize>, &'t str, u32);

struct Vertex<'p, 't> {
    /// The first passage of the old corpus, or else the first by text.
    representative: u32,
    is_new: bool,
    text: &'t str,
    members: Vec<u32>,
    /// Pairs among its members.
    copies: Vec<&'p DuplicatePair>,
    /// Pairs with other vertices.
    links: Vec<&'p DuplicatePair>,
}

impl<'t> Vertex<'_, 't> {
    fn priority(&self, reach: usize) -> Priority<'t> {
        (self.is_new, Reverse(reach), self.text, self.representative)
    }
}

impl<'p, 't> Stars<'p, 't> {
    fn new(texts: &[&'t str], set_of: &'p [u32], pairs: &'p [DuplicatePair], filter: &Filter) -> Self {
        let mut members: BTreeMap<u32, BTreeSet<(bool, &str, u32)>> = BTreeMap::new();
        for passage in pairs.iter().flat_map(|pair| [pair.a, pair.b]) {
            let key = (filter.is_new(passage), texts[passage as usize], passage);
            members.entry(set_of[passage as usize]).or_default().insert(key);
        }
        let mut vertices: HashMap<u32, Vertex> = HashMap::new();
        for (set, members) in members {
            if let Some(&(is_new, text, representative)) = members.first() {
                let members = members.into_iter().map(|(_, _, passage)| passage).collect();
                let vertex = Vertex { representative, is_new, text, members, copies: vec![], links: vec![] };
                vertices.insert(set, vertex);
            }
        }
        for pair in pairs {
            let (a, b) = (set_of[pair.a as usize], set_of[pair.b as usize]);
            if a == b {
                vertices.entry(a).and_modify(|vertex| vertex.copies.push(pair));
            } else {
                vertices.entry(a).and_modify(|vertex| vertex.links.push(pair));
                vertices.entry(b).and_modify(|vertex| vertex.links.push(pair));
            }
        }
        let (mut reach, mut queue) = (HashMap::new(), BTreeSet::new());
        for (&set, vertex) in &vertices {
            let linked = vertex.links.iter().map(|pair| vertices[&other(set_of, pair, set)].members.len());
            let gathers = vertex.members.len() - 1 + linked.sum::<usize>();
            reach.insert(set, gathers);
            queue.insert((vertex.priority(gathers), set));
        }
        Self { set_of, vertices, reach, queue }
    }

    /// Takes the star that comes next out of the graph.
    fn take_next(&mut self) -> Option<Star<'p>> {
        let (_, centre) = *self.queue.first()?;
        let links = &self.vertices[&centre].links;
        let mut spokes: Vec<_> =
            links.iter().copied().filter(|pair| self.reach.contains_key(&other(self.set_of, pair, centre))).collect();
        let taken: Vec<u32> = spokes.iter().map(|pair| other(self.set_of, pair, centre)).chain([centre]).collect();
        for set in &taken {
            if let Some(reach) = self.reach.remove(set) {
                self.queue.remove(&(self.vertices[set].priority(reach), *set));
            }
        }
        for set in &taken {
            let vertex = &self.vertices[set];
            for pair in &vertex.links {
                let neighbour = other(self.set_of, pair, *set);
                if let Some(reach) = self.reach.get_mut(&neighbour) {
                    let next = &self.vertices[&neighbour];
                    self.queue.remove(&(next.priority(*reach), neighbour));
                    *reach -= vertex.members.len();
                    if *reach > 0 {
                        self.queue.insert((next.priority(*reach), neighbour));
                    }
                }
            }
        }
        let of_taken = || taken.iter().map(|set| &self.vertices[set]);
        let members = of_taken().flat_map(|vertex| vertex.members.iter().copied()).collect();
        spokes.extend(of_taken().flat_map(|vertex| vertex.copies.iter().copied()));
        Some(Star { representative: self.vertices[&centre].representative, members, links: spokes })
    }
}

/// The vertex that a pair links `set` with.
fn other(set_of: &[u32], pair: &DuplicatePair, set: u32) -> u32 {
    let a = set_of[pair.a as usize];
    if a == set { set_of[pair.b as usize] } else { a }
}

#[cfg(test)]
mod tests {
    use super::super::PairSources;
    use super::*;
    use proptest::prelude::*;

    fn pair(a: u32, b: u32) -> DuplicatePair {
        DuplicatePair { a, b, kind: Kind::Reworded, cosine: Some(0.9), jaccard: 0.1, containment: 0.2, excerpt: None }
    }

    fn copy(a: u32, b: u32) -> DuplicatePair {
        DuplicatePair { kind: Kind::Exact, ..pair(a, b) }
    }

    /// Groups of passages whose texts are their numbers, of which those from `n_new` on are old.
    fn group(
        n: usize,
        set_of: &[u32],
        pairs: &[DuplicatePair],
        n_new: usize,
    ) -> (Vec<DuplicateGroup>, Vec<Option<u32>>) {
        let texts: Vec<String> = (0..n).map(|i| format!("{i:05}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut source_of = vec![0; n];
        source_of[n - 1] = 1;
        let filter = Filter { sources: PairSources::Any, source_of: &source_of, n_new };
        groups(&texts, set_of, pairs, &filter, 2)
    }

    fn all_different(n: usize) -> Vec<u32> {
        (0..n as u32).collect()
    }

    #[test]
    fn exact_copies_stay_with_their_text() {
        // 0 is alike to 1, 2 and 3, of which each has a copy: 4, 5 and 6.
        let pairs = [pair(0, 1), pair(0, 2), pair(0, 3), copy(1, 4), copy(2, 5), copy(3, 6)];
        let (groups, _) = group(7, &[0, 1, 2, 3, 1, 2, 3], &pairs, 7);
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].representative, groups[0].members.len(), groups[0].n_pairs), (0, 7, 6));
        assert!(groups[0].across_sources && groups[0].kind == Kind::Reworded);
    }

    #[test]
    fn a_chain_is_not_one_group() {
        let (groups, group_of) = group(5, &all_different(5), &[pair(0, 1), pair(1, 2), pair(2, 3), pair(3, 4)], 5);
        let members: Vec<_> = groups.iter().map(|g| g.members.clone()).collect();
        assert_eq!(members, [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!((groups[0].representative, groups[0].n_pairs), (1, 2));
        assert_eq!(group_of, [Some(0), Some(0), Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn an_old_passage_represents_its_group_however_few_its_pairs() {
        // 1 has the most pairs, 3 is old.
        let (groups, _) = group(4, &all_different(4), &[pair(0, 1), pair(1, 2), pair(1, 3)], 3);
        assert_eq!((groups.len(), groups[0].representative, groups[0].members.clone()), (1, 3, vec![1, 3]));
    }

    #[test]
    fn a_hub_with_thousands_of_neighbours_is_one_group() {
        let n = 5_000;
        let pairs: Vec<_> = (1..n).map(|i| pair(0, i)).collect();
        let (groups, _) = group(n as usize, &all_different(n as usize), &pairs, n as usize);
        assert_eq!((groups.len(), groups[0].members.len(), groups[0].n_pairs), (1, 5_000, 4_999));
    }

    proptest! {
        #[test]
        fn every_member_is_paired_with_its_representative_and_no_two_representatives_are(
            edges in proptest::collection::btree_set((0u32..30, 0u32..30), 0..80),
            n_copies in 0u32..10,
            n_old in 0usize..8,
            shift in 0u32..40,
        ) {
            // The first passages have a copy each, at the end.
            let n = 30 + n_copies as usize;
            let set_of: Vec<u32> = (0..30).chain(0..n_copies).collect();
            let mut pairs: Vec<_> = edges.into_iter().filter(|(a, b)| a < b).map(|(a, b)| pair(a, b)).collect();
            pairs.extend((0..n_copies).map(|i| copy(i, 30 + i)));
            // Which passages are old is no matter of copies here: a pair is what it is.
            let (groups, group_of) = group(n, &set_of, &pairs, n - n_old);
            let is_paired = |i: u32, j: u32| {
                let (i, j) = (set_of[i as usize], set_of[j as usize]);
                i == j || pairs.iter().any(|p| (p.a, p.b) == (i.min(j), i.max(j)))
            };
            for (g, group) in groups.iter().enumerate() {
                prop_assert!(group.members.len() >= 2);
                for &i in &group.members {
                    prop_assert_eq!(group_of[i as usize], Some(g as u32));
                    prop_assert!(is_paired(i, group.representative));
                }
                for other in &groups[..g] {
                    prop_assert!(!is_paired(group.representative, other.representative));
                }
            }
            // Whoever is left alone is paired with none but members of groups, none of whom represents it.
            for pair in &pairs {
                prop_assert!(group_of[pair.a as usize].is_some() || group_of[pair.b as usize].is_some());
            }
            // The order of the pairs, and so of the search that found them, decides nothing.
            let by = pairs.len().max(1);
            pairs.rotate_left(shift as usize % by);
            let again = group(n, &set_of, &pairs, n - n_old);
            prop_assert_eq!((groups, group_of), again);
        }
    }
}
