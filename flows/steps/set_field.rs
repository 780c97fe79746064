//! `setField`: changes a value of the contact, the workspace or the run.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::{Act, Here, filled_value};
use crate::finding::Code;
use crate::mentions::{Given, Mention, Mentions};
use crate::terms::AnyValue;
use crate::turn::{Effect, FieldOperation, Next, Scene, Target, Turn};

/// Changes a value: an attribute or a custom field of the contact, a bot field of the workspace, or a variable of the run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "setField")]
pub struct SetField {
    /// Where the value is.
    field: Target,
    /// The value. Texts may be templates; one that is a template alone, as in {{ run.count + 1 }}, keeps its type. Needed but for clear.
    value: Option<AnyValue>,
    /// What is done; set when missing.
    #[serde(default)]
    operation: Operation,
}

/// What is done to a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Operation {
    /// Put the value in its place.
    #[default]
    Set,
    /// Put it behind what is there.
    Append,
    /// Put it before what is there.
    Prepend,
    /// Add a number.
    Increase,
    /// Take a number away.
    Decrease,
    /// Empty the field.
    Clear,
}

impl Operation {
    const fn effect(self) -> FieldOperation {
        match self {
            Self::Set => FieldOperation::Set,
            Self::Append => FieldOperation::Append,
            Self::Prepend => FieldOperation::Prepend,
            Self::Increase => FieldOperation::Increase,
            Self::Decrease => FieldOperation::Decrease,
            Self::Clear => FieldOperation::Clear,
        }
    }

    const fn counts(self) -> bool {
        matches!(self, Self::Increase | Self::Decrease)
    }
}

impl Act for SetField {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        let given = self.value.as_ref().map_or(Given::Nothing, |value| Given::Value(&value.0));
        seen.add("field", Mention::Put { target: &self.field, operation: self.operation.effect(), given });
        match (&self.value, self.operation) {
            (Some(_), Operation::Clear) => {
                let hint = "leave the value out, or take the operation set";
                seen.fault("value", Code::InvalidForm, "clear takes no value", Some(hint));
            }
            (None, operation) if operation != Operation::Clear => {
                let hint = "write a value; to empty the field, take the operation clear";
                seen.fault(
                    "value",
                    Code::MissingMember,
                    "value is missing: what the field is changed with",
                    Some(hint),
                );
            }
            (Some(AnyValue(value)), operation) => {
                if operation.counts() && !value.is_number() && !value.as_str().is_some_and(|text| text.contains("{{")) {
                    let message = "a field is increased or decreased by a number, or by a template that makes one";
                    seen.fault("value", Code::InvalidForm, message, Some("for example 1 (not in quotes)"));
                }
                seen.add("value", Mention::Values(value));
            }
            (None, _) => {}
        }
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let written = self.value.as_ref().filter(|_| self.operation != Operation::Clear);
        let filled = written.map(|value| filled_value(&value.0, scene)).transpose()?.unwrap_or_default();
        let value = if self.operation.counts() { counted(&filled)? } else { self.fitting(filled) };
        let effect = Effect::Put {
            target: self.field.clone(),
            operation: self.operation.effect(),
            value,
            typed_by_customer: false,
        };
        Ok(Turn { effects: vec![effect], next: here.go_on() })
    }
}

impl SetField {
    /// Attributes of a contact are texts, whatever a template makes.
    fn fitting(&self, value: Value) -> Value {
        match (&self.field, &value) {
            (Target::Contact(_), Value::Number(_) | Value::Bool(_)) => Value::String(value.to_string()),
            _ => value,
        }
    }
}

