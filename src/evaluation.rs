//! How well clusters agree with labels that are known: for choosing a model or a number of clusters
//! on one's own data.
//!
//! With H the entropy over passages, the homogeneity is 1 − H(label | cluster) / H(label), the
//! completeness 1 − H(cluster | label) / H(cluster) and the V-measure their harmonic mean (Rosenberg
//! and Hirschberg 2007, "V-Measure: A Conditional Entropy-Based External Cluster Evaluation
//! Measure"). The mutual information, normalised by the arithmetic mean of the two entropies, is the
//! V-measure by another name, and is shown because others report it so. The adjusted Rand index
//! counts the pairs on which the two partitions agree, less what chance would give (Hubert and Arabie
//! 1985, "Comparing partitions"). The limits are those of scikit-learn: entropies of 0 count as
//! perfect, and the tests hold the figures against its own.

use std::collections::{BTreeMap, HashMap};

/// The agreement of a clustering with labels. All but the index are 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Passages that have a label: those that count.
    pub n_labelled: usize,
    /// Different labels.
    pub n_labels: usize,
    /// Clusters that hold a passage with a label.
    pub n_clusters: usize,
    /// 1: no cluster holds two labels.
    pub homogeneity: f64,
    /// 1: no label is in two clusters.
    pub completeness: f64,
    /// The harmonic mean of the two.
    pub v_measure: f64,
    /// Mutual information over the arithmetic mean of the entropies.
    pub nmi: f64,
    /// The adjusted Rand index, −0.5 to 1; 0 is what chance gives.
    pub ari: f64,
}

impl Agreement {
    /// Compares `labels` with `clusters`, one of each for every passage; a passage without a label
    /// does not count. None if no passage has one.
    ///
    /// # Panics
    /// If there are not as many clusters as labels.
    #[must_use]
    pub fn of(labels: &[Option<&str>], clusters: &[u32]) -> Option<Self> {
        assert_eq!(labels.len(), clusters.len(), "a label and a cluster for every passage");
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut cells: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for (label, &cluster) in labels.iter().zip(clusters) {
            if let Some(label) = label {
                let next = numbers.len() as u32;
                let label = *numbers.entry(label).or_insert(next);
                *cells.entry((label, cluster)).or_default() += 1;
            }
        }
        (!cells.is_empty()).then(|| Self::of_table(&cells))
    }

    /// From the passages of every label and cluster that have any in common.
    fn of_table(cells: &BTreeMap<(u32, u32), usize>) -> Self {
        let (mut of_label, mut of_cluster) = (BTreeMap::new(), BTreeMap::new());
        for (&(label, cluster), &n) in cells {
            *of_label.entry(label).or_insert(0) += n;
            *of_cluster.entry(cluster).or_insert(0) += n;
        }
        let n: usize = cells.values().sum();
        let total = n as f64;
        let entropy = |counts: &BTreeMap<u32, usize>| -> f64 {
            let plogp = |&n: &usize| n as f64 / total * (n as f64 / total).ln();
            0.0 - counts.values().map(plogp).sum::<f64>()
        };
        let (h_label, h_cluster) = (entropy(&of_label), entropy(&of_cluster));
        let information: f64 = cells
            .iter()
            .map(|(&(label, cluster), &n)| {
                let expected = of_label[&label] as f64 * of_cluster[&cluster] as f64 / total;
                n as f64 / total * (n as f64 / expected).ln()
            })
            .sum();
        let information = information.clamp(0.0, h_label.min(h_cluster));
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
        let (homogeneity, completeness) = (share(information, h_label), share(information, h_cluster));
        let sum = homogeneity + completeness;
        Self {
            n_labelled: n,
            n_labels: of_label.len(),
            n_clusters: of_cluster.len(),
            homogeneity,
            completeness,
            v_measure: if sum > 0.0 { 2.0 * homogeneity * completeness / sum } else { 0.0 },
            nmi: share(information, f64::midpoint(h_label, h_cluster)),
            ari: adjusted_rand_index(cells, &of_label, &of_cluster, n),
        }
    }
}

