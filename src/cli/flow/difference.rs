//! What differs between two texts, line by line, and a report in words.

use serde_json::Value;

use super::super::chat::visible;
use super::super::output;

/// The lines that differ, as `diff` marks them: `-` only there, `+` only here. Nothing when both are the same.
#[must_use]
pub fn lines(there: &str, here: &str) -> Vec<String> {
    let (there, here): (Vec<&str>, Vec<&str>) = (there.lines().collect(), here.lines().collect());
    // The longest common lines, by the table that everybody knows; documents are short.
    let mut common = vec![vec![0_u32; here.len() + 1]; there.len() + 1];
    for row in (0..there.len()).rev() {
        for column in (0..here.len()).rev() {
            common[row][column] = if there[row] == here[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut marked) = (0, 0, Vec::new());
    while row < there.len() || column < here.len() {
        if row < there.len() && column < here.len() && there[row] == here[column] {
            (row, column) = (row + 1, column + 1);
        } else if column == here.len() || (row < there.len() && common[row + 1][column] >= common[row][column + 1]) {
            marked.push(format!("-{}", there[row]));
            row += 1;
        } else {
            marked.push(format!("+{}", here[column]));
            column += 1;
        }
    }
    marked
}

/// One entry of a report, for people.
#[must_use]
pub fn told(entry: &Value) -> String {
    let text = |value: &Value| visible(value.as_str().unwrap_or_default()).into_owned();
    if let Some(transcript) = entry.get("transcript").and_then(Value::as_array) {
        return transcript_of(entry, transcript);
    }
    let mut told = format!("{}: {}", text(&entry["flow"]), text(&entry["outcome"]));
    if let Some(version) = entry["version"].as_u64() {
        told.push_str(&format!(", version {version}"));
    }
    if !entry["file"].is_null() {
        told.push_str(&format!(" ({})", text(&entry["file"])));
    }
    for kind in ["errors", "warnings"] {
        for finding in entry[kind].as_array().into_iter().flatten() {
            told.push_str(&format!("\n  {}: {}", text(&finding["path"]), text(&finding["message"])));
            if !finding["hint"].is_null() {
                told.push_str(&format!("\n    hint: {}", text(&finding["hint"])));
            }
        }
    }
    for line in entry["lines"].as_array().into_iter().flatten() {
        told.push_str(&format!("\n  {}", text(line)));
    }
    if let Ok(problem) = serde_json::from_value::<crate::problem::Problem>(entry["problem"].clone()) {
        told.push_str(&format!("\n  {}", output::problem(&problem).replace('\n', "\n  ")));
    }
    told
}

fn transcript_of(answer: &Value, transcript: &[Value]) -> String {
    let mut told = String::new();
    for moment in transcript {
        let word = |member: &str| visible(moment[member].as_str().unwrap_or_default()).into_owned();
        told.push_str(&format!("{}  {:<10} {}\n", word("at"), word("step"), word("what")));
    }
    let reason = answer["reason"].as_str().map(|reason| format!(": {}", visible(reason))).unwrap_or_default();
    told.push_str(&format!("{}{reason}", visible(answer["status"].as_str().unwrap_or_default())));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_marked_and_the_others_left_out() {
        assert!(lines("a\nb\n", "a\nb\n").is_empty());
        assert_eq!(lines("a\nb\nc", "a\nx\nc\nd"), ["-b", "+x", "+d"]);
        assert_eq!(lines("", "a"), ["+a"]);
        assert_eq!(lines("a", ""), ["-a"]);
    }
}
