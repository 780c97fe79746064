//! Notes about contacts, for the workspace alone.

use aggregates::Personal;
use aggregates::contact::{Command, Contact};
use aggregates::ids::{ContactId, NoteId};
use aggregates::token::Scope;
use projections::contact_notes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::List;
use super::call::Call;
use super::contact_reference::ContactRef;
use super::inputs::{Paging, input_type, rfc3339};
use super::operation::{Effect, Facts, Mutation, Query, Toolset};
use crate::app::{ReadContext, UnitOfWork};
use crate::problem::Problem;

input_type! {
    /// What is to be remembered.
    NoteText(String), {
        "type": "string", "minLength": 1, "maxLength": 1000, "description": "What is to be remembered."
    }
}

/// A note as callers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoteView {
    /// Its id.
    pub id: String,
    /// Untrusted: the note.
    pub text: String,
    /// When it was written.
    pub at: String,
    /// Who wrote it: a token's id, or `local`.
    pub by: String,
}

/// The notes about a contact, the newest first, without those that were erased, each with its position.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn newest(
    context: &mut ReadContext,
    contact: ContactId,
    before: Option<u64>,
    limit: u64,
) -> Result<Vec<(u64, Option<NoteView>)>, Problem> {
    let (connection, workspace) = context.rows();
    let rows = contact_notes::of_contact(connection, workspace, contact, before, limit).await?;
    let view = |row: contact_notes::ContactNote| {
        let note =
            row.text.map(|text| NoteView { id: row.id.to_string(), text, at: rfc3339(row.at), by: row.actor_id });
        (row.position, note)
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Writes a note about a contact, of up to 1,000 characters. The customer never sees it; `list_contact_notes` and `get_contact` show it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddContactNote {
    contact_id: ContactRef,
    text: NoteText,
}

/// Which note was written. Not its text: this is kept under the idempotency key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Noted {
    contact: ContactId,
    note: NoteId,
    at: i64,
}

/// A note in short: its text is known to the caller.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NewNote {
    id: String,
    at: String,
    contact_id: String,
}

/// A note, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NoteAnswer {
    note: NewNote,
}

impl Mutation for AddContactNote {
    type Outcome = Noted;
    type Output = NoteAnswer;
    const FACTS: Facts = Facts {
        name: "add_contact_note",
        title: "Write a note about a contact",
        scope: Some(Scope::ContactsWrite),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Write,
        idempotent: false,
        shows_customers_words: false,
        method: "POST",
        path: "/v1/contacts/{contactId}/notes",
    };

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<Noted, Problem> {
        let contact = self.contact_id.in_unit(unit).await?;
        let note = NoteId(unit.new_id());
        unit.execute::<Contact>(contact.0, Command::AddNote { note, text: Personal::Known(self.text.0.clone()) })
            .await?;
        Ok(Noted { contact, note, at: unit.now() })
    }

    async fn render(outcome: Noted, _: &mut UnitOfWork) -> Result<NoteAnswer, Problem> {
        let Noted { contact, note, at } = outcome;
        Ok(NoteAnswer { note: NewNote { id: note.to_string(), at: rfc3339(at), contact_id: contact.to_string() } })
    }
}

/// Lists the notes about a contact, the newest first, with who wrote each and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListContactNotes {
    contact_id: ContactRef,
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListContactNotes {
    type Output = List<NoteView>;
    const FACTS: Facts = Facts {
        name: "list_contact_notes",
        title: "List the notes about a contact",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/contacts/{contactId}/notes",
    };

    async fn answer(self, call: &Call) -> Result<List<NoteView>, Problem> {
        let before = self.paging.position()?;
        let mut context = call.read().await?;
        let contact = self.contact_id.in_tables(&mut context).await?;
        let limit = self.paging.limit();
        // One more than asked for tells whether there is another page.
        let mut notes = newest(&mut context, contact, before, limit + 1).await?;
        let more = notes.len() as u64 > limit;
        notes.truncate(limit as usize);
        let end = notes.last().map(|(position, _)| *position);
        let known: Vec<(u64, NoteView)> =
            notes.into_iter().filter_map(|(position, note)| Some((position, note?))).collect();
        let positions: Vec<u64> = known.iter().map(|(position, _)| *position).collect();
        let list = List::fill(known.into_iter().map(|(_, note)| note), None)?;
        let next = if list.len() < positions.len() {
            list.len().checked_sub(1).and_then(|last| positions.get(last).copied())
        } else {
            end.filter(|_| more)
        };
        Ok(list.goes_on_at(next.map(|position| position.to_string())))
    }
}
