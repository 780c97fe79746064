//! `closeConversation`: nothing is left to do in the conversation.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here};
use crate::mentions::Mentions;
use crate::turn::{Effect, Next, Scene, Turn};

/// Closes the conversation. The flow goes on; the contact's next message opens the conversation again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "closeConversation")]
pub struct CloseConversation {}

impl Act for CloseConversation {
    fn mentions<'s>(&'s self, _: &mut Mentions<'s>) {}

    fn enter(&self, here: Here<'_>, _: &Scene<'_>) -> Result<Turn, Next> {
        Ok(Turn { effects: vec![Effect::CloseConversation], next: here.go_on() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::{Given, refused, to};
    use super::*;

    #[test]
    fn the_conversation_is_closed_and_the_flow_goes_on() {
        let steps = json!({"here": {"closeConversation": {}}, "below": {"end": {}}});
        let closed = Turn { effects: vec![Effect::CloseConversation], next: to("below") };
        assert_eq!(Given::default().enter(&steps), closed);
        let more = json!({"here": {"closeConversation": {"reason": "done"}}});
        assert_eq!(refused(&more)[0].0, "unknown_member");
    }
}
