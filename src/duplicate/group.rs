//! Groups are derived from pairs without chaining: every member, or the text it is an exact copy of,
//! is paired with the group's representative. A~B~C does not make A and C a group.
//!
//! The method is a greedy star cover (Aslam, Pelekhov and Rus 2004, "The star clustering
//! algorithm"): the passage with the most pairs left represents a group of itself and all it is
//! paired with; then the next among what remains. Links that are cut stay listed as pairs.

use super::{DuplicatePair, Kind};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

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
    /// The least cosine.
    pub cosine: f32,
    /// The least Jaccard similarity.
    pub jaccard: f32,
    /// The least containment.
    pub containment: f32,
}

/// Groups `n` passages by their pairs, the largest group first, and says which group each is in.
///
/// Exact copies go where their class goes: they are compared through the first of them only, and a
/// star around one of them must not leave the others behind.
pub(super) fn groups(n: usize, pairs: &[DuplicatePair], source_of: &[u32]) -> (Vec<DuplicateGroup>, Vec<Option<u32>>) {
    let mut star = Star::new(pairs);
    let mut groups = Vec::new();
    while let Some((representative, links)) = star.take_next() {
        let least = |of: fn(&DuplicatePair) -> f32| links.iter().map(|pair| of(pair)).fold(f32::INFINITY, f32::min);
        let mut members: Vec<u32> = links.iter().flat_map(|pair| [pair.a, pair.b]).collect();
        members.sort_unstable();
        members.dedup();
        groups.push(DuplicateGroup {
            representative,
            kind: links.iter().map(|pair| pair.kind).max().unwrap_or(Kind::Exact),
            weakest: WeakestLink {
                cosine: least(|p| p.cosine),
                jaccard: least(|p| p.jaccard),
                containment: least(|p| p.containment),
            },
            n_pairs: 0,
            across_sources: members.iter().any(|&i| source_of[i as usize] != source_of[representative as usize]),
            members,
        });
    }
    groups.sort_by_key(|group| (Reverse(group.members.len()), group.members[0]));
    let mut group_of = vec![None; n];
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

/// The graph of what is not yet in a group. A vertex is a passage together with its exact copies.
struct Star<'a> {
    /// Pairs of an exact class's first passage with its copies.
    copies: HashMap<u32, Vec<&'a DuplicatePair>>,
    /// Pairs between classes, by either end.
    links: HashMap<u32, Vec<&'a DuplicatePair>>,
    /// For each vertex left, how many passages a star around it would gather.
    reach: HashMap<u32, usize>,
    /// The same, the farthest reach first; of equals, the earliest passage.
    queue: BTreeSet<(Reverse<usize>, u32)>,
}

impl<'a> Star<'a> {
    fn new(pairs: &'a [DuplicatePair]) -> Self {
        let mut copies: HashMap<u32, Vec<&DuplicatePair>> = HashMap::new();
        let mut links: HashMap<u32, Vec<&DuplicatePair>> = HashMap::new();
        for pair in pairs {
            if pair.kind == Kind::Exact {
                copies.entry(pair.a).or_default().push(pair);
            } else {
                links.entry(pair.a).or_default().push(pair);
                links.entry(pair.b).or_default().push(pair);
            }
        }
        let mut star = Self { copies, links, reach: HashMap::new(), queue: BTreeSet::new() };
        let vertices: BTreeSet<u32> = star.copies.keys().chain(star.links.keys()).copied().collect();
        for i in vertices {
            let linked: usize = star.links_of(i).map(|pair| star.weight(other(pair, i))).sum();
            let reach = star.weight(i) - 1 + linked;
            star.reach.insert(i, reach);
            star.queue.insert((Reverse(reach), i));
        }
        star
    }

    /// Passages of a vertex.
    fn weight(&self, i: u32) -> usize {
        1 + self.copies.get(&i).map_or(0, Vec::len)
    }

