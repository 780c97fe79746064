//! What an operation is: one definition from which every door's form follows.
//!
//! The input type *is* the request: its doc comment is the description that a model reads, its members' doc comments are the
//! parameters' descriptions, and it implements [`Query`] or [`Mutation`]. `definition::query` and
//! `definition::mutation` make an [`Operation`] of it, a value without a type, which the doors list and call.

use std::sync::Arc;

use aggregates::token::Scope;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::call::Call;
use crate::app::{App, Caller, UnitOfWork};
use crate::problem::Problem;

/// What calling an operation can do to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Read,
    /// It changes the workspace, and the change can be taken back.
    Write,
    /// It takes something away.
    Destructive,
    /// A customer notices.
    ReachesCustomers,
    /// Whatever the operation does that is called through it. The rights to that one are checked when it is called.
    Any,
}

impl Effect {
    /// Whether a read-only token is refused.
    #[must_use]
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }

    /// In words, for people and models.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
            Self::ReachesCustomers => "reaches customers",
            Self::Any => "any",
        }
    }
}

/// A named part of the tool list.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantNames,
    strum::VariantArray,
)]
#[strum(serialize_all = "lowercase")]
pub enum Toolset {
    /// What is listed when nothing is chosen.
    Core,
    /// Contacts, tags, fields.
    Contacts,
    /// Conversations and messages.
    Inbox,
    /// Flows and their runs, and what they share.
    Automation,
    /// The log of events.
    Audit,
    /// The workspace itself.
    Admin,
}

/// The fixed facts of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// `verb_noun`, a contract.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What a token needs; nothing when every token may.
    pub scope: Option<Scope>,
    /// Where it is listed, besides `all`.
    pub toolsets: &'static [Toolset],
    /// What it can do.
    pub effect: Effect,
    /// Whether repeating the same call, without an idempotency key, changes nothing more. Reads always are.
    pub idempotent: bool,
    /// Whether its answers hold words that customers chose.
    pub shows_customers_words: bool,
    /// The REST method.
    pub method: &'static str,
    /// The REST path below `/api`, with members of the input in braces.
    pub path: &'static str,
}

/// What MCP tells about a tool in advance. All four are stated for every tool, since the defaults of MCP are pessimistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: bool,
    /// It may take something away.
    pub destructive: bool,
    /// A second call like the first changes nothing more.
    pub idempotent: bool,
    /// It reaches people outside, or shows what they wrote.
    pub open_world: bool,
}

impl Facts {
    /// The annotations that follow.
    #[must_use]
    pub fn annotations(&self) -> Annotations {
        Annotations {
            read_only: self.effect == Effect::Read,
            destructive: matches!(self.effect, Effect::Destructive | Effect::Any),
            idempotent: self.idempotent || self.effect == Effect::Read,
            open_world: matches!(self.effect, Effect::ReachesCustomers | Effect::Any) || self.shows_customers_words,
        }
    }
}

/// An operation that only reads.
pub trait Query: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// What it answers.
    type Output: Serialize + JsonSchema + Send;
    /// Its fixed facts.
    const FACTS: Facts;

    /// Answers. [`Call::read`] gives read tables that have reached the head of the log at the moment of asking; a query that waits
    /// asks again instead of keeping them open.
    fn answer(self, call: &Call) -> impl Future<Output = Result<Self::Output, Problem>> + Send;
}

/// An operation that changes something.
pub trait Mutation: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// What is kept under the idempotency key: ids, never personal data.
    type Outcome: Serialize + DeserializeOwned + Send;
    /// What it answers, besides `changed`, `position` and `replayed`, which are added to it.
    type Output: Serialize + JsonSchema + Send;
    /// Its fixed facts.
    const FACTS: Facts;

    /// Loads, decides and collects events in `unit`. Runs again after a conflict, so it must not do anything else.
    fn decide(&self, unit: &mut UnitOfWork) -> impl Future<Output = Result<Self::Outcome, Problem>> + Send;

    /// Makes the answer from the decided state, or from the state that a replayed call finds.
    fn render(
        outcome: Self::Outcome,
        unit: &mut UnitOfWork,
    ) -> impl Future<Output = Result<Self::Output, Problem>> + Send;
}

/// How one call is to be carried out.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// Unique for each call; repeating a call under its id does not repeat its effect.
    pub request_id: Option<String>,
    /// Names the call for retries; the member `idempotencyKey` of the arguments goes before it.
    pub idempotency_key: Option<String>,
    /// Read tables must have reached this position.
    pub min_position: Option<u64>,
}

pub(super) type Handler = Arc<
    dyn Fn(Arc<App>, Caller, CallOptions, Map<String, Value>) -> BoxFuture<'static, Result<Value, Problem>>
        + Send
        + Sync,
>;

/// An operation as the doors see it.
#[derive(Clone)]
pub struct Operation {
    /// Its fixed facts.
    pub facts: Facts,
    /// What a model reads, at most 2,000 characters.
    pub description: String,
    /// JSON Schema 2020-12 of the arguments, without type arrays and top-level unions.
    pub input_schema: Arc<Map<String, Value>>,
    /// JSON Schema 2020-12 of the answer, which is always an object; none when it is another operation's.
    pub output_schema: Option<Arc<Map<String, Value>>>,
    pub(super) handler: Handler,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Operation({})", self.facts.name)
    }
}

impl Operation {
    /// Carries a call out. The caller's rights are checked here, for every door. The answer is an object whose compact JSON text is at
    /// most 24,000 bytes long.
    ///
    /// # Errors
    /// What the caller can act on, and [`crate::problem::Code::Internal`] for everything else.
    pub async fn call(
        &self,
        app: Arc<App>,
        caller: Caller,
        options: CallOptions,
        arguments: Map<String, Value>,
    ) -> Result<Value, Problem> {
        super::rights::check(&self.facts, &caller)?;
        (self.handler)(app, caller, options, arguments).await.map_err(super::untrusted::shown_in_problem)
    }
}
