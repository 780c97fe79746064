//! `condition`: where the flow goes on depends on what is known of the contact.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here, holds};
use crate::mentions::Mentions;
use crate::terms::{FilterText, StepName};
use crate::turn::{Next, Scene, Turn};

/// Goes on at the first case that is true of the contact, without waiting.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "condition")]
pub struct Condition {
    /// The cases, looked at from the first to the last.
    #[schemars(length(min = 1, max = 20))]
    cases: Vec<Case>,
    /// Where to go on when no case is true; without it, at the step that follows.
    otherwise: Option<StepName>,
}

/// A case.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "case")]
struct Case {
    /// What has to be true.
    when: FilterText,
    /// Where to go on then.
    then: StepName,
}

impl Act for Condition {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        for (index, case) in self.cases.iter().enumerate() {
            seen.filter(&format!("cases[{index}].when"), Some(&case.when));
            seen.step(&format!("cases[{index}].then"), Some(&case.then));
        }
        seen.step("otherwise", self.otherwise.as_ref());
    }

    fn goes_on(&self) -> bool {
        self.otherwise.is_none()
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        for case in &self.cases {
            if holds(&case.when.0, scene)? {
                return Ok(Turn { effects: Vec::new(), next: here.go_to(Some(&case.then)) });
            }
        }
        Ok(Turn { effects: Vec::new(), next: here.go_to(self.otherwise.as_ref()) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aggregates::field_value::{FieldType, FieldValue};
    use aggregates::ids::FieldId;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::given::{Given, failure, mentioned, only, to};

    /// What is seen of a contact with this score.
    fn scored(score: u64) -> Given {
        let (mut given, field) = (Given::default(), FieldId(Uuid::from_u128(1)));
        given.nouns.add_field(field, "score", FieldType::Number);
        given.facts.fields = BTreeMap::from([(field, FieldValue::Number(score.into()))]);
        given
    }

    fn case(least: u64, then: &str) -> Value {
        json!({"when": {"field": "customField.score", "op": "gte", "value": least}, "then": then})
    }

    fn steps(condition: &Value) -> Value {
        json!({"here": {"condition": condition}, "below": {"end": {}}})
    }

    #[test]
    fn the_first_case_that_is_true_decides() {
        let cases = steps(&json!({"cases": [case(70, "a"), case(50, "b"), case(10, "c")], "otherwise": "d"}));
        assert_eq!(scored(60).enter(&cases), only(to("b")));
    }

    #[test]
    fn where_no_case_is_true_it_goes_on_otherwise_or_at_the_step_that_follows() {
        let otherwise = steps(&json!({"cases": [case(50, "a")], "otherwise": "d"}));
        assert_eq!(scored(5).enter(&otherwise), only(to("d")));
        assert_eq!(scored(5).enter(&steps(&json!({"cases": [case(50, "a")]}))), only(to("below")));
    }

    #[test]
    fn a_filter_whose_field_is_gone_ends_the_run() {
        let turn = Given::default().enter(&steps(&json!({"cases": [case(50, "a")]})));
        assert_eq!(failure(&turn), "filter_failed");
    }

    #[test]
    fn everything_that_a_condition_names_is_told() {
        let told = mentioned(&steps(&json!({"cases": [case(50, "a")], "otherwise": "d"}))).join("\n");
        for named in ["cases[0].when: Filter(", "cases[0].then: Step(\"a\")", "otherwise: Step(\"d\")"] {
            assert!(told.contains(named), "{named} in {told}");
        }
    }
}