/// Pairs of passages that both partitions put together, less the number that chance would give, as
/// a share of the most that could be.
fn adjusted_rand_index(
    cells: &BTreeMap<(u32, u32), usize>,
    of_label: &BTreeMap<u32, usize>,
    of_cluster: &BTreeMap<u32, usize>,
    n: usize,
) -> f64 {
    let pairs = |n: usize| n as u128 * (n as u128).saturating_sub(1) / 2;
    let together: u128 = cells.values().map(|&n| pairs(n)).sum();
    let same_label: u128 = of_label.values().map(|&n| pairs(n)).sum();
    let same_cluster: u128 = of_cluster.values().map(|&n| pairs(n)).sum();
    if together == same_label && together == same_cluster {
        return 1.0;
    }
    let (together, same_label, same_cluster) = (together as f64, same_label as f64, same_cluster as f64);
    let expected = same_label * same_cluster / pairs(n) as f64;
    (together - expected) / (f64::midpoint(same_label, same_cluster) - expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agreement(labels: &[u32], clusters: &[u32]) -> Agreement {
        let names: Vec<String> = labels.iter().map(ToString::to_string).collect();
        let labels: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
        Agreement::of(&labels, clusters).unwrap()
    }

    fn figures(a: Agreement) -> [f64; 5] {
        [a.homogeneity, a.completeness, a.v_measure, a.nmi, a.ari]
    }

    fn assert_close(found: [f64; 5], expected: [f64; 5]) {
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-12), "{found:?}, expected {expected:?}");
    }

    #[test]
    fn four_passages_by_hand() {
        // Labels aabb in clusters 0, 0, 0, 1. In nats, with h(p) = −p ln p: H(label) = ln 2;
        // H(cluster) = h(3/4) + h(1/4) = 0.562335; H(label | cluster) = 3/4 (h(2/3) + h(1/3)) = 0.477386;
        // so the information is 0.215762. Of 6 pairs, 2 share a label, 3 a cluster, 1 both; expected 1.
        let found = agreement(&[0, 0, 1, 1], &[0, 0, 0, 1]);
        let h = |p: f64| -p * p.ln();
        let information = 2f64.ln() - 0.75 * (h(2.0 / 3.0) + h(1.0 / 3.0));
        let h_cluster = h(0.75) + h(0.25);
        assert!((information - 0.215_762).abs() < 1e-6 && (h_cluster - 0.562_335).abs() < 1e-6);
        let v = 2.0 * information / (2f64.ln() + h_cluster);
        assert_close(figures(found), [information / 2f64.ln(), information / h_cluster, v, v, 0.0]);
        assert_eq!((found.n_labelled, found.n_labels, found.n_clusters), (4, 2, 2));
    }

    #[test]
    fn figures_are_those_of_scikit_learn() {
        // scikit-learn 1.9.1: homogeneity_completeness_v_measure, normalized_mutual_info_score,
        // adjusted_rand_score.
        let (labels, clusters): (Vec<u32>, Vec<u32>) =
            (0..200u32).map(|i| (i * i % 7, (i * i * 3 + i / 9) % 11)).unzip();
        let cases: [(&[u32], &[u32], [f64; 5]); 7] = [
            (
                &[0, 0, 0, 1, 1, 1, 2, 2, 2, 2],
                &[0, 0, 1, 1, 1, 2, 2, 2, 0, 3],
                [
                    0.473_906_911_161_687_15,
                    0.392_772_002_279_367_5,
                    0.429_541_698_786_619_8,
                    0.429_541_698_786_619_74,
                    0.074_074_074_074_074_07,
                ],
            ),
            (
                &[0, 0, 1, 1, 2, 2],
                &[0, 1, 2, 3, 4, 5],
                [1.0, 0.613_147_192_765_458_6, 0.760_187_533_431_868_7, 0.760_187_533_431_868_6, 0.0],
            ),
            (&[0, 1, 2, 3], &[0, 0, 0, 0], [0.0, 1.0, 0.0, 0.0, 0.0]),
            (&[0, 0, 0, 0], &[0, 1, 2, 3], [1.0, 0.0, 0.0, 0.0, 0.0]),
            (&[0, 0, 0], &[1, 1, 1], [1.0; 5]),
            (&[0, 1, 0, 1, 0, 1, 0, 1], &[0, 0, 1, 1, 0, 0, 1, 1], [0.0, 0.0, 0.0, 0.0, -0.166_666_666_666_666_66]),
            (
                &labels,
                &clusters,
                [
                    0.051_401_787_236_553_93,
                    0.029_118_838_906_287_147,
                    0.037_177_067_137_586_7,
                    0.037_177_067_137_586_69,
                    -0.002_659_542_912_038_343_7,
                ],
            ),
        ];
        for (labels, clusters, expected) in cases {
            assert_close(figures(agreement(labels, clusters)), expected);
        }
    }

    #[test]
    fn passages_without_a_label_do_not_count() {
        assert_eq!(Agreement::of(&[None, None], &[0, 1]), None);
        let found = Agreement::of(&[Some("a"), None, Some("b")], &[0, 0, 1]).unwrap();
        assert_close(figures(found), [1.0; 5]);
        assert_eq!(found.n_labelled, 2);
    }

    fn partitions() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
        proptest::collection::vec((0u32..6, 0u32..9), 1..80).prop_map(|pairs| pairs.into_iter().unzip())
    }

    proptest! {
        #[test]
        fn names_of_labels_and_clusters_do_not_matter((labels, clusters) in partitions(), shift in 1u32..9) {
            let renamed: Vec<u32> = clusters.iter().map(|c| (c * 5 + shift) % 9).collect();
            let relabelled: Vec<u32> = labels.iter().map(|l| 100 - l).collect();
            assert_close(figures(agreement(&labels, &clusters)), figures(agreement(&relabelled, &renamed)));
        }

        #[test]
        fn sides_exchange_homogeneity_and_completeness((labels, clusters) in partitions()) {
            let [homogeneity, completeness, v, nmi, ari] = figures(agreement(&labels, &clusters));
            assert_close(figures(agreement(&clusters, &labels)), [completeness, homogeneity, v, nmi, ari]);
            prop_assert!((v - nmi).abs() < 1e-12, "one by another name");
            prop_assert!([homogeneity, completeness, v].iter().all(|f| (0.0..=1.0).contains(f)));
            prop_assert!((-0.5..=1.0).contains(&ari));
        }

        #[test]
        fn a_partition_agrees_with_itself_and_one_cluster_is_complete((labels, _) in partitions()) {
            assert_close(figures(agreement(&labels, &labels)), [1.0; 5]);
            let one = agreement(&labels, &vec![3; labels.len()]);
            prop_assert!((one.completeness - 1.0).abs() < 1e-12);
            if labels.iter().any(|label| *label != labels[0]) {
                prop_assert!(one.homogeneity.abs() < 1e-12 && one.v_measure.abs() < 1e-12 && one.ari.abs() < 1e-12);
            }
        }

        #[test]
        fn the_rand_index_is_that_of_counting_every_pair((labels, clusters) in partitions()) {
            let (mut both, mut a, mut b, mut all) = (0.0, 0.0, 0.0, 0.0);
            for i in 0..labels.len() {
                for j in 0..i {
                    let (same_label, same_cluster) = (labels[i] == labels[j], clusters[i] == clusters[j]);
                    both += f64::from(u8::from(same_label && same_cluster));
                    a += f64::from(u8::from(same_label));
                    b += f64::from(u8::from(same_cluster));
                    all += 1.0;
                }
            }
            let expected: f64 = a * b / all;
            let most = f64::midpoint(a, b);
            if most - expected > 1e-9 {
                let found = agreement(&labels, &clusters).ari;
                prop_assert!((found - (both - expected) / (most - expected)).abs() < 1e-9);
            }
        }
    }
}
