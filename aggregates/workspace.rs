//! A workspace: the tenant to which everything else belongs.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::ClaimChange;
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;

/// What can be asked of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Create {
        /// 1 to 255 characters.
        name: String,
        /// An IANA time zone, for example `Europe/Berlin`.
        timezone: String,
        /// A BCP 47 language tag, for example `en`.
        language: String,
    },
}

/// What happened to a workspace. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began.
    WorkspaceCreated {
        /// Its name.
        name: String,
        /// Its IANA time zone.
        timezone: String,
        /// Its BCP 47 language.
        language: String,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name is empty or too long.
    #[error("a workspace's name has 1 to 255 characters")]
    InvalidName,
    /// It exists under other settings.
    #[error("this workspace exists already")]
    Exists,
}

/// A workspace's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its name; empty before it began.
    pub name: String,
    /// Its IANA time zone.
    pub timezone: String,
    /// Its BCP 47 language.
    pub language: String,
}

impl Workspace {
    fn fold(&mut self, event: &Event) {
        let Event::WorkspaceCreated { name, timezone, language } = event;
        self.name.clone_from(name);
        self.timezone.clone_from(timezone);
        self.language.clone_from(language);
    }
}

impl Root for Workspace {
    const STREAM: StreamType = StreamType::Workspace;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        let Command::Create { name, timezone, language } = command;
        if name.trim().is_empty() || name.chars().count() > 255 {
            return Err(Error::InvalidName);
        }
        let wanted = Self { name: name.clone(), timezone: timezone.clone(), language: language.clone() };
        if *self == wanted {
            return Ok(Vec::new());
        }
        if !self.name.is_empty() {
            return Err(Error::Exists);
        }
        Ok(vec![Event::WorkspaceCreated { name: name.clone(), timezone: timezone.clone(), language: language.clone() }])
    }

    fn claims(_: &Event, _: Uuid) -> Vec<ClaimChange> {
        Vec::new()
    }

    fn subject(_: &Event, _: Uuid) -> Option<ContactId> {
        None
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Workspace, Command, Event, Error, Workspace);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    fn create(name: &str, timezone: &str) -> Command {
        Command::Create { name: name.to_owned(), timezone: timezone.to_owned(), language: "en".to_owned() }
    }

    fn created(name: &str) -> Event {
        Event::WorkspaceCreated { name: name.to_owned(), timezone: "Etc/UTC".to_owned(), language: "en".to_owned() }
    }

    #[test]
    fn a_workspace_is_created_once() {
        causes::<Workspace>(vec![], create("Shop", "Etc/UTC"), vec![created("Shop")]);
    }

    #[test]
    fn a_name_has_1_to_255_characters() {
        for name in ["", " \t", &"x".repeat(256)] {
            refuses::<Workspace>(vec![], create(name, "Etc/UTC"), Error::InvalidName);
        }
    }

    #[test]
    fn a_workspace_is_not_created_again_otherwise() {
        refuses::<Workspace>(vec![created("Shop")], create("Store", "Etc/UTC"), Error::Exists);
        refuses::<Workspace>(vec![created("Shop")], create("Shop", "Europe/Berlin"), Error::Exists);
    }

    #[test]
    fn a_workspace_claims_nothing_and_is_about_nobody() {
        holds::<Workspace>(&[created("Shop")], &[]);
        assert_eq!(Workspace::subject(&created("Shop"), Uuid::nil()), None);
    }
}
