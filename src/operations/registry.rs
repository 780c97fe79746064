//! The list of every operation: what the doors serve. A new operation is a line here.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::definition::{mutation, query};
use super::operation::{Effect, Operation, Toolset};
use super::{
    bot_fields, channels, contact_fields, contact_notes, contact_tags, contacts, conversation_state, conversations,
    custom_fields, events, filters, flow_runs, flows, message_search, messages, near_miss, rights, send_message, tags,
    tool_call, tool_search, workspace,
};
use crate::app::Caller;
use crate::problem::{Code, Problem};

/// Every operation, in the order in which lists show them.
#[derive(Debug)]
pub struct Registry {
    operations: Vec<Operation>,
    /// `call_tool` as those see it who can change nothing.
    reading_call_tool: Operation,
}

/// Flows, and their runs.
fn of_flows() -> Vec<Operation> {
    vec![
        query::<flows::ListFlows>(),
        mutation::<flow_runs::SendContactFlow>(),
        query::<flows::GetFlow>(),
        query::<flows::GetFlowSchema>(),
        mutation::<flows::CreateFlow>(),
        mutation::<flows::UpdateFlowDraft>(),
        query::<flows::ValidateFlow>(),
        query::<flows::SimulateFlow>(),
        mutation::<flows::PublishFlow>(),
        query::<flows::ListFlowVersions>(),
        mutation::<flows::RestoreFlowVersion>(),
        mutation::<flows::DeleteFlow>(),
        query::<flow_runs::ListFlowRuns>(),
        query::<flow_runs::GetFlowRun>(),
        mutation::<flow_runs::CancelFlowRun>(),
    ]
}

/// The registry of this product.
pub fn all() -> &'static Registry {
    static ALL: LazyLock<Registry> = LazyLock::new(|| Registry {
        operations: [
            vec![
                query::<workspace::GetWorkspace>(),
                query::<contacts::ListContacts>(),
                query::<contacts::FilterContacts>(),
                query::<filters::ListFilterFields>(),
                query::<contacts::GetContact>(),
                mutation::<contacts::CreateContact>(),
                mutation::<contacts::UpsertContact>(),
                mutation::<contacts::UpdateContact>(),
                mutation::<contacts::BlockContact>(),
                mutation::<contacts::UnblockContact>(),
                mutation::<contacts::SetContactConsent>(),
                mutation::<contact_notes::AddContactNote>(),
                query::<contact_notes::ListContactNotes>(),
                mutation::<contact_tags::AddContactTags>(),
                mutation::<contact_tags::RemoveContactTags>(),
                query::<contact_tags::ListContactTags>(),
                query::<contact_fields::ListContactCustomFields>(),
                mutation::<contact_fields::SetContactCustomField>(),
                query::<contact_fields::GetContactCustomField>(),
                mutation::<contact_fields::SetContactCustomFields>(),
                mutation::<contact_fields::ClearContactCustomField>(),
                mutation::<contact_fields::ClearContactCustomFields>(),
                mutation::<send_message::SendMessage>(),
                query::<messages::GetMessageStatus>(),
                query::<messages::ListContactMessages>(),
                query::<message_search::SearchMessages>(),
                query::<events::WaitForEvents>(),
                query::<conversations::ListConversations>(),
                query::<conversations::GetConversation>(),
                mutation::<conversations::MarkConversationRead>(),
                mutation::<conversation_state::SetConversationStatus>(),
                mutation::<conversation_state::TakeOverConversation>(),
                mutation::<conversation_state::ReleaseConversation>(),
                query::<channels::ListChannels>(),
                query::<tags::ListTags>(),
                mutation::<tags::CreateTag>(),
                query::<tags::GetTag>(),
                mutation::<tags::UpdateTag>(),
                mutation::<tags::DeleteTag>(),
                query::<custom_fields::ListCustomFields>(),
                mutation::<custom_fields::CreateCustomField>(),
                query::<custom_fields::GetCustomField>(),
                mutation::<custom_fields::UpdateCustomField>(),
                mutation::<custom_fields::DeleteCustomField>(),
                query::<bot_fields::ListBotFields>(),
                mutation::<bot_fields::CreateBotField>(),
                query::<bot_fields::GetBotField>(),
                mutation::<bot_fields::SetBotField>(),
                mutation::<bot_fields::SetBotFields>(),
                mutation::<bot_fields::DeleteBotField>(),
            ],
            of_flows(),
            vec![query::<events::ListEvents>(), query::<tool_search::SearchTools>(), tool_call::call_tool()],
        ]
        .concat(),
        reading_call_tool: tool_call::reading(),
    });
    &ALL
}

/// Which operations a caller wants to see listed. It bounds lists, never calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The toolsets; nothing = all of them.
    pub toolsets: Option<BTreeSet<Toolset>>,
    /// Leave out whatever changes something.
    pub read_only: bool,
}

impl Default for Selection {
    /// The core.
    fn default() -> Self {
        Self { toolsets: Some(BTreeSet::from([Toolset::Core])), read_only: false }
    }
}

impl Selection {
    /// Reads names of toolsets, separated by commas; `all` stands for every one, an empty text for the core.
    ///
    /// # Errors
    /// `invalid_input` with near misses for a name that is none.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        use strum::VariantNames;
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return Ok(Self::default());
        }
        let mut toolsets = Some(BTreeSet::new());
        for name in names {
            match (name, name.parse::<Toolset>()) {
                ("all", _) => toolsets = None,
                (_, Ok(toolset)) => {
                    if let Some(toolsets) = &mut toolsets {
                        toolsets.insert(toolset);
                    }
                }
                (unknown, Err(_)) => {
                    return Err(Problem::invalid("toolsets", "there is no such toolset")
                        .value(unknown)
                        .hint(format!("the toolsets are: {}, all", Toolset::VARIANTS.join(", ")))
                        .candidates(near_miss::near_names(unknown, Toolset::VARIANTS.iter().copied())));
                }
            }
        }
        Ok(Self { toolsets, read_only: false })
    }

    fn includes(&self, operation: &Operation) -> bool {
        let wanted = self
            .toolsets
            .as_ref()
            .is_none_or(|toolsets| operation.facts.toolsets.iter().any(|toolset| toolsets.contains(toolset)));
        wanted && !(self.read_only && operation.facts.effect.writes())
    }
}

impl Registry {
    /// All of them.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation called `name`, listed or not. Whether the caller may use it is checked by the call.
    ///
    /// # Errors
    /// `not_found` with near misses.
    pub fn get(&self, name: &str) -> Result<&Operation, Problem> {
        self.operations.iter().find(|operation| operation.facts.name == name).ok_or_else(|| {
            Problem::new(Code::NotFound, "there is no operation of this name")
                .value(name)
                .candidates(near_miss::near_names(name, self.operations.iter().map(|operation| operation.facts.name)))
        })
    }

    /// What `caller` may use of the selection.
    pub fn list<'a>(&'a self, caller: &'a Caller, selection: &'a Selection) -> impl Iterator<Item = &'a Operation> {
        let changes = |operation: &Operation| {
            let facts = &operation.facts;
            facts.effect != Effect::Any && facts.effect.writes() && rights::allows(facts, caller)
        };
        let only_reads = selection.read_only || !self.operations.iter().any(changes);
        self.operations
            .iter()
            .map(move |operation| match operation.facts.effect {
                Effect::Any if only_reads => &self.reading_call_tool,
                _ => operation,
            })
            .filter(|operation| selection.includes(operation) && rights::allows(&operation.facts, caller))
    }
}
