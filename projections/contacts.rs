//! The contacts as they are shown: attributes, the folded texts by which they are found and sorted, and when something last
//! happened with them. How they are listed and found stands in `contact_search.rs`.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::channel_account::Channel;
use aggregates::consent::Consent;
use aggregates::contact::Identity;
use aggregates::contact_attributes::{Attribute, Attributes};
use aggregates::folding::fold;
use aggregates::ids::{ContactId, WorkspaceId};
use aggregates::{Event, Personal, Recorded, contact, conversation, message};

use crate::cell::Json;
use crate::database::{Connection, Error};
use crate::listing::one_of;
use crate::near_miss::indexable;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

/// Stands in the place of a channel's name for what was said about all of them.
const EVERYWHERE: &str = "all";
/// Sorts behind every name: for contacts of whom nothing is known.
const NAMELESS: &str = "\u{10fffd}";

table! {
    /// A contact. What was erased or never known is nothing.
    pub struct Contact in "contacts" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: ContactId,
        }
        /// Given name.
        first_name: Option<String>,
        /// Family name.
        last_name: Option<String>,
        /// First and last name, joined.
        name: Option<String>,
        /// E-mail address.
        email: Option<String>,
        /// Phone number in E.164.
        phone: Option<String>,
        /// `male`, `female` or `unknown`.
        gender: Option<String>,
        /// BCP 47 language tag.
        language: Option<String>,
        /// IANA time zone.
        timezone: Option<String>,
        /// ISO 3166-1 alpha-2 code.
        country: Option<String>,
        /// https address of a picture.
        avatar_url: Option<String>,
        /// Given name, folded.
        first_name_folded: Option<String>,
        /// Family name, folded.
        last_name_folded: Option<String>,
        /// First and last name, folded.
        name_folded: Option<String>,
        /// The e-mail address, folded.
        email_folded: Option<String>,
        /// The channels' ids of the person, folded, one a line.
        users_folded: String,
        /// What it is sorted by in lists by name.
        sort_name: String,
        /// What free text finds it by.
        search: String,
        /// When it began, in microseconds since the epoch.
        created_at: i64,
        /// The position at which it began.
        created_position: u64,
        /// When it last wrote, was written to, or began.
        last_activity_at: i64,
        /// Whether it is written to no more.
        blocked: bool,
        /// Whether it wants messages: on `all` channels, and on those about which something was said since.
        consent: Json<BTreeMap<String, Consent>>,
    }
}

/// The contact of an event, and what kind of change it is to this table.
fn change(event: &Recorded) -> Option<(ContactId, Change<'_>)> {
    let own = ContactId(event.stream_id);
    match &event.event {
        Event::Contact(contact::Event::ContactCreated { attributes, identity, .. }) => {
            Some((own, Change::Created(attributes, identity.as_ref())))
        }
        Event::Contact(contact::Event::ContactUpdated { set, cleared, .. }) => {
            Some((own, Change::Updated(set, cleared)))
        }
        Event::Contact(contact::Event::ContactIdentityConnected { identity }) => {
            Some((own, Change::Connected(identity)))
        }
        Event::Contact(contact::Event::ContactBlocked { .. }) => Some((own, Change::Blocked(true))),
        Event::Contact(contact::Event::ContactUnblocked {}) => Some((own, Change::Blocked(false))),
        Event::Contact(contact::Event::ContactConsentSet { consent, channel, .. }) => {
            Some((own, Change::Consent(*consent, *channel)))
        }
        Event::Conversation(conversation::Event::MessageReceived(inbound)) => Some((inbound.contact, Change::Active)),
        Event::Message(message::Event::MessageQueued(outbound)) => Some((outbound.contact, Change::Active)),
        _ => None,
    }
}

enum Change<'e> {
    Created(&'e Attributes, Option<&'e Identity>),
    Updated(&'e Attributes, &'e BTreeSet<Attribute>),
    Connected(&'e Identity),
    Blocked(bool),
    Consent(Consent, Option<Channel>),
    Active,
}

impl Projection for Contact {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        match change(event) {
            None | Some((_, Change::Created(..))) => {}
            Some((contact, _)) => {
                keys.insert((event.workspace, contact));
            }
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Some((contact, change)) = change(event) else { return Ok(()) };
        let key = (event.workspace, contact);
        if let Change::Created(attributes, identity) = change {
            let mut row = Self::beginning(event, contact);
            row.set(attributes);
            row.connect(identity);
            row.index();
            rows.insert(row);
            return Ok(());
        }
        let unknown = Poison("the contact did not begin");
        match change {
            Change::Created(..) => {}
            Change::Updated(set, cleared) => {
                let row = rows.get_mut(&key).ok_or(unknown)?;
                row.set(set);
                row.clear(cleared);
                row.index();
            }
            Change::Connected(identity) => {
                let row = rows.get_mut(&key).ok_or(unknown)?;
                row.connect(Some(identity));
                row.index();
            }
            Change::Blocked(blocked) => rows.get_mut(&key).ok_or(unknown)?.blocked = blocked,
            Change::Consent(consent, channel) => rows.get_mut(&key).ok_or(unknown)?.consent(consent, channel),
            // Another stream's event: without the contact there is nothing to show it on.
            Change::Active => {
                if let Some(row) = rows.get_mut(&key) {
                    row.last_activity_at = event.recorded_at;
                }
            }
        }
        Ok(())
    }
}

