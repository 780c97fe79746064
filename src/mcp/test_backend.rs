//! A program without a log, for tests of the doors: a few tokens, and operations that only say what they were asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aggregates::ids::WorkspaceId;
use aggregates::metadata::{Actor, ActorKind};
use aggregates::token::Permission;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::Backend;
use crate::app::{Caller, NotLetIn};
use crate::operations::{CallOptions, Operation};
use crate::problem::{Code, Problem};

/// Knows the tokens `good` and `other`, of two workspaces.
pub struct TestBackend {
    tokens: Mutex<HashMap<&'static str, Caller>>,
}

impl TestBackend {
    pub fn new() -> Arc<Self> {
        let caller = |token: &str, workspace: u128| Caller {
            actor: Actor { kind: ActorKind::Token, id: token.to_owned() },
            permission: Permission::Full,
            ..Caller::local(WorkspaceId(uuid::Uuid::from_u128(workspace)))
        };
        let tokens = HashMap::from([("good", caller("good", 1)), ("other", caller("other", 2))]);
        Arc::new(Self { tokens: Mutex::new(tokens) })
    }

    pub fn caller(&self, token: &str) -> Caller {
        self.tokens.lock().unwrap()[token].clone()
    }

    pub fn admit(&self, token: &'static str, caller: Caller) {
        self.tokens.lock().unwrap().insert(token, caller);
    }

    pub fn revoke(&self, token: &str) {
        self.tokens.lock().unwrap().remove(token);
    }
}

impl Backend for TestBackend {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Caller, NotLetIn>> {
        let found = self.tokens.lock().unwrap().get(token).cloned();
        Box::pin(async move { found.ok_or(NotLetIn::Unauthenticated) })
    }

    /// Answers with the call itself; `{"hang": true}` never ends, `{"panic": true}` panics.
    fn call(
        self: Arc<Self>,
        operation: &'static Operation,
        caller: Caller,
        options: CallOptions,
        arguments: Map<String, Value>,
    ) -> BoxFuture<'static, Result<Value, Problem>> {
        Box::pin(async move {
            if operation.facts.effect.writes() && caller.permission == Permission::ReadOnly {
                return Err(Problem::new(Code::Forbidden, "this token only reads"));
            }
            if arguments.contains_key("hang") {
                std::future::pending::<()>().await;
            }
            assert!(!arguments.contains_key("panic"), "asked to");
            let client = caller.client.map(|client| client.name);
            Ok(json!({"arguments": arguments, "requestId": options.request_id, "client": client}))
        })
    }
}
