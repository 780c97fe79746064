//! Makes an [`Operation`] of a type: its schemas, and the steps that every call goes through.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::call::Call;
use super::operation::{CallOptions, Effect, Mutation, Operation, Query};
use super::{answer, arguments, event_view, schema, schema_check, untrusted};
use crate::app::{
    App, Caller, Decision, OUTCOME_KEPT_US, SEND_OUTCOME_KEPT_US, Transacted, TransactionRequest, UnitOfWork,
};
use crate::problem::{Code, Problem};

/// The operation that `Q` is the input of.
pub(super) fn query<Q: Query>() -> Operation {
    let schema::Input { description, schema } = schema::input::<Q>();
    let input_schema = Arc::new(schema);
    let checked = Arc::clone(&input_schema);
    Operation {
        facts: Q::FACTS,
        description,
        input_schema,
        output_schema: Some(schema::output::<Q::Output>()),
        handler: Arc::new(move |app, caller, options, arguments| {
            let schema = Arc::clone(&checked);
            async move {
                schema_check::check(&schema, &arguments)?;
                let input: Q = arguments::read(&schema, arguments)?;
                let call = Call::new(app, caller, options.min_position);
                let answer = input.answer(&call).await.map_err(|problem| unless_behind(problem, &call))?;
                let mut members = members_of(&answer)?;
                if let Some(position) = call.stale_position() {
                    members.insert("stale".to_owned(), Value::Bool(true));
                    members.insert("position".to_owned(), json!(position));
                }
                Ok(finished(members))
            }
            .boxed()
        }),
    }
}

/// What the tables do not show may be there all the same, when they are behind.
fn unless_behind(problem: Problem, call: &Call) -> Problem {
    if problem.code != Code::NotFound || call.stale_position().is_none() {
        return problem;
    }
    Problem::new(Code::Unavailable, "the read tables are behind the log, so this may only seem not to be there")
        .retry_after_ms(1_000)
}

/// The operation that `M` is the input of.
pub(super) fn mutation<M: Mutation>() -> Operation {
    let schema::Input { description, mut schema } = schema::input::<M>();
    schema::add_call_members(&mut schema, M::FACTS.effect);
    let input_schema = Arc::new(schema);
    let checked = Arc::clone(&input_schema);
    Operation {
        facts: M::FACTS,
        description,
        input_schema,
        output_schema: Some(schema::mutation_output::<M::Output>()),
        handler: Arc::new(move |app, caller, options, arguments| {
            let schema = Arc::clone(&checked);
            async move { carry_out::<M>(&schema, &app, &caller, options, arguments).await }.boxed()
        }),
    }
}

/// The input of a mutation as a decision of the application.
struct Deciding<'a, M>(&'a M);

impl<M: Mutation> Decision for Deciding<'_, M> {
    type Outcome = M::Outcome;

    fn decide(&self, unit: &mut UnitOfWork) -> impl Future<Output = Result<Self::Outcome, Problem>> + Send {
        self.0.decide(unit)
    }
}

async fn carry_out<M: Mutation>(
    schema: &Map<String, Value>,
    app: &Arc<App>,
    caller: &Caller,
    options: CallOptions,
    mut arguments: Map<String, Value>,
) -> Result<Value, Problem> {
    schema_check::check(schema, &arguments)?;
    let members = arguments::take_call_members(&mut arguments);
    // A bridge that repeats a call after a break repeats its id: without a key of the caller's own that is the key.
    let by_request = || options.request_id.as_ref().map(|id| format!("request:{id}"));
    let own_key = members.idempotency_key.or(options.idempotency_key);
    if own_key.as_ref().is_some_and(|key| !(1..=255).contains(&key.chars().count())) {
        return Err(Problem::invalid("idempotencyKey", "must be a text of 1 to 255 characters"));
    }
    let idempotency_key = own_key.or_else(by_request);
    let request = TransactionRequest {
        operation: M::FACTS.name,
        request_id: options.request_id.unwrap_or_else(|| format!("req_{}", Uuid::now_v7().simple())),
        // Nothing is compared with it when there is no key.
        fingerprint: idempotency_key.as_ref().map_or([0; 32], |_| arguments::fingerprint(&arguments)),
        idempotency_key,
        kept_us: if M::FACTS.effect == Effect::ReachesCustomers { SEND_OUTCOME_KEPT_US } else { OUTCOME_KEPT_US },
        dry_run: members.dry_run,
        fence: None,
    };
    let input: M = arguments::read(schema, arguments)?;
    match app.transact(caller, &request, &Deciding(&input)).await? {
        Transacted::Done { outcome, changed, position, replayed, mut unit } => {
            let answer = M::render(outcome, &mut unit).await.and_then(|output| members_of(&output));
            // What is on disk is never reported as failed: without its rendering the answer is short, and true.
            let mut members = match answer {
                Err(problem) if changed => {
                    tracing::error!(operation.name = M::FACTS.name, %problem, "a committed change could not be shown");
                    Map::new()
                }
                answer => answer?,
            };
            members.insert("changed".to_owned(), Value::Bool(changed));
            members.insert("position".to_owned(), json!(position));
            if replayed {
                members.insert("replayed".to_owned(), Value::Bool(true));
            }
            Ok(finished(members))
        }
        Transacted::Dry { would_append } => {
            let changed = !would_append.is_empty();
            let reason = match would_append.len() {
                0 => "everything is as asked already: nothing would be written".to_owned(),
                1 => "1 event would be written".to_owned(),
                events => format!("{events} events would be written, all or none"),
            };
            let mut planned = serde_json::to_value(&would_append).map_err(|error| Problem::internal(&error))?;
            event_view::reveal(&mut planned);
            let answer = json!({"dryRun": true, "changed": changed, "wouldAppend": planned, "reasons": [reason]});
            members_of(&answer).map(finished)
        }
    }
}

fn members_of(output: &impl serde::Serialize) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(output) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::internal(&"an operation's answer is not an object")),
        Err(error) => Err(Problem::internal(&error)),
    }
}

/// The last step of every answer.
fn finished(members: Map<String, Value>) -> Value {
    let mut answer = Value::Object(members);
    untrusted::show_all(&mut answer);
    answer::fit(&mut answer);
    answer
}
