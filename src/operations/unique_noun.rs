//! Nouns that callers name by id or by a name that is unique in the workspace: tags, custom fields, bot fields. How a reference to one is
//! resolved, how a name that is taken is refused, and how all of a kind are listed, once for all of them.

use std::fmt::Display;
use std::str::FromStr;

use aggregates::Root;
use aggregates::claim::Claim;
use projections::{Named, Order, near_miss};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answer::List;
use super::call::Call;
use super::inputs::Paging;
use super::near_miss::candidates;
use crate::app::{ReadContext, UnitOfWork};
use crate::problem::{Candidate, Code, Problem};

/// A noun with a unique name.
pub(crate) trait UniqueNoun: Root {
    /// What its id is.
    type Id: From<Uuid> + FromStr + Display + Copy + PartialEq + Send + Sync;
    /// Its read table.
    type Row: Named<Id = Self::Id>;
    /// What it is called.
    const WHAT: &'static str;
    /// Where to look when there is none of a name.
    const HINT: &'static str;

    /// The claim on a name.
    fn name_claim(name: &str) -> Claim;

    /// Its name; empty before it began and after it was deleted.
    fn known_name(&self) -> &str;
}

/// What was deleted. Kept under the idempotency key: the workspace gave the name, it is about nobody.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Deleted {
    /// Its id.
    pub(super) id: String,
    /// The name that it had.
    pub(super) name: String,
}

/// What was deleted, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeletedAnswer {
    pub(super) deleted: Deleted,
}

/// Its state, unless it is not there or was deleted.
///
/// # Errors
/// `unavailable` when the log cannot be read.
pub(super) async fn living<N: UniqueNoun>(unit: &mut UnitOfWork, id: Uuid) -> Result<Option<N>, Problem> {
    Ok(unit.load::<N>(id).await?.filter(|noun| !noun.known_name().is_empty()).cloned())
}

/// The one of that name. It is loaded, so that what is decided about it holds only as long as it is what it was.
///
/// # Errors
/// `unavailable` when the log cannot be read.
pub(crate) async fn of_name<N: UniqueNoun>(unit: &mut UnitOfWork, name: &str) -> Result<Option<(N::Id, N)>, Problem> {
    let Some(owner) = unit.claim_owner(&N::name_claim(name)).await? else { return Ok(None) };
    Ok(living::<N>(unit, owner).await?.map(|noun| (owner.into(), noun)))
}

/// The one that `reference` names, by id or by name; `field` is where the reference stands.
///
/// # Errors
/// `not_found` with near misses.
pub(crate) async fn resolve<N: UniqueNoun>(
    unit: &mut UnitOfWork,
    reference: &str,
    field: &str,
) -> Result<(N::Id, N), Problem>
where
    Uuid: From<N::Id>,
{
    if let Ok(id) = reference.parse::<N::Id>()
        && let Some(noun) = living::<N>(unit, id.into()).await?
    {
        return Ok((id, noun));
    }
    if let Some(found) = of_name::<N>(unit, reference).await? {
        return Ok(found);
    }
    let mut context = unit.read().await?;
    Err(not_found::<N>(&mut context, reference, field).await)
}

/// The row that `reference` names, for a query; `field` is where the reference stands.
///
/// # Errors
/// `not_found` with near misses.
pub(super) async fn in_tables<N: UniqueNoun>(
    context: &mut ReadContext,
    reference: &str,
    field: &str,
) -> Result<N::Row, Problem> {
    let (connection, workspace) = context.rows();
    match near_miss::find::<N::Row>(connection, workspace, reference).await? {
        Some(row) => Ok(row),
        None => Err(not_found::<N>(context, reference, field).await),
    }
}

async fn not_found<N: UniqueNoun>(context: &mut ReadContext, reference: &str, field: &str) -> Problem {
    let (connection, workspace) = context.rows();
    match near_miss::near::<N::Row>(connection, workspace, reference).await {
        Err(error) => error.into(),
        Ok(near) => Problem::new(Code::NotFound, format!("there is no such {}", N::WHAT))
            .field(field)
            .value(reference)
            .hint(N::HINT)
            .candidates(candidates(near)),
    }
}

/// Refuses a name that another one has than the one that may keep it.
///
/// # Errors
/// `conflict` naming the one that has it.
pub(super) async fn refuse_taken<N: UniqueNoun>(
    unit: &mut UnitOfWork,
    name: &str,
    own: Option<N::Id>,
) -> Result<(), Problem> {
    match of_name::<N>(unit, name).await? {
        Some((id, noun)) if own != Some(id) => {
            let name_of_it = Some(noun.known_name().to_owned());
            Err(Problem::new(Code::Conflict, format!("a {} of this name exists already", N::WHAT))
                .field("name")
                .value(name)
                .hint("use the existing one, or another name")
                .candidates([Candidate { id: id.to_string(), name: name_of_it, reason: "has this name".to_owned() }]))
        }
        _ => Ok(()),
    }
}

/// A page of all of them, by name.
///
/// # Errors
/// `invalid_input` for a cursor of another list; `unavailable` when the tables cannot be read.
pub(super) async fn listed<N: UniqueNoun, V: Serialize + JsonSchema>(
    call: &Call,
    paging: &Paging,
    view: impl Fn(&N::Row) -> V + Send + Sync,
) -> Result<List<V>, Problem> {
    let after = paging.after(Order::Label)?;
    let mut context = call.read_from(after.as_ref()).await?;
    let (connection, workspace) = context.rows();
    let mut page = near_miss::all::<N::Row>(connection, workspace, after.as_ref(), paging.limit()).await?;
    let list = List::fill(page.items.iter().map(view), None)?;
    if list.len() < page.items.len() {
        page = near_miss::all::<N::Row>(connection, workspace, after.as_ref(), list.len() as u64).await?;
    }
    Ok(list.led_on(page, context.position))
}
