//! The contact of a simulation: what is known of it, and what steps change about it. Nothing of it reaches the log.

use aggregates::Personal;
use aggregates::contact::Silence;
use aggregates::contact_attributes::Attribute;
use aggregates::filter::NamedTag;
use aggregates::flow_run::Variables;
use flows::turn::{Effect, FieldOperation, HandTo, SendButton, Target};
use serde_json::Value;

use super::stage::Stage;
use crate::problem::{Code, Problem};
use crate::reactions::{Surroundings, attribute_change, field_change, variable_after};

/// A contact, made up or as it is known.
#[derive(Clone)]
pub(in crate::operations) struct Person {
    /// What filters and templates see of it.
    pub(in crate::operations) around: Surroundings,
    /// Why nothing may be sent to it.
    pub(in crate::operations) silence: Option<Silence>,
    /// The buttons that it was shown, the newest last.
    pub(super) shown: Vec<SendButton>,
}

/// What an effect comes to.
pub(super) struct Done {
    pub(super) kind: &'static str,
    pub(super) what: String,
    /// Variables of the run that it sets.
    pub(super) variables: Variables,
}

impl Done {
    fn new(kind: &'static str, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), variables: Variables::new() }
    }
}

impl Person {
    pub(in crate::operations) const fn new(around: Surroundings, silence: Option<Silence>) -> Self {
        Self { around, silence, shown: Vec::new() }
    }

    /// Whether somebody else than a flow answers in the conversation.
    pub(super) fn is_with_somebody(&self) -> bool {
        self.around.conversation.as_ref().is_some_and(|place| matches!(place.owner.as_str(), "human" | "ai"))
    }

    /// The button of these words that it was shown last.
    pub(super) fn button(&self, words: &str) -> Option<String> {
        let wanted = aggregates::folding::fold(words);
        let shown = self.shown.iter().rev().find(|button| aggregates::folding::fold(&button.title) == wanted);
        shown.map(|button| button.id.clone())
    }

    /// It wrote something.
    pub(super) fn wrote(&mut self, now: i64) {
        let facts = &mut self.around.facts;
        facts.last_inbound_at = Some(now);
        facts.last_activity_at = now;
        facts.conversations.iter_mut().for_each(|talk| talk.unanswered = true);
    }

    /// Makes an effect happen to it; `variables` are the run's.
    ///
    /// # Errors
    /// What would refuse it: the run cannot go on then.
    pub(super) fn take(
        &mut self,
        stage: &mut Stage,
        effect: Effect,
        variables: &Variables,
        now: i64,
    ) -> Result<Done, Problem> {
        match effect {
            Effect::Send { text, buttons } => self.send(text, buttons, now),
            Effect::AddTags(names) => {
                let tags: Vec<NamedTag> = names.iter().map(|name| stage.tag_or_made_up(name)).collect();
                let what = format!("adds {}", listed(&tags));
                for tag in tags {
                    if !self.around.facts.tags.iter().any(|there| there.id == tag.id) {
                        self.around.facts.tags.push(tag);
                    }
                }
                Ok(Done::new("tags", what))
            }
            Effect::RemoveTags(names) => {
                let tags: Vec<NamedTag> = names.iter().filter_map(|name| stage.tag(name)).cloned().collect();
                self.around.facts.tags.retain(|there| !tags.iter().any(|tag| tag.id == there.id));
                Ok(Done::new("tags", format!("removes {}", listed(&tags))))
            }
            Effect::Put { target, operation, value, .. } => self.put(stage, target, operation, value, variables),
            Effect::Note(text) => Ok(Done::new("note", text)),
            Effect::StartFlow { flow, .. } => match stage.flow(&flow) {
                Some((_, staged)) => {
                    let name = &staged.name;
                    Ok(Done::new("flow", format!("starts the flow {name} beside this one, which is not simulated")))
                }
                None => Err(not_published()),
            },
            Effect::HandOff { to, note } => {
                let (owner, whom) = match to {
                    HandTo::Human => ("human", "a person"),
                    HandTo::Ai => ("ai", "an assistant"),
                };
                if let Some(place) = &mut self.around.conversation {
                    owner.clone_into(&mut place.owner);
                }
                let why = note.map(|note| format!(": {note}")).unwrap_or_default();
                Ok(Done::new("conversation", format!("is handed to {whom}{why}")))
            }
            Effect::CloseConversation => {
                if let Some(place) = &mut self.around.conversation {
                    "closed".clone_into(&mut place.status);
                }
                Ok(Done::new("conversation", "is closed"))
            }
        }
    }

