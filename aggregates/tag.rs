//! A tag: a label that contacts carry.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::folding::fold;
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 255;

/// What can be asked of a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Create {
        /// 1 to 255 characters, unique in the workspace without regard to case and marks.
        name: String,
    },
}

/// What happened to a tag. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began.
    TagCreated {
        /// Its name, trimmed.
        name: String,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name shows nothing or is too long.
    #[error("a tag's name has 1 to {MAX_NAME_CHARS} visible characters")]
    InvalidName,
    /// It exists under another name.
    #[error("this tag exists already under another name")]
    Exists,
}

/// A tag's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// Its name; empty before it began.
    pub name: String,
}

/// The claim on a tag's name.
#[must_use]
pub fn name_claim(name: &str) -> Claim {
    Claim::new(ClaimKind::TagName, fold(name))
}

impl Tag {
    fn fold(&mut self, event: &Event) {
        let Event::TagCreated { name } = event;
        self.name.clone_from(name);
    }
}

impl Root for Tag {
    const STREAM: StreamType = StreamType::Tag;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        let Command::Create { name } = command;
        let name = name.trim();
        if fold(name).is_empty() || name.chars().count() > MAX_NAME_CHARS {
            return Err(Error::InvalidName);
        }
        match self.name.as_str() {
            "" => Ok(vec![Event::TagCreated { name: name.to_owned() }]),
            same if same == name => Ok(Vec::new()),
            _ => Err(Error::Exists),
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        let Event::TagCreated { name } = event;
        vec![ClaimChange::Take { claim: name_claim(name), owner: id }]
    }

    fn subject(_: &Event, _: Uuid) -> Option<ContactId> {
        None
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Tag, Command, Event, Error, Tag);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    fn create(name: &str) -> Command {
        Command::Create { name: name.to_owned() }
    }

    fn created(name: &str) -> Event {
        Event::TagCreated { name: name.to_owned() }
    }

    #[test]
    fn a_tag_is_created_once_with_its_name_trimmed() {
        causes::<Tag>(vec![], create(" VIP\n"), vec![created("VIP")]);
        causes::<Tag>(vec![], create(&"x".repeat(255)), vec![created(&"x".repeat(255))]);
    }

    #[test]
    fn a_name_has_1_to_255_visible_characters() {
        for name in ["", "  ", "\u{200b}\u{e0041}", "\u{301}", &"x".repeat(256)] {
            refuses::<Tag>(vec![], create(name), Error::InvalidName);
        }
    }

    #[test]
    fn a_tag_is_not_created_again_under_another_name() {
        refuses::<Tag>(vec![created("VIP")], create("vip"), Error::Exists);
    }

    #[test]
    fn a_name_is_claimed_without_regard_to_case_and_marks() {
        holds::<Tag>(&[created("Café")], &[name_claim("CAFE")]);
        assert_ne!(name_claim("दिन"), name_claim("दान"), "vowel signs tell words apart");
    }

    #[test]
    fn a_tag_is_about_nobody() {
        assert_eq!(Tag::subject(&created("VIP"), Uuid::nil()), None);
    }
}
