//! `startFlow`: begins another flow beside this one. Also how both kinds of steps that name a flow name it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Act, Here, filled_variables};
use crate::mentions::{Mention, Mentions};
use crate::terms::Variables;
use crate::turn::{Effect, Next, Scene, Turn};

/// Starts another flow with the same contact, by name or id. It runs beside this one, which goes on at once.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "startFlow")]
pub struct StartFlow(FlowRef);

/// A flow: its name or id, or an object with flow and variables.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "flowReference")]
pub(super) enum FlowRef {
    /// Its name or id.
    Name(#[schemars(length(min = 1, max = 255))] String),
    /// Its name or id, and what it is told.
    With(FlowWith),
}

/// A flow and what it is told.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "flowWithVariables")]
pub(super) struct FlowWith {
    /// Its name or id.
    #[schemars(length(min = 1, max = 255))]
    flow: String,
    /// Variables to begin with, beside those that the flow declares; texts may be templates, and a text that is one template alone
    /// keeps its type.
    #[serde(default)]
    variables: Variables,
}

impl FlowRef {
    pub(super) fn flow(&self) -> &str {
        match self {
            Self::Name(flow) | Self::With(FlowWith { flow, .. }) => flow,
        }
    }

    pub(super) fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        match self {
            Self::Name(flow) => seen.add("", Mention::Flow(flow)),
            Self::With(with) => {
                seen.add("flow", Mention::Flow(&with.flow));
                seen.values("variables", &with.variables);
            }
        }
    }

    /// The names of the variables.
    pub(super) fn given(&self) -> impl Iterator<Item = &str> {
        let variables = if let Self::With(with) = self { Some(&with.variables.0) } else { None };
        variables.into_iter().flat_map(|variables| variables.keys()).map(String::as_str)
    }

    /// The variables with their templates filled in.
    pub(super) fn variables(&self, scene: &Scene<'_>) -> Result<Map<String, Value>, Next> {
        match self {
            Self::Name(_) => Ok(Map::new()),
            Self::With(with) => filled_variables(&with.variables.0, scene),
        }
    }
}

impl Act for StartFlow {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        self.0.mentions(seen);
    }

    fn enter(&self, here: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        let effect = Effect::StartFlow { flow: self.0.flow().to_owned(), variables: self.0.variables(scene)? };
        Ok(Turn { effects: vec![effect], next: here.go_on() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::{Given, failure, mentioned, refused, to};
    use super::*;

    fn started(form: &Value) -> Turn {
        let words = json!({"run": {"count": 2, "plan": "free"}});
        Given { words, ..Given::default() }.enter(&json!({"here": {"startFlow": form}, "below": {"end": {}}}))
    }

    #[test]
    fn a_flow_is_started_and_this_one_goes_on() {
        let effects = vec![Effect::StartFlow { flow: "Survey".to_owned(), variables: Map::new() }];
        assert_eq!(started(&json!("Survey")), Turn { effects: effects.clone(), next: to("below") });
        assert_eq!(started(&json!({"flow": "Survey"})), Turn { effects, next: to("below") });
    }

    #[test]
    fn variables_are_filled_in_and_keep_their_types() {
        let form =
            json!({"flow": "Survey", "variables": {"n": "{{ run.count }}", "p": "is {{ run.plan }}", "t": true}});
        let variables = json!({"n": 2, "p": "is free", "t": true});
        let variables = variables.as_object().expect("an object").clone();
        assert_eq!(started(&form).effects, [Effect::StartFlow { flow: "Survey".to_owned(), variables }]);
        assert_eq!(
            failure(&started(&json!({"flow": "S", "variables": {"n": "{{ run.plan + 1 }}"}}))),
            "template_failed"
        );
    }

    #[test]
    fn the_flow_and_the_values_are_named() {
        let steps = |form: &Value| json!({"here": {"startFlow": form}});
        assert_eq!(mentioned(&steps(&json!("Survey"))), [r#"steps.here.startFlow: Flow("Survey")"#]);
        let with = steps(&json!({"flow": "Survey", "variables": {"n": "x"}}));
        let expected = [
            r#"steps.here.startFlow.flow: Flow("Survey")"#,
            r#"steps.here.startFlow.variables.n: Values(String("x"))"#,
        ];
        assert_eq!(mentioned(&with), expected);
        for wrong in [json!(""), json!({"flow": ""}), json!({}), json!({"flow": "x", "vars": {}}), json!(["x"])] {
            assert_eq!(refused(&steps(&wrong)).len(), 1, "{wrong}");
        }
    }
}
