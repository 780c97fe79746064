-- What filters compare: names folded, and values of custom fields as keys that sort like the values.

alter table contacts add column first_name_folded text;
alter table contacts add column last_name_folded text;
alter table contacts add column name_folded text;
-- Positions rise with times, so the first of a time leads to its place among the positions.
create index contacts_by_time_of_creation on contacts (workspace, created_at, created_position, id);

alter table contact_fields add column comparable text;
-- A text may be long; its beginning is enough to find it.
create index contact_fields_by_value on contact_fields (workspace, field, substr(comparable, 1, 64), contact);
