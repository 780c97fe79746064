-- Who answers in a conversation, by id: beside the kind, which stands in `owner`.
alter table conversations add column owner_id text;

-- Whether a contact may be written to. `consent` is JSON: `all` or a channel, and what was said about it.
alter table contacts add column blocked integer not null default 0;
alter table contacts add column consent text not null default '{}';

create table contact_notes (
    workspace text not null,
    id text not null,
    contact text not null,
    text text,
    at integer not null,
    position integer not null,
    actor_kind text not null,
    actor_id text not null,
    primary key (workspace, id)
) strict, without rowid;
create index contact_notes_by_contact on contact_notes (workspace, contact, position);

create table bot_fields (
    workspace text not null,
    id text not null,
    name text not null,
    folded text not null,
    field_type text not null,
    description text,
    value text,
    set_at integer not null,
    actor_kind text not null,
    actor_id text not null,
    created_at integer not null,
    primary key (workspace, id)
) strict, without rowid;
create index bot_fields_by_name on bot_fields (workspace, folded, id);

-- A field that is deleted takes its values with it.
create index contact_fields_of_field on contact_fields (workspace, field, contact);
