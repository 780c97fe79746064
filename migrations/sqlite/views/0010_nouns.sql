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
