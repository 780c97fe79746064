//! A flow: a document that says what happens with a contact, as a draft and as published versions.
//!
//! What a document means is none of this file's business: here it is an object with a name, compared as it was written, because the
//! order of its steps counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::flow_document::FlowDocument;
use crate::folding::fold;
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::personal::{ERASED_MEMBER, PERSONAL_MEMBER};
use crate::root::Root;
use crate::stream::StreamType;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 255;
/// The largest document, in bytes of JSON: below what one event may have.
pub const MAX_DOCUMENT_BYTES: usize = 200 * 1024;
/// The most published versions of one flow.
pub const MAX_VERSIONS: u32 = 10_000;

/// What can be asked of a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Create {
        /// Its first draft, with a name that no other flow of the workspace has.
        document: FlowDocument,
    },
    /// Put another draft in the place of the one that is there.
    UpdateDraft {
        /// The new draft.
        document: FlowDocument,
        /// The published version that the draft is taken from, when it is.
        restored_from: Option<u32>,
    },
    /// Make the draft the version that starts from now on.
    Publish,
    /// End it: it starts no more, and its name is free.
    Delete,
}

/// What happened to a flow. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began as a draft.
    FlowCreated {
        /// The draft.
        document: FlowDocument,
    },
    /// Its draft was changed.
    FlowDraftUpdated {
        /// The new draft.
        document: FlowDocument,
        /// The name that was given up, when it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        released_name: Option<String>,
        /// The published version that the draft was taken from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restored_from: Option<u32>,
    },
    /// Its draft was published as the version that starts from now on.
    FlowPublished {
        /// From 1, without gaps; never changed afterwards.
        version: u32,
        /// What was published.
        document: FlowDocument,
    },
    /// It was ended and starts no more.
    FlowDeleted {
        /// The name that was given up.
        released_name: String,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No name, or one that shows nothing or is too long.
    #[error("a flow's document has a name of 1 to {MAX_NAME_CHARS} visible characters")]
    InvalidName,
    /// Too large.
    #[error("a flow's document has at most {MAX_DOCUMENT_BYTES} bytes of JSON")]
    TooLarge,
    /// A member whose name the log uses for sealed values.
    #[error("a flow's document has no members named $personal, $sealed or $erased")]
    ReservedMember,
    /// It does not exist, or not any more.
    #[error("this flow does not exist")]
    Unknown,
    /// There is another one under this id.
    #[error("this flow exists already, otherwise")]
    Exists,
    /// The version does not exist, or is another document.
    #[error("this flow has no such version")]
    UnknownVersion,
    /// No more versions.
    #[error("a flow has at most {MAX_VERSIONS} versions; duplicate it to go on")]
    TooManyVersions,
}

/// A flow's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// The draft; nothing before it began.
    pub draft: Option<FlowDocument>,
    /// All published versions. They stay when the flow is deleted: runs go by them.
    pub versions: BTreeMap<u32, FlowDocument>,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// The claim on a flow's name.
#[must_use]
pub fn name_claim(name: &str) -> Claim {
    Claim::new(ClaimKind::FlowName, fold(name))
}

fn check(document: &FlowDocument) -> Result<(), Error> {
    let name = document.name();
    if fold(name).is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(Error::InvalidName);
    }
    if document.text().len() > MAX_DOCUMENT_BYTES {
        return Err(Error::TooLarge);
    }
    if has_reserved_member(document.value()) { Err(Error::ReservedMember) } else { Ok(()) }
}

/// Whether a value has a member whose name the log uses: it would be read as a sealed value.
#[must_use]
pub fn has_reserved_member(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            matches!(name.as_str(), PERSONAL_MEMBER | "$sealed" | ERASED_MEMBER) || has_reserved_member(value)
        }),
        Value::Array(items) => items.iter().any(has_reserved_member),
        _ => false,
    }
}

impl Flow {
    /// The version that starts now, with its number; nothing when it never was published or is deleted.
    #[must_use]
    pub fn published(&self) -> Option<(u32, &FlowDocument)> {
        if self.deleted {
            return None;
        }
        self.versions.last_key_value().map(|(version, document)| (*version, document))
    }

