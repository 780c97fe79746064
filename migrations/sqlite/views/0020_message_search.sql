-- Words in messages, found like parts of contacts: the folded text stands beside the message, its trigrams in an index that the
-- triggers keep to it. Receipts change a message often and its text never, so they write nothing here. Nothing must vacuum this
-- file: the index names messages by their rowid.

alter table messages add column search text not null default '';
create index messages_by_time on messages (workspace, at, id);

create virtual table messages_search using fts5 (
    search,
    content = 'messages',
    content_rowid = 'rowid',
    columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);

create trigger messages_search_inserted after insert on messages begin
    insert into messages_search (rowid, search) values (new.rowid, new.search);
end;

create trigger messages_search_updated after update of search on messages when old.search is not new.search begin
    insert into messages_search (messages_search, rowid, search) values ('delete', old.rowid, old.search);
    insert into messages_search (rowid, search) values (new.rowid, new.search);
end;

create trigger messages_search_deleted after delete on messages begin
    insert into messages_search (messages_search, rowid, search) values ('delete', old.rowid, old.search);
end;