    fn send(&mut self, text: String, buttons: Vec<SendButton>, now: i64) -> Result<Done, Problem> {
        let Some(place) = &mut self.around.conversation else {
            return Err(Problem::new(Code::Conflict, "this contact cannot be met on any channel"));
        };
        match self.silence {
            Some(Silence::Blocked) => return Err(Problem::new(Code::Forbidden, "this contact is blocked")),
            Some(Silence::OptedOut) => {
                let message = "this contact opted out of messages on this channel";
                return Err(Problem::new(Code::OptedOut, message));
            }
            None => {}
        }
        if place.owner == "none" {
            "flow".clone_into(&mut place.owner);
        }
        let facts = &mut self.around.facts;
        facts.last_outbound_at = Some(now);
        facts.last_activity_at = now;
        facts.conversations.iter_mut().for_each(|talk| talk.unanswered = false);
        let mut what = text;
        for button in &buttons {
            what.push_str(&format!(" [{}]", button.title));
        }
        self.shown.extend(buttons);
        Ok(Done::new("sent", what))
    }

    fn put(
        &mut self,
        stage: &Stage,
        target: Target,
        operation: FieldOperation,
        value: Value,
        variables: &Variables,
    ) -> Result<Done, Problem> {
        match target {
            Target::Contact(attribute) => {
                let (set, clear) = attribute_change(attribute, operation, &self.around.facts.attributes, value)?;
                let attributes = &mut self.around.facts.attributes;
                attributes.merge(&set);
                attributes.clear(&clear);
                if let (Attribute::Timezone, Some(zone)) =
                    (attribute, attributes.timezone.as_ref().and_then(Personal::known))
                {
                    self.around.timezone.clone_from(zone);
                }
                let now = attributes.get(attribute).and_then(Personal::known).cloned().map(Value::String);
                Ok(Done::new("field", became(&format!("contact.{attribute}"), now)))
            }
            Target::CustomField(reference) => {
                let field = stage.field(&reference).ok_or_else(|| unknown_field("custom field"))?;
                let name = format!("customField.{}", field.name);
                let Some(change) = field_change(operation) else {
                    self.around.facts.fields.remove(&field.id);
                    self.around.custom_fields.remove(&field.name);
                    return Ok(Done::new("field", became(&name, None)));
                };
                let there = self.around.facts.fields.get(&field.id);
                let value = change.apply(field.field_type, there, &value, "")?;
                self.around.facts.fields.insert(field.id, value.clone());
                self.around.custom_fields.insert(field.name.clone(), value.clone());
                Ok(Done::new("field", became(&name, Some(value.to_value()))))
            }
            Target::BotField(reference) => {
                let field_type = stage.bot_field(&reference).ok_or_else(|| unknown_field("bot field"))?;
                let change = field_change(operation)
                    .ok_or_else(|| Problem::invalid("operation", "a bot field cannot be emptied, only set"))?;
                let value = change.apply(field_type, self.around.bot.get(&reference), &value, "")?;
                self.around.bot.insert(reference.clone(), value.clone());
                Ok(Done::new("field", became(&format!("bot.{reference}"), Some(value.to_value()))))
            }
            Target::Variable(name) => {
                let value = variable_after(operation, variables.get(&name), value)?;
                let mut done = Done::new("variable", became(&format!("run.{name}"), Some(value.clone())));
                done.variables.insert(name, value);
                Ok(done)
            }
        }
    }
}

fn became(name: &str, value: Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => format!("{name} is emptied"),
        Some(Value::String(text)) => format!("{name} = {text}"),
        Some(other) => format!("{name} = {other}"),
    }
}

fn listed(tags: &[NamedTag]) -> String {
    match tags {
        [] => "nothing".to_owned(),
        tags => tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn unknown_field(kind: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is no such {kind}"))
}

/// What a step is told that names a flow that cannot start.
pub(super) fn not_published() -> Problem {
    Problem::new(Code::NotFound, "the flow that the step names is not published")
}