impl Contact {
    fn beginning(event: &Recorded, id: ContactId) -> Self {
        Self {
            workspace: event.workspace,
            id,
            first_name: None,
            last_name: None,
            name: None,
            email: None,
            phone: None,
            gender: None,
            language: None,
            timezone: None,
            country: None,
            avatar_url: None,
            first_name_folded: None,
            last_name_folded: None,
            name_folded: None,
            email_folded: None,
            users_folded: String::new(),
            sort_name: String::new(),
            search: String::new(),
            created_at: event.recorded_at,
            created_position: event.position,
            last_activity_at: event.recorded_at,
            blocked: false,
            consent: Json(BTreeMap::new()),
        }
    }

    fn consent(&mut self, consent: Consent, channel: Option<Channel>) {
        match channel {
            Some(channel) => self.consent.0.insert(channel.name().to_owned(), consent),
            // The last word about everything is the last word about each.
            None => {
                self.consent.0.clear();
                self.consent.0.insert(EVERYWHERE.to_owned(), consent)
            }
        };
    }

    const fn column(&mut self, attribute: Attribute) -> &mut Option<String> {
        match attribute {
            Attribute::FirstName => &mut self.first_name,
            Attribute::LastName => &mut self.last_name,
            Attribute::Email => &mut self.email,
            Attribute::Phone => &mut self.phone,
            Attribute::Gender => &mut self.gender,
            Attribute::Language => &mut self.language,
            Attribute::Timezone => &mut self.timezone,
            Attribute::Country => &mut self.country,
            Attribute::AvatarUrl => &mut self.avatar_url,
        }
    }

    fn set(&mut self, attributes: &Attributes) {
        for attribute in ATTRIBUTES {
            if let Some(value) = attributes.get(attribute) {
                *self.column(attribute) = value.known().cloned();
            }
        }
    }

    fn clear(&mut self, cleared: &BTreeSet<Attribute>) {
        for attribute in cleared {
            *self.column(*attribute) = None;
        }
    }

    fn connect(&mut self, identity: Option<&Identity>) {
        if let Some(user) = identity.map(|identity| &identity.user).and_then(Personal::known) {
            if !self.users_folded.is_empty() {
                self.users_folded.push('\n');
            }
            self.users_folded.push_str(&fold(user));
        }
    }

    /// Brings the columns that follow from others up to date.
    fn index(&mut self) {
        let parts: Vec<&str> = [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        self.name = (!parts.is_empty()).then(|| parts.join(" "));
        self.first_name_folded = self.first_name.as_deref().map(fold);
        self.last_name_folded = self.last_name.as_deref().map(fold);
        self.email_folded = self.email.as_deref().map(fold);
        self.name_folded = self.name.as_deref().map(fold);
        let values = || {
            let fixed = [self.name_folded.as_deref(), self.email_folded.as_deref(), self.phone.as_deref()];
            fixed.into_iter().flatten().chain(self.users_folded.lines()).filter(|value| !value.is_empty())
        };
        let sort_name = indexable(values().next().unwrap_or(NAMELESS).to_owned());
        let search = search_text(self.workspace, values());
        (self.sort_name, self.search) = (sort_name, search);
    }
}

const ATTRIBUTES: [Attribute; 9] = [
    Attribute::FirstName,
    Attribute::LastName,
    Attribute::Email,
    Attribute::Phone,
    Attribute::Gender,
    Attribute::Language,
    Attribute::Timezone,
    Attribute::Country,
    Attribute::AvatarUrl,
];

/// Three characters that stand for the workspace at the head of every search text: one trigram, so that the index finds a
/// workspace's contacts first. Two workspaces may share them; the rows' own workspace is checked as well.
pub(crate) fn workspace_mark(workspace: WorkspaceId) -> String {
    // The low bits of a UUIDv7 are random. Supplementary private use area A, where no text of people is.
    let bits = workspace.0.as_u128();
    let letter = |shift: u32| char::from_u32(0xF_0000 + ((bits >> shift) & 0x7FFF) as u32).unwrap_or('\u{f0000}');
    [letter(0), letter(15), letter(30)].iter().collect()
}

/// Two blanks before every word: so one or two letters that begin a word make a trigram with them.
pub(crate) fn widened(folded: &str) -> String {
    folded.replace(' ', "  ")
}

fn search_text<'v>(workspace: WorkspaceId, values: impl Iterator<Item = &'v str>) -> String {
    let mut text = workspace_mark(workspace);
    for value in values {
        // A folded text has no line break, so nothing is found across two values.
        text.push_str("\n  ");
        text.push_str(&widened(value));
    }
    text
}

