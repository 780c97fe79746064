//! What a simulation plays with: the documents that call each other, and what they name of the workspace, looked up before it begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use aggregates::field_value::{FieldType, FieldValue};
use aggregates::filter::{NamedTag, Nouns};
use aggregates::folding::fold;
use aggregates::ids::{FieldId, FlowId, TagId};
use flows::document::Document;
use projections::{bot_fields, custom_fields, flow_versions, near_miss, tags};
use uuid::Uuid;

use super::super::checked::tags_added;
use crate::app::ReadContext;
use crate::problem::Problem;

/// The most documents that are looked up: flows that start or call each other.
const MAX_DOCUMENTS: usize = 50;

/// A document that may be carried out.
#[derive(Clone, Debug)]
pub(in crate::operations) struct Staged {
    /// The flow's name.
    pub(super) name: String,
    /// The version; 0 for one that was never published.
    pub(super) version: u32,
    pub(super) document: Arc<Document>,
}

/// A custom field.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) id: FieldId,
    pub(super) name: String,
    pub(super) field_type: FieldType,
}

/// All that is there.
#[derive(Debug, Default)]
pub(in crate::operations) struct Stage {
    documents: BTreeMap<FlowId, Staged>,
    flows: Named<FlowId>,
    tags: Named<NamedTag>,
    fields: Named<Field>,
    bot_fields: Named<FieldType>,
    /// How many tags were made up.
    made_up: u128,
    /// What filters name.
    pub(super) nouns: Nouns,
    /// The values of bot fields, as documents name them.
    pub(super) bot: BTreeMap<String, FieldValue>,
}

/// Things by id, and by folded name.
#[derive(Debug)]
struct Named<T>(BTreeMap<String, T>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Clone> Named<T> {
    fn add(&mut self, id: &str, name: &str, thing: &T) {
        self.0.insert(id.to_owned(), thing.clone());
        self.0.insert(fold(name), thing.clone());
    }

    fn find(&self, reference: &str) -> Option<&T> {
        self.0.get(reference.trim()).or_else(|| self.0.get(&fold(reference)))
    }
}

impl Stage {
    /// The document of a flow.
    pub(super) fn document(&self, flow: FlowId) -> Option<&Staged> {
        self.documents.get(&flow)
    }

    /// A flow that can be called, by id or name.
    pub(super) fn flow(&self, reference: &str) -> Option<(FlowId, &Staged)> {
        let id = self.flows.find(reference)?;
        Some((*id, self.documents.get(id)?))
    }

    /// A tag by id or name.
    pub(super) fn tag(&self, reference: &str) -> Option<&NamedTag> {
        self.tags.find(reference)
    }

    /// A tag by name; one that does not exist is made up.
    pub(in crate::operations) fn tag_or_made_up(&mut self, name: &str) -> NamedTag {
        if let Some(known) = self.tags.find(name) {
            return known.clone();
        }
        self.made_up += 1;
        let tag = NamedTag { id: TagId(Uuid::from_u128(self.made_up)), name: name.to_owned() };
        self.add_tag(tag.id, name);
        tag
    }

    /// A custom field by id or name.
    pub(super) fn field(&self, reference: &str) -> Option<&Field> {
        self.fields.find(reference)
    }

    /// The type of a bot field.
    pub(super) fn bot_field(&self, reference: &str) -> Option<FieldType> {
        self.bot_fields.find(reference).copied()
    }

    pub(in crate::operations) fn add_tag(&mut self, id: TagId, name: &str) {
        self.tags.add(&id.to_string(), name, &NamedTag { id, name: name.to_owned() });
        self.nouns.add_tag(id, name);
    }

    pub(in crate::operations) fn add_field(&mut self, id: FieldId, name: &str, field_type: FieldType) {
        self.fields.add(&id.to_string(), name, &Field { id, name: name.to_owned(), field_type });
        self.nouns.add_field(id, name, field_type);
    }

    pub(super) fn add_bot_field(&mut self, reference: &str, field_type: FieldType, value: Option<FieldValue>) {
        self.bot_fields.add(reference, reference, &field_type);
        self.bot.extend(value.map(|value| (reference.to_owned(), value)));
    }

    /// A document that runs begin with.
    pub(super) fn add_document(&mut self, flow: FlowId, name: &str, version: u32, document: Document) {
        self.documents.insert(flow, Staged { name: name.to_owned(), version, document: Arc::new(document) });
    }

    /// A published flow, which may be called.
    pub(super) fn add_flow(&mut self, flow: FlowId, name: &str, version: u32, document: Document) {
        self.flows.add(&flow.to_string(), name, &flow);
        // The document that is tried stays, also when it calls its own flow: a simulation has one clock and one version of each.
        if !self.documents.contains_key(&flow) {
            self.add_document(flow, name, version, document);
        }
    }

    /// Looks everything up that a document names, and what the published flows name that it starts or calls.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub(in crate::operations) async fn set(
        context: &mut ReadContext,
        flow: FlowId,
        version: u32,
        document: Document,
    ) -> Result<Self, Problem> {
        let mut stage = Self::default();
        let name = document.name().to_owned();
        stage.add_document(flow, &name, version, document);
        let mut open = vec![flow];
        while let Some(next) = open.pop() {
            let Some(document) = stage.document(next).map(|staged| Arc::clone(&staged.document)) else { continue };
            open.extend(stage.look_up(context, &document).await?);
        }
        Ok(stage)
    }

    /// Looks up what a document names; gives the flows among it that are new.
    async fn look_up(&mut self, context: &mut ReadContext, document: &Document) -> Result<Vec<FlowId>, Problem> {
        let named = document.references();
        let (connection, workspace) = context.rows();
        for reference in &named.tags {
            if let Some(tag) = near_miss::find::<tags::Tag>(connection, workspace, reference).await? {
                self.add_tag(tag.id, &tag.name);
            }
        }
        for reference in &named.fields {
            if let Some(field) = near_miss::find::<custom_fields::CustomField>(connection, workspace, reference).await?
            {
                self.add_field(field.id, &field.name, field.field_type);
            }
        }
        for reference in &named.bot_fields {
            if let Some(field) = near_miss::find::<bot_fields::BotField>(connection, workspace, reference).await? {
                let value = field.value.and_then(|value| FieldValue::parse(field.field_type, &value.0).ok());
                self.add_bot_field(reference, field.field_type, value);
            }
        }
        let mut new = Vec::new();
        for reference in &named.flows {
            let Some(row) = near_miss::find::<projections::flows::Flow>(connection, workspace, reference).await? else {
                continue;
            };
            self.nouns.add_flow(row.id, &row.name);
            let Some(version) = row.published_version else { continue };
            let is_new = !self.documents.contains_key(&row.id);
            if is_new && self.documents.len() >= MAX_DOCUMENTS {
                continue;
            }
            let Some(stored) = flow_versions::get(connection, workspace, row.id, version).await? else { continue };
            if let Ok(document) = Document::parse(stored.document.0.value()) {
                self.add_flow(row.id, &row.name, u32::try_from(version).unwrap_or_default(), document);
                new.extend(is_new.then_some(row.id));
            }
        }
        // Publishing makes them, so that conditions may ask for them.
        for tag in tags_added(document.value()) {
            self.tag_or_made_up(&tag);
        }
        Ok(new)
    }
}
