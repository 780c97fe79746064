//! Calling any operation by its name, for callers whose list does not show it.
//!
//! The operation called is the one that counts: its rights, its arguments, its answer, its idempotency key. A door that wants to
//! know beforehand what a call will do (whether it may be given up, under which name it is counted) asks [`Registry::meant`].

use std::sync::Arc;

use futures::FutureExt;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::operation::{Effect, Facts, Operation, Toolset};
use super::registry::{self, Registry};
use super::{schema, schema_check, untrusted};
use crate::problem::Problem;

/// The name of this operation.
pub(super) const NAME: &str = "call_tool";

/// Calls any tool by its name, listed or not; `search_tools` finds names and input schemas. Answers exactly as that tool does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the type is only its schema: the arguments belong to another operation")]
struct CallTool {
    /// The tool's name.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    /// The tool's own arguments, idempotencyKey and dryRun among them.
    arguments: Option<Map<String, Value>>,
}

const FACTS: Facts = Facts {
    name: NAME,
    title: "Call a tool",
    scope: None,
    toolsets: &[Toolset::Core, Toolset::Admin],
    effect: Effect::Any,
    idempotent: false,
    shows_customers_words: true,
    method: "POST",
    path: "/v1/tools/{name}",
};

/// The operation.
pub(super) fn call_tool() -> Operation {
    let schema::Input { description, schema } = schema::input::<CallTool>();
    let input_schema = Arc::new(schema);
    Operation {
        facts: FACTS,
        description,
        input_schema,
        output_schema: None,
        handler: Arc::new(|app, caller, options, arguments| {
            async move {
                let registry = registry::all();
                let (operation, arguments) = registry.meant(registry.get(NAME)?, arguments)?;
                operation.call(app, caller, options, arguments).await
            }
            .boxed()
        }),
    }
}

/// The same as those see it who can change nothing.
pub(super) fn reading() -> Operation {
    let call_tool = call_tool();
    Operation {
        facts: Facts { effect: Effect::Read, idempotent: true, ..call_tool.facts },
        description: format!("{} Reaches only tools that read: this token changes nothing.", call_tool.description),
        ..call_tool
    }
}

impl Registry {
    /// What a call of `operation` comes to: itself with its arguments, or what it calls with those inside.
    ///
    /// # Errors
    /// `invalid_input` or `not_found` when it does not say which operation, or says itself.
    pub fn meant<'r>(
        &'r self,
        operation: &'r Operation,
        arguments: Map<String, Value>,
    ) -> Result<(&'r Operation, Map<String, Value>), Problem> {
        if operation.facts.name != NAME {
            return Ok((operation, arguments));
        }
        self.inner(operation, arguments).map_err(untrusted::shown_in_problem)
    }

    fn inner(
        &self,
        call_tool: &Operation,
        mut arguments: Map<String, Value>,
    ) -> Result<(&Operation, Map<String, Value>), Problem> {
        schema_check::check(&call_tool.input_schema, &arguments)?;
        let name = match arguments.remove("name") {
            Some(Value::String(name)) => name,
            _ => String::new(),
        };
        let inner = self.get(&name).map_err(|problem| {
            problem.field("name").hint("search_tools finds tools by what they are for, with their arguments")
        })?;
        if inner.facts.name == NAME {
            return Err(Problem::invalid("name", "call_tool cannot call itself").value(name));
        }
        match arguments.remove("arguments") {
            Some(Value::Object(arguments)) => Ok((inner, arguments)),
            _ => Ok((inner, Map::new())),
        }
    }
}
