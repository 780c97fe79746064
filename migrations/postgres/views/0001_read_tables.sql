-- What a workspace shows, folded from its events, as it stands now. Everything here can be thrown away and folded again.
-- Ids are TypeIDs, times are microseconds since the epoch, truth is 0 or 1, positions are those of the workspace's log.
-- Names and columns are those of the SQLite files. Texts are compared byte by byte, as there: collate "C". Nothing names a
-- schema: the transaction that runs this says where the tables stand.

create table checkpoints (
    projection_group text collate "C" not null,
    workspace text collate "C" not null,
    version bigint not null,
    position bigint not null,
    leaf_hash bytea not null,
    primary key (projection_group, workspace)
);

create table workspaces (
    id text collate "C" not null primary key,
    name text collate "C" not null,
    timezone text collate "C" not null,
    language text collate "C" not null,
    created_at bigint not null
);

create table channel_accounts (
    workspace text collate "C" not null,
    id text collate "C" not null,
    channel text collate "C" not null,
    name text collate "C" not null,
    folded text collate "C" not null,
    connected_at bigint not null,
    primary key (workspace, id)
);
create index channel_accounts_by_name on channel_accounts (workspace, folded, id);

create table tags (
    workspace text collate "C" not null,
    id text collate "C" not null,
    name text collate "C" not null,
    folded text collate "C" not null,
    contact_count bigint not null,
    created_at bigint not null,
    primary key (workspace, id)
);
create index tags_by_name on tags (workspace, folded, id);

create table custom_fields (
    workspace text collate "C" not null,
    id text collate "C" not null,
    name text collate "C" not null,
    folded text collate "C" not null,
    field_type text collate "C" not null,
    description text collate "C",
    created_at bigint not null,
    primary key (workspace, id)
);
create index custom_fields_by_name on custom_fields (workspace, folded, id);

-- A token's digest is never here: the log's claims recognise tokens, a read table only lists them.
create table tokens (
    workspace text collate "C" not null,
    id text collate "C" not null,
    name text collate "C" not null,
    permission text collate "C" not null,
    scopes text collate "C" not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    primary key (workspace, id)
);

create table contacts (
    workspace text collate "C" not null,
    id text collate "C" not null,
    first_name text collate "C",
    last_name text collate "C",
    name text collate "C",
    email text collate "C",
    phone text collate "C",
    gender text collate "C",
    language text collate "C",
    timezone text collate "C",
    country text collate "C",
    avatar_url text collate "C",
    email_folded text collate "C",
    users_folded text collate "C" not null,
    sort_name text collate "C" not null,
    search text collate "C" not null,
    created_at bigint not null,
    created_position bigint not null,
    last_activity_at bigint not null,
    blocked bigint not null,
    consent text collate "C" not null,
    first_name_folded text collate "C",
    last_name_folded text collate "C",
    name_folded text collate "C",
    primary key (workspace, id)
);
create index contacts_by_activity on contacts (workspace, last_activity_at, id);
create index contacts_by_creation on contacts (workspace, created_position, id);
create index contacts_by_name on contacts (workspace, sort_name, id);
create index contacts_by_email on contacts (workspace, email_folded) where email_folded is not null;
create index contacts_by_phone on contacts (workspace, phone) where phone is not null;
-- Positions rise with times, so the first of a time leads to its place among the positions.
create index contacts_by_time_of_creation on contacts (workspace, created_at, created_position, id);
-- Any part of three or more characters, found by its trigrams.
create index contacts_by_text on contacts using gin (search gin_trgm_ops);

-- The channel's id of the person may be erased, so the position of the event stands in the key.
create table contact_identities (
    workspace text collate "C" not null,
    contact text collate "C" not null,
    position bigint not null,
    account text collate "C" not null,
    channel_user text collate "C",
    connected_at bigint not null,
    primary key (workspace, contact, position)
);
create index contact_identities_by_user on contact_identities (workspace, account, channel_user);
create index contact_identities_by_account on contact_identities (workspace, account, contact);

create table contact_tags (
    workspace text collate "C" not null,
    contact text collate "C" not null,
    tag text collate "C" not null,
    added_at bigint not null,
    position bigint not null,
    actor_kind text collate "C" not null,
    actor_id text collate "C" not null,
    primary key (workspace, contact, tag)
);
create index contact_tags_by_tag on contact_tags (workspace, tag, contact);

create table contact_fields (
    workspace text collate "C" not null,
    contact text collate "C" not null,
    field text collate "C" not null,
    value text collate "C",
    set_at bigint not null,
    position bigint not null,
    actor_kind text collate "C" not null,
    actor_id text collate "C" not null,
    comparable text collate "C",
    primary key (workspace, contact, field)
);
-- A field that is deleted takes its values with it.
create index contact_fields_of_field on contact_fields (workspace, field, contact);
-- A text may be long; its beginning is enough to find it.
create index contact_fields_by_value on contact_fields (workspace, field, substr(comparable, 1, 64), contact);

