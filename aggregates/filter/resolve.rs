//! The names in a filter, and what they lead to in a workspace.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::condition::{About, Condition, condition, operator};
use super::error::{Candidate, Fault, FilterError, join, near};
use super::field_names::RUN_STATE as STATE;
use super::fields::{Kind, Subject};
use super::{Filter, Tree};
use crate::field_value::FieldType;
use crate::folding::fold;
use crate::ids::{FieldId, FlowId, TagId};

/// A filter whose form, fields, operators and values are right, as far as they can be told without looking anything up.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub(super) tree: Tree<Open>,
}

/// What a filter names: names or ids, as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Custom fields.
    pub fields: BTreeSet<String>,
    /// Flows.
    pub flows: BTreeSet<String>,
}

/// What the names in filters lead to: everything that a workspace has, or only what was looked up.
#[derive(Clone, Debug, Default)]
pub struct Nouns {
    tags: Known<TagId>,
    fields: Known<(FieldId, FieldType)>,
    flows: Known<FlowId>,
    suggested: BTreeMap<String, Vec<Candidate>>,
}

/// Things by id and by folded name.
#[derive(Clone, Debug)]
struct Known<T>(BTreeMap<String, Vec<(T, String)>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Copy + PartialEq> Known<T> {
    fn add(&mut self, id: &str, thing: T, name: &str) {
        for key in [id.to_owned(), fold(name)] {
            let there = self.0.entry(key).or_default();
            if !there.iter().any(|(known, _)| *known == thing) {
                there.push((thing, name.to_owned()));
            }
        }
    }

    fn find(&self, reference: &str) -> &[(T, String)] {
        let by_id = self.0.get(reference.trim());
        by_id.or_else(|| self.0.get(&fold(reference))).map_or(&[], Vec::as_slice)
    }

    fn names(&self) -> BTreeSet<&str> {
        self.0.values().flatten().map(|(_, name)| name.as_str()).collect()
    }
}

impl Nouns {
    /// Makes a tag known.
    pub fn add_tag(&mut self, id: TagId, name: &str) {
        self.tags.add(&id.to_string(), id, name);
    }

    /// Makes a custom field known.
    pub fn add_field(&mut self, id: FieldId, name: &str, field_type: FieldType) {
        self.fields.add(&id.to_string(), (id, field_type), name);
    }

    /// Makes a flow known.
    pub fn add_flow(&mut self, id: FlowId, name: &str) {
        self.flows.add(&id.to_string(), id, name);
    }

    /// The custom field that a name or id leads to, if it is one and one only.
    #[must_use]
    pub fn field(&self, reference: &str) -> Option<FieldId> {
        match self.fields.find(reference) {
            [((field, _), _)] => Some(*field),
            _ => None,
        }
    }

    /// Says what may have been meant by a reference that leads nowhere; without it, known names that are close.
    pub fn suggest(&mut self, reference: &str, candidates: Vec<Candidate>) {
        self.suggested.insert(reference.to_owned(), candidates);
    }

    fn one<T: Copy + PartialEq>(
        &self,
        known: &Known<T>,
        (noun, fault, hint): (&str, Fault, &str),
        reference: &str,
        path: &str,
    ) -> Result<(T, String), FilterError> {
        let written = Value::String(reference.chars().take(100).collect());
        match known.find(reference) {
            [one] => Ok(one.clone()),
            [] => {
                let candidates = self.suggested.get(reference).cloned();
                let candidates = candidates.unwrap_or_else(|| near(reference, known.names()));
                let message = format!("there is no such {noun}");
                Err(FilterError::new(path, fault, message).value(&written).hint(hint).candidates(candidates))
            }
            several => {
                let message = format!("{} {noun}s have this name", several.len());
                Err(FilterError::new(path, Fault::Ambiguous, message).value(&written).hint("name it by its id"))
            }
        }
    }
}

/// A condition, or what is needed to make one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Open {
    Ready(Condition),
    Pending(Pending),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    pub(super) path: String,
    /// The field, as it was written.
    pub(super) name: String,
    pub(super) op: Value,
    pub(super) value: Option<Value>,
    pub(super) wanted: Wanted,
}

/// What has to be looked up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// The tags that are the values.
    Tags,
    CustomField(String),
    FlowState(String),
}

