//! From JSON to the one YAML text that is written for it: blocks, texts without quotes where that is safe, short lists in one line.

use std::fmt::Write as _;

use aggregates::folding::is_hidden;
use serde_json::{Map, Value};

use super::{MAX_DEPTH, scalar};

/// The longest list that is written in one line, in characters.
const MAX_LINE: usize = 80;

/// Writes a document, in the order of its members. [`super::read`] gives the same document back.
///
/// # Errors
/// When objects and arrays are nested deeper than what can be read back.
pub fn write(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => object(&mut out, members, 0, 1)?,
        Value::Array(items) if !items.is_empty() && in_one_line(items).is_none() => array(&mut out, items, 0, 1)?,
        other => {
            inline(&mut out, other, 0, 1)?;
            // The value stands at the beginning of a line: without the blank before it.
            out.remove(0);
        }
    }
    Ok(out)
}

fn deeper(depth: usize) -> Result<usize, String> {
    if depth >= MAX_DEPTH {
        return Err(format!("objects and arrays are nested more than {MAX_DEPTH} deep"));
    }
    Ok(depth + 1)
}

fn indent(out: &mut String, by: usize) {
    out.extend(std::iter::repeat_n(' ', by));
}

fn object(out: &mut String, members: &Map<String, Value>, by: usize, depth: usize) -> Result<(), String> {
    for (index, (name, value)) in members.iter().enumerate() {
        // The first member stands behind the dash of an array, or where the caller put it.
        if index > 0 {
            indent(out, by);
        }
        out.push_str(&word(name, true));
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                indent(out, by + 2);
                object(out, inner, by + 2, deeper(depth)?)?;
            }
            Value::Array(items) if !items.is_empty() && in_one_line(items).is_none() => {
                out.push('\n');
                indent(out, by + 2);
                array(out, items, by + 2, deeper(depth)?)?;
            }
            other => inline(out, other, by, depth)?,
        }
    }
    Ok(())
}

fn array(out: &mut String, items: &[Value], by: usize, depth: usize) -> Result<(), String> {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(out, by);
        }
        out.push('-');
        match item {
            Value::Object(inner) if !inner.is_empty() => {
                out.push(' ');
                object(out, inner, by + 2, deeper(depth)?)?;
            }
            Value::Array(inner) if !inner.is_empty() && in_one_line(inner).is_none() => {
                out.push(' ');
                array(out, inner, by + 2, deeper(depth)?)?;
            }
            other => inline(out, other, by, depth)?,
        }
    }
    Ok(())
}

/// A value that begins in the line of its name, with a blank before it and the end of the line behind it.
fn inline(out: &mut String, value: &Value, by: usize, depth: usize) -> Result<(), String> {
    out.push(' ');
    match value {
        Value::String(text) if is_block(text) => {
            block(out, text, by + 2);
            return Ok(());
        }
        Value::String(text) => out.push_str(&word(text, false)),
        Value::Array(items) => {
            deeper(depth)?;
            out.push_str(&in_one_line(items).unwrap_or_else(|| "[]".to_owned()));
        }
        // Only empty ones come here.
        Value::Object(_) => {
            deeper(depth)?;
            out.push_str("{}");
        }
        simple => out.push_str(&simple.to_string()),
    }
    out.push('\n');
    Ok(())
}

/// A list of simple values, if it is short enough for one line.
fn in_one_line(items: &[Value]) -> Option<String> {
    let simple = |item: &Value| match item {
        Value::Object(_) | Value::Array(_) => None,
        Value::String(text) => Some(word(text, true)),
        other => Some(other.to_string()),
    };
    let words = items.iter().map(simple).collect::<Option<Vec<String>>>()?;
    let line = format!("[{}]", words.join(", "));
    (line.chars().count() <= MAX_LINE).then_some(line)
}

/// Whether a text is written as a block of its lines.
fn is_block(text: &str) -> bool {
    let shows = |letter: char| letter == '\n' || !(letter.is_control() || is_special(letter));
    text.contains('\n') && !text.starts_with([' ', '\n']) && text.chars().all(shows)
}

fn block(out: &mut String, text: &str, by: usize) {
    let body = text.trim_end_matches('\n');
    let ends = text.len() - body.len();
    out.push_str(match ends {
        0 => "|-\n",
        1 => "|\n",
        _ => "|+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            indent(out, by);
            out.push_str(line);
        }
        out.push('\n');
    }
    out.extend(std::iter::repeat_n('\n', ends.saturating_sub(1)));
}

/// Characters that readers may take for the end of a line or may drop, and those that hide.
fn is_special(letter: char) -> bool {
    matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') || is_hidden(letter)
}

/// A text in one line, in quotes where it needs them; `tight` when it is a name or stands in a list.
fn word(text: &str, tight: bool) -> String {
    if is_plain(text, tight) { text.to_owned() } else { quoted(text) }
}

/// Whether a text needs no quotes, by any reader of YAML: older ones take `no` for false and `09:30` for a number.
fn is_plain(text: &str, tight: bool) -> bool {
    let is_duration = text.ends_with(['s', 'm', 'h', 'd', 'w'])
        && text.len() > 1
        && text[..text.len() - 1].bytes().all(|digit| digit.is_ascii_digit());
    let begins = is_duration || text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    );
    let goes = |letter: char| {
        letter.is_alphanumeric() || " _-./+()!?'@;=$€…".contains(letter) || (!tight && matches!(letter, ',' | '"'))
    };
    begins
        && !is_word
        && scalar::plain(text).is_some_and(|value| value.is_string())
        && !text.ends_with(' ')
        && text.chars().all(|letter| goes(letter) && !is_special(letter))
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            hidden if hidden.is_control() || is_special(hidden) => {
                let code = u32::from(hidden);
                // Writing to a text does not fail.
                let _ = if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}
