//! `addTags`: tags the contact.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Here};
use crate::mentions::{Mention, Mentions};
use crate::turn::{Effect, Next, Scene, Turn};

/// Adds tags to the contact, by name or id. One that does not exist yet is made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "addTags")]
pub struct AddTags(#[schemars(length(min = 1, max = 20), inner(length(min = 1, max = 255)))] Vec<String>);

impl Act for AddTags {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        for (index, tag) in self.0.iter().enumerate() {
            seen.add(&format!("[{index}]"), Mention::AddedTag(tag));
        }
    }

    fn enter(&self, here: Here<'_>, _: &Scene<'_>) -> Result<Turn, Next> {
        Ok(Turn { effects: vec![Effect::AddTags(self.0.clone())], next: here.go_on() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::given::{Given, mentioned, refused, to};
    use super::*;

    #[test]
    fn tags_are_added_and_the_flow_goes_on_below_or_at_next() {
        let effects = vec![Effect::AddTags(vec!["VIP".to_owned(), "New".to_owned()])];
        let below = json!({"here": {"addTags": ["VIP", "New"]}, "below": {"end": {}}});
        assert_eq!(Given::default().enter(&below), Turn { effects: effects.clone(), next: to("below") });
        let next = json!({"here": {"addTags": ["VIP", "New"], "next": "here"}, "below": {"end": {}}});
        assert_eq!(Given::default().enter(&next), Turn { effects: effects.clone(), next: to("here") });
        let last = json!({"here": {"addTags": ["VIP", "New"]}});
        assert_eq!(Given::default().enter(&last), Turn { effects, next: Next::End });
    }

    #[test]
    fn each_tag_is_named_at_its_place() {
        let steps = json!({"here": {"addTags": ["VIP", "New"]}});
        let expected = [r#"steps.here.addTags[0]: AddedTag("VIP")"#, r#"steps.here.addTags[1]: AddedTag("New")"#];
        assert_eq!(mentioned(&steps), expected);
        assert_eq!(refused(&json!({"here": {"addTags": []}})).len(), 1);
        assert_eq!(refused(&json!({"here": {"addTags": ["", "x"]}})).len(), 1);
    }
}