/// One contact.
///
/// # Errors
/// When the database fails.
pub async fn get(connection: &mut Connection, workspace: WorkspaceId, id: ContactId) -> Result<Option<Contact>, Error> {
    Ok(by_ids(connection, workspace, &[id]).await?.pop())
}

/// Those of `ids` that exist, by id.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(
    connection: &mut Connection,
    workspace: WorkspaceId,
    ids: &[ContactId],
) -> Result<Vec<Contact>, Error> {
    let sql = Sql::new(format!("select {} from contacts v where v.workspace = ", Contact::columns("v")));
    sql.bind(&workspace).push(" and ").append(one_of("v.id", ids)).push(" order by v.id").rows(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{BEGINNING, Given, folded, person, rows, visitor};
    use aggregates::contact::Source;

    #[tokio::test]
    async fn a_contact_shows_what_is_known_and_forgets_what_is_cleared_or_erased() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        let contact =
            given.contact(workspace, person("Ána", "López", "Ana@x.co", "+4917"), Some(visitor(account, "V1")));
        let erased = Attributes { last_name: Some(Personal::Erased(true)), ..Attributes::default() };
        let updated = contact::Event::ContactUpdated {
            source: Source::Workspace,
            set: erased,
            cleared: [Attribute::Email].into(),
            released: Attributes::default(),
        };
        given.record(workspace, contact, updated);
        let gone = Identity { account, user: Personal::Erased(true) };
        given.record(workspace, contact, contact::Event::ContactIdentityConnected { identity: gone });
        let folded_row = rows::<Contact>(&given).pop().expect("a contact");
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let row = get(reader.connection(), workspace, contact).await.expect("a row").expect("a contact");
            assert!(row == folded_row, "what is read is what was folded");
            assert_eq!((row.name.as_deref(), row.email, row.phone.as_deref()), (Some("Ána"), None, Some("+4917")));
            assert_eq!((row.sort_name.as_str(), row.users_folded.as_str()), ("ana", "v1"));
            assert_eq!(row.search, format!("{}\n  ana\n  +4917\n  v1", workspace_mark(workspace)));
        }
    }

    #[tokio::test]
    async fn a_contact_shows_whether_it_may_be_written_to() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let contact = given.contact(workspace, person("Ana", "", "", ""), None);
        let said = |consent, channel| contact::Event::ContactConsentSet {
            consent,
            channel,
            evidence: None,
            source: Source::Customer,
        };
        given.record(workspace, contact, said(Consent::OptedIn, Some(Channel::Webchat)));
        given.record(workspace, contact, contact::Event::ContactBlocked { reason: None });
        let shown = |given: &Given| {
            let row = rows::<Contact>(given).pop().expect("a contact");
            (row.blocked, row.consent.0.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(shown(&given), (true, vec![("webchat".to_owned(), Consent::OptedIn)]));
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let row = get(reader.connection(), workspace, contact).await.expect("a row").expect("a contact");
            assert!(row == rows::<Contact>(&given).remove(0), "what is read is what was folded");
        }
        given.record(workspace, contact, said(Consent::OptedOut, None));
        given.record(workspace, contact, contact::Event::ContactUnblocked {});
        assert_eq!(shown(&given), (false, vec![("all".to_owned(), Consent::OptedOut)]));
    }

    #[test]
    fn messages_either_way_make_a_contact_active() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        let contact = given.contact(workspace, person("Ana", "", "", ""), None);
        let conversation = given.conversation(workspace, contact, account);
        assert_eq!(rows::<Contact>(&given)[0].last_activity_at, BEGINNING + 2_000_000);
        given.received(workspace, conversation, (contact, account), "hello");
        assert_eq!(rows::<Contact>(&given)[0].last_activity_at, BEGINNING + 4_000_000);
        given.queued(workspace, conversation, (contact, account), "hi");
        assert_eq!(rows::<Contact>(&given)[0].last_activity_at, BEGINNING + 5_000_000);
    }

    #[test]
    fn the_nameless_are_sorted_behind_everybody() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        given.contact(workspace, Attributes { phone: Some(Personal::Erased(true)), ..Attributes::default() }, None);
        assert_eq!(rows::<Contact>(&given)[0].sort_name, NAMELESS);
    }
}
