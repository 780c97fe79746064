//! Channel accounts: through which customers write.

use aggregates::channel_account::{self, Channel, ChannelAccount};
use aggregates::ids::AccountId;
use projections::{Order, channel_accounts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::List;
use super::call::Call;
use super::inputs::{Paging, input_type};
use super::near_miss::candidates;
use super::operation::{Effect, Facts, Query, Toolset};
use crate::app::{ReadContext, UnitOfWork};
use crate::channels::webchat;
use crate::problem::{Code, Problem};

/// The accounts of one channel that a filter looks at.
const MAX_ACCOUNTS: u64 = 100;

input_type! {
    /// A channel account.
    AccountRef(String), {
        "type": "string", "minLength": 1, "maxLength": 255,
        "description": "A channel account's id or name (list_channels)."
    }
}

impl AccountRef {
    /// The account that is meant; `field` is where the reference stands.
    ///
    /// # Errors
    /// `not_found` with near misses.
    pub(super) async fn resolve(&self, unit: &mut UnitOfWork, field: &str) -> Result<AccountId, Problem> {
        if let Ok(id) = self.0.parse::<AccountId>()
            && unit.load::<ChannelAccount>(id.0).await?.is_some()
        {
            return Ok(id);
        }
        let claim = channel_account::address_claim(Channel::Webchat, &self.0);
        if let Some(owner) = unit.claim_owner(&claim).await? {
            return Ok(AccountId(owner));
        }
        let mut context = unit.read().await?;
        let (connection, workspace) = context.rows();
        let near = channel_accounts::near(connection, workspace, &self.0).await?;
        Err(Problem::new(Code::NotFound, "there is no such channel account")
            .field(field)
            .value(self.0.as_str())
            .hint("list_channels shows the channel accounts")
            .candidates(candidates(near)))
    }
}

/// The accounts of a channel, for a filter.
///
/// # Errors
/// `unavailable` when the tables cannot be read.
pub(super) async fn accounts_of(context: &mut ReadContext, channel: Channel) -> Result<Vec<AccountId>, Problem> {
    let (connection, workspace) = context.rows();
    let page = channel_accounts::list(connection, workspace, Some(channel), None, MAX_ACCOUNTS).await?;
    Ok(page.items.into_iter().map(|account| account.id).collect())
}

/// A channel account as callers see it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChannelView {
    /// Its id.
    pub id: String,
    /// The channel.
    pub channel: &'static str,
    /// What it is called.
    pub name: String,
    /// Whether it works: `connected`.
    pub status: &'static str,
    /// What it can do.
    pub capabilities: CapabilitiesView,
}

/// What a channel can do. A reply window that is missing does not exist.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapabilitiesView {
    /// The longest text, in characters.
    pub max_text_chars: usize,
    /// The most buttons.
    pub max_buttons: usize,
    /// Tells when a message was delivered and read.
    pub receipts: bool,
}

pub(super) const fn capabilities(channel: Channel) -> CapabilitiesView {
    match channel {
        Channel::Webchat => CapabilitiesView {
            max_text_chars: webchat::MAX_TEXT_CHARS,
            max_buttons: aggregates::message::MAX_BUTTONS,
            receipts: true,
        },
    }
}

/// Lists the channel accounts through which customers write and messages are sent, with status and limits (text length, buttons). Web chat
/// has no reply window: messages can be sent at any time.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ListChannels {
    /// Only accounts of this channel.
    channel: Option<Channel>,
    #[serde(flatten)]
    paging: Paging,
}

impl Query for ListChannels {
    type Output = List<ChannelView>;
    const FACTS: Facts = Facts {
        name: "list_channels",
        title: "List channels",
        scope: None,
        toolsets: &[Toolset::Core, Toolset::Inbox, Toolset::Admin],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/channels",
    };

    async fn answer(self, call: &Call) -> Result<List<ChannelView>, Problem> {
        let after = self.paging.after(Order::Label)?;
        let mut context = call.read_from(after.as_ref()).await?;
        let (connection, workspace) = context.rows();
        let limit = self.paging.limit();
        let mut page = channel_accounts::list(connection, workspace, self.channel, after.as_ref(), limit).await?;
        let list = List::fill(
            page.items.iter().map(|account| ChannelView {
                id: account.id.to_string(),
                channel: account.channel.name(),
                name: account.name.clone(),
                status: "connected",
                capabilities: capabilities(account.channel),
            }),
            None,
        )?;
        if list.len() < page.items.len() {
            let shorter = list.len() as u64;
            page = channel_accounts::list(connection, workspace, self.channel, after.as_ref(), shorter).await?;
        }
        Ok(list.led_on(page, context.position))
    }
}
