//! What people see of a command's result. With `--json` it is the result itself.

use serde_json::Value;

use super::chat::visible;
use crate::problem::Problem;

/// The columns of a list of workspaces.
pub const WORKSPACES: &[&str] = &["id", "name", "position"];
/// The columns of a list of tokens.
pub const TOKENS: &[&str] =
    &["id", "name", "permission", "scopes", "expiresAt", "previousExpiresAt", "lastUsedAt", "revoked"];
/// The columns of the state of the read tables.
pub const PROJECTIONS: &[&str] = &["name", "version", "workspace", "position", "head", "error"];
/// The columns of a replay.
pub const REPLAYED: &[&str] = &["id", "name", "position", "at"];
/// The columns of a list of operations.
pub const OPERATIONS: &[&str] = &["name", "effect", "description"];
/// The columns of a verified log.
pub const VERIFIED: &[&str] = &["id", "size", "root", "firstBad"];

/// The name of a member as a heading: `expiresAt` becomes `EXPIRES AT`.
fn heading(member: &str) -> String {
    let letters = member.chars().flat_map(|letter| {
        let gap = letter.is_uppercase().then_some(' ');
        gap.into_iter().chain(letter.to_uppercase())
    });
    letters.collect()
}

/// A list of objects as a table: a row of names, then a row for each.
#[must_use]
pub fn table(items: &Value, columns: &[&str]) -> String {
    let mut rows = vec![columns.iter().map(|column| heading(column)).collect::<Vec<_>>()];
    for item in items.as_array().into_iter().flatten() {
        rows.push(columns.iter().map(|column| cell(item.get(column))).collect());
    }
    let width = |index: usize| rows.iter().map(|row| row[index].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A problem for people.
#[must_use]
pub fn problem(problem: &Problem) -> String {
    let mut text = format!("error: {}", visible(&problem.message));
    if let (Some(field), Some(value)) = (&problem.field, &problem.value) {
        text.push_str(&format!("\n  {}: {}", visible(field), cell(Some(value))));
    }
    for candidate in &problem.candidates {
        let name = candidate.name.as_deref().unwrap_or_default();
        text.push_str(&format!("\n  {} {} ({})", visible(&candidate.id), visible(name), visible(&candidate.reason)));
    }
    if let Some(hint) = &problem.hint {
        text.push_str(&format!("\nhint: {}", visible(hint)));
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => visible(text).replace('\n', " "),
        Some(Value::Array(values)) => values.iter().map(|value| cell(Some(value))).collect::<Vec<_>>().join(","),
        Some(other) => visible(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::problem::{Candidate, Code};

    #[test]
    fn a_table_has_a_row_for_each_item_and_shows_no_hidden_characters() {
        let items = json!([{"id": "ws_1", "name": "Sh\u{1b}op"}, {"id": "ws_22", "name": "Café", "position": 7}]);
        assert_eq!(table(&items, WORKSPACES), "ID     NAME        POSITION\nws_1   Sh\\u{1b}op\nws_22  Café        7");
    }

    #[test]
    fn a_problem_says_what_to_do() {
        let refused = Problem::new(Code::Ambiguous, "there are several").hint("name one").candidates([Candidate {
            id: "ws_1".into(),
            name: Some("Shop".into()),
            reason: "it fits".into(),
        }]);
        assert_eq!(problem(&refused), "error: there are several\n  ws_1 Shop (it fits)\nhint: name one");
    }
}
