//! `refrain duplicates` through the real program: filters, thresholds, boilerplate, and that the order of
//! the input decides nothing.

mod common;

use common::{done, run, seeds, shown, stderr};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// The groups as sets of texts, with their representatives' texts and kinds.
fn groups(report: &Value) -> BTreeSet<(String, String, Vec<String>)> {
    let group = |group: &Value| {
        let members = group["members"].as_array().unwrap();
        let text = |member: &Value| member["text"].as_str().unwrap().to_owned();
        let representative = members.iter().find(|m| m["passage_id"] == group["representative"]).unwrap();
        let mut texts: Vec<String> = members.iter().map(text).collect();
        texts.sort_unstable();
        (text(representative), group["kind"].as_str().unwrap().to_owned(), texts)
    };
    report["duplicate_groups"].as_array().unwrap().iter().map(group).collect()
}

#[test]
fn the_order_of_the_input_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let turned = folder.path().join("turned");
    std::fs::create_dir(&turned).unwrap();
    for entry in std::fs::read_dir(seeds()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number: u32 = name[..3].parse().unwrap();
        std::fs::copy(entry.path(), turned.join(format!("{:03}.txt", (number * 3 + 1) % 5))).unwrap();
    }
    let (straight, turned) = (done(&["duplicates", &seeds()]), done(&["duplicates", shown(&turned)]));
    assert!(groups(&straight).len() >= 20);
    assert!(groups(&straight) == groups(&turned));
    assert_eq!(straight["header"]["counts"]["pairs"], turned["header"]["counts"]["pairs"]);
}

#[test]
fn copies_and_excerpts_are_found_without_a_model_and_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let by_words = ["--kinds", "exact,near,excerpt"];
    let without = ["--onnxruntime", "none", "--offline", "--no-cache", "-o", shown(&report)];
    let found = done(&[&["duplicates", &seeds()], &by_words[..], &without].concat());
    assert!(found["header"]["model"].is_null());
    assert!(
        found["duplicate_groups"].as_array().unwrap().iter().all(|group| group["weakest_link"]["cosine"].is_null())
    );
    let with_reworded = done(&["duplicates", &seeds()]);
    let pairs = |report: &Value, kind: &str| report["header"]["counts"]["pairs"][kind].clone();
    for kind in ["exact", "near", "excerpt"] {
        assert_eq!(pairs(&found, kind), pairs(&with_reworded, kind), "{kind}");
    }
    assert!(pairs(&found, "exact").as_u64() >= Some(20) && pairs(&found, "reworded") == 0);
    // As a finished report it is read again.
    let near = done(&["duplicates", shown(&report), "--kinds", "near"]);
    assert_eq!((pairs(&near, "near"), pairs(&near, "exact")), (pairs(&found, "near"), json!(0)));
}

