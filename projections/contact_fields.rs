//! The values of custom fields on contacts, since when and by whom.

use std::collections::BTreeSet;

use aggregates::field_value::FieldType;
use aggregates::filter::comparable_column;
use aggregates::ids::{ContactId, FieldId, WorkspaceId};
use aggregates::metadata::ActorKind;
use aggregates::{Event, Recorded, contact, custom_field};
use serde_json::Value;

use crate::cell::{Json, decode};
use crate::database::{Connection, Error};
use crate::listing::one_of;
use crate::rows::{Rows, Sweep};
use crate::sql::Sql;
use crate::table::{Actor, Poison, Projection, Table, table};

table! {
    /// A custom field's value on a contact.
    pub struct ContactField in "contact_fields" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// The contact.
            contact: ContactId,
            /// The field.
            field: FieldId,
        }
        /// The value as callers see it; nothing once it was erased.
        value: Option<Json<Value>>,
        /// The value as a key that sorts like it, for filters.
        comparable: Option<String>,
        /// When it was set, in microseconds since the epoch.
        set_at: i64,
        /// The position at which it was set.
        position: u64,
        /// What kind of actor set it.
        actor_kind: ActorKind,
        /// Who set it.
        actor_id: String,
    }
}

impl ContactField {
    /// Who set it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { kind: self.actor_kind, id: self.actor_id.clone() }
    }
}

impl Projection for ContactField {
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {}

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let (workspace, contact) = (event.workspace, ContactId(event.stream_id));
        match &event.event {
            Event::Contact(contact::Event::ContactFieldSet { field, value }) => rows.insert(Self {
                workspace,
                contact,
                field: *field,
                value: value.known().map(|value| Json(value.to_value())),
                comparable: value.known().map(comparable_column),
                set_at: event.recorded_at,
                position: event.position,
                actor_kind: event.metadata.actor.kind,
                actor_id: event.metadata.actor.id.clone(),
            }),
            Event::Contact(contact::Event::ContactFieldCleared { field }) => rows.remove((workspace, contact, *field)),
            Event::CustomField(custom_field::Event::CustomFieldDeleted { .. }) => {
                let field = FieldId(event.stream_id);
                rows.remove_all(Sweep::of("workspace", &workspace).and("field", &field));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A value with its field's name and type.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The value.
    pub field: ContactField,
    /// The field's name.
    pub name: String,
    /// What the field's values are.
    pub field_type: FieldType,
}

/// The field values of all of `contacts`, by contact and then by the field's name.
///
/// # Errors
/// When the database fails.
pub async fn of_contacts(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contacts: &[ContactId],
) -> Result<Vec<Shown>, Error> {
    let select = format!(
        "select {}, f.name, f.field_type from contact_fields v \
         join custom_fields f on f.workspace = v.workspace and f.id = v.field where v.workspace = ",
        ContactField::columns("v")
    );
    let sql = Sql::new(select).bind(&workspace).push(" and ").append(one_of("v.contact", contacts));
    let rows = sql.push(" order by v.contact, f.folded, f.id").raw(connection).await?;
    let width = ContactField::COLUMNS.len();
    rows.iter()
        .map(|row| {
            let (name, field_type) = (decode(row, width)?, decode(row, width + 1)?);
            Ok(Shown { field: ContactField::from_row(row)?, name, field_type })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, person, rows};
    use aggregates::Personal;
    use aggregates::field_value::FieldValue;

    #[tokio::test]
    async fn values_are_shown_with_their_fields_and_the_last_one_stands() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let size = given.field(workspace, "Size", FieldType::Number);
        let words = given.field(workspace, "Words", FieldType::List);
        let ana = given.contact(workspace, person("Ana", "", "", ""), None);
        let values = [
            (size, Personal::Known(FieldValue::Number(41.into()))),
            (size, Personal::Known(FieldValue::Number(42.into()))),
            (words, Personal::Erased(true)),
        ];
        for (field, value) in values {
            given.record(workspace, ana, contact::Event::ContactFieldSet { field, value });
        }
        assert_eq!(rows::<ContactField>(&given).len(), 2);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let shown = of_contacts(reader.connection(), workspace, &[ana]).await.expect("rows");
            assert_eq!((shown[0].name.as_str(), shown[0].field_type), ("Size", FieldType::Number));
            assert_eq!(shown[0].field.value, Some(Json(42.into())));
            assert_eq!(shown[1].field.value, None, "what was erased is nothing");
            assert_eq!(shown[1].field.actor().id, "local");
        }
    }

    #[test]
    fn values_go_one_by_one_or_with_their_field() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let fields = [given.field(workspace, "Size", FieldType::Text), given.field(workspace, "Plan", FieldType::Text)];
        for name in ["Ana", "Bo"] {
            let contact = given.contact(workspace, person(name, "", "", ""), None);
            for field in fields {
                let value = FieldValue::Text(name.to_owned()).into();
                given.record(workspace, contact, contact::Event::ContactFieldSet { field, value });
            }
            if name == "Ana" {
                given.record(workspace, contact, contact::Event::ContactFieldCleared { field: fields[0] });
            }
        }
        assert_eq!(rows::<ContactField>(&given).len(), 3);
        let deleted = custom_field::Event::CustomFieldDeleted { name: "Plan".to_owned() };
        given.record(workspace, fields[1], deleted);
        let left: Vec<FieldId> = rows::<ContactField>(&given).into_iter().map(|row| row.field).collect();
        assert_eq!(left, [fields[0]]);
    }
}
