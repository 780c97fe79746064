//! The access tokens as they are shown. Never their digests: a read table opens nothing.

use std::collections::BTreeSet;

use aggregates::ids::{TokenId, WorkspaceId};
use aggregates::token::{self, Permission, Scope};
use aggregates::{Event, Recorded};

use crate::cell::Json;
use crate::database::{Connection, Error};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

table! {
    /// An access token.
    pub struct Token in "tokens" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: TokenId,
        }
        /// What it is called.
        name: String,
        /// How much it may do.
        permission: Permission,
        /// To what it is limited; empty = everything that the permission allows.
        scopes: Json<Vec<Scope>>,
        /// When it began, in microseconds since the epoch.
        created_at: i64,
        /// When it ends by itself.
        expires_at: Option<i64>,
        /// When it was ended by hand.
        revoked_at: Option<i64>,
    }
}

impl Projection for Token {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        if let Event::Token(token::Event::TokenRevoked {}) = &event.event {
            keys.insert((event.workspace, TokenId(event.stream_id)));
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Event::Token(change) = &event.event else { return Ok(()) };
        let key = (event.workspace, TokenId(event.stream_id));
        match change {
            token::Event::TokenCreated { name, digest: _, permission, scopes, expires_at } => rows.insert(Self {
                workspace: key.0,
                id: key.1,
                name: name.clone(),
                permission: *permission,
                scopes: Json(scopes.clone()),
                created_at: event.recorded_at,
                expires_at: *expires_at,
                revoked_at: None,
            }),
            // It stays what it is: of its secrets nothing is shown.
            token::Event::TokenRotated { .. } => {}
            token::Event::TokenRevoked {} => {
                rows.get_mut(&key).ok_or(Poison("the token did not begin"))?.revoked_at = Some(event.recorded_at);
            }
        }
        Ok(())
    }
}

/// The first `limit` tokens of a workspace, the oldest first, also those that have ended.
///
/// # Errors
/// When the database fails.
pub async fn list(connection: &mut Connection, workspace: WorkspaceId, limit: u64) -> Result<Vec<Token>, Error> {
    let select = format!("select {} from tokens v where v.workspace = ", Token::columns("v"));
    let sql = Sql::new(select).bind(&workspace).push(" order by v.created_at, v.id limit ");
    sql.bind(&limit).rows(connection).await
}

/// One token.
///
/// # Errors
/// When the database fails.
pub async fn get(connection: &mut Connection, workspace: WorkspaceId, id: TokenId) -> Result<Option<Token>, Error> {
    let select = format!("select {} from tokens v where v.workspace = ", Token::columns("v"));
    Ok(Sql::new(select).bind(&workspace).push(" and v.id = ").bind(&id).rows(connection).await?.pop())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, rows};

    #[tokio::test]
    async fn a_token_is_listed_without_its_digest_also_after_its_end() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let id = given.token(workspace, "assistant");
        given.record(workspace, id, token::Event::TokenRevoked {});
        assert!(rows::<Token>(&given)[0].revoked_at.is_some());
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let listed = list(reader.connection(), workspace, 10).await.expect("a list");
            let row = get(reader.connection(), workspace, id).await.expect("a row").expect("a token");
            assert_eq!((listed, row.permission), (vec![row.clone()], Permission::ReadOnly));
            assert_eq!(row.scopes, Json(vec![Scope::ContactsRead]));
            let dump = format!("{:?}", tables.dump().await.expect("a dump"));
            assert!(!dump.contains(&"ab".repeat(32)), "the digest is in no table");
        }
    }

    #[test]
    fn the_end_of_a_token_that_never_began_is_refused() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        given.record(workspace, uuid::Uuid::nil(), token::Event::TokenRevoked {});
        let keys = [(workspace, TokenId(uuid::Uuid::nil()))].into();
        let mut rows = Rows::<Token>::of(&std::collections::BTreeMap::new(), keys);
        assert_eq!(Token::apply(&mut rows, &given.events[1]), Err(Poison("the token did not begin")));
    }
}
