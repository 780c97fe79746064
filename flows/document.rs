//! A flow document whose form is right, and the turns of a run through its steps.

use std::sync::Arc;

use aggregates::channel_account::Channel;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use crate::finding::Finding;
use crate::form;
use crate::mentions::{Mention, Mentions};
use crate::policy::Policy;
use crate::references::References;
use crate::start::Start;
use crate::steps::{Act, Here, KINDS};
use crate::terms::{StepName, Variables};
use crate::turn::{Next, Resumption, Scene, Turn, Waiting};

/// A document. Its form is right; whether it makes sense in a workspace is [`crate::validation`]'s business.
#[derive(Clone, Debug)]
pub struct Document {
    value: Value,
    form: Form,
}

/// A flow: what happens with a contact, step by step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "flow")]
pub(crate) struct Form {
    /// The version of this form: 1.
    #[serde(rename = "formatVersion")]
    #[schemars(schema_with = "format_version")]
    _format_version: u64,
    /// What the flow is called; no other flow of the workspace has the name.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// The channel that the flow is for; without it, every channel.
    channel: Option<Channel>,
    /// How the flow may start by itself: by what the contact writes, or by what happens to it.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub(crate) start: Vec<Start>,
    /// How its runs go along with each other and with people.
    #[serde(default)]
    policy: Policy,
    /// The run's variables with the values that they begin with.
    #[serde(default)]
    variables: Variables,
    /// The steps by their names. A run begins at the first one; a step without next is followed by the one below it, and after the last
    /// one the flow ends.
    steps: Steps,
}

fn format_version(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"const": 1})
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    kind: &'static str,
    next: Option<StepName>,
    act: Arc<dyn Act>,
}

impl Step {
    /// Its kind, as documents write it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether what it does is left to chance.
    #[must_use]
    pub fn leaves_to_chance(&self) -> bool {
        self.act.leaves_to_chance()
    }

    /// The step that is written as its `next`.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_ref().map(|next| next.0.as_str())
    }

    pub(crate) fn act(&self) -> &dyn Act {
        self.act.as_ref()
    }

    /// What it names, with places within the step.
    pub(crate) fn mentions(&self, path: &str) -> Vec<(String, Mention<'_>)> {
        let mut seen = Mentions::at(crate::finding::member(path, self.kind));
        self.act.mentions(&mut seen);
        let mut all = seen.into_all();
        if let Some(next) = self.next() {
            all.push((crate::finding::member(path, "next"), Mention::Step(next)));
        }
        all
    }

    /// The steps that it names, `next` aside.
    pub(crate) fn targets(&self) -> Vec<&str> {
        let mut seen = Mentions::default();
        self.act.mentions(&mut seen);
        let step = |(_, mention)| if let Mention::Step(step) = mention { Some(step) } else { None };
        seen.into_all().into_iter().filter_map(step).collect()
    }

    /// Reads a step whose form is right.
    pub(crate) fn read(value: &Value) -> Result<Self, serde_json::Error> {
        let members = value.as_object().ok_or_else(|| de::Error::custom("a step is an object"))?;
        let known = KINDS.iter().find_map(|kind| Some((kind, members.get(kind.name)?)));
        let (kind, form) = known.ok_or_else(|| <serde_json::Error as de::Error>::custom("a step has a kind"))?;
        let next = members.get("next").map(StepName::deserialize).transpose()?;
        Ok(Self { kind: kind.name, next, act: (kind.read)(form)? })
    }
}

/// Steps in the order in which they are written.
#[derive(Clone, Debug)]
pub(crate) struct Steps(Vec<(String, Step)>);

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Map::deserialize(deserializer)?;
        let read = |(name, value): (String, Value)| Ok((name, Step::read(&value).map_err(de::Error::custom)?));
        written.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl JsonSchema for Steps {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "steps".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object", "minProperties": 1, "maxProperties": 500,
            "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
            "additionalProperties": generator.subschema_for::<Step>()
        })
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let next = generator.subschema_for::<StepName>();
        let mut properties: Map<String, Value> =
            KINDS.iter().map(|kind| (kind.name.to_owned(), (kind.schema)(generator).to_value())).collect();
        properties.insert("next".to_owned(), next.to_value());
        let one: Vec<Value> = KINDS.iter().map(|kind| serde_json::json!({"required": [kind.name]})).collect();
        schemars::json_schema!({
            "description": "A step: exactly one kind with what it needs, and next if it is not followed by the step below.",
            "type": "object", "additionalProperties": false, "properties": properties, "oneOf": one
        })
    }
}

impl Document {
    /// Reads a document's form. Whether it makes sense is for [`crate::validation::validate`] to say.
    ///
    /// # Errors
    /// Everything that is wrong with the form, in the order in which it is written.
    pub fn parse(value: &Value) -> Result<Self, Vec<Finding>> {
        let value = form::canonical(value);
        let findings = form::check(&value);
        if !findings.is_empty() {
            return Err(findings);
        }
        let form = Form::deserialize(&value).map_err(|error| vec![form::unread("", &error)])?;
        Ok(Self { value, form })
    }