/// A number, also when a template took it out of a text.
fn counted(value: &Value) -> Result<Value, Next> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text
            .trim()
            .parse::<i64>()
            .map(Number::from)
            .ok()
            .or_else(|| text.trim().parse().ok().and_then(Number::from_f64)),
        _ => None,
    };
    number.map(Value::Number).ok_or_else(|| Next::Fail {
        code: "invalid_value",
        reason: "a field was to be increased or decreased by what is not a number".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use aggregates::contact_attributes::Attribute;
    use serde_json::json;

    use super::super::given::{Given, failure, faults, mentioned, refused, to};
    use super::*;

    fn steps(form: &Value) -> Value {
        json!({"here": {"setField": form}, "below": {"end": {}}})
    }

    fn entered(form: &Value) -> Turn {
        let words = json!({"run": {"count": 2, "text": "3", "paid": true}, "contact": {"tags": ["a", "b"]}});
        Given { words, ..Given::default() }.enter(&steps(form))
    }

    fn puts(form: &Value, target: Target, operation: FieldOperation, value: Value) {
        let effects = vec![Effect::Put { target, operation, value, typed_by_customer: false }];
        assert_eq!(entered(form), Turn { effects, next: to("below") }, "{form}");
    }

    fn variable() -> Target {
        Target::Variable("x".to_owned())
    }

    #[test]
    fn each_place_and_each_operation_is_told_as_it_is_written() {
        use FieldOperation::{Append, Clear, Decrease, Increase, Prepend, Set};
        puts(&json!({"field": "run.x", "value": [1, null]}), variable(), Set, json!([1, null]));
        puts(
            &json!({"field": "customField.Shoe size", "value": 5}),
            Target::CustomField("Shoe size".to_owned()),
            Set,
            json!(5),
        );
        puts(&json!({"field": "bot.open", "value": true}), Target::BotField("open".to_owned()), Set, json!(true));
        let email = Target::Contact(Attribute::Email);
        puts(&json!({"field": "contact.email", "value": "a@b.c", "operation": "set"}), email, Set, json!("a@b.c"));
        for (name, operation) in
            [("append", Append), ("prepend", Prepend), ("increase", Increase), ("decrease", Decrease)]
        {
            puts(&json!({"field": "run.x", "value": 5, "operation": name}), variable(), operation, json!(5));
        }
        puts(&json!({"field": "run.x", "operation": "clear"}), variable(), Clear, Value::Null);
    }

    #[test]
    fn a_value_that_is_one_template_keeps_its_type() {
        let set = |value: &str, expected: Value| {
            puts(&json!({"field": "run.x", "value": value}), variable(), FieldOperation::Set, expected);
        };
        set("{{ run.count + 1 }}", json!(3));
        set("{{ run.paid }}", json!(true));
        set("{{ run.text }}", json!("3"));
        set("{{ contact.tags }}", json!(["a", "b"]));
        set("n = {{ run.count }}", json!("n = 2"));
        set("{{ run.nothing }}", json!(""));
        assert_eq!(failure(&entered(&json!({"field": "run.x", "value": "{{ run.text * 2.5 }}"}))), "template_failed");
    }

    #[test]
    fn attributes_of_a_contact_become_texts() {
        let set = |value: Value, expected: &str| {
            let name = Target::Contact(Attribute::FirstName);
            puts(&json!({"field": "contact.firstName", "value": value}), name, FieldOperation::Set, json!(expected));
        };
        set(json!("{{ run.count }}"), "2");
        set(json!(true), "true");
    }

    #[test]
    fn counting_takes_a_number_also_out_of_a_text() {
        let by = |value: Value| json!({"field": "run.x", "value": value, "operation": "increase"});
        puts(&by(json!("{{ run.text }}")), variable(), FieldOperation::Increase, json!(3));
        puts(&by(json!("{{ run.text }}.5")), variable(), FieldOperation::Increase, json!(3.5));
        assert_eq!(failure(&entered(&by(json!("{{ run.paid }}")))), "invalid_value");
        assert_eq!(failure(&entered(&by(json!("{{ run.nothing }}")))), "invalid_value");
        assert_eq!(failure(&entered(&by(json!("{{ run.text }}x")))), "invalid_value");
    }

    #[test]
    fn a_value_and_an_operation_have_to_go_together() {
        let fault = |form: &Value| faults(&steps(form)).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
        assert_eq!(fault(&json!({"field": "run.x", "value": 1, "operation": "clear"})), ["invalid_form"]);
        assert_eq!(fault(&json!({"field": "run.x"})), ["missing_member"]);
        assert_eq!(fault(&json!({"field": "run.x", "value": "many", "operation": "decrease"})), ["invalid_form"]);
        assert_eq!(fault(&json!({"field": "run.x", "value": [1], "operation": "increase"})), ["invalid_form"]);
        assert_eq!(fault(&json!({"field": "run.x", "value": "{{ run.x }}", "operation": "increase"})), [""; 0]);
        assert_eq!(refused(&steps(&json!({"field": "run.a b", "value": 1}))).len(), 1);
    }

    #[test]
    fn the_place_and_the_templates_are_named() {
        let told = mentioned(&steps(&json!({"field": "run.x", "value": "{{ run.y }}"}))).join("\n");
        assert!(told.contains("setField.field: Put { target: Variable(\"x\"), operation: Set"), "{told}");
        assert!(told.contains("setField.value: Values("), "{told}");
    }
}