impl Pending {
    fn tags(&self) -> Vec<(&str, String)> {
        let path = join(&self.path, "value");
        match &self.value {
            Some(Value::String(one)) => vec![(one, path)],
            Some(Value::Array(several)) => {
                let texts = several.iter().enumerate();
                texts.filter_map(|(index, item)| Some((item.as_str()?, format!("{path}[{index}]")))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Operator and value of a flow's state, before the flow is known.
    pub(super) fn check_state(&self) -> Result<(), FilterError> {
        let operator = operator(&self.op, &self.name, STATE, &self.path)?;
        // Any subject does: it is thrown away.
        let about = About { subject: Subject::Name, kind: STATE, words: &self.name };
        condition(&about, operator, self.value.as_ref(), &self.path).map(drop)
    }

    fn resolve(self, nouns: &Nouns) -> Result<Condition, Vec<FilterError>> {
        match &self.wanted {
            Wanted::Tags => self.tagged(nouns),
            Wanted::CustomField(reference) => self.of_field(reference, nouns).map_err(|error| vec![error]),
            Wanted::FlowState(reference) => self.of_flow(reference, nouns).map_err(|error| vec![error]),
        }
    }

    fn tagged(&self, nouns: &Nouns) -> Result<Condition, Vec<FilterError>> {
        const TAG: (&str, Fault, &str) = ("tag", Fault::UnknownTag, "list_tags shows the tags");
        let (mut ids, mut names, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for (reference, path) in self.tags() {
            match nouns.one(&nouns.tags, TAG, reference, &path) {
                Ok((id, name)) => {
                    ids.push(Value::String(id.to_string()));
                    names.push(Value::String(name));
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let shaped = |mut texts: Vec<Value>| match &self.value {
            Some(Value::Array(_)) => Some(Value::Array(texts)),
            Some(Value::String(_)) => texts.pop(),
            other => other.clone(),
        };
        let made = operator(&self.op, &self.name, Kind::Tag, &self.path).and_then(|operator| {
            let about = About { subject: Subject::Tag, kind: Kind::Tag, words: "tag" };
            condition(&about, operator, shaped(ids).as_ref(), &self.path)
        });
        let mut made = made.map_err(|error| vec![error])?;
        made.shown.value = shaped(names).unwrap_or_default();
        Ok(made)
    }

    fn of_field(&self, reference: &str, nouns: &Nouns) -> Result<Condition, FilterError> {
        const FIELD: (&str, Fault, &str) =
            ("custom field", Fault::UnknownCustomField, "list_custom_fields shows the custom fields");
        let ((id, field_type), name) = nouns.one(&nouns.fields, FIELD, reference, &join(&self.path, "field"))?;
        let kind = Kind::of(field_type);
        let operator = operator(&self.op, &self.name, kind, &self.path)?;
        let words = format!("custom field {}", Value::String(name));
        let about = About { subject: Subject::CustomField(id), kind, words: &words };
        condition(&about, operator, self.value.as_ref(), &self.path)
    }

    fn of_flow(&self, reference: &str, nouns: &Nouns) -> Result<Condition, FilterError> {
        const FLOW: (&str, Fault, &str) = ("flow", Fault::UnknownFlow, "list_flows shows the flows");
        let (id, name) = nouns.one(&nouns.flows, FLOW, reference, &join(&self.path, "field"))?;
        let operator = operator(&self.op, &self.name, STATE, &self.path)?;
        let words = format!("state of the last run of the flow {}", Value::String(name));
        let about = About { subject: Subject::FlowState(id), kind: STATE, words: &words };
        condition(&about, operator, self.value.as_ref(), &self.path)
    }
}

impl Parsed {
    /// What has to be looked up before [`Self::resolve`].
    #[must_use]
    pub fn references(&self) -> References {
        let mut references = References::default();
        visit(&self.tree, &mut |open| {
            let Open::Pending(pending) = open else { return };
            match &pending.wanted {
                Wanted::Tags => references.tags.extend(pending.tags().iter().map(|(text, _)| (*text).to_owned())),
                Wanted::CustomField(reference) => drop(references.fields.insert(reference.clone())),
                Wanted::FlowState(reference) => drop(references.flows.insert(reference.clone())),
            }
        });
        references
    }

    /// Puts what was looked up in the places of the names, and checks what depends on it: operators and values of custom fields.
    ///
    /// # Errors
    /// Every name that leads nowhere or to several things, and every operator or value that the custom field does not take.
    pub fn resolve(self, nouns: &Nouns) -> Result<Filter, Vec<FilterError>> {
        let mut errors = Vec::new();
        match resolved(self.tree, nouns, &mut errors) {
            Some(tree) if errors.is_empty() => Ok(Filter { tree }),
            _ => Err(errors),
        }
    }
}

fn visit<L>(tree: &Tree<L>, seen: &mut impl FnMut(&L)) {
    match tree {
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| visit(part, seen)),
        Tree::Not(inner) => visit(inner, seen),
        Tree::Leaf(leaf) => seen(leaf),
    }
}

fn resolved(tree: Tree<Open>, nouns: &Nouns, errors: &mut Vec<FilterError>) -> Option<Tree<Condition>> {
    let mut all = |parts: Vec<Tree<Open>>| {
        let read: Vec<_> = parts.into_iter().map(|part| resolved(part, nouns, errors)).collect();
        read.into_iter().collect::<Option<Vec<_>>>()
    };
    match tree {
        Tree::All(parts) => all(parts).map(Tree::All),
        Tree::Any(parts) => all(parts).map(Tree::Any),
        Tree::Not(inner) => resolved(*inner, nouns, errors).map(|inner| Tree::Not(Box::new(inner))),
        Tree::Leaf(Open::Ready(condition)) => Some(Tree::Leaf(condition)),
        Tree::Leaf(Open::Pending(pending)) => match pending.resolve(nouns) {
            Ok(condition) => Some(Tree::Leaf(condition)),
            Err(mut found) => {
                errors.append(&mut found);
                None
            }
        },
    }
}