#[test]
fn a_finished_report_at_a_higher_threshold_is_what_a_search_at_it_finds() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    done(&["report", &seeds(), "--threshold", "0.8", "-o", shown(&report)]);
    // No model and no runtime: nothing is embedded.
    let without = ["--model", "none", "--onnxruntime", "none", "--offline"];
    let again = |arguments: &[&str]| done(&[&["duplicates", shown(&report)], arguments, &without].concat());
    for threshold in ["0.8", "0.85", "0.92", "1"] {
        let searched = done(&["duplicates", &seeds(), "--threshold", threshold]);
        let regrouped = again(&["--threshold", threshold]);
        assert!(searched["duplicate_groups"] == regrouped["duplicate_groups"], "{threshold}");
        for part in ["counts", "model", "paths"] {
            assert_eq!(searched["header"][part], regrouped["header"][part], "{threshold}");
        }
        assert_eq!(searched["header"]["options"]["duplicates"], regrouped["header"]["options"]["duplicates"]);
        assert_eq!(searched["warnings"][0]["message"], regrouped["warnings"][0]["message"]);
    }
    let fewer = again(&["--threshold", "0.9", "--kinds", "exact,reworded", "--min-group", "3"]);
    let searched = done(&["duplicates", &seeds(), "--kinds", "exact", "--min-group", "3"]);
    assert!(fewer["header"]["counts"]["pairs"]["near"] == 0 && !groups(&fewer).is_empty());
    assert!(groups(&fewer).iter().all(|(_, _, members)| members.len() >= 3));
    assert!(groups(&searched).len() <= groups(&fewer).len());

    // A report that is written of it can be read again; and what it does not hold is refused.
    let higher = folder.path().join("higher");
    again(&["--threshold", "0.92", "-o", shown(&higher)]);
    assert!(groups(&done(&["duplicates", shown(&higher)])) == groups(&again(&["--threshold", "0.92"])));
    for (arguments, said) in [
        (["--threshold", "0.9"].as_slice(), "at least 0.92, which the report was made with"),
        (&["--across-sources"], "only --threshold, --kinds"),
        (&["-o", shown(&higher)], "would replace the one it is made from"),
    ] {
        let output = run(&[&["duplicates", shown(&higher)], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    std::fs::write(higher.join("duplicates.parquet"), b"PAR1 but no more").unwrap();
    let output = run(&["duplicates", shown(&higher)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("its duplicates.parquet is not what was written"), "{}", stderr(&output));
}

#[test]
fn a_threshold_can_be_chosen_by_looking_and_by_share() {
    let folder = tempfile::tempdir().unwrap();
    let rungs = done(&["duplicates", &seeds(), "--preview"]);
    let rungs = rungs.as_array().unwrap();
    assert_eq!((rungs.len(), &rungs[0]["threshold"], &rungs[5]["threshold"]), (10, &json!(0.8), &json!(0.9)));
    let at_default = &done(&["duplicates", &seeds()])["header"]["counts"]["pairs"];
    assert_eq!(rungs[5]["reworded"], at_default["reworded"]);
    assert!(rungs.windows(2).all(|two| two[0]["reworded"].as_u64() >= two[1]["reworded"].as_u64()));
    for rung in rungs {
        for pair in rung["nearest"].as_array().unwrap() {
            let is_above = pair["cosine"].as_f64().unwrap() >= rung["threshold"].as_f64().unwrap();
            assert_eq!(pair["is_found"], is_above);
        }
    }
    let printed = run(&["duplicates", &seeds(), "--preview"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.starts_with("threshold") && printed.contains("Moscow Advocates Revival"), "{printed}");

    // Of 145 passages, a share between those that go at 0.8 and at 1.
    let removed = |rung: usize| rungs[rung]["share_removed"].as_f64().unwrap();
    let target = removed(0).midpoint(removed(9));
    let report = folder.path().join("report");
    let found = done(&["duplicates", &seeds(), "--target", &target.to_string(), "-o", shown(&report)]);
    let n_kept = |report: &Value| {
        let groups = report["duplicate_groups"].as_array().unwrap();
        groups.iter().map(|group| group["size"].as_u64().unwrap() - 1).sum::<u64>() as f64 / 145.0
    };
    let threshold = found["header"]["options"]["duplicates"]["threshold"].as_f64().unwrap();
    assert!(n_kept(&found) <= target && threshold > 0.8 && threshold < 1.0, "{threshold}");
    let warning = found["warnings"].as_array().unwrap().last().unwrap();
    assert_eq!((&warning["warning"], &warning["is_lowest"]), (&json!("threshold_found"), &json!(false)));
    let lower = (threshold - 1e-4).to_string();
    assert!(n_kept(&done(&["duplicates", &seeds(), "--threshold", &lower])) > target, "a step lower, more goes");
    let output = run(&["duplicates", &seeds(), "--target", "0.01"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("which goes at any threshold"), "{}", stderr(&output));
}

/// A site of six pages with a notice under four of them, and another site with the notice on its page.
fn sites(folder: &Path) {
    let notice = "All rights reserved. No part of this page may be copied without our written consent.";
    let topics = ["glaciers", "railways", "violins", "beekeeping", "sourdough", "lighthouses"];
    for (i, topic) in topics.into_iter().enumerate() {
        let site = folder.join("site");
        std::fs::create_dir_all(&site).unwrap();
        let end = if i < 4 { format!("\n\n{notice}\n") } else { "\n".into() };
        let own = format!("What one page in particular says about {topic}, and no other page does.");
        std::fs::write(site.join(format!("{i}.txt")), own + &end).unwrap();
    }
    std::fs::write(folder.join("other.txt"), notice).unwrap();
}

#[test]
fn boilerplate_is_listed_apart_and_sources_and_sizes_filter() {
    let folder = tempfile::tempdir().unwrap();
    sites(folder.path());
    let corpus = shown(folder.path());
    let exact = |arguments: &[&str]| done(&[&["duplicates", corpus, "--kinds", "exact"], arguments].concat());
    let report = exact(&[]);
    assert_eq!(report["duplicate_groups"], json!([]));
    let boilerplate = &report["boilerplate"][0];
    let source = format!("{corpus}/site");
    assert_eq!(boilerplate["of"], json!([{ "source": source, "documents": 4, "of_documents": 6 }]));
    assert_eq!(boilerplate["size"], 5);
    let printed = run(&["duplicates", corpus, "--kinds", "exact"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("Boilerplate: 1 passage") && printed.contains("in 4 of 6 documents"), "{printed}");

    let sizes = |report: &Value| {
        let groups = report["duplicate_groups"].as_array().unwrap();
        groups.iter().map(|group| group["size"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let apart = ["--boilerplate", "0.7"];
    assert_eq!(sizes(&exact(&apart)), [5], "four of six pages are less than 0.7 of them");
    let with = |more: &[&str]| sizes(&exact(&[&apart, more].concat()));
    assert_eq!(with(&["--within-sources"]), [4]);
    assert_eq!(with(&["--across-sources"]), [5]);
    assert_eq!(with(&["--min-group", "5"]), [5]);
    assert_eq!(with(&["--min-group", "6"]), [0; 0]);
    let pairs = |report: &Value| report["header"]["counts"]["pairs"].clone();
    assert_eq!(
        (pairs(&exact(&["--across-sources"]))["exact"].clone(), pairs(&exact(&[]))["exact"].clone()),
        (4.into(), 4.into())
    );

    let few = exact(&["--max-pairs", "3"]);
    assert_eq!((&pairs(&few)["exact"], &pairs(&few)["left_out"]), (&json!(3), &json!(1)));
    let message = few["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("1 pair is left out") && message.contains("the 3 kept"), "{message}");
    for (option, value) in [("--min-group", "1"), ("--max-pairs", "0"), ("--boilerplate", "0")] {
        let output = run(&["duplicates", corpus, option, value]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(option), "{}", stderr(&output));
    }
}
