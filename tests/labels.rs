//! `refrain cluster --label-column`: how well the themes agree with what is known.

mod common;

use common::{run, stderr};

const ROWS: [(&str, &str); 12] = [
    ("cooking", "Knead the dough for ten minutes and let it rise in a warm place."),
    ("cooking", "Bake the bread in a hot oven until the crust is golden."),
    ("cooking", "Mix flour, water, salt and yeast into a soft dough."),
    ("cooking", "Let the loaf cool on a rack before slicing the bread."),
    ("football", "The striker scored twice in the second half of the match."),
    ("football", "Their goalkeeper saved a penalty in the final minute of the game."),
    ("football", "The coach changed the formation after the opposing team scored a goal."),
    ("football", "A header from the corner kick won the football match for the home team."),
    ("astronomy", "The telescope observed a distant galaxy behind the dust of the Milky Way."),
    ("astronomy", "Astronomers found a planet that orbits its star in four days."),
    ("astronomy", "The orbit of the comet brings it close to the Sun every eighty years."),
    ("astronomy", "A star that collapses under its own gravity becomes a black hole."),
];

/// A file of JSON rows with a text that is not under a usual name.
fn rows(folder: &tempfile::TempDir) -> String {
    let file = folder.path().join("rows.jsonl");
    let line = |(label, text): &(&str, &str)| serde_json::json!({"kind": label, "said": text}).to_string();
    std::fs::write(&file, ROWS.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn themes_are_compared_with_the_labels_of_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = rows(&folder);
    let arguments = ["cluster", &file, "-k", "3", "--text-column", "said", "--label-column", "kind"];
    let output = run(&[&arguments[..], &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let agreement = &report["agreement"];
    let figures = ["v_measure", "homogeneity", "completeness", "ari", "nmi"].map(|name| agreement[name].as_f64());
    assert_eq!(figures, [Some(1.0); 5], "{agreement}");
    assert_eq!((agreement["labelled_passages"].as_u64(), agreement["labels"].as_u64()), (Some(12), Some(3)));
    let summary = String::from_utf8(run(&arguments).stdout).unwrap();
    assert!(
        summary.contains("V-measure 1.000 (homogeneity 1.000, completeness 1.000) · ARI 1.000 · NMI 1.000"),
        "{summary}"
    );
}

#[test]
fn labels_that_are_not_there_are_said_before_any_slow_work() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["cluster", &rows(&folder), "--text-column", "said", "--label-column", "topic"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("--label-column: found `topic`, which holds no label in any row"),
        "{}",
        stderr(&output)
    );
    let output = run(&["cluster", &rows(&folder), "--text-column", "written"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("12 rows have no text in column `written`") && said.contains("kind, said"), "{said}");
}
