//! What the fixtures are: `fixtures.json`, read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rmcp::ErrorData;
use rmcp::model::{InputRequest, JsonObject, Prompt, Resource, ResourceContents, ResourceTemplate, Tool};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The requests of one round, by their keys.
pub(super) type Round = BTreeMap<String, InputRequest>;

/// All of them, by name or URI.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fixtures {
    pub(super) tools: BTreeMap<String, ToolFixture>,
    pub(super) prompts: BTreeMap<String, PromptFixture>,
    resources: BTreeMap<String, JsonObject>,
    templates: BTreeMap<String, JsonObject>,
}

/// A tool, and what it does when it is called.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ToolFixture {
    /// Its input schema; without one it takes nothing.
    input: Option<JsonObject>,
    /// What it answers.
    pub(super) content: Vec<Value>,
    pub(super) is_error: bool,
    /// What it tells on its way.
    pub(super) steps: Option<Steps>,
    /// A capability without which the client is refused.
    pub(super) needs: Option<String>,
    /// The list whose change it tells to those who listen.
    pub(super) changes: Option<List>,
    /// A request to the client, of the revisions that have them.
    pub(super) asks: Option<Value>,
    /// What stands before the client's answers in its own.
    pub(super) says: String,
    /// Requests to the client that are results, one map after the other.
    pub(super) rounds: Vec<Round>,
    /// Whether the client carries a state from round to round.
    pub(super) sealed: bool,
}

/// A prompt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PromptFixture {
    #[serde(default)]
    arguments: Vec<String>,
    pub(super) messages: Vec<Value>,
    #[serde(default)]
    pub(super) rounds: Vec<Round>,
}

/// What a tool tells on its way.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Steps {
    Progress,
    Logging,
}

/// A list of which clients are told that it changed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum List {
    Tools,
    Prompts,
}

/// The fixtures.
///
/// # Errors
/// When the file is not of its form, which a test rules out.
pub(super) fn fixtures() -> Result<&'static Fixtures, ErrorData> {
    static READ: LazyLock<Result<Fixtures, String>> =
        LazyLock::new(|| serde_json::from_str(include_str!("fixtures.json")).map_err(|error| error.to_string()));
    READ.as_ref().map_err(|error| ErrorData::internal_error(error.clone(), None))
}

impl Fixtures {
    /// The tools that lists show.
    pub(super) fn list_tools(&self) -> Result<Vec<Tool>, ErrorData> {
        let described = self.tools.iter().map(|(name, tool)| {
            let input = tool.input.clone().map_or_else(|| json!({"type": "object"}), Value::Object);
            typed(json!({"name": name, "description": "A fixture of the conformance suite.", "inputSchema": input}))
        });
        described.collect()
    }

    /// The prompts that lists show.
    pub(super) fn list_prompts(&self) -> Result<Vec<Prompt>, ErrorData> {
        let described = self.prompts.iter().map(|(name, prompt)| {
            let arguments = prompt.arguments.iter();
            let arguments: Vec<Value> =
                arguments.map(|name| json!({"name": name, "description": "Any text.", "required": true})).collect();
            typed(json!({"name": name, "description": "A fixture of the conformance suite.", "arguments": arguments}))
        });
        described.collect()
    }

    /// The resources that lists show.
    pub(super) fn list_resources(&self) -> Result<Vec<Resource>, ErrorData> {
        self.resources.iter().map(|(uri, resource)| typed(described("uri", uri, resource))).collect()
    }

    /// The templates that lists show.
    pub(super) fn list_templates(&self) -> Result<Vec<ResourceTemplate>, ErrorData> {
        self.templates.iter().map(|(uri, resource)| typed(described("uriTemplate", uri, resource))).collect()
    }

    /// Whether there is such a resource.
    pub(super) fn has_resource(&self, uri: &str) -> bool {
        self.resources.contains_key(uri)
    }

    /// A resource, also one of a template; nothing when there is none.
    pub(super) fn read(&self, uri: &str) -> Option<Result<ResourceContents, ErrorData>> {
        let plain = self.resources.get(uri).map(|resource| (resource, JsonObject::new()));
        let (resource, words) = plain.or_else(|| {
            self.templates.iter().find_map(|(template, resource)| {
                let (before, after) = template.split_once("{id}")?;
                let id = uri.strip_prefix(before)?.strip_suffix(after)?;
                Some((resource, JsonObject::from_iter([("id".to_owned(), json!(id))])))
            })
        })?;
        let mut contents = fill(&Value::Object(resource.clone()), &words);
        contents["uri"] = json!(uri);
        Some(typed(contents))
    }
}

fn described(member: &str, uri: &str, resource: &JsonObject) -> Value {
    let name = uri.trim_start_matches("test://");
    json!({member: uri, "name": name, "description": "A fixture of the conformance suite.", "mimeType": resource["mimeType"]})
}

/// A value of the protocol from its JSON.
///
/// # Errors
/// When it is none, which a test rules out.
pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// `template` with `{name}` in its texts replaced by the word of that name.
pub(super) fn fill(template: &Value, words: &JsonObject) -> Value {
    match template {
        Value::String(text) => Value::String(words.iter().fold(text.clone(), |text, (name, word)| {
            text.replace(&format!("{{{name}}}"), word.as_str().unwrap_or_default())
        })),
        Value::Array(items) => items.iter().map(|item| fill(item, words)).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), fill(member, words))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ContentBlock, PromptMessage, ServerRequest};

    use super::*;

    #[test]
    fn every_fixture_is_of_the_protocol() {
        let all = fixtures().unwrap();
        assert_eq!(all.list_tools().unwrap().len(), all.tools.len());
        assert_eq!(all.list_prompts().unwrap().len(), all.prompts.len());
        assert_eq!((all.list_resources().unwrap().len(), all.list_templates().unwrap().len()), (3, 1));
        for (name, tool) in &all.tools {
            typed::<Vec<ContentBlock>>(json!(tool.content)).unwrap();
            if let Some(asks) = &tool.asks {
                let request: ServerRequest = typed(asks.clone()).unwrap();
                assert!(!matches!(request, ServerRequest::CustomRequest(_)), "{name}");
            }
        }
        for prompt in all.prompts.values() {
            typed::<Vec<PromptMessage>>(json!(prompt.messages)).unwrap();
        }
    }

    #[test]
    fn a_template_is_filled_with_the_id_of_its_uri() {
        let all = fixtures().unwrap();
        let read = serde_json::to_value(all.read("test://template/123/data").unwrap().unwrap()).unwrap();
        assert_eq!(read["uri"], "test://template/123/data");
        let text: Value = serde_json::from_str(read["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, json!({"id": "123", "templateTest": true, "data": "Data for ID: 123"}));
        assert!(all.read("test://template/123").is_none() && all.read("chatbotx://workspace").is_none());
    }
}
