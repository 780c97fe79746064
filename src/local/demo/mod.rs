//! A workspace to look around in: made-up people, tags, fields, conversations and flows, by the operations that everybody uses and by the
//! web chat, so that all of it is in the log.

mod automation;
mod chance;
mod people;
mod places;
mod words;

use std::sync::Arc;
use std::time::Instant;

use aggregates::ids::{MessageId, WorkspaceId};
use aggregates::message::Status;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::control::{call, resolve_workspace};
use crate::app::{App, Caller, LOCAL_ACCOUNT, OnProgress};
use crate::channels::webchat::{Account, InboundText, Session, new_visitor, receipt, receive};
use crate::problem::{Code, Problem};
use people::{Conversation, Person, person};

/// What the workspace is called that is made for it.
const NAME: &str = "Demo";
/// The most people: more than enough to try lists and searches, and done in a minute or two.
const MAX_CONTACTS: u32 = 20_000;
/// The fields that people have values of, with their types.
const FIELDS: [(&str, &str, &str); 4] = [
    ("Birthday", "date", "to send a card"),
    ("Orders", "number", "how many orders there were"),
    ("Found us through", "text", "where the customer heard of us"),
    ("Newsletter", "boolean", "whether the newsletter is wanted"),
];

/// What is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DemoRequest {
    /// The id or name of a workspace without contacts; a new one when absent.
    pub workspace: Option<String>,
    /// How many people.
    pub contacts: u32,
    /// The same seed makes the same people, who say the same.
    pub seed: u64,
}

/// What was made.
#[derive(Default)]
struct Made {
    conversations: u64,
    messages: u64,
    /// Who wrote: where the people can be met.
    met: Vec<String>,
}

/// Fills a workspace. Flows come after the people: what these said before starts none.
///
/// # Errors
/// `invalid_input` for too many people; `conflict` when the workspace has contacts, or there is a "Demo" already; `unavailable` when
/// the log cannot take it now.
pub async fn fill(app: &Arc<App>, request: &DemoRequest, progress: &OnProgress) -> Result<Value, Problem> {
    let began = Instant::now();
    if !(1..=MAX_CONTACTS).contains(&request.contacts) {
        return Err(Problem::invalid("contacts", format!("must be 1 to {MAX_CONTACTS}")).value(request.contacts));
    }
    let workspace = empty_workspace(app, request.workspace.as_deref()).await?;
    let demo = Demo { app, caller: Caller::local(workspace), account: account(app, workspace).await? };
    demo.define_fields().await?;
    let mut made = Made::default();
    for number in 0..request.contacts {
        demo.add(&person(request.seed, number as usize), number, &mut made).await?;
        progress(u64::from(number) + 1, u64::from(request.contacts));
    }
    let (flows, runs) = demo.automate(&made.met).await?;
    let summaries = app.workspaces().await?;
    let name = summaries.into_iter().find(|summary| summary.id == workspace).map(|summary| summary.name);
    Ok(json!({
        "workspace": workspace,
        "name": name,
        "contacts": request.contacts,
        "conversations": made.conversations,
        "messages": made.messages,
        "flows": flows,
        "flowRuns": runs,
        "events": app.head(workspace).await?,
        "seconds": began.elapsed().as_secs_f64(),
    }))
}

async fn empty_workspace(app: &Arc<App>, wanted: Option<&str>) -> Result<WorkspaceId, Problem> {
    let Some(wanted) = wanted else {
        if app.workspaces().await?.iter().any(|summary| summary.name == NAME) {
            return Err(Problem::new(Code::Conflict, "there is a workspace called \"Demo\" already")
                .hint("look around in it with --workspace Demo, or name an empty workspace to fill"));
        }
        return app.create_workspace(NAME).await;
    };
    let workspace = resolve_workspace(app, Some(wanted)).await?;
    let arguments = Map::from_iter([("limit".to_owned(), json!(1))]);
    let found = call(app, &Caller::local(workspace), "list_contacts", arguments).await?;
    if found["items"].as_array().is_some_and(Vec::is_empty) {
        return Ok(workspace);
    }
    Err(Problem::new(Code::Conflict, "this workspace has contacts: made-up people are not mixed with them")
        .field("workspace")
        .value(wanted)
        .hint("leave --workspace out, and a new workspace is made"))
}

