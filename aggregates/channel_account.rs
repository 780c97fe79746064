//! A channel account: a bot, a number, a mailbox or a chat widget through which customers write.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::folding::fold;
use crate::glue::cqrs_glue;
use crate::ids::{AccountId, ContactId};
use crate::root::Root;
use crate::stream::StreamType;

/// A kind of channel. The names are stored: never edited.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Channel {
    /// The chat widget on a website, served by this program itself.
    #[default]
    Webchat,
}

impl Channel {
    /// The stored and public name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What can be asked of a channel account.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Connect it.
    Connect {
        /// The channel.
        channel: Channel,
        /// What it is called, unique among the accounts of the channel.
        name: String,
    },
}

/// What happened to a channel account. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It was connected.
    ChannelAccountConnected {
        /// The channel.
        channel: Channel,
        /// What it is called, trimmed.
        name: String,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name shows nothing or is too long.
    #[error("a channel account's name has 1 to 255 visible characters")]
    InvalidName,
    /// It is connected otherwise.
    #[error("this channel account is connected already, otherwise")]
    Connected,
}

/// A channel account's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelAccount {
    /// The channel.
    pub channel: Channel,
    /// What it is called; empty before it was connected.
    pub name: String,
}

/// The claim on an account's public address: its name, or its id.
#[must_use]
pub fn address_claim(channel: Channel, name: &str) -> Claim {
    Claim::new(ClaimKind::AccountAddress, format!("{}/{}", channel.name(), fold(name)))
}

impl ChannelAccount {
    fn fold(&mut self, event: &Event) {
        let Event::ChannelAccountConnected { channel, name } = event;
        self.channel = *channel;
        self.name.clone_from(name);
    }
}

impl Root for ChannelAccount {
    const STREAM: StreamType = StreamType::ChannelAccount;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        let Command::Connect { channel, name } = command;
        let name = name.trim();
        if fold(name).is_empty() || name.chars().count() > 255 {
            return Err(Error::InvalidName);
        }
        if self.name.is_empty() {
            return Ok(vec![Event::ChannelAccountConnected { channel: *channel, name: name.to_owned() }]);
        }
        if self.channel == *channel && self.name == name { Ok(Vec::new()) } else { Err(Error::Connected) }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        let Event::ChannelAccountConnected { channel, name } = event;
        // Customers and providers reach it under its name, or under its id where several workspaces use one name.
        let addresses = [name.clone(), AccountId(id).to_string()];
        addresses.map(|address| ClaimChange::Take { claim: address_claim(*channel, &address), owner: id }).into()
    }

    fn subject(_: &Event, _: Uuid) -> Option<ContactId> {
        None
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(ChannelAccount, Command, Event, Error, ChannelAccount);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    fn connect(name: &str) -> Command {
        Command::Connect { channel: Channel::Webchat, name: name.to_owned() }
    }

    fn connected(name: &str) -> Event {
        Event::ChannelAccountConnected { channel: Channel::Webchat, name: name.to_owned() }
    }

    #[test]
    fn an_account_is_connected_once_with_its_name_trimmed() {
        causes::<ChannelAccount>(vec![], connect(" local "), vec![connected("local")]);
    }

    #[test]
    fn a_name_has_1_to_255_visible_characters() {
        for name in ["", " ", "\u{2060}", &"x".repeat(256)] {
            refuses::<ChannelAccount>(vec![], connect(name), Error::InvalidName);
        }
    }

    #[test]
    fn an_account_is_not_connected_again_under_another_name() {
        refuses::<ChannelAccount>(vec![connected("local")], connect("shop"), Error::Connected);
    }

    #[test]
    fn an_account_is_reached_under_its_name_without_regard_to_case_and_marks_and_under_its_id() {
        let id = "account_00000000000000000000000001";
        let addresses = ["CAFE", id].map(|address| address_claim(Channel::Webchat, address));
        holds::<ChannelAccount>(&[connected("Café")], &addresses);
    }

    #[test]
    fn an_account_is_about_nobody() {
        assert_eq!(ChannelAccount::subject(&connected("local"), Uuid::nil()), None);
    }
}
