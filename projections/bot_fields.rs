//! The bot fields as they are shown: the variables of the workspace with their values.

use std::collections::BTreeSet;

use aggregates::field_value::FieldType;
use aggregates::ids::{BotFieldId, WorkspaceId};
use aggregates::metadata::ActorKind;
use aggregates::{Event, Recorded, bot_field};
use serde_json::Value;

use crate::cell::Json;
use crate::near_miss::{label, named};
use crate::rows::Rows;
use crate::table::{Poison, Projection, table};

table! {
    /// A bot field.
    pub struct BotField in "bot_fields" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: BotFieldId,
        }
        /// Its name.
        name: String,
        /// Its name, folded.
        folded: String,
        /// What its value is.
        field_type: FieldType,
        /// What it is for.
        description: Option<String>,
        /// Its value as callers see it; nothing while it has none.
        value: Option<Json<Value>>,
        /// When it began or was last set, in microseconds since the epoch.
        set_at: i64,
        /// What kind of actor did that.
        actor_kind: ActorKind,
        /// Who did that.
        actor_id: String,
        /// When it began.
        created_at: i64,
    }
}

impl Projection for BotField {
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>) {
        if matches!(event.event, Event::BotField(bot_field::Event::BotFieldSet { .. })) {
            keys.insert((event.workspace, BotFieldId(event.stream_id)));
        }
    }

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        let Event::BotField(own) = &event.event else { return Ok(()) };
        let key = (event.workspace, BotFieldId(event.stream_id));
        let actor = &event.metadata.actor;
        match own {
            bot_field::Event::BotFieldCreated { name, field_type, description, value } => rows.insert(Self {
                workspace: event.workspace,
                id: key.1,
                name: name.clone(),
                folded: label(name),
                field_type: *field_type,
                description: description.clone(),
                value: value.as_ref().map(|value| Json(value.to_value())),
                set_at: event.recorded_at,
                actor_kind: actor.kind,
                actor_id: actor.id.clone(),
                created_at: event.recorded_at,
            }),
            bot_field::Event::BotFieldSet { value } => {
                let row = rows.get_mut(&key).ok_or(Poison("the bot field did not begin"))?;
                row.value = Some(Json(value.to_value()));
                row.set_at = event.recorded_at;
                (row.actor_kind, row.actor_id) = (actor.kind, actor.id.clone());
            }
            bot_field::Event::BotFieldDeleted { .. } => rows.remove(key),
        }
        Ok(())
    }
}

named!(BotField, BotFieldId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{BEGINNING, Given, folded, rows};
    use aggregates::field_value::FieldValue;

    #[tokio::test]
    async fn a_bot_field_shows_its_last_value_until_it_is_deleted() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let id = BotFieldId(uuid::Uuid::from_u128(7));
        let created = bot_field::Event::BotFieldCreated {
            name: "Opening hours".to_owned(),
            field_type: FieldType::Text,
            description: None,
            value: None,
        };
        given.record(workspace, id, created);
        assert_eq!(rows::<BotField>(&given)[0].value, None);
        let hours = |text: &str| bot_field::Event::BotFieldSet { value: FieldValue::Text(text.to_owned()) };
        given.record(workspace, id, hours("9 to 18"));
        given.record(workspace, id, hours("10 to 18"));
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let row = by_name(connection, workspace, "opening  HOURS").await.expect("a row").expect("a bot field");
            assert_eq!((row.value.clone(), row.set_at), (Some(Json("10 to 18".into())), BEGINNING + 3_000_000));
            assert_eq!(rows::<BotField>(&given)[0], row);
            assert_eq!(list(connection, workspace, None, 5).await.expect("a page").items, [row]);
        }
        given.record(workspace, id, bot_field::Event::BotFieldDeleted { name: "Opening hours".to_owned() });
        assert_eq!(rows::<BotField>(&given), []);
    }
}
