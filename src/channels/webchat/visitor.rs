//! A visitor of a website: an id, and a secret that follows from it by a key of the server, so that nothing about it has to be stored.

use aggregates::ids::{AccountId, format_id, parse_id};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::event_log::sealing::MasterKey;

const PREFIX: &str = "visitor";

/// A visitor's id on an account: `visitor_` and 26 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Visitor(String);

impl Visitor {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self(format_id(PREFIX, Uuid::now_v7()))
    }

    /// Its id, which is the contact's id on the channel.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }

    /// What it has to show: its id and a keyed hash of it.
    #[must_use]
    pub fn secret(&self, master: &MasterKey, account: AccountId) -> String {
        let proof = master.visitor_secret(&account.to_string(), &self.0);
        format!("{}.{}", self.0, URL_SAFE_NO_PAD.encode(proof))
    }

    /// Whose secret this is; nothing when it is nobody's on this account.
    #[must_use]
    pub fn from_secret(master: &MasterKey, account: AccountId, secret: &str) -> Option<Self> {
        let (id, proof) = secret.split_once('.')?;
        parse_id(PREFIX, id).ok()?;
        let given = URL_SAFE_NO_PAD.decode(proof).ok()?;
        let expected = master.visitor_secret(&account.to_string(), id);
        // Compared without stopping at the first difference: the time must not tell how much was right.
        let differing = given.iter().zip(expected).fold(given.len() ^ 32, |bits, (a, b)| bits | usize::from(a ^ b));
        (differing == 0).then(|| Self(id.to_owned()))
    }
}

impl Default for Visitor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_visitor_on_its_account_only() {
        let master = MasterKey::from_bytes(&[5; 32]);
        let account = AccountId(Uuid::from_u128(1));
        let visitor = Visitor::new();
        let secret = visitor.secret(&master, account);
        assert_eq!(Visitor::from_secret(&master, account, &secret), Some(visitor.clone()));
        assert_eq!(Visitor::from_secret(&master, AccountId(Uuid::from_u128(2)), &secret), None);
        let proof = secret.split_once('.').expect("two parts").1;
        for wrong in [
            String::new(),
            visitor.id().to_owned(),
            format!("{}.", visitor.id()),
            format!("{}.{proof}AA", visitor.id()),
            format!("{}.{proof}", Visitor::new().id()),
            secret[..secret.len() - 2].to_owned(),
        ] {
            assert_eq!(Visitor::from_secret(&master, account, &wrong), None, "{wrong}");
        }
    }
}