/// The web chat account that the workspace began with.
async fn account(app: &Arc<App>, workspace: WorkspaceId) -> Result<Account, Problem> {
    let listed = call(app, &Caller::local(workspace), "list_channels", Map::new()).await?;
    let items = listed["items"].as_array().into_iter().flatten();
    let mut of_webchat = items.filter(|item| item["channel"] == "webchat" && item["name"] == LOCAL_ACCOUNT);
    let id = of_webchat.next().and_then(|item| item["id"].as_str());
    let missing = || Problem::new(Code::Conflict, "this workspace has no web chat account of its own");
    Account::find(app, id.ok_or_else(missing)?).await
}

/// A workspace that is being filled.
struct Demo<'a> {
    app: &'a Arc<App>,
    caller: Caller,
    account: Account,
}

impl Demo<'_> {
    async fn call(&self, name: &str, arguments: Value) -> Result<Value, Problem> {
        let Value::Object(arguments) = arguments else { return Err(Problem::internal(&"arguments are an object")) };
        call(self.app, &self.caller, name, arguments).await
    }

    async fn define_fields(&self) -> Result<(), Problem> {
        for (name, kind, description) in FIELDS {
            let field = json!({ "name": name, "type": kind, "description": description });
            match self.call("create_custom_field", field).await {
                // An empty workspace may have some already.
                Err(problem) if problem.code != Code::Conflict => return Err(problem),
                _ => {}
            }
        }
        Ok(())
    }

    async fn add(&self, person: &Person, number: u32, made: &mut Made) -> Result<(), Problem> {
        let Some(conversation) = &person.talk else {
            let mut contact = person.attributes.clone();
            if !person.tags.is_empty() {
                contact.insert("tags".to_owned(), json!(person.tags));
            }
            if !person.fields.is_empty() {
                let field = |(field, value): &(&str, Value)| json!({ "field": field, "value": value });
                contact.insert("customFields".to_owned(), person.fields.iter().map(field).collect());
            }
            return self.call("create_contact", Value::Object(contact)).await.map(drop);
        };
        // Who writes is a contact by writing; what else is known of the person is added to it.
        let session = self.visitor(person.name())?;
        let contact = format!("webchat:{}", session.visitor.id());
        self.talk(&session, &contact, conversation, number, made).await?;
        made.met.push(contact.clone());
        let mut changes = person.attributes.clone();
        changes.insert("contactId".to_owned(), json!(contact));
        self.call("update_contact", Value::Object(changes)).await?;
        if !person.tags.is_empty() {
            self.call("add_contact_tags", json!({ "contactId": contact, "tags": person.tags })).await?;
        }
        for (field, value) in &person.fields {
            let set = json!({ "contactId": contact, "field": field, "value": value });
            self.call("set_contact_custom_field", set).await?;
        }
        Ok(())
    }

    fn visitor(&self, name: &str) -> Result<Session, Problem> {
        let (_, secret) = new_visitor(self.app, self.account, Some(name))?;
        Session::open(self.app, self.account, &secret).ok_or_else(|| Problem::internal(&"a new visitor is nobody"))
    }

    async fn talk(
        &self,
        session: &Session,
        contact: &str,
        conversation: &Conversation,
        number: u32,
        made: &mut Made,
    ) -> Result<(), Problem> {
        let Conversation { talk, answered, pressed, goes_on } = conversation;
        let says = |id: u8, text: Option<&str>, button: Option<String>, reply_to: Option<MessageId>| InboundText {
            client_message_id: format!("demo-{number}-{id}"),
            text: text.map(str::to_owned),
            button_id: button,
            reply_to,
        };
        receive(session, &says(1, Some(talk.asks), None, None)).await?;
        made.conversations += 1;
        made.messages += 1;
        if !answered {
            return Ok(());
        }
        let mut message = json!({ "contactId": contact, "text": talk.answer });
        if !talk.buttons.is_empty() {
            message["buttons"] = talk.buttons.iter().map(|title| json!({ "title": title })).collect();
        }
        let sent = self.call("send_message", message).await?;
        made.messages += 1;
        let id = sent["message"]["id"].as_str().and_then(|id| id.parse::<MessageId>().ok());
        let id = id.ok_or_else(|| Problem::internal(&"a sent message has no id"))?;
        receipt(session, id, Status::Delivered).await?;
        if *goes_on {
            receipt(session, id, Status::Read).await?;
            let inbound = match pressed {
                // Buttons without ids of their own are 1, 2, 3.
                Some(button) => says(2, None, Some((button + 1).to_string()), Some(id)),
                None => says(2, Some(talk.thanks), None, None),
            };
            receive(session, &inbound).await?;
            made.messages += 1;
        }
        self.call("mark_conversation_read", json!({ "contactId": contact })).await.map(drop)
    }
}
