//! From JSON to a filter whose names are still to be looked up. Every fault is told, not only the first.

use serde_json::{Map, Value};

use super::condition::{About, condition, operator};
use super::error::{Fault, FilterError, join, near};
use super::field_names::{FIELDS, Named, Place, named};
use super::fields::Kind;
use super::resolve::{Open, Parsed, Pending, Wanted};
use super::{MAX_CONDITIONS, MAX_DEPTH, Tree};

const MEMBERS: [&str; 6] = ["all", "any", "not", "field", "op", "value"];
const FORM: &str = r#"a filter is one of {"all": [filters]}, {"any": [filters]}, {"not": filter} and {"field": "...", "op": "...", "value": ...}"#;
/// Faults beyond these are not told.
const MAX_ERRORS: usize = 20;

/// Reads a filter: its form, fields, operators and values, as far as they are known without looking anything up.
///
/// # Errors
/// All that is wrong with it, in the order in which it is written.
pub fn parse(value: &Value) -> Result<Parsed, Vec<FilterError>> {
    let mut reading = Reading { errors: Vec::new(), conditions: 0 };
    let tree = reading.node(value, "", 1);
    if reading.conditions > MAX_CONDITIONS {
        let message = format!("a filter has at most {MAX_CONDITIONS} conditions; this one has {}", reading.conditions);
        let hint = "for many values of one field use one condition with in";
        reading.errors.insert(0, FilterError::new("", Fault::TooLarge, message).hint(hint));
    }
    reading.errors.truncate(MAX_ERRORS);
    match tree {
        Some(tree) if reading.errors.is_empty() => Ok(Parsed { tree }),
        _ => Err(reading.errors),
    }
}

struct Reading {
    errors: Vec<FilterError>,
    conditions: usize,
}

impl Reading {
    fn fault<T>(&mut self, error: FilterError) -> Option<T> {
        self.errors.push(error);
        None
    }

    /// Reads one object; nothing when a fault was told.
    fn node(&mut self, value: &Value, path: &str, depth: usize) -> Option<Tree<Open>> {
        if depth > MAX_DEPTH {
            let message = format!("a filter is nested at most {MAX_DEPTH} objects deep");
            return self
                .fault(FilterError::new(path, Fault::TooDeep, message).hint("all in all and any in any can be one"));
        }
        let Value::Object(members) = value else { return self.fault(not_an_object(value, path)) };
        if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return self.fault(unknown_member(unknown, path));
        }
        // Whoever fills in every member of a schema writes null for those that do not apply.
        let given = |name: &str| members.get(name).filter(|value| !value.is_null());
        let is_condition = ["field", "op", "value"].iter().any(|name| given(name).is_some());
        let ways =
            ["all", "any", "not"].iter().filter(|name| given(name).is_some()).count() + usize::from(is_condition);
        if ways != 1 {
            let message = if ways == 0 { "this filter is empty" } else { "this filter is several at once" };
            return self.fault(FilterError::new(path, Fault::FilterForm, message).hint(FORM));
        }
        if let Some(inner) = given("not") {
            let inner = self.node(inner, &join(path, "not"), depth + 1)?;
            return Some(Tree::Not(Box::new(inner)));
        }
        if let Some(parts) = given("all") {
            return self.parts(parts, &join(path, "all"), depth).map(Tree::All);
        }
        if let Some(parts) = given("any") {
            return self.parts(parts, &join(path, "any"), depth).map(Tree::Any);
        }
        self.conditions += 1;
        match leaf(members, path) {
            Ok(open) => Some(Tree::Leaf(open)),
            Err(error) => self.fault(error),
        }
    }

    fn parts(&mut self, parts: &Value, path: &str, depth: usize) -> Option<Vec<Tree<Open>>> {
        let Some(parts) = parts.as_array().filter(|parts| !parts.is_empty()) else {
            let error =
                FilterError::new(path, Fault::FilterForm, "must be an array of at least one filter").value(parts);
            return self.fault(error.hint(FORM));
        };
        let mut read = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            read.push(self.node(part, &format!("{path}[{index}]"), depth + 1));
        }
        read.into_iter().collect()
    }
}

fn not_an_object(value: &Value, path: &str) -> FilterError {
    let error = FilterError::new(path, Fault::FilterForm, "a filter is an object").value(value);
    match value {
        Value::String(text) if text.trim_start().starts_with('{') => {
            error.hint("send the object itself, not its text in quotes")
        }
        Value::Array(_) => error.hint(r#"put the filters into {"all": […]} or {"any": […]}"#),
        _ => error.hint(FORM),
    }
}

fn unknown_member(name: &str, path: &str) -> FilterError {
    let short: String = name.chars().take(100).collect();
    FilterError::new(&join(path, &short), Fault::FilterForm, "a filter has no such member")
        .hint(FORM)
        .candidates(near(name, MEMBERS))
}

fn leaf(members: &Map<String, Value>, path: &str) -> Result<Open, FilterError> {
    let given = |name: &str| members.get(name).filter(|value| !value.is_null());
    let place = join(path, "field");
    let Some(field) = given("field") else {
        return Err(
            FilterError::new(&place, Fault::FilterForm, "field is missing: what the condition looks at").hint(fields())
        );
    };
    let Some(name) = field.as_str() else {
        return Err(FilterError::new(&place, Fault::FilterForm, "field must be a text: the name of a field")
            .value(field)
            .hint(fields()));
    };
    let Some(found) = named(name) else { return Err(unknown_field(name, &place)) };
    let nothing = Value::Null;
    let op = given("op").unwrap_or(&nothing);
    let value = given("value");
    let pending = |wanted: Wanted| {
        let (name, op, value) = (name.to_owned(), op.clone(), value.cloned());
        Pending { path: path.to_owned(), name, op, value, wanted }
    };
    match found {
        Named::Fixed(field, subject, kind) => {
            let operator = operator(op, field.name, kind, path)?;
            let about = About { subject, kind, words: field.words };
            let made = condition(&about, operator, value, path)?;
            Ok(if kind == Kind::Tag { Open::Pending(pending(Wanted::Tags)) } else { Open::Ready(made) })
        }
        Named::CustomField(reference) => {
            if op.is_null() {
                return Err(FilterError::new(
                    &join(path, "op"),
                    Fault::FilterForm,
                    "op is missing: the name of an operator",
                ));
            }
            Ok(Open::Pending(pending(Wanted::CustomField(reference.to_owned()))))
        }
        Named::FlowState(reference) => {
            let pending = pending(Wanted::FlowState(reference.to_owned()));
            pending.check_state().map(|()| Open::Pending(pending))
        }
    }
}

fn fields() -> String {
    let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    format!("the fields are {}; list_filter_fields tells their operators", names.join(", "))
}

fn unknown_field(name: &str, path: &str) -> FilterError {
    let fixed = FIELDS.iter().filter(|field| matches!(field.place, Place::Fixed(..))).map(|field| field.name);
    let short: String = name.chars().take(100).collect();
    FilterError::new(path, Fault::UnknownField, "there is no such field")
        .value(&Value::String(short))
        .hint(fields())
        .candidates(near(name, fixed))
}