    /// The draft, as long as the flow is there.
    fn living(&self) -> Result<&FlowDocument, Error> {
        self.draft.as_ref().filter(|_| !self.deleted).ok_or(Error::Unknown)
    }

    fn fold(&mut self, event: &Event) {
        match event {
            Event::FlowCreated { document } | Event::FlowDraftUpdated { document, .. } => {
                self.draft = Some(document.clone());
            }
            Event::FlowPublished { version, document } => {
                self.versions.insert(*version, document.clone());
            }
            Event::FlowDeleted { .. } => self.deleted = true,
        }
    }

    fn update(&self, document: &FlowDocument, restored_from: Option<u32>) -> Result<Vec<Event>, Error> {
        let draft = self.living()?;
        check(document)?;
        if restored_from.is_some_and(|version| self.versions.get(&version) != Some(document)) {
            return Err(Error::UnknownVersion);
        }
        if document == draft {
            return Ok(Vec::new());
        }
        let released_name = (fold(draft.name()) != fold(document.name())).then(|| draft.name().to_owned());
        Ok(vec![Event::FlowDraftUpdated { document: document.clone(), released_name, restored_from }])
    }

    fn publish(&self) -> Result<Vec<Event>, Error> {
        let draft = self.living()?;
        match self.versions.last_key_value() {
            Some((_, published)) if published == draft => Ok(Vec::new()),
            Some((version, _)) if *version >= MAX_VERSIONS => Err(Error::TooManyVersions),
            last => {
                let version = last.map_or(1, |(version, _)| version + 1);
                Ok(vec![Event::FlowPublished { version, document: draft.clone() }])
            }
        }
    }
}

impl Root for Flow {
    const STREAM: StreamType = StreamType::Flow;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        match command {
            Command::Create { document } => match &self.draft {
                None => check(document).map(|()| vec![Event::FlowCreated { document: document.clone() }]),
                Some(draft) if draft == document && !self.deleted => Ok(Vec::new()),
                Some(_) => Err(Error::Exists),
            },
            Command::UpdateDraft { document, restored_from } => self.update(document, *restored_from),
            Command::Publish => self.publish(),
            Command::Delete if self.deleted => Ok(Vec::new()),
            Command::Delete => Ok(vec![Event::FlowDeleted { released_name: self.living()?.name().to_owned() }]),
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        let take = |document: &FlowDocument| ClaimChange::Take { claim: name_claim(document.name()), owner: id };
        let release = |name: &String| ClaimChange::Release { claim: name_claim(name) };
        match event {
            Event::FlowCreated { document } => vec![take(document)],
            Event::FlowDraftUpdated { document, released_name: Some(name), .. } => vec![release(name), take(document)],
            Event::FlowDeleted { released_name } => vec![release(released_name)],
            Event::FlowDraftUpdated { .. } | Event::FlowPublished { .. } => Vec::new(),
        }
    }

    fn subject(_: &Event, _: Uuid) -> Option<ContactId> {
        None
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Flow, Command, Event, Error, Flow);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::{causes, holds, refuses};

    fn document(name: &str, steps: &Value) -> FlowDocument {
        json!({ "formatVersion": 1, "name": name, "steps": steps }).into()
    }

    fn first() -> FlowDocument {
        document("Welcome", &json!({ "a": { "end": {} } }))
    }

    fn second() -> FlowDocument {
        document("Welcome", &json!({ "a": { "note": "x" }, "b": { "end": {} } }))
    }

    fn created() -> Event {
        Event::FlowCreated { document: first() }
    }

    fn update(document: FlowDocument, restored_from: Option<u32>) -> Command {
        Command::UpdateDraft { document, restored_from }
    }

    fn updated(document: FlowDocument) -> Event {
        Event::FlowDraftUpdated { document, released_name: None, restored_from: None }
    }

