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
    told.push_str(&findings(entry));
    for line in entry["lines"].as_array().into_iter().flatten() {
        told.push_str(&format!("\n  {}", text(line)));
    }
    if let Ok(problem) = serde_json::from_value::<crate::problem::Problem>(entry["problem"].clone()) {
        told.push_str(&format!("\n  {}", output::problem(&problem).replace('\n', "\n  ")));
    }
    told
}

/// What validation found, each on lines of its own.
fn findings(entry: &Value) -> String {
    let text = |value: &Value| visible(value.as_str().unwrap_or_default()).into_owned();
    let mut told = String::new();
    for (kind, called) in [("errors", "error"), ("warnings", "warning")] {
        for finding in entry[kind].as_array().into_iter().flatten() {
            let place = text(&finding["path"]);
            let place = if place.is_empty() { place } else { format!(" at {place}") };
            told.push_str(&format!("\n  {called}{place}: {}", text(&finding["message"])));
            if !finding["hint"].is_null() {
                told.push_str(&format!("\n    hint: {}", text(&finding["hint"])));
            }
        }
    }
    told
}

/// Moments in columns, so that what the flow says is told from what the contact says; then how it ended.
fn transcript_of(answer: &Value, transcript: &[Value]) -> String {
    let word = |moment: &Value, member: &str| visible(moment[member].as_str().unwrap_or_default()).into_owned();
    let width = |member: &str| transcript.iter().map(|moment| word(moment, member).chars().count()).max().unwrap_or(0);
    let (steps, kinds) = (width("step"), width("kind"));
    let mut told = String::new();
    for moment in transcript {
        let (at, step, kind, what) =
            (word(moment, "at"), word(moment, "step"), word(moment, "kind"), word(moment, "what"));
        told.push_str(&format!("{at}  {step:<steps$}  {kind:<kinds$}  {what}\n"));
    }
    let reason = answer["reason"].as_str().map(|reason| format!(": {}", visible(reason))).unwrap_or_default();
    told.push_str(&format!("{}{reason}", visible(answer["status"].as_str().unwrap_or_default())));
    told.push_str(&findings(answer));
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_transcript_tells_who_says_what_and_how_it_ended() {
        let transcript = json!([
            {"at": "09:00", "step": "ask", "kind": "sent", "what": "Which cake?"},
            {"at": "09:00", "step": "ask", "kind": "received", "what": "Plum"},
        ]);
        let answer = json!({"status": "failed", "reason": "step_budget: too many", "transcript": transcript});
        let told_of = "09:00  ask  sent      Which cake?\n09:00  ask  received  Plum\nfailed: step_budget: too many";
        assert_eq!(told(&answer), told_of);
    }

    #[test]
    fn a_flow_that_cannot_be_simulated_tells_its_errors() {
        let errors = json!([{"path": "steps.a.goto", "message": "there is no step b", "hint": "did you mean c?"}]);
        let answer = |errors: &Value, warnings: &Value| json!({"status": "invalid", "transcript": [], "errors": errors, "warnings": warnings});
        let warnings = json!([{"path": "", "message": "nothing starts it"}]);
        let told_of = "invalid\n  error at steps.a.goto: there is no step b\n    hint: did you mean c?\n  warning: nothing starts it";
        assert_eq!(told(&answer(&errors, &warnings)), told_of);
    }

    #[test]
    fn lines_that_differ_are_marked_and_the_others_left_out() {
        assert!(lines("a\nb\n", "a\nb\n").is_empty());
        assert_eq!(lines("a\nb\nc", "a\nx\nc\nd"), ["-b", "+x", "+d"]);
        assert_eq!(lines("", "a"), ["+a"]);
        assert_eq!(lines("a", ""), ["-a"]);
    }
}
