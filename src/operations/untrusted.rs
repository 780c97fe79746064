//! Customers' words on their way out: characters that hide text from people while a model reads it are written out visibly.
//!
//! Every answer and every problem passes through here, so no operation can forget it.

use std::borrow::Cow;
use std::fmt::Write as _;

use aggregates::folding::is_hidden;
use serde_json::Value;

use crate::problem::Problem;

/// `text` with every hidden character as `\u{…}`.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_hidden(letter) {
            // Writing into a String cannot fail.
            let _ = write!(visible, "\\u{{{:x}}}", u32::from(letter));
        } else {
            visible.push(letter);
        }
    }
    Cow::Owned(visible)
}

/// Does the same with every text inside `value`, names of members included.
pub(super) fn show_all(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(visible) = shown(text) {
                *text = visible;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(show_all),
        Value::Object(members) => {
            members.values_mut().for_each(show_all);
            if members.keys().any(|name| name.chars().any(is_hidden)) {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(name, value)| (shown(&name).into_owned(), value))
                    .collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Does the same with what a problem quotes.
pub(super) fn shown_in_problem(mut problem: Problem) -> Problem {
    if let Some(value) = &mut problem.value {
        show_all(value);
    }
    if let Some(field) = &mut problem.field {
        *field = shown(field).into_owned();
    }
    for candidate in &mut problem.candidates {
        candidate.name = candidate.name.take().map(|name| shown(&name).into_owned());
    }
    problem
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hidden_characters_are_written_out_wherever_they_stand() {
        let mut value =
            json!({"name": "An\u{200b}a", "parts": ["\u{202e}x", "\u{e0041}"], "plain": "Ana\n☕", "k\u{feff}": 1});
        show_all(&mut value);
        assert_eq!(
            value,
            json!({"name": "An\\u{200b}a", "parts": ["\\u{202e}x", "\\u{e0041}"], "plain": "Ana\n☕", "k\\u{feff}": 1})
        );
    }
}