    fn published(version: u32, document: FlowDocument) -> Event {
        Event::FlowPublished { version, document }
    }

    #[test]
    fn a_flow_is_created_once() {
        causes::<Flow>(vec![], Command::Create { document: first() }, vec![created()]);
        refuses::<Flow>(vec![created()], Command::Create { document: second() }, Error::Exists);
    }

    #[test]
    fn a_document_has_a_name_and_a_bounded_size() {
        for name in ["", " ", "\u{200b}", &"x".repeat(256)] {
            let command = Command::Create { document: document(name, &json!({})) };
            refuses::<Flow>(vec![], command, Error::InvalidName);
        }
        let nameless = Command::Create { document: json!({ "name": 7 }).into() };
        refuses::<Flow>(vec![], nameless, Error::InvalidName);
        for name in ["$personal", "$sealed", "$erased"] {
            let reserved = document("Reserved", &json!([{ "a": { name: 1 } }]));
            refuses::<Flow>(vec![], Command::Create { document: reserved }, Error::ReservedMember);
        }
        let large = document("Large", &json!("x".repeat(MAX_DOCUMENT_BYTES)));
        refuses::<Flow>(vec![], Command::Create { document: large }, Error::TooLarge);
    }

    #[test]
    fn versions_are_numbered_and_an_unchanged_draft_is_not_published_again() {
        causes::<Flow>(vec![created()], Command::Publish, vec![published(1, first())]);
        let history = vec![created(), published(1, first()), updated(second())];
        causes::<Flow>(history, Command::Publish, vec![published(2, second())]);
    }

    #[test]
    fn the_order_of_steps_is_a_difference() {
        let turned = document("Welcome", &json!({ "b": { "end": {} }, "a": { "note": "x" } }));
        causes::<Flow>(vec![created(), updated(second())], update(turned.clone(), None), vec![updated(turned)]);
    }

    #[test]
    fn a_version_is_restored_as_a_draft() {
        let history = vec![created(), published(1, first()), updated(second()), published(2, second())];
        let restored = Event::FlowDraftUpdated { document: first(), released_name: None, restored_from: Some(1) };
        causes::<Flow>(history.clone(), update(first(), Some(1)), vec![restored]);
        refuses::<Flow>(history.clone(), update(first(), Some(2)), Error::UnknownVersion);
        refuses::<Flow>(history, update(first(), Some(3)), Error::UnknownVersion);
    }

    #[test]
    fn a_name_is_claimed_and_moves_with_the_draft() {
        let renamed = document("Goodbye", &json!({}));
        let moved = Event::FlowDraftUpdated {
            document: renamed.clone(),
            released_name: Some("Welcome".to_owned()),
            restored_from: None,
        };
        causes::<Flow>(vec![created()], update(renamed, None), vec![moved.clone()]);
        holds::<Flow>(&[created(), moved.clone()], &[name_claim("GOODBYE")]);
        let deleted = Event::FlowDeleted { released_name: "Goodbye".to_owned() };
        causes::<Flow>(vec![created(), moved.clone()], Command::Delete, vec![deleted.clone()]);
        holds::<Flow>(&[created(), moved, deleted], &[]);
    }

    #[test]
    fn a_deleted_flow_takes_no_more_and_keeps_its_versions() {
        let deleted = Event::FlowDeleted { released_name: "Welcome".to_owned() };
        let history = vec![created(), published(1, first()), deleted];
        for command in [update(second(), None), Command::Publish] {
            refuses::<Flow>(history.clone(), command, Error::Unknown);
        }
        refuses::<Flow>(history.clone(), Command::Create { document: first() }, Error::Exists);
        refuses::<Flow>(vec![], Command::Publish, Error::Unknown);
        refuses::<Flow>(vec![], Command::Delete, Error::Unknown);
        let mut flow = Flow::default();
        history.iter().for_each(|event| flow.fold(event));
        assert_eq!((flow.published(), flow.versions.len()), (None, 1));
        assert_eq!(Flow::subject(&created(), Uuid::nil()), None);
    }
}
