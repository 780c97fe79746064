//! Finding contacts by a filter alone, and seeing how it was understood.

use aggregates::token::Scope;
use projections::Order;
use projections::contact_search::{self, Filter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::read::{COMPACT, listed};
use super::view::ContactView;
use crate::operations::answer::Item;
use crate::operations::call::Call;
use crate::operations::filters::FilterInput;
use crate::operations::inputs::Paging;
use crate::operations::operation::{Effect, Facts, Query, Toolset};
use crate::problem::Problem;

/// The longest explanation, in characters: the answer is for the contacts.
const EXPLANATION_CHARS: usize = 800;

/// Finds the contacts for which a filter holds, the last active first. With `explain` the answer begins with the filter in words and
/// the number of contacts. A page may end early with `examined` and a cursor: go on with it. Names and addresses are the customers' own words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct FilterContacts {
    filter: FilterInput,
    /// true: also tell the filter in words, and how many contacts there are.
    #[serde(default)]
    explain: bool,
    #[serde(flatten)]
    paging: Paging,
}

/// Contacts, and how the filter was understood.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::operations) struct Filtered {
    /// The filter in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    /// How many there are on all pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<u64>,
    /// There are more than were counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    total_count_is_minimum: bool,
    /// The contacts.
    items: Vec<Item<ContactView>>,
    /// Leads to the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// How many rows were looked at, when that bound ended the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    examined: Option<u64>,
}

impl Query for FilterContacts {
    type Output = Filtered;
    const FACTS: Facts = Facts {
        name: "filter_contacts",
        title: "Find contacts by a filter",
        scope: Some(Scope::ContactsRead),
        toolsets: &[Toolset::Contacts],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: true,
        method: "GET",
        path: "/v1/contacts/filtered",
    };

    async fn answer(self, call: &Call) -> Result<Filtered, Problem> {
        let order = Order::LastActivity;
        let mut context = call.read_from(self.paging.after(order)?.as_ref()).await?;
        let understood = self.filter.read(&mut context, "filter").await?;
        let explanation = self.explain.then(|| shortened(&understood.words()));
        let filter = Filter { matching: Some((understood, context.app.now())), ..Filter::default() };
        let mut list = listed(&mut context, &filter, order, &self.paging, Some(&COMPACT.into())).await?;
        if self.explain {
            let (connection, workspace) = context.rows();
            list.count(contact_search::count(connection, workspace, &filter).await?);
        }
        Ok(Filtered {
            explanation,
            total_count: list.total_count,
            total_count_is_minimum: list.total_count_is_minimum,
            items: list.items,
            next_cursor: list.next_cursor,
            examined: list.examined,
        })
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXPLANATION_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
