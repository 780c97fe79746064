-- What a workspace shows, folded from its events. Everything here can be thrown away and folded again.
-- Ids are TypeIDs, times are microseconds since the epoch, truth is 0 or 1, positions are those of the workspace's log.

create table checkpoints (
    projection_group text not null,
    workspace text not null,
    version integer not null,
    position integer not null,
    leaf_hash blob not null,
    primary key (projection_group, workspace)
) strict, without rowid;

create table workspaces (
    id text not null primary key,
    name text not null,
    timezone text not null,
    language text not null,
    created_at integer not null
) strict, without rowid;

create table channel_accounts (
    workspace text not null,
    id text not null,
    channel text not null,
    name text not null,
    folded text not null,
    connected_at integer not null,
    primary key (workspace, id)
) strict, without rowid;
create index channel_accounts_by_name on channel_accounts (workspace, folded, id);

create table tags (
    workspace text not null,
    id text not null,
    name text not null,
    folded text not null,
    contact_count integer not null,
    created_at integer not null,
    primary key (workspace, id)
) strict, without rowid;
create index tags_by_name on tags (workspace, folded, id);

create table custom_fields (
    workspace text not null,
    id text not null,
    name text not null,
    folded text not null,
    field_type text not null,
    description text,
    created_at integer not null,
    primary key (workspace, id)
) strict, without rowid;
create index custom_fields_by_name on custom_fields (workspace, folded, id);

-- A token's digest is never here: the log's claims recognise tokens, a read table only lists them.
create table tokens (
    workspace text not null,
    id text not null,
    name text not null,
    permission text not null,
    scopes text not null,
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    primary key (workspace, id)
) strict, without rowid;

-- row_number ties a contact to its entry in the search index; it is no fact and differs after a rebuild.
create table contacts (
    row_number integer primary key,
    workspace text not null,
    id text not null,
    first_name text,
    last_name text,
    name text,
    email text,
    phone text,
    gender text,
    language text,
    timezone text,
    country text,
    avatar_url text,
    email_folded text,
    users_folded text not null,
    sort_name text not null,
    search text not null,
    created_at integer not null,
    created_position integer not null,
    last_activity_at integer not null,
    unique (workspace, id)
) strict;
create index contacts_by_activity on contacts (workspace, last_activity_at, id);
create index contacts_by_creation on contacts (workspace, created_position, id);
create index contacts_by_name on contacts (workspace, sort_name, id);
create index contacts_by_email on contacts (workspace, email_folded) where email_folded is not null;
create index contacts_by_phone on contacts (workspace, phone) where phone is not null;

-- The channel's id of the person may be erased, so the position of the event stands in the key.
create table contact_identities (
    workspace text not null,
    contact text not null,
    position integer not null,
    account text not null,
    channel_user text,
    connected_at integer not null,
    primary key (workspace, contact, position)
) strict, without rowid;
create index contact_identities_by_user on contact_identities (workspace, account, channel_user);
create index contact_identities_by_account on contact_identities (workspace, account, contact);

create table contact_tags (
    workspace text not null,
    contact text not null,
    tag text not null,
    added_at integer not null,
    position integer not null,
    actor_kind text not null,
    actor_id text not null,
    primary key (workspace, contact, tag)
) strict, without rowid;
create index contact_tags_by_tag on contact_tags (workspace, tag, contact);

create table contact_fields (
    workspace text not null,
    contact text not null,
    field text not null,
    value text,
    set_at integer not null,
    position integer not null,
    actor_kind text not null,
    actor_id text not null,
    primary key (workspace, contact, field)
) strict, without rowid;

create table conversations (
    workspace text not null,
    id text not null,
    contact text not null,
    account text not null,
    status text not null,
    owner text not null,
    unread integer not null,
    last_message_preview text,
    last_message_at integer,
    last_message_direction text,
    last_inbound_at integer,
    last_outbound_at integer,
    waiting_since integer,
    started_at integer not null,
    updated_at integer not null,
    primary key (workspace, id)
) strict;
create index conversations_by_update on conversations (workspace, updated_at, id);
create index conversations_by_contact on conversations (workspace, contact, updated_at);
create index conversations_by_account on conversations (workspace, account, updated_at, id);
create index conversations_unread on conversations (workspace, updated_at, id) where unread > 0;
create index conversations_unanswered on conversations (workspace, updated_at, id) where waiting_since is not null;

create table messages (
    workspace text not null,
    id text not null,
    conversation text not null,
    contact text not null,
    account text not null,
    direction text not null,
    sender_kind text not null,
    sender_id text not null,
    text text,
    buttons text not null,
    pressed_button_id text,
    pressed_button_title text,
    reply_to text,
    status text,
    at integer not null,
    sent_at integer,
    delivered_at integer,
    read_at integer,
    position integer not null,
    primary key (workspace, id)
) strict;
create index messages_by_contact on messages (workspace, contact, position);
create index messages_by_conversation on messages (workspace, conversation, position);
create index messages_outbound on messages (workspace, contact, account, position) where direction = 'out';
