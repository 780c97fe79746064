//! A visitor of a website: an id and perhaps a name, proven by a keyed hash, so that nothing about it has to be stored before it writes.
//!
//! Opening a page makes nobody a contact. Who a visitor is travels in its secret; the first message makes the contact.

use aggregates::ids::{AccountId, format_id, parse_id};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::event_log::sealing::MasterKey;

const PREFIX: &str = "visitor";

/// A visitor on an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Visitor {
    id: String,
    name: Option<String>,
}

impl Visitor {
    /// A new one.
    #[must_use]
    pub fn new(name: Option<&str>) -> Self {
        Self { id: format_id(PREFIX, Uuid::now_v7()), name: name.map(str::to_owned) }
    }

    /// Its id, `visitor_` and 26 characters, which is the contact's id on the channel.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it calls itself. Untrusted.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What it has to show: its id, its name, and a keyed hash of both, separated by dots.
    #[must_use]
    pub fn secret(&self, master: &MasterKey, account: AccountId) -> String {
        let name = URL_SAFE_NO_PAD.encode(self.name.as_deref().unwrap_or_default());
        let proof = master.visitor_secret(&account.to_string(), &self.id, &name);
        format!("{}.{name}.{}", self.id, URL_SAFE_NO_PAD.encode(proof))
    }

    /// Whose secret this is; nothing when it is nobody's on this account.
    #[must_use]
    pub fn from_secret(master: &MasterKey, account: AccountId, secret: &str) -> Option<Self> {
        let (id, rest) = secret.split_once('.')?;
        let (name, proof) = rest.split_once('.')?;
        parse_id(PREFIX, id).ok()?;
        let given = URL_SAFE_NO_PAD.decode(proof).ok()?;
        let expected = master.visitor_secret(&account.to_string(), id, name);
        // Compared without stopping at the first difference: the time must not tell how much was right.
        let differing = given.iter().zip(expected).fold(given.len() ^ 32, |bits, (a, b)| bits | usize::from(a ^ b));
        let name = String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
        (differing == 0).then(|| Self { id: id.to_owned(), name: Some(name).filter(|name| !name.is_empty()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_visitor_on_its_account_only() {
        let master = MasterKey::from_bytes(&[5; 32]);
        let account = AccountId(Uuid::from_u128(1));
        for visitor in [Visitor::new(None), Visitor::new(Some("Zoë . Müller"))] {
            let secret = visitor.secret(&master, account);
            assert_eq!(Visitor::from_secret(&master, account, &secret), Some(visitor.clone()));
            assert_eq!(Visitor::from_secret(&master, AccountId(Uuid::from_u128(2)), &secret), None);
            let (_, proof) = secret.rsplit_once('.').expect("three parts");
            for wrong in [
                String::new(),
                visitor.id().to_owned(),
                format!("{}..", visitor.id()),
                format!("{secret}AA"),
                secret.replace(visitor.id(), Visitor::new(None).id()),
                format!("{}.QW5h.{proof}", visitor.id()),
                secret[..secret.len() - 2].to_owned(),
            ] {
                assert_eq!(Visitor::from_secret(&master, account, &wrong), None, "{wrong}");
            }
        }
    }
}
