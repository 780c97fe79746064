//! What the tools cost a model, counted by a public tokenizer in what a client gets.

use aggregates::ids::WorkspaceId;
use serde_json::{Value, json};
use tiktoken_rs::o200k_base_singleton;

use super::tools;
use crate::app::Caller;
use crate::operations::{Selection, all};

/// What the default list may cost.
const CORE_TOKENS: usize = 8_000;

fn tokens(value: &Value) -> usize {
    o200k_base_singleton().encode_ordinary(&value.to_string()).len()
}

#[test]
fn the_default_list_is_within_its_budget() {
    let (caller, selection) = (Caller::local(WorkspaceId(uuid::Uuid::nil())), Selection::default());
    let listed: Vec<Value> =
        all().list(&caller, &selection).map(|tool| serde_json::to_value(tools::describe(tool)).unwrap()).collect();
    let of = |tool: &Value| {
        let parts = ["description", "inputSchema", "outputSchema", "annotations"].map(|part| tokens(&tool[part]));
        (tokens(tool), parts, tool["name"].clone())
    };
    let mut each: Vec<_> = listed.iter().map(of).collect();
    each.sort_by(|left, right| right.0.cmp(&left.0));
    let sum = tokens(&json!({"tools": listed}));
    println!("the core costs {sum} tokens: {each:?}");
    // Tools of the core that are not there yet have 500 tokens each.
    let missing = 20 - listed.len();
    assert!(sum + 500 * missing < CORE_TOKENS, "{sum} tokens and {missing} tools to come: {each:?}");
}
