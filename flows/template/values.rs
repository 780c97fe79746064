//! Between the words of a run and the values of the template engine, in both directions.

use std::sync::Arc;

use aggregates::folding::fold;
use minijinja::value::{Enumerator, Object, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde_json::{Map, Number};

/// How many lists or objects inside one another are written out.
const MAX_DEPTH: usize = 16;

/// What templates see. Null is an unknown value to them.
pub(super) fn context(words: &serde_json::Value) -> Value {
    let Some(roots) = words.as_object() else { return Value::UNDEFINED };
    let root = |(name, value): (&String, &serde_json::Value)| {
        let made = match (name.as_str(), value) {
            ("bot", serde_json::Value::Object(fields)) => named(fields),
            ("contact", serde_json::Value::Object(members)) => {
                let member = |(name, value): (&String, &serde_json::Value)| match value {
                    serde_json::Value::Object(fields) if name == "customField" => (name.clone(), named(fields)),
                    _ => (name.clone(), known(value)),
                };
                Value::from_pairs(members.iter().map(member))
            }
            _ => known(value),
        };
        (name.clone(), made)
    };
    Value::from_pairs(roots.iter().map(root))
}

fn known(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::UNDEFINED,
        serde_json::Value::Array(items) => items.iter().map(known).collect::<Vec<Value>>().into(),
        serde_json::Value::Object(members) => {
            Value::from_pairs(members.iter().map(|(name, value)| (name.clone(), known(value))))
        }
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::from(integer),
            (_, Some(integer)) => Value::from(integer),
            _ => Value::from(number.as_f64().unwrap_or_default()),
        },
    }
}

fn named(fields: &Map<String, serde_json::Value>) -> Value {
    Value::from_object(Fields(fields.iter().map(|(name, value)| (name.clone(), known(value))).collect()))
}

/// Fields by their names, which are compared as everywhere in a workspace: without regard to case and marks.
#[derive(Debug)]
struct Fields(Vec<(String, Value)>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let wanted = key.as_str()?;
        let exact = self.0.iter().find(|(name, _)| name == wanted);
        let found = exact.or_else(|| {
            let folded = fold(wanted);
            self.0.iter().find(|(name, _)| fold(name) == folded)
        });
        found.map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Value::from(name.as_str())).collect())
    }
}

/// A value as JSON, of at most about `room` bytes, which are taken off it. A number without a fraction is an integer.
pub(super) fn to_json(value: &Value, room: &mut usize) -> Result<serde_json::Value, Error> {
    json(value, room, MAX_DEPTH)
}

fn json(value: &Value, room: &mut usize, depth: usize) -> Result<serde_json::Value, Error> {
    let size = value.as_str().map_or(8, str::len);
    *room = room.checked_sub(size).ok_or(ErrorKind::OutOfFuel)?;
    let depth = depth.checked_sub(1).ok_or(ErrorKind::OutOfFuel)?;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(serde_json::Value::Null),
        ValueKind::Bool => Ok(value.is_true().into()),
        ValueKind::Number => number(value).map(serde_json::Value::Number),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.map(|item| json(&item, room, depth)).collect::<Result<Vec<_>, _>>().map(Into::into)
        }
        ValueKind::Map => {
            let mut members = Map::new();
            for name in value.try_iter()? {
                let member = json(&value.get_item(&name)?, room, depth)?;
                members.insert(name.to_string(), member);
            }
            Ok(members.into())
        }
        _ => Ok(value.to_string().into()),
    }
}

/// The integers up to this size that a float holds exactly (2^53).
const EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

fn number(value: &Value) -> Result<Number, Error> {
    if let Some(integer) = value.as_i64().filter(|_| value.is_integer()) {
        return Ok(integer.into());
    }
    let float = f64::try_from(value.clone())?;
    if float.fract() == 0.0 && float.abs() <= EXACT_INTEGER {
        #[expect(clippy::cast_possible_truncation, reason = "an integer of at most 53 bit")]
        return Ok((float as i64).into());
    }
    Number::from_f64(float).ok_or_else(|| ErrorKind::InvalidOperation.into())
}

/// A value as people read it: unknown is nothing, a list is its items with commas between them.
pub(super) fn to_text(value: &Value, room: &mut usize) -> Result<String, Error> {
    let json = to_json(value, room)?;
    Ok(match &json {
        serde_json::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    })
}

fn plain(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
