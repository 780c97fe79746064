//! `callFlow`: goes through another flow, and then on.

use schemars::JsonSchema;
use serde::Deserialize;

use super::start_flow::FlowRef;
use super::{Act, Here};
use crate::mentions::{Mention, Mentions};
use crate::turn::{Next, Scene, Turn};

/// Goes through another flow with the same contact, by name or id, and then on at the step that follows. Both flows share the run's
/// variables.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "callFlow")]
pub struct CallFlow(FlowRef);

impl Act for CallFlow {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        self.0.mentions(seen);
        for name in self.0.given() {
            seen.add("", Mention::Variable(name));
        }
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let variables = self.0.variables(scene)?;
        let return_to = here.next.map(str::to_owned);
        Ok(Turn { effects: Vec::new(), next: Next::Call { flow: self.0.flow().to_owned(), variables, return_to } })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::given::{Given, failure, mentioned, only};
    use super::*;

    fn called(steps: &Value) -> Turn {
        Given { words: json!({"run": {"count": 2}}), ..Given::default() }.enter(steps)
    }

    fn call(variables: &Value, return_to: Option<&str>) -> Turn {
        let variables: Map<String, Value> = variables.as_object().expect("an object").clone();
        only(Next::Call { flow: "Address".to_owned(), variables, return_to: return_to.map(str::to_owned) })
    }

    #[test]
    fn a_called_flow_returns_to_what_follows() {
        let below = json!({"here": {"callFlow": "Address"}, "below": {"end": {}}});
        assert_eq!(called(&below), call(&json!({}), Some("below")));
        let next = json!({"here": {"callFlow": "Address", "next": "here"}, "below": {"end": {}}});
        assert_eq!(called(&next), call(&json!({}), Some("here")));
        assert_eq!(called(&json!({"here": {"callFlow": "Address"}})), call(&json!({}), None));
    }

    #[test]
    fn variables_are_filled_in_and_keep_their_types() {
        let form = |value: &str| json!({"here": {"callFlow": {"flow": "Address", "variables": {"n": [value]}}}});
        assert_eq!(called(&form("{{ run.count + 1 }}")), call(&json!({"n": [3]}), None));
        assert_eq!(failure(&called(&form("{{ run.count + 'x' }}"))), "template_failed");
        let expected = [
            r#"steps.here.callFlow.flow: Flow("Address")"#,
            r#"steps.here.callFlow.variables.n: Values(Array [String("x")])"#,
            r#"steps.here.callFlow: Variable("n")"#,
        ];
        assert_eq!(mentioned(&form("x")), expected);
    }
}