    fn links_of(&self, i: u32) -> impl Iterator<Item = &'a DuplicatePair> + use<'a, '_> {
        self.links.get(&i).into_iter().flatten().copied()
    }

    /// Takes the star that gathers the most: its centre, and the pairs that hold its members to it
    /// (or, for copies, to the first of them).
    fn take_next(&mut self) -> Option<(u32, Vec<&'a DuplicatePair>)> {
        let &(Reverse(reach), centre) = self.queue.first()?;
        if reach == 0 {
            return None;
        }
        let spokes: Vec<_> =
            self.links_of(centre).filter(|pair| self.reach.contains_key(&other(pair, centre))).collect();
        let taken: Vec<u32> = spokes.iter().map(|pair| other(pair, centre)).chain([centre]).collect();
        for i in &taken {
            if let Some(reach) = self.reach.remove(i) {
                self.queue.remove(&(Reverse(reach), *i));
            }
        }
        for &i in &taken {
            let weight = self.weight(i);
            let neighbours: Vec<u32> = self.links_of(i).map(|pair| other(pair, i)).collect();
            for j in neighbours {
                if let Some(reach) = self.reach.get_mut(&j) {
                    self.queue.remove(&(Reverse(*reach), j));
                    *reach -= weight;
                    self.queue.insert((Reverse(*reach), j));
                }
            }
        }
        let copies = taken.iter().filter_map(|i| self.copies.get(i)).flatten().copied();
        Some((centre, copies.chain(spokes).collect()))
    }
}

fn other(pair: &DuplicatePair, i: u32) -> u32 {
    if pair.a == i { pair.b } else { pair.a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(a: u32, b: u32) -> DuplicatePair {
        DuplicatePair { a, b, kind: Kind::Reworded, cosine: 0.9, jaccard: 0.1, containment: 0.2 }
    }

    #[test]
    fn exact_copies_stay_with_their_text() {
        // 0 is alike to 1, 2 and 3, of which each has a copy: 4, 5 and 6.
        let copy = |a, b| DuplicatePair { kind: Kind::Exact, ..pair(a, b) };
        let pairs = [pair(0, 1), pair(0, 2), pair(0, 3), copy(1, 4), copy(2, 5), copy(3, 6)];
        let (groups, _) = groups(7, &pairs, &[0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].representative, groups[0].members.len(), groups[0].n_pairs), (0, 7, 6));
        assert!(groups[0].across_sources && groups[0].kind == Kind::Reworded);
    }

    #[test]
    fn a_chain_is_not_one_group() {
        let (groups, group_of) = groups(5, &[pair(0, 1), pair(1, 2), pair(2, 3), pair(3, 4)], &[0; 5]);
        let members: Vec<_> = groups.iter().map(|g| g.members.clone()).collect();
        assert_eq!(members, [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!((groups[0].representative, groups[0].n_pairs), (1, 2));
        assert_eq!(group_of, [Some(0), Some(0), Some(0), Some(1), Some(1)]);
    }

    proptest! {
        #[test]
        fn every_member_is_paired_with_its_representative(edges in proptest::collection::btree_set((0u32..30, 0u32..30), 0..80)) {
            let pairs: Vec<_> = edges.into_iter().filter(|(a, b)| a < b).map(|(a, b)| pair(a, b)).collect();
            let (groups, group_of) = groups(30, &pairs, &[0; 30]);
            for (g, group) in groups.iter().enumerate() {
                prop_assert!(group.members.len() >= 2);
                for &i in &group.members {
                    prop_assert_eq!(group_of[i as usize], Some(g as u32));
                    let r = group.representative;
                    prop_assert!(i == r || pairs.iter().any(|p| (p.a, p.b) == (i.min(r), i.max(r))));
                }
            }
            // Whoever is left alone is paired with none but members of groups.
            for pair in &pairs {
                prop_assert!(group_of[pair.a as usize].is_some() || group_of[pair.b as usize].is_some());
            }
        }
    }
}
