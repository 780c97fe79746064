//! Where a person can be met, who says what about them, and the claims that follow: one contact for an address.

use serde::{Deserialize, Serialize};

use crate::claim::{Claim, ClaimKind};
use crate::contact_attributes::Attributes;
use crate::ids::AccountId;
use crate::personal::Personal;

/// Who says so. Decides whether an e-mail address or a phone number is claimed: what a customer typed never conflicts and never
/// links contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An operator, an API call or an import.
    Workspace,
    /// The customer.
    Customer,
}

/// A person on a channel account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// The channel's own id of the person, 1 to 255 characters.
    pub user: Personal<String>,
}

/// The claim on an e-mail address: case does not matter, marks do. `jörg@` and `jorg@` are two mailboxes, and so are two domains.
#[must_use]
pub fn email_claim(email: &str) -> Claim {
    Claim::new(ClaimKind::ContactEmail, email.to_lowercase())
}

/// The claim on a phone number in E.164.
#[must_use]
pub fn phone_claim(phone: &str) -> Claim {
    Claim::new(ClaimKind::ContactPhone, phone)
}

/// The claim on a person's id on an account.
#[must_use]
pub fn identity_claim(account: AccountId, user: &str) -> Claim {
    Claim::new(ClaimKind::ContactIdentity, format!("{account}/{user}"))
}

/// The claims on the addresses among `attributes`.
pub(crate) fn address_claims(attributes: &Attributes) -> impl Iterator<Item = Claim> + '_ {
    let email = attributes.email.as_ref().and_then(Personal::known).map(|email| email_claim(email));
    let phone = attributes.phone.as_ref().and_then(Personal::known).map(|phone| phone_claim(phone));
    email.into_iter().chain(phone)
}

/// Whether the channel's id of the person has a length that is stored.
pub(crate) fn identity_fits(identity: &Identity) -> bool {
    identity.user.known().is_some_and(|user| (1..=255).contains(&user.chars().count()))
}