create table conversations (
    workspace text collate "C" not null,
    id text collate "C" not null,
    contact text collate "C" not null,
    account text collate "C" not null,
    status text collate "C" not null,
    owner text collate "C" not null,
    unread bigint not null,
    last_message_preview text collate "C",
    last_message_at bigint,
    last_message_direction text collate "C",
    last_inbound_at bigint,
    last_outbound_at bigint,
    waiting_since bigint,
    started_at bigint not null,
    updated_at bigint not null,
    owner_id text collate "C",
    primary key (workspace, id)
);
create index conversations_by_update on conversations (workspace, updated_at, id);
create index conversations_by_contact on conversations (workspace, contact, updated_at);
create index conversations_by_account on conversations (workspace, account, updated_at, id);
create index conversations_unread on conversations (workspace, updated_at, id) where unread > 0;
create index conversations_unanswered on conversations (workspace, updated_at, id) where waiting_since is not null;

create table messages (
    workspace text collate "C" not null,
    id text collate "C" not null,
    conversation text collate "C" not null,
    contact text collate "C" not null,
    account text collate "C" not null,
    direction text collate "C" not null,
    sender_kind text collate "C" not null,
    sender_id text collate "C" not null,
    text text collate "C",
    buttons text collate "C" not null,
    pressed_button_id text collate "C",
    pressed_button_title text collate "C",
    reply_to text collate "C",
    status text collate "C",
    at bigint not null,
    sent_at bigint,
    delivered_at bigint,
    read_at bigint,
    position bigint not null,
    search text collate "C" not null,
    primary key (workspace, id)
);
create index messages_by_contact on messages (workspace, contact, position);
create index messages_by_conversation on messages (workspace, conversation, position);
create index messages_outbound on messages (workspace, contact, account, position) where direction = 'out';
create index messages_by_time on messages (workspace, at, id);
create index messages_by_text on messages using gin (search gin_trgm_ops);

create table contact_notes (
    workspace text collate "C" not null,
    id text collate "C" not null,
    contact text collate "C" not null,
    text text collate "C",
    at bigint not null,
    position bigint not null,
    actor_kind text collate "C" not null,
    actor_id text collate "C" not null,
    primary key (workspace, id)
);
create index contact_notes_by_contact on contact_notes (workspace, contact, position);

create table bot_fields (
    workspace text collate "C" not null,
    id text collate "C" not null,
    name text collate "C" not null,
    folded text collate "C" not null,
    field_type text collate "C" not null,
    description text collate "C",
    value text collate "C",
    set_at bigint not null,
    actor_kind text collate "C" not null,
    actor_id text collate "C" not null,
    created_at bigint not null,
    primary key (workspace, id)
);
create index bot_fields_by_name on bot_fields (workspace, folded, id);

create table flows (
    workspace text collate "C" not null,
    id text collate "C" not null,
    name text collate "C" not null,
    folded text collate "C" not null,
    draft_digest bigint not null,
    published_version bigint,
    published_digest bigint,
    published_at bigint,
    starts_after bigint,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (workspace, id)
);
create index flows_by_name on flows (workspace, folded, id);

-- Version 0 is the draft.
create table flow_versions (
    workspace text collate "C" not null,
    flow text collate "C" not null,
    version bigint not null,
    document text collate "C" not null,
    at bigint not null,
    position bigint not null,
    primary key (workspace, flow, version)
);

create table flow_runs (
    workspace text collate "C" not null,
    id text collate "C" not null,
    flow text collate "C" not null,
    version bigint not null,
    contact text collate "C" not null,
    conversation text collate "C",
    account text collate "C",
    status text collate "C" not null,
    cause text collate "C" not null,
    hops bigint not null,
    current_flow text collate "C" not null,
    step text collate "C",
    waits_for text collate "C",
    waits_event text collate "C",
    waits_since bigint,
    attempt bigint not null,
    until bigint,
    due_at bigint,
    pending bigint not null,
    input_position bigint,
    steps bigint not null,
    inputs bigint not null,
    error_code text collate "C",
    error_reason text collate "C",
    created_at bigint not null,
    started_at bigint,
    ended_at bigint,
    updated_at bigint not null,
    first_position bigint not null,
    last_position bigint not null,
    primary key (workspace, id)
);
create index flow_runs_by_begin on flow_runs (workspace, created_at, id);
create index flow_runs_by_flow on flow_runs (workspace, flow, created_at, id);
create index flow_runs_by_contact on flow_runs (workspace, contact, flow, first_position);
create index flow_runs_by_conversation on flow_runs (workspace, conversation, input_position) where conversation is not null;
create index flow_runs_due on flow_runs (due_at, workspace, id) where due_at is not null;
create index flow_runs_under_way on flow_runs (workspace, id) where ended_at is null;
create index flow_runs_awaiting on flow_runs (workspace, waits_event) where waits_event is not null;
