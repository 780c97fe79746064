//! `end`: the flow is over.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here};
use crate::mentions::Mentions;
use crate::turn::{Next, Scene, Turn};

/// Ends the flow. If another flow called it, that one goes on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "end")]
pub struct End {}

impl Act for End {
    fn mentions<'s>(&'s self, _: &mut Mentions<'s>) {}

    fn goes_on(&self) -> bool {
        false
    }

    fn enter(&self, _: Here<'_>, _: &Scene<'_>) -> Result<Turn, Next> {
        Ok(Turn { effects: Vec::new(), next: Next::End })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::{Given, only, refused};
    use super::*;

    #[test]
    fn the_flow_is_over_whatever_stands_below() {
        let steps = json!({"here": {"end": {}}, "below": {"end": {}}});
        assert_eq!(Given::default().enter(&steps), only(Next::End));
        assert_eq!(refused(&json!({"here": {"end": true}})).len(), 1);
    }
}
