//! What a door opens onto, as far as a door needs to know it. A seam for tests of the transports, which have no log beneath them.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

use crate::app::{App, Caller, NotLetIn};
use crate::operations::{CallOptions, Operation};
use crate::problem::Problem;

/// The running program behind a door.
pub trait Backend: Send + Sync + 'static {
    /// Finds out who shows `token`.
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Caller, NotLetIn>>;

    /// Carries a call out; checks the caller's rights.
    fn call(
        self: Arc<Self>,
        operation: &'static Operation,
        caller: Caller,
        options: CallOptions,
        arguments: Map<String, Value>,
    ) -> BoxFuture<'static, Result<Value, Problem>>;

    /// The program itself, for a door that follows its log; nothing where there is none, as in tests of the transports.
    fn app(self: Arc<Self>) -> Option<Arc<App>> {
        None
    }

    /// What keeps it from working as it should, for people; nothing when all is well.
    fn troubles(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

impl Backend for App {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Caller, NotLetIn>> {
        Box::pin(self.authenticate(token))
    }

    fn call(
        self: Arc<Self>,
        operation: &'static Operation,
        caller: Caller,
        options: CallOptions,
        arguments: Map<String, Value>,
    ) -> BoxFuture<'static, Result<Value, Problem>> {
        Box::pin(operation.call(self, caller, options, arguments))
    }

    fn app(self: Arc<Self>) -> Option<Arc<App>> {
        Some(self)
    }

    fn troubles(&self) -> Vec<&'static str> {
        self.troubles()
    }
}
