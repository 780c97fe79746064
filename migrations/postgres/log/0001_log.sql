-- The log and what is as durable as the log. Times are microseconds since the epoch. Every name is written with its schema: a pooler
-- in transaction mode gives no session to set a search path in.

create table chatbotx_log.heads (
    workspace uuid not null primary key,
    position bigint not null,
    recorded_at bigint not null,
    frontier bytea not null
) with (fillfactor = 50);

create table chatbotx_log.events (
    workspace uuid not null,
    position bigint not null,
    stream_type text collate "C" not null,
    stream_id uuid not null,
    sequence bigint not null,
    event_id uuid not null,
    event_type text collate "C" not null,
    event_version integer not null,
    subject uuid,
    payload bytea not null,
    metadata bytea not null,
    recorded_at bigint not null,
    leaf_hash bytea not null,
    primary key (workspace, position)
);

create unique index events_by_stream on chatbotx_log.events (workspace, stream_id, sequence);
create index events_by_subject on chatbotx_log.events (workspace, subject, position) where subject is not null;

create function chatbotx_log.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are never changed or deleted';
end
$$;

create trigger events_are_never_updated before update on chatbotx_log.events
    for each statement execute function chatbotx_log.refuse_change();
create trigger events_are_never_deleted before delete or truncate on chatbotx_log.events
    for each statement execute function chatbotx_log.refuse_change();

create table chatbotx_log.merkle_nodes (
    workspace uuid not null,
    level smallint not null,
    node_index bigint not null,
    hash bytea not null,
    primary key (workspace, level, node_index)
);

create table chatbotx_log.claims (
    workspace uuid not null,
    kind text collate "C" not null,
    hash bytea not null,
    owner uuid not null,
    position bigint not null,
    primary key (workspace, kind, hash)
);

-- The two look-ups that do not know the workspace yet: a token's digest and a channel account's address.
create index claims_by_value on chatbotx_log.claims (kind, hash) where kind in ('token_digest', 'account_address');

create table chatbotx_log.idempotency_keys (
    workspace uuid not null,
    scope text collate "C" not null,
    key_hash bytea not null,
    fingerprint bytea not null,
    outcome bytea not null,
    position bigint not null,
    changed boolean not null,
    kept_until bigint not null,
    primary key (workspace, scope, key_hash)
);

create index idempotency_keys_by_end on chatbotx_log.idempotency_keys (kept_until);

create table chatbotx_log.subject_keys (
    workspace uuid not null,
    subject uuid not null,
    wrapped bytea not null,
    primary key (workspace, subject)
);

create table chatbotx_log.snapshots (
    workspace uuid not null,
    stream_id uuid not null,
    version bigint not null,
    sequence bigint not null,
    state bytea not null,
    primary key (workspace, stream_id)
);

create table chatbotx_log.token_uses (
    workspace uuid not null,
    token uuid not null,
    used_at bigint not null,
    primary key (workspace, token)
);

-- What the log knows of itself, such as a check value of the master key that it was written under.
create table chatbotx_log.log_properties (
    name text collate "C" not null primary key,
    value bytea not null
);

-- Who does what for a workspace: one process at a time, until its time is over or it gives the lease back. The epoch rises whenever the
-- holder changes; what is appended under an epoch that is over is refused.
create table chatbotx_log.leases (
    purpose text collate "C" not null,
    workspace uuid not null,
    holder uuid not null,
    epoch bigint not null,
    held_until timestamptz not null,
    primary key (purpose, workspace)
) with (fillfactor = 50);

-- How far each reaction has come in each workspace. Made with the workspace; a row that is missing stops the reaction, it never means
-- "from the start".
create table chatbotx_log.reaction_checkpoints (
    reaction text collate "C" not null,
    workspace uuid not null,
    position bigint not null,
    primary key (reaction, workspace)
) with (fillfactor = 50);
