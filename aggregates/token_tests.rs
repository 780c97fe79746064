//! What a token takes, what it refuses, and whom its secrets let in.

use super::*;
use crate::checks::{causes, holds, refuses};

fn create(name: &str, permission: Permission, scopes: &[Scope], expires_at: Option<i64>) -> Command {
    let (name, digest) = (name.to_owned(), "0a".repeat(32));
    Command::Create { name, digest, permission, scopes: scopes.to_vec(), expires_at }
}

fn created(expires_at: Option<i64>) -> Event {
    let (name, digest, scopes) = ("ci".to_owned(), "0a".repeat(32), vec![Scope::ContactsRead]);
    Event::TokenCreated { name, digest, permission: Permission::ReadOnly, scopes, expires_at }
}

#[test]
fn a_token_is_created_once() {
    causes::<Token>(
        vec![],
        create("ci", Permission::ReadOnly, &[Scope::ContactsRead], Some(9)),
        vec![created(Some(9))],
    );
}

#[test]
fn a_name_has_1_to_255_characters() {
    for name in ["", " ", &"x".repeat(256)] {
        refuses::<Token>(vec![], create(name, Permission::Full, &[], None), Error::InvalidName);
    }
}

#[test]
fn a_token_is_not_created_again_with_other_rights() {
    for command in [
        create("cd", Permission::ReadOnly, &[Scope::ContactsRead], Some(9)),
        create("ci", Permission::Full, &[Scope::ContactsRead], Some(9)),
        create("ci", Permission::ReadOnly, &[], Some(9)),
        create("ci", Permission::ReadOnly, &[Scope::ContactsRead], None),
    ] {
        refuses::<Token>(vec![created(Some(9))], command, Error::Exists);
    }
}

#[test]
fn a_token_is_revoked_once() {
    causes::<Token>(vec![created(None)], Command::Revoke, vec![Event::TokenRevoked {}]);
    refuses::<Token>(vec![], Command::Revoke, Error::Unknown);
}

#[test]
fn creating_a_revoked_token_again_does_not_revive_it() {
    let given = vec![created(None), Event::TokenRevoked {}];
    causes::<Token>(given, create("ci", Permission::ReadOnly, &[Scope::ContactsRead], None), vec![]);
}

#[test]
fn a_revoked_token_keeps_its_digest() {
    holds::<Token>(&[created(None), Event::TokenRevoked {}], &[digest_claim(&"0a".repeat(32))]);
    assert_eq!(Token::subject(&created(None), Uuid::nil()), None);
}

fn rotate(digest: &str, grace_us: i64) -> Command {
    Command::Rotate { digest: digest.repeat(32), at: 100, grace_us }
}

fn rotated(digest: &str, previous_expires_at: Option<i64>) -> Event {
    Event::TokenRotated { digest: digest.repeat(32), previous_expires_at }
}

#[test]
fn a_token_is_given_another_secret() {
    causes::<Token>(vec![created(None)], rotate("0b", 0), vec![rotated("0b", None)]);
    causes::<Token>(vec![created(None)], rotate("0b", 50), vec![rotated("0b", Some(150))]);
    causes::<Token>(vec![created(None)], rotate("0b", MAX_GRACE_US), vec![rotated("0b", Some(100 + MAX_GRACE_US))]);
    refuses::<Token>(vec![], rotate("0b", 0), Error::Unknown);
    refuses::<Token>(vec![created(None), Event::TokenRevoked {}], rotate("0b", 0), Error::Revoked);
    for grace_us in [-1, MAX_GRACE_US + 1] {
        refuses::<Token>(vec![created(None)], rotate("0b", grace_us), Error::InvalidGrace);
    }
}

#[test]
fn the_secret_before_opens_until_its_grace_is_over_and_its_text_opens_nothing_else() {
    let digest = |hex: &str| hex.repeat(32);
    let mut token = Token::default();
    for event in [created(None), rotated("0b", Some(150))] {
        token.fold(&event);
    }
    assert!(token.opens(&digest("0b"), 200) && token.opens(&digest("0a"), 149));
    assert!(!token.opens(&digest("0a"), 150) && !token.opens(&digest("0c"), 100));
    assert_eq!((token.name.as_str(), token.permission), ("ci", Permission::ReadOnly));
    // Another change ends the grace of the one before the last.
    token.fold(&rotated("0c", Some(150)));
    assert!(token.opens(&digest("0b"), 149) && !token.opens(&digest("0a"), 149));
    token.fold(&Event::TokenRevoked {});
    assert!(!token.opens(&digest("0c"), 100) && !token.opens(&digest("0b"), 100));
    let claims = ["0a", "0b"].map(|hex| digest_claim(&digest(hex)));
    holds::<Token>(&[created(None), rotated("0b", None)], &claims);
}

#[test]
fn a_token_lets_in_until_it_expires_or_is_revoked() {
    let mut token = Token::default();
    assert!(!token.is_valid_at(0), "a token that never began");
    token.fold(&created(Some(9)));
    assert!(token.is_valid_at(8));
    assert!(!token.is_valid_at(9));
    token.fold(&Event::TokenRevoked {});
    assert!(!token.is_valid_at(8));
}
