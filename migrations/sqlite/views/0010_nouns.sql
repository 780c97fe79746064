-- Who answers in a conversation, by id: beside the kind, which stands in `owner`.

alter table conversations add column owner_id text;
