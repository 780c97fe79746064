//! `goto`: goes on at another step.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here};
use crate::mentions::Mentions;
use crate::terms::StepName;
use crate::turn::{Next, Scene, Turn};

/// Goes on at another step of the flow, by its name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "goto")]
pub struct Goto(StepName);

impl Act for Goto {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        seen.step("", Some(&self.0));
    }

    fn goes_on(&self) -> bool {
        false
    }

    fn enter(&self, here: Here<'_>, _: &Scene<'_>) -> Result<Turn, Next> {
        Ok(Turn { effects: Vec::new(), next: here.go_to(Some(&self.0)) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::{Given, mentioned, only, refused, to};

    #[test]
    fn the_flow_goes_on_where_it_is_told_to_and_not_below() {
        let steps = json!({"here": {"goto": "far"}, "below": {"end": {}}, "far": {"end": {}}});
        assert_eq!(Given::default().enter(&steps), only(to("far")));
        assert_eq!(mentioned(&steps), [r#"steps.here.goto: Step("far")"#]);
        assert_eq!(refused(&json!({"here": {"goto": "a b"}})).len(), 1);
    }
}
