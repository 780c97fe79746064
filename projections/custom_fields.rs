//! The definitions of custom fields as they are shown.

use std::collections::BTreeSet;

use aggregates::field_value::FieldType;
use aggregates::ids::{FieldId, WorkspaceId};
use aggregates::{Event, Recorded, custom_field};

use crate::near_miss::{label, named};
use crate::rows::Rows;
use crate::table::{Poison, Projection, table};

table! {
    /// A custom field's definition.
    pub struct CustomField in "custom_fields" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: FieldId,
        }
        /// Its name.
        name: String,
        /// Its name, folded.
        folded: String,
        /// What its values are.
        field_type: FieldType,
        /// What it is for.
        description: Option<String>,
        /// When it began, in microseconds since the epoch.
        created_at: i64,
    }
}

impl Projection for CustomField {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        if matches!(event.event, Event::CustomField(custom_field::Event::CustomFieldUpdated { .. })) {
            keys.insert((event.workspace, FieldId(event.stream_id)));
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Event::CustomField(own) = &event.event else { return Ok(()) };
        let key = (event.workspace, FieldId(event.stream_id));
        match own {
            custom_field::Event::CustomFieldCreated { name, field_type, description } => rows.insert(Self {
                workspace: event.workspace,
                id: key.1,
                name: name.clone(),
                folded: label(name),
                field_type: *field_type,
                description: description.clone(),
                created_at: event.recorded_at,
            }),
            custom_field::Event::CustomFieldUpdated { name, description, .. } => {
                let row = rows.get_mut(&key).ok_or(Poison("the custom field did not begin"))?;
                if let Some(name) = name {
                    (row.name, row.folded) = (name.clone(), label(name));
                }
                if let Some(description) = description {
                    row.description = Some(description.clone()).filter(|text| !text.is_empty());
                }
            }
            custom_field::Event::CustomFieldDeleted { .. } => rows.remove(key),
        }
        Ok(())
    }
}

named!(CustomField, FieldId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, rows};

    #[tokio::test]
    async fn fields_are_found_by_id_name_and_what_comes_close() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let size = given.field(workspace, "Shoe size", FieldType::Number);
        let birthday = given.field(workspace, "Birthday", FieldType::Date);
        assert_eq!(rows::<CustomField>(&given).len(), 2);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let page = list(connection, workspace, None, 10).await.expect("a page");
            assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), [birthday, size]);
            let named = by_name(connection, workspace, "SHOE  size").await.expect("a row").expect("a field");
            assert_eq!((named.id, named.field_type), (size, FieldType::Number));
            assert_eq!(by_ids(connection, workspace, &[size]).await.expect("rows"), [named]);
            let close = near(connection, workspace, "birthdy").await.expect("candidates");
            assert_eq!(close[0].id, birthday.to_string());
        }
    }

    #[test]
    fn a_field_shows_its_last_name_and_description_until_it_is_deleted() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let size = given.field(workspace, "Size", FieldType::Number);
        let updated = |name: Option<&str>, description: Option<&str>| custom_field::Event::CustomFieldUpdated {
            name: name.map(str::to_owned),
            previous_name: name.map(|_| "Size".to_owned()),
            description: description.map(str::to_owned),
        };
        given.record(workspace, size, updated(Some("Shoes"), Some("of feet")));
        let shown = rows::<CustomField>(&given).remove(0);
        assert_eq!((shown.name.as_str(), shown.folded.as_str()), ("Shoes", "shoes"));
        assert_eq!(shown.description.as_deref(), Some("of feet"));
        given.record(workspace, size, updated(None, Some("")));
        assert_eq!(rows::<CustomField>(&given)[0].description, None);
        given.record(workspace, size, custom_field::Event::CustomFieldDeleted { name: "Shoes".to_owned() });
        assert_eq!(rows::<CustomField>(&given), []);
    }
}
