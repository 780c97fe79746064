//! Finding an operation by plain words, for callers whose list does not show it: with what it takes, so that `call_tool` can be called
//! right away.

mod ranking;
#[cfg(test)]
mod tests;
mod words;

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::ranking::Ranking;
use super::answer::{Item, Items, MAX_BYTES};
use super::call::Call;
use super::listed_schema;
use super::operation::{Effect, Facts, Operation, Query, Toolset};
use super::registry;
use super::rights;
use crate::problem::Problem;

/// How many tools are shown when nothing is said.
const DEFAULT_LIMIT: u8 = 5;
/// Room for everything but the tools, in bytes.
const ENVELOPE_BYTES: usize = 500;

/// Finds tools by what they are for, beyond those listed: plain words in English, Spanish, Vietnamese, German or Portuguese. Answers with
/// the best few and their input schemas; `call_tool` calls them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchTools {
    /// What is to be done, for example `rename a tag`.
    #[schemars(length(min = 1, max = 255))]
    query: String,
    /// How many tools at most; default 5.
    #[schemars(range(min = 1, max = 10))]
    limit: Option<u8>,
}

/// A tool that may be the right one.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundTool {
    name: &'static str,
    title: &'static str,
    description: String,
    /// `read`, `write`, `destructive`, `reaches customers`, `any`.
    effect: &'static str,
    /// The arguments.
    input_schema: Map<String, Value>,
}

/// The tools found, the best first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FoundTools {
    items: Vec<Item<FoundTool>>,
}

/// What of an operation is searched beside its words.
fn described(operation: &Operation) -> (&str, &str, &str) {
    (operation.facts.name, operation.facts.title, &operation.description)
}

/// The operations that `request` may mean, the best first.
fn best(request: &str) -> impl Iterator<Item = &'static Operation> {
    static RANKING: LazyLock<Ranking> =
        LazyLock::new(|| Ranking::of(registry::all().operations().iter().map(described)));
    RANKING.best(request).into_iter().filter_map(|number| registry::all().operations().get(number))
}

impl Query for SearchTools {
    type Output = FoundTools;
    const FACTS: Facts = Facts {
        name: "search_tools",
        title: "Search tools",
        scope: None,
        toolsets: &[Toolset::Core, Toolset::Admin],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/tools",
    };

    async fn answer(self, call: &Call) -> Result<FoundTools, Problem> {
        let limit = usize::from(self.limit.unwrap_or(DEFAULT_LIMIT));
        let mut items = Items::new(MAX_BYTES - ENVELOPE_BYTES);
        let usable = best(&self.query).filter(|tool| rights::allows(&tool.facts, &call.caller));
        for tool in usable.take(limit) {
            let found = FoundTool {
                name: tool.facts.name,
                title: tool.facts.title,
                description: tool.description.clone(),
                effect: tool.facts.effect.name(),
                input_schema: listed_schema::input(&tool.input_schema),
            };
            if !items.push(&found, None)? {
                break;
            }
        }
        Ok(FoundTools { items: items.into_inner() })
    }
}
