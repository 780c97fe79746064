//! The definitions of custom fields as they are shown.

use std::collections::BTreeSet;

use aggregates::field_value::FieldType;
use aggregates::folding::fold;
use aggregates::ids::{FieldId, WorkspaceId};
use aggregates::{Event, Recorded, custom_field};

use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::listing::{Listed, Page, one_of};
use crate::near_miss::{self, Named, Near};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

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
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {}

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        if let Event::CustomField(custom_field::Event::CustomFieldCreated { name, field_type, description }) =
            &event.event
        {
            rows.insert(Self {
                workspace: event.workspace,
                id: FieldId(event.stream_id),
                name: name.clone(),
                folded: fold(name),
                field_type: *field_type,
                description: description.clone(),
                created_at: event.recorded_at,
            });
        }
        Ok(())
    }
}

impl Listed for CustomField {
    fn place(&self, _: Order) -> (Key, String) {
        near_miss::place(self)
    }
}

impl Named for CustomField {
    fn id_text(&self) -> String {
        self.id.to_string()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn folded(&self) -> &str {
        &self.folded
    }
}

/// A page by name ([`Order::Label`]).
///
/// # Errors
/// When the database fails.
pub async fn list(
    connection: &mut Connection,
    workspace: WorkspaceId,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<CustomField>, Error> {
    near_miss::list(connection, workspace, Vec::new(), after, limit).await
}

/// Those of `ids` that exist, by id.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(
    connection: &mut Connection,
    workspace: WorkspaceId,
    ids: &[FieldId],
) -> Result<Vec<CustomField>, Error> {
    let select = format!("select {} from custom_fields v where v.workspace = ", CustomField::columns("v"));
    let sql = Sql::new(select).bind(&workspace).push(" and ").append(one_of("v.id", ids));
    sql.push(" order by v.id").rows(connection).await
}

/// The field of that name, without regard to case and marks.
///
/// # Errors
/// When the database fails.
pub async fn by_name(
    connection: &mut Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Option<CustomField>, Error> {
    Ok(near_miss::by_name(connection, workspace, name).await?.into_iter().next())
}

/// Up to 5 fields whose names come close to `name`, the closest first.
///
/// # Errors
/// When the database fails.
pub async fn near(connection: &mut Connection, workspace: WorkspaceId, name: &str) -> Result<Vec<Near>, Error> {
    near_miss::near::<CustomField>(connection, workspace, name).await
}

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
        let tables = folded(&given).await;
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
