-- Flows, their documents, and the runs of flows.

create table flows (
    workspace text not null,
    id text not null,
    name text not null,
    folded text not null,
    draft_digest integer not null,
    published_version integer,
    published_digest integer,
    published_at integer,
    starts_after integer,
    created_at integer not null,
    updated_at integer not null,
    primary key (workspace, id)
) strict;
create index flows_by_name on flows (workspace, folded, id);

-- Version 0 is the draft.
create table flow_versions (
    workspace text not null,
    flow text not null,
    version integer not null,
    document text not null,
    at integer not null,
    position integer not null,
    primary key (workspace, flow, version)
) strict, without rowid;

create table flow_runs (
    workspace text not null,
    id text not null,
    flow text not null,
    version integer not null,
    contact text not null,
    conversation text,
    account text,
    status text not null,
    cause text not null,
    hops integer not null,
    current_flow text not null,
    step text,
    waits_for text,
    waits_event text,
    waits_since integer,
    attempt integer not null,
    until integer,
    due_at integer,
    pending integer not null,
    input_position integer,
    steps integer not null,
    inputs integer not null,
    error_code text,
    error_reason text,
    created_at integer not null,
    started_at integer,
    ended_at integer,
    updated_at integer not null,
    first_position integer not null,
    last_position integer not null,
    primary key (workspace, id)
) strict;
create index flow_runs_by_begin on flow_runs (workspace, created_at, id);
create index flow_runs_by_flow on flow_runs (workspace, flow, created_at, id);
create index flow_runs_by_contact on flow_runs (workspace, contact, flow, first_position);
create index flow_runs_by_conversation on flow_runs (workspace, conversation, input_position) where conversation is not null;
create index flow_runs_due on flow_runs (due_at, workspace, id) where due_at is not null;
create index flow_runs_under_way on flow_runs (workspace, id) where ended_at is null;
create index flow_runs_awaiting on flow_runs (workspace, waits_event) where waits_event is not null;
