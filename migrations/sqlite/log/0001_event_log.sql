-- The log and what is as durable as the log. Times are microseconds since the epoch, ids the 16 bytes of a UUID.

create table heads (
    workspace blob not null primary key,
    position integer not null,
    recorded_at integer not null,
    frontier blob not null
) strict, without rowid;

create table events (
    workspace blob not null,
    position integer not null,
    stream_type text not null,
    stream_id blob not null,
    sequence integer not null,
    event_id blob not null,
    event_type text not null,
    event_version integer not null,
    subject blob,
    payload blob not null,
    metadata blob not null,
    recorded_at integer not null,
    leaf_hash blob not null,
    primary key (workspace, position)
) strict;

create unique index events_by_stream on events (workspace, stream_id, sequence);
create index events_by_subject on events (workspace, subject, position) where subject is not null;

create trigger events_are_never_updated before update on events
begin
    select raise(abort, 'events are never changed');
end;

create trigger events_are_never_deleted before delete on events
begin
    select raise(abort, 'events are never deleted');
end;

create table merkle_nodes (
    workspace blob not null,
    level integer not null,
    node_index integer not null,
    hash blob not null,
    primary key (workspace, level, node_index)
) strict, without rowid;

create table claims (
    workspace blob not null,
    kind text not null,
    hash blob not null,
    owner blob not null,
    position integer not null,
    primary key (workspace, kind, hash)
) strict, without rowid;

-- The two look-ups that do not know the workspace yet: a token's digest and a channel account's address.
create index claims_by_value on claims (kind, hash) where kind in ('token_digest', 'account_address');

create table idempotency_keys (
    workspace blob not null,
    scope text not null,
    key_hash blob not null,
    fingerprint blob not null,
    outcome blob not null,
    position integer not null,
    changed integer not null,
    kept_until integer not null,
    primary key (workspace, scope, key_hash)
) strict, without rowid;

create index idempotency_keys_by_end on idempotency_keys (kept_until);

create table subject_keys (
    workspace blob not null,
    subject blob not null,
    wrapped blob not null,
    primary key (workspace, subject)
) strict, without rowid;

create table snapshots (
    workspace blob not null,
    stream_id blob not null,
    version integer not null,
    sequence integer not null,
    state blob not null,
    primary key (workspace, stream_id)
) strict, without rowid;

create table token_uses (
    workspace blob not null,
    token blob not null,
    used_at integer not null,
    primary key (workspace, token)
) strict, without rowid;

-- What the log knows of itself, such as a check value of the master key that it was written under.
create table log_properties (
    name text not null primary key,
    value blob not null
) strict, without rowid;
