//! `removeTags`: takes tags off the contact.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here};
use crate::mentions::{Mention, Mentions};
use crate::turn::{Effect, Next, Scene, Turn};

/// Removes tags from the contact, by name or id. Those that it does not carry are nothing to remove.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "removeTags")]
pub struct RemoveTags(#[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 255)))] Vec<String>);

impl Act for RemoveTags {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        for (index, tag) in self.0.iter().enumerate() {
            seen.add(&format!("[{index}]"), Mention::Tag(tag));
        }
    }

    fn enter(&self, here: Here<'_>, _: &Scene<'_>) -> Result<Turn, Next> {
        Ok(Turn { effects: vec![Effect::RemoveTags(self.0.clone())], next: here.go_on() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::{Given, mentioned, to};
    use super::*;

    #[test]
    fn tags_are_removed_and_the_flow_goes_on() {
        let steps = json!({"here": {"removeTags": ["VIP"]}, "below": {"end": {}}});
        let effects = vec![Effect::RemoveTags(vec!["VIP".to_owned()])];
        assert_eq!(Given::default().enter(&steps), Turn { effects, next: to("below") });
        assert_eq!(mentioned(&steps), [r#"steps.here.removeTags[0]: Tag("VIP")"#]);
    }
}