    /// The document as it is stored: the order of its members is kept.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.form.name.trim()
    }

    /// The channel that it is for; nothing = every channel.
    #[must_use]
    pub const fn channel(&self) -> Option<Channel> {
        self.form.channel
    }

    /// How it may start by itself.
    #[must_use]
    pub fn starts(&self) -> &[Start] {
        &self.form.start
    }

    /// How its runs go along with each other and with people.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.form.policy
    }

    /// The variables that it declares, with their values.
    #[must_use]
    pub const fn variables(&self) -> &Map<String, Value> {
        &self.form.variables.0
    }

    /// Where a run begins.
    #[must_use]
    pub fn first_step(&self) -> &str {
        self.steps().next().map_or("", |(name, _)| name)
    }

    /// A step by its name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps().find_map(|(known, step)| (known == name).then_some(step))
    }

    /// Its steps, in the order in which they are written.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.form.steps.0.iter().map(|(name, step)| (name.as_str(), step))
    }

    /// Everything of the workspace that it names.
    #[must_use]
    pub fn references(&self) -> References {
        crate::references::references(&self.value)
    }

    /// The turn in which a run comes to a step.
    #[must_use]
    pub fn enter(&self, step: &str, scene: &Scene<'_>) -> Turn {
        self.turn(step, |step, here| step.act.enter(here, scene))
    }

    /// The turn in which a run that waits at a step is looked at again.
    #[must_use]
    pub fn resume(&self, step: &str, waiting: &Waiting, by: &Resumption, scene: &Scene<'_>) -> Turn {
        self.turn(step, |step, here| step.act.resume(here, waiting, by, scene))
    }

    fn turn(&self, name: &str, act: impl FnOnce(&Step, Here<'_>) -> Result<Turn, Next>) -> Turn {
        let mut from_here = self.steps().skip_while(|(known, _)| *known != name);
        let Some((name, step)) = from_here.next() else {
            let reason = format!("there is no step {name} in this version of the flow");
            return Turn { effects: Vec::new(), next: Next::Fail { code: "missing_step", reason } };
        };
        let below = from_here.next().map(|(name, _)| name);
        let here = Here { name, next: step.next().or(below) };
        act(step, here).unwrap_or_else(|next| Turn { effects: Vec::new(), next })
    }
}

#[cfg(test)]
mod tests {
    use aggregates::filter::{Facts, Nouns};
    use serde_json::json;

    use super::*;
    use crate::policy::Reentry;

    fn document(more: &Value) -> Document {
        let mut written = json!({
            "formatVersion": 1, "name": " Cakes ",
            "steps": {"z": {"note": "first", "next": "y"}, "b": {"note": "second"}, "y": {"note": "third"}}
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            written[name] = value.clone();
        }
        Document::parse(&written).expect("a document")
    }

    fn turn(document: &Document, step: &str) -> Turn {
        let (facts, nouns, words) = (Facts::default(), Nouns::default(), json!({}));
        let scene = Scene {
            now: 0,
            chance: 0,
            facts: &facts,
            nouns: &nouns,
            words: &words,
            timezone: "UTC",
            max_text_chars: 100,
        };
        document.enter(step, &scene)
    }

    #[test]
    fn a_step_is_followed_by_its_next_or_by_the_one_below_it_and_the_last_one_ends() {
        let document = document(&json!({}));
        assert_eq!(document.first_step(), "z");
        assert_eq!(turn(&document, "z").next, Next::Step("y".to_owned()));
        assert_eq!(turn(&document, "b").next, Next::Step("y".to_owned()));
        assert_eq!(turn(&document, "y").next, Next::End);
    }

    #[test]
    fn a_step_that_is_missing_ends_the_run() {
        let document = document(&json!({}));
        assert!(matches!(turn(&document, "gone").next, Next::Fail { code: "missing_step", .. }));
    }

    #[test]
    fn what_is_said_at_the_top_is_read() {
        let document = document(&json!({
            "channel": "webchat", "start": [{"keyword": {"any": ["hi"]}}, {"event": "tagApplied"}],
            "policy": {"reentry": "queue", "cooldown": "24h", "stopOnHuman": false, "settle": "3s", "maxSteps": 7.0},
            "variables": {"plan": 1.0}
        }));
        assert_eq!(
            (document.name(), document.channel(), document.starts().len()),
            ("Cakes", Some(Channel::Webchat), 2)
        );
        let hour = 3_600_000_000;
        let policy = Policy {
            reentry: Reentry::Queue,
            cooldown_us: Some(24 * hour),
            stop_on_human: false,
            settle_us: 3_000_000,
            max_steps: 7,
        };
        assert_eq!((document.policy(), document.variables()["plan"].as_i64()), (&policy, Some(1)));
        let kinds: Vec<(&str, &str)> = document.steps().map(|(name, step)| (name, step.kind())).collect();
        assert_eq!(kinds, [("z", "note"), ("b", "note"), ("y", "note")]);
        assert!(document.step("b").is_some_and(|step| !step.leaves_to_chance()) && document.step("c").is_none());
    }

    #[test]
    fn what_is_not_said_has_its_usual_value() {
        let document = document(&json!({}));
        let policy =
            Policy { reentry: Reentry::Reject, cooldown_us: None, stop_on_human: true, settle_us: 0, max_steps: 200 };
        assert_eq!((document.policy(), document.channel(), document.starts().len()), (&policy, None, 0));
        assert!(document.variables().is_empty());
    }

    #[test]
    fn a_document_is_stored_in_its_order_with_numbers_in_one_spelling() {
        let document = document(&json!({"formatVersion": 1.0, "variables": {"b": 2.50, "a": -0.0}}));
        let steps = r#"{"z":{"note":"first","next":"y"},"b":{"note":"second"},"y":{"note":"third"}}"#;
        let text = format!(r#"{{"formatVersion":1,"name":" Cakes ","steps":{steps},"variables":{{"b":2.5,"a":0}}}}"#);
        assert_eq!(document.value().to_string(), text);
    }
}
