//! A tag: a label that contacts carry.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;
use crate::unique_name::{self, MAX_NAME_CHARS};

/// What can be asked of a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Create {
        /// 1 to 255 characters, unique in the workspace without regard to case and marks.
        name: String,
    },
    /// Call it otherwise.
    Rename {
        /// As when it began.
        name: String,
    },
    /// End it: nobody carries it any more, and its name is free.
    Delete,
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
    /// It got another name.
    TagRenamed {
        /// Its name, trimmed.
        name: String,
        /// The name that it gave back.
        previous: String,
    },
    /// It ended, on every contact that carried it.
    TagDeleted {
        /// The name that it gave back.
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
    /// It does not exist, or not any more.
    #[error("this tag does not exist")]
    Unknown,
}

/// A tag's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// Its name; empty before it began and after it ended.
    pub name: String,
    /// Whether it ended.
    pub deleted: bool,
}

/// The claim on a tag's name.
#[must_use]
pub fn name_claim(name: &str) -> Claim {
    unique_name::claim(ClaimKind::TagName, name)
}

impl Tag {
    fn fold(&mut self, event: &Event) {
        match event {
            Event::TagCreated { name } | Event::TagRenamed { name, .. } => self.name.clone_from(name),
            Event::TagDeleted { .. } => *self = Self { name: String::new(), deleted: true },
        }
    }
}

impl Root for Tag {
    const STREAM: StreamType = StreamType::Tag;
    const SNAPSHOT_VERSION: u32 = 2;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        let fitting = |name| unique_name::checked(name).ok_or(Error::InvalidName);
        match command {
            Command::Create { .. } if self.deleted => Err(Error::Unknown),
            Command::Create { name } => match (self.name.as_str(), fitting(name)?) {
                ("", name) => Ok(vec![Event::TagCreated { name: name.to_owned() }]),
                (same, name) if same == name => Ok(Vec::new()),
                _ => Err(Error::Exists),
            },
            Command::Delete if self.deleted => Ok(Vec::new()),
            _ if self.name.is_empty() => Err(Error::Unknown),
            Command::Rename { name } => {
                let (name, previous) = (fitting(name)?.to_owned(), self.name.clone());
                Ok((name != previous).then_some(Event::TagRenamed { name, previous }).into_iter().collect())
            }
            Command::Delete => Ok(vec![Event::TagDeleted { name: self.name.clone() }]),
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        match event {
            Event::TagCreated { name } => unique_name::taken(ClaimKind::TagName, name, id),
            Event::TagRenamed { name, previous } => unique_name::moved(ClaimKind::TagName, previous, name, id),
            Event::TagDeleted { name } => unique_name::released(ClaimKind::TagName, name),
        }
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

    fn rename(name: &str) -> Command {
        Command::Rename { name: name.to_owned() }
    }

    fn renamed(name: &str, previous: &str) -> Event {
        Event::TagRenamed { name: name.to_owned(), previous: previous.to_owned() }
    }

    fn deleted(name: &str) -> Event {
        Event::TagDeleted { name: name.to_owned() }
    }

    #[test]
    fn a_tag_is_renamed_and_the_claim_moves() {
        causes::<Tag>(vec![created("VIP")], rename(" Gold "), vec![renamed("Gold", "VIP")]);
        causes::<Tag>(vec![created("VIP")], rename("VIP"), vec![]);
        refuses::<Tag>(vec![created("VIP")], rename(" "), Error::InvalidName);
        holds::<Tag>(&[created("VIP"), renamed("Gold", "VIP")], &[name_claim("gold")]);
        // Only its spelling changes: the claim stays.
        causes::<Tag>(vec![created("VIP")], rename("vip"), vec![renamed("vip", "VIP")]);
        holds::<Tag>(&[created("VIP"), renamed("vip", "VIP")], &[name_claim("VIP")]);
    }

    #[test]
    fn a_deleted_tag_gives_its_name_back_and_does_not_come_back() {
        let given = || vec![created("VIP"), renamed("Gold", "VIP"), deleted("Gold")];
        causes::<Tag>(vec![created("VIP")], Command::Delete, vec![deleted("VIP")]);
        holds::<Tag>(&given(), &[]);
        causes::<Tag>(given(), Command::Delete, vec![]);
        for command in [rename("Gold"), create("Gold")] {
            refuses::<Tag>(given(), command, Error::Unknown);
        }
        for command in [rename("Gold"), Command::Delete] {
            refuses::<Tag>(vec![], command, Error::Unknown);
        }
    }

    #[test]
    fn a_tag_is_about_nobody() {
        assert_eq!(Tag::subject(&created("VIP"), Uuid::nil()), None);
    }
}
