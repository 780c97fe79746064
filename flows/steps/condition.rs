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
            if holds(&case.when, scene)? {
                return Ok(Turn { effects: Vec::new(), next: here.go_to(Some(&case.then)) });
            }
        }
        Ok(Turn { effects: Vec::new(), next: here.go_to(self.otherwise.as_ref()) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{Stage, step};
    use crate::turn::Next;

    fn named(name: &str, number: u64) -> serde_json::Value {
        json!({"field": name, "op": "gte", "value": number})
    }

    #[test]
    fn the_first_case_that_is_true_decides() {
        let mut stage = Stage::default();
        stage.field("score", 60);
        let case = |least: u64, then: &str| json!({"when": named("customField.score", least), "then": then});
        let choice =
            step(&json!({"condition": {"cases": [case(70, "a"), case(50, "b"), case(10, "c")], "otherwise": "d"}}));
        assert_eq!(stage.enter(&choice).next, Next::Step("b".to_owned()));
    }

    #[test]
    fn where_no_case_is_true_it_goes_on_otherwise_or_at_the_step_that_follows() {
        let mut stage = Stage::default();
        stage.field("score", 5);
        let cases = json!([{"when": named("customField.score", 50), "then": "a"}]);
        let otherwise = step(&json!({"condition": {"cases": cases, "otherwise": "d"}}));
        assert_eq!(stage.enter(&otherwise).next, Next::Step("d".to_owned()));
        let follows = step(&json!({"condition": {"cases": cases}}));
        assert_eq!(stage.enter(&follows).next, Next::Step("below".to_owned()));
    }

    #[test]
    fn a_filter_whose_field_is_gone_ends_the_run() {
        let stage = Stage::default();
        let choice = step(&json!({"condition": {"cases": [{"when": named("customField.score", 1), "then": "a"}]}}));
        let Next::Fail { code, reason } = stage.enter(&choice).next else { panic!("goes on") };
        assert_eq!(code, "filter_failed");
        assert_eq!(reason, "filter.field: there is no such custom field");
    }
}
