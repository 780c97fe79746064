//! A token with another secret is the same token; the old secret ends at once, or after its time of grace.

use aggregates::ids::TokenId;
use aggregates::token::{Permission, Scope};
use chatbotx::app::{NewToken, NotLetIn};
use chatbotx::problem::Code;
use serde_json::json;

use crate::fixture::Program;

const HOUR: i64 = 3_600 * 1_000_000;

async fn token(program: &Program, expires_at: Option<i64>) -> (TokenId, String) {
    let wanted = NewToken {
        name: "reader".to_owned(),
        permission: Permission::ReadOnly,
        scopes: vec![Scope::ContactsRead],
        expires_at,
    };
    let made = program.app.create_token(program.caller.workspace, &wanted).await.expect("made");
    (made.id, made.text)
}

async fn rotate(program: &Program, id: TokenId, grace: i64) -> String {
    let rotated = program.app.rotate_token(program.caller.workspace, id, grace).await.expect("rotated");
    assert_eq!(rotated.token.id, id);
    rotated.token.text
}

async fn opens(program: &Program, text: &str) -> bool {
    program.app.authenticate(text).await.is_ok()
}

#[tokio::test]
async fn a_rotated_token_keeps_its_id_name_and_rights_and_its_old_secret_ends_at_once() {
    let program = Program::start().await;
    let (id, old) = token(&program, None).await;
    let before = program.app.authenticate(&old).await.expect("valid");
    let new = rotate(&program, id, 0).await;
    assert_ne!(old, new);
    assert!(!opens(&program, &old).await);
    let after = program.app.authenticate(&new).await.expect("valid");
    assert_eq!((after.actor, after.name), (before.actor, before.name));
    assert_eq!((after.permission, after.scopes), (Permission::ReadOnly, vec![Scope::ContactsRead]));
    let listed = program.app.tokens(program.caller.workspace).await.expect("listed");
    assert_eq!((listed.len(), listed[0].id, listed[0].revoked), (1, id, false));
    // The log tells of it without telling the secret, and everything is as it was written.
    let events = program.done("list_events", json!({"types": ["TokenRotated"]})).await;
    assert_eq!(events["items"][0]["data"], json!({}));
    assert!(program.app.verify(&chatbotx::app::unheard()).await.expect("readable").ok);
    let program = program.restart().await;
    assert!(opens(&program, &new).await && !opens(&program, &old).await);
}

#[tokio::test]
async fn an_old_secret_opens_until_its_grace_is_over() {
    let program = Program::start().await;
    let (id, first) = token(&program, None).await;
    let second = rotate(&program, id, HOUR).await;
    let listed = program.app.tokens(program.caller.workspace).await.expect("listed");
    assert_eq!(listed[0].previous_expires_at, Some(program.time() + HOUR));
    program.clock.turn(HOUR - 1);
    assert!(opens(&program, &first).await && opens(&program, &second).await);
    program.clock.turn(1);
    assert!(!opens(&program, &first).await && opens(&program, &second).await);
    // Two secrets are the most: the next change ends the one before the last.
    let third = rotate(&program, id, HOUR).await;
    let fourth = rotate(&program, id, HOUR).await;
    assert!(!opens(&program, &second).await && opens(&program, &third).await && opens(&program, &fourth).await);
    program.app.revoke_token(program.caller.workspace, id).await.expect("revoked");
    assert!(!opens(&program, &third).await && !opens(&program, &fourth).await);
}

#[tokio::test]
async fn what_opens_nothing_is_not_given_another_secret() {
    let program = Program::start().await;
    let (workspace, end) = (program.caller.workspace, program.time() + HOUR);
    let (id, _) = token(&program, Some(end)).await;
    for grace in [-1, 7 * 24 * HOUR + 1] {
        let refused = program.app.rotate_token(workspace, id, grace).await.expect_err("refused");
        assert_eq!((refused.code, refused.field.as_deref()), (Code::InvalidInput, Some("grace")));
    }
    let other = uuid::Uuid::from_u128(7).into();
    assert_eq!(program.app.rotate_token(workspace, other, 0).await.expect_err("refused").code, Code::NotFound);
    program.clock.turn(HOUR);
    assert_eq!(program.app.rotate_token(workspace, id, 0).await.expect_err("refused").code, Code::Conflict);
    let (id, _) = token(&program, None).await;
    program.app.revoke_token(workspace, id).await.expect("revoked");
    assert_eq!(program.app.rotate_token(workspace, id, 0).await.expect_err("refused").code, Code::Conflict);
}

#[tokio::test]
async fn a_good_token_is_not_called_bad_when_the_log_cannot_be_read() {
    let program = Program::start().await;
    let (_, token) = token(&program, None).await;
    program.app.log().store().close().await;
    assert_eq!(program.app.authenticate(&token).await.err(), Some(NotLetIn::Unavailable));
    assert_eq!(program.app.authenticate("cbx_ws_nothing").await.err(), Some(NotLetIn::Unauthenticated));
}
