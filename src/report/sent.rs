//! What is said of a corpus where a part of it is read or embedded, as text that is sent to where its report is made.

use super::ModelShown;
use crate::Warning;
use crate::document::Metadata;

/// Warnings as text.
#[must_use]
pub fn of_warnings(warnings: &[Warning]) -> String {
    let shown = |warning: &Warning| {
        let kind = serde_json::to_value(warning).ok().and_then(|shown| shown["warning"].as_str().map(str::to_owned));
        [kind.unwrap_or_default(), warning.to_string()]
    };
    serde_json::to_string(&warnings.iter().map(shown).collect::<Vec<_>>()).unwrap_or_default()
}

/// The warnings that were sent.
#[must_use]
pub fn warnings(sent: &str) -> Vec<Warning> {
    let sent: Vec<[String; 2]> = serde_json::from_str(sent).unwrap_or_default();
    sent.into_iter().map(|[kind, message]| Warning::Earlier { kind, message }).collect()
}

/// A document's metadata, as text.
#[must_use]
pub fn of_metadata(metadata: &Metadata) -> String {
    serde_json::to_string(metadata).unwrap_or_default()
}

/// A document's metadata, from its text; none of it, if it is no such text.
#[must_use]
pub fn metadata(sent: &str) -> Metadata {
    serde_json::from_str(sent).unwrap_or_default()
}

/// What a model is shown as, as text.
#[must_use]
pub fn of_model(model: &ModelShown) -> String {
    serde_json::to_string(model).unwrap_or_default()
}

/// What a model is shown as, from its text; none if it is no such text.
#[must_use]
pub fn model(sent: &str) -> Option<ModelShown> {
    serde_json::from_str(sent).ok()
}
