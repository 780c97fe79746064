//! What a plain word means in YAML 1.2 (the core schema).

use serde_json::{Number, Value};

/// The value of a plain word; nothing when it is a number that JSON does not have.
pub(super) fn plain(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => number(text).unwrap_or_else(|| Some(Value::from(text))),
    }
}

/// Nothing when it is no number; within, nothing when JSON does not have it.
fn number(text: &str) -> Option<Option<Value>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { "-" } else { "" };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(None);
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) =
            text.strip_prefix(prefix).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))
            && !digits.is_empty()
        {
            return Some(u64::from_str_radix(digits, radix).ok().map(Value::from));
        }
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|digit| digit.is_ascii_digit()) {
        let written = format!("{sign}{unsigned}");
        let integer = written.parse::<i64>().map(Value::from).or_else(|_| written.parse::<u64>().map(Value::from));
        return Some(integer.ok());
    }
    is_float(unsigned).then(|| {
        let float = format!("{sign}{unsigned}").parse::<f64>().ok()?;
        Number::from_f64(float).map(Value::Number)
    })
}

/// `12.5`, `.5`, `5.`, each with an exponent if need be, or digits with an exponent.
fn is_float(text: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(start, end)| (start, Some(end)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_mantissa = is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent = exponent.map(|digits| digits.strip_prefix(['-', '+']).unwrap_or(digits));
    has_mantissa
        && (mantissa.contains('.') || exponent.is_some())
        && exponent.is_none_or(|digits| !digits.is_empty() && is_digits(digits))
}
